"""Marks on flow runs that say which process runs each one, and the closing of runs whose process is gone.

A run is closed only where that is proven: it has this project's tag and mark, and its process is gone. So a run that is
still `Pending`, or ended before it was marked, belongs to its worker; where that is gone too, a person gives it a final
state in the UI.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterTags
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypeFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_HOME
from prefect.states import Cancelled, Crashed

from pvbesscar.store.locks import held, is_held
from pvbesscar.store.processes import ProcessMark

TAG = "pvbesscar"
OPEN = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
PID, STARTED, BOOT = "pvbesscar.pid", "pvbesscar.started", "pvbesscar.boot"
PROJECT, LOCK = "pvbesscar.project", "pvbesscar.lock"
LOCKS_S = 90 * 86_400.0
"""How long the lock files of ended processes are kept [s]: a run may be on a server that is not up now."""
_until_exit = ExitStack()


def sign(run: UUID | str, pid: int | None = None) -> None:
    """Note on a flow run that it is ours and which process runs it (this one, unless `pid` names another)."""
    mark = ProcessMark.own() if pid is None else ProcessMark.of(pid)
    if mark is None:  # ended already: whoever waits for it closes its run
        return
    run_id = UUID(str(run))
    labels: dict[str, bool | int | float | str] = {
        PID: mark.pid, STARTED: mark.started, BOOT: mark.boot, PROJECT: _project(), LOCK: _own_lock(),
    }  # fmt: skip
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run_id, labels)
        client.update_flow_run(run_id, tags={*client.read_flow_run(run_id).tags, TAG})


def reconcile() -> list[str]:
    """Close the runs of this project whose process is gone; return their names.

    A run that was being cancelled ends `Cancelled`, any other `Crashed`.
    """
    with get_client(sync_client=True) as client:
        state = FlowRunFilterState(type=StateTypeFilter(any_=OPEN))
        ours = FlowRunFilter(state=state, tags=FlowRunFilterTags(all_=[TAG]))
        dead = [run.id for run in client.read_flow_runs(flow_run_filter=ours) if _is_dead(run)]
        # Read again: a run may have told its end after it was read, and its process ended before it was looked for.
        runs = [run for run in map(client.read_flow_run, dead) if run.state is None or not run.state.is_final()]
        for run in runs:
            client.set_flow_run_state(run.id, _last_state(run), force=True)
    for path in _locks().glob("*.lock"):
        if time.time() - path.stat().st_mtime > LOCKS_S and not is_held(path):
            path.unlink()
    return [run.name for run in runs]


def _last_state(run: FlowRun) -> State[None]:
    if run.state is not None and run.state.is_cancelling():
        return Cancelled(message="its process ended")
    return Crashed(message="its process is gone: killed, out of memory, or the machine was switched off")


def _is_dead(run: FlowRun) -> bool:
    """Whether it is proven that the process of a run of this project is gone."""
    labels = run.labels
    mark = ProcessMark.read({"pid": labels.get(PID), "started": labels.get(STARTED), "boot": labels.get(BOOT)})
    if mark is None or labels.get(PROJECT) != _project():
        return False
    if mark.here:
        return not mark.alive
    # An earlier boot, another container, or another machine: only a free lock in this very folder tells them apart.
    lock = _locks() / Path(str(labels.get(LOCK))).name
    return lock.is_file() and not is_held(lock)


def _project() -> str:
    """Eight characters that stand for the project folder, which is where commands and deployments work."""
    return hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]


def _locks() -> Path:
    return Path(PREFECT_HOME.value()) / "processes"


@cache
def _own_lock() -> str:
    """Name of the lock file that this process holds until it ends, however it ends."""
    mark = ProcessMark.own()
    name = f"{mark.boot}-{mark.pid}-{mark.started}.lock"
    _until_exit.enter_context(held(_locks() / name, "a flow run"))
    return name
