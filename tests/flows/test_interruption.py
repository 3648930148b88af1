"""Ctrl-C, SIGTERM and kill -9 of a run: nobody is left behind, and the run says what is intact."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.conftest import ROOT, Server, alive, bare_environment, wait_for

pytestmark = pytest.mark.server


def _start(root: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.fake_run", str(root), "run", "--set", f"data.root={root}"],
        cwd=ROOT, env={**env, "FAKE_TRAINING": "sac=wait,ppo=wait,a2c=wait"}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _trainers(root: Path) -> list[int]:
    """Process ids of the three trainers, once all of them train."""
    wait_for(lambda: len(list(root.glob("outputs/runs/*/progress/*.json"))) == 3, 90)
    return [int(path.read_text()) for path in root.glob("outputs/runs/*/pid-*")]


def _temporary_server(root: Path) -> list[int]:
    """Process ids of servers whose database is in `root`."""
    wanted = f"PREFECT_HOME={root}/.prefect".encode()
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if b"flows.server" in _read(folder / "cmdline") and wanted in _read(folder / "environ")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_ctrl_c_ends_trainers_and_the_temporary_server(tmp_path: Path) -> None:
    run = _start(tmp_path, bare_environment())
    try:
        trainers, servers = _trainers(tmp_path), _temporary_server(tmp_path)
        assert len(trainers) == 3
        assert len(servers) == 1
        # A terminal sends Ctrl-C to every process in front of it.
        os.killpg(run.pid, signal.SIGINT)
        out, err = run.communicate(timeout=40)
    finally:
        run.kill()
    assert run.returncode == 130
    assert out == ""
    assert err.splitlines()[-1].startswith("interrupted: nothing is half written.")
    assert "Traceback" not in err
    assert not [pid for pid in (*trainers, *servers) if alive(pid)]
    (manifest,) = tmp_path.glob("outputs/runs/*/manifest.json")
    assert json.loads(manifest.read_text())["outcome"] == "interrupted"


@pytest.mark.slow
def test_sigterm_ends_trainers_and_closes_their_runs(tmp_path: Path, server: Server) -> None:
    run = _start(tmp_path, server.env)
    try:
        trainers = _trainers(tmp_path)
        run.terminate()
        _, err = run.communicate(timeout=40)
    finally:
        run.kill()
    assert run.returncode == 128 + signal.SIGTERM
    assert err.splitlines()[-1].startswith("interrupted:")
    assert not [pid for pid in trainers if alive(pid)]
    (folder,) = tmp_path.glob("outputs/runs/*")
    (parent,) = server.runs(name={"any_": [folder.name]})
    states = {child["state_type"] for child in server.children(parent).values()}
    assert (parent["state_type"], states) == ("CRASHED", {"CRASHED"})


@pytest.mark.slow
def test_no_trainer_outlives_a_killed_parent(tmp_path: Path) -> None:
    run = _start(tmp_path, bare_environment())
    trainers, servers = _trainers(tmp_path), _temporary_server(tmp_path)
    run.kill()
    run.communicate()
    wait_for(lambda: not [pid for pid in (*trainers, *servers) if alive(pid)], 20)
