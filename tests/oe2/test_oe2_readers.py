"""Each reader on hand-made files, and on the measured ones where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pvbesscar.oe2.energy_file import read_mall, read_pv
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.weather_file import read_weather
from schemas.errors import InputError
from schemas.settings import EvSettings, MallSettings, PvSettings, SiteSettings, WeatherSettings

SITE = SiteSettings(year=2024)
HOURS = {"timestamps": "start", "interval_minutes": 60}
"""What a single row can not prove."""
WEATHER = "timestamp,ghi_wm2,dni_wm2,dhi_wm2,temp_air_c,wind_speed_ms\n2024-01-01 11:00:00,500,300,250,27.5,1.2\n"


def write(folder: Path, content: str) -> Path:
    path = folder / "file.csv"
    path.write_text(content, encoding="utf-8")
    return path


def plant(**changes: Any) -> PvSettings:
    return PvSettings.model_validate({"source": "file", "file": "file.csv", **HOURS} | changes)


def sky(**changes: Any) -> WeatherSettings:
    return WeatherSettings.model_validate({"source": "file", "file": "file.csv", **HOURS} | changes)


def mall(**changes: Any) -> MallSettings:
    return MallSettings.model_validate({"source": "file", "file": "file.csv", **HOURS} | changes)


def chargers(**changes: Any) -> EvSettings:
    raw = {
        "source": "profile",
        "file": "file.csv",
        "stamps": "none",
        "dwell_hours": 3,
        "chargers": 2,
        "moto_chargers": 1,
    }
    return EvSettings.model_validate(raw | {"sockets_per_charger": 2} | changes)


def test_weather_keeps_values_and_units(tmp_path: Path) -> None:
    series = read_weather(write(tmp_path, WEATHER), "weather.file", SITE, sky())
    assert list(series.frame.columns) == [
        "timestamp", "ghi_w_m2", "dni_w_m2", "dhi_w_m2", "temp_air_c", "wind_speed_m_s",
    ]  # fmt: skip
    assert series.frame.iloc[0, 1:].tolist() == [500.0, 300.0, 250.0, 27.5, 1.2]
    assert "`ghi_wm2` is `ghi_w_m2`, unchanged" in series.provenance.transformations
    assert series.provenance.reader == "weather_csv"


def test_humidity_is_kept_only_where_the_file_has_it(tmp_path: Path) -> None:
    content = WEATHER.replace("wind_speed_ms", "wind_speed_ms,humedad_relativa").replace("1.2\n", "1.2,88\n")
    series = read_weather(write(tmp_path, content), "weather.file", SITE, sky())
    assert series.frame["relative_humidity"].tolist() == [88.0]


@pytest.mark.parametrize("column", ["ghi_wm2", "dni_wm2", "dhi_wm2", "temp_air_c", "wind_speed_ms"])
def test_a_renamed_weather_column_is_refused(tmp_path: Path, column: str) -> None:
    path = write(tmp_path, WEATHER.replace(column, "renamed"))
    with pytest.raises(InputError) as caught:
        read_weather(path, "weather.file", SITE)
    stem = column.split("_", 1)[0]
    for said in (str(path), "weather.file", "`renamed`", stem, "First rows:", "2024-01-01 11:00:00,500"):
        assert said in caught.value.message
    assert caught.value.hint is not None
    assert "rename the column" in caught.value.hint
    assert f"`weather.columns.{ {'temp': 'temperature'}.get(stem, stem) }`" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "changes", "kwh"),
    [
        ("pv_generation_kwh", {}, 7.0),
        ("potencia_kw", {}, 7.0),
        ("salida", {"column": "salida", "unit": "MW"}, 7000.0),
        ("salida_W", {"column": "salida_W"}, 0.007),
        ("salida_MWh", {"column": "salida_mwh"}, 7000.0),
        ("energia_kwh", {"unit": "Wh"}, 0.007),
    ],
)
def test_pv_column_and_unit(tmp_path: Path, header: str, changes: dict[str, str], kwh: float) -> None:
    path = write(tmp_path, f"timestamp,{header}\n2024-01-01 11:00,7\n")
    series = read_pv(path, "pv.file", SITE, plant(**changes))
    assert series.frame["pv_kwh"].tolist() == pytest.approx([kwh])


def test_pv_says_which_of_several_columns_it_used(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,potencia_kw,energia_kwh\n2024-01-01 11:00,8.001,8\n")
    series = read_pv(path, "pv.file", SITE, plant())
    assert series.frame["pv_kwh"].tolist() == [8.0]
    assert series.provenance.notes == ("`energia_kwh` was used; the file also has `potencia_kw`",)


def test_a_unit_against_the_header_is_followed_and_noted(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,energia_kwh\n2024-01-01 11:00,7000\n")
    series = read_pv(path, "pv.file", SITE, plant(unit="Wh"))
    assert series.frame["pv_kwh"].tolist() == [7.0]
    assert "`pv.unit` says Wh where the header `energia_kwh` says kWh" in series.provenance.notes[0]


def test_pv_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,salida\n2024-01-01 11:00,7\n")
    with pytest.raises(InputError, match=r"(?s)no column holds AC generation.*name the right column with `pv\.column`"):
        read_pv(path, "pv.file", SITE, plant())
    with pytest.raises(InputError, match=r"column `energia` is missing; the file has `timestamp`, `salida`"):
        read_pv(path, "pv.file", SITE, plant(column="energia"))
    with pytest.raises(InputError, match=r"(?s)unit of column `salida`.*set `pv\.unit`"):
        read_pv(path, "pv.file", SITE, plant(column="salida"))


def test_mall_of_both_formats(tmp_path: Path) -> None:
    comma = read_mall(write(tmp_path, "fecha,hora,demanda_kw\n2024-01-13,5,101.93\n"), "mall.file", SITE, mall())
    assert comma.frame["mall_kwh"].tolist() == [101.93]
    semicolon = read_mall(write(tmp_path, "FECHAHORA;kWh\n13/01/2024 05:00;487\n"), "mall.file", SITE, mall())
    assert semicolon.frame["mall_kwh"].tolist() == [487.0]
    assert (comma.frame["timestamp"] == semicolon.frame["timestamp"]).all()
    assert any("mean power over one hour" in step for step in comma.provenance.transformations)


def test_mall_refuses_an_unknown_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)no column holds the demand of the mall.*`carga`.*`mall\.column`"):
        read_mall(write(tmp_path, "timestamp,carga\n2024-01-13 05:00,1\n"), "mall.file", SITE)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("Charger_02,Charger_01", ["charger_01", "charger_02"]),
        ("cargador 1,cargador 0", ["charger_01", "charger_02"]),
        ("charger_02_kwh,charger_01_kwh", ["charger_01", "charger_02"]),
    ],
)
def test_charger_columns_are_taken_by_number(tmp_path: Path, header: str, names: list[str]) -> None:
    series = read_profile(write(tmp_path, header + "\n2,1\n"), "ev.file", SITE, chargers())
    assert list(series.frame.columns[1:]) == names
    assert series.frame.iloc[0, 1:].tolist() == [1.0, 2.0]
    assert series.provenance.reader == "charger_profile_csv"


@pytest.mark.parametrize(
    "header",
    [
        "Socket_004,Socket_003,Socket_002,Socket_001",
        "socket_3,socket_2,socket_1,socket_0",
        "Charger_02_B,Charger_02_A,Charger_01_B,Charger_01_A",
        "charger_2_2,charger_2_1,charger_1_2,charger_1_1",
    ],
)
def test_socket_columns_are_taken_by_number(tmp_path: Path, header: str) -> None:
    series = read_profile(write(tmp_path, header + "\n4,3,2,1\n"), "ev.file", SITE, chargers())
    assert list(series.frame.columns[1:]) == ["charger_01_A", "charger_01_B", "charger_02_A", "charger_02_B"]
    assert series.frame.iloc[0, 1:].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert series.provenance.reader == "socket_profile_csv"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Charger_01,Charger_03", "missing: 2; not of the plant: 3"),
        ("Charger_01", "1 charger or socket columns where the plant has 2; missing: 2"),
        ("Charger_01,Charger_02,Charger_03", "not of the plant: 3"),
        ("Charger_01,Charger_02,total", "column `total` is neither a stamp nor one of the chargers"),
        ("Charger_1,Charger_2,Socket_1", "column `Socket_1` is neither"),
        (
            "Charger_01_A,Charger_01_B,Charger_02_A,Charger_02_C",
            "missing: charger_02_B; not of the plant: charger_02_C",
        ),
        ("a,b", "no column holds a charger or a socket"),
    ],
)
def test_a_profile_of_other_chargers_is_refused(tmp_path: Path, header: str, said: str) -> None:
    path = write(tmp_path, header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    with pytest.raises(InputError) as caught:
        read_profile(path, "ev.file", SITE, chargers())
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert "`ev.file`" in str(caught.value)


def test_measured_files_are_read_as_they_are(oe2_dir: Path) -> None:
    weather = read_weather(oe2_dir / "solar/pv_generation_hourly_citylearn_v2.csv", "weather.file", SITE)
    assert weather.frame["ghi_w_m2"].sum() / 1e3 == pytest.approx(1668.08425)
    timeseries = oe2_dir / "solar/pv_generation_timeseries.csv"
    assert read_pv(timeseries, "pv.file", SITE, plant()).frame["pv_kwh"].sum() == pytest.approx(4_775_948, abs=1)
    mall = read_mall(oe2_dir / "mall_demand_hourly.csv", "mall.file", SITE)
    assert mall.frame["mall_kwh"].sum() == pytest.approx(1_193_561.91)
    metered = read_mall(oe2_dir / "demandamallkwh/demandamallhorakwh.csv", "mall.file", SITE)
    assert metered.frame["mall_kwh"].sum() == 12_368_653
    for frame in (weather.frame, mall.frame, metered.frame):
        assert len(frame) == 8760
        assert str(frame["timestamp"].iloc[-1]) == "2024-12-30 23:00:00-05:00"


def test_measured_charger_profile(oe2_dir: Path) -> None:
    ev = EvSettings.model_validate({"source": "profile", "file": "x", "dwell_hours": 3, "stamps": "none"})
    profile = read_profile(oe2_dir / "chargers/chargers_hourly_profiles_annual.csv", "ev.file", SITE, ev)
    energies = profile.frame.drop(columns="timestamp").to_numpy()
    assert energies.shape == (8760, 32)
    assert energies.sum() == pytest.approx(232_340.88591065293, rel=1e-12)
    assert np.isfinite(energies).all()


def test_measured_timeseries_has_global_irradiance_only(oe2_dir: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)no column holds `dni_w_m2` nor.*set `weather\.decomposition`"):
        read_weather(oe2_dir / "solar/pv_generation_timeseries.csv", "weather.file", SITE)
