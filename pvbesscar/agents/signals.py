"""Ctrl-C and SIGTERM during a training: it ends at the next update, where its state can be kept."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE_S = 6.0
"""Longest wait for the next update; after it, or at a second signal, the training ends where it is."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked this process to stop, and the way out."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._frame: FrameType | None = None
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    @property
    def asked(self) -> bool:
        """Whether a signal came."""
        return self._number is not None

    def leave(self) -> None:
        """Do what the signal would have done at once: raise, as whoever was there before has it."""
        assert self._number is not None
        self._disarm()
        before = self._before[self._number]
        if callable(before):
            before(self._number, self._frame)
        # By default SIGTERM ends Python on the spot and would leave drafts behind; as an exception it unwinds.
        raise SystemExit(128 + self._number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        first = self._number is None
        self._number, self._frame = number, frame
        if not first:
            self.leave()
        self._timer = threading.Timer(PATIENCE_S, os.kill, (os.getpid(), number))
        self._timer.daemon = True
        self._timer.start()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, numbers: tuple[signal.Signals, ...]) -> Callable[[], None]:
        for number in numbers:
            before = signal.getsignal(number)
            # Who ignores a signal (a child whose parent hears Ctrl-C for it) goes on ignoring it.
            if before is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)

        def undo() -> None:
            self._disarm()
            for number, before in self._before.items():
                signal.signal(number, before)

        return undo


@contextmanager
def stopping() -> Iterator[Stop]:
    """Yield what tells a training to stop; outside the main thread, where no signal arrives, it never does."""
    stop = Stop()
    in_main = threading.current_thread() is threading.main_thread()
    undo = stop._arm(SIGNALS if in_main else ())  # noqa: SLF001
    try:
        yield stop
    finally:
        undo()
