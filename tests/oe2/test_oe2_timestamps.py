"""Stamps by hand: layouts, day or month first, and what can not be known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.timestamps import TimeAxis, time_axis
from schemas.errors import InputError
from schemas.settings import FileSettings, SiteSettings

SITE = SiteSettings(year=2024)


def axis(folder: Path, content: str, site: SiteSettings = SITE, **layout: Any) -> TimeAxis:
    path = folder / "file.csv"
    path.write_text(content, encoding="utf-8")
    return time_axis(read_table(path, "mall.file", FileSettings.model_validate(layout)), site)


@pytest.mark.parametrize(
    "content",
    [
        "timestamp,kWh\n2024-01-13 00:00:00,1\n2024-01-13 01:00:00,1\n",
        "timestamp,kWh\n2024-01-13T00:00,1\n2024-01-13T01:00,1\n",
        "timestamp,kWh\n2024-01-13T05:00Z,1\n2024-01-13T06:00Z,1\n",
        "timestamp,kWh\n2024-01-13T00:00:00-05:00,1\n2024-01-13T03:00:00-03:00,1\n",
        "FECHAHORA;kWh\n13/01/2024 00:00;1\n13/01/2024 01:00;1\n",
        "FECHAHORA;kWh\n13-1-2024 0:00;1\n13-1-2024 1:00;1\n",
        "FECHAHORA;kWh\n01/13/2024 00:00;1\n01/13/2024 01:00;1\n",
        "Fecha,Hora,kWh\n2024-01-13,0,1\n2024-01-13,1,1\n",
        "Fecha,Hora,kWh\n13/01/2024,00:00,1\n13/01/2024,01:00:00,1\n",
        "fecha,kWh\n2024-01-13 00:00,1\n2024-01-13 01:00,1\n",
    ],
)
def test_layouts_of_the_same_two_hours(tmp_path: Path, content: str) -> None:
    read = axis(tmp_path, content)
    assert read.stamped
    assert [str(stamp) for stamp in read.index] == ["2024-01-13 00:00:00-05:00", "2024-01-13 01:00:00-05:00"]
    assert str(read.index.tz) == "America/Lima"


def test_day_first_is_decided_by_one_row_of_many_and_named(tmp_path: Path) -> None:
    days = [f"{day:02d}/02/2024 00:00;1" for day in range(1, 14)]
    read = axis(tmp_path, "FECHAHORA;kWh\n" + "\n".join(days), interval_minutes=60, timestamps="start")
    assert read.index[1] == pd.Timestamp("2024-02-02", tz="America/Lima")
    assert read.transformations[0] == "`FECHAHORA` read as day first"


def test_disorder_repeats_and_gaps_are_left_to_the_gate(tmp_path: Path) -> None:
    read = axis(
        tmp_path, "timestamp,kWh\n2024-03-02 05:00,1\n2024-03-01 00:00,1\n2024-03-01 00:00,1\n", interval_minutes=60
    )
    assert [stamp.day for stamp in read.index] == [2, 1, 1]


def test_a_file_without_stamps_takes_the_declared_year(tmp_path: Path) -> None:
    read = axis(tmp_path, "kWh\n1\n2\n3\n", stamps="none")
    assert not read.stamped
    assert read.index[2] == pd.Timestamp("2024-01-01 02:00", tz="America/Lima")
    assert "declared year" in read.transformations[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "FECHAHORA;kWh\n01/02/2024 00:00;1\n02/02/2024 00:00;1\n",
            "2 of 2 cells hold a date that may be day or month",
        ),
        ("FECHAHORA;kWh\n13/02/2024 00:00;1\n02/14/2024 00:00;1\n", "line 3: `02/14/2024 00:00`"),
        ("FECHAHORA;kWh\n13/02/24 00:00;1\n", "two digits of the year, whose order no row proves"),
        ("FECHAHORA;kWh\n2024-02-13 00:00;1\n13/02/2024 00:00;1\n", "a date in another layout than the rest"),
        ("timestamp,kWh\n2024-02-30 00:00,1\n", "line 2: `2024-02-30 00:00`"),
        ("timestamp,kWh\n2024-02-03 24:01,1\n", "line 2: `2024-02-03 24:01`"),
        ("timestamp,kWh\n1024-02-03 23:00,1\n", "a date or hour that does not exist"),
        ("fecha,hora,kWh\n2024-02-03,25,1\n", "column `hora`"),
        ("timestamp,kWh\n,1\n", "1 of 1 cells hold no stamp"),
        ("timestamp,kWh\nlunes,1\n", "line 2: `lunes`"),
        ("timestamp,kWh\n2024-02-03 00:00,1\n2024-02-03T01:00Z,1\n", "a stamp without offset"),
        ("momento,kWh\nayer,1\n", "no column holds stamps"),
        ("fecha,kWh\n2024-02-03,1\n", "column `fecha` looks like stamps"),
    ],
)
def test_stamps_that_can_not_be_known_are_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        axis(tmp_path, content)
    assert said in caught.value.message
    assert "file.csv" in caught.value.message
    assert caught.value.hint


def test_clock_changes_need_offsets(tmp_path: Path) -> None:
    madrid = SiteSettings(year=2024, timezone="Europe/Madrid")
    with pytest.raises(InputError, match=r"(?s)a time that does not exist in Europe/Madrid.*`Etc/GMT-1`"):
        axis(tmp_path, "timestamp,kWh\n2024-03-31 02:30,1\n", madrid, interval_minutes=60, timestamps="start")


@pytest.mark.parametrize(
    "name",
    ["America/Iquitos", "America", "", "/etc/localtime", "../../etc/localtime", "dateutil/UTC", "\0", "a" * 5000],
)
def test_an_unknown_time_zone_is_a_matter_of_the_configuration(name: str) -> None:
    with pytest.raises(ValidationError, match=r"is no IANA time zone"):
        SiteSettings(timezone=name)


@pytest.mark.parametrize(("header", "zone", "first"), [
    ("time", None, "2024-01-12 20:00"), ("time", "Etc/UTC", "2024-01-12 20:00"),
    ("time", "America/Lima", "2024-01-13 01:00"), ("time", "Asia/Kolkata", "2024-01-12 14:30"),
])  # fmt: skip
def test_stamps_of_pvgis_are_utc_until_a_key_says_what_they_were_brought_to(
    tmp_path: Path, header: str, zone: str | None, first: str
) -> None:
    content = f"{header},kWh\n20240113:0111,1\n20240113:0211,1\n20240113:0311,1\n"
    read = axis(tmp_path, content, **({} if zone is None else {"timezone": zone}))
    assert read.index[0] == pd.Timestamp(first, tz="America/Lima")
    with pytest.raises(InputError, match="offset that America/Lima does not have"):
        axis(tmp_path, content.replace("time", "time(UTC)"), timezone="America/Lima")


def preamble(*lines: str) -> str:
    rows = (f"2024-01-13 {hour:02d}:00,{hour}.5" for hour in range(24))
    return "\n".join([*lines, "time,kWh", *rows, ""])


@pytest.mark.parametrize(("lines", "first"), [
    (("Report", "Time reference: Universal time (UT)"), "2024-01-12 19:00"),
    (("Informe", "Zona horaria: tiempo universal coordinado"), "2024-01-12 19:00"),
    (("site,utc_offset_seconds,timezone,short", "Mall,7200,Europe/Madrid,CEST"), "2024-01-12 18:00"),
    (("site,utc offset,timezone", "Mall,0,GMT"), "2024-01-12 19:00"),
    (("Times are corrected by the UTC offset of the site",), "2024-01-13 00:00"),
])  # fmt: skip
def test_the_zone_is_what_the_lines_above_say_and_no_name_of_a_number(
    tmp_path: Path, lines: tuple[str, ...], first: str
) -> None:
    assert axis(tmp_path, preamble(*lines)).index[0] == pd.Timestamp(first, tz="America/Lima")


@pytest.mark.parametrize("line", ["Time reference: True solar time (TST)", "Time zone: that of the plant"])
def test_a_zone_in_other_words_asks_for_its_key(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"not in words that are read(?s:.*)`mall\.timezone`"):
        axis(tmp_path, preamble(line))
    assert axis(tmp_path, preamble(line), timezone="UTC").index[0] == pd.Timestamp("2024-01-13", tz="UTC")


def test_a_table_with_a_row_for_each_quantity_is_named(tmp_path: Path) -> None:
    rows = [f"2024-01-13 {hour:02d}:00,{name},{hour}" for hour in range(24) for name in ("kWh", "kVARh", "A")]
    with pytest.raises(InputError, match="each stamp is there 3 times or more: a table with a row for each quantity"):
        axis(tmp_path, "\n".join(["timestamp,quantity,value", *rows, ""]))


def test_stamps_with_parts_of_a_second_say_how_far_apart_they_are(tmp_path: Path) -> None:
    rows = [f"2024-01-13T{hour:02d}:00:00.{hour:03d}Z,{hour}" for hour in range(24)]
    with pytest.raises(InputError, match=r"most rows are 60\.0000\d+ min apart"):
        axis(tmp_path, "\n".join(["timestamp,kWh", *rows, ""]))
