"""Day hashes: no day of the test years is in training or validation, nor in the windows that choices are made on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tools.audit.dataset import DAYS, WEEK, FloatArray, Year
from tools.audit.findings import Check

POOLS = ("training", "validation", "test")


def day_hashes(series: FloatArray) -> list[str]:
    """Digest of the 24 values of each day, 365 of them."""
    return [hashlib.sha256(np.ascontiguousarray(day).tobytes()).hexdigest() for day in series.reshape(DAYS, 24)]


def check_pools(year: Year, recipes: Mapping[str, pd.DataFrame], index: Mapping[str, Any]) -> list[Check]:
    """Compare the days that the years of each pool are made of, by what they hold.

    Parameters
    ----------
    recipes
        Rows of `scenarios.parquet`, by scenario.
    index
        Content of `scenarios.json`.
    """
    apart = Check("no day of the test years is in training or validation, by its hash")
    within = Check("drawn days are of their pool's weeks")
    held = {pool: _days(year, (recipes[name] for name in index["sets"][pool])) for pool in POOLS}
    for pool in ("training", "validation"):
        for what in ("weather", "demand"):
            shared = held["test"][what] & held[pool][what]
            apart.true(f"{len(shared)} days of {what} are in test and {pool}", holds=not shared)
    for pool in POOLS:
        for name in index["sets"][pool]:
            weeks = {int(day) // WEEK for what in ("weather_day", "demand_day") for day in recipes[name][what]}
            strange = sorted(weeks - set(index["pools"][pool]))
            within.true(f"{name}: weeks {strange} are none of {pool}", holds=not strange)
    return [apart, within]


def check_windows(
    year: Year, hours: Iterable[int], recipes: Mapping[str, pd.DataFrame], index: Mapping[str, Any]
) -> Check:
    """Compare the days of the windows that choices are made on, given by their hours, with those of the test years."""
    check = Check("no day of the windows is in the test years, by its hash")
    test = _days(year, (recipes[name] for name in index["sets"]["test"]))
    light, demand = day_hashes(year.pv), day_hashes(year.mall)
    for day in sorted({hour // 24 for hour in hours}):
        for what, hashes in (("weather", light), ("demand", demand)):
            check.true(f"{what} of day {day} of the year is in the test years", holds=hashes[day] not in test[what])
    return check


def _days(year: Year, recipes: Iterable[pd.DataFrame]) -> dict[str, set[str]]:
    light, demand = day_hashes(year.pv), day_hashes(year.mall)
    held = {"weather": set[str](), "demand": set[str]()}
    for recipe in recipes:
        held["weather"] |= {light[day] for day in recipe["weather_day"]}
        held["demand"] |= {demand[day] for day in recipe["demand_day"]}
    return held
