"""Tables with a row for each day and a column for each hour, as rows of hours."""

from __future__ import annotations

import re
from dataclasses import replace

from pvbesscar.oe2.cells import Table, plain
from pvbesscar.oe2.stamp_cells import parts
from pvbesscar.oe2.units import POWER, unit_in

CLOCK_HEADER = re.compile(r"(\d{1,2}):(\d{2})(?::00)?(?:\s*[-\u2013]\s*\d{1,2}:\d{2}(?::00)?)?")
COUNTED_HEADER = re.compile(
    r"(?:[a-z]+_)?(?:h|hr|hora|hour|he|p|periodo|period|qh|q|v|value|valor|kwh|kw|wh|mwh|mw|)_?(\d{1,3})(?:_?(?:h|kwh|kw|wh|mwh|mw))?"
)
DAYS = {24: 60, 25: 60, 48: 30, 50: 30, 96: 15, 100: 15}
"""Length of the intervals [min] by the columns of a day, with those of the hour that a clock change adds."""
DATE, CLOCK = "fecha", "periodo"
UNIT_HEADERS = ("unit", "units", "unidad", "unidades", "uom", "einheit")


def hours_as_rows(table: Table) -> Table:
    """Return a table with one row an interval, where it has one row a day; any other as it is.

    Headers are clocks (`00:00`, `00:15-00:30`) or count the intervals of the day (`H1`, `hora_01`, `24`). The cells of
    an hour that a clock change takes or adds may be empty; `timestamps` takes their rows out.
    """
    headers = list(table.columns)
    clocks = [header for header in headers if CLOCK_HEADER.fullmatch(header)]
    counted = clocks or _counted(headers)
    date = next((h for h in headers if h not in counted and _holds_dates(table.columns[h])), None)
    if date is not None and len(set(table.columns[date])) < len(table.lines):
        return table
    if len(counted) not in DAYS or date is None:
        return table
    minutes = DAYS[len(counted)]
    usual = 24 * 60 // minutes
    labels = [header if clocks else str(_count(header)) for header in counted]
    unit = _unit(table, counted)
    value = unit or "value"
    days = range(len(table.lines))
    # A column for the hour that one day has over is empty on all others.
    cells = [
        (day, label, table.columns[header][day])
        for day in days for place, (header, label) in enumerate(zip(counted, labels, strict=True))
        if place < usual or table.columns[header][day]
    ]  # fmt: skip
    table.decide(
        "layout", f"a row a day, {len(counted)} columns", f"`{counted[0]}` to `{counted[-1]}` are its intervals"
    )
    columns = {
        DATE: [table.columns[date][day] for day, _, _ in cells],
        CLOCK: [label for _, label, _ in cells],
        value: [cell for _, _, cell in cells],
    }
    return replace(table, columns=columns, lines=[table.lines[day] for day, _, _ in cells], sole=value, units={})


def _counted(headers: list[str]) -> list[str]:
    """Headers that count the intervals of a day, from 0 or 1 up."""
    found = {header: match for header in headers if (match := COUNTED_HEADER.fullmatch(plain(header)))}
    numbers = [_count(header) for header in found]
    if len(found) < 24 or numbers not in [list(range(first, first + len(numbers))) for first in (0, 1)]:
        return []
    stems = {re.sub(r"\d+", "", plain(header)) for header in found}
    return (
        list(found) if len(stems) == 1 and not stems & {"charger_", "cargador_", "socket_", "toma_", "enchufe_"} else []
    )


def _count(header: str) -> int:
    match = COUNTED_HEADER.fullmatch(plain(header))
    return -1 if match is None else int(match[1])


def _holds_dates(cells: list[str]) -> bool:
    taken = [parts(cell) for cell in cells[:50]]
    return bool(taken) and all(one is not None and one.clock in {None, 0.0} for one in taken)


def _unit(table: Table, counted: list[str]) -> str | None:
    """Unit that the headers, a row of units, a column or the lines above the header say for all cells."""
    said = {unit_in(header, POWER) for header in counted} - {None}
    said |= {POWER.unit(table.units[header]) for header in counted if header in table.units} - {None}
    column = table.find(UNIT_HEADERS)
    if column is not None:
        said |= {POWER.unit(cell) for cell in set(table.columns[column])}
    return next(iter(said)) if len(said) == 1 else None
