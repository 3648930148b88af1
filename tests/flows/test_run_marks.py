"""Which flow runs are closed: those of this project whose process is gone, and nobody else's."""

from __future__ import annotations

import datetime as dt
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from flows import run_marks
from flows.run_marks import BOOT, LOCK, PID, PROJECT, STARTED, TAG, reconcile, sign
from pvbesscar.store.locks import held
from pvbesscar.store.processes import ProcessMark
from tests.flows.conftest import Server

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def project(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project folder of its own on the shared server; the service of that server works in another one."""
    monkeypatch.chdir(tmp_path)
    run_marks._own_lock.cache_clear()
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: tmp_path}):
        yield tmp_path
    run_marks._own_lock.cache_clear()


@pytest.fixture
def gone() -> ProcessMark:
    """A process of this boot that has ended."""
    return _ended(_sleeper())


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def _ended(process: subprocess.Popen[bytes]) -> ProcessMark:
    mark = ProcessMark.of(process.pid)
    assert mark is not None
    process.kill()
    process.wait()
    return mark


def _run(server: Server, *, tags: tuple[str, ...] = (), labels: dict[str, Any] | None = None, state: str = "RUNNING"):
    """Make a flow run of the flow `train`, in its state for ten minutes; return its id."""
    flow = server.ask("flows/", {"name": "train"})["id"]
    run = server.ask("flow_runs/", {"flow_id": flow, "name": "somebody", "tags": tags, "state": {"type": state}})["id"]
    long_ago = f"{dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10):%Y-%m-%d %H:%M:%S.%f}"
    with closing(sqlite3.connect(server.home / "prefect.db", timeout=30)) as database, database:
        sql = "update flow_run_state set timestamp = ? where flow_run_id = ?"
        assert database.execute(sql, (long_ago, run)).rowcount == 1
    if labels:
        server.change(f"flow_runs/{run}/labels", labels)
    return run


def _state(server: Server, run: str) -> str:
    (found,) = server.runs(id={"any_": [run]})
    return str(found["state_type"])


def _labels(mark: ProcessMark, **other: str) -> dict[str, Any]:
    return {
        PID: mark.pid,
        STARTED: mark.started,
        BOOT: mark.boot,
        PROJECT: run_marks._project(),
        LOCK: "x.lock",
    } | other


def test_a_run_of_another_project_with_the_name_of_our_flow_is_left_alone(server: Server) -> None:
    run = _run(server)
    assert reconcile() == []
    assert _state(server, run) == "RUNNING"


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "CANCELLING"])
def test_a_run_that_says_of_no_process_is_left_to_its_worker(server: Server, state: str) -> None:
    run = _run(server, tags=(TAG,), state=state)
    assert reconcile() == []
    assert _state(server, run) == state


def test_a_run_of_another_machine_of_the_same_name_is_left_alone(server: Server, gone: ProcessMark) -> None:
    labels = _labels(gone, **{BOOT: "00000000", "pvbesscar.host": socket.gethostname()})
    run = _run(server, tags=(TAG,), labels=labels)
    assert reconcile() == []
    assert _state(server, run) == "RUNNING"


def test_two_projects_on_one_server_leave_each_other_alone(
    server: Server, gone: ProcessMark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(server, tags=(TAG,), labels=_labels(gone))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert reconcile() == []
    assert _state(server, run) == "RUNNING"
    monkeypatch.chdir(tmp_path)
    assert reconcile() == ["somebody"]
    assert _state(server, run) == "CRASHED"


@pytest.mark.parametrize(("state", "end"), [("RUNNING", "CRASHED"), ("CANCELLING", "CANCELLED")])
def test_a_run_of_ours_is_closed_when_its_process_is_gone(server: Server, state: str, end: str) -> None:
    run, process = _run(server, tags=("smoke",), state=state), _sleeper()
    sign(run, process.pid)
    (signed,) = server.runs(id={"any_": [run]})
    assert sorted(signed["tags"]) == [TAG, "smoke"]
    assert reconcile() == []
    _ended(process)
    assert reconcile() == ["somebody"]
    assert _state(server, run) == end


def test_a_run_of_an_earlier_boot_is_closed_when_the_lock_that_it_held_is_free(
    server: Server, gone: ProcessMark, project: Path
) -> None:
    run = _run(server, tags=(TAG,), labels=_labels(gone, **{BOOT: "00000000", LOCK: "earlier.lock"}))
    with held(project / "processes/earlier.lock", "a container that shares the folder"):
        assert reconcile() == []
    assert reconcile() == ["somebody"]
    assert _state(server, run) == "CRASHED"


def test_a_process_holds_its_lock_until_it_ends(server: Server, project: Path) -> None:
    run = _run(server)
    sign(run)
    server.change(f"flow_runs/{run}/labels", {BOOT: "00000000"})
    assert reconcile() == []
    assert _state(server, run) == "RUNNING"
    assert [path.name for path in project.glob("processes/*")] == [run_marks._own_lock()]


def test_a_run_that_told_its_end_meanwhile_keeps_it(
    server: Server, gone: ProcessMark, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(server, tags=(TAG,), labels=_labels(gone))

    def ends_first(one: FlowRun) -> bool:
        if str(one.id) != run:
            return False
        server.ask(f"flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}, "force": True})
        return True

    monkeypatch.setattr(run_marks, "_is_dead", ends_first)
    assert reconcile() == []
    assert _state(server, run) == "COMPLETED"
