"""The `train` stage of one agent as a Prefect task."""

from __future__ import annotations

import time
from logging import Logger, LoggerAdapter
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from pvbesscar.display import progress_text
from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from schemas.progress import OnProgress, Progress
from schemas.results import TrainingMetrics
from schemas.settings import Agent
from tasks import artifacts
from tasks.kept import place_of

LOG_EVERY_S = 30.0


@task(name="train", task_run_name="train-{agent}", cache_policy=NO_CACHE)
def train(job: Job, agent: Agent) -> str:
    """Train one agent; return the digest of its final model."""
    from pvbesscar.agents.train import train as learn  # a stage loads its libraries when it runs

    with recorded(f"train-{agent}", place_of(job)):
        metrics = learn(agent, job.settings, job.workspace, job.profile, _reporter(job, agent, get_run_logger()))
    _show(job, metrics)
    return metrics.model_sha256


def _reporter(job: Job, agent: Agent, logger: Logger | LoggerAdapter[Any]) -> OnProgress:
    """Tell the parent process every time and the server now and then how far the training is."""
    logged = -LOG_EVERY_S

    def report(progress: Progress) -> None:
        nonlocal logged
        job.write_progress(f"train-{agent}", progress)
        if time.monotonic() - logged >= LOG_EVERY_S:
            logged = time.monotonic()
            logger.info("%s", progress_text(progress))

    return report


def _show(job: Job, metrics: TrainingMetrics) -> None:
    shown = metrics.model_dump(mode="json", exclude={"versions", "checkpoints"})
    artifacts.table(
        artifacts.key(job.settings.name, "training", metrics.agent),
        [{"what": name, "value": str(value)} for name, value in shown.items()],
        f"{metrics.agent.upper()}: {metrics.steps:,} steps, {metrics.steps_per_s:.1f} steps/s.",
        str(job.workspace.training_metrics(metrics.agent)),
    )
