"""Files in the formats of others: read to the hour, or named for what they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
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


def test_stamps_are_not_denied(tmp_path: Path) -> None:
    rows = "\n".join(f"{hour};{value}" for hour, value in zip(HOURS, KWH, strict=True))
    with pytest.raises(InputError, match=r"(?s)`Momento` holds stamps.*remove `mall\.stamps`"):
        mall(tmp_path / "a.csv", f"Momento;demanda_kwh\n{rows}", stamps="none")
