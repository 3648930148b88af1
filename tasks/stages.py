"""The stages as Prefect tasks, made from their declarations: named, retried where that can help, shown as cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.runner import run_stage
from pvbesscar.lineage.stages import STAGES
from pvbesscar.remedies import in_full
from schemas.errors import PvbesscarError, QualityError
from tasks.retry import IO_RETRY
from tasks.stage_artifacts import show_refusal, show_result

CACHED = "Cached"
"""Name of a state that Prefect's UI shows with a badge of its own."""

REFUSED = "Refused"
"""Name of the state of what the quality gate has refused.

Its type is `FAILED`, for that is what stops the stages behind it, makes the run fail, and lets a person try again; in
the UI and in filters by name it is told apart from what went wrong.
"""

Perform = Callable[..., State[Any]]


def stage_task(name: str) -> Task[[RunContext], State[Any]]:
    """Prefect task of a stage: it runs the stage, and its state is `Cached` where an earlier result is kept."""
    stage = STAGES[name]

    # Prefect's own cache keeps a result although a helper, a constant or the output file has changed.
    @task(
        name=name,
        task_run_name=name,
        description=stage.does,
        cache_policy=NO_CACHE,
        **(IO_RETRY if stage.many_files else {}),
    )
    def work(run: RunContext) -> State[Any]:
        run.say = get_run_logger().info
        try:
            outcome = run_stage(name, run)
        except PvbesscarError as error:
            show_refusal(name, run)
            error.args = (in_full(str(error)),)  # the message of the state, which is read where no command is seen
            if isinstance(error, QualityError):
                return refused(error)
            raise
        if outcome.kept:
            return Completed(name=CACHED, message=outcome.decision.why)
        show_result(name, run, outcome.result)
        return Completed(message=outcome.decision.why)

    return work


def refused(error: QualityError) -> State[Any]:
    """State of a stage or run that the quality gate has refused; whoever asks for its result gets the error."""
    first, *_, last = str(error).splitlines() * 2
    return Failed(name=REFUSED, message=first if first == last else f"{first} {last}", data=error)


def stage(name: str) -> Perform:
    """Step of a flow: `stage(run, *after)` runs the stage behind the states of those before it, and returns its own.

    The states that a step is given are the edges of the graph that the Prefect UI draws.
    """
    work = stage_task(name)

    def perform(run: RunContext, *after: State[Any]) -> State[Any]:
        state: State[Any] = work(run, wait_for=after, return_state=True)
        if not state.is_completed():
            state.result()  # raises what stopped the stage, and with it the flow
        return state

    return perform


ingest, validate, build, certify, evaluate, publish = (
    stage(name) for name in ("ingest", "validate", "build", "certify", "evaluate", "publish")
)
