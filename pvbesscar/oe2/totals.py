"""Rows of totals: named, and left out only where they are provably the totals of the rows."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, plain, refuse_cells
from pvbesscar.oe2.numbers import numbers
from schemas.errors import InputError

TOTAL = re.compile(r"(?:sub_?|gran_|grand_)?(?:totale?s?|suma|sum|summe|gesamt|somme)(?:_.*)?")
INITIALS = frozenset("gstGST")
"""What a total's name begins with; other cells are passed over at once."""
ROUNDING = 1e-6
"""Share of a sum that may be lost to the digits that a total is written with, beside half of its last digit."""


def without_totals(table: Table) -> Table:
    """Return the table without its rows of totals.

    Raises
    ------
    InputError
        A row says that it is a total, and its numbers are not the sums of the rows.
    """
    if len(table.columns) < 2:
        return table
    found = sorted({
        i for cells in list(table.columns.values())[:3] for i, cell in enumerate(cells)
        if cell and (cell[0] in INITIALS or not cell.isascii()) and TOTAL.fullmatch(plain(cell))
    })  # fmt: skip
    if not found or len(found) * 4 > len(table.lines):
        return table
    kept = np.setdiff1d(np.arange(len(table.lines)), found)
    rows = _taken(table, kept)
    proven = np.zeros(len(found), dtype=bool)
    against: list[tuple[str, int]] = []
    for column in table.columns:
        try:
            values, _ = numbers(rows, column)
        except InputError:
            continue  # stamps and text have no sum
        for k, row in enumerate(found):
            total = _number(table, rows, column, row)
            if total is None:
                continue
            sums = _sums(values, kept, found, k)
            if any(abs(total - one) <= _tolerance(table.columns[column][row], one) for one in sums):
                proven[k] = True
            else:
                against.append((column, row))
    for column, row in against:
        refuse_cells(
            table, column, [row], what="a total that is not the sum of the rows",
            cause="rows left out of the file after it was added up, or a mean",
            hint="remove the row of totals, after asking where the difference comes from.",
        )  # fmt: skip
    if not proven.all():
        return table
    shown = ", ".join(str(table.lines[row]) for row in found[:5]) + (" ..." if len(found) > 5 else "")
    table.decide("rows of totals", f"line {shown}, left out", "they are the sums of the rows")
    return rows


def _taken(table: Table, rows: NDArray[np.intp]) -> Table:
    columns = {name: [cells[i] for i in rows] for name, cells in table.columns.items()}
    return replace(table, columns=columns, lines=[table.lines[i] for i in rows])


def _number(table: Table, rows: Table, column: str, row: int) -> float | None:
    """Number of a total, read as the column's own numbers are; None for an empty cell or text."""
    cell = table.columns[column][row]
    if not cell or not any(character.isdigit() for character in cell):
        return None
    with_total = replace(rows, columns={column: [*rows.columns[column], cell]}, lines=[*rows.lines, table.lines[row]])
    try:
        return float(numbers(with_total, column)[0][-1])
    except InputError:
        return None


def _sums(values: NDArray[np.float64], kept: NDArray[np.intp], found: list[int], k: int) -> list[float]:
    """Sum of all rows, of the rows above, and of those since the total before."""
    above, since = kept < found[k], kept > (found[k - 1] if k else -1)
    return [float(np.nansum(values[mask])) for mask in (np.ones(len(kept), dtype=bool), above, above & since)]


def _tolerance(cell: str, value: float) -> float:
    digits = re.search(r"[.,](\d+)$", cell)
    return 0.51 * 10.0 ** -(len(digits[1]) if digits else 0) + ROUNDING * abs(value)
