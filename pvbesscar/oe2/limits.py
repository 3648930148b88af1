"""Limits of input files, held by their size, their footer or a count of their lines, before anything is read."""

from __future__ import annotations

import json
import stat
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from pvbesscar.oe2.cells import NamedFile
from schemas.errors import InputError, TooLargeError

MAX_BYTES = 128 * 2**20
MAX_ROWS = 600_000
"""A year of minutes has 527,040 rows."""
MAX_COLUMNS = 1000
MAX_CELLS = 10_000_000
"""A year of minutes with 18 columns, or of quarters of an hour with 285."""
MAX_LINE = 2**20
MAX_MARKS = 1_500_000
"""Marks of structure in JSON or XML: a year of hours of ten quantities has some 200,000."""
MAX_FOOTER = 8 * 2**20
CHUNK = 2**20
PROBED_LINES = 50

PARQUET = b"PAR1"
SEPARATORS = (b",", b";", b"\t", b"|")
TREES = (b"{", b"[", b"<")
BYTE_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows and columns that a file claims or seems to have, by its footer or its first lines; 0 where nobody knows."""

    rows: int
    columns: int

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.rows * self.columns


def shape_of(file: NamedFile) -> Shape:
    """Rows and columns of a file, without reading its cells: at most a pass over its bytes, a piece at a time.

    Parameters
    ----------
    file
        Parquet, delimited text, JSON, XML, or anything else.

    Raises
    ------
    TooLargeError
        It is larger in some way than any input file is.
    InputError
        It is no regular file, or Parquet without a footer.
    OSError
        It is missing or may not be read.
    """
    found = file.path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file (a pipe, socket or device)"
        raise InputError(f"{file.named} is {kind} and can not be read.", hint=f"set `{file.key}` to a file.")
    if found.st_size > MAX_BYTES:
        raise TooLargeError(
            f"{file.named} has {found.st_size:,} bytes; an input file has at most {MAX_BYTES:,}. "
            "Likely cause: another file, or years of data in one.",
            hint=f"export the columns and the year that the scenario needs, or set `{file.key}` to another file.",
        )
    with file.path.open("rb") as stream:
        first = stream.read(CHUNK)
        stream.seek(0)
        if first.startswith(PARQUET):
            return _parquet_shape(file, stream, found.st_size)
        if b"\0" in first and not first.startswith(BYTE_MARKS):
            return Shape(0, 0)  # binary: its reader says what it is
        bare = first.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
        if bare.startswith(TREES):
            _refuse_marks(file, stream)
            return Shape(0, 0)
        return _text_shape(file, stream, first)


def _text_shape(file: NamedFile, stream: IO[bytes], first: bytes) -> Shape:
    end = b"\n" if b"\n" in first else b"\r"
    rows = line = 0
    while chunk := stream.read(CHUNK):
        ends = chunk.count(end)
        line += chunk.find(end) if ends else len(chunk)
        if line > MAX_LINE:
            raise TooLargeError(
                f"{file.named}: line {rows + 1:,} has more than {MAX_LINE:,} bytes. Likely cause: a file without line "
                "ends, or no table.",
                hint=f"export the file again as CSV with a row in each line, or set `{file.key}` to another one.",
            )
        line = len(chunk) - chunk.rfind(end) - 1 if ends else line
        rows += ends
        if rows > MAX_ROWS:
            raise too_many_rows(file)
    shape = Shape(rows, _columns(first, end))
    refuse_cells_beyond(file, shape)
    return shape


def _columns(first: bytes, end: bytes) -> int:
    """Columns of most of the first lines, by the separator that gives the most."""
    lines = [line for line in first.split(end)[:PROBED_LINES] if line.strip(b"\r\n\0")]
    widths = [Counter(line.count(mark) for line in lines).most_common(1) for mark in SEPARATORS]
    return 1 + max((width[0][0] for width in widths if width), default=0)


def too_many_rows(file: NamedFile) -> TooLargeError:
    """Build the error for a file with more rows than any year has."""
    return TooLargeError(
        f"{file.named} has more than {MAX_ROWS:,} rows; a year of minutes has 527,040.",
        hint="export one year, in hours or quarters of an hour.",
    )


def refuse_cells_beyond(file: NamedFile, shape: Shape) -> None:
    """Refuse a table of more columns or cells than any input has.

    Raises
    ------
    TooLargeError
        It has.
    """
    if shape.columns > MAX_COLUMNS:
        raise TooLargeError(
            f"{file.named}: {shape.columns:,} columns; an input file has at most {MAX_COLUMNS:,}.",
            hint="export the columns that the scenario needs.",
        )
    if shape.cells > MAX_CELLS:
        raise TooLargeError(
            f"{file.named} has {shape.rows:,} rows of {shape.columns:,} columns, {shape.cells:,} cells; an input file "
            f"has at most {MAX_CELLS:,}.",
            hint="export the columns and the year that the scenario needs, in hours or quarters of an hour, or set "
            f"`{file.key}` to another file.",
        )


def _parquet_shape(file: NamedFile, stream: IO[bytes], size: int) -> Shape:
    """Rows and columns by the footer; what it says of their size unpacked is held to the limit of any file."""
    try:
        stream.seek(max(0, size - 8))
        footer = int.from_bytes(stream.read(4), "little")
        if footer > MAX_FOOTER:
            raise TooLargeError(
                f"{file.named} is a Parquet file with a footer of {footer:,} bytes; that of an input file has at most "
                f"{MAX_FOOTER:,}.",
                hint=f"export the columns that the scenario needs, or set `{file.key}` to another file.",
            )
        metadata = pq.ParquetFile(file.path).metadata
        nested = [field.name for field in metadata.schema.to_arrow_schema() if pa.types.is_nested(field.type)]
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise no_parquet(file, error) from error
    if metadata.num_rows > MAX_ROWS:
        raise TooLargeError(
            f"{file.named} is a Parquet file of {metadata.num_rows:,} rows; an input file has at most {MAX_ROWS:,}, a "
            "year of minutes 527,040.",
            hint="export one year, in hours or quarters of an hour.",
        )
    shape = Shape(metadata.num_rows, metadata.num_columns)
    refuse_cells_beyond(file, shape)
    if nested:
        raise TooLargeError(
            f"{file.named} is a Parquet file whose column `{nested[0][:40]}` holds lists or objects.",
            hint="export columns of plain numbers, stamps and texts.",
        )
    unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if unpacked > MAX_BYTES:
        raise TooLargeError(
            f"{file.named} is a Parquet file of {unpacked:,} bytes unpacked; an input file has at most {MAX_BYTES:,}.",
            hint=f"export the columns and the year that the scenario needs, or set `{file.key}` to another file.",
        )
    return shape


def no_parquet(file: NamedFile, error: Exception) -> InputError:
    """Build the error for a file that begins as Parquet does and can not be read as such."""
    said = (str(error).splitlines() or [type(error).__name__])[0][:120]
    return InputError(
        f"{file.named} is a Parquet file that can not be read ({said}).",
        hint="write the file again, or save it as CSV in UTF-8.",
    )


def _refuse_marks(file: NamedFile, stream: IO[bytes]) -> None:
    marks = 0
    while chunk := stream.read(CHUNK):
        marks += sum(chunk.count(mark) for mark in (*TREES, b","))
        if marks > MAX_MARKS:
            raise TooLargeError(
                f"{file.named} is JSON or XML of more than {MAX_MARKS:,} parts; an input file has fewer.",
                hint=f"export one year as CSV, or set `{file.key}` to another file.",
            )


def refuse_archive(file: NamedFile, archive: zipfile.ZipFile) -> None:
    """Refuse an archive, a workbook among them, by what its directory says of its size unpacked.

    Raises
    ------
    TooLargeError
        It unpacks to more than an input file may have, or has more members than a workbook.
    """
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_BYTES or len(members) > MAX_COLUMNS:
        raise TooLargeError(
            f"{file.named} is an archive of {len(members):,} members that unpack to {unpacked:,} bytes; an input file "
            f"has at most {MAX_BYTES:,}.",
            hint=f"export one year as CSV, or set `{file.key}` to another file.",
        )


def refuse_long_sheets(file: NamedFile, archive: zipfile.ZipFile) -> None:
    """Refuse a workbook whose sheets hold more rows or cells than an input file may, by a count of their marks.

    Raises
    ------
    TooLargeError
        One of its sheets does.
    """
    for member in archive.infolist():
        if not member.filename.startswith("xl/worksheets/"):
            continue
        rows = cells = 0
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK):
                rows += chunk.count(b"<row")
                cells += chunk.count(b"<c ") + chunk.count(b"<c>")
                if rows > MAX_ROWS:
                    raise too_many_rows(file)
                refuse_cells_beyond(file, Shape(cells, 1))


def parsed_json(text: str, file: NamedFile) -> object:
    """Value of a JSON text.

    Raises
    ------
    InputError
        It is no JSON, or nested more deeply than any export.
    """
    try:
        value: object = json.loads(text)
    except RecursionError as error:
        raise InputError(
            f"{file.named} is JSON of lists within lists, more than any export has.",
            hint=f"set `{file.key}` to another file.",
        ) from error
    except ValueError as error:  # no JSON, or a number of too many digits
        raise InputError(
            f"{file.named} begins as JSON does and is none: {str(error)[:120]}.",
            hint="export the file again; one that was cut off is not mended.",
        ) from error
    return value


def named_shape(path: Path, key: str) -> Shape | TooLargeError:
    """Rows and columns of a file of a folder, or why it is too large to be read."""
    try:
        return shape_of(NamedFile(path, key))
    except TooLargeError as error:
        return error
    except (InputError, OSError, ValueError):
        return Shape(0, 0)  # its reader says what it is
