"""Files that no input is, each made in a moment and small on the disk: what refusing one costs is measured on them."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

QUARTER_MINUTES = 8760 * 240
BLOCK = 2**20


def sparse(size: int) -> Callable[[Path], object]:
    """File of zeros that takes no room."""
    return lambda path: (path.touch(), os.truncate(path, size))


def repeated(part: bytes, size: int, head: bytes = b"") -> Callable[[Path], object]:
    """File of one part over and over."""

    def make(path: Path) -> None:
        with path.open("wb") as stream:
            stream.write(head)
            block = part * max(1, BLOCK // len(part))
            for _ in range(size // len(block)):
                stream.write(block)

    return make


def parquet(rows: int, columns: int, *, text: str | None = None) -> Callable[[Path], object]:
    """Parquet of a single value."""

    def make(path: Path) -> None:
        zeros = np.zeros(rows)
        values = zeros if text is None else pa.DictionaryArray.from_arrays(pa.array(zeros.astype(np.int32)), [text])
        pq.write_table(pa.table({f"c{i}": values for i in range(columns)}), path, compression="zstd")

    return make


def lists(path: Path) -> None:
    """Parquet of one row that holds a list of ten million numbers."""
    pq.write_table(pa.table({"c": pa.array([np.zeros(10_000_000)])}), path, compression="zstd")


def deflated(path: Path) -> None:
    """Gzip archive of 256 MB of zeros."""
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(b"".join([*(packer.compress(bytes(BLOCK)) for _ in range(256)), packer.flush()]))


def archive(members: dict[str, tuple[bytes, bytes, int]]) -> Callable[[Path], object]:
    """Zip archive of members, each a text and how many times the part behind it is there."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, (head, part, times) in members.items():
                with packed.open(name, "w") as stream:
                    stream.write(head)
                    for _ in range(times // 1000):
                        stream.write(part * 1000)

    return make


def workbook(rows: int) -> Callable[[Path], object]:
    """Excel workbook of one sheet, with a number in each row."""

    def make(path: Path) -> None:
        openpyxl.Workbook().save(path)
        with zipfile.ZipFile(path) as saved:
            members = {name: (saved.read(name), b"", 0) for name in saved.namelist()}
        archive(members | {"xl/worksheets/sheet1.xml": (SHEET, b"<row><c><v>1</v></c></row>", rows)})(path)

    return make


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a0 "haha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 11))
    + b'] ><feed xmlns="http://www.w3.org/2005/Atom"><IntervalBlock xmlns="http://naesb.org/espi">&a10;'
)


LARGE_FILES: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "100 GB of zeros, sparse": sparse(10**11),
    "120 MB of zeros": sparse(120 * 10**6),
    "one line of 1 GB": sparse(10**9),
    "one line of 100 MB, ten million cells": repeated(b"1.2345678,", 10**8),
    "one cell of 100 MB": repeated(b"x", 10**8),
    "text of 1.5 million rows": repeated(b"2025-01-01 00:00,1.5\n", 32 * 10**6, b"timestamp,kwh\n"),
    "text of 10,000 rows of 2,000 columns": repeated(b"1," * 1999 + b"1\n", 40 * 10**6),
    "text of 300,000 rows of 100 columns": repeated(b"1," * 99 + b"1\n", 60 * 10**6),
    "carriage returns, 100 million": repeated(b"\r", 10**8, b"kwh\r1\r"),
    "JSON of 50 million brackets": repeated(b"[", 5 * 10**7),
    "JSON of 1 million brackets": repeated(b"[", 2**20),
    "JSON of 20 million objects": repeated(b"{},", 6 * 10**7, b"["),
    "XML of 10 million elements": repeated(b"<a/>", 4 * 10**7, b"<x>"),
    "Parquet of a year of 15 s": parquet(QUARTER_MINUTES, 9),
    "Parquet of 600,000 rows of 100 columns": parquet(600_000, 100),
    "Parquet of one long text, 600,000 times": parquet(600_000, 1, text="x" * 100_000),
    "Parquet of a list": lists,
    "256 MB in gzip": deflated,
    "text of 12 MB, a number a row": repeated(b"1\n", 12 * 10**6, b"kwh\n"),
    "text of 300 MB": repeated(b"2025-01-01 00:00,1.5\n", 300 * 10**6, b"timestamp,kwh\n"),
    "Excel workbook of 10 million rows": workbook(10_000_000),
    "Excel workbook of 1 million rows": workbook(1_000_000),
    "a zip archive of 200 MB": archive({"a.csv": (b"kwh\n", bytes(1000), 200_000)}),
    "XML of entities within entities": repeated(b"</IntervalBlock></feed>", 2**20, LAUGHS),
}
