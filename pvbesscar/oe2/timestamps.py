"""Stamps of a file: read as written; their order, interval, moment and zone stated by a key or proven by the file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.delimited import Table, cell_error, plain
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

STAMP = re.compile(
    r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?",
    re.ASCII,
)
HOUR = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?", re.ASCII)
YEARS = range(1900, 2201)
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
        if back.size:
            raise cell_error(
                table, column, back.tolist(),
                what=f"a stamp not later than the one above, in rows of {self.minutes} min",
                cause="two exports that overlap, or a clock change",
                hint="export each interval once, in order; hours can not be formed from repeated rows.",
            )  # fmt: skip
        off = np.flatnonzero((self.index.minute % self.minutes != 0) | (self.index.second != 0))
        if off.size:
            raise cell_error(
                table, column, off.tolist(), what=f"a stamp off the grid of {self.minutes} min",
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
        return _stamped(table, (column,), _naive_stamps(table, column), site)
    if day is not None and hour is not None:
        return _stamped(table, (day, hour), _naive_date_and_hour(table, day, hour), site)
    if day is not None and _has_clock(table.columns[day][0]):
        return _stamped(table, (day,), _naive_stamps(table, day), site)
    _refuse_hidden_stamps(table)
    return _declared(table, site)


def declared_year(site: SiteSettings, rows: int, minutes: int = 60) -> pd.DatetimeIndex:
    """Intervals of the declared year from 1 January 00:00 local time, each stamped at its start."""
    return pd.date_range(
        f"{site.year}-01-01", periods=rows, freq=f"{minutes}min", tz=site.timezone, unit="us", name="timestamp"
    )


def parse_stamps(table: Table, column: str, site: SiteSettings) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Read a column of stamps, each a moment, as tz-aware local time.

    Stamps with an offset are converted to the site's time zone; those without are in the file's zone (`timezone` of the
    file, or what the header says), else local time already.
    """
    stamps = _naive_stamps(table, column)
    index = _aware(table, column, stamps, site)
    zone = _zone(table, column, site)
    where = f"stamps with offset converted to {site.timezone}" if stamps.offset else f"stamps taken as {zone} time"
    return index, (*stamps.steps, where)


@dataclass(frozen=True, slots=True)
class _Stamps:
    """Clock times as the file writes them, and their offset to UTC where they have one."""

    naive: list[dt.datetime]
    offset: list[dt.timedelta]
    steps: tuple[str, ...]
    until_24: bool


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


def _stamped(table: Table, columns: tuple[str, ...], stamps: _Stamps, site: SiteSettings) -> TimeAxis:
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
                f"{table.path} (named by `{table.key}`): {rows:,} rows without stamps; a year has at most 8,784 hours, "
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


def _naive_stamps(table: Table, column: str) -> _Stamps:
    parts = _match_all(table, column, STAMP, "2024-01-31 13:00:00 or 31/01/2024 13:00")
    order = _date_order(table, column, parts)
    until_24 = any(match[5] == "24" for match in parts)
    naive = _build(table, column, [_datetime(match, order) for match in parts])
    offsets = [match[9] for match in parts]
    return _Stamps(naive, _offsets(table, column, offsets), (f"`{column}` read as {order}",), until_24)


def _naive_date_and_hour(table: Table, day: str, hour: str) -> _Stamps:
    dates = _match_all(table, day, STAMP, "2024-01-31 or 31/01/2024")
    hours = _match_all(table, hour, HOUR, "13 or 13:00")
    order = _date_order(table, day, dates)
    midnight = _build(table, day, [_datetime(match, order) for match in dates])
    clock = _clocks(table, hour, [_clock(match) for match in hours])
    naive = [dt.datetime.combine(m.date(), dt.time()) + c for m, c in zip(midnight, clock, strict=True)]
    until_24 = any(c == dt.timedelta(days=1) for c in clock)
    return _Stamps(naive, [], (f"`{day}` ({order}) and `{hour}` joined",), until_24)


def _match_all(table: Table, column: str, pattern: re.Pattern[str], example: str) -> list[re.Match[str]]:
    matches = [pattern.fullmatch(cell) for cell in table.columns[column]]
    refused = [i for i, match in enumerate(matches) if match is None]
    if refused:
        raise cell_error(
            table, column, refused, what="no stamp",
            cause="text, an empty cell or an unknown layout in a column of stamps",
            hint=f"write stamps like {example}; no row is dropped and no stamp is made up.",
        )  # fmt: skip
    return [match for match in matches if match is not None]


def _date_order(table: Table, column: str, parts: Sequence[re.Match[str]]) -> str:
    """Layout of the dates: `year first`, `day first` or `month first`, from its key or the evidence of the column."""
    key, declared = table.setting("dates"), table.layout.dates
    year_first = [len(match[1]) == 4 for match in parts]
    if all(year_first):
        if declared is not None:
            raise cell_error(
                table, column, [0], what=f"dates with the year first, where `{key}` says {declared}",
                cause="another file than the key was set for", hint=f"remove `{key}`.",
            )  # fmt: skip
        table.decide("dates", "year first", f"every date of `{column}` begins with four digits")
        return "year first"
    mixed = [i for i, match in enumerate(parts) if year_first[i] or len(match[4]) != 4]
    if mixed:
        raise cell_error(
            table, column, mixed, what="a date in another layout than the rest, or a year without four digits",
            cause="rows of two exports in one file", hint="write all dates alike, with four digits of the year.",
        )  # fmt: skip
    day_first = [i for i, match in enumerate(parts) if int(match[1]) > 12]
    month_first = [i for i, match in enumerate(parts) if int(match[3]) > 12]
    if declared is not None:
        against = month_first if declared == "day_first" else day_first
        if against:
            raise cell_error(
                table, column, against, what=f"a date that does not exist where `{key}` says {declared}",
                cause="another regional setting of the export", hint=f"correct `{key}`, or export dates as YYYY-MM-DD.",
            )  # fmt: skip
        table.decide("dates", declared.replace("_", " "), f"`{key}` says so")
        return declared.replace("_", " ")
    if bool(day_first) != bool(month_first):
        order, proof = ("day first", day_first[0]) if day_first else ("month first", month_first[0])
        why = f"line {table.lines[proof]}: `{table.columns[column][proof]}` allows nothing else"
        table.decide("dates", order, why)
        return order
    rows = month_first or list(range(len(parts)))
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


def _datetime(match: re.Match[str], order: str) -> dt.datetime | None:
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    year, month, day = {
        "year first": (first, second, third),
        "day first": (third, second, first),
        "month first": (third, first, second),
    }[order]
    hour, minute, second = int(match[5] or 0), int(match[6] or 0), int(match[7] or 0)
    microsecond = int((match[8] or "").ljust(6, "0"))
    midnight = (hour, minute, second, microsecond) == (24, 0, 0, 0)
    if year not in YEARS:
        return None
    try:
        stamp = dt.datetime(year, month, day, 0 if midnight else hour, minute, second, microsecond)  # noqa: DTZ001 (localised later)
    except ValueError:
        return None
    return stamp + dt.timedelta(days=1) if midnight else stamp


def _clock(match: re.Match[str]) -> dt.timedelta | None:
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    clock = dt.timedelta(hours=hour, minutes=minute, seconds=second)
    return clock if minute < 60 and second < 60 and clock <= dt.timedelta(days=1) else None


def _build(table: Table, column: str, values: Sequence[dt.datetime | None]) -> list[dt.datetime]:
    _refuse_missing(table, column, [i for i, value in enumerate(values) if value is None])
    return [value for value in values if value is not None]


def _clocks(table: Table, column: str, values: Sequence[dt.timedelta | None]) -> list[dt.timedelta]:
    _refuse_missing(table, column, [i for i, value in enumerate(values) if value is None])
    return [value for value in values if value is not None]


def _refuse_missing(table: Table, column: str, refused: Sequence[int]) -> None:
    if refused:
        raise cell_error(
            table, column, refused, what="a date or hour that does not exist",
            cause="a day that the month does not have, an hour past 24:00, or a year that is none",
            hint="write hours 0 to 23 (or 1 to 24 for ends of intervals), on days that exist.",
        )  # fmt: skip


def _zone(table: Table, column: str, site: SiteSettings) -> str:
    """Zone of stamps without offset: by key, by the header, else the site's."""
    return table.layout.timezone or _stated_zone(column) or site.timezone


def _aware(table: Table, column: str, stamps: _Stamps, site: SiteSettings) -> pd.DatetimeIndex:
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


def _with_offsets(table: Table, column: str, stamps: _Stamps, site: SiteSettings) -> pd.DatetimeIndex:
    utc = [stamp - offset for stamp, offset in zip(stamps.naive, stamps.offset, strict=True)]
    index = pd.DatetimeIndex(utc, name="timestamp").as_unit("us").tz_localize("UTC")
    declared = table.layout.timezone
    if declared is not None:
        there = index.tz_convert(declared).tz_localize(None)
        against = np.flatnonzero(there != pd.DatetimeIndex(stamps.naive))
        if against.size:
            raise cell_error(
                table, column, against.tolist(), what=f"an offset that {declared} does not have then",
                cause=f"`{table.setting('timezone')}` was set for another file",
                hint=f"remove `{table.setting('timezone')}`: the stamps say their offset themselves.",
            )  # fmt: skip
    table.decide("time zone", "offset of each stamp", f"the stamps of `{column}` carry it")
    return index.tz_convert(site.timezone)


def _offsets(table: Table, column: str, offsets: Sequence[str | None]) -> list[dt.timedelta]:
    """Offset of each stamp to UTC, or none at all."""
    if not any(offsets):
        return []
    without = [i for i, offset in enumerate(offsets) if not offset]
    if without:
        raise cell_error(
            table, column, without, what="a stamp without offset where others have one",
            cause="rows of two exports in one file", hint="write all stamps with their offset, or none.",
        )  # fmt: skip
    return [_offset(offset or "Z") for offset in offsets]


def _offset(text: str) -> dt.timedelta:
    if text == "Z":
        return dt.timedelta()
    size = dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -size if text[0] == "-" else size


def _interval(table: Table, index: pd.DatetimeIndex) -> int:
    """Length of the intervals [min]: the step of most rows, which a key may not contradict."""
    key, declared = table.setting("interval_minutes"), table.layout.interval_minutes
    steps = np.diff(index.asi8) / 60e6  # the index counts microseconds
    lengths, counts = np.unique(steps[steps > 0.0], return_counts=True)
    usual = float(lengths[counts.argmax()]) if lengths.size and 2 * counts.max() > steps.size else None
    if declared is not None:
        if usual is not None and usual < declared:
            raise InputError(
                f"{table.path} (named by `{table.key}`): most rows are {usual:g} min apart, where `{key}` says "
                f"{declared} min: rows would overlap.",
                hint=f"correct `{key}`, or remove it: the stamps say it themselves.",
            )
        table.decide("interval", f"{declared} min", f"`{key}` says so")
        return declared
    if usual is None:
        raise InputError(
            f"{table.path} (named by `{table.key}`): the length of the intervals can not be known: no step between "
            f"the {len(index)} stamps is the usual one.",
            hint=f"set `{key}` (15, 30 or 60), or export regular rows in order.",
        )
    if usual > 60 or usual < 1 or 60 % usual:
        raise InputError(
            f"{table.path} (named by `{table.key}`): most rows are {usual:g} min apart; hours, or parts of an hour "
            "that divide it, are read.",
            hint=f"export hourly data; `{key}` set to 60 keeps rows as hours with gaps between them.",
        )
    share = counts.max() / steps.size
    table.decide("interval", f"{usual:g} min", f"{share:.1%} of the rows are that far apart")
    return int(usual)


def _moment(table: Table, columns: tuple[str, ...], stamps: _Stamps, index: pd.DatetimeIndex, minutes: int) -> str:
    """Which moment of its interval a stamp names: `start`, `end` or `middle`."""
    key, declared = table.setting("timestamps"), table.layout.timestamps
    stated = next((said for said in map(_stated_moment, columns) if said), None)
    if stamps.until_24 and (declared or stated or "end") != "end":
        raise InputError(
            f"{table.path} (named by `{table.key}`): hours run to 24:00, which is the end of an interval, where "
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
        f"{table.path} (named by `{table.key}`): stamps from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} do not "
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
                f"{table.path} (named by `{table.key}`): column `{column}` looks like stamps (`{cells[0]}`), but no "
                f"stamp column is known by that header; known are {known}.{table.first_rows()}",
                hint="rename the column to `timestamp`; the file's stamps are not replaced by the declared year.",
            )
