"""Which columns of a file hold its time, by their headers or, where those say nothing, by their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, named_column, plain
from pvbesscar.oe2.dates import WrittenStamps, holds_stamps, written_stamps
from pvbesscar.oe2.joined_stamps import (
    CLOCK_HEADERS,
    PART_HEADERS,
    PERIOD_HEADERS,
    date_and_clock,
    is_clock,
    whole_numbers,
    year_month_day,
)
from pvbesscar.oe2.stamp_cells import EPOCHS, NUMERIC, number_of_time, parts, span
from schemas.errors import InputError

STAMP_HEADERS = ("timestamp", "fechahora", "fecha_hora", "datetime", "date_time", "marca_temporal")
DATE_HEADERS = ("fecha", "date", "dia")
HOUR_HEADERS = ("hora", "hour")
SUFFIXED_HEADERS = (
    *STAMP_HEADERS, "time", "tiempo", "period", "periodo", "interval", "intervalo", "mtu", "date", "fecha",
    *HOUR_HEADERS,
)  # fmt: skip
"""Headers beside which a word may say more: `timestamp_utc`, `period_end`, `fecha_hora_inicio`, `start_time`."""
MOMENT_SUFFIXES = {
    "start": "start", "begin": "start", "inicio": "start", "end": "end", "fin": "end", "ending": "end",
    "middle": "middle",
}  # fmt: skip
ZONE_WORDS = {"utc", "gmt", "cet", "cest"}
SAMPLE = 100
"""Cells of a column that decide whether it could be time."""
USUAL = 0.8
"""Share of equal steps that makes a column of numbers a count of time."""
SERIAL_STEPS = (1, 5, 10, 15, 20, 30, 60, 1440)
"""Steps of a spreadsheet's days [min]."""


@dataclass(frozen=True, slots=True)
class TimeColumns:
    """Columns that hold a file's time, and what they say.

    Attributes
    ----------
    columns
        Their headers.
    read
        Reads them.
    """

    columns: tuple[str, ...]
    read: Callable[[], WrittenStamps]


def find_time(table: Table) -> TimeColumns | None:  # noqa: PLR0911 (one return for each place where time may be)
    """Find the columns that hold a file's time; None where no column could.

    Raises
    ------
    InputError
        A column could be time and can not be read as such, or several could and no key says which counts.
    """
    named = table.layout.time_column
    if named is not None:
        header = named_column(table, named, "time_column")
        return _joined_or_alone(table, header, _seen(table))
    seen = _seen(table)
    plainly = table.find(STAMP_HEADERS)
    if plainly is not None:
        return _joined_or_alone(table, plainly, seen)
    moments = [header for header, kind in seen.items() if kind == "moment"]
    if moments:
        return _alone(table, _one_of(table, moments))
    date = table.find(DATE_HEADERS)
    dates = [header for header, kind in seen.items() if kind == "date"]
    if date is not None and seen.get(date) == "date" and _clock_of(table, date) is not None:
        return _joined_or_alone(table, date, seen)
    if len(dates) > 1:
        dates = [header for header in dates if _clock_of(table, header) is not None][:1] or dates
    found = year_month_day(table)
    if found is not None and not dates:
        return TimeColumns(found.columns, found.read)
    counts = [header for header, kind in seen.items() if kind == "count"]
    if counts and not dates:
        return _alone(table, _one_of(table, counts))
    if dates:
        return _joined_or_alone(table, dates[0], seen)
    return None


def stated_moment(header: str) -> str | None:
    """Moment of the interval that a header says."""
    return next((MOMENT_SUFFIXES[word] for word in _suffixes(header) if word in MOMENT_SUFFIXES), None)


def refuse_stamps(table: Table) -> None:
    """Refuse stamps in a file that a key says to have none.

    Raises
    ------
    InputError
        A column holds stamps.
    """
    for header in _seen(table):
        raise InputError(
            f"{table.named}: column `{header}` holds stamps (`{table.columns[header][0]}`), where "
            f"`{table.setting('stamps')}` says that the file has none.",
            hint=f"remove `{table.setting('stamps')}`: the stamps are read, and not replaced by the declared year.",
        )


def refuse_other_time(table: Table, taken: Sequence[str] = ()) -> None:
    """Refuse what could be time and was not read as such: parts of a date, clocks, counts of unknown things.

    Raises
    ------
    InputError
        A column looks like time.
    """
    named = [
        header for header in table.columns
        if header not in taken and plain(header) in {*sum(PART_HEADERS.values(), ()), *CLOCK_HEADERS, *PERIOD_HEADERS}
        and _is_part(table.columns[header])
    ]  # fmt: skip
    clocks = [
        header for header, cells in table.columns.items()
        if header not in taken and any(":" in cell for cell in cells[:SAMPLE]) and is_clock(_sample(cells))
    ]  # fmt: skip
    strange = [
        header for header, cells in table.columns.items()
        if header not in taken and _kind(cells) is None and _is_progression(cells)
    ]  # fmt: skip
    for header in (*clocks, *named, *strange):
        raise InputError(
            f"{table.named}: column `{header}` looks like time (`{table.columns[header][0]}`, "
            f"`{table.columns[header][min(1, len(table.lines) - 1)]}`, ...), but the file holds no stamps that can be "
            f"read with it.{table.first_rows()}",
            hint="export the stamps with year, month, day and hour (2024-01-31 13:00); or, where the rows are the "
            f"declared year from 1 January 00:00 on, set `{table.setting('stamps')}` to `none`.",
        )


def _seen(table: Table) -> dict[str, str]:
    """What the columns that could be time hold: `moment`, `date` or `count`."""
    found = {header: _kind(cells) for header, cells in table.columns.items()}
    return {header: kind for header, kind in found.items() if kind is not None}


def _kind(cells: Sequence[str]) -> str | None:
    sample = _sample(cells)
    if not sample:
        return None
    if all(NUMERIC.fullmatch(cell) for cell in sample):
        return _kind_of_numbers(cells, sample)
    if not any(character.isdigit() for character in sample[0]) or not holds_stamps(sample):
        return None
    taken = [parts(cell) for cell in sample]
    if any(one is None or one.clock is not None for one in taken) and any(span(cell) for cell in sample):
        return "moment"
    clocks = {one.clock for one in taken if one is not None}
    return "date" if clocks <= {None, 0.0} else "moment"


def _kind_of_numbers(cells: Sequence[str], sample: Sequence[str]) -> str | None:
    """Numbers are time where they are dates in one piece, or counts of time in equal steps."""
    if all(len(cell) in {12, 14} and parts(cell) is not None for cell in sample):
        return "moment"
    unit = number_of_time(list(sample))
    if unit is not None and _has_steps_of_time(cells, unit):
        return "count"
    if all(len(cell) == 10 and parts(cell) is not None for cell in sample) and unit is None:
        return "moment"
    if all(len(cell) == 8 for cell in sample) and holds_stamps(sample) and _is_part(cells):
        return "date"
    return None


def _has_steps_of_time(cells: Sequence[str], unit: str) -> bool:
    steps = np.abs(_steps(cells))
    if not steps.size:
        return False
    usual, share = _usual(steps)
    minutes = usual * 1440 if unit == "days" else usual / EPOCHS[unit] / 60
    near = min(abs(minutes - known) for known in SERIAL_STEPS)
    return near < 0.02 and share >= USUAL


def _is_progression(cells: Sequence[str]) -> bool:
    """Whether numbers go up in equal steps that are no count of rows: hours of a year, days with fractions."""
    sample = [cell for cell in cells[:SAMPLE] if cell]
    if len(sample) < 3 or not all(NUMERIC.fullmatch(cell) for cell in sample):
        return False
    usual, share = _usual(_steps(cells))
    return usual > 0.0 and share >= USUAL


def _steps(cells: Sequence[str]) -> NDArray[np.float64]:
    sample = [float(cell.replace(",", ".")) for cell in cells[:SAMPLE] if NUMERIC.fullmatch(cell)]
    return np.diff(np.array(sample))


def _usual(steps: NDArray[np.float64]) -> tuple[float, float]:
    """Step that most rows have, and the share of them."""
    if not steps.size:
        return 0.0, 0.0
    usual = float(np.median(steps))
    return usual, float((np.abs(steps - usual) <= 1e-3 * abs(usual)).mean())


def _is_part(cells: Sequence[str]) -> bool:
    """Whether a column of whole numbers is small enough to be a part of a date or clock."""
    values = whole_numbers(cells)
    return values is not None and bool(np.all((values >= 0) & ((values <= 2200) | (values > 19_000_000))))


def _sample(cells: Sequence[str]) -> list[str]:
    step = max(1, len(cells) // SAMPLE)
    return [cell for cell in cells[::step] if cell]


def _alone(table: Table, header: str) -> TimeColumns:
    return TimeColumns((header,), lambda: written_stamps(table, header))


def _joined_or_alone(table: Table, header: str, seen: dict[str, str]) -> TimeColumns:
    """A column of dates with its clock beside it, else the column alone."""
    if seen.get(header) in {"date", None} and holds_stamps(_sample(table.columns[header])):
        clock = _clock_of(table, header)
        if clock is not None:
            return TimeColumns((header, clock), lambda: date_and_clock(table, header, clock))
    return _alone(table, header)


def _clock_of(table: Table, date: str) -> str | None:
    """Column with the clock of a column of dates: by its header, else the only one whose cells are clocks."""
    others = [header for header in table.columns if header != date]
    for names in (HOUR_HEADERS, CLOCK_HEADERS, PERIOD_HEADERS):
        found = table.find(names)
        if found is not None and found != date and is_clock(_sample(table.columns[found]), numbers=True):
            return found
    written = [
        header for header in others if any(":" in cell or "h" in cell.casefold() for cell in table.columns[header][:2])
        and is_clock(_sample(table.columns[header]))
    ]  # fmt: skip
    if written:
        return written[0] if len(written) == 1 else _one_of(table, written)
    counted = [header for header in others if _counts_up_in_days(table, date, header)]
    return counted[0] if len(counted) == 1 else None


def _counts_up_in_days(table: Table, date: str, header: str) -> bool:
    """Whether whole numbers go up by one each row within a day and begin again with the next."""
    cells, days = table.columns[header][:SAMPLE], table.columns[date][:SAMPLE]
    values = whole_numbers(cells)
    if values is None or len(values) < 3 or values.max() > 100 or values.min() < 0:
        return False
    same = np.array([a == b for a, b in zip(days[1:], days[:-1], strict=True)])
    if not same.any():
        return False
    steps = np.diff(values)
    return bool(np.all(np.abs(steps[same]) == 1) and (same.all() or np.all(np.abs(steps[~same]) > 1)))


def _one_of(table: Table, headers: Sequence[str]) -> str:
    """The one of several columns of stamps that counts: one that goes on, the start of start and end, UTC."""
    if len(headers) == 1:
        return headers[0]
    narrower: list[Callable[[str], bool]] = [
        lambda header: len(set(table.columns[header][:SAMPLE])) > min(len(table.lines), SAMPLE) // 2,
        lambda header: stated_moment(header) == "start",
        lambda header: "utc" in plain(header).split("_"),
    ]
    left = list(headers)
    for fits in narrower:
        left = [header for header in left if fits(header)] or left
        if len(left) == 1:
            return left[0]
    same = all(table.columns[header] == table.columns[left[0]] for header in left)
    if same:
        return left[0]
    raise InputError(
        f"{table.named}: {', '.join(f'`{header}`' for header in left[:5])} all hold stamps, and they differ.",
        hint=f"set `{table.setting('time_column')}` to the one that counts.",
    )


def _suffixes(header: str) -> list[str]:
    """Suffixes of a stamp header that say its moment or zone; none where it is no stamp header."""
    words = [word for word in plain(header).split("_") if not re.fullmatch(r"\d+", word)]
    said: list[str] = []
    while words and words[-1] in ZONE_WORDS | MOMENT_SUFFIXES.keys():
        said.append(words.pop())
    while words and words[0] in MOMENT_SUFFIXES:
        said.append(words.pop(0))
    if not words and said:  # `Start`, `End (UTC)`
        return said
    joined = "_".join(words)
    if joined in SUFFIXED_HEADERS:
        return said
    # `PeriodEnd`, `StartTime` or `IntervalStartTime` in one word.
    said += [
        word
        for word in MOMENT_SUFFIXES
        if any(joined in {f"{known}{word}", f"{known}{word}time", f"{word}{known}"} for known in SUFFIXED_HEADERS)
    ]
    return said
