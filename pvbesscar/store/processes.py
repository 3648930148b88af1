"""The identity of a process: its number, its start and the boot, because the system gives a number to another later.

psutil is not used: its start of a process is a wall time that moves when the clock is set, and a mark is compared by
programs that run hours apart.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """Identity of a process that survives the reuse of its number.

    Attributes
    ----------
    pid
        Process number.
    started
        Start of the process [clock ticks since boot].
    boot
        Eight characters that stand for this boot of this machine and, in a container, for its own process numbers.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessMark | None:
        """Mark of a process that runs now, `None` where there is none."""
        started = _started(pid)
        return None if started is None else cls(pid, started, boot())

    @classmethod
    def own(cls) -> ProcessMark:
        """Mark of this process."""
        mark = cls.of(os.getpid())
        assert mark is not None
        return mark

    @classmethod
    def read(cls, raw: Any) -> ProcessMark | None:  # noqa: ANN401, what a file or a server says
        """Mark from its JSON form, `None` where it is none."""
        try:
            return cls(int(raw["pid"]), int(raw["started"]), str(raw["boot"]))
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def here(self) -> bool:
        """Whether the process, dead or alive, is one of this boot of this machine."""
        return self.boot == boot()

    @property
    def alive(self) -> bool:
        """Whether this very process runs; another one that got its number does not count."""
        return self.here and _started(self.pid) == self.started


@cache
def boot() -> str:
    """Eight characters that change with the machine, its boots, and the name space of its process numbers."""
    boot_id = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return hashlib.sha256(f"{boot_id} {(PROC / 'self/ns/pid').readlink()}".encode()).hexdigest()[:8]


def children_of(pid: int) -> list[ProcessMark]:
    """Marks of the processes that a process has started and that run now."""
    try:
        tasks = [(PROC / str(pid) / "task" / name / "children") for name in os.listdir(PROC / str(pid) / "task")]  # noqa: PTH208, a folder of the kernel
        numbers = [int(number) for task in tasks for number in task.read_text(encoding="ascii").split()]
    except OSError:  # it has ended meanwhile
        return []
    return [mark for number in numbers if (mark := ProcessMark.of(number)) is not None]


def _started(pid: int) -> int | None:
    """Start of a process [ticks since boot], `None` for one that is gone or only waits to be reaped."""
    try:
        # The name, in brackets, may hold anything; after it comes the state, and the start is 20 fields on.
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])
