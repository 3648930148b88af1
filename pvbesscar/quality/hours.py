"""Hours as people read them: ranges with their stamps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from schemas.results import HourRange

Hours = NDArray[np.int64]
"""Rows of a year, 0-based, shape (n,)."""

Say = Callable[..., str]
"""Text of a key with its fields filled in, as `pvbesscar.words.Words` gives it."""
ENGLISH = {
    "hours.whole": "of the year as a whole",
    "hours.more": "and {count} more hours",
    "hours.one": "hour {hour} ({stamp})",
    "hours.range": "hours {first} to {last} ({first_stamp} to {last_stamp})",
}

SHOWN_RANGES = 24
"""Ranges kept in a finding; the count of hours is always whole."""


def fold(hours: Hours) -> list[tuple[int, int]]:
    """Fold hours into ranges of consecutive ones, both ends included.

    >>> fold(np.array([3, 4, 5, 9]))
    [(3, 5), (9, 9)]
    """
    if hours.size == 0:
        return []
    ordered = np.unique(hours)
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    firsts = np.concatenate([ordered[:1], ordered[breaks + 1]])
    lasts = np.concatenate([ordered[breaks], ordered[-1:]])
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


def stamper(stamps: pd.DatetimeIndex | None) -> Callable[[int], str]:
    """Function from a row to its stamp in words; rows that no stamp belongs to say so."""

    def stamp(row: int) -> str:
        if stamps is None or not 0 <= row < len(stamps) or pd.isna(stamps[row]):
            return "no stamp"
        return str(stamps[row].strftime("%Y-%m-%d %H:%M"))

    return stamp


def ranges(hours: Hours, stamps: pd.DatetimeIndex | None) -> tuple[HourRange, ...]:
    """Fold hours into at most `SHOWN_RANGES` ranges with their stamps, the first ones of the year."""
    name = stamper(stamps)
    return tuple(
        HourRange(first=first, last=last, first_stamp=name(first), last_stamp=name(last))
        for first, last in fold(hours)[:SHOWN_RANGES]
    )


def english(key: str, /, **fields: object) -> str:
    """Hours in English, for errors of stages that no catalogue of words shall make stale."""
    return ENGLISH[key].format(**fields)


def describe(shown: Sequence[HourRange], n_hours: int, say: Say = english, limit: int = 3) -> str:
    """Hours in one line: the first `limit` ranges and the count of the rest."""
    if not shown:
        return say("hours.whole")
    parts = [_describe_one(one, say) for one in shown[:limit]]
    covered = sum(one.last - one.first + 1 for one in shown[:limit])
    rest = f" {say('hours.more', count=n_hours - covered)}" if n_hours > covered else ""
    return f"{'; '.join(parts)}{rest} ({n_hours} h)"


def _describe_one(one: HourRange, say: Say) -> str:
    if one.first == one.last:
        return say("hours.one", hour=one.first, stamp=one.first_stamp)
    return say("hours.range", **one.model_dump())
