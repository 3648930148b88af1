"""A table of cells as a file holds them, column by column, and the errors that name its cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.zone_words import speaks_of_zones
from schemas.errors import InputError
from schemas.results import ReaderDecision
from schemas.settings import FileSettings

Rows = Sequence[int] | NDArray[np.intp]

SHOWN = 5
"""How many offending rows a message lists."""
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
SHOWN_SEPARATORS = {"\t": "tab"}


def plain(name: str) -> str:
    """Header without accents, case and punctuation: `Generación (kWh)` is `generacion_kwh`."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """An input file with the configuration key that names it.

    Attributes
    ----------
    path, key
        The file and the configuration key.
    layout
        What the configuration says about how the file is written.
    decisions
        What the file was taken to be, and why; its readers add to it.
    """

    path: Path
    key: str
    layout: FileSettings = field(default_factory=FileSettings)
    decisions: list[ReaderDecision] = field(default_factory=list)

    @property
    def named(self) -> str:
        """File and key, as messages begin."""
        return f"{self.path} (named by `{self.key}`)"

    def setting(self, name: str) -> str:
        """Configuration key `name` of this file: `mall.unit` for the file that `mall.file` names."""
        return f"{self.key.rpartition('.')[0] or self.key}.{name}"

    def decide(self, what: str, value: str, why: str) -> None:
        """Record what the file was taken to be; the same for a further column is not recorded again."""
        if not any((done.what, done.value) == (what, value) for done in self.decisions):
            self.decisions.append(ReaderDecision(what=what, value=value, why=why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(NamedFile):
    """Cells of a delimited text file, column by column.

    Attributes
    ----------
    sha256
        Digest of the bytes that were read.
    encoding, separator
        As found in the file.
    columns
        Cells of each column by its header, all of the same length, in the file's order.
    lines
        Line number of each row in the file, from 1.
    units
        Unit of each column that a row under the header says.
    above
        Lines above the header.
    sole
        Header of the one quantity of a table that had a column for each hour of the day.
    """

    sha256: str
    encoding: str
    separator: str
    columns: dict[str, list[str]]
    lines: list[int]
    units: dict[str, str] = field(default_factory=dict)
    above: tuple[str, ...] = ()
    sole: str | None = None

    @property
    def header(self) -> list[str]:
        """Headers in the file's order."""
        return list(self.columns)

    @property
    def zone_lines(self) -> list[str]:
        """Lines above the header that speak of the time zone."""
        return [line for line in self.above if speaks_of_zones(line)]

    @property
    def described(self) -> str:
        """How the file was read, in plain words."""
        return f"read {len(self.lines)} rows, {self.encoding}, separator `{shown_separator(self.separator)}`"

    def find(self, names: Sequence[str]) -> str | None:
        """Return the header that is the first of `names` present, compared without accents, case and punctuation."""
        present = {plain(header): header for header in self.columns}
        return next((present[name] for name in names if name in present), None)

    def first_rows(self) -> str:
        """First rows of the file, as it shows them."""
        rows = [
            self.separator.join(column[i] for column in self.columns.values()) for i in range(min(2, len(self.lines)))
        ]
        shown = [self.separator.join(self.columns), *rows]
        return "\nFirst rows:\n" + "\n".join(f"  {row[:160]}" for row in shown)


def refuse_cells(table: Table, column: str, rows: Rows, *, what: str, cause: str, hint: str) -> None:
    """Raise `cell_error` where there are `rows`."""
    if len(rows):
        raise cell_error(table, column, rows, what=what, cause=cause, hint=hint)


def cell_error(table: Table, column: str, rows: Rows, *, what: str, cause: str, hint: str) -> InputError:
    """Build the error for cells that can not be used; `rows` are 0-based."""
    cells = table.columns[column]
    shown = ", ".join(f"line {table.lines[i]}: `{cells[i][:40]}`" for i in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return InputError(
        f"{table.path}: column `{column}` (named by `{table.key}`): {len(rows)} of {len(cells)} cells hold {what} "
        f"({shown}{more}). Likely cause: {cause}.",
        hint=hint,
    )


def missing_column(table: Table, what: str, names: Sequence[str], key: str | None = None) -> InputError:
    """Build the error for a quantity that no column of the file holds."""
    known = ", ".join(f"`{name}`" for name in names)
    found = ", ".join(f"`{name[:40]}`" for name in table.header[:40])
    found += f" and {len(table.columns) - 40} more" if len(table.columns) > 40 else ""
    remedy = f", or name the right column with `{key}`" if key else f", or set `{table.key}` to another file"
    return InputError(
        f"{table.named}: no column holds {what}; known headers are {known}, the file has "
        f"{found}. Likely cause: a renamed column or another file.{table.first_rows()}",
        hint=f"rename the column in the file to `{names[0]}`{remedy}.",
    )


def named_column(table: Table, column: str, name: str) -> str:
    """Header that the configuration names as `column`, by setting `name` of the file."""
    header = column if column in table.columns else table.find((plain(column),))
    if header is None:
        raise InputError.missing_column(table.path, column, table.header[:40], table.setting(name))
    return header


def shown_separator(separator: str) -> str:
    """Separator as a message shows it."""
    return SHOWN_SEPARATORS.get(separator, separator)
