"""Stages that are kept, not executed: shown as cached."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from pvbesscar.lineage.plan import Decision
from pvbesscar.lineage.runs import Job
from pvbesscar.lineage.stages import Place

CACHED = "Cached"
"""Name of a state that Prefect's UI shows with a badge of its own."""


def place_of(job: Job) -> Place:
    """Where and what the stages of a run are decided and recorded for."""
    return Place(job.settings, job.workspace, job.profile, job.failures)


def keep(job: Job, decision: Decision) -> None:
    """Keep a stage's result, and show its task as cached, with the reason; the task itself is not called."""
    job.kept.append(decision.stage)
    _cached.with_options(name=decision.stage)(decision.why)


# Prefect's own cache would need its results and a key; the records of the stages know more, and survive the server.
@task(cache_policy=NO_CACHE)
def _cached(why: str) -> State[Any]:
    return Completed(name=CACHED, message=why)
