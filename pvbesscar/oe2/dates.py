"""Dates and hours of a file as it writes them, with the order of day and month stated or proven."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pvbesscar.oe2.cells import Table, cell_error, refuse_cells

STAMP = re.compile(
    r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?",
    re.ASCII,
)
HOUR = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?", re.ASCII)
Moment = TypeVar("Moment", dt.datetime, dt.timedelta)

YEARS = range(1900, 2201)


@dataclass(frozen=True, slots=True)
class WrittenStamps:
    """Clock times as the file writes them, and their offset to UTC where they have one."""

    naive: list[dt.datetime]
    offset: list[dt.timedelta]
    steps: tuple[str, ...]
    until_24: bool


def written_stamps(table: Table, column: str) -> WrittenStamps:
    """Clock times of a column that holds date and time, or a date alone."""
    parts = _match_all(table, column, STAMP, "2024-01-31 13:00:00 or 31/01/2024 13:00")
    order = _date_order(table, column, parts)
    until_24 = any(match[5] == "24" for match in parts)
    naive = _existing(table, column, [_datetime(match, order) for match in parts])
    offsets = [match[9] for match in parts]
    return WrittenStamps(naive, _offsets(table, column, offsets), (f"`{column}` read as {order}",), until_24)


def written_date_and_hour(table: Table, day: str, hour: str) -> WrittenStamps:
    """Clock times of a column of dates and a column of hours."""
    dates = _match_all(table, day, STAMP, "2024-01-31 or 31/01/2024")
    hours = _match_all(table, hour, HOUR, "13 or 13:00")
    order = _date_order(table, day, dates)
    midnight = _existing(table, day, [_datetime(match, order) for match in dates])
    clock = _existing(table, hour, [_clock(match) for match in hours])
    naive = [dt.datetime.combine(m.date(), dt.time()) + c for m, c in zip(midnight, clock, strict=True)]
    until_24 = any(c == dt.timedelta(days=1) for c in clock)
    return WrittenStamps(naive, [], (f"`{day}` ({order}) and `{hour}` joined",), until_24)


def _match_all(table: Table, column: str, pattern: re.Pattern[str], example: str) -> list[re.Match[str]]:
    matches = [pattern.fullmatch(cell) for cell in table.columns[column]]
    refused = [i for i, match in enumerate(matches) if match is None]
    refuse_cells(
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
    refuse_cells(
        table, column, mixed, what="a date in another layout than the rest, or a year without four digits",
        cause="rows of two exports in one file", hint="write all dates alike, with four digits of the year.",
    )  # fmt: skip
    day_first = [i for i, match in enumerate(parts) if int(match[1]) > 12]
    month_first = [i for i, match in enumerate(parts) if int(match[3]) > 12]
    if declared is not None:
        against = month_first if declared == "day_first" else day_first
        refuse_cells(
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


def _existing(table: Table, column: str, values: Sequence[Moment | None]) -> list[Moment]:
    refuse_cells(
        table, column, [i for i, value in enumerate(values) if value is None],
        what="a date or hour that does not exist",
        cause="a day that the month does not have, an hour past 24:00, or a year that is none",
        hint="write hours 0 to 23 (or 1 to 24 for ends of intervals), on days that exist.",
    )  # fmt: skip
    return [value for value in values if value is not None]


def _offsets(table: Table, column: str, offsets: Sequence[str | None]) -> list[dt.timedelta]:
    """Offset of each stamp to UTC, or none at all."""
    if not any(offsets):
        return []
    without = [i for i, offset in enumerate(offsets) if not offset]
    refuse_cells(
        table, column, without, what="a stamp without offset where others have one",
        cause="rows of two exports in one file", hint="write all stamps with their offset, or none.",
    )  # fmt: skip
    return [_offset(offset or "Z") for offset in offsets]


def _offset(text: str) -> dt.timedelta:
    if text == "Z":
        return dt.timedelta()
    size = dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -size if text[0] == "-" else size
