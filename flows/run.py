"""What every flow does around its stages: its name, its record, its turn in the project, its final state."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client, get_run_logger, runtime
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Completed, Failed, Running

from flows.run_marks import reconcile, sign
from pvbesscar import display
from pvbesscar.lineage.context import RunContext, new_run_id
from pvbesscar.lineage.plan import plan
from pvbesscar.lineage.runner import recorded_run
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.remedies import calling
from pvbesscar.store.locks import Holder
from schemas.errors import QualityError
from schemas.settings import ProfileName
from tasks import stage_graph
from tasks.stages import refused

DEFAULT_CONFIG = "config/iquitos_mall.yaml"
PARTIAL = "PARTIAL"
PIPELINE = "pipeline"
Overrides = tuple[str, ...]
CANCEL_POLL_S = 2.0
_cancelled: set[UUID] = set()
"""Runs of this process that were ended because somebody cancelled them on the server."""


def run_name() -> str:
    """Name of a flow run, and of its folder under outputs/runs/."""
    parameters, flow = runtime.flow_run.parameters, runtime.flow_run.flow_name
    return new_run_id(Path(parameters["config"]), parameters["profile"] if flow == PIPELINE else flow)


@contextmanager
def run_of(
    config: str, overrides: Overrides, profile: ProfileName, forced: frozenset[str] = frozenset()
) -> Iterator[RunContext]:
    """Open this flow run: alone in its project, its settings pinned before the first stage, its record after the last.

    A refusal by the quality gate ends it, is recorded like every failure, and is kept for `final_state`. Commands in
    what it writes are those of its parameters, whoever started it.

    Raises
    ------
    BusyError
        Another run is at work and `runs.when_busy` is `refuse`.
    """
    settings = load_scenario(Path(config), overrides).settings
    run = RunContext(settings, profile, Path(config), runtime.flow_run.name, forced, say=get_run_logger().info)
    flow_run = UUID(str(runtime.flow_run.id))
    _tag(run)
    sign(flow_run)
    shown = nullcontext() if display.current() else display.showing(display.Lines(get_run_logger().info))
    turn = _Turn(run, flow_run)
    try:
        with (
            calling(Path(config), overrides, profile),
            shown,
            _ending_when_cancelled(flow_run),
            recorded_run(run, turn.wait),
        ):
            turn.begin()
            stage_graph.show(run, stage_graph.before_run(plan(run)), "plan")
            try:
                yield run
            except Exception as error:
                run.refusal = error if isinstance(error, QualityError) else None
                stage_graph.show(run, stage_graph.after_run(run, next(reversed(run.seconds), None)))
                raise
            stage_graph.show(run, stage_graph.after_run(run))
    except QualityError:
        if run.refusal is None:
            raise


def final_state(run: RunContext) -> State[Any]:
    """State of a run that is over: `Completed`, `Refused`, or `PARTIAL` (a failure) where an agent is missing."""
    if run.refusal is not None:
        return refused(run.refusal)
    if not run.failures:
        return Completed(message=f"report: {run.workspace.report / 'index.html'}")
    reasons = "; ".join(f"{agent}: {reason.splitlines()[0]}" for agent, reason in run.failures.items())
    return Failed(name=PARTIAL, message=f"published without {reasons}")


def close_cancelled() -> bool:
    """Give runs of this process that were cancelled their final state; return whether there were any."""
    for run in _cancelled:
        _set_state(run, Cancelled(message="cancelled; finished stages and checkpoints are kept"))
    return bool(_cancelled)


@dataclass(slots=True)
class _Turn:
    """Shows on the server that a run waits for another one, and that it has its turn."""

    run: RunContext
    flow_run: UUID
    waited: bool = False

    def wait(self, holder: Holder | None) -> None:
        self.waited = True
        words = f"waits for {holder or 'another run'}; `runs.when_busy: refuse` would refuse instead"
        self.run.say(words)
        _set_state(self.flow_run, Running(name="Waiting", message=words))

    def begin(self) -> None:
        if self.waited:
            _set_state(self.flow_run, Running())
        for name in reconcile():
            get_run_logger().warning("closed %s: its process is gone", name)


def _tag(run: RunContext) -> None:
    tags = {*runtime.flow_run.tags, run.settings.name, run.profile}
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))


def _set_state(run: UUID, state: State[Any]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)


@contextmanager
def _ending_when_cancelled(run: UUID) -> Iterator[None]:
    """End this process in good order when its run is cancelled; a worker does that for the runs that it started."""
    context = FlowRunContext.get()
    # `runtime.deployment.id` would ask the server for what this process knows.
    if context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None:
        yield
        return
    over = threading.Event()
    listener = threading.Thread(
        target=contextvars.copy_context().run, args=(_listen, run, over), name="cancellation", daemon=True
    )
    listener.start()
    try:
        yield
    finally:
        over.set()


def _listen(run: UUID, over: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        while not over.wait(CANCEL_POLL_S):
            try:
                state = client.read_flow_run(run).state
            except httpx.HTTPError:  # a server that is away for a moment; whoever needs it says so
                continue
            if state is not None and state.type is StateType.CANCELLING:
                _cancelled.add(run)
                os.kill(os.getpid(), signal.SIGTERM)
                return
