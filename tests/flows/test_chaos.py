"""Kill -9 at any moment, a full disk, a locked database, two at once, a server that comes and goes: nothing is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvbesscar.store.files import StorageError, atomic_path, published_folder, write_text
from pvbesscar.store.processes import ProcessMark
from tests.flows import chaos
from tests.flows.conftest import ROOT, Server, bare_environment, pvbesscar, wait_for

POINTS = 34
FORK = multiprocessing.get_context("fork")


def _apart(what, *arguments: object) -> int:
    """Run in a process of its own, which may be killed; return its exit code."""
    process = FORK.Process(target=what, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _tell(root: Path, out: Path, undisturbed: bool) -> None:
    told = chaos.moments(root) if undisturbed else chaos.run(root, lambda _moment: None)
    out.write_text(json.dumps([told, chaos.digests(root), chaos.debris(root)]))


def _die(root: Path, number: int) -> None:
    chaos.run(root, chaos.die_at(number))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_at_any_moment_and_the_next_run_ends_with_the_same_digests(tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    assert _apart(_tell, tmp_path / "whole", out, True) == 0
    moments, whole, left = json.loads(out.read_text())
    assert left == []
    boundaries = [number for number, moment in enumerate(moments) if moment.startswith("after ")]
    assert len(boundaries) == 9
    between = [round(k * (len(moments) - 1) / (POINTS - 10)) for k in range(POINTS - 9)]
    points = sorted({*boundaries, *between})
    assert len(points) >= 30
    assert {moments[number] for number in points} >= {"content written, not moved", "draft of a file made"}
    for number in points:
        root = tmp_path / f"killed-{number}"
        assert _apart(_die, root, number) == -signal.SIGKILL, moments[number]
        assert _apart(_tell, root, out, False) == 0, moments[number]
        _, digests, left = json.loads(out.read_text())
        assert digests == whole, f"{number}: {moments[number]}"
        assert left == [], f"{number}: {moments[number]}"
        shutil.rmtree(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB; without the right to mount one the test is skipped."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_said_in_words_and_leaves_what_was_there(small_disk: Path) -> None:
    write_text(small_disk / "a.json", "old")
    with pytest.raises(StorageError, match=r"a\.json: no room to write it; [\d.]+ MB are free on its disk") as caught:
        write_text(small_disk / "a.json", "x" * 3_000_000)
    assert "make room" in str(caught.value)
    with pytest.raises(StorageError), published_folder(small_disk / "folder") as folder:
        (folder / "b").write_bytes(b"x" * 3_000_000)
    assert [path.name for path in small_disk.iterdir()] == ["a.json"]
    assert (small_disk / "a.json").read_text() == "old"


def test_a_library_that_hides_the_reason_is_understood(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 1_500_000)
    with pytest.raises(StorageError), atomic_path(small_disk / "model.zip"):
        raise RuntimeError("PytorchStreamWriter failed writing file")
    with pytest.raises(RuntimeError, match="another"), atomic_path(small_disk.parent / "model.zip"):
        raise RuntimeError("another reason")


@pytest.mark.slow
def test_a_stage_on_a_full_disk_ends_in_words_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_900_000)
    done = pvbesscar(small_disk, "ingest")
    assert done.returncode == 1
    assert "no room to write it" in done.stderr
    assert "Traceback" not in done.stderr
    left = {path.relative_to(small_disk).parts[:2] for path in small_disk.rglob("*") if path.is_file()}
    assert left == {("ballast",), ("outputs", "locks"), ("outputs", "runs")}  # nothing of the year
    ballast.unlink()
    assert pvbesscar(small_disk, "ingest").returncode == 0


@pytest.mark.slow
@pytest.mark.server
def test_a_locked_database_ends_in_words(tmp_path: Path) -> None:
    home = tmp_path / ".prefect"
    home.mkdir()
    with sqlite3.connect(home / "prefect.db") as holder:
        holder.execute("create table held (x)")
        holder.commit()
        holder.execute("begin exclusive")
        done = subprocess.run(
            [sys.executable, "-m", "tests.flows.fake_run", str(tmp_path), "run", "--set", f"data.root={tmp_path}"],
            cwd=ROOT, env=bare_environment(), capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        holder.rollback()
    assert done.returncode == 1
    assert "a full disk or a locked database" in done.stderr
    assert "Traceback" not in done.stderr


def _start(root: Path, server: Server, *arguments: str, behaviour: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.fake_run", str(root), "run", "--set", f"data.root={root}", *arguments],
        cwd=ROOT, env={**server.env, "FAKE_TRAINING": behaviour}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.server
def test_of_two_runs_at_once_one_waits_or_is_refused(server: Server, tmp_path: Path) -> None:
    first = _start(tmp_path, server, behaviour="sac=gate")
    wait_for(lambda: list(tmp_path.glob("outputs/runs/*/progress/train-sac.json")), 300)
    (folder,) = tmp_path.glob("outputs/runs/*")
    others = [_start(tmp_path, server, "--set", "runs.when_busy=refuse"), _start(tmp_path, server)]
    try:
        _, words = others[0].communicate(timeout=300)
        assert others[0].returncode == 1
        assert f"error: {folder.name} (process {first.pid}, since " in words
        assert "--set runs.when_busy=wait" in words
        waiting = wait_for(lambda: server.runs(state={"name": {"any_": ["Waiting"]}}), 300)
        assert f"waits for {folder.name} (process {first.pid}" in waiting[0]["state"]["message"]
        (tmp_path / "go").touch()
        assert [process.wait(300) for process in (first, others[1])] == [0, 0]
    finally:
        for process in (first, *others):
            process.kill()
            process.communicate()
    done = server.runs(name={"any_": [path.name for path in tmp_path.glob("outputs/runs/*")]})
    assert sorted(run["state_type"] for run in done) == ["COMPLETED", "COMPLETED", "FAILED"]


@pytest.mark.slow
@pytest.mark.server
def test_a_server_that_is_killed_during_training_comes_back_and_the_run_ends_well(
    server: Server, tmp_path: Path
) -> None:
    run = _start(tmp_path, server, behaviour="sac=linger,ppo=linger,a2c=linger")
    try:
        wait_for(lambda: len(list(tmp_path.glob("outputs/runs/*/progress/*.json"))) == 3, 120)
        mark = ProcessMark.read(json.loads((server.home / "service.json").read_text())["processes"]["server"])
        os.kill(mark.pid, signal.SIGKILL)
        out, err = run.communicate(timeout=300)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "outputs/report/index.html")
    (folder,) = tmp_path.glob("outputs/runs/*")
    (seen,) = server.runs(name={"any_": [folder.name]})
    assert seen["state_type"] == "COMPLETED"


@pytest.mark.slow
@pytest.mark.server
def test_a_worker_that_is_killed_comes_back(server: Server) -> None:
    said = server.home / "service.json"
    before = ProcessMark.read(json.loads(said.read_text())["processes"]["worker"])
    os.kill(before.pid, signal.SIGKILL)
    after = wait_for(
        lambda: (mark := ProcessMark.read(json.loads(said.read_text())["processes"]["worker"])) != before and mark, 60
    )
    assert after.alive
    time.sleep(1)
    assert after.alive
