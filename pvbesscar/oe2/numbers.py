"""Numbers in a file's cells: the decimal mark proven or stated, and formulas of a spreadsheet refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import MISSING, Table, cell_error, refuse_cells
from schemas.errors import InputError

MAX_VALUE = 1e15
"""No power, energy or irradiance of a plant is greater, in any unit."""
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
NUMBER_CHARACTERS = re.compile(r"[0-9+\-.eE\n]*")
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+", re.ASCII)
GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+", re.ASCII) for mark in ".,"}
"""What may be a number of thousands as well as one with three decimals."""
BLANKS = ("\u00a0", "\u202f", " ", "'", "\u2019")
"""What separates thousands and nothing else."""
NAMES = {".": "point", ",": "comma"}
FORMULA = re.compile(r"[=@]|[+-].*[|(!]")


def numbers(table: Table, column: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Values of a numeric column, and what was done to read them.

    Empty cells and `NaN` become NaN; anything else that is no plain decimal number is refused. A decimal comma is read
    as one, unless it could as well separate thousands; marks that can only separate thousands are left out.

    Parameters
    ----------
    table
        The file.
    column
        Header of the column.

    Returns
    -------
    values, transformations
        Array of shape (rows,), in the file's unit, and the steps in plain words.

    Raises
    ------
    InputError
        A cell holds text, infinity, more than any plant could, or a mark that could mean two things.
    """
    cells, steps = ungrouped(table, column)
    if steps:
        pass
    elif _decimal_comma(table, column):
        cells = [cell.replace(",", ".") for cell in cells]
        steps = (f"decimal commas of `{column}` read as decimal points",)
    values = _as_floats(cells)
    if values is None:
        refused = [i for i, cell in enumerate(cells) if not _is_number(cell)]
        refuse_cells(
            table,
            column,
            refused,
            what="no number",
            cause="text, a unit or a thousands separator in a cell of numbers",
            hint=f"write plain decimal numbers there (an empty cell for a missing value), or set `{table.key}` to "
            "another file; nothing is guessed.",
        )
        values = np.array([np.nan if cell.casefold() in MISSING else float(cell) for cell in cells], dtype=np.float64)
    beyond = np.flatnonzero(np.abs(values) > MAX_VALUE)
    refuse_cells(
        table, column, beyond, what=f"a number beyond {MAX_VALUE:g}, which no quantity of a plant reaches",
        cause="a corrupted export", hint="export the file again.",
    )  # fmt: skip
    return values, steps


def ungrouped(table: Table, column: str) -> tuple[list[str], tuple[str, ...]]:
    """Cells without separators of thousands, where the cells or a key prove these; else as they are.

    A separator of thousands is proven by a cell with a decimal mark after it (`1.234,5`), by two of them (`1,234,567`),
    by a blank or an apostrophe (`1 234,5`), or by `decimal`, which leaves the other mark nothing else to be.
    """
    cells, declared = table.columns[column], table.layout.decimal
    text = "".join(cells)
    for mark in BLANKS:
        if mark in text and all(_fits(cell, mark, ".,") for cell in cells if mark in cell):
            bare = [cell.replace(mark, "") for cell in cells]
            step = f"blanks or apostrophes of `{column}` read as separators of thousands"
            comma = any("," in cell for cell in bare)
            if comma and any("." in cell for cell in bare):
                return cells, ()
            table.decide("decimal mark", "comma" if comma else "point", f"`{column}` has another mark for thousands")
            return [cell.replace(",", ".") for cell in bare], (step,)
    if "." not in text and "," not in text:
        return cells, ()
    read = [mark for mark in ".," if declared in {None, NAMES[mark]} and _is_grouped(cells, mark, declared is not None)]
    if len(read) != 1:
        return cells, ()
    decimal, thousands = read[0], "," if read[0] == "." else "."
    why = f"`{table.setting('decimal')}` says so" if declared else f"`{column}` has both marks, or two of one"
    table.decide("decimal mark", NAMES[decimal], why)
    step = f"{'commas' if thousands == ',' else 'points'} of `{column}` read as separators of thousands"
    return [cell.replace(thousands, "").replace(decimal, ".") for cell in cells], (step,)


def _fits(cell: str, thousands: str, decimals: str) -> bool:
    return re.fullmatch(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:[{decimals}]\d+)?", cell) is not None


def _is_grouped(cells: Sequence[str], decimal: str, stated: bool) -> bool:
    """Whether all cells are numbers with this decimal mark and the other one for thousands, and one proves it."""
    thousands = "," if decimal == "." else "."
    with_thousands = [cell for cell in cells if thousands in cell]
    if not with_thousands or not all(_fits(cell, thousands, re.escape(decimal)) for cell in with_thousands):
        return False
    plainly = re.compile(rf"[+-]?\d+(?:{re.escape(decimal)}\d*)?(?:[eE][+-]?\d+)?")
    others = [cell for cell in cells if thousands not in cell and cell.casefold() not in MISSING]
    if not all(plainly.fullmatch(cell) for cell in others):
        return False
    return stated or any(decimal in cell or cell.count(thousands) > 1 for cell in with_thousands)


def refuse_formulas(table: Table, text: str) -> None:
    """Refuse cells that a spreadsheet would run; a table that carries them on would pass them to who opens it."""
    if not any(mark in text for mark in "=@|(!"):
        return
    for header in table.columns:
        if FORMULA.match(header):
            raise InputError(
                f"{table.named}: header `{header[:40]}` is a spreadsheet formula.",
                hint="write the column's name there.",
            )
    for column, cells in table.columns.items():
        rows = [i for i, cell in enumerate(cells) if cell and cell[0] in "=@+-" and FORMULA.match(cell)]
        refuse_cells(
            table, column, rows, what="a spreadsheet formula", cause="cells exported as formulas, or a planted one",
            hint="export the values; text must not begin with `=` or `@`.",
        )  # fmt: skip


def _as_floats(cells: Sequence[str]) -> NDArray[np.float64] | None:
    """Values of cells that are all plain numbers, else None; the quick way for the many files without a gap."""
    if not NUMBER_CHARACTERS.fullmatch("\n".join(cells)):
        return None
    try:
        return np.array(list(map(float, cells)), dtype=np.float64)
    except ValueError:
        return None


def _is_number(cell: str) -> bool:
    return cell.casefold() in MISSING or NUMBER.fullmatch(cell) is not None


def _decimal_comma(table: Table, column: str) -> bool:
    """Whether the column's decimal mark is a comma, by its key or by what the cells prove."""
    cells, declared, key = table.columns[column], table.layout.decimal, table.setting("decimal")
    text = "".join(cells)  # most columns are settled by what they do not hold
    if "," not in text and "." not in text:
        return False
    commas = [cell for cell in cells if "," in cell] if "," in text else []
    if declared is not None:
        _refuse_marks(table, column, "," if declared == "point" else ".", declared)
        table.decide("decimal mark", declared, f"`{key}` says so")
        return declared == "comma" and bool(commas)
    if commas:
        _check_decimal_commas(table, column, commas)
        table.decide("decimal mark", "comma", f"in `{column}` commas can separate no thousands")
        return True
    # Where commas separate cells, points can only be decimal; a file with semicolons may come from either custom.
    if table.separator != "," and not _proves_decimals(cells, "."):
        raise cell_error(
            table, column, [i for i, cell in enumerate(cells) if "." in cell],
            what="a point that may be a decimal or a thousands separator",
            cause="every point has three digits after it",
            hint=f"set `{key}` to `point`, or export the column without thousands separators.",
        )  # fmt: skip
    proof = "commas separate the cells" if table.separator == "," else "its points can separate no thousands"
    table.decide("decimal mark", "point", f"in `{column}` {proof}")
    return False


def _proves_decimals(cells: Sequence[str], mark: str) -> bool:
    """Whether a mark can not be a thousands separator: `0.123`, `1.5`, or `1234` beside `1.234`."""
    marked = [cell for cell in cells if mark in cell]
    return not all(GROUPED[mark].fullmatch(cell) for cell in marked) or any(
        len(cell.lstrip("+-")) > 3 and cell.lstrip("+-").isdecimal() for cell in cells
    )


def _refuse_marks(table: Table, column: str, foreign: str, declared: str) -> None:
    refused = [i for i, cell in enumerate(table.columns[column]) if foreign in cell]
    refuse_cells(
        table, column, refused, what=f"`{foreign}` where `{table.setting('decimal')}` says decimal {declared}",
        cause="thousands separators, or the other decimal mark",
        hint=f"export the column without thousands separators, or correct `{table.setting('decimal')}`.",
    )  # fmt: skip


def _check_decimal_commas(table: Table, column: str, commas: list[str]) -> None:
    cells = table.columns[column]
    mixed = any("." in cell for cell in cells)
    hint = "export the column with decimal points and no thousands separator."
    if not mixed and all(COMMA_NUMBER.fullmatch(cell) for cell in commas):
        if _proves_decimals(cells, ","):
            return
        what, cause = "a comma that may be a decimal or a thousands separator", "every comma has three digits after it"
        hint = f"export the column with decimal points, or set `{table.setting('decimal')}` to `comma`."
    else:
        what, cause = "no number", "thousands separators, or decimal commas and points in one column"
    rows = [i for i, cell in enumerate(cells) if "," in cell]
    raise cell_error(table, column, rows, what=what, cause=cause, hint=hint)
