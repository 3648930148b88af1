"""The `evaluate` stage as a Prefect task."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar import display
from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from pvbesscar.store.files import sha256_json
from schemas.progress import Progress
from schemas.results import EvaluationReport
from tasks import artifacts
from tasks.kept import place_of


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate(job: Job) -> str:
    """Judge the trained agents against the baselines; return the digest of the evaluation report."""
    from pvbesscar.evaluation.evaluate import evaluate as judge  # a stage loads its libraries when it runs

    def show(progress: Progress) -> None:
        if shown := display.current():
            shown.update("evaluate", progress)

    with job.timed("evaluate"), recorded("evaluate", place_of(job)):
        report = judge(job.settings, job.workspace, job.profile, show)
    _show(job, report)
    return sha256_json(report.model_dump(mode="json"))


def _show(job: Job, report: EvaluationReport) -> None:
    from pvbesscar.evaluation.ranking import ranks

    main = report.main
    rows = [
        {
            "rank": rank,
            "controller": result.controller,
            "kind": result.kind,
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
    artifacts.table(
        artifacts.key(job.settings.name, "ranking"),
        rows,
        f"Judged on {', '.join(main.judged_on)}; lower J is better.{missing}{verdicts}",
        str(job.workspace.evaluation / "evaluation_comparison.csv"),
    )
