"""The `validate` stage as a Prefect task."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from schemas.errors import QualityError
from schemas.results import Finding, QualityReport
from tasks import artifacts
from tasks.kept import place_of

SHOWN_RANGES = 5
"""Stretches of hours that are named one by one."""


@task(name="validate", cache_policy=NO_CACHE)
def validate(job: Job) -> str:
    """Judge the canonical year, show the findings, and fail on an error-level one; return the digest of the year."""
    from pvbesscar.quality.gate import validate as judge  # a stage loads its libraries when it runs

    with job.timed("validate"), recorded("validate", place_of(job)):
        try:
            report = judge(job.settings, job.workspace)
        except QualityError:
            # The gate writes its report before it refuses; the person in front of the UI needs it most then.
            _show(job, QualityReport.model_validate_json(_report_file(job).read_text(encoding="utf-8")))
            raise
    _show(job, report)
    return report.canonical_digest


def _report_file(job: Job) -> Path:
    return job.workspace.quality / "quality_report.json"


def _show(job: Job, report: QualityReport) -> None:
    from pvbesscar.quality.report import status  # a stage loads its libraries when it runs

    findings = sorted(report.findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))
    rows = [
        {
            "severity": status(finding),
            "rule": finding.rule,
            "where": f"{finding.source} {finding.column or ''}".strip(),
            "hours": _hours(finding),
            "cause": finding.cause,
            "fix": finding.fix,
            "observed": finding.observed,
            "limit": finding.limit,
        }
        for finding in findings
    ]
    artifacts.markdown(
        artifacts.key(job.settings.name, "quality-verdict"), _verdict(job, report), "Whether the data may be used."
    )
    artifacts.table(
        artifacts.key(job.settings.name, "quality-findings"),
        rows or [{"severity": "none", "rule": f"all {len(report.rules)} rules passed"}],
        f"{len(report.errors)} errors among {len(report.findings)} findings of {len(report.rules)} rules.",
        str(_report_file(job)),
    )


def _verdict(job: Job, report: QualityReport) -> str:
    """Whether the gate is open, and for each error what a person needs to mend it."""
    if not report.errors:
        return f"# Accepted\n\n{len(report.findings)} findings of {len(report.rules)} rules, none of them an error.\n"
    parts = [f"# REFUSED: {len(report.errors)} errors\n\nNothing downstream was changed.\n"]
    for number, finding in enumerate(report.errors, start=1):
        parts.append(
            f"## {number}. {finding.rule}\n\n{finding.message}\n\n"
            f"* **where:** {finding.source} {finding.column or ''}\n* **hours:** {_hours(finding)}\n"
            f"* **seen:** {finding.observed}; **limit:** {finding.limit}\n* **likely cause:** {finding.cause}\n"
            f"* **fix:** {finding.fix}\n"
        )
    page = _report_file(job).with_suffix(".html")
    return "\n".join([*parts, f"All findings, with pictures, are in\n\n    {page}\n"])


def _hours(finding: Finding) -> str:
    shown = ", ".join(f"{r.first_stamp} to {r.last_stamp}" for r in finding.hours[:SHOWN_RANGES])
    more = len(finding.hours) - SHOWN_RANGES
    return shown + (f" and {more} more stretches, {finding.n_hours} hours in all" if more > 0 else "")
