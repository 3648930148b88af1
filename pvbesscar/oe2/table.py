"""A delimited text file read as it is: every cell kept, every fault of the file named."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InputError

SHOWN = 5
"""How many offending rows a message lists."""

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})

MAGIC = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}
UTF8_MARK = b"\xef\xbb\xbf"
WIDE_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
TEXT_CONTROLS = frozenset("\t\n\r")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a delimited text file, column by column.

    Attributes
    ----------
    path, key
        The file and the configuration key that names it.
    sha256
        Digest of the bytes that were read.
    encoding, separator
        As found in the file.
    columns
        Cells of each column by its header, all of the same length, in the file's order.
    lines
        Line number of each row in the file, from 1.
    """

    path: Path
    key: str
    sha256: str
    encoding: str
    separator: str
    columns: dict[str, list[str]]
    lines: list[int]

    @property
    def header(self) -> list[str]:
        """Headers in the file's order."""
        return list(self.columns)

    @property
    def described(self) -> str:
        """How the file was read, in plain words."""
        return f"read {len(self.lines)} rows, {self.encoding}, separator `{self.separator}`"

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


def plain(name: str) -> str:
    """Header without accents, case and punctuation: `Generación (kWh)` is `generacion_kwh`."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")


def read_table(path: Path, key: str) -> Table:
    """Read a `,` or `;` separated text file without changing anything in it.

    Parameters
    ----------
    path
        The file: UTF-8 with or without byte order mark, or latin-1; the first line holds the headers.
    key
        Configuration key that names the file, for messages.

    Raises
    ------
    InputError
        The file is missing, empty, no text, in no known encoding, ragged, or has empty or repeated headers.
    """
    data = _read_bytes(path, key)
    encoding, text = _decode(data, path, key)
    separator = _separator(text, path, key)
    lines, rows = _rows(text, separator, path, key)
    header = _header(rows[0], path, key)
    lines, rows = _body(lines[1:], rows[1:], header, path, key)
    return Table(
        path=path,
        key=key,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        separator=separator,
        columns={name: [row[i].strip() for row in rows] for i, name in enumerate(header)},
        lines=lines,
    )


def numbers(table: Table, column: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Values of a numeric column, and what was done to read them.

    Empty cells and `NaN` become NaN; anything else that is no plain decimal number is refused. In a `;` separated
    file a decimal comma is read as one, unless it could as well separate thousands.

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
        A cell holds text, infinity, or a comma that could mean two things.
    """
    cells = table.columns[column]
    commas = [cell for cell in cells if "," in cell]
    steps: tuple[str, ...] = ()
    if commas:
        _check_decimal_commas(table, column, commas)
        cells = [cell.replace(",", ".") for cell in cells]
        steps = (f"decimal commas of `{column}` read as decimal points",)
    refused = [i for i, cell in enumerate(cells) if not _is_number(cell)]
    if refused:
        raise cell_error(
            table,
            column,
            refused,
            what="no number",
            cause="text, a unit or a thousands separator in a cell of numbers",
            hint=f"write plain decimal numbers there (an empty cell for a missing value), or set `{table.key}` to "
            "another file; nothing is guessed.",
        )
    values = np.array([np.nan if cell.casefold() in MISSING else float(cell) for cell in cells], dtype=np.float64)
    if np.isinf(values).any():
        raise cell_error(
            table, column, np.flatnonzero(np.isinf(values)).tolist(), what="beyond what a number can hold",
            cause="a corrupted export", hint="export the file again.",
        )  # fmt: skip
    return values, steps


def cell_error(table: Table, column: str, rows: Sequence[int], *, what: str, cause: str, hint: str) -> InputError:
    """Build the error for cells that can not be used; `rows` are 0-based."""
    cells = table.columns[column]
    shown = ", ".join(f"line {table.lines[i]}: `{cells[i][:40]}`" for i in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    count = f"{len(rows)} of {len(cells)} cells"
    return InputError(
        f"{table.path}: column `{column}` (named by `{table.key}`): {count} hold {what} ({shown}{more}). "
        f"Likely cause: {cause}.",
        hint=hint,
    )


def missing_column(table: Table, what: str, names: Sequence[str], key: str | None = None) -> InputError:
    """Build the error for a quantity that no column of the file holds."""
    known = ", ".join(f"`{name}`" for name in names)
    found = ", ".join(f"`{name}`" for name in table.columns)
    remedy = f", or name the right column with `{key}`" if key else f", or set `{table.key}` to another file"
    return InputError(
        f"{table.path} (named by `{table.key}`): no column holds {what}; known headers are {known}, the file has "
        f"{found}. Likely cause: a renamed column or another file.{table.first_rows()}",
        hint=f"rename the column in the file to `{names[0]}`{remedy}.",
    )


def _is_number(cell: str) -> bool:
    return cell.casefold() in MISSING or NUMBER.fullmatch(cell) is not None


def _check_decimal_commas(table: Table, column: str, commas: list[str]) -> None:
    cells = table.columns[column]
    mixed = any("." in cell for cell in cells)
    if not mixed and all(COMMA_NUMBER.fullmatch(cell) for cell in commas):
        if not all(THOUSANDS.fullmatch(cell) for cell in commas):
            return
        what, cause = "a comma that may be a decimal or a thousands separator", "every comma has three digits after it"
    else:
        what, cause = "no number", "thousands separators, or decimal commas and points in one column"
    rows = [i for i, cell in enumerate(cells) if "," in cell]
    hint = "export the column with decimal points and no thousands separator."
    raise cell_error(table, column, rows, what=what, cause=cause, hint=hint)


def _read_bytes(path: Path, key: str) -> bytes:
    if not path.exists():
        raise InputError.missing_file(path, key)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} (named by `{key}`) can not be read: {error.strerror}.",
            hint=f"make it a readable file, or set `{key}` to another one.",
        ) from error
    if not data.removeprefix(UTF8_MARK).strip():
        raise InputError(
            f"{path} (named by `{key}`) is empty ({len(data)} bytes). Likely cause: an export that was cut off.",
            hint=f"export the file again, or set `{key}` to another one; no other data is used in its place.",
        )
    return data


def _decode(data: bytes, path: Path, key: str) -> tuple[str, str]:
    kind = next((name for magic, name in MAGIC.items() if data.startswith(magic)), None)
    if kind is not None:
        raise _not_text(path, key, f"is {kind}")
    wide = next((name for mark, name in WIDE_ENCODINGS.items() if data.startswith(mark)), None)
    if wide is not None:
        raise _not_text(path, key, f"is in {wide}")
    if b"\0" in data:
        raise _not_text(path, key, f"is binary (a zero byte at {data.index(0)})")
    encoding, text = _decode_text(data, path, key)
    control = next((c for c in text if c < " " and c not in TEXT_CONTROLS), None)
    if control is not None:
        raise _not_text(path, key, f"is binary (control character {control!r})")
    return encoding, text


def _decode_text(data: bytes, path: Path, key: str) -> tuple[str, str]:
    try:
        return ("UTF-8 with byte order mark" if data.startswith(UTF8_MARK) else "UTF-8"), data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("latin-1")
        # Latin-1 decodes anything; its C1 range holds no letters, so a byte there says that it is something else.
        if any("\x7f" <= c <= "\x9f" for c in text):
            line = data.count(b"\n", 0, error.start) + 1
            raise _not_text(
                path, key, f"is in no known encoding (byte 0x{data[error.start]:02x} in line {line})"
            ) from error
        return "latin-1", text


def _not_text(path: Path, key: str, seen: str) -> InputError:
    return InputError(
        f"{path} (named by `{key}`) {seen}; text in UTF-8 or latin-1 is read.",
        hint=f"save it as CSV in UTF-8, or set `{key}` to another file.",
    )


def _separator(text: str, path: Path, key: str) -> str:
    first = next(line for line in text.splitlines() if line.strip())
    separator = ";" if ";" in first else ","
    if separator not in first and "\t" in first:
        raise InputError(
            f"{path} (named by `{key}`): the header is separated by tabs (`{first[:80]!r}`); `;` and `,` are read.",
            hint="save it as CSV with `;` or `,`.",
        )
    return separator


def _rows(text: str, separator: str, path: Path, key: str) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            lines.append(reader.line_num)
            rows.append(row)
    except csv.Error as error:
        raise InputError(
            f"{path} (named by `{key}`): line {reader.line_num} can not be split into cells: {error}.",
            hint="mend the quotes in that line, or export the file again.",
        ) from error
    while _is_blank(rows[-1]):
        rows.pop()
    while _is_blank(rows[0]):
        rows.pop(0)
        lines.pop(0)
    return lines[: len(rows)], rows


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _header(cells: list[str], path: Path, key: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    if "" in header:
        raise InputError(
            f"{path} (named by `{key}`): header {header.index('') + 1} of {len(header)} is empty: {header}.",
            hint="name the column in the first line, or remove it.",
        )
    if all(NUMBER.fullmatch(cell) for cell in header):
        raise InputError(
            f"{path} (named by `{key}`): the first line holds numbers, no headers: {header[:SHOWN]}.",
            hint="write the headers into the first line.",
        )
    repeated = sorted({name for name in header if [plain(h) for h in header].count(plain(name)) > 1})
    if repeated:
        raise InputError(
            f"{path} (named by `{key}`): column {', '.join(f'`{name}`' for name in repeated)} appears more than once; "
            "which one counts can not be known.",
            hint="keep one of them under that header.",
        )
    return header


def _body(
    lines: list[int], rows: list[list[str]], header: list[str], path: Path, key: str
) -> tuple[list[int], list[list[str]]]:
    if not rows:
        raise InputError(
            f"{path} (named by `{key}`) has headers ({', '.join(f'`{h}`' for h in header)}) and no rows. "
            "Likely cause: an export that was cut off.",
            hint=f"export the file again, or set `{key}` to another one.",
        )
    ragged = [i for i, row in enumerate(rows) if len(row) != len(header)]
    if ragged:
        shown = ", ".join(f"line {lines[i]}: {len(rows[i])}" for i in ragged[:SHOWN])
        raise InputError(
            f"{path} (named by `{key}`): {len(ragged)} of {len(rows)} rows do not have the {len(header)} cells of the "
            f"header ({shown}). Likely cause: a separator inside a cell, a blank line, or a file that was cut off.",
            hint="give each row one cell per header; no row is dropped or padded.",
        )
    return lines, rows
