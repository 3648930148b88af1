"""The `validate` stage as a Prefect task."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar.lineage.runs import Job
from schemas.errors import QualityError
from schemas.results import QualityReport
from tasks import artifacts


@task(name="validate", cache_policy=NO_CACHE)
def validate(job: Job) -> str:
    """Judge the canonical year, show the findings, and fail on an error-level one; return the digest of the year."""
    from pvbesscar.quality.gate import validate as judge  # noqa: PLC0415, a stage loads its libraries when it runs

    with job.timed("validate"):
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
    from pvbesscar.quality.report import status  # noqa: PLC0415, a stage loads its libraries when it runs

    rows = [
        {
            "severity": status(finding),
            "rule": finding.rule,
            "source": finding.source,
            "column": finding.column,
            "observed": finding.observed,
            "limit": finding.limit,
            "hours": ", ".join(f"{r.first_stamp} to {r.last_stamp}" for r in finding.hours[:5]),
            "cause": finding.cause,
            "fix": finding.fix,
        }
        for finding in sorted(report.findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))
    ]
    artifacts.table(
        artifacts.key(job.settings.name, "quality-findings"),
        rows or [{"severity": "none", "rule": f"all {len(report.rules)} rules passed"}],
        f"{len(report.errors)} errors among {len(report.findings)} findings of {len(report.rules)} rules.",
        str(_report_file(job)),
    )
