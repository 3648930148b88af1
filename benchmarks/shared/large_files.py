"""Files that no input is, each made in a moment and small on the disk: what refusing one costs is measured on them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
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
}
