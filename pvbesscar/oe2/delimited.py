"""A delimited text file read as it is: every cell kept, every decision recorded, every fault of the file named."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from itertools import islice
from pathlib import Path

from pvbesscar.oe2.block import find_block
from pvbesscar.oe2.cells import SHOWN, NamedFile, Table, plain, shown_separator
from pvbesscar.oe2.encoding import decode, not_text, read_bytes
from pvbesscar.oe2.limits import MAX_ROWS, Shape, refuse_cells_beyond, too_many_rows
from pvbesscar.oe2.numbers import NUMBER, refuse_formulas
from pvbesscar.oe2.totals import without_totals
from pvbesscar.oe2.wide_days import hours_as_rows
from schemas.errors import InputError
from schemas.settings import FileSettings

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
PROBED_ROWS = 200
SAID_SEPARATOR = re.compile(r"\s*\"?sep=([,;|\t])\"?[ \t]*\r?\n", re.IGNORECASE)
PROBED_CHARACTERS = 2**18


def read_table(path: Path, key: str, layout: FileSettings | None = None) -> Table:
    """Read a delimited text file, or Parquet as the text that it would be, without changing anything in it.

    Parameters
    ----------
    path
        A regular file, or a symbolic link to one: Parquet, JSON records, or text in UTF-8, UTF-16 with its mark, or
        latin-1, cells separated by `,`, `;`, tab or `|`, the first line with the headers.
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
    file = NamedFile(path, key, layout or FileSettings())
    data = read_bytes(file)
    encoding, text = decode(data, file)
    separator = _separator(text, file)
    lines, rows = _rows(text, separator, file)
    block = find_block(lines, rows, file)
    lines, rows = block.lines, block.rows
    header = _header(block.header, file)
    if len(header) < len(block.header):
        rows = [row[: len(header)] for row in rows]
    _check_rows(lines, rows, header, file)
    table = Table(
        path=path,
        key=key,
        layout=file.layout,
        decisions=file.decisions,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        separator=separator,
        columns={
            name: list(map(str.strip, cells)) for name, cells in zip(header, zip(*rows, strict=True), strict=True)
        },
        lines=lines,
        units={name: unit for name, unit in zip(header, block.units, strict=False) if unit},
        above=block.above,
    )
    refuse_formulas(table, text)
    return hours_as_rows(without_totals(table))


def _separator(text: str, file: NamedFile) -> str:
    """Separator that the configuration names, or the only one that splits all of the first rows alike."""
    declared = file.layout.separator
    if declared is not None:
        file.decide("separator", shown_separator(SEPARATORS[declared]), f"`{file.setting('separator')}` says so")
        return SEPARATORS[declared]
    said = SAID_SEPARATOR.match(text)
    if said is not None:
        file.decide("separator", shown_separator(said[1]), f"the first line says so: `{said[0].strip()}`")
        return said[1]
    start = text.lstrip()[:PROBED_CHARACTERS]
    widths = {mark: _widths(start, mark) for mark in SEPARATORS.values()}
    several = {mark: found for mark, found in widths.items() if found[0] > 1}
    if not several and (longest := _longest_block({m: found for m, found in widths.items() if max(found) > 1})):
        file.decide("separator", shown_separator(longest), "the only one that splits header and rows alike")
        return longest
    if not several:
        # One column: any mark that stands in no row does, and a decimal comma is not taken for one.
        separator = "," if set(widths[","]) == {1} else ";"
        file.decide("separator", shown_separator(separator), "the header holds a single column")
        return separator
    alike = [mark for mark, found in several.items() if len(set(found)) == 1]
    if len(alike) == 1 or (len(several) == 1 and len(widths) - sum(max(found) < 2 for found in widths.values()) == 1):
        separator = alike[0] if alike else next(iter(several))
        file.decide("separator", shown_separator(separator), "the only one that splits header and rows alike")
        return separator
    longest = _longest_block({mark: found for mark, found in widths.items() if max(found) > 1})
    if longest is not None:
        file.decide("separator", shown_separator(longest), "the only one that splits header and rows alike")
        return longest
    counted = ", ".join(f"`{shown_separator(mark)}` gives {max(found)}" for mark, found in several.items())
    raise InputError(
        f"{file.named}: more than one separator may split the header `{start.splitlines()[0][:80]}` into "
        f"columns ({counted}).",
        hint=f"set `{file.setting('separator')}` to one of {', '.join(SEPARATORS)}.",
    )


def _longest_block(widths: dict[str, list[int]]) -> str | None:
    """Separator whose rows of equal width are the most; of several, the one that also splits the row above, the header.

    Lines above a header and below the rows are split by chance; a decimal comma splits the rows, not their header.
    """
    blocks = {mark: _block(found) for mark, found in widths.items()}
    rows = max((len(found) for found in widths.values()), default=0)
    long = {mark: block for mark, block in blocks.items() if 2 * (block[1] - block[0]) > rows}
    if not long:
        return None
    first = min(start for start, _ in long.values())
    starting = [mark for mark, (start, _) in long.items() if start == first]
    if len(starting) > 1:
        return None
    return starting[0]


def _block(widths: list[int]) -> tuple[int, int]:
    """First and last row, the latter exclusive, of the longest run of rows of one width above 1."""
    best, start = (0, 0), 0
    for i, width in enumerate(widths):
        if width != widths[start]:
            start = i
        if width > 1 and i + 1 - start > best[1] - best[0]:
            best = (start, i + 1)
    return best


def _widths(start: str, separator: str) -> list[int]:
    """Number of cells of each of the first rows, blank ones left out; the last may be cut, and does not count."""
    found: list[int] = []
    try:
        for row in islice(csv.reader(io.StringIO(start, newline=""), delimiter=separator), PROBED_ROWS):
            found += [len(row)] if row else []
    except csv.Error:
        return [0]
    return (found[:-1] if len(start) == PROBED_CHARACTERS and len(found) > 1 else found) or [0]


def _rows(text: str, separator: str, file: NamedFile) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            lines.append(reader.line_num)
            rows.append(row)
            if len(rows) > MAX_ROWS:
                raise too_many_rows(file)
    except csv.Error as error:
        raise InputError(
            f"{file.named}: line {reader.line_num} can not be split into cells: {error}.",
            hint="mend the quotes in that line, or export the file again.",
        ) from error
    while rows and _is_blank(rows[-1]):
        rows.pop()
    first = next((i for i, row in enumerate(rows) if not _is_blank(row)), 0)
    if not rows:
        raise not_text(file, "holds no cell")
    return lines[first : len(rows)], rows[first:]


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _header(cells: list[str], file: NamedFile) -> list[str]:
    header = [cell.strip() for cell in cells]
    if header[0].startswith("#"):
        header[0] = header[0].lstrip("# ")
    if not header[0] and "" not in header[1:] and len(header) > 1:
        header[0] = "index"  # as pandas and R write the labels of their rows
    refuse_cells_beyond(file, Shape(1, len(header)))
    if "" in header:
        raise InputError(
            f"{file.named}: header {header.index('') + 1} of {len(header)} is empty: {header[:SHOWN]}.",
            hint="name the column in the first line, or remove it.",
        )
    if all(NUMBER.fullmatch(cell) for cell in header):
        raise InputError(
            f"{file.named}: the first line holds numbers, no headers: {header[:SHOWN]}.",
            hint="write the headers into the first line.",
        )
    names = [plain(name) or name.casefold() for name in header]
    count = Counter(names)
    repeated = sorted({name[:40] for name, known in zip(header, names, strict=True) if count[known] > 1})
    if repeated:
        raise InputError(
            f"{file.named}: column {', '.join(f'`{name}`' for name in repeated[:SHOWN])} appears more "
            "than once; which one counts can not be known.",
            hint="keep one of them under that header.",
        )
    return header


def _check_rows(lines: list[int], rows: list[list[str]], header: list[str], file: NamedFile) -> None:
    if not rows:
        raise InputError(
            f"{file.named} has headers ({', '.join(f'`{h[:40]}`' for h in header[:SHOWN])}) and no rows. "
            "Likely cause: an export that was cut off.",
            hint=f"export the file again, or set `{file.key}` to another one.",
        )
    ragged = [i for i, row in enumerate(rows) if len(row) != len(header)]
    if ragged:
        shown = ", ".join(f"line {lines[i]}: {len(rows[i])}" for i in ragged[:SHOWN])
        raise InputError(
            f"{file.named}: {len(ragged)} of {len(rows)} rows do not have the {len(header)} cells of the "
            f"header ({shown}). Likely cause: a separator inside a cell, a blank line, or a file that was cut off.",
            hint="give each row one cell per header; no row is dropped or padded.",
        )
