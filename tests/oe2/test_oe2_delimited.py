"""Hand-made files: what is read, and what is refused with which words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from pvbesscar.oe2.cells import plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.numbers import numbers
from schemas.errors import InputError

KEY = "mall.file"


def write(folder: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "encoding", "separator"),
    [
        (b"fecha,demanda_kw\na,1.5\nb,2\n", "UTF-8", ","),
        (b"fecha;demanda_kw\r\na;1.5\r\nb;2\r\n", "UTF-8", ";"),
        (b"\xef\xbb\xbffecha;demanda_kw\na;1.5\nb;2", "UTF-8 with byte order mark", ";"),
        ("fecha;demanda_kw;a\u00f1o\na;1.5;1\nb;2;1\n".encode("latin-1"), "latin-1", ";"),
        (b"\n\nfecha,demanda_kw\na,1.5\nb,2\n\n\n", "UTF-8", ","),
    ],
)
def test_encoding_and_separator_are_found(tmp_path: Path, content: bytes, encoding: str, separator: str) -> None:
    path = write(tmp_path, content)
    table = read_table(path, KEY)
    assert (table.encoding, table.separator) == (encoding, separator)
    assert table.header[:2] == ["fecha", "demanda_kw"]
    assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert numbers(table, "demanda_kw")[0].tolist() == [1.5, 2.0]


def test_headers_are_found_without_accents_case_and_punctuation(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "FECHA;Generación (kWh)\na;1\n"), KEY)
    assert plain("Generación (kWh)") == "generacion_kwh"
    assert table.find(("pv_kwh", "generacion_kwh")) == "Generación (kWh)"
    assert table.find(("nothing",)) is None


def test_empty_cells_and_nan_stay_missing(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b\n1,x\n,x\nNaN,x\n-2e1,x\n"), KEY)
    np.testing.assert_array_equal(numbers(table, "a")[0], [1.0, np.nan, np.nan, -20.0])


def test_decimal_commas_are_read_and_named(tmp_path: Path) -> None:
    values, steps = numbers(read_table(write(tmp_path, "a;b\n1,5;0\n1234,25;0\n7;0\n"), KEY), "a")
    assert values.tolist() == [1.5, 1234.25, 7.0]
    assert steps == ("decimal commas of `a` read as decimal points",)


@pytest.mark.parametrize("cells", [["1,234", "2,500"], ["1,5", "2.5"], ["1,23,456", "2"]])
def test_commas_that_may_mean_two_things_are_refused(tmp_path: Path, cells: list[str]) -> None:
    table = read_table(write(tmp_path, "a;b\n" + "".join(f"{cell};0\n" for cell in cells)), KEY)
    with pytest.raises(InputError, match=r"(?s)file\.csv: column `a` .*line 2: `1.*Hint: export the column") as caught:
        numbers(table, "a")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,5", "2,5"], [1234.5, 2.5]),
        (["1,234,567", "2"], [1234567.0, 2.0]),
        (["1,234.50", "-2,000.25"], [1234.5, -2000.25]),
        (["1 234,5", "12,25"], [1234.5, 12.25]),
        (["1\u202f234.5", ""], [1234.5, float("nan")]),
        (["1'234'567", "3.5"], [1234567.0, 3.5]),
    ],
)
def test_thousands_that_the_cells_prove_are_read(tmp_path: Path, cells: list[str], expected: list[float]) -> None:
    table = read_table(write(tmp_path, "a;b\n" + "".join(f"{cell};0\n" for cell in cells)), KEY)
    values, steps = numbers(table, "a")
    np.testing.assert_array_equal(values, expected)
    assert "separators of thousands" in steps[0]


@pytest.mark.parametrize("cell", ["S/D", "12 kWh", "1_000", "0x1F", "inf", "-", "#REF!", "1e999"])
def test_text_in_numbers_is_refused_with_its_line(tmp_path: Path, cell: str) -> None:
    table = read_table(write(tmp_path, f"a,b\n1,0\n2,0\n{cell},0\n{cell},0\n"), KEY)
    with pytest.raises(
        InputError, match=r"(?s)file\.csv: column `a` \(named by `mall\.file`\): 2 of 4 cells"
    ) as caught:
        numbers(table, "a")
    assert f"line 4: `{cell}`, line 5: `{cell}`" in caught.value.message
    assert caught.value.hint


def test_a_long_list_of_bad_cells_is_counted_not_printed(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b\n" + "x,0\n" * 100), KEY)
    with pytest.raises(InputError, match=r"100 of 100 cells .*line 6: `x` and 95 more"):
        numbers(table, "a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"  \n\n", "is empty (4 bytes)"),
        (b"\xef\xbb\xbf", "is empty (3 bytes)"),
        (b"a,b\n", "has headers (`a`, `b`) and no rows"),
        (b"PK\x03\x04\x14\x00", "is a zip archive, and no whole Excel workbook"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (b"\xff\xfe", "holds no text"),
        (b"a,b\n1,\x002\n", "is binary (a zero byte at 6)"),
        (b"a,b\n1,\x012\n", "is binary (control character '\\x01')"),
        (b"a,b\n1,2\n3,\x93x\x94\n", "is in no known encoding (byte 0x93 in line 3)"),
        (b"a,b,a\n1,2,3\n", "column `a` appears more than once"),
        (b"kWh;kwh\n1;2\n", "column `kWh`, `kwh` appears more than once"),
        (b"a,,c\n1,2,3\n", "header 2 of 3 is empty"),
        (b"1,2\n3,4\n", "the first line holds numbers, no headers"),
        (b"a,b\n1,2\n3\n4,5,6\n", "2 of 3 rows do not have the 2 cells of the header (line 3: 1, line 4: 3)"),
        (b"a,b\n1,2\n\n3,4\n", "1 of 3 rows do not have the 2 cells of the header (line 3: 0)"),
        (b'a,b\n1,"2\n', "can not be split into cells"),
    ],
)
def test_files_that_are_no_table_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_table(path, KEY)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert f"`{KEY}`" in str(caught.value)
    assert caught.value.hint


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: the file does not exist \(named by `mall\.file`\)"):
        read_table(tmp_path / "absent.csv", KEY)
    with pytest.raises(InputError, match=r"`mall\.file`\) is a directory and can not be read"):
        read_table(tmp_path, KEY)
