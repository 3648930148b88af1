"""`validate FILE`: what is in a file, read as `ingest` reads it; what is judged, what not, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.calendar import year_start
from pvbesscar.oe2.ingest import collect
from pvbesscar.quality.engine import JudgedFile
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.files import judge_file
from pvbesscar.quality.year.judge import judge
from tests.quality.mends import with_settings
from tests.quality.years import IQUITOS, Place, settings_for


def write(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def stamps(clean: QualityContext) -> pd.Series:
    return clean.frames["mall"]["timestamp"].dt.tz_localize(None)


def rules(judged: JudgedFile) -> set[str]:
    return {finding.rule for finding in judged.findings}


def test_the_keys_of_a_column_and_its_unit_say_what_a_file_is(
    clean: QualityContext, stamps: pd.Series, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.csv", timestamp=stamps, lectura=clean.values("mall", "mall_kwh") / 1000)
    assert rules(judge_file(path, clean.settings)) == {"file.readable"}
    judged = judge_file(path, with_settings(clean.settings, mall={"column": "lectura", "unit": "MWh"}))
    assert (judged.kinds, judged.findings) == (("mall",), ())
    as_pv = judge_file(path, with_settings(clean.settings, pv={"column": "lectura", "unit": "MWh"}))
    assert as_pv.kinds == ("pv",)
    assert "solar.night" in rules(as_pv)


def test_a_key_settles_what_the_header_leaves_open(clean: QualityContext, stamps: pd.Series, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", timestamp=stamps, energia_kwh=clean.values("mall", "mall_kwh"))
    assert "may be generation or demand" in judge_file(path, clean.settings).findings[0].observed
    by_column = with_settings(clean.settings, mall={"column": "energia_kwh"})
    by_file = with_settings(clean.settings, mall={"source": "file", "file": "x.csv"}, data={"oe2_dir": str(tmp_path)})
    assert [judge_file(path, one).kinds for one in (by_column, by_file)] == [("mall",), ("mall",)]


def test_stamps_that_can_not_be_read_are_named_and_not_the_headers(clean: QualityContext, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv", t=[f"2025-W01-{day}T00" for day in range(1, 8)], demanda_kwh=np.arange(3.5, 10.5) ** 2
    )
    (finding,) = judge_file(path, clean.settings).findings
    assert "no column holds stamps" in finding.observed
    assert "`mall.stamps`" in finding.fix


@pytest.mark.parametrize(("header", "rows", "said"), [
    ("Inicio;Duraci\u00f3n;Energ\u00eda (kWh)", "13/03/2025 18:05;05:10;2,1\n14/03/2025 9:40;00:50;1,2", "`departure`"),
    ("startTimestamp,stopTimestamp,meterStart,meterStop", "2025-03-01T18:05Z,2025-03-01T23:15Z,1,3", "none an energy"),
])  # fmt: skip
def test_sessions_that_lack_a_column_are_read_as_sessions(
    clean: QualityContext, header: str, rows: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\n{rows}\n", encoding="utf-8")
    (finding,) = judge_file(path, clean.settings).findings
    assert said in finding.observed
    assert "It was read as charging sessions" in finding.observed


def test_intervals_with_their_length_are_no_sessions(clean: QualityContext, stamps: pd.Series, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", start=stamps, duration="01:00", demanda_kwh=clean.values("mall", "mall_kwh"))
    assert judge_file(path, clean.settings).kinds == ("mall",)


def test_demand_is_scaled_as_ingest_scales_it_and_units_that_are_mixed_stay_visible(
    clean: QualityContext, stamps: pd.Series, tmp_path: Path
) -> None:
    values = clean.values("mall", "mall_kwh") * 2.5
    settings = with_settings(clean.settings, mall={"scale_to_declared": True})
    assert rules(judge_file(write(tmp_path / "a.csv", timestamp=stamps, mall_kwh=values), settings)) == set()
    mixed = np.where(stamps.dt.month == 9, values * 1000, values)
    found = judge_file(write(tmp_path / "b.csv", timestamp=stamps, mall_kwh=mixed), settings)
    assert {(f.rule, f.severity) for f in found.findings} == {("mall.mixed_units", "error")}
    assert found.findings[0].n_hours == 720
    assert "Wh in the place of kWh" in found.findings[0].cause


def test_generation_demand_and_charging_in_one_file_are_all_judged(
    clean: QualityContext, stamps: pd.Series, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    chargers = {f"Charger_{number:02d}": rng.uniform(0.0, 1.0, 8760) for number in range(1, 33)}
    mall = clean.values("mall", "mall_kwh").copy()
    mall[4000:4013] = np.linspace(mall[4000], mall[4012], 13)
    chargers["Charger_05"][:] = 0.0
    columns = {"timestamp": stamps, "pv_kwh": clean.values("pv", "pv_kwh").clip(max=2000.0), "mall_kwh": mall}
    judged = judge_file(write(tmp_path / "all.csv", **columns, **chargers, note=1.0), clean.settings)
    assert judged.kinds == ("pv", "mall", "ev_profile")
    assert rules(judged) == {"pv.cut_off", "mall.straight_line", "ev.profile_idle"}
    assert len(judged.judged) == 3
    assert any("pv.time_shift" in why and "no weather in the file" in why for why in judged.not_judged)


def test_irradiance_and_generation_without_dni_are_judged_as_far_as_they_go(
    clean: QualityContext, stamps: pd.Series, tmp_path: Path
) -> None:
    ghi, air = clean.values("weather", "ghi_w_m2") + 20.0, clean.values("weather", "temp_air_c")
    made = 2.9 * ghi * (1 - 0.004 * (air - 25.0))
    path = write(tmp_path / "x.csv", timestamp=stamps, ghi=ghi, pv_kwh=made, temperatura_c=np.roll(air, 12))
    judged = judge_file(path, clean.settings)
    assert judged.kinds == ("weather", "pv")
    assert {"solar.night", "weather.temperature_course"} <= rules(judged)
    said = " ".join(judged.not_judged)
    assert "`dni_w_m2` and `dhi_w_m2`: not in the file" in said
    assert "`wind_speed_m_s`: not in the file" in said
    assert not {f.column for f in judged.findings} & {"dni_w_m2", "dhi_w_m2", "wind_speed_m_s"}
    path = write(tmp_path / "y.csv", timestamp=stamps, ghi=ghi, pv_kwh=made, temperatura_c=air)
    (multiple,) = [f for f in judge_file(path, clean.settings).findings if f.rule == "pv.multiple"]
    assert "a straight line of the air temperature" in multiple.message


def test_what_is_in_a_file_and_can_not_be_read_is_an_error_beside_the_rest(
    clean: QualityContext, stamps: pd.Series, tmp_path: Path
) -> None:
    text = np.where(np.arange(8760) == 5, "off", clean.values("mall", "mall_kwh").astype(str))
    path = write(tmp_path / "x.csv", timestamp=stamps, pv_kwh=clean.values("pv", "pv_kwh"), mall_kwh=text)
    judged = judge_file(path, clean.settings)
    assert judged.kinds == ("pv",)
    assert [(f.rule, f.message) for f in judged.findings] == [("file.readable", "the file can not be read as mall")]


LIMA = ("America/Lima", -3.75, -73.25)


@pytest.mark.parametrize(
    ("year", "place"),
    [
        (1990, LIMA),
        (1994, LIMA),
        (1996, ("America/Danmarkshavn", 20.0, -18.7)),
        (1993, ("Pacific/Kwajalein", 9.0, 167.0)),
        (2011, ("Pacific/Apia", -13.8, -171.8)),
        (2020, ("Australia/Lord_Howe", -31.5, 159.0)),
    ],
)
def test_years_that_begin_late_or_lack_a_day_are_years_or_findings(year: int, place: tuple[str, float, float]) -> None:
    zone, latitude, longitude = place
    site = {"latitude": latitude, "longitude": longitude, "timezone": zone, "year": year}
    settings = settings_for(Place("x", latitude, longitude, zone), site=site)
    frames = {series.provenance.series: series.frame for series in collect(settings)}
    assert frames["mall"]["timestamp"].iloc[0] == year_start(year, zone)
    found = {finding.rule for finding in judge(QualityContext(settings, frames))}
    assert found == (set() if place == LIMA else found & {"time.calendar", "time.step"})


def test_a_year_begins_at_the_first_instant_of_its_january() -> None:
    assert str(year_start(1994, "America/Lima")) == "1994-01-01 01:00:00-04:00"
    assert str(year_start(1996, "America/Danmarkshavn")) == "1996-01-01 03:00:00+00:00"
    assert str(year_start(2025, IQUITOS.timezone)) == "2025-01-01 00:00:00-05:00"
