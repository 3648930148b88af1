"""How far a long stage is: what it hands to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a stage that takes minutes.

    Attributes
    ----------
    done, total
        Units of work, e.g. environment steps; `done` may pass `total` when updates end in whole batches.
    rate_per_s
        Units per second since the stage began.
    message
        What the units are and how it goes, in a few words.
    """

    done: int
    total: int
    rate_per_s: float
    message: str


OnProgress = Callable[[Progress], None]
