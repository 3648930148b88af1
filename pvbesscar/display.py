"""Progress of a run on the screen: a bar for each stage on a terminal, lines of text anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from schemas.progress import Progress


def progress_text(progress: Progress) -> str:
    """Progress in words: `3,200 of 100,000 steps (180.2/s, 8 min 57 s left); 20 episodes`."""
    rate = [_rate(progress)] if progress.rate_per_s > 0.0 else []
    details = ", ".join([*rate, *_time_left(progress)])
    text = _amount(progress) + (f" ({details})" if details else "")
    return "; ".join(part for part in (text, progress.message) if part)


def _amount(progress: Progress) -> str:
    """Amount done, with its unit; empty where nothing is counted."""
    digits = 1 if isinstance(progress.done, float) else 0
    done = f"{progress.done:,.{digits}f}"
    if progress.total:
        return f"{done} of {progress.total:,.{digits}f} {progress.unit}"
    return f"{done} {progress.unit}" if progress.unit else ""


def _rate(progress: Progress) -> str:
    # What is counted in fractions is slow.
    per_minute = isinstance(progress.done, float)
    return f"{60.0 * progress.rate_per_s:,.1f}/min" if per_minute else f"{progress.rate_per_s:,.1f}/s"


def _time_left(progress: Progress) -> list[str]:
    return [] if progress.seconds_left is None else [f"{duration(progress.seconds_left)} left"]


def duration(seconds: float) -> str:
    """Duration in words: `4.2 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@dataclass(slots=True)
class Lines:
    """One line when a stage begins and ends, and one every `every_s` seconds in between.

    Parameters
    ----------
    write
        Takes a line, e.g. a logger's `info`.
    every_s
        Least time between two lines about the same stage.
    """

    write: Callable[[str], None]
    every_s: float = 15.0
    _last: dict[str, float] = field(default_factory=dict)

    def begin(self, stage: str) -> None:
        """Write that a stage begins."""
        self._last[stage] = time.monotonic()
        self.write(f"{stage}: started")

    def update(self, stage: str, progress: Progress) -> None:
        """Write how far a stage is, unless a line about it was written just now."""
        now = time.monotonic()
        if now - self._last.get(stage, 0.0) >= self.every_s:
            self._last[stage] = now
            self.write(f"{stage}: {progress_text(progress)}")

    def end(self, stage: str, seconds: float, failure: str | None = None) -> None:
        """Write that a stage is over."""
        self.write(f"{stage}: {_outcome(failure)} after {duration(seconds)}")

    def close(self) -> None:
        """Do nothing: the lines stay where they are."""


class Terminal:
    """A bar for each stage, on standard error."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description:<9}"),
            BarColumn(None),
            TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            console=console,
            expand=True,
            redirect_stdout=False,  # a command prints its result there
        )
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str) -> None:
        """Add a bar that moves without a measure until the stage reports one."""
        self._bars.start()
        self._tasks[stage] = self._bars.add_task(stage, total=None, state="")

    def update(self, stage: str, progress: Progress) -> None:
        """Move the bar of a stage; rate and message have no room on 80 columns."""
        state = ", ".join([_amount(progress) or progress.message, *_time_left(progress)])
        # Without a total the bar moves to and fro.
        self._bars.update(self._tasks[stage], total=progress.total or None, completed=progress.done, state=state)

    def end(self, stage: str, seconds: float, failure: str | None = None) -> None:
        """Fill the bar of a stage, or stop it where it is."""
        task = self._tasks[stage]
        if failure is None:
            self._bars.update(task, total=1, completed=1)  # full, whatever was counted
        self._bars.update(task, state=f"{_outcome(failure)} after {duration(seconds)}")
        self._bars.stop_task(task)

    def close(self) -> None:
        """Leave the bars as they are and give the terminal back."""
        self._bars.stop()


Display = Lines | Terminal

_current: ContextVar[Display | None] = ContextVar("display", default=None)


def current() -> Display | None:
    """Return the display that is being shown on, `None` outside `showing`."""
    return _current.get()


@contextmanager
def showing(display: Display) -> Iterator[Display]:
    """Make `display` the one that stages show themselves on."""
    token = _current.set(display)
    try:
        yield display
    finally:
        display.close()
        _current.reset(token)


def for_terminal() -> Display:
    """Bars where standard error is a terminal, plain lines on it otherwise."""
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal else Lines(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201


def _outcome(failure: str | None) -> str:
    return "done" if failure is None else "FAILED"
