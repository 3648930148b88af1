"""Intervals of a file's rows in the site's time: zone, length and moment stated by a key or proven by the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import declared_year
from pvbesscar.oe2.cells import Table, refuse_cells
from pvbesscar.oe2.dates import WrittenStamps, written_stamps
from pvbesscar.oe2.local_time import instants, refuse_hours_past_24, without_empty_hours
from pvbesscar.oe2.time_columns import find_time, refuse_other_time, refuse_stamps, stated_moment
from pvbesscar.oe2.typical_year import in_declared_year, refuse_typical, wrapped
from pvbesscar.oe2.zone_words import UnclearZoneError, zone_in
from schemas.errors import InputError
from schemas.settings import SiteSettings

FloatArray = NDArray[np.float64]
DAY = 24 * 60
NAMED_ZONE = re.compile(r"time ?zone|zona horaria|huso horario|time reference", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Starts of the intervals of a file's rows, how they were read, and which columns they took.

    Attributes
    ----------
    index
        Start of each row's interval, in the site's time, shape (rows,).
    minutes
        Length of the intervals [min].
    rows
        Row of the file that each entry of the index is of, from 0; None where they are the rows in their order.
    """

    index: pd.DatetimeIndex
    transformations: tuple[str, ...]
    columns: tuple[str, ...]
    stamped: bool
    minutes: int = 60
    rows: NDArray[np.intp] | None = None

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
        if self.rows is not None:
            columns = {name: values[self.rows] for name, values in columns.items()}
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
        rows = np.arange(len(self.index)) if self.rows is None else self.rows
        back = np.flatnonzero(np.diff(self.index.asi8) <= 0) + 1
        refuse_cells(
            table, column, rows[back],
            what=f"a stamp not later than the one above, in rows of {self.minutes} min",
            cause="two exports that overlap, or a clock change",
            hint="export each interval once, in order; hours can not be formed from repeated rows.",
        )  # fmt: skip
        off = np.flatnonzero((self.index.minute % self.minutes != 0) | (self.index.second != 0))
        refuse_cells(
            table, column, rows[off], what=f"a stamp off the grid of {self.minutes} min",
            cause="a logger with a drifting clock, or stamps at the middle of the interval",
            hint=f"set `{table.setting('timestamps')}`, or export rows that begin on the grid.",
        )  # fmt: skip


def time_axis(table: Table, site: SiteSettings) -> TimeAxis:
    """Local start of each row's interval; the declared year from 1 January where a key says that there are no stamps.

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
    if table.layout.stamps == "none":
        refuse_stamps(table)
        return _declared(table, site)
    found = find_time(table)
    if found is None:
        refuse_other_time(table)
        raise InputError(
            f"{table.named}: no column holds stamps.{table.first_rows()}",
            hint=f"export the stamps; or, where the rows are the intervals of `site.year` ({site.year}) from 1 January "
            f"00:00 on, set `{table.setting('stamps')}` to `none`.",
        )
    stamps = found.read()
    if not stamps.clocked:
        raise InputError(
            f"{table.named}: column `{found.columns[0]}` looks like stamps (`{table.columns[found.columns[0]][0]}`), "
            f"but has dates alone, and no other column holds their hours.{table.first_rows()}",
            hint="export the hour of each row, in that column or in a column `hora` beside it.",
        )
    return _stamped(table, found.columns, stamps, site)


def parse_stamps(table: Table, column: str, site: SiteSettings) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Read a column of stamps, each a moment, as tz-aware local time.

    Stamps with an offset are converted to the site's time zone; those without are in the file's zone (`timezone` of the
    file, or what the header says), else local time already.
    """
    stamps = written_stamps(table, column)
    zone, why = _zone(table, (column,), site)
    index = _local(table, column, stamps, site, (zone, why))
    _decide_zone(table, column, stamps, (zone, why))
    where = f"stamps taken as {zone} time"
    if stamps.offset is not None:
        where = f"stamps with offset converted to {site.timezone}"
    return index, (*stamps.steps, where)


def _stamped(table: Table, columns: tuple[str, ...], stamps: WrittenStamps, site: SiteSettings) -> TimeAxis:
    zone, why = _zone(table, columns, site)
    stamps, rows, steps = _rows_in_order(table, stamps, zone)
    refuse_hours_past_24(table, columns[-1], stamps, rows, zone)
    if table.layout.stamps == "typical":
        stamps, step = in_declared_year(table, columns[0], stamps, site.year)
        steps.append(step)
    minutes = _interval(table, stamps)
    if table.layout.stamps is None:
        refuse_typical(table, stamps, minutes)
    _decide_zone(table, columns[0], stamps, (zone, why))
    moment = _moment(table, columns, stamps, zone, site, minutes)
    back = {"start": 0.0, "end": float(minutes), "middle": minutes / 2, "within": 0.0}[moment]
    index = _local(table, columns[-1], stamps, site, (zone, why), back=back, label=moment == "end", rows=rows)
    if moment == "within":
        index = index.tz_convert("UTC").floor(f"{minutes}min").tz_convert(site.timezone)
    if table.layout.stamps == "typical":
        index, rows, seam = wrapped(index, rows, site.year)
        steps += seam
    said = f"stamps taken as {moment} of intervals of {minutes} min, in {zone} time"
    if stamps.offset is not None:
        said = f"stamps with offset converted to {site.timezone}, taken as {moment} of intervals of {minutes} min"
    if moment == "within":
        said = f"stamps in UTC taken as the hour that they lie in, and brought to {site.timezone}"
    told = [*stamps.steps, *steps, said]
    if back:
        told.append(f"stamps moved back by {back:g} min to the start of their intervals")
    in_order = np.array_equal(rows, np.arange(len(table.lines)))
    return TimeAxis(index, tuple(told), columns, stamped=True, minutes=minutes, rows=None if in_order else rows)


def _rows_in_order(table: Table, stamps: WrittenStamps, zone: str) -> tuple[WrittenStamps, NDArray[np.intp], list[str]]:
    """Rows from oldest to newest, without the empty ones of hours that their day does not have."""
    rows = np.arange(len(table.lines))
    steps: list[str] = []
    back = np.diff(stamps.instants).astype(np.int64)
    if len(rows) > 2 and 2 * int((back < 0).sum()) > len(back):
        rows, stamps = rows[::-1], stamps.taken(rows[::-1])
        steps.append("rows from newest to oldest read from their end")
        table.decide("order of the rows", "newest first", "most rows are earlier than the row above")
    if stamps.offset is None:
        kept = without_empty_hours(table, stamps, rows, zone)
        if len(kept) < len(rows):
            steps.append(f"{len(rows) - len(kept)} empty rows at hours that their day does not have left out")
            rows, stamps = rows[kept], stamps.taken(kept)
    return stamps, rows, steps


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
    table.decide("time", f"declared year {site.year}", f"`{table.setting('stamps')}` says that it has no stamps")
    step = f"no stamps in the file: rows take the declared year, from {index[0]:%Y-%m-%d %H:%M} local time"
    return TimeAxis(index, (step,), (), stamped=False, minutes=minutes or 60)


def _zone(table: Table, columns: tuple[str, ...], site: SiteSettings) -> tuple[str, str]:
    """Zone of stamps without offset, and why: by key, by the header or the lines above it, else the site's."""
    key, declared = table.setting("timezone"), table.layout.timezone
    if declared is not None:
        return declared, f"`{key}` says so"
    headers = [(column, f"the header `{column}`") for column in columns]
    unread = []
    for text, where in (*headers, *((line, f"`{line[:60]}`") for line in table.zone_lines)):
        try:
            stated = zone_in(text)
        except UnclearZoneError as error:
            raise InputError(
                f"{table.named}: {where} names the time zone {error}, which may be a clock with or without summer "
                "time, or that of another place.",
                hint=f"set `{key}` to the zone of the stamps, for example `{site.timezone}` or `Etc/GMT+5`.",
            ) from error
        if stated is not None:
            return stated, f"{where} says so"
        if text not in columns and NAMED_ZONE.search(text):
            unread.append(where)  # the line below may hold what this one names
    if unread:
        raise InputError(
            f"{table.named}: {unread[0]} speaks of the time zone, and not in words that are read.",
            hint=f"set `{key}` to the zone of the stamps, for example `{site.timezone}` or `Etc/GMT+5`.",
        )
    return site.timezone, "stamps without offset are in the site's time (`site.timezone`)"


def _decide_zone(table: Table, column: str, stamps: WrittenStamps, zone: tuple[str, str]) -> None:
    if stamps.offset is None:
        table.decide("time zone", *zone)
    else:
        table.decide("time zone", "offset of each stamp", f"the stamps of `{column}` carry it")


def _local(
    table: Table,
    column: str,
    stamps: WrittenStamps,
    site: SiteSettings,
    zone: tuple[str, str],
    *,
    back: float = 0.0,
    label: bool = False,
    rows: NDArray[np.intp] | None = None,
) -> pd.DatetimeIndex:
    """Starts of the intervals in the site's time."""
    if stamps.offset is None:
        if table.layout.timezone is not None and stamps.names is not None and len(set(stamps.names)) == 1:
            stamps = replace(stamps, names=None)  # the key says what the one name means
        found = instants(table, column, stamps, zone[0], back=back, label=label, rows=rows)
    else:
        _refuse_other_offsets(table, column, stamps, rows)
        found = stamps.instants - np.timedelta64(round(back * 60e6), "us")
    return pd.DatetimeIndex(found, name="timestamp").tz_localize("UTC").tz_convert(site.timezone)


def _refuse_other_offsets(table: Table, column: str, stamps: WrittenStamps, rows: NDArray[np.intp] | None) -> None:
    declared = table.layout.timezone
    if declared is None:
        return
    there = pd.DatetimeIndex(stamps.instants).tz_localize("UTC").tz_convert(declared).tz_localize(None)
    against = np.flatnonzero(there != pd.DatetimeIndex(stamps.naive))
    refuse_cells(
        table, column, against if rows is None else rows[against],
        what=f"an offset that {declared} does not have then",
        cause=f"`{table.setting('timezone')}` was set for another file",
        hint=f"remove `{table.setting('timezone')}`: the stamps say their offset themselves.",
    )  # fmt: skip


def _interval(table: Table, stamps: WrittenStamps) -> int:
    """Length of the intervals [min]: the step of most rows, which a key may not contradict."""
    key, declared = table.setting("interval_minutes"), table.layout.interval_minutes
    steps = np.diff(stamps.instants).astype(np.int64) / 60e6  # they count microseconds
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
    if stamps.minutes is not None and (usual is None or usual >= stamps.minutes):
        table.decide("interval", f"{stamps.minutes} min", "the stamps themselves say how long their intervals are")
        return stamps.minutes
    every = np.bincount(np.unique(stamps.instants, return_inverse=True)[1])
    if usual is None and every.min() > 1:
        raise InputError(
            f"{table.named}: each stamp is there {every.min()} times or more: a table with a row for each quantity, "
            f"meter or place.{table.first_rows()}",
            hint="export one of them, or a column for each.",
        )
    if usual is None:
        raise InputError(
            f"{table.named}: the length of the intervals can not be known: no step between "
            f"the {len(stamps.day)} stamps is the usual one.",
            hint=f"set `{key}` (15, 30 or 60), or export regular rows in order.",
        )
    if usual > 60 or usual < 1 or 60 % usual:
        raise InputError(
            f"{table.named}: most rows are {usual:.10g} min apart; hours, or parts of an hour that divide it, "
            "are read.",
            hint=f"export hourly data; `{key}` set to 60 keeps rows as hours with gaps between them.",
        )
    share = counts.max() / steps.size
    table.decide("interval", f"{usual:g} min", f"{share:.1%} of the rows are that far apart")
    return int(usual)


def _moment(
    table: Table, columns: tuple[str, ...], stamps: WrittenStamps, zone: str, site: SiteSettings, minutes: int
) -> str:
    """Which moment of its interval a stamp names: `start`, `end`, `middle`, or `within` where the layout says so."""
    key, declared = table.setting("timestamps"), table.layout.timestamps
    stated = next((said for said in map(stated_moment, columns) if said), None)
    if stamps.until_24 and (declared or stated or "end") != "end":
        raise InputError(
            f"{table.named}: hours run to 24:00, which is the end of an interval, where "
            f"{f'`{key}`' if declared else 'the header'} says {declared or stated}.",
            hint=f"set `{key}` to `end`, or count hours 0 to 23.",
        )
    if declared is not None:
        table.decide("stamps", declared, f"`{key}` says so")
        return declared
    if stamps.moment is not None:
        table.decide("stamps", stamps.moment, "the layout of the stamps says so")
        return stamps.moment
    if stated is not None:
        table.decide("stamps", stated, f"the header `{columns[0]}` says so")
        return stated
    if stamps.until_24:
        table.decide("stamps", "end", "hours run to 24:00: no interval begins there")
        return "end"
    own = pd.DatetimeIndex(stamps.naive)
    here = pd.DatetimeIndex([own.min(), own.max()]) if stamps.offset is None else pd.DatetimeIndex(stamps.instants)
    there = zone if stamps.offset is None else "UTC"
    local = here.tz_localize(there, ambiguous="NaT", nonexistent="NaT").tz_convert(site.timezone).dropna()
    for whose, clock in (("its own time", own), (f"{site.timezone} time", local)):
        found = _edges(clock, minutes) if len(clock) else None
        if found is not None:
            table.decide("stamps", found[0], f"in {whose} {found[1]}")
            return found[0]
    first, last = own.min(), own.max()
    raise InputError(
        f"{table.named}: stamps from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} do not "
        f"show whether they name the start or the end of their {minutes} min. Likely cause: a file that holds no whole "
        "days, or is stamped in another time zone.",
        hint=f"set `{key}` to `start`, `end` or `middle` (and `{table.setting('timezone')}` if it is not {zone}).",
    )


def _edges(clock: pd.DatetimeIndex, minutes: int) -> tuple[str, str] | None:
    """Moment that the first and last stamp prove: whole days run 00:00 to 23:00 by starts, 01:00 to 00:00 by ends."""
    first, last = clock.min(), clock.max()
    early, late = first.hour * 60 + first.minute, last.hour * 60 + last.minute
    starts, ends = early == 0 or late == DAY - minutes, late == 0
    if starts == ends:
        return None
    return ("start" if starts else "end"), f"the stamps run from {first:%H:%M} to {last:%H:%M}"
