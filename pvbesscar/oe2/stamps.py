"""Stamps of hourly files: read as written, day or month first decided by the file, never shifted or sorted."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pvbesscar.oe2.table import Table, cell_error
from schemas.errors import ConfigError, InputError
from schemas.settings import SiteSettings

STAMP_HEADERS = ("timestamp", "fechahora", "fecha_hora", "datetime", "date_time", "marca_temporal")
DATE_HEADERS = ("fecha", "date", "dia")
HOUR_HEADERS = ("hora", "hour")

STAMP = re.compile(
    r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
HOUR = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Stamps of a file's rows, how they were read, and which columns they took."""

    index: pd.DatetimeIndex
    transformations: tuple[str, ...]
    columns: tuple[str, ...]
    stamped: bool


def time_axis(table: Table, site: SiteSettings) -> TimeAxis:
    """Local start of each row's interval; the declared year from 1 January where a file has no stamps at all.

    Parameters
    ----------
    table
        The file.
    site
        Its time zone and declared year.

    Raises
    ------
    InputError
        A stamp can not be read, the order of day and month can not be known, or a column looks like stamps but has a
        header that says something else.
    """
    column = table.find(STAMP_HEADERS)
    if column is not None:
        index, steps = parse_stamps(table, column, site)
        return TimeAxis(index, steps, (column,), stamped=True)
    day, hour = table.find(DATE_HEADERS), table.find(HOUR_HEADERS)
    if day is not None and hour is not None:
        index, steps = _date_and_hour(table, day, hour, site)
        return TimeAxis(index, steps, (day, hour), stamped=True)
    if day is not None and _has_clock(table.columns[day][0]):
        index, steps = parse_stamps(table, day, site)
        return TimeAxis(index, steps, (day,), stamped=True)
    _refuse_hidden_stamps(table)
    index = declared_year(site, len(table.lines))
    step = f"no stamps in the file: rows take the declared year, hour by hour from {index[0]:%Y-%m-%d %H:%M} local time"
    return TimeAxis(index, (step,), (), stamped=False)


def declared_year(site: SiteSettings, hours: int) -> pd.DatetimeIndex:
    """Hours of the declared year from 1 January 00:00 local time, each stamped at its start."""
    return pd.date_range(f"{site.year}-01-01", periods=hours, freq="h", tz=site.timezone, unit="us", name="timestamp")


def parse_stamps(table: Table, column: str, site: SiteSettings) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Read a column of stamps as tz-aware local time.

    Stamps with an offset are converted to the site's time zone, stamps without are local time already.
    """
    parts = _match_all(table, column, STAMP, "2024-01-31 13:00:00 or 31/01/2024 13:00")
    order = _date_order(table, column, parts)
    naive = _build(table, column, [_datetime(match, order) for match in parts])
    offsets = [match[9] for match in parts]
    steps = (f"`{column}` read as {order}",)
    if any(offsets):
        return _with_offsets(table, column, naive, offsets, site), (
            *steps, f"stamps with offset converted to {site.timezone}"
        )  # fmt: skip
    index = _localize(table, column, naive, site)
    return index, (*steps, f"stamps taken as local time {site.timezone}, start of the interval")


def _date_and_hour(table: Table, day: str, hour: str, site: SiteSettings) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    dates = _match_all(table, day, STAMP, "2024-01-31 or 31/01/2024")
    hours = _match_all(table, hour, HOUR, "13 or 13:00")
    order = _date_order(table, day, dates)
    midnight = _build(table, day, [_datetime(match, order) for match in dates])
    clock = _build(table, hour, [_clock(match) for match in hours])
    naive = [dt.datetime.combine(m.date(), c.time()) for m, c in zip(midnight, clock, strict=True)]
    index = _localize(table, day, naive, site)
    return index, (
        f"`{day}` ({order}) and `{hour}` joined",
        f"stamps taken as local time {site.timezone}, start of the interval",
    )


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
    """Layout of the dates: `year first`, `day first` or `month first`, from the evidence of the whole column."""
    year_first = [len(match[1]) == 4 for match in parts]
    if all(year_first):
        return "year first"
    mixed = [i for i, match in enumerate(parts) if year_first[i] or len(match[4]) != 4]
    if mixed:
        raise cell_error(
            table, column, mixed, what="a date in another layout than the rest, or a year without four digits",
            cause="rows of two exports in one file", hint="write all dates alike, with four digits of the year.",
        )  # fmt: skip
    day_first = [i for i, match in enumerate(parts) if int(match[1]) > 12]
    month_first = [i for i, match in enumerate(parts) if int(match[3]) > 12]
    if day_first and not month_first:
        return "day first"
    if month_first and not day_first:
        return "month first"
    rows = month_first or list(range(len(parts)))
    what = (
        "a day in the second place where other rows have it in the first"
        if month_first
        else "a date that may be day or month first"
    )
    raise cell_error(
        table, column, rows, what=what,
        cause="a regional setting of the export; no date of the file, or both orders, can be proven",
        hint="export the dates as YYYY-MM-DD.",
    )  # fmt: skip


def _datetime(match: re.Match[str], order: str) -> dt.datetime | None:
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    year, month, day = {
        "year first": (first, second, third),
        "day first": (third, second, first),
        "month first": (third, first, second),
    }[order]
    microsecond = int((match[8] or "").ljust(6, "0"))
    try:
        return dt.datetime(year, month, day, int(match[5] or 0), int(match[6] or 0), int(match[7] or 0), microsecond)  # noqa: DTZ001 (localised later)
    except ValueError:
        return None


def _clock(match: re.Match[str]) -> dt.datetime | None:
    try:
        return dt.datetime(2000, 1, 1, int(match[1]), int(match[2] or 0), int(match[3] or 0))  # noqa: DTZ001 (localised later)
    except ValueError:
        return None


def _build(table: Table, column: str, values: Sequence[dt.datetime | None]) -> list[dt.datetime]:
    refused = [i for i, value in enumerate(values) if value is None]
    if refused:
        raise cell_error(
            table, column, refused, what="a date or hour that does not exist",
            cause="hours counted 1 to 24, or a day that the month does not have",
            hint="stamp each hour at its start, 0 to 23, on existing days.",
        )  # fmt: skip
    return [value for value in values if value is not None]


def _localize(table: Table, column: str, naive: Sequence[dt.datetime], site: SiteSettings) -> pd.DatetimeIndex:
    _check_zone(site)
    try:
        return pd.DatetimeIndex(list(naive), name="timestamp").as_unit("us").tz_localize(site.timezone)
    except ValueError as error:  # pandas' and zoneinfo's errors of clock changes are ValueErrors
        raise InputError(
            f"{table.path}: column `{column}`: a stamp does not exist or exists twice in {site.timezone}: {error}.",
            hint="write stamps with their offset (2024-01-31T13:00:00-05:00), or set `site.timezone`.",
        ) from error


def _with_offsets(
    table: Table, column: str, naive: Sequence[dt.datetime], offsets: Sequence[str | None], site: SiteSettings
) -> pd.DatetimeIndex:
    without = [i for i, offset in enumerate(offsets) if not offset]
    if without:
        raise cell_error(
            table, column, without, what="a stamp without offset where others have one",
            cause="rows of two exports in one file", hint="write all stamps with their offset, or none.",
        )  # fmt: skip
    _check_zone(site)
    utc = [stamp - _offset(offset or "Z") for stamp, offset in zip(naive, offsets, strict=True)]
    return pd.DatetimeIndex(utc, name="timestamp").as_unit("us").tz_localize("UTC").tz_convert(site.timezone)


def _offset(text: str) -> dt.timedelta:
    if text == "Z":
        return dt.timedelta()
    size = dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -size if text[0] == "-" else size


def _check_zone(site: SiteSettings) -> None:
    try:
        pd.Timestamp(0, tz=site.timezone)
    except (KeyError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ConfigError(
            f"`site.timezone`: `{site.timezone}` is no IANA time zone.", hint="use a name like `America/Lima`."
        ) from error


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
