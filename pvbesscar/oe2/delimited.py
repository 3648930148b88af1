"""A delimited text file read as it is: every cell kept, every decision recorded, every fault of the file named."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.parquet import parquet_text
from schemas.errors import InputError
from schemas.results import ReaderDecision
from schemas.settings import FileSettings

SHOWN = 5
"""How many offending rows a message lists."""

MAX_BYTES = 128 * 2**20
MAX_ROWS = 600_000
"""A year of minutes has 527,040 rows."""
MAX_COLUMNS = 1000
MAX_VALUE = 1e15
"""No power, energy or irradiance of a plant is greater, in any unit."""

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
NUMBER_CHARACTERS = re.compile(r"[0-9+\-.eE\n]*")
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+", re.ASCII)
GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+", re.ASCII) for mark in ".,"}
"""What may be a number of thousands as well as one with three decimals."""
FORMULA = re.compile(r"[=@]|[+-].*[|(!]")
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
SHOWN_SEPARATORS = {"\t": "tab"}
PROBED_ROWS = 50
PROBED_CHARACTERS = 2**18

MAGIC = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}
PARQUET = b"PAR1"
UTF8_MARK = codecs.BOM_UTF8
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
C1 = re.compile(r"[\x80-\x9f]")
NOT_ASCII = re.compile(rb"[\x80-\xff]+")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a delimited text file, column by column.

    Attributes
    ----------
    path, key
        The file and the configuration key that names it.
    layout
        What the configuration says about how the file is written.
    sha256
        Digest of the bytes that were read.
    encoding, separator
        As found in the file.
    columns
        Cells of each column by its header, all of the same length, in the file's order.
    lines
        Line number of each row in the file, from 1.
    decisions
        What the file was taken to be, and why; its readers add to it.
    """

    path: Path
    key: str
    layout: FileSettings
    sha256: str
    encoding: str
    separator: str
    columns: dict[str, list[str]]
    lines: list[int]
    decisions: list[ReaderDecision] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        """Headers in the file's order."""
        return list(self.columns)

    @property
    def described(self) -> str:
        """How the file was read, in plain words."""
        return f"read {len(self.lines)} rows, {self.encoding}, separator `{_shown(self.separator)}`"

    def setting(self, name: str) -> str:
        """Configuration key `name` of this file: `mall.unit` for the file that `mall.file` names."""
        return _setting(self.key, name)

    def decide(self, what: str, value: str, why: str) -> None:
        """Record what the file was taken to be; the same for a further column is not recorded again."""
        if not any((done.what, done.value) == (what, value) for done in self.decisions):
            self.decisions.append(ReaderDecision(what=what, value=value, why=why))

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


def read_table(path: Path, key: str, layout: FileSettings | None = None) -> Table:
    """Read a delimited text file, or Parquet as the text that it would be, without changing anything in it.

    Parameters
    ----------
    path
        A regular file, or a symbolic link to one: Parquet, or text in UTF-8, UTF-16 with its mark, or latin-1, cells
        separated by `,`, `;`, tab or `|`, the first line with the headers.
    key
        Configuration key that names the file, for messages.
    layout
        What the configuration says about the file; what it leaves out is detected.

    Raises
    ------
    InputError
        The file is missing, no regular file, too large, empty, no text, in no known encoding, ragged, holds formulas,
        has empty or repeated headers, or could be read in two ways (the message names the key that decides).
    """
    layout = layout or FileSettings()
    decisions: list[ReaderDecision] = []
    data = read_bytes(path, key)
    encoding, text = _decode(data, path, key, layout, decisions)
    separator = _separator(text, path, key, layout, decisions)
    lines, rows = _rows(text, separator, path, key)
    header = _header(rows[0], path, key)
    lines, rows = _body(lines[1:], rows[1:], header, path, key)
    table = Table(
        path=path,
        key=key,
        layout=layout,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        separator=separator,
        columns={
            name: list(map(str.strip, cells)) for name, cells in zip(header, zip(*rows, strict=True), strict=True)
        },
        lines=lines,
        decisions=decisions,
    )
    _refuse_formulas(table, text)
    return table


def numbers(table: Table, column: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Values of a numeric column, and what was done to read them.

    Empty cells and `NaN` become NaN; anything else that is no plain decimal number is refused. A decimal comma is read
    as one, unless it could as well separate thousands.

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
    cells = table.columns[column]
    steps: tuple[str, ...] = ()
    if _decimal_comma(table, column):
        cells = [cell.replace(",", ".") for cell in cells]
        steps = (f"decimal commas of `{column}` read as decimal points",)
    values = _as_floats(cells)
    if values is None:
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
    beyond = np.flatnonzero(np.abs(values) > MAX_VALUE)
    if beyond.size:
        raise cell_error(
            table, column, beyond.tolist(), what=f"a number beyond {MAX_VALUE:g}, which no quantity of a plant reaches",
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
    found = ", ".join(f"`{name[:40]}`" for name in table.header[:40])
    found += f" and {len(table.columns) - 40} more" if len(table.columns) > 40 else ""
    remedy = f", or name the right column with `{key}`" if key else f", or set `{table.key}` to another file"
    return InputError(
        f"{table.path} (named by `{table.key}`): no column holds {what}; known headers are {known}, the file has "
        f"{found}. Likely cause: a renamed column or another file.{table.first_rows()}",
        hint=f"rename the column in the file to `{names[0]}`{remedy}.",
    )


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
    if refused:
        raise cell_error(
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


def _refuse_formulas(table: Table, text: str) -> None:
    """Refuse cells that a spreadsheet would run; a table that carries them on would pass them to who opens it."""
    if not any(mark in text for mark in "=@|(!"):
        return
    for header in table.columns:
        if FORMULA.match(header):
            raise InputError(
                f"{table.path} (named by `{table.key}`): header `{header[:40]}` is a spreadsheet formula.",
                hint="write the column's name there.",
            )
    for column, cells in table.columns.items():
        rows = [i for i, cell in enumerate(cells) if cell and cell[0] in "=@+-" and FORMULA.match(cell)]
        if rows:
            raise cell_error(
                table, column, rows, what="a spreadsheet formula", cause="cells exported as formulas, or a planted one",
                hint="export the values; text must not begin with `=` or `@`.",
            )  # fmt: skip


def _setting(key: str, name: str) -> str:
    return f"{key.partition('.')[0]}.{name}"


def _shown(separator: str) -> str:
    return SHOWN_SEPARATORS.get(separator, separator)


def read_bytes(path: Path, key: str) -> bytes:
    """Bytes of an input file; a pipe, a device or a folder is refused before it is opened.

    Raises
    ------
    InputError
        The file is missing, no regular file, unreadable, empty or larger than `MAX_BYTES`.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file (a pipe, socket or device)"
            raise InputError(
                f"{path} (named by `{key}`) is {kind} and can not be read.", hint=f"set `{key}` to a file."
            )
        if found.st_size > MAX_BYTES:
            raise InputError(
                f"{path} (named by `{key}`) has {found.st_size:,} bytes; an input file has at most {MAX_BYTES:,}. "
                "Likely cause: another file, or years of data in one.",
                hint=f"export the columns and the year that the scenario needs, or set `{key}` to another file.",
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError.missing_file(path, key) from error
    except OSError as error:
        raise InputError(
            f"{path} (named by `{key}`) can not be read: {error.strerror}.",
            hint=f"make it a readable file, or set `{key}` to another one.",
        ) from error
    except ValueError as error:  # a zero byte in the name
        raise InputError(
            f"{str(path)!r} (named by `{key}`) is no file name: {error}.", hint=f"set `{key}` to a file."
        ) from error
    if not data.removeprefix(UTF8_MARK).strip():
        raise InputError(
            f"{path} (named by `{key}`) is empty ({len(data)} bytes). Likely cause: an export that was cut off.",
            hint=f"export the file again, or set `{key}` to another one; no other data is used in its place.",
        )
    return data


def _decode(
    data: bytes, path: Path, key: str, layout: FileSettings, decisions: list[ReaderDecision]
) -> tuple[str, str]:
    if data.startswith(PARQUET):
        decisions.append(ReaderDecision(what="encoding", value="Parquet", why="the file begins with its mark"))
        return "Parquet", parquet_text(data, path, key)
    kind = next((name for magic, name in MAGIC.items() if data.startswith(magic)), None)
    if kind is not None:
        raise _not_text(path, key, f"is {kind}")
    wide = data.startswith(WIDE_MARKS) or layout.encoding == "utf-16"
    if b"\0" in data and not wide:
        raise _not_text(path, key, f"is binary (a zero byte at {data.index(0)})")
    codec = layout.encoding or ("utf-16" if wide else None)
    encoding, text, why = (
        _decode_as(data, codec, path, key, declared=layout.encoding is not None)
        if codec is not None
        else _decode_text(data, path, key)
    )
    control = CONTROLS.search(text)
    if control is not None:
        raise _not_text(path, key, f"is binary (control character {control[0]!r})")
    if not text.strip():
        raise _not_text(path, key, "holds no text")
    decisions.append(ReaderDecision(what="encoding", value=encoding, why=why))
    return encoding, text


def _decode_as(data: bytes, codec: str, path: Path, key: str, *, declared: bool) -> tuple[str, str, str]:
    try:
        text = data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeError as error:
        raise InputError(
            f"{path} (named by `{key}`) is not in {codec}: {error}.",
            hint=f"correct `{_setting(key, 'encoding')}`, or save the file as CSV in UTF-8.",
        ) from error
    names = {"utf-8": "UTF-8", "utf-16": "UTF-16"}
    why = f"`{_setting(key, 'encoding')}` says so" if declared else "the file begins with the mark of UTF-16"
    return names.get(codec, codec), text, why


def _decode_text(data: bytes, path: Path, key: str) -> tuple[str, str, str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return "latin-1", _decode_latin(data, path, key, error), "no UTF-8, and every byte is a letter of latin-1"
    if data.startswith(UTF8_MARK):
        return "UTF-8 with byte order mark", text, "the file begins with the mark of UTF-8"
    return "UTF-8", text, "ASCII only" if data.isascii() else "every byte is valid UTF-8"


def _decode_latin(data: bytes, path: Path, key: str, error: UnicodeDecodeError) -> str:
    text = data.decode("latin-1")
    line = data.count(b"\n", 0, error.start) + 1
    hint = f"save it as CSV in UTF-8, or set `{_setting(key, 'encoding')}` to what it is."
    # Latin-1 decodes anything; its C1 range holds no letters, so a byte there says that it is something else.
    if C1.search(text):
        raise InputError(
            f"{path} (named by `{key}`) is in no known encoding (byte 0x{data[error.start]:02x} in line {line}); text "
            "in UTF-8, UTF-16 with its mark, or latin-1 is known without being told.",
            hint=hint,
        ) from error
    if any(_is_utf8(part) for part in NOT_ASCII.findall(data)):
        raise InputError(
            f"{path} (named by `{key}`) mixes encodings: UTF-8 in places, but not in line {line}. Likely cause: rows "
            "of two exports in one file.",
            hint=hint,
        ) from error
    return text


def _is_utf8(part: bytes) -> bool:
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_text(path: Path, key: str, seen: str) -> InputError:
    return InputError(
        f"{path} (named by `{key}`) {seen}; text in UTF-8, UTF-16 or latin-1 is read.",
        hint=f"save it as CSV in UTF-8, or set `{key}` to another file.",
    )


def _separator(text: str, path: Path, key: str, layout: FileSettings, decisions: list[ReaderDecision]) -> str:
    """Separator that the configuration names, or the only one that splits all of the first rows alike."""
    declared = layout.separator
    if declared is not None:
        decisions.append(_separated(SEPARATORS[declared], f"`{_setting(key, 'separator')}` says so"))
        return SEPARATORS[declared]
    start = text.lstrip()[:PROBED_CHARACTERS]
    widths = {mark: _widths(start, mark) for mark in SEPARATORS.values()}
    several = {mark: found for mark, found in widths.items() if found[0] > 1}
    if not several:
        # One column: any mark that stands in no row does, and a decimal comma is not taken for one.
        separator = "," if set(widths[","]) == {1} else ";"
        decisions.append(_separated(separator, "the header holds a single column"))
        return separator
    alike = [mark for mark, found in several.items() if len(set(found)) == 1]
    if len(alike) == 1 or len(several) == 1:
        separator = alike[0] if alike else next(iter(several))
        decisions.append(_separated(separator, "the only one that splits header and rows alike"))
        return separator
    counted = ", ".join(f"`{_shown(mark)}` gives {max(found)}" for mark, found in several.items())
    raise InputError(
        f"{path} (named by `{key}`): more than one separator may split the header `{start.splitlines()[0][:80]}` into "
        f"columns ({counted}).",
        hint=f"set `{_setting(key, 'separator')}` to one of {', '.join(SEPARATORS)}.",
    )


def _separated(separator: str, why: str) -> ReaderDecision:
    return ReaderDecision(what="separator", value=_shown(separator), why=why)


def _widths(start: str, separator: str) -> list[int]:
    """Number of cells of each of the first rows, blank ones left out; the last may be cut, and does not count."""
    found: list[int] = []
    try:
        for row in islice(csv.reader(io.StringIO(start, newline=""), delimiter=separator), PROBED_ROWS):
            found += [len(row)] if row else []
    except csv.Error:
        return [0]
    return (found[:-1] if len(start) == PROBED_CHARACTERS and len(found) > 1 else found) or [0]


def _rows(text: str, separator: str, path: Path, key: str) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            lines.append(reader.line_num)
            rows.append(row)
            if len(rows) > MAX_ROWS:
                raise InputError(
                    f"{path} (named by `{key}`) has more than {MAX_ROWS:,} rows; a year of minutes has 527,040.",
                    hint="export one year, in hours or quarters of an hour.",
                )
    except csv.Error as error:
        raise InputError(
            f"{path} (named by `{key}`): line {reader.line_num} can not be split into cells: {error}.",
            hint="mend the quotes in that line, or export the file again.",
        ) from error
    while rows and _is_blank(rows[-1]):
        rows.pop()
    first = next((i for i, row in enumerate(rows) if not _is_blank(row)), 0)
    if not rows:
        raise _not_text(path, key, "holds no cell")
    return lines[first : len(rows)], rows[first:]


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _header(cells: list[str], path: Path, key: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    if len(header) > MAX_COLUMNS:
        raise InputError(
            f"{path} (named by `{key}`): {len(header):,} columns; an input file has at most {MAX_COLUMNS:,}.",
            hint="export the columns that the scenario needs.",
        )
    if "" in header:
        raise InputError(
            f"{path} (named by `{key}`): header {header.index('') + 1} of {len(header)} is empty: {header[:SHOWN]}.",
            hint="name the column in the first line, or remove it.",
        )
    if all(NUMBER.fullmatch(cell) for cell in header):
        raise InputError(
            f"{path} (named by `{key}`): the first line holds numbers, no headers: {header[:SHOWN]}.",
            hint="write the headers into the first line.",
        )
    names = [plain(name) or name.casefold() for name in header]
    count = Counter(names)
    repeated = sorted({name[:40] for name, known in zip(header, names, strict=True) if count[known] > 1})
    if repeated:
        raise InputError(
            f"{path} (named by `{key}`): column {', '.join(f'`{name}`' for name in repeated[:SHOWN])} appears more "
            "than once; which one counts can not be known.",
            hint="keep one of them under that header.",
        )
    return header


def _body(
    lines: list[int], rows: list[list[str]], header: list[str], path: Path, key: str
) -> tuple[list[int], list[list[str]]]:
    if not rows:
        raise InputError(
            f"{path} (named by `{key}`) has headers ({', '.join(f'`{h[:40]}`' for h in header[:SHOWN])}) and no rows. "
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
