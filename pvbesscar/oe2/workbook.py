"""A sheet of an Excel workbook as the text that its CSV would be."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
import zlib
from typing import Any

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.limits import MAX_ROWS, Shape, refuse_archive, refuse_cells_beyond, refuse_long_sheets, too_many_rows
from schemas.errors import InputError

JUNK = (
    zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, IndexError, ValueError, OSError, TypeError, AttributeError,
    EOFError, NotImplementedError, OverflowError,
)  # fmt: skip
"""What a damaged workbook raises; `SyntaxError` is that of its XML."""


def is_workbook(data: bytes) -> bool:
    """Whether bytes are an Excel workbook: a zip archive with its parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def sheet_text(data: bytes, file: NamedFile) -> str:
    """Rows of the sheet that the configuration names, or of the only one that holds rows, as comma separated text.

    Values of formulas are those that the workbook was saved with.

    Raises
    ------
    InputError
        The workbook is damaged or too large, has no such sheet, or several and no key says which.
    """
    from openpyxl import load_workbook  # few files need it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            refuse_archive(file, archive)
            refuse_long_sheets(file, archive)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return _text(book[_sheet(book, file)], file)
        finally:
            book.close()
    except JUNK as error:
        raise InputError(
            f"{file.named} is an Excel workbook that can not be read ({str(error)[:120]}).",
            hint="save it again, or save the sheet as CSV in UTF-8.",
        ) from error


def _sheet(book: Any, file: NamedFile) -> str:
    key, named = file.setting("sheet"), file.layout.sheet
    names: list[str] = book.sheetnames
    if named is not None:
        if named not in names:
            raise InputError(
                f"{file.named} has no sheet `{named}`; it has {_list(names)}.", hint=f"set `{key}` to one of them."
            )
        file.decide("sheet", named, f"`{key}` says so")
        return named
    filled = [name for name in names if _is_filled(book[name])]
    if len(filled) != 1:
        raise InputError(
            f"{file.named} is an Excel workbook with {len(filled)} sheets that hold rows: {_list(filled or names)}.",
            hint=f"set `{key}` to the one that holds the data.",
        )
    file.decide("sheet", filled[0], "the only one that holds rows")
    return filled[0]


def _is_filled(sheet: Any) -> bool:
    rows = sheet.iter_rows(min_row=1, max_row=50, values_only=True)
    return any(value is not None for row in rows for value in row)


def _text(sheet: Any, file: NamedFile) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for count, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        refuse_cells_beyond(file, Shape(count, len(row)))
        if count > MAX_ROWS:
            raise too_many_rows(file)
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        # A spreadsheet's day is a binary fraction: a clock of whole seconds comes back microseconds beside it.
        return (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0).isoformat(" ")
    if isinstance(value, dt.time | dt.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:10])
