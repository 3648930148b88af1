"""Intervals of a file's rows in the site's time: zone, length and moment stated by a key or proven by the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import year_start
from pvbesscar.oe2.cells import Table, plain, refuse_cells
from pvbesscar.oe2.dates import STAMP, WrittenStamps, written_date_and_hour, written_stamps
from schemas.errors import InputError
from schemas.settings import SiteSettings

FloatArray = NDArray[np.float64]
STAMP_HEADERS = ("timestamp", "fechahora", "fecha_hora", "datetime", "date_time", "marca_temporal")
DATE_HEADERS = ("fecha", "date", "dia")
HOUR_HEADERS = ("hora", "hour")
SUFFIXED_HEADERS = (*STAMP_HEADERS, "time", "tiempo", "period", "periodo", "interval", "intervalo")
"""Headers that a suffix may follow: `timestamp_utc`, `period_end`, `fecha_hora_inicio`."""
ZONE_SUFFIXES = {"utc": "UTC", "gmt": "UTC"}
MOMENT_SUFFIXES = {
    "start": "start", "begin": "start", "inicio": "start", "end": "end", "fin": "end", "middle": "middle",
}  # fmt: skip
DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Starts of the intervals of a file's rows, how they were read, and which columns they took.

    Attributes
    ----------
    index
        Start of each row's interval, in the site's time, shape (rows,).
    minutes
        Length of the intervals [min].
    """

    index: pd.DatetimeIndex
    transformations: tuple[str, ...]
    columns: tuple[str, ...]
    stamped: bool
    minutes: int = 60

    def hourly(
        self, table: Table, columns: Mapping[str, FloatArray], *, energies: bool
    ) -> tuple[pd.DatetimeIndex, dict[str, FloatArray], tuple[str, ...]]:
        """Bring rows shorter than an hour to hours; hourly rows stay as they are.

        Parameters
        ----------
        table
            The file, for messages.
        columns
            Values of each row, shape (rows,).
        energies
            True: energies per interval, added up; False: means over the interval, averaged.

        Returns
        -------
        index, columns, transformations
            Starts of the hours that the file has rows of, shape (hours,); an hour without all of its rows has no
            number (NaN).

        Raises
        ------
        InputError
            Rows shorter than an hour are out of order, repeated or off the grid: their hours can not be formed.
        """
        if self.minutes == 60:
            return self.index, dict(columns), ()
        self._check_grid(table)
        rows_per_hour = 60 // self.minutes
        of_row = self.index - pd.to_timedelta(self.index.minute, unit="min")
        _, first, count = np.unique(of_row.asi8, return_index=True, return_counts=True)
        whole = count == rows_per_hour
        divisor = 1 if energies else rows_per_hour
        result = {
            name: np.where(whole, np.add.reduceat(values, first) / divisor, np.nan) for name, values in columns.items()
        }
        steps = [f"{rows_per_hour} rows of {self.minutes} min make an hour: {'added up' if energies else 'averaged'}"]
        if not whole.all():
            steps.append(f"{int((~whole).sum())} hours without all of their rows have no number")
        return pd.DatetimeIndex(of_row[first], name="timestamp"), result, tuple(steps)

    def _check_grid(self, table: Table) -> None:
        if not self.stamped:
            return
        column = self.columns[-1]
        back = np.flatnonzero(np.diff(self.index.asi8) <= 0) + 1
        refuse_cells(
            table, column, back,
            what=f"a stamp not later than the one above, in rows of {self.minutes} min",
            cause="two exports that overlap, or a clock change",
            hint="export each interval once, in order; hours can not be formed from repeated rows.",
        )  # fmt: skip
        off = np.flatnonzero((self.index.minute % self.minutes != 0) | (self.index.second != 0))
        refuse_cells(
            table, column, off, what=f"a stamp off the grid of {self.minutes} min",
            cause="a logger with a drifting clock, or stamps at the middle of the interval",
            hint=f"set `{table.setting('timestamps')}`, or export rows that begin on the grid.",
        )  # fmt: skip


def time_axis(table: Table, site: SiteSettings) -> TimeAxis:
    """Local start of each row's interval; the declared year from 1 January where a file has no stamps at all.

    Parameters
    ----------
    table
        The file, with what the configuration says about it.
    site
        Its time zone and declared year.

    Raises
    ------
    InputError
        A stamp can not be read; the order of day and month, the length of the intervals, or the moment that stamps name
        can not be known; or a column looks like stamps but has a header that says something else.
    """
    column = _stamp_column(table)
    day, hour = table.find(DATE_HEADERS), table.find(HOUR_HEADERS)
    if column is not None:
        return _stamped(table, (column,), written_stamps(table, column), site)
    if day is not None and hour is not None:
        return _stamped(table, (day, hour), written_date_and_hour(table, day, hour), site)
    if day is not None and _has_clock(table.columns[day][0]):
        return _stamped(table, (day,), written_stamps(table, day), site)
    _refuse_hidden_stamps(table)
    return _declared(table, site)


def declared_year(site: SiteSettings, rows: int, minutes: int = 60) -> pd.DatetimeIndex:
    """Intervals of the declared year from 1 January 00:00 local time, each stamped at its start."""
    start = year_start(site.year, site.timezone)
    return pd.date_range(start, periods=rows, freq=f"{minutes}min", unit="us", name="timestamp")


def parse_stamps(table: Table, column: str, site: SiteSettings) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Read a column of stamps, each a moment, as tz-aware local time.

    Stamps with an offset are converted to the site's time zone; those without are in the file's zone (`timezone` of the
    file, or what the header says), else local time already.
    """
    stamps = written_stamps(table, column)
    index = _aware(table, column, stamps, site)
    zone = _zone(table, column, site)
    where = f"stamps with offset converted to {site.timezone}" if stamps.offset else f"stamps taken as {zone} time"
    return index, (*stamps.steps, where)


def _stamp_column(table: Table) -> str | None:
    plainly = table.find(STAMP_HEADERS)
    if plainly is not None:
        return plainly
    found = [header for header in table.columns if _suffixes(header) and STAMP.fullmatch(table.columns[header][0])]
    if len(found) > 1:
        # Start and end of the same interval: the start is what is kept here.
        found = [header for header in found if _stated_moment(header) == "start"] or found
    return found[0] if found else None


def _suffixes(header: str) -> list[str]:
    """Suffixes of a stamp header that say its zone or moment; none where it is no stamp header."""
    words = plain(header).split("_")
    said: list[str] = []
    while words and words[-1] in ZONE_SUFFIXES.keys() | MOMENT_SUFFIXES.keys():
        said.append(words.pop())
    return said if "_".join(words) in SUFFIXED_HEADERS else []


def _stated_moment(header: str) -> str | None:
    return next((MOMENT_SUFFIXES[word] for word in _suffixes(header) if word in MOMENT_SUFFIXES), None)


def _stated_zone(header: str) -> str | None:
    return next((ZONE_SUFFIXES[word] for word in _suffixes(header) if word in ZONE_SUFFIXES), None)


def _stamped(table: Table, columns: tuple[str, ...], stamps: WrittenStamps, site: SiteSettings) -> TimeAxis:
    index = _aware(table, columns[0], stamps, site)
    minutes = _interval(table, index)
    moment = _moment(table, columns, stamps, index, minutes)
    back = {"start": 0.0, "end": float(minutes), "middle": minutes / 2}[moment]
    said = f"stamps taken as {moment} of intervals of {minutes} min, in {_zone(table, columns[0], site)} time"
    if stamps.offset:
        said = f"stamps with offset converted to {site.timezone}, taken as {moment} of intervals of {minutes} min"
    steps = [*stamps.steps, said]
    if back:
        index = index - pd.Timedelta(minutes=back)
        steps.append(f"stamps moved back by {back:g} min to the start of their intervals")
    return TimeAxis(index, tuple(steps), columns, stamped=True, minutes=minutes)


def _declared(table: Table, site: SiteSettings) -> TimeAxis:
    rows, minutes = len(table.lines), table.layout.interval_minutes
    key = table.setting("interval_minutes")
    if minutes is None:
        if rows > 366 * 24:
            raise InputError(
                f"{table.named}: {rows:,} rows without stamps; a year has at most 8,784 hours, "
                "so the rows may be parts of an hour or more than a year.",
                hint=f"set `{key}` to the length of a row (15, 30 or 60), or export the stamps.",
            )
        table.decide("interval", "60 min", "no stamps, and no more rows than a year has hours")
    else:
        table.decide("interval", f"{minutes} min", f"`{key}` says so")
    index = declared_year(site, rows, minutes or 60)
    table.decide("time", f"declared year {site.year}", "no column holds stamps; `site.year` and `site.timezone` rule")
    step = f"no stamps in the file: rows take the declared year, from {index[0]:%Y-%m-%d %H:%M} local time"
    return TimeAxis(index, (step,), (), stamped=False, minutes=minutes or 60)


def _zone(table: Table, column: str, site: SiteSettings) -> str:
    """Zone of stamps without offset: by key, by the header, else the site's."""
    return table.layout.timezone or _stated_zone(column) or site.timezone


def _aware(table: Table, column: str, stamps: WrittenStamps, site: SiteSettings) -> pd.DatetimeIndex:
    if stamps.offset:
        return _with_offsets(table, column, stamps, site)
    zone, key = _zone(table, column, site), table.setting("timezone")
    why = "stamps without offset are in the site's time (`site.timezone`)"
    if table.layout.timezone is not None:
        why = f"`{key}` says so"
    elif _stated_zone(column) is not None:
        why = f"the header `{column}` says so"
    try:
        index = pd.DatetimeIndex(stamps.naive, name="timestamp").as_unit("us").tz_localize(zone)
    except ValueError as error:  # pandas' and zoneinfo's errors of clock changes are ValueErrors
        raise InputError(
            f"{table.path}: column `{column}`: a stamp does not exist or exists twice in {zone}: {error}.",
            hint=f"write stamps with their offset (2024-01-31T13:00:00-05:00), or set `{key}` to the zone that they "
            "are in (`UTC`, or a zone without clock changes).",
        ) from error
    table.decide("time zone", zone, why)
    return index.tz_convert(site.timezone)


def _with_offsets(table: Table, column: str, stamps: WrittenStamps, site: SiteSettings) -> pd.DatetimeIndex:
    utc = [stamp - offset for stamp, offset in zip(stamps.naive, stamps.offset, strict=True)]
    index = pd.DatetimeIndex(utc, name="timestamp").as_unit("us").tz_localize("UTC")
    declared = table.layout.timezone
    if declared is not None:
        there = index.tz_convert(declared).tz_localize(None)
        against = np.flatnonzero(there != pd.DatetimeIndex(stamps.naive))
        refuse_cells(
            table, column, against, what=f"an offset that {declared} does not have then",
            cause=f"`{table.setting('timezone')}` was set for another file",
            hint=f"remove `{table.setting('timezone')}`: the stamps say their offset themselves.",
        )  # fmt: skip
    table.decide("time zone", "offset of each stamp", f"the stamps of `{column}` carry it")
    return index.tz_convert(site.timezone)


def _interval(table: Table, index: pd.DatetimeIndex) -> int:
    """Length of the intervals [min]: the step of most rows, which a key may not contradict."""
    key, declared = table.setting("interval_minutes"), table.layout.interval_minutes
    steps = np.diff(index.asi8) / 60e6  # the index counts microseconds
    lengths, counts = np.unique(steps[steps > 0.0], return_counts=True)
    usual = float(lengths[counts.argmax()]) if lengths.size and 2 * counts.max() > steps.size else None
    if declared is not None:
        if usual is not None and usual < declared:
            raise InputError(
                f"{table.named}: most rows are {usual:g} min apart, where `{key}` says "
                f"{declared} min: rows would overlap.",
                hint=f"correct `{key}`, or remove it: the stamps say it themselves.",
            )
        table.decide("interval", f"{declared} min", f"`{key}` says so")
        return declared
    if usual is None:
        raise InputError(
            f"{table.named}: the length of the intervals can not be known: no step between "
            f"the {len(index)} stamps is the usual one.",
            hint=f"set `{key}` (15, 30 or 60), or export regular rows in order.",
        )
    if usual > 60 or usual < 1 or 60 % usual:
        raise InputError(
            f"{table.named}: most rows are {usual:g} min apart; hours, or parts of an hour that divide it, are read.",
            hint=f"export hourly data; `{key}` set to 60 keeps rows as hours with gaps between them.",
        )
    share = counts.max() / steps.size
    table.decide("interval", f"{usual:g} min", f"{share:.1%} of the rows are that far apart")
    return int(usual)


def _moment(
    table: Table, columns: tuple[str, ...], stamps: WrittenStamps, index: pd.DatetimeIndex, minutes: int
) -> str:
    """Which moment of its interval a stamp names: `start`, `end` or `middle`."""
    key, declared = table.setting("timestamps"), table.layout.timestamps
    stated = next((said for said in map(_stated_moment, columns) if said), None)
    if stamps.until_24 and (declared or stated or "end") != "end":
        raise InputError(
            f"{table.named}: hours run to 24:00, which is the end of an interval, where "
            f"{f'`{key}`' if declared else 'the header'} says {declared or stated}.",
            hint=f"set `{key}` to `end`, or count hours 0 to 23.",
        )
    if declared is not None:
        table.decide("stamps", declared, f"`{key}` says so")
        return declared
    if stated is not None:
        table.decide("stamps", stated, f"the header `{columns[0]}` says so")
        return stated
    if stamps.until_24:
        table.decide("stamps", "end", "hours run to 24:00: no interval begins there")
        return "end"
    clocks = [("its own time", pd.DatetimeIndex(stamps.naive)), (f"{index.tz} time", index)]
    for whose, clock in clocks:
        found = _edges(clock, minutes)
        if found is not None:
            table.decide("stamps", found[0], f"in {whose} {found[1]}")
            return found[0]
    first, last = min(stamps.naive), max(stamps.naive)
    raise InputError(
        f"{table.named}: stamps from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} do not "
        f"show whether they name the start or the end of their {minutes} min. Likely cause: a file that holds no whole "
        "days, or is stamped in another time zone.",
        hint=f"set `{key}` to `start`, `end` or `middle` (and `{table.setting('timezone')}` if it is not {index.tz}).",
    )


def _edges(clock: pd.DatetimeIndex, minutes: int) -> tuple[str, str] | None:
    """Moment that the first and last stamp prove: whole days run 00:00 to 23:00 by starts, 01:00 to 00:00 by ends."""
    first, last = clock.min(), clock.max()
    early, late = first.hour * 60 + first.minute, last.hour * 60 + last.minute
    starts, ends = early == 0 or late == DAY - minutes, late == 0
    if starts == ends:
        return None
    return ("start" if starts else "end"), f"the stamps run from {first:%H:%M} to {last:%H:%M}"


def _has_clock(cell: str) -> bool:
    match = STAMP.fullmatch(cell)
    return match is not None and match[5] is not None


def _refuse_hidden_stamps(table: Table) -> None:
    known = ", ".join(f"`{name}`" for name in (*STAMP_HEADERS, "fecha` with `hora"))
    for column, cells in table.columns.items():
        if STAMP.fullmatch(cells[0]):
            raise InputError(
                f"{table.named}: column `{column}` looks like stamps (`{cells[0]}`), but no "
                f"stamp column is known by that header; known are {known}.{table.first_rows()}",
                hint="rename the column to `timestamp`; the file's stamps are not replaced by the declared year.",
            )
