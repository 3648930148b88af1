"""What a table is, however it is stored, and where two of them differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.store.content import differences, json_digest, table_digest


@pytest.fixture
def year() -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=8760, freq="h", tz="America/Lima")
    ghi = np.round(np.maximum(0.0, np.sin(np.arange(8760) / 24)) * 800) / 4
    return pd.DataFrame({"timestamp": stamps, "ghi": ghi, "count": np.arange(8760) % 7, "name": "x"})


SAME: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "columns in another order": lambda f: f.iloc[:, ::-1],
    "32-bit numbers": lambda f: f.assign(ghi=f["ghi"].astype("float32")),
    "whole numbers as fractions": lambda f: f.assign(count=f["count"].astype("float64")),
    "small whole numbers": lambda f: f.assign(count=f["count"].astype("int8")),
    "nullable numbers": lambda f: f.assign(ghi=f["ghi"].astype("Float64")),
    "another zone": lambda f: f.assign(timestamp=f["timestamp"].dt.tz_convert("UTC")),
    "coarser stamps": lambda f: f.assign(timestamp=f["timestamp"].astype("datetime64[s, America/Lima]")),
    "another index": lambda f: f.set_index(f["timestamp"].rename("when")),
    "text as objects": lambda f: f.assign(name=f["name"].astype(object)),
    "a negative zero": lambda f: f.assign(ghi=f["ghi"].where(f["ghi"] != 0.0, -0.0)),
}


@pytest.mark.parametrize("how", SAME)
def test_the_same_values_have_the_same_digest(year: pd.DataFrame, how: str) -> None:
    other = SAME[how](year)
    assert differences(table_digest(year), table_digest(other)) == ()
    assert table_digest(year) == table_digest(other)


def test_parquet_and_csv_hold_the_same_values(year: pd.DataFrame, tmp_path: Path) -> None:
    year.to_parquet(tmp_path / "x.parquet")
    year.to_csv(tmp_path / "x.csv", index=False)
    back = pd.read_csv(tmp_path / "x.csv", parse_dates=["timestamp"])
    assert table_digest(pd.read_parquet(tmp_path / "x.parquet")) == table_digest(year) == table_digest(back)


def test_a_difference_is_named_by_column_and_hours(year: pd.DataFrame) -> None:
    other = year.copy()
    other.loc[[4103, 4110, 8759], "ghi"] += 0.25
    assert differences(table_digest(year), table_digest(other)) == (
        "column `ghi`, hours 4,080 to 4,127, 8,736 to 8,759",
    )  # fmt: skip
    other = year.drop(columns="count").assign(extra=1.0)
    assert differences(table_digest(year), table_digest(other)) == ("column `count` is gone", "column `extra` is new")
    assert differences(table_digest(year), table_digest(year.iloc[1:])) == ("8,759 rows, 8,760 before",)


def test_the_least_difference_counts(year: pd.DataFrame) -> None:
    for column, value in (("ghi", np.nextafter(year["ghi"][12], np.inf)), ("ghi", np.nan), ("name", "y"), ("count", 9)):
        other = year.copy()
        other.loc[12, column] = value
        assert len(differences(table_digest(year), table_digest(other))) == 1
    later = year.assign(timestamp=year["timestamp"] + pd.Timedelta("1ns"))
    assert differences(table_digest(year), table_digest(later))[0].startswith("column `timestamp`, hours 0 to 8,759")


def test_missing_values_are_alike_whatever_their_bits(year: pd.DataFrame) -> None:
    odd = np.array([0x7FF8000000000001], dtype="<u8").view("<f8")[0]
    first, second = year.copy(), year.copy()
    first.loc[5, "ghi"], second.loc[5, "ghi"] = np.nan, odd
    assert table_digest(first) == table_digest(second)


def test_entries_of_a_file_count_by_themselves(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1, "b": 2.5, "seconds": 3}')
    before = json_digest(path, ("a", "b"))
    path.write_text('{"seconds": 9, "b": 2.5,   "a": 1}')
    assert json_digest(path, ("a", "b")) == before
    path.write_text('{"a": 2, "b": 2.5}')
    assert json_digest(path, ("a", "b")) != before
    path.write_text("[1]")
    assert json_digest(path, ("a", "b")) is None
    assert json_digest(tmp_path / "none.json", ("a",)) is None
