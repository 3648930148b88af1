"""Locks between processes, which the system releases when their holder dies, however it dies."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from schemas.errors import PvbesscarError

WhenBusy = Literal["wait", "refuse"]
TICK_S = 0.5


class BusyError(PvbesscarError):
    """Somebody else is at work in the project, and the one who asked is not to wait."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, for a person to read.

    Attributes
    ----------
    what
        What it is at, e.g. the name of a run.
    pid
        Its process.
    since
        Local time at which it began.
    """

    what: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.what} (process {self.pid}, since {self.since})"


@contextmanager
def held(
    path: Path, what: str, *, when_busy: WhenBusy = "wait", on_wait: Callable[[Holder | None], None] | None = None
) -> Iterator[None]:
    """Hold the lock of a file; a holder that is killed leaves nothing to clean up.

    Parameters
    ----------
    path
        The lock's file; it stays, empty or with its last holder's name.
    what
        What this holder is at, shown to whoever comes next.
    when_busy
        `wait` until it is free, or `refuse`.
    on_wait
        Told once who is waited for.

    Raises
    ------
    BusyError
        It is taken, and `when_busy` says `refuse`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _acquired(path, when_busy, on_wait):
        now = f"{dt.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
        path.write_text(json.dumps({"what": what, "pid": os.getpid(), "since": now}), encoding="utf-8")
        try:
            yield
        finally:
            os.truncate(path, 0)


def read_holder(path: Path) -> Holder | None:
    """Who wrote its name into a lock's file last; `None` where nobody did, or is just about to."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Whether a lock is held now."""
    if not path.is_file():
        return False
    try:
        with _lock(path).acquire(blocking=False):
            return False
    except Timeout:
        return True


def _acquired(
    path: Path, when_busy: WhenBusy, on_wait: Callable[[Holder | None], None] | None
) -> AbstractContextManager[object]:
    try:
        return _lock(path).acquire(blocking=False)
    except Timeout:
        holder = read_holder(path)
    if when_busy == "refuse":
        raise BusyError(
            f"{holder or 'another run'} is at work in this project, and `runs.when_busy` is `refuse`.",
            hint="start again when it has ended, or let runs wait for each other: --set runs.when_busy=wait",
        )
    if on_wait is not None:
        on_wait(holder)
    return _lock(path).acquire()


def _lock(path: Path) -> FileLock:
    # Where flock is missing, filelock would take the mere existence of the file for a lock, which outlives its holder.
    return FileLock(path, poll_interval=TICK_S, thread_local=False, fallback_to_soft=False)
