"""Files in the formats of others: read to the hour, or named for what they are."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pvlib
import pytest

from pvbesscar.oe2.energy_file import read_mall
from pvbesscar.oe2.weather_file import read_weather
from schemas.errors import InputError
from schemas.settings import MallSettings, SiteSettings, WeatherSettings

HOURS = pd.date_range("2025-01-01", periods=960, freq="h")
KWH = np.round(100 + 50 * np.sin(np.arange(960) / 4) + np.arange(960) % 7 * 0.11, 2)
LIMA = SiteSettings(year=2025)


def mall(path: Path, content: str | bytes, **keys: Any) -> pd.DataFrame:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_mall(
        path, "mall.file", LIMA, MallSettings.model_validate({"source": "file", "file": path} | keys)
    ).frame


def weather(path: Path, content: str, site: SiteSettings = LIMA, **keys: Any) -> pd.DataFrame:
    path.write_text(content)
    settings = WeatherSettings.model_validate({"source": "file", "file": path} | keys)
    return read_weather(path, "weather.file", site, settings).frame


def is_the_year(frame: pd.DataFrame, kwh: np.ndarray = KWH) -> None:
    assert frame["timestamp"].dt.tz_localize(None).tolist() == HOURS.tolist()
    np.testing.assert_allclose(frame["mall_kwh"], kwh, rtol=1e-9)


def workbook(*sheets: str) -> bytes:
    book = openpyxl.Workbook()
    for name in sheets:
        sheet = book.create_sheet(name)
        sheet.append(["Informe"])
        sheet.append(["Fecha", "demanda_kwh"])
        for hour, value in zip(HOURS, KWH, strict=True):
            sheet.append([hour.to_pydatetime(), float(value)])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def test_a_sheet_of_a_workbook(tmp_path: Path) -> None:
    is_the_year(mall(tmp_path / "a.xlsx", workbook("datos")))
    with pytest.raises(InputError, match=r"(?s)2 sheets that hold rows.*`mall\.sheet`"):
        mall(tmp_path / "a.xlsx", workbook("datos", "copia"))
    is_the_year(mall(tmp_path / "a.xlsx", workbook("datos", "copia"), sheet="copia"))
    with pytest.raises(InputError, match="has no sheet `x`"):
        mall(tmp_path / "a.xlsx", workbook("datos"), sheet="x")


def green_button(unit: int) -> str:
    readings = "".join(
        f"<IntervalReading><timePeriod><duration>3600</duration><start>{int(hour.timestamp()) + 5 * 3600}</start>"
        f"</timePeriod><value>{round(value * 1000)}</value></IntervalReading>"
        for hour, value in zip(HOURS, KWH, strict=True)
    )
    kind = f"<flowDirection>1</flowDirection><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>{unit}</uom>"
    return (
        f'<?xml version="1.0"?><feed xmlns:espi="x"><ReadingType xmlns="http://naesb.org/espi">{kind}</ReadingType>'
        f'<IntervalBlock xmlns="http://naesb.org/espi">{readings}</IntervalBlock></feed>'
    )


def test_green_button(tmp_path: Path) -> None:
    is_the_year(mall(tmp_path / "a.xml", green_button(72)))
    with pytest.raises(InputError, match="unit of measure 119"):
        mall(tmp_path / "a.xml", green_button(119))
    with pytest.raises(InputError, match="begins as a Green Button file"):
        mall(tmp_path / "a.xml", green_button(72)[:-300])


@pytest.mark.parametrize("labels", [[f"H{i}" for i in range(1, 25)], [f"{i:02d}:00" for i in range(24)]])
def test_days_in_a_row(tmp_path: Path, labels: list[str]) -> None:
    rows = [f"{HOURS[d * 24]:%d/%m/%Y};" + ";".join(map(str, KWH[d * 24 : d * 24 + 24])) for d in range(40)]
    text = "\n".join([";".join(["Fecha", *labels]), *rows])
    is_the_year(mall(tmp_path / "a.csv", text, unit="kWh"))
    with pytest.raises(InputError, match=r"`mall\.unit`"):
        mall(tmp_path / "a.csv", text)


def test_a_total_is_left_out_only_where_it_is_one(tmp_path: Path) -> None:
    rows = "\n".join(f"{hour};{value}" for hour, value in zip(HOURS, KWH, strict=True))
    is_the_year(mall(tmp_path / "a.csv", f"fecha;demanda_kwh\n{rows}\nTotal;{KWH.sum():.2f}\n"))
    with pytest.raises(InputError, match="a total that is not the sum of the rows"):
        mall(tmp_path / "a.csv", f"fecha;demanda_kwh\n{rows}\nTotal;{KWH.sum() + 1:.2f}\n")


def test_tmy3_is_as_pvlib_reads_it_and_needs_the_key_of_typical_years(tmp_path: Path) -> None:
    text = (Path(pvlib.__file__).parent / "data/703165TY.csv").read_text()
    site = SiteSettings(year=2025, timezone="Etc/GMT+9")
    with pytest.raises(InputError, match=r"(?s)8 different years.*`weather\.stamps` to `typical`"):
        weather(tmp_path / "a.csv", text, site)
    frame = weather(tmp_path / "a.csv", text, site, stamps="typical")
    assert frame["timestamp"].iloc[[0, -1]].dt.strftime("%Y-%m-%d %H").tolist() == ["2025-01-01 00", "2025-12-31 23"]
    theirs, _ = pvlib.iotools.read_tmy3(io.StringIO(text))
    np.testing.assert_array_equal(frame["ghi_w_m2"], theirs["ghi"])


def test_epw(tmp_path: Path) -> None:
    head = ["LOCATION,Iquitos,-,PER,SRC,0,-3.75,-73.25,-5.0,104.0", *["X"] * 6, "DATA PERIODS,1,1,Data,Sunday,1/1,2/9"]
    rows = [
        f"2025,{h.month},{h.day},{h.hour + 1},0,?,27.5,20,80,100900,0,0,0,{i % 24},0,{i % 24},0,0,0,0,0,1.5,"
        + "0," * 12 + "0"
        for i, h in enumerate(HOURS)
    ]  # fmt: skip
    frame = weather(tmp_path / "a.epw", "\n".join([*head, *rows]))
    assert frame["timestamp"].dt.tz_localize(None).tolist() == HOURS.tolist()
    assert frame["ghi_w_m2"].tolist() == [i % 24 for i in range(960)]


def test_pvgis_json_and_nsrdb(tmp_path: Path) -> None:
    hourly = [
        {"time": f"{h + dt.timedelta(hours=5):%Y%m%d:%H}10", "G(h)": i % 24, "Gb(n)": 3, "Gd(h)": 1, "T2m": 27,
         "WS10m": 2}
        for i, h in enumerate(HOURS)
    ]  # fmt: skip
    first = weather(tmp_path / "a.json", json.dumps({"outputs": {"hourly": hourly}}), unit="W/m2")
    head = "Source,Latitude,Longitude,Time Zone,Elevation\nNSRDB,-3.75,-73.25,-5,104\n"
    names = "Year,Month,Day,Hour,Minute,GHI,DNI,DHI,Temperature,Wind Speed\n"
    rows = [f"{h:%Y,%m,%d,%H},30,{i % 24},3,1,27,2" for i, h in enumerate(HOURS)]
    second = weather(tmp_path / "a.csv", head + names + "\n".join(rows), unit="W/m2")
    for frame in (first, second):
        assert frame["timestamp"].dt.tz_localize(None).tolist() == HOURS.tolist()
        assert frame["ghi_w_m2"].tolist() == [i % 24 for i in range(960)]


@pytest.mark.parametrize(
    ("header", "values", "expected"),
    [
        ("wind_kmh", "36", 10.0), ("Wind (mph)", "10", 4.4704), ("wind [kn]", "10", 5.14444),
        ("viento (m/s)", "3", 3.0),
    ],
)  # fmt: skip
def test_a_wind_in_another_unit_is_converted_where_a_key_names_it(
    tmp_path: Path, header: str, values: str, expected: float
) -> None:
    rows = "\n".join(f"{hour},500,600,100,300.15,{values}" for hour in HOURS)
    text = f"timestamp,ghi_w_m2,dni_w_m2,dhi_w_m2,air (K),{header}\n{rows}"
    frame = weather(tmp_path / "a.csv", text, columns={"wind": header, "temperature": "air (K)"})
    assert frame["wind_speed_m_s"].iloc[0] == pytest.approx(expected, rel=1e-5)
    assert frame["temp_air_c"].iloc[0] == pytest.approx(27.0)
    with pytest.raises(InputError, match="is in `bft`, which is no unit of wind speed"):
        weather(
            tmp_path / "a.csv", text.replace(header, "w (bft)"), columns={"wind": "w (bft)", "temperature": "air (K)"}
        )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("<!DOCTYPE html><html></html>", "a web page"), ("<?xml version='1.0'?><a/>", "an XML file of an unknown kind"),
        ('{"a": 1}', "a JSON file of an unknown kind"), ("\x89HDF\r\n\x1a\n", "an HDF5 or NetCDF file"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named(tmp_path: Path, content: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        mall(tmp_path / "a.csv", content.encode("latin-1"))


def test_stamps_are_not_denied(tmp_path: Path) -> None:
    rows = "\n".join(f"{hour};{value}" for hour, value in zip(HOURS, KWH, strict=True))
    with pytest.raises(InputError, match=r"(?s)`Momento` holds stamps.*remove `mall\.stamps`"):
        mall(tmp_path / "a.csv", f"Momento;demanda_kwh\n{rows}", stamps="none")
