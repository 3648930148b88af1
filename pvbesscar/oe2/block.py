"""Where the rows are in a sheet: its header, a row of units under it, and the lines around them that are no rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pvbesscar.oe2.cells import MISSING, NamedFile, plain
from pvbesscar.oe2.stamp_cells import parts
from pvbesscar.oe2.units import HUMIDITY, IRRADIANCE, POWER, TEMPERATURE, WIND

FIGURE = re.compile(r"[+-]?[.,]?\d")
WORD = re.compile(r"[^\W\d_]")
ZONE_NAMES = {"time_zone", "timezone", "tz", "zona_horaria", "utc_offset", "gmt_offset"}
OFFSET = re.compile(r"[+-]?\d{1,2}(?:\.\d+)?", re.ASCII)
UNIT_LIKE = re.compile(
    r"[\[(].*[\])]|-|%|[a-zA-Zµ°²/³·^0-9.-]{1,12}|[dmyhs/:. -]{4,20}|yyyy.*|dd.*|mm/.*", re.IGNORECASE
)
QUANTITIES = (POWER, IRRADIANCE, WIND, TEMPERATURE, HUMIDITY)
MEASURED = 50
"""Rows that show of what kind each column is."""


@dataclass(frozen=True, slots=True)
class Block:
    """Header and rows of a sheet.

    Attributes
    ----------
    header, units
        Cells of the header, and of the row of units under it (none: no such row).
    lines, rows
        Line in the file and cells of each row.
    above
        Lines above the header.
    """

    header: list[str]
    units: list[str]
    lines: list[int]
    rows: list[list[str]]
    above: tuple[str, ...] = ()


def find_block(lines: list[int], rows: list[list[str]], file: NamedFile) -> Block:
    """Find header and rows among the lines of a file; without lines around them, the first is the header.

    Parameters
    ----------
    lines, rows
        Line number and cells of each line.
    file
        For what is decided.
    """
    plainly = Block(rows[0], [], lines[1:], rows[1:])
    width = _width(rows)
    kinds = _kinds([row for row in rows if len(row) == width])
    if width < 2 or not any(kinds):
        return plainly
    first = next((i for i, row in enumerate(rows) if i and _is_row(row, kinds)), None)
    if first is None:
        return plainly
    head = first - 1
    while head > 0 and not any(cell.strip() for cell in rows[head]):
        head -= 1
    units: list[str] = []
    if head > 0 and _is_units(rows[head], rows[head - 1], width):
        units = [cell.strip().strip("[]()") for cell in rows[head]]
        file.decide("units", f"line {lines[head]}", "the row under the header holds units")
        head -= 1
    if len(rows[head]) != width and head == 0:
        return plainly
    last = _last(rows, kinds, width)
    if head == 0 and not units and last == len(rows):
        return _without_empty_columns(plainly)
    above = (*_zone_facts(rows[:head]), *(" ".join(filter(None, map(str.strip, row))) for row in rows[:head]))
    if head:
        file.decide("header", f"line {lines[head]}", f"the {head} lines above it are no rows: {_shown(above)}")
    if last < len(rows):
        below = [" ".join(row).strip() for row in rows[last:]]
        file.decide("end", f"line {lines[last - 1]}", f"the {len(below)} lines below are no rows: {_shown(below)}")
    return _without_empty_columns(
        Block(rows[head], units, lines[first:last], rows[first:last], tuple(line for line in above if line))
    )


def _zone_facts(rows: list[list[str]]) -> list[str]:
    """Offset to UTC that a pair of name and value says, beside or below it, as NSRDB, SAM and SIAR write it."""
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if plain(cell) not in ZONE_NAMES:
                continue
            below = rows[i + 1][j] if i + 1 < len(rows) and j < len(rows[i + 1]) else ""
            beside = row[j + 1] if j + 1 < len(row) else ""
            for value in (below, beside):
                if OFFSET.fullmatch(value.strip()):
                    return [f"UTC{float(value):+g}"]
    return []


def _shown(texts: Sequence[str]) -> str:
    shown = [f"`{text[:40]}`" for text in texts if text]
    return ", ".join(shown[:3]) + (" ..." if len(shown) > 3 else "")


def _width(rows: list[list[str]]) -> int:
    """Width of most rows."""
    return Counter(map(len, rows)).most_common(1)[0][0]


def _kinds(rows: list[list[str]]) -> list[bool]:
    """Which columns hold figures or stamps, by the rows in the middle."""
    middle = rows[len(rows) // 2 :][:MEASURED]
    kinds = []
    for cells in zip(*middle, strict=True):
        filled = [cell.strip() for cell in cells if cell.strip().casefold() not in MISSING]
        kinds.append(bool(filled) and 2 * sum(map(_is_figure, filled)) > len(filled))
    return kinds


def _is_figure(cell: str) -> bool:
    return FIGURE.match(cell) is not None or parts(cell) is not None


def _is_row(row: list[str], kinds: list[bool]) -> bool:
    """Whether figures stand where the columns have figures, and at least one."""
    if len(row) != len(kinds):
        return False
    cells = [cell.strip() for cell, kind in zip(row, kinds, strict=True) if kind]
    filled = [cell for cell in cells if cell.casefold() not in MISSING]
    return bool(filled) and all(map(_is_figure, filled)) and 2 * len(filled) >= min(len(kinds), 2)


def _is_units(row: list[str], header: list[str], width: int) -> bool:
    """Whether a row holds units, one of them known, under the names of a header."""
    if len(row) != width or len(header) != width:
        return False
    cells = [cell.strip() for cell in row]
    filled = [cell for cell in cells if cell]
    named = sum(bool(cell.strip()) for cell in header)
    known = any(quantity.unit(cell.strip("[]()")) for cell in filled for quantity in QUANTITIES if cell != "-")
    return known and len(filled) <= named and all(UNIT_LIKE.fullmatch(cell) for cell in filled)


def _last(rows: list[list[str]], kinds: list[bool], width: int) -> int:
    """Row after the last one: a legend below is text after a blank line, or of another width, and holds no figures."""
    last = next((i + 1 for i in range(len(rows) - 1, -1, -1) if _is_row(rows[i], kinds)), len(rows))
    while last < len(rows) and len(rows[last]) == width and any(_filled(rows[last])):
        last += 1  # of the table's width: a total, or a row with a fault that is named where it is
    rest = rows[last:]
    for row in rest:
        filled = _filled(row)
        if filled and (FIGURE.match(filled[0]) or not WORD.search("".join(filled))):
            return len(rows)  # begins as a row does: cut off, and no legend
    return last


def _filled(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row if cell.strip()]


def _without_empty_columns(block: Block) -> Block:
    """Return the block without columns at its end that have neither header nor cells: a separator ends each line."""
    width = len(block.header)
    while (
        width > 1
        and not block.header[width - 1].strip()
        and all(len(row) == len(block.header) and not row[width - 1].strip() for row in block.rows)
    ):
        width -= 1
    if width == len(block.header):
        return block
    rows = [row[:width] for row in block.rows]
    return Block(block.header[:width], block.units[:width], block.lines, rows, block.above)
