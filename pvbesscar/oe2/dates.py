"""Columns of time as a file writes them, with the order of day, month and year stated or proven."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, cell_error, refuse_cells
from pvbesscar.oe2.stamp_cells import (
    EPOCHS,
    SECONDS_PER_DAY,
    Parts,
    day_of,
    is_stamp,
    number_of_time,
    parts,
    span,
    year_of,
)

Order = Literal["year first", "day first", "month first"]
Days = NDArray[np.datetime64]
Seconds = NDArray[np.float64]
PLACES: dict[Order, tuple[int, int, int]] = {"year first": (0, 1, 2), "day first": (2, 1, 0), "month first": (2, 0, 1)}
"""Where year, month and day stand among the three numbers of a date."""
EXAMPLE = "2024-01-31 13:00:00 or 31/01/2024 13:00"
UNIX_DAY = np.datetime64("1970-01-01", "D")
SHEET_DAY = np.datetime64("1899-12-30", "D")
"""Day 0 of a spreadsheet, whose 1900 has a 29 February."""
UTC_ZONES = {"UTC", "Etc/UTC", "Etc/GMT", "GMT"}
MINUTES = (1, 5, 10, 15, 20, 30, 60)
SPANS_OF_OFFSETS = 4
"""A zone has at most a few offsets in a year; more of them are ends of intervals."""


@dataclass(frozen=True, slots=True)
class WrittenStamps:
    """Stamps as the file writes them.

    Attributes
    ----------
    day
        Date of each row, `datetime64[D]`, shape (rows,).
    clock
        Seconds since that day's midnight, shape (rows,); 86,400 is 24:00, more is the hour that a long day has over.
    offset
        Offset to UTC of each row [min], or None where the stamps carry none.
    names
        Abbreviation of the zone of each row, or None where the stamps carry none.
    until_24
        The hours or periods of a day are counted from 1: a stamp names the end of its interval.
    moment, minutes
        Moment of the interval that a stamp names and its length [min], where the layout itself says so; `within` is any
        moment of the interval.
    clocked
        The stamps have a clock, and are no dates alone.
    """

    day: Days
    clock: Seconds
    steps: tuple[str, ...]
    offset: NDArray[np.float64] | None = None
    names: list[str] | None = None
    until_24: bool = False
    moment: str | None = None
    minutes: int | None = None
    clocked: bool = True

    @property
    def naive(self) -> NDArray[np.datetime64]:
        """Clock times, `datetime64[us]`, shape (rows,)."""
        return np.asarray(self.day.astype("datetime64[us]") + np.round(self.clock * 1e6).astype("timedelta64[us]"))

    @property
    def instants(self) -> NDArray[np.datetime64]:
        """UTC where the stamps carry an offset, else their clock times; `datetime64[us]`, shape (rows,)."""
        if self.offset is None:
            return self.naive
        return np.asarray(self.naive - np.round(self.offset * 60e6).astype("timedelta64[us]"))

    def taken(self, rows: NDArray[np.intp]) -> WrittenStamps:
        """Return the stamps of some rows, in the order given."""
        return replace(
            self, day=self.day[rows], clock=self.clock[rows],
            offset=None if self.offset is None else self.offset[rows],
            names=None if self.names is None else [self.names[i] for i in rows],
        )  # fmt: skip


def holds_stamps(cells: Sequence[str]) -> bool:
    """Whether most of the cells that are not empty are stamps, each taken alone."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and 2 * sum(map(is_stamp, filled)) > len(filled)


def written_stamps(table: Table, column: str) -> WrittenStamps:
    """Stamps of a column that holds date and time, a date alone, an interval, or a count of time.

    Raises
    ------
    InputError
        A cell is no stamp, or the order of day, month and year can not be known.
    """
    cells = table.columns[column]
    counted = number_of_time(cells)
    if counted is not None:
        return _counted(table, column, counted)
    found = [parts(cell) for cell in cells]
    if None in found or _are_spans(found):
        spans = [span(cell) for cell in cells]
        if all(spans):
            return _intervals(table, column, [sides for sides in spans if sides is not None])
    return _moments(table, column, found)


def dates_of(table: Table, column: str, found: Sequence[Parts | None], *, example: str = EXAMPLE) -> tuple[Days, str]:
    """Dates of stamps taken apart, and the order that they are written in.

    Raises
    ------
    InputError
        A cell is no stamp, a date does not exist, or the order is neither stated nor proven.
    """
    refuse_cells(
        table, column, [i for i, one in enumerate(found) if one is None], what="no stamp",
        cause="text, an empty cell or an unknown layout in a column of stamps",
        hint=f"write stamps like {example}; no row is dropped and no stamp is made up.",
    )  # fmt: skip
    all_parts = [one for one in found if one is not None]
    order, shown = _order(table, column, all_parts)
    known = {key: _date(key, order) for key in {(one.numbers, one.widths) for one in all_parts}}
    days = [known[one.numbers, one.widths] for one in all_parts]
    refuse_cells(
        table, column, [i for i, day in enumerate(days) if day is None],
        what="a date or hour that does not exist",
        cause="a day that the month does not have, or a year that is none", hint="write days that exist.",
    )  # fmt: skip
    return np.array(days, dtype="datetime64[D]"), shown


def refuse_clocks(table: Table, column: str, clock: Seconds) -> None:
    """Refuse hours that no day has."""
    refuse_cells(
        table, column, np.flatnonzero(clock < 0.0), what="a date or hour that does not exist",
        cause="an hour past 24:00, or one past 12 with AM or PM",
        hint="write hours 0 to 23 (or 1 to 24 for ends of intervals), on days that exist.",
    )  # fmt: skip


def _are_spans(found: Sequence[Parts | None]) -> bool:
    """Whether what could be an offset (`00:00-01:00`) differs from row to row as no offset does."""
    return len({one.zone for one in found if one is not None and isinstance(one.zone, float)}) > SPANS_OF_OFFSETS


def _moments(table: Table, column: str, found: Sequence[Parts | None]) -> WrittenStamps:
    day, order = dates_of(table, column, found)
    all_parts = [one for one in found if one is not None]
    clock = np.array([one.clock or 0.0 for one in all_parts])
    refuse_clocks(table, column, clock)
    offset, names = _zones(table, column, [one.zone for one in all_parts])
    stamps = WrittenStamps(
        day, clock, (f"`{column}` read as {order}",), offset, names, until_24=bool((clock == SECONDS_PER_DAY).any()),
        clocked=any(one.clock is not None for one in all_parts),
    )  # fmt: skip
    if all(len(cell) == 13 and cell[8] == ":" and cell.replace(":", "").isdigit() for cell in table.columns[column]):
        zone = table.layout.timezone
        if zone is not None and zone not in UTC_ZONES and "utc" not in column.casefold():
            steps = (
                f"`{column}` read as stamps of PVGIS, brought to {zone}; each is taken as the hour that it lies in",
            )
            return WrittenStamps(day, clock - clock % 3600.0, steps, moment="start", minutes=60)
        # PVGIS writes UTC, and the minute of the hour at which its satellite or reanalysis has the values.
        steps = (f"`{column}` read as stamps of PVGIS, in UTC",)
        return WrittenStamps(day, clock, steps, np.zeros(len(day)), moment="within", minutes=60)
    return stamps


def _intervals(table: Table, column: str, spans: Sequence[tuple[str, str]]) -> WrittenStamps:
    """Stamps of intervals that name both their ends: the starts, and the length that all of them have."""
    starts = _moments(table, column, [parts(start) for start, _ in spans])
    step = f"`{column}` holds both ends of each interval: the starts are taken"
    ends = [_clock_at_end(end, start) for (_, end), start in zip(spans, table.columns[column], strict=True)]
    lengths, counts = np.unique((np.array(ends) - starts.clock) % SECONDS_PER_DAY, return_counts=True)
    minutes = float(lengths[counts.argmax()]) / 60
    return WrittenStamps(
        starts.day, starts.clock, (*starts.steps, step), starts.offset, starts.names, moment="start",
        minutes=int(minutes) if minutes in MINUTES else None, clocked=starts.clocked,
    )  # fmt: skip


def _clock_at_end(end: str, cell: str) -> float:
    """Seconds since midnight of the end of an interval; the end may be a clock alone, the last of the cell."""
    whole = parts(end)
    if whole is not None and whole.clock is not None:
        return whole.clock
    hour, minute = re.findall(r"(\d{1,2}):(\d{2})", cell)[-1]
    return int(hour) * 3600.0 + int(minute) * 60.0


def _counted(table: Table, column: str, unit: str) -> WrittenStamps:
    """Stamps that count seconds since 1970 (UTC by definition), or the days of a spreadsheet (its own clock)."""
    values = np.array([float(cell.replace(",", ".")) for cell in table.columns[column]])
    if unit == "days":
        whole = np.floor(values)
        # A spreadsheet's fraction of a day is exact to less than a millisecond.
        clock = np.round((values - whole) * SECONDS_PER_DAY, 2)
        day = SHEET_DAY + whole.astype(int).astype("timedelta64[D]")
        clock = np.where(np.abs(clock - np.round(clock)) < 0.05, np.round(clock), clock)
        table.decide("dates", "days of a spreadsheet", f"every cell of `{column}` is a number like {values[0]:g}")
        return WrittenStamps(day, clock, (f"`{column}` read as days of a spreadsheet (1 is 1 January 1900)",))
    seconds = values / EPOCHS[unit]
    days = np.floor(seconds / SECONDS_PER_DAY)
    table.decide("dates", f"{unit} since 1970", f"every cell of `{column}` is a number like {values[0]:.0f}")
    return WrittenStamps(
        UNIX_DAY + days.astype(int).astype("timedelta64[D]"), seconds - days * SECONDS_PER_DAY,
        (f"`{column}` read as {unit} since 1970-01-01 00:00 UTC",), np.zeros(len(values)),
    )  # fmt: skip


def _zones(
    table: Table, column: str, zones: Sequence[float | str | None]
) -> tuple[NDArray[np.float64] | None, list[str] | None]:
    """Offset of each stamp [min], or the abbreviation of each, or neither."""
    if not any(zone is not None for zone in zones):
        return None, None
    without = [i for i, zone in enumerate(zones) if zone is None]
    names = [zone for zone in zones if isinstance(zone, str)]
    if names and without and len(names) + len(without) == len(zones):
        # Some exports write the zone only where a clock change makes the stamp twofold.
        return None, [zone if isinstance(zone, str) else "" for zone in zones]
    refuse_cells(
        table, column, without, what="a stamp without offset where others have one",
        cause="rows of two exports in one file", hint="write all stamps with their offset, or none.",
    )  # fmt: skip
    if not names:
        return np.array(zones, dtype=np.float64), None
    mixed = [i for i, zone in enumerate(zones) if not isinstance(zone, str)]
    refuse_cells(
        table, column, mixed, what="an offset where others have the name of a zone",
        cause="rows of two exports in one file", hint="write all stamps with their offset, or none.",
    )  # fmt: skip
    return None, names


def _date(key: tuple[tuple[int, int, int], tuple[int, int, int]], order: Order) -> dt.date | None:
    numbers, widths = key
    year, month, day = PLACES[order]
    if order == "year first" and numbers[0] < 0:
        return None
    return day_of(year_of(numbers[year], widths[year]), abs(numbers[month]), numbers[day])


def _order(table: Table, column: str, found: Sequence[Parts]) -> tuple[Order, str]:
    """Order of the dates, from its key or the evidence of the column, and how it is shown."""
    widths = {one.widths for one in found}
    first, last = {w[0] > 2 for w in widths}, {w[2] > 2 for w in widths}
    if len(first) > 1 or len(last) > 1:
        mixed = [i for i, one in enumerate(found) if one.widths[0] > 2 or one.widths[2] <= 2]
        raise cell_error(
            table, column, mixed, what="a date in another layout than the rest",
            cause="rows of two exports in one file", hint="write all dates alike, with four digits of the year.",
        )  # fmt: skip
    declared = table.layout.dates
    if first == {True}:
        return _year_first(table, column, declared)
    if last == {False}:
        return _two_digits(table, column, found, declared)
    return _day_or_month(table, column, found, declared)


def _year_first(table: Table, column: str, declared: str | None) -> tuple[Order, str]:
    key = table.setting("dates")
    if declared not in {None, "year_first"}:
        raise cell_error(
            table, column, [0], what=f"dates with the year first, where `{key}` says {declared}",
            cause="another file than the key was set for", hint=f"remove `{key}`.",
        )  # fmt: skip
    table.decide("dates", "year first", f"every date of `{column}` begins with four digits")
    return "year first", "year first"


def _two_digits(table: Table, column: str, found: Sequence[Parts], declared: str | None) -> tuple[Order, str]:
    """Order of dates with two digits of the year: the one under which most dates follow the day before."""
    key = table.setting("dates")
    shown = "with two digits of the year"
    if declared is not None:
        order = {"year_first": "year first", "day_first": "day first", "month_first": "month first"}[declared]
        table.decide("dates", f"{order}, {shown}", f"`{key}` says so")
        return _known(order), f"{order}, {shown}"
    keys = list(dict.fromkeys((one.numbers, one.widths) for one in found))
    candidates = [order for order in PLACES if _is_in_order(keys, order)]
    if len(candidates) == 1:
        order = candidates[0]
        table.decide("dates", f"{order}, {shown}", f"only so do the {len(keys)} dates of `{column}` follow each other")
        return order, f"{order}, {shown}"
    raise cell_error(
        table, column, range(len(found)), what="a date with two digits of the year, whose order no row proves",
        cause="a regional setting of the export",
        hint=f"set `{key}` to `day_first`, `month_first` or `year_first`, or export the dates as YYYY-MM-DD.",
    )  # fmt: skip


def _known(order: str) -> Order:
    return next(known for known in PLACES if known == order)


def _is_in_order(keys: Sequence[tuple[tuple[int, int, int], tuple[int, int, int]]], order: Order) -> bool:
    """Whether the dates exist in an order, and most are one day after (or before) the one above."""
    if any(number < 0 for numbers, _ in keys for number in (numbers[0], numbers[2])) and order != "month first":
        return False
    if order == "month first" and any(numbers[1] < 0 for numbers, _ in keys):
        return False
    days = [_date(key, order) for key in keys]
    known = [day.toordinal() for day in days if day is not None]
    if len(known) < len(days) or len(known) < 2:
        return False
    return 2 * int((np.abs(np.diff(known)) == 1).sum()) > len(known) - 1


def _day_or_month(table: Table, column: str, found: Sequence[Parts], declared: str | None) -> tuple[Order, str]:
    key = table.setting("dates")
    if declared == "year_first":
        raise cell_error(
            table, column, [0], what=f"dates with the year last, where `{key}` says {declared}",
            cause="another file than the key was set for", hint=f"remove `{key}`.",
        )  # fmt: skip
    if found[0].numbers[0] < 0 or found[0].numbers[1] < 0:
        order: Order = "month first" if found[0].numbers[0] < 0 else "day first"
        mixed = [i for i, one in enumerate(found) if (one.numbers[0] < 0, one.numbers[1] < 0) != (
            order == "month first", order == "day first")]  # fmt: skip
        refuse_cells(
            table, column, mixed, what="a date in another layout than the rest",
            cause="rows of two exports in one file", hint="write all dates alike.",
        )  # fmt: skip
        table.decide("dates", order, f"`{column}` writes months by their names")
        return order, order
    day_first = [i for i, one in enumerate(found) if one.numbers[0] > 12 or one.numbers[1] < 0]
    month_first = [i for i, one in enumerate(found) if one.numbers[1] > 12 or one.numbers[0] < 0]
    if declared is not None:
        against = month_first if declared == "day_first" else day_first
        refuse_cells(
            table, column, against, what=f"a date that does not exist where `{key}` says {declared}",
            cause="another regional setting of the export", hint=f"correct `{key}`, or export dates as YYYY-MM-DD.",
        )  # fmt: skip
        order = _known(declared.replace("_", " "))
        table.decide("dates", order, f"`{key}` says so")
        return order, order
    if bool(day_first) != bool(month_first):
        order, proof = ("day first", day_first[0]) if day_first else ("month first", month_first[0])
        why = f"line {table.lines[proof]}: `{table.columns[column][proof]}` allows nothing else"
        table.decide("dates", order, why)
        return order, order
    rows = month_first or list(range(len(found)))
    what = (
        "a day in the second place where other rows have it in the first"
        if month_first
        else "a date that may be day or month first"
    )
    raise cell_error(
        table, column, rows, what=what,
        cause="a regional setting of the export; no date of the file, or both orders, can be proven",
        hint="export the dates as YYYY-MM-DD." if month_first else f"set `{key}`, or export the dates as YYYY-MM-DD.",
    )  # fmt: skip
