"""Clock times of a zone as instants: what a clock change makes twofold is told apart by the order of the rows."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, refuse_cells
from pvbesscar.oe2.dates import WrittenStamps
from pvbesscar.oe2.stamp_cells import SECONDS_PER_DAY
from pvbesscar.oe2.zone_words import fixed

Instants = NDArray[np.datetime64]
"""UTC, `datetime64[us]`, shape (rows,)."""
Mask = NDArray[np.bool_]


def instants(
    table: Table,
    column: str,
    stamps: WrittenStamps,
    zone: str,
    *,
    back: float,
    label: bool,
    rows: NDArray[np.intp] | None = None,
) -> Instants:
    """Starts of the intervals as instants.

    Parameters
    ----------
    table, column
        The file and its column of stamps, for messages.
    stamps
        Clock times in `zone`.
    zone
        IANA name.
    back
        From a stamp to the start of its interval [min].
    label
        A stamp names the end of its interval, so that it may be a label of the clock, no time that the clock shows:
        where the clock is put forward there is then no hour 3, where it is put back the hour 3 is there twice.
    rows
        Row of the file of each stamp, for messages; None where they are the rows in their order.

    Raises
    ------
    InputError
        A clock time does not exist, or exists twice and the rows do not show which is which.
    """
    shift = np.timedelta64(round(back * 60e6), "us")
    elapsed = _elapsed(stamps, zone)
    result = np.empty(len(stamps.day), dtype="datetime64[us]")
    result[elapsed] = _from_midnight(stamps, zone, elapsed) - shift
    of_file = np.arange(len(stamps.day)) if rows is None else rows
    rows = np.flatnonzero(~elapsed)
    clocks = stamps.naive[rows]
    names = None if stamps.names is None else [stamps.names[i] for i in rows]
    readings = [(clocks, shift)] + ([(clocks - shift, np.timedelta64(0, "us"))] if label and back else [])
    for naive, later in readings:
        local = _localized(naive, zone, names)
        if not np.isnat(local).any():
            result[rows] = local - later
            return result
    naive, later = readings[-1] if label else readings[0]
    _refuse(table, column, of_file[rows], naive, zone)
    raise AssertionError("a clock time that is neither missing nor twofold")


def refuse_hours_past_24(table: Table, column: str, stamps: WrittenStamps, rows: NDArray[np.intp], zone: str) -> None:
    """Refuse hours past 24:00 on days that the zone does not make longer, or does not count through."""
    past = stamps.clock > SECONDS_PER_DAY
    if stamps.offset is None and past.any():
        past &= ~_elapsed(stamps, zone)
    refuse_cells(
        table, column, rows[past], what=f"a date or hour that does not exist in {zone}",
        cause="an hour past 24:00, or the long day of a clock change in another zone, with all of its hours counted",
        hint="write hours 0 to 23 (or 1 to 24 for ends of intervals), or set "
        f"`{table.setting('timezone')}` to the zone whose long day it is.",
    )  # fmt: skip


def without_empty_hours(table: Table, stamps: WrittenStamps, rows: NDArray[np.intp], zone: str) -> NDArray[np.intp]:
    """Which stamps are kept: all but those of rows without any value at an hour that their day does not have.

    Tables with a column for each hour have a cell for the hour that a clock change skips, and one for the hour that it
    adds; on other days that cell is empty.
    """
    kept = np.arange(len(rows))
    days, of_row = np.unique(stamps.day, return_inverse=True)
    hours = _hours(days, zone)[of_row]
    step = np.timedelta64(60, "m") if stamps.minutes is None else np.timedelta64(stamps.minutes, "m")
    starts = stamps.naive - (step if stamps.until_24 else np.timedelta64(0, "m"))
    clock = stamps.clock - (float(step / np.timedelta64(1, "s")) if stamps.until_24 else 0.0)
    odd = np.flatnonzero((hours != 24.0) | (clock >= SECONDS_PER_DAY))
    if not len(odd):
        return kept
    values = [cells for cells in table.columns.values() if any(not cell for cell in cells)]
    others = [cells for cells in values if not all(cells[rows[i]] for i in odd)]
    empty = np.zeros(len(rows), dtype=bool)
    empty[odd] = [bool(others) and all(not cells[rows[i]] for cells in others) for i in odd]
    skipped = np.zeros(len(rows), dtype=bool)
    skipped[odd] = spring_hours(starts[odd], zone)
    cut = empty & skipped
    short = np.isin(stamps.day, stamps.day[cut])
    beyond = empty & (clock >= hours * 3600.0) & ~short
    return np.asarray(kept[~(cut | beyond)])


def spring_hours(naive: NDArray[np.datetime64], zone: str) -> Mask:
    """Which clock times the zone skips when its clock is put forward."""
    index = pd.DatetimeIndex(naive)
    there = index.tz_localize(zone, ambiguous=np.ones(len(index), dtype=bool), nonexistent="NaT")
    return np.asarray(there.isna())


def _elapsed(stamps: WrittenStamps, zone: str) -> Mask:
    """Rows of days whose hours are counted through the clock change: 25 on the long day, 23 on the short one."""
    chosen = np.zeros(len(stamps.day), dtype=bool)
    days, row_day = np.unique(stamps.day, return_inverse=True)
    hours = _hours(days, zone)
    if (hours == 24.0).all():
        return chosen
    greatest = np.zeros(len(days))
    np.maximum.at(greatest, row_day, stamps.clock)
    rows = np.bincount(row_day)
    least = np.full(len(days), np.inf)
    np.minimum.at(least, row_day, stamps.clock)
    usual = np.bincount(rows).argmax()
    # Counted from 1, the last label of a day is its length; counted from 0, the length less one step.
    step = 0.0 if stamps.until_24 else 24 * 3600.0 / usual
    ends = greatest + step == hours * 3600.0
    complete = rows == np.round(usual * hours / 24.0)
    from_first = least == (24 * 3600.0 / usual if stamps.until_24 else 0.0)
    counted = (hours != 24.0) & ends & complete & from_first
    return np.asarray(counted[row_day])


def _hours(days: NDArray[np.datetime64], zone: str) -> NDArray[np.float64]:
    """Length of days in a zone [h]."""
    return (_midnights(days + np.timedelta64(1, "D"), zone) - _midnights(days, zone)) / np.timedelta64(1, "h")


def _midnights(days: NDArray[np.datetime64], zone: str) -> Instants:
    """First instant of days in a zone, in UTC; where the clock skips midnight, the moment that it is put forward."""
    index = pd.DatetimeIndex(days).tz_localize(
        zone, ambiguous=np.ones(len(days), dtype=bool), nonexistent="shift_forward"
    )
    return np.asarray(index.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy())


def _from_midnight(stamps: WrittenStamps, zone: str, rows: Mask) -> Instants:
    days, of_row = np.unique(stamps.day[rows], return_inverse=True)
    if not len(days):
        return np.empty(0, dtype="datetime64[us]")
    return np.asarray(_midnights(days, zone)[of_row] + np.round(stamps.clock[rows] * 1e6).astype("timedelta64[us]"))


def _localized(naive: NDArray[np.datetime64], zone: str, names: Sequence[str] | None) -> Instants:
    """UTC of clock times; not a time (NaT) where they do not exist, or are twofold and not told apart."""
    index = pd.DatetimeIndex(naive)
    summer = index.tz_localize(zone, ambiguous=np.ones(len(index), dtype=bool), nonexistent="NaT")
    winter = index.tz_localize(zone, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="NaT")
    first, second = (
        np.array(index.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()) for index in (summer, winter)
    )
    if names is not None:
        return _by_name(first, second, names, zone)
    twofold = first != second
    twofold &= ~(np.isnat(first) & np.isnat(second))
    if twofold.any():
        rows = np.flatnonzero(twofold)
        seen, of_row, count = np.unique(naive[rows], return_inverse=True, return_counts=True)
        order = np.zeros(len(rows), dtype=int)
        passed = np.zeros(len(seen), dtype=int)
        for i, moment in enumerate(of_row):
            order[i] = passed[moment]
            passed[moment] += 1
        # Each of the two must be there, and no third.
        first[rows] = np.where(order == 0, first[rows], second[rows])
        first[rows[count[of_row] != 2]] = np.datetime64("NaT")
    return first


def _by_name(first: Instants, second: Instants, names: Sequence[str], zone: str) -> Instants:
    """The one of two instants at which the zone's clock bears the name that the stamp says."""
    there = zoneinfo.ZoneInfo(zone)
    result = np.full(len(first), np.datetime64("NaT"), dtype="datetime64[us]")
    for candidate in (first, second):
        fits = [
            not np.isnat(moment) and (not name or _name(moment, there) == name)
            for moment, name in zip(candidate, names, strict=True)
        ]
        unnamed_twofold = np.array([not name for name in names]) & (first != second)
        chosen = np.array(fits) & np.isnat(result) & ~unnamed_twofold
        result[chosen] = candidate[chosen]
    return result


def _name(moment: np.datetime64, zone: zoneinfo.ZoneInfo) -> str | None:
    return pd.Timestamp(moment).tz_localize("UTC").astimezone(zone).tzname()


def _refuse(table: Table, column: str, rows: NDArray[np.intp], naive: NDArray[np.datetime64], zone: str) -> None:
    key = table.setting("timezone")
    index = pd.DatetimeIndex(naive)
    skipped = spring_hours(naive, zone)
    fixed = fixed_zone(zone, int(index.year[0]))
    standard = f", `{fixed}` for the standard time of {zone} all the year" if fixed else ""
    refuse_cells(
        table, column, rows[np.flatnonzero(skipped)], what=f"a time that does not exist in {zone}",
        cause="a clock that is not put forward: the file is in standard time all the year, or in UTC",
        hint=f"set `{key}` to the zone that the stamps are in{standard}.",
    )  # fmt: skip
    winter = index.tz_localize(zone, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="NaT")
    summer = index.tz_localize(zone, ambiguous=np.ones(len(index), dtype=bool), nonexistent="NaT")
    twofold = np.flatnonzero(np.asarray(winter != summer))
    refuse_cells(
        table, column, rows[twofold], what=f"a time that exists twice in {zone}, and is not there twice",
        cause="the hour that the clock repeats was left out, added up, or exported more than twice",
        hint=f"write these stamps with their offset (2024-01-31T13:00:00-05:00), or set `{key}` to the zone that the "
        f"stamps are in{standard}.",
    )  # fmt: skip
    refuse_cells(
        table, column, rows, what=f"the name of a zone that {zone} does not bear then",
        cause="stamps of another zone", hint=f"set `{key}` to the zone that the stamps are in.",
    )  # fmt: skip


def fixed_zone(zone: str, year: int) -> str | None:
    """Zone without clock changes that has the standard time of a zone; None where none is named so."""
    middays = pd.DatetimeIndex([f"{year}-01-15 12:00", f"{year}-07-15 12:00"]).tz_localize(zone)
    offsets = middays.tz_localize(None) - middays.tz_convert("UTC").tz_localize(None)
    hours = offsets.min() / pd.Timedelta(hours=1)
    return fixed(int(hours)) if hours == int(hours) else None
