"""Tables of the page: cells that know their value, so that they can be sorted and written as CSV too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

LONGEST_WORD = 22
"""Letters that a column leaves room for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what is read, and the number behind it (`None` where it is text)."""

    text: str
    value: float | None = None

    @property
    def long(self) -> bool:
        """Whether a word in it is too long for a narrow column: a path or a digest, which may be broken anywhere."""
        return any(len(word) > LONGEST_WORD for word in self.text.split())


@dataclass(frozen=True, slots=True)
class Row:
    """A row; the first cell names it.

    `kind` is a class of the style sheet, and says how the row is drawn.
    """

    cells: tuple[Cell, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page, and a CSV file of its key beside it.

    Attributes
    ----------
    key
        Id on the page and name of the file.
    columns
        Name of each column; a column whose cells have values stands to the right.
    """

    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether a column holds numbers."""
        return tuple(
            any(row.cells[i].value is not None for row in self.rows) for i in range(len(self.columns))
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """The table as the CSV file has it: values with all their digits."""
        return pd.DataFrame(
            [[cell.text if cell.value is None else cell.value for cell in row.cells] for row in self.rows],
            columns=list(self.columns),
        )


def number(value: float, digits: int = 0) -> str:
    """Write a number with thousands separators; no minus before a zero."""
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0.0 else text


def figure(value: float | None, digits: int = 0) -> Cell:
    """Cell of a number; an empty one where there is none."""
    return Cell("") if value is None or math.isnan(value) else Cell(number(value, digits), float(value))


def share(value: float | None, digits: int = 1) -> Cell:
    """Cell of a share, in percent."""
    return Cell("") if value is None else Cell(f"{number(100.0 * value, digits)} %", 100.0 * value)


def text(words: object) -> Cell:
    """Cell of text."""
    return Cell(str(words))


def table(
    key: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], kinds: Sequence[str] = ()
) -> Table:
    """Make a table of cells; `kinds` has the kind of each row, where they differ."""
    named = kinds or [""] * len(rows)
    made = tuple(Row(tuple(cells), kind) for cells, kind in zip(rows, named, strict=True))
    return Table(key, caption, tuple(columns), made)
