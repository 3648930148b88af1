"""Stamps that a file writes in several columns: a date and its clock, or year, month, day, hour and minute."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, refuse_cells
from pvbesscar.oe2.dates import SPANS_OF_OFFSETS, Days, WrittenStamps, dates_of, refuse_clocks
from pvbesscar.oe2.stamp_cells import CLOCK_CELL, DASH, SECONDS_PER_DAY, clock_seconds, day_of, month_of, parts, zone_of
from schemas.errors import InputError

PART_HEADERS = {
    "year": ("year", "ano", "anio", "yr", "yyyy", "jahr", "annee", "anno"),
    "month": ("month", "mes", "mo", "mon", "monat", "mois", "mese"),
    "day": ("day", "dia", "dy", "dd", "day_of_month", "tag", "jour", "giorno"),
    "doy": ("doy", "day_of_year", "dia_del_ano", "yday"),
    "hour": ("hour", "hora", "hr", "hh", "he", "hour_ending", "hour_of_day", "stunde", "heure", "ora"),
    "minute": ("minute", "minuto", "minutos", "min", "mn", "mi"),
}
CLOCK_HEADERS = ("time", "hora_local", "clock", "tiempo", "hhmm", "time_hh_mm", "hour_ending", "he", "hr", "uhrzeit")
PERIOD_HEADERS = (
    "periodo", "period", "quarter", "cuarto", "qh", "interval", "intervalo", "settlement_period",
    "periodo_cuartohorario", "cuarto_horario", "cuartohorario",
)  # fmt: skip
SIDES = re.compile(rf"\s*{DASH}\s*|\s+(?:to|a)\s+")
WHOLE = re.compile(r"(\d{1,8})(?:\.0+)?", re.ASCII)
PERIODS = {25: 24, 50: 48, 100: 96, 300: 288}
"""Periods of a usual day, by the most that a long day has."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Columns that together are stamps, and their reader."""

    columns: tuple[str, ...]
    read: Callable[[], WrittenStamps]


def whole_numbers(cells: Sequence[str]) -> NDArray[np.int64] | None:
    """Values of cells that are all whole numbers without a sign, else None."""
    found = [WHOLE.fullmatch(cell) for cell in cells]
    return np.array([int(match[1]) for match in found if match is not None]) if cells and all(found) else None


def is_clock(cells: Sequence[str], *, numbers: bool = False) -> bool:
    """Whether cells are clocks (`13:00`, `1 PM`, `H13`, `00:00-01:00`); plain numbers where `numbers` says so."""
    if not cells:
        return False
    if all(WHOLE.fullmatch(cell) for cell in cells):
        return numbers
    return all(_clock_match(cell) is not None for cell in cells)


def date_and_clock(table: Table, date: str, clock: str) -> WrittenStamps:
    """Stamps of a column of dates and a column of clocks, hours or periods of the day.

    Raises
    ------
    InputError
        A cell is no date or no clock, or the order of the dates can not be known.
    """
    day, order = dates_of(table, date, [parts(cell) for cell in table.columns[date]], example="2024-01-31")
    return replace(_clocked(table, clock, day), steps=(f"`{date}` ({order}) and `{clock}` joined",))


def year_month_day(table: Table) -> Joined | None:
    """Find columns of year, month, day (or day of the year), hour and minute; None where they are not all there.

    Raises
    ------
    InputError
        There are month, day and hour, and no year.
    """
    found = {part: header for part in PART_HEADERS if (header := _part(table, part)) is not None}
    hour = found.get("hour") or _clock(table, CLOCK_HEADERS) or _clock(table, PERIOD_HEADERS)
    if hour is None or not ("doy" in found or {"month", "day"} <= found.keys()):
        return None
    days = ("doy",) if "doy" in found and not {"month", "day"} <= found.keys() else ("month", "day")
    if "year" not in found and table.layout.stamps != "typical":
        raise InputError(
            f"{table.named}: columns {', '.join(f'`{found[part]}`' for part in days)} and `{hour}` say the time of "
            f"each row, but not its year.{table.first_rows()}",
            hint=f"add a column `year`, or set `{table.setting('stamps')}` to `typical`: each row then takes its place "
            "in `site.year`.",
        )
    headers = {part: found[part] for part in ("year", *days) if part in found}
    minute = found.get("minute")
    columns = (*headers.values(), hour, *([minute] if minute else []))
    return Joined(columns, lambda: _joined(table, headers, hour, minute))


def _joined(table: Table, headers: dict[str, str], hour: str, minute: str | None) -> WrittenStamps:
    day = _days(table, headers)
    stamps = _clocked(table, hour, day)
    said = " and ".join((", ".join(f"`{header}`" for header in headers.values()), f"`{hour}`"))
    if minute is None:
        return replace(stamps, steps=(f"{said} joined",))
    minutes = _numbers(table, minute, 0, 59)
    # NSRDB and SAM stamp the middle of the hour that a row is the mean of.
    weather = any("latitude" in line.casefold() for line in table.above) and bool((minutes == 30).all())
    within = replace(stamps, clock=stamps.clock + minutes * 60.0, moment="middle" if weather else stamps.moment)
    return replace(within, steps=(f"{said} and `{minute}` joined",))


def _part(table: Table, part: str) -> str | None:
    header = table.find(PART_HEADERS[part])
    if header is None:
        return None
    cells = [cell for cell in table.columns[header][:50] if cell]
    if part == "month" and cells and all(month_of(cell) for cell in cells):
        return header
    return header if whole_numbers(cells) is not None else None


def _clock(table: Table, names: Sequence[str]) -> str | None:
    header = table.find(names)
    return header if header is not None and is_clock(table.columns[header][:50], numbers=True) else None


def _days(table: Table, headers: dict[str, str]) -> Days:
    """Dates of columns with their parts."""
    rows = len(table.lines)
    if "year" in headers:
        years = _numbers(table, headers["year"], 0, 2200)
        years = np.where(years < 100, years + np.where(years > 68, 1900, 2000), years)
    else:
        years = np.full(rows, 2000)
    if "doy" in headers:
        of_year = _numbers(table, headers["doy"], 1, 366)
        first = np.array([f"{year:04d}-01-01" for year in years], dtype="datetime64[D]")
        days: Days = first + (of_year - 1).astype("timedelta64[D]")
        return days
    cells = table.columns[headers["month"]]
    named = [month_of(cell) for cell in cells]
    months = np.array(named) if all(named) else _numbers(table, headers["month"], 1, 12)
    numbers = list(zip(years, months, _numbers(table, headers["day"], 1, 31), strict=True))
    known = {key: day_of(*map(int, key)) for key in set(numbers)}
    found = [known[key] for key in numbers]
    refuse_cells(
        table, headers["day"], [i for i, day in enumerate(found) if day is None],
        what="a date or hour that does not exist", cause="a day that the month does not have, or a year that is none",
        hint="write days that exist.",
    )  # fmt: skip
    return np.array(found, dtype="datetime64[D]")


def _numbers(table: Table, header: str, least: int, most: int) -> NDArray[np.int64]:
    cells = table.columns[header]
    matches = [WHOLE.fullmatch(cell) for cell in cells]
    refuse_cells(
        table, header, [i for i, m in enumerate(matches) if m is None or not least <= int(m[1]) <= most],
        what=f"no whole number of {least} to {most}", cause="text or an empty cell in a part of the stamps",
        hint=f"write `{header}` as a whole number in every row; no row is dropped and no stamp is made up.",
    )  # fmt: skip
    return np.array([int(match[1]) for match in matches if match is not None])


def _clock_match(cell: str) -> re.Match[str] | None:
    match = CLOCK_CELL.fullmatch(cell)
    if match is not None:
        # A point may part the hour from its minutes or from its fraction.
        return match if "." not in cell.removesuffix(".").replace(".m", "") else None
    sides = SIDES.split(cell)
    if len(sides) != 2 or CLOCK_CELL.fullmatch(sides[1]) is None:
        return None
    return CLOCK_CELL.fullmatch(sides[0])


def _clocked(table: Table, clock: str, day: Days) -> WrittenStamps:
    """Stamps of dates and a column of clocks, hours or periods."""
    cells = table.columns[clock]
    values = whole_numbers(cells)
    if values is not None:
        return _counted(table, clock, day, values)
    matches = [_clock_match(cell) for cell in cells]
    refuse_cells(
        table, clock, [i for i, match in enumerate(matches) if match is None], what="no hour of a day",
        cause="text, an empty cell or an unknown layout in a column of clocks",
        hint="write hours like 13 or 13:00; no row is dropped and no stamp is made up.",
    )  # fmt: skip
    found = [match.groupdict() for match in matches if match is not None]
    seconds = np.array([clock_seconds(groups) for groups in found])
    refuse_clocks(table, clock, seconds)
    written = [zone_of(groups["z"]) for groups in found]
    # `00:00-01:00` may be an interval or an offset: a zone has at most a few offsets.
    spans = all(len(SIDES.split(cell)) == 2 for cell in cells) and (
        any(CLOCK_CELL.fullmatch(cell) is None for cell in cells) or len(set(written)) > SPANS_OF_OFFSETS
    )
    zones = [None if spans else zone for zone in written]
    offset = np.array(zones, dtype=np.float64) if all(isinstance(zone, float) for zone in zones) else None
    counted_from_1 = bool((seconds >= SECONDS_PER_DAY).any()) and bool((seconds > 0.0).all())
    return WrittenStamps(
        day, seconds, (), offset, until_24=counted_from_1 and not spans, moment="start" if spans else None
    )


def _counted(table: Table, clock: str, day: Days, values: NDArray[np.int64]) -> WrittenStamps:
    """Stamps of dates and whole numbers: hours of the day, periods of it, or clocks without a colon (1300)."""
    most, least = int(values.max()), int(values.min())
    if most > max(PERIODS) or (most > 100 and bool((values % 100 < 60).all()) and bool((values % 100 == 0).any())):
        bad = np.flatnonzero((values % 100 > 59) | (values > 2500))
        refuse_cells(
            table, clock, bad, what="no hour of a day", cause="periods of an unknown length, or another column",
            hint="write hours like 13 or 13:00, or periods of the day: 1 to 24, 1 to 48 or 1 to 96.",
        )  # fmt: skip
        seconds = (values // 100 * 3600 + values % 100 * 60).astype(np.float64)
        return WrittenStamps(day, seconds, (), until_24=most >= 2400 and least > 0)
    periods = next(usual for limit, usual in PERIODS.items() if most <= limit)
    refuse_cells(
        table, clock, np.flatnonzero(values > max(periods * 25 // 24, 25)), what="no hour of a day",
        cause="another column", hint="write hours like 13 or 13:00.",
    )  # fmt: skip
    seconds = np.asarray(values * (SECONDS_PER_DAY / periods), dtype=np.float64)
    if periods > 24:
        minutes = 24 * 60 // periods
        moment = "end" if least > 0 else "start"
        table.decide("periods", f"{periods} a day", f"`{clock}` counts from {least} to {most}")
        return WrittenStamps(day, seconds, (), until_24=least > 0, moment=moment, minutes=minutes)
    return WrittenStamps(day, seconds, (), until_24=least > 0 and most >= 24)
