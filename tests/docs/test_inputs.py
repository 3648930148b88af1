"""docs/inputs.md against the readers: its examples are read, and its headers are those that are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvbesscar.oe2.carbon_file import CARBON_HEADERS, read_carbon
from pvbesscar.oe2.energy_file import MALL_HEADERS, PV_HEADERS, read_mall, read_pv
from pvbesscar.oe2.limits import MAX_BYTES, MAX_COLUMNS, MAX_ROWS
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.sessions_file import SESSION_HEADERS, read_sessions
from pvbesscar.oe2.time_columns import DATE_HEADERS, HOUR_HEADERS, STAMP_HEADERS
from pvbesscar.oe2.weather_file import IRRADIANCE_STEMS, WEATHER_HEADERS, read_weather
from schemas.settings import CarbonSettings, EvSettings, PvSettings, Settings, SiteSettings
from tools.docs.pages import DOCS

SITE = SiteSettings(year=2024)
PAGE = (DOCS / "inputs.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
PLAN = {"file": "x", "dwell_hours": 3, "chargers": 2, "moto_chargers": 1}


def example(section: str, folder: Path) -> Path:
    """First example of a section, as a file."""
    block = re.search(r"^```csv\n(.*?)^```", SECTIONS[section], re.DOTALL | re.MULTILINE)
    assert block is not None
    path = folder / "example.csv"
    path.write_text(block[1], encoding="utf-8")
    return path


def test_the_examples_are_read(tmp_path: Path) -> None:
    weather = read_weather(example("Weather", tmp_path), "weather.file", SITE).frame
    assert weather["temp_air_c"].tolist() == [24.7, 24.4]
    pv = PvSettings.model_validate({"source": "file", "file": "x"})
    assert read_pv(example("Generation", tmp_path), "pv.file", SITE, pv).frame["pv_kwh"].tolist() == [0.0, 0.0]
    mall = read_mall(example("Demand of the mall", tmp_path), "mall.file", SITE).frame
    assert mall["mall_kwh"].tolist() == [487.0, 646.0]
    carbon = CarbonSettings(source="file", file=Path("x"), measure="average")
    intensity = read_carbon(example("Carbon intensity of the grid", tmp_path), "carbon.file", SITE, carbon).frame
    assert intensity["carbon_kg_per_kwh"].tolist() == [0.69, 0.71]
    plan = EvSettings.model_validate(PLAN | {"source": "profile"})
    profile = read_profile(example("Charger profiles", tmp_path), "ev.file", SITE, plan).frame
    assert profile["charger_02"].tolist() == [1.5, 0.0]
    synthetic = {name: {"source": "synthetic"} for name in ("weather", "pv", "mall")}
    settings = Settings.model_validate({"name": "x", **synthetic, "ev": PLAN | {"source": "sessions"}})
    assert len(read_sessions(example("Sessions", tmp_path), "ev.file", settings).frame) == 2


@pytest.mark.parametrize(
    ("section", "headers"),
    [
        ("What holds for every file", [*STAMP_HEADERS, *DATE_HEADERS, *HOUR_HEADERS]),
        ("Weather", [name for names in IRRADIANCE_STEMS.values() for name in names]),
        (
            "Weather",
            [h for name in ("temp_air_c", "wind_speed_m_s", "relative_humidity") for h in WEATHER_HEADERS[name]],
        ),
        ("Generation", PV_HEADERS),
        ("Demand of the mall", MALL_HEADERS),
        ("Carbon intensity of the grid", CARBON_HEADERS),
        ("Sessions", [name for names in SESSION_HEADERS.values() for name in names]),
    ],
)
def test_the_known_headers_are_named(section: str, headers: list[str]) -> None:
    assert [header for header in headers if f"`{header}`" not in SECTIONS[section]] == []


def test_the_limits_are_those_of_the_reader() -> None:
    assert f"at most {MAX_BYTES // 2**20} MiB, {MAX_ROWS:,} rows and {MAX_COLUMNS:,} columns" in " ".join(PAGE.split())
