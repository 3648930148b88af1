"""Stages in their order: each one executed where its result could differ, else shown as cached."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prefect import Task, get_run_logger

from flows.training import train
from pvbesscar.lineage.plan import decide, plan
from pvbesscar.lineage.runs import Job
from pvbesscar.lineage.stages import StageName, names_of
from schemas.settings import Agent
from tasks import lineage
from tasks.build import build
from tasks.certify import certify
from tasks.evaluate import evaluate
from tasks.ingest import ingest
from tasks.kept import keep, place_of
from tasks.publish import publish
from tasks.validate import validate

WORK: dict[str, Task[[Job], str]] = {
    "ingest": ingest,
    "validate": validate,
    "build": build,
    "certify": certify,
    "evaluate": evaluate,
    "publish": publish,
}


def go_through(
    job: Job,
    stages: Sequence[StageName],
    *,
    force: Collection[StageName] = (),
    sequential: bool = False,
    agents: Sequence[Agent] | None = None,
) -> None:
    """Take a run through stages; each one is decided on when those before it are done.

    Parameters
    ----------
    force
        Stages that are executed in any case.
    agents
        The agents to train, `None`: those of the scenario.
    """
    forced = [name for stage in force for name in names_of(stage, agents or job.settings.training.agents)]
    lineage.show(job, lineage.before_run(plan(place_of(job), force=forced)), "plan")
    for stage in stages:
        if stage == "train":
            train(job, agents=agents, sequential=sequential, force="train" in force)
        else:
            _perform(job, stage, force=stage in force)


def _perform(job: Job, stage: StageName, *, force: bool) -> None:
    decision = decide(stage, place_of(job), force=force)
    get_run_logger().info("%s: %s, %s", stage, decision.verdict, decision.why)
    job.reasons[stage] = decision.why
    if decision.verdict == "FRESH":
        keep(job, decision)
    else:
        WORK[stage](job)
