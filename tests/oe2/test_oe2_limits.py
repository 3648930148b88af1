"""Files beyond any input: refused by their size, footer or first pass, in a moment and in little memory."""

from __future__ import annotations

import resource
import runpy
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.limits import MAX_CELLS, Shape, refuse_archive, refuse_long_sheets, shape_of
from schemas.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LARGE: Mapping[str, Callable[[Path], object]] = runpy.run_path(str(ROOT / "benchmarks/shared/large_files.py"))[
    "LARGE_FILES"
]
SECONDS = 2.0
MEGABYTES = 500


def peak_mb() -> float:
    """Most memory that this process has had [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@pytest.mark.parametrize("name", LARGE)
def test_each_is_refused_in_a_moment_and_in_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / ("large.parquet" if "Parquet" in name else "large.csv")
    LARGE[name](path)
    before, began = peak_mb(), time.process_time()
    with pytest.raises(InputError) as caught:
        read_table(path, "mall.file")
    assert time.process_time() - began < SECONDS
    assert peak_mb() - before < MEGABYTES
    assert caught.value.hint
    path.unlink()


def test_the_footer_alone_refuses_and_the_pages_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "spoilt.parquet"
    pq.write_table(pa.table({"kwh": np.arange(700_000.0)}), path)
    data = bytearray(path.read_bytes())
    data[4:200_000] = bytes(199_996)  # no page can be read any more
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"Parquet file of 700,000 rows; an input file has at most 600,000"):
        read_table(path, "mall.file")


def test_shapes_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for text, shape in (
        ("a;b;c\n1,5;2;3\n4;5;6\n", Shape(3, 3)),
        ("a,b\r1,2\r", Shape(2, 2)),
        ("made by a meter\n\na\tb\n1\t2\n3\t4\n", Shape(5, 2)),
        ('{"a": [1, 2]}', Shape(0, 0)),
    ):
        path.write_bytes(text.encode())
        assert shape_of(NamedFile(path, "mall.file")) == shape
    path.write_bytes("a,b\n1,2\n".encode("utf-16"))
    assert shape_of(NamedFile(path, "mall.file")) == Shape(2, 2)
    pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).to_parquet(path)
    assert shape_of(NamedFile(path, "mall.file")) == Shape(2, 2)


def test_the_largest_that_an_input_may_be_is_let_through(tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    path.write_text("timestamp," + ",".join("abcdefghi") + "\n" + ("2025-01-01 00:00" + ",1.5" * 9 + "\n") * 527_040)
    found = shape_of(NamedFile(path, "weather.file"))
    assert found == Shape(527_041, 10)
    assert found.cells < MAX_CELLS


def test_an_archive_is_refused_by_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in range(3):
            archive.writestr(f"sheet{part}.xml", bytes(60 * 2**20))
    with zipfile.ZipFile(path) as archive, pytest.raises(InputError, match=r"3 members that unpack to 188,743,680"):
        refuse_archive(NamedFile(path, "mall.file"), archive)


def test_records_that_share_no_name_are_refused_before_they_are_a_table(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" + ",".join(f'{{"k{i}":1}}' for i in range(9000)) + "]")
    with pytest.raises(InputError, match=r"9,000 columns; an input file has at most 1,000"):
        read_table(path, "ev.file")


@pytest.mark.parametrize("text", ['{"a": [{"b": 1}', '[{"a": 1}, {"a": 2}] x', '[{"a": ' * 100_000])
def test_json_that_is_none_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"begins as JSON does and is none|lists within lists"):
        read_table(path, "ev.file")


def test_repeated_texts_of_a_small_parquet_are_read_as_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame({"site": ["mall"] * 3 + [None], "kwh": [1.5, 2.5, None, 4.0]})
    frame.to_parquet(tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet", "mall.file")
    assert table.columns == {"site": ["mall", "mall", "mall", ""], "kwh": ["1.5", "2.5", "", "4.0"]}


@pytest.mark.parametrize(("row", "count", "said"), [
    (b'<row r="1"><c r="A1"><v>1</v></c></row>', 700_000, "more than 600,000 rows"),
    (b'<row r="1">' + b"<c><v>1</v></c>" * 100 + b"</row>", 110_000, "cells"),
])  # fmt: skip
def test_a_long_sheet_is_refused_before_it_is_parsed(tmp_path: Path, row: bytes, count: int, said: str) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        with archive.open("xl/worksheets/sheet7.xml", "w") as sheet:
            for _ in range(count // 1000):
                sheet.write(row * 1000)
    with zipfile.ZipFile(path) as archive, pytest.raises(InputError, match=said):
        refuse_long_sheets(NamedFile(path, "mall.file"), archive)
