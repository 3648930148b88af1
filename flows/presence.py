"""Which process runs which flow run, written where the run itself is; and the closing of runs whose process is gone."""

from __future__ import annotations

import datetime as dt
import socket
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypeFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from pvbesscar.store.processes import ProcessMark

FLOWS = ("pipeline", "ingest", "validate", "build", "certify", "train", "trainer", "evaluate", "publish")
"""Names of the project's flows; nobody else's runs are touched."""
OPEN = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
UNSIGNED_S = 30.0
"""How long a run may be open without having said which process it is [s]."""
UNSIGNED_ORDERED_S = 120.0
"""The same for one that a worker has taken and is starting [s]."""
PID, STARTED, HOME, HOST = "pvbesscar.pid", "pvbesscar.started", "pvbesscar.home", "pvbesscar.host"


def sign(run: UUID | str, pid: int | None = None) -> None:
    """Note on a flow run which process runs it (this one, unless `pid` names another)."""
    mark = ProcessMark.own() if pid is None else ProcessMark.of(pid)
    if mark is None:  # ended already: whoever waits for it closes its run
        return
    labels: dict[str, bool | int | float | str] = {
        PID: mark.pid,
        STARTED: mark.started,
        HOME: mark.home,
        HOST: socket.gethostname(),
    }
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(UUID(str(run)), labels)


def reconcile() -> list[str]:
    """Close the runs whose process is gone; return their names.

    A run that was being cancelled ends `Cancelled`, any other `Crashed`. Runs of other machines are left alone, and so
    is one that has only just begun and not said yet which process it is.
    """
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypeFilter(any_=OPEN))),
        )
        dead = [run for run in runs if _is_dead(run)]
        for run in dead:
            _close(client, run)
    return [run.name for run in dead]


def _close(client: SyncPrefectClient, run: FlowRun) -> None:
    state: State[None]
    if run.state is not None and run.state.is_cancelling():
        state = Cancelled(message="its process ended")
    else:
        state = Crashed(message="its process is gone: killed, out of memory, or the machine was switched off")
    client.set_flow_run_state(run.id, state, force=True)


def _is_dead(run: FlowRun) -> bool:
    labels = run.labels
    mark = ProcessMark.read({"pid": labels.get(PID), "started": labels.get(STARTED), "home": labels.get(HOME)})
    if mark is not None:
        # Another home on a host of the same name is an earlier boot of it.
        return not mark.alive if mark.here else labels.get(HOST) == socket.gethostname()
    assert run.state is not None
    age = (dt.datetime.now(dt.UTC) - run.state.timestamp).total_seconds()
    return age > (UNSIGNED_S if run.deployment_id is None else UNSIGNED_ORDERED_S)
