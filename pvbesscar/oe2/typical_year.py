"""Typical years: stamps of several years, each row brought to its place in the declared year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, refuse_cells
from pvbesscar.oe2.dates import WrittenStamps
from schemas.errors import InputError


def in_declared_year(table: Table, column: str, stamps: WrittenStamps, year: int) -> tuple[WrittenStamps, str]:
    """Give every stamp the declared year; month, day and clock stay.

    Raises
    ------
    InputError
        A row is of 29 February, and the declared year has none.
    """
    months = stamps.day.astype("datetime64[M]")
    of_month = stamps.day - months.astype("datetime64[D]")
    there = np.datetime64(f"{year}-01", "M") + (months.astype(int) % 12)
    days = there.astype("datetime64[D]") + of_month
    refuse_cells(
        table, column, np.flatnonzero(days.astype("datetime64[M]") != there),
        what=f"29 February, which {year} does not have", cause="a typical year of a leap year's length",
        hint="leave out that day in the file, or set `site.year` to a leap year.",
    )  # fmt: skip
    # The end of the last hour may be written as midnight of the next year.
    first = (days == np.datetime64(f"{year}-01-01")) & (stamps.clock == 0.0)
    first[: len(first) // 2] = False
    days = np.where(first, days + np.timedelta64(366 if _is_leap(year) else 365, "D"), days)
    years = np.unique(stamps.day.astype("datetime64[Y]")).astype(int) + 1970
    table.decide("year", str(year), f"`{table.setting('stamps')}` says that {years[0]} to {years[-1]} are not real")
    return replace(stamps, day=days), f"stamps of {years[0]} to {years[-1]} taken as those of the declared year {year}"


def refuse_typical(table: Table, stamps: WrittenStamps, minutes: int) -> None:
    """Refuse months of different years, which only a key makes one year.

    Raises
    ------
    InputError
        The rows of no more than one year are of three years or more.
    """
    years = np.unique(stamps.day.astype("datetime64[Y]")).astype(int) + 1970
    if len(years) > 2 and len(stamps.day) <= 366 * 24 * 60 // minutes:
        raise InputError(
            f"{table.named}: {len(stamps.day):,} rows from {len(years)} different years ({years[0]} to {years[-1]}): a "
            "typical year, put together from months of several.",
            hint=f"set `{table.setting('stamps')}` to `typical`: each row then takes its place in `site.year`; or use "
            "a file of one year.",
        )


def wrapped(
    index: pd.DatetimeIndex, rows: NDArray[np.intp], year: int
) -> tuple[pd.DatetimeIndex, NDArray[np.intp], list[str]]:
    """Hours that another time zone pushed out of the declared year, moved to its other end."""
    outside = np.asarray(index.year != year)
    if not outside.any():
        return index, rows, []
    local = index.tz_localize(None)
    length = np.timedelta64(366 if _is_leap(year) else 365, "D")
    moved = local + (year - index.year.to_numpy()) * length
    order = np.argsort(moved.to_numpy(), kind="stable")
    back = pd.DatetimeIndex(moved[order], name=index.name).tz_localize(index.tz, ambiguous="infer")
    step = f"{int(outside.sum())} hours at the seam of the year moved to its other end"
    return back, rows[order], [step]


def _is_leap(year: int) -> bool:
    return pd.Timestamp(year=year, month=1, day=1).is_leap_year
