"""`pvbesscar up`, `down` and `ui`: what they refuse, what they leave alone, and that they can be repeated."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import service
from flows.server import _free_port, service_url
from pvbesscar.store.locks import held
from pvbesscar.store.processes import ProcessMark
from pvbesscar.store.workspace import SERVICE, SERVICE_LOCK
from tests.flows.conftest import ROOT, Server, bare_environment, pvbesscar, wait_for


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def _say_of(folder: Path, process: subprocess.Popen[bytes], **other: object) -> None:
    mark = ProcessMark.of(process.pid)
    assert mark is not None
    told = {"pid": mark.pid, "started": mark.started, "boot": mark.boot} | other
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SERVICE).write_text(json.dumps({"state": "up", "api": "x", "ui": "y", "processes": {"worker": told}}))


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "00000000"}])
def test_a_process_that_got_the_number_of_ours_is_left_alone(
    foreign: subprocess.Popen[bytes], other: dict[str, object], tmp_path: Path
) -> None:
    _say_of(tmp_path / ".prefect", foreign, **other)
    done = pvbesscar(tmp_path, "down")
    assert done.returncode == 0
    assert "it is down" in done.stderr
    assert foreign.poll() is None


def test_what_a_killed_service_left_is_ended(foreign: subprocess.Popen[bytes], tmp_path: Path) -> None:
    _say_of(tmp_path / ".prefect", foreign)
    assert service.end_leftovers(tmp_path / ".prefect") == 1
    assert foreign.wait(5) == -signal.SIGTERM


def test_down_on_what_was_never_up_is_fine(tmp_path: Path) -> None:
    for _ in range(2):
        done = pvbesscar(tmp_path, "down")
        assert (done.returncode, done.stderr) == (0, "it is down\n")
    assert not (tmp_path / ".prefect").exists()


@pytest.mark.parametrize("command", ["up", "ui"])
def test_a_taken_port_is_said_and_nothing_is_started(command: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = pvbesscar(tmp_path, command, "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} of 127.0.0.1 is taken by another program")
    assert "Hint: choose another one with --port" in done.stderr
    assert not (tmp_path / ".prefect").exists()


def test_up_belongs_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = service.ServiceOptions(root=tmp_path, port=4200, config="x.yaml", overrides=(), when_busy="wait")
    with pytest.raises(service.ServiceError, match=r"there is no prefect\.yaml here"):
        service.up(options, print)


def test_the_service_is_found_only_while_it_lives(tmp_path: Path) -> None:
    (tmp_path / SERVICE).write_text(json.dumps({"state": "up", "api": "http://127.0.0.1:1/api"}))
    assert service_url(tmp_path) is None
    with held(tmp_path / SERVICE_LOCK, "the service"):
        assert service_url(tmp_path) == "http://127.0.0.1:1/api"
        (tmp_path / SERVICE).write_text(json.dumps({"state": "starting", "api": "http://127.0.0.1:1/api"}))
        assert service_url(tmp_path) is None


@pytest.mark.server
def test_up_twice_says_that_it_is_up_and_runs_find_it(server: Server) -> None:
    root = server.home.parent
    again = pvbesscar(root, "up", "--port", "1")
    assert again.returncode == 0
    assert again.stderr == "it is up already\n"
    assert f"{again.stdout.strip()}/api" == server.url
    assert service_url(server.home) == server.url
    assert pvbesscar(root, "ui").stdout == again.stdout


@pytest.mark.slow
@pytest.mark.server
def test_the_ui_shows_what_was_run_without_a_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.fake_run", str(tmp_path), "run", "--set", f"data.root={tmp_path}"],
        cwd=ROOT, env=bare_environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("outputs/runs/*")
    port = _free_port()
    ui = subprocess.Popen(
        [sys.executable, "-m", "pvbesscar.cli", "ui", "--port", str(port), "--set", f"data.root={tmp_path}"],
        cwd=ROOT, env=bare_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert ui.stdout is not None
        assert ui.stdout.readline().startswith(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
        assert server_names(port) >= {folder.name, "train-sac"}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
            assert b"<html" in page.read()
        ui.send_signal(signal.SIGINT)
        assert ui.wait(30) == 130
    finally:
        ui.kill()
        ui.wait()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def server_names(port: int) -> set[str]:
    """Names of all flow runs that a server knows."""
    return {run["name"] for run in Server(f"http://127.0.0.1:{port}/api", Path()).runs()}


@pytest.mark.slow
@pytest.mark.server
def test_a_killed_service_takes_its_parts_with_it_and_up_starts_afresh(tmp_path: Path) -> None:
    port = str(_free_port())
    assert pvbesscar(tmp_path, "up", "--port", port).returncode == 0
    try:
        assert pvbesscar(tmp_path, "schedule", "on").returncode == 0
        marks = {
            name: ProcessMark.read(raw)
            for name, raw in json.loads((tmp_path / ".prefect" / SERVICE).read_text())["processes"].items()
        }
        assert set(marks) == {"service", "server", "worker"}
        subprocess.run(["kill", "-9", str(marks["service"].pid)], check=True)
        wait_for(lambda: not [mark for mark in marks.values() if mark.alive], 60)
        began = time.monotonic()
        again = pvbesscar(tmp_path, "up", "--port", port)
        assert again.returncode == 0, again.stderr
        assert again.stdout == f"http://127.0.0.1:{port}\n"
        assert time.monotonic() - began < 200
        table = pvbesscar(tmp_path, "schedule", "list").stdout.splitlines()
        assert [line.split()[-1] for line in table if line.startswith("pipeline")] == ["on"]
    finally:
        down = pvbesscar(tmp_path, "down")
    assert "stopped worker and server" in down.stderr
