"""Ctrl-C and SIGTERM during a training: it ends after the next update, when its state can be saved."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

PATIENCE_S = 6.0
"""Longest wait for the next update; after it, or at a second signal, the training ends at once."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a signal asked this process to stop, and how it does."""

    def __init__(self) -> None:
        self.asked = False
        self._number = 0
        self._frame: FrameType | None = None
        self._handlers: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def leave(self) -> NoReturn:
        """Do what the handler from before would have done at the signal: raise."""
        self.disarm()
        handler = self._handlers[self._number]
        if callable(handler):
            handler(self._number, self._frame)
        # By default SIGTERM ends Python on the spot and would leave drafts behind; as an exception it unwinds.
        raise SystemExit(128 + self._number)

    def arm(self) -> None:
        """Take over the signals, but for those that are ignored: the parent of this process handles them."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._note)

    def disarm(self) -> None:
        """Cancel the end that a signal has set."""
        if self._timer is not None:
            self._timer.cancel()

    def restore(self) -> None:
        """Give the signals back to the handlers from before."""
        self.disarm()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        second, self.asked = self.asked, True
        self._number, self._frame = number, frame
        if second:
            self.leave()
        self._timer = threading.Timer(PATIENCE_S, os.kill, (os.getpid(), number))
        self._timer.daemon = True
        self._timer.start()


@contextmanager
def stopping() -> Iterator[Stop]:
    """Yield what tells a training to stop; outside the main thread, where no signal arrives, it never does."""
    stop = Stop()
    if threading.current_thread() is threading.main_thread():
        stop.arm()
    try:
        yield stop
    finally:
        stop.restore()
