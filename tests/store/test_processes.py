"""Who is alive, who holds a lock, and which drafts nobody writes any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pvbesscar.store import drafts
from pvbesscar.store.drafts import draft_prefix, sweep
from pvbesscar.store.files import atomic_path, published_folder, write_text
from pvbesscar.store.locks import BusyError, Holder, held, is_held, read_holder
from pvbesscar.store.processes import ProcessMark

HOLD = """
import sys, time
from pathlib import Path
from pvbesscar.store.files import atomic_path, published_folder
from pvbesscar.store.locks import held
root = Path(sys.argv[1])
with held(root / "outputs/locks/run.lock", "the first run"), published_folder(root / "outputs/report") as folder:
    (folder / "index.html").write_text("half")
    with atomic_path(root / "checkpoints/model.zip") as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Another process that holds a lock and is in the middle of two writes."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_number_that_another_process_got_is_not_alive() -> None:
    own = ProcessMark.own()
    assert own.alive
    assert ProcessMark.of(os.getpid()) == own
    assert not ProcessMark(own.pid, own.started + 1, own.boot).alive
    assert not ProcessMark(own.pid, own.started, "00000000").alive


def test_a_process_that_only_waits_to_be_reaped_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    while ProcessMark.of(child.pid) is not None:
        time.sleep(0.01)
    assert child.wait() == 0


@pytest.mark.parametrize("raw", [None, {}, {"pid": 1}, {"pid": "x", "started": 1, "boot": "a"}])
def test_what_is_no_mark_is_none(raw: object) -> None:
    assert ProcessMark.read(raw) is None


def test_kill_9_releases_a_lock_and_its_drafts_are_swept(
    tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]
) -> None:
    process, lock = holder(), tmp_path / "outputs/locks/run.lock"
    assert is_held(lock)
    assert read_holder(lock).what == "the first run"
    with (
        pytest.raises(BusyError, match=rf"the first run \(process {process.pid}, since .*is at work"),
        held(lock, "the second", when_busy="refuse"),
    ):
        pass
    assert sweep(tmp_path) == []  # its writer lives
    process.send_signal(signal.SIGKILL)
    process.wait()
    told: list[Holder | None] = []
    with held(lock, "the second", when_busy="refuse", on_wait=told.append):
        assert read_holder(lock).what == "the second"
    assert told == []
    assert read_holder(lock) is None
    gone = sweep(tmp_path)
    assert sorted(path.parent.name for path in gone) == ["checkpoints", "outputs"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["run.lock"]


def test_the_second_waits_until_the_first_has_ended(
    tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]
) -> None:
    process, told = holder(), list[Holder | None]()

    def end_it(who: Holder | None) -> None:
        told.append(who)
        process.terminate()

    with held(tmp_path / "outputs/locks/run.lock", "the second", on_wait=end_it):
        assert process.wait(5) == -signal.SIGTERM
    assert [who.pid for who in told if who is not None] == [process.pid]


def test_a_draft_is_named_after_its_writer_and_gone_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "outputs/a.json"
    with atomic_path(path) as temporary:
        assert temporary.name.startswith(draft_prefix("a"))
        assert drafts.PATTERN.fullmatch(temporary.name)
        temporary.write_text("1")
        assert sweep(tmp_path) == []
    with published_folder(tmp_path / "outputs/folder") as folder:
        assert drafts.PATTERN.fullmatch(folder.name)
    assert sorted(p.name for p in (tmp_path / "outputs").iterdir()) == ["a.json", "folder"]


def test_a_draft_of_another_boot_goes_after_an_hour_of_rest(tmp_path: Path) -> None:
    young, old = (tmp_path / f"data/.x-00000000-{pid}-1-abcd.tmp" for pid in (1, 2))
    for path in (young, old):
        write_text(path / "part.csv", "half")
    for path in (old / "part.csv", old):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    assert sweep(tmp_path) == [old]
    assert young.is_dir()


@pytest.mark.parametrize("name", [".hidden", ".report-x.tmp", "model.zip", ".a.tmp.json"])
def test_files_of_other_names_are_never_swept(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / "outputs" / name, "somebody's")
    assert sweep(tmp_path) == []
