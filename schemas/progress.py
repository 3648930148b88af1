"""Progress of a long stage: how much of it is done, at what rate, and how long the rest takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_BETWEEN_REPORTS = 1.0
WINDOW_S = 60.0
"""Rates are means over the last minute, so that a slow start is forgotten."""
LEAST_SECONDS = 10.0
"""Shortest time of work from which the time left is forecast [s]."""
LEAST_SHARE = 0.02
"""Least share of the work that must be done before the time left is forecast."""


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a stage that takes minutes.

    Attributes
    ----------
    done, total
        Amount of work in `unit`; `total` is 0 where it is not known. `done` may pass `total`: agents learn in whole
        batches.
    rate_per_s
        Units per second over the last minute.
    unit
        What is counted, in the plural: `steps`, `hours compared`, `controller-years`.
    message
        What is being done and how it goes, in a few words.
    seconds_left
        Forecast of the time left [s]; `None` while there is too little to tell it from.
    """

    done: float
    total: float
    rate_per_s: float
    unit: str
    message: str = ""
    seconds_left: float | None = None


OnProgress = Callable[[Progress], None]


class ProgressReporter:
    """Reports progress about once a second, with the rate over the last minute and the time left.

    Parameters
    ----------
    total, unit
        See `Progress`.
    on_progress
        Receives the reports.
    done
        Amount that was done before, when an interrupted stage is resumed.
    """

    def __init__(self, total: float, unit: str, on_progress: OnProgress | None, done: float = 0) -> None:
        self._total, self._unit, self._on_progress = total, unit, on_progress
        self._reported = time.monotonic()
        # Time, amount and share of the work done, the oldest first.
        self._samples = deque([(self._reported, done, done / total)])

    def report(self, done: float, message: str = "", share: float | None = None) -> None:
        """Report that `done` units are done, unless the last report is less than a second old.

        Parameters
        ----------
        share
            Share of the work that is done, where some units take longer than others; default: `done / total`.
        """
        now = time.monotonic()
        recent = now - self._reported < SECONDS_BETWEEN_REPORTS
        if self._on_progress is None or (recent and done != self._total):
            return
        self._reported = now
        rate, left = self._estimate(now, done, done / self._total if share is None else share)
        self._on_progress(Progress(done, self._total, rate, self._unit, message, left))

    def _estimate(self, now: float, done: float, share: float) -> tuple[float, float | None]:
        """Rate [1/s] and time left [s]."""
        samples = self._samples
        if done == samples[0][1]:
            samples.clear()  # nothing is done yet: loading is not counted
        samples.append((now, done, share))
        while len(samples) > 2 and now - samples[1][0] >= WINDOW_S:
            samples.popleft()
        began, done_then, share_then = samples[0]
        seconds, gained = now - began, share - share_then
        if seconds <= 0.0:
            return 0.0, None
        sure = seconds >= LEAST_SECONDS and share >= LEAST_SHARE and gained > 0.0
        left = max(0.0, 1.0 - share) * seconds / gained if sure else None
        return (done - done_then) / seconds, left
