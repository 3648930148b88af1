"""What each stage shows in the Prefect UI when it has run, or when it has refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pvbesscar.lineage.context import RunContext
from pvbesscar.words import Words, words_in
from schemas.certificates import Certificate
from schemas.results import (
    DatasetManifest,
    EvaluationReport,
    Finding,
    Provenance,
    QualityReport,
    TrainingMetrics,
)
from tasks import artifacts, served

SHOWN_RANGES = 5
"""Stretches of hours that are named one by one."""


def show_result(stage: str, run: RunContext, result: Any) -> None:  # noqa: ANN401, what the stage's function returns
    """Show what a stage has made."""
    SHOW["train" if stage.startswith("train-") else stage](run, result)


def show_refusal(stage: str, run: RunContext) -> None:
    """Show why a stage has refused, where it leaves more than the words of its error."""
    report = _quality_file(run)
    # The gate writes its report before it refuses; the person in front of the UI needs it most then.
    if stage == "validate" and report.is_file():
        _quality(run, QualityReport.model_validate_json(report.read_text(encoding="utf-8")))
    elif stage == "certify" and run.workspace.certificate.is_file():
        _certificate(run, Certificate.model_validate_json(run.workspace.certificate.read_text(encoding="utf-8")))


def _key(run: RunContext, *parts: str) -> str:
    return artifacts.key(run.settings.name, *parts)


def _provenance(run: RunContext, provenance: Provenance) -> None:
    rows = [
        {
            "series": series.series,
            "source": series.source,
            "file": series.file or "",
            "reader": series.reader,
            "transformations": "; ".join(series.transformations),
            "notes": "; ".join(series.notes),
        }
        for series in provenance.series
    ]
    words = "Where each series comes from, and what was done to it."
    artifacts.table(_key(run, "provenance"), rows, words, str(run.workspace.canonical / "provenance.json"))


def _quality_file(run: RunContext) -> Path:
    return run.workspace.quality / "quality_report.json"


def _quality(run: RunContext, report: QualityReport) -> None:
    words = words_in(run.settings.report.language)
    artifacts.markdown(_key(run, "quality-verdict"), _quality_words(run, report, words), words("ui.verdict"))
    # No table: the UI breaks no line in a cell, and cause and fix would be out of sight.
    artifacts.markdown(
        _key(run, "quality-findings"),
        "\n".join(_told(report.findings, words)) or words("qr.none"),
        f"{words.counted('errors', len(report.errors))}, "
        f"{words.counted('others', len(report.findings) - len(report.errors))}.",
    )


def _quality_words(run: RunContext, report: QualityReport, words: Words) -> str:
    """Whether the gate is open, and for each error what a person needs to mend it."""
    from pvbesscar.quality.report import verdict

    if not report.errors:
        return f"# {words('ui.accepted')}\n\n{verdict(report, words)}\n"
    head = f"# {words('ui.refused')}: {words.counted('errors', len(report.errors))}\n\n{words('qr.stops')}\n"
    page = f"{words('ui.all_findings')}\n\n    {_quality_file(run).with_suffix('.html')}\n"
    return "\n".join([head, *_told(report.errors, words), page])


def _told(findings: Sequence[Finding], words: Words) -> Iterator[str]:
    """Each finding with what a person needs to mend it, as Markdown."""
    from pvbesscar.quality.hours import describe
    from pvbesscar.quality.report import in_words, status

    for number, one in enumerate((in_words(finding, words) for finding in findings), start=1):
        yield (
            f"## {number}. {one.rule}\n\n{status(one, words)}: {one.message}\n\n"
            f"* **{words('findings.where')}:** {one.source} {one.column or ''}\n"
            f"* **{words('qr.hours')}:** {describe(one.hours, one.n_hours, words, SHOWN_RANGES)}\n"
            f"* **{words('qr.seen')}:** {one.observed}; **{words('qr.limit')}:** {one.limit}\n"
            f"* **{words('qr.likely_cause')}:** {one.cause}\n* **{words('qr.fix')}:** {one.fix}\n"
        )


def _manifest(run: RunContext, manifest: DatasetManifest) -> None:
    facts = {"digest": manifest.digest, "mode": manifest.mode} | manifest.facts.model_dump(mode="json")
    rows = [{"what": name, "value": value} for name, value in (facts | manifest.files).items()]
    words = f"CityLearn dataset in {run.workspace.dataset}."
    artifacts.table(_key(run, "dataset-manifest"), rows, words, str(run.workspace.dataset / "manifest.json"))


def _certificate(run: RunContext, certificate: Certificate) -> None:
    rows = [
        {
            "quantity": difference.quantity,
            "equal": difference.equal,
            "largest difference": difference.max_abs,
            "unit": difference.unit,
            "hours that differ": difference.hours,
        }
        for difference in certificate.differences
    ]
    words = (
        f"Twin against CityLearn {certificate.versions['citylearn']} over {certificate.hours:,} hours of "
        f"{len(certificate.policies)} policies: {certificate.verdict}."
    )
    artifacts.table(_key(run, "certificate"), rows, words, str(run.workspace.certificate))


def _training(run: RunContext, metrics: TrainingMetrics) -> None:
    values = metrics.model_dump(mode="json", exclude={"versions", "checkpoints"})
    rows = [{"what": name, "value": str(value)} for name, value in values.items()]
    words = f"{metrics.agent.upper()}: {metrics.steps:,} steps, {metrics.steps_per_s:.1f} steps/s."
    where = run.workspace.training_metrics(metrics.agent)
    artifacts.table(_key(run, "training", metrics.agent), rows, words, str(where))


def _ranking(run: RunContext, report: EvaluationReport) -> None:
    from pvbesscar.evaluation.claims import gap_words, percent_interval
    from pvbesscar.evaluation.ranking import ranks
    from pvbesscar.evaluation.tables import set_rows, set_title

    main = report.main
    rows = [
        {
            "rank": rank,
            "controller": result.controller,
            "kind": result.kind,
            "gap closed": gap_words(main, result.gap_closed),
            "95 %": None if result.gap_interval is None else percent_interval(result.gap_interval),
            "J": round(result.score, 4),
            "captured %": None if result.captured_share is None else round(100.0 * result.captured_share, 2),
            "mean reward": round(result.mean_reward, 4),
            "reward spread": round(result.reward_std, 4),
            "CO2 kg": round(result.terms.co2_kg),
            "cost PEN": round(result.terms.cost_pen),
            "unused PV kWh": round(result.terms.solar_kwh),
            "EV short kWh": round(result.terms.ev_short_kwh, 1),
            "ramping kWh": round(result.terms.ramping_kwh),
        }
        for rank, result in zip(ranks(main.ranking), main.ranking, strict=True)
    ]
    missing = "".join(f" Missing: {name} ({reason})." for name, reason in report.missing.items())
    verdicts = "".join(f" {verdict.sentence}" for verdict in report.verdicts)
    words = f"Judged on {', '.join(main.judged_on)}; lower J is better.{missing}{verdicts}"
    artifacts.table(_key(run, "ranking"), rows, words, str(run.workspace.evaluation / "evaluation_comparison.csv"))
    for own in report.sets:
        head, means = set_rows(own)
        table = [dict(zip(head, row, strict=True)) for row in means]
        where = str(run.workspace.evaluation / "evaluation_report.json")
        artifacts.table(_key(run, "ranking", own.name), table, f"Means over {set_title(own)}.", where)


def _report(run: RunContext, page: Path) -> None:
    from pvbesscar.report.pictures import pictures

    missing = "".join(f"\n* **missing:** {agent}: {reason}" for agent, reason in run.failures.items())
    # A browser refuses file:// links from a page of the server, so the path is given as text too.
    text = f"# {run.settings.name}\n\nThe report is the file\n\n    {page}\n{missing}\n"
    artifacts.markdown(_key(run, "report"), text, "Where the published report is.")
    address = served.address(page)
    if address is not None:
        words = words_in(run.settings.report.language)
        artifacts.link(_key(run, "open-report"), address, words("ui.open"), words("ui.newest"))
    for name, picture in pictures(run.settings, run.workspace, run.profile).items():
        artifacts.image(_key(run, name), picture.address, picture.words)


SHOW: Mapping[str, Callable[[RunContext, Any], None]] = {
    "ingest": _provenance,
    "validate": _quality,
    "build": _manifest,
    "certify": _certificate,
    "train": _training,
    "evaluate": _ranking,
    "publish": _report,
}
