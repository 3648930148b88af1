"""Child flow runs in processes of their own: linked to their parent, side by side, and closed when they die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from prefect import Flow, Task, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateDetails
from prefect.flow_engine import run_flow_in_subprocess
from prefect.states import Completed, Crashed, Failed, Pending
from prefect.utilities.asyncutils import run_coro_as_sync

from flows.run_marks import sign
from flows.server import die_with_parent
from tasks.stages import CACHED

TICK_S = 1.0
GRACE_S = 20.0
"""What a child gets to unwind after SIGTERM."""
ORPHAN_S = 10.0
"""What a child gets to unwind once its parent is gone."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Child:
    """A flow to be run in a process of its own.

    Attributes
    ----------
    name
        Name of the flow run.
    flow, parameters, tags
        What runs, with what, and under which tags it is found.
    timeout_s
        Longest time that it may take [s]; after it, it is ended in good order and has failed.
    after
        States of the stages before it: edges of the graph that the Prefect UI draws.
    """

    name: str
    flow: Flow[..., Any]
    parameters: dict[str, Any]
    tags: tuple[str, ...] = ()
    timeout_s: float | None = None
    after: tuple[State[Any], ...] = ()


class Watcher:
    """Told about children as they come and go; does nothing of itself."""

    def begin(self, name: str) -> None:
        """Note that a child starts."""

    def look(self, name: str) -> None:
        """Look after a child that runs; called about once a second."""

    def end(self, name: str, state: State[Any]) -> None:
        """Note the final state of a child."""


@dataclass(slots=True)
class _Live:
    child: Child
    run: FlowRun
    process: SpawnProcess
    began: float
    timed_out: bool = False

    @property
    def late(self) -> bool:
        """Whether the child has had all the time that it may take."""
        limit = self.child.timeout_s
        return limit is not None and time.monotonic() - self.began > limit


def run_children(children: Sequence[Child], *, at_once: int, watcher: Watcher | None = None) -> dict[str, State[Any]]:
    """Run child flows from within a flow, at most `at_once` at a time.

    A child that fails, crashes or is killed touches no other. When this process is interrupted, the children are
    ended first.

    Returns
    -------
    dict
        Final state of each child, by name.
    """
    watcher = watcher or Watcher()
    waiting, live, states = list(children), dict[str, _Live](), dict[str, State[Any]]()
    try:
        while waiting or live:
            while waiting and len(live) < at_once:
                child = waiting.pop(0)
                watcher.begin(child.name)
                live[child.name] = _start(child)
            for name in _ended(live, watcher):
                own = live.pop(name)
                states[name] = _traced(_final_state(own), own.run)
                watcher.end(name, states[name])
    finally:
        _end(list(live.values()))
    return states


def _ended(live: dict[str, _Live], watcher: Watcher) -> list[str]:
    over = wait([one.process.sentinel for one in live.values()], timeout=TICK_S)
    for name, one in live.items():
        watcher.look(name)
        if one.late and one.process.is_alive():
            one.timed_out = True
            _end([one])
    return [name for name, one in live.items() if one.process.sentinel in over]


def show_kept(child: Child, why: str) -> State[Any]:
    """Show a child whose result is kept as one that is cached; no process is started."""
    return ended(_traced(Completed(), _create_run(child, Completed(name=CACHED, message=why))))


def ended(state: State[Any]) -> State[Any]:
    """State that tells a stage behind a child that the child is over, whether it completed, failed or crashed."""
    # Whoever waits for a state asks for its result as well, and one without data counts as lost.
    return Completed(data=True, state_details=StateDetails(task_run_id=state.state_details.task_run_id))


def die_with_the_parent() -> None:
    """Call first in a child flow: end with the parent, however that ends."""
    die_with_parent(signal.SIGTERM)
    parent = os.getppid()

    def watch() -> None:
        # After SIGTERM the engine still tries to tell a server that may be gone as well, for minutes.
        while os.getppid() == parent:
            time.sleep(TICK_S)
        time.sleep(ORPHAN_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def reason(state: State[Any]) -> str:
    """Why a child did not complete, without Prefect's preamble."""
    return (state.message or state.name or "unknown").removeprefix("Flow run encountered an exception: ")


def _start(child: Child) -> _Live:
    run = _create_run(child)
    with _ignoring_interrupts():
        process = run_flow_in_subprocess(child.flow, flow_run=run, parameters=child.parameters, env=dict(ONE_THREAD))
    if process.pid is not None:
        sign(run.id, process.pid)
    return _Live(child, run, process, time.monotonic())


def _create_run(child: Child, state: State[Any] | None = None) -> FlowRun:
    """Create the child's flow run under its parent, so that even a child that never starts is seen and named."""
    placeholder = Task(child.flow.fn, name=child.name)
    task_run: Any = run_coro_as_sync(placeholder.create_run(parameters={}, wait_for=list(child.after) or None))
    with get_client(sync_client=True) as client:
        return client.create_flow_run(
            child.flow,
            name=child.name,
            parameters=child.flow.serialize_parameters(child.parameters),
            tags=child.tags,
            parent_task_run_id=task_run.id,
            state=state or Pending(),
        )


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Let a process that is started meanwhile ignore Ctrl-C: its parent hears it too and ends it in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _final_state(ended: _Live) -> State[Any]:
    """Return the final state of a child whose process is over; one that it could not report is `Crashed`."""
    ended.process.join()
    if ended.timed_out:
        return _timed_out(ended)
    with get_client(sync_client=True) as client:
        run = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[ended.run.id])))[0]
        if run.state is not None and run.state.is_final():
            return run.state
        crashed: State[Any] = Crashed(message=f"its process {_exit_words(ended.process.exitcode)}")
        client.set_flow_run_state(run.id, crashed, force=True)
        return crashed


def _traced(state: State[Any], run: FlowRun) -> State[Any]:
    """State of a child under the id of its node in the parent's graph: that of its flow run, not of a task run."""
    details = state.state_details.model_copy(update={"task_run_id": run.id})
    return state.model_copy(update={"state_details": details})


def _timed_out(ended: _Live) -> State[Any]:
    words = f"it took longer than its {ended.child.timeout_s:,.0f} s and was ended at its last checkpoint"
    state: State[Any] = Failed(name="TimedOut", message=words)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(ended.run.id, state, force=True)
    return state


def _exit_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name} (exit code {code})"
    return f"ended with exit code {code} before it reported a result"


def _end(living: list[_Live]) -> None:
    for one in living:
        one.process.terminate()
    deadline = time.monotonic() + GRACE_S
    for one in living:
        one.process.join(max(0.0, deadline - time.monotonic()))
        if one.process.is_alive():
            one.process.kill()
            one.process.join()
