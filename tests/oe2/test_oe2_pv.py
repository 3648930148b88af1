"""The PV model against an hour worked by hand, its limits, and its yield on both kinds of weather."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.calendar import declared_year
from pvbesscar.oe2.pv import ac_energy_kwh
from pvbesscar.oe2.synthetic import synthetic_weather
from pvbesscar.oe2.weather import clear_sky, sun
from pvbesscar.oe2.weather_file import read_weather
from schemas.settings import PvSettings, Settings, SiteSettings

SITE = SiteSettings(year=2024)


def plant(**changes: Any) -> PvSettings:
    return PvSettings.model_validate({"source": "model"} | changes)


def weather(stamp: str, ghi: float, dni: float, dhi: float, temperature: float = 25.0) -> pd.DataFrame:
    index = pd.DatetimeIndex([stamp]).tz_localize(SITE.timezone)
    return pd.DataFrame(
        {
            "timestamp": index,
            "ghi_w_m2": ghi,
            "dni_w_m2": dni,
            "dhi_w_m2": dhi,
            "temp_air_c": temperature,
            "wind_speed_m_s": 1.0,
        }
    )


def test_an_hour_of_diffuse_light_by_hand() -> None:
    # Flat modules under 400 W/m2 of diffuse light: POA = 400; Faiman: 25 + 400 / (25 + 6.84 * 1) = 37.5628 C;
    # DC = 4162 * 0.4 * (1 - 0.0037 * 12.5628) * 0.86 = 1365.165 kW; of an inverter of 3201.2 / 0.96 kW DC that is
    # x = 0.4093987, with PVWatts' efficiency (-0.0162 x - 0.0059 / x + 0.9858) * 0.96 / 0.9637.
    x = 4162 * 0.4 * (1 - 0.0037 * (400 / 31.84)) * 0.86 / (3201.2 / 0.96)
    by_hand = (-0.0162 * x - 0.0059 / x + 0.9858) * 0.96 / 0.9637 * x * 3201.2 / 0.96
    energy = ac_energy_kwh(weather("2024-03-20 12:00", 400, 0, 400), plant(tilt_deg=0.0), SITE)
    assert energy[0] == pytest.approx(by_hand, rel=1e-9)
    assert energy[0] == pytest.approx(1310.0, abs=5.0)


def test_night_gives_exactly_nothing() -> None:
    assert ac_energy_kwh(weather("2024-03-20 00:00", 0, 0, 0), plant(), SITE)[0] == 0.0


def test_the_inverter_clips_at_its_rating() -> None:
    bright = weather("2024-03-20 12:00", 1400, 1100, 300)
    assert ac_energy_kwh(bright, plant(), SITE)[0] == pytest.approx(3201.2)
    assert ac_energy_kwh(bright, plant(ac_kw=1000.0), SITE)[0] == pytest.approx(1000.0)


def test_heat_costs_and_gaps_stay_gaps() -> None:
    cool = ac_energy_kwh(weather("2024-03-20 10:00", 600, 400, 250, 20.0), plant(), SITE)
    hot = ac_energy_kwh(weather("2024-03-20 10:00", 600, 400, 250, 35.0), plant(), SITE)
    assert hot[0] < cool[0]
    assert np.isnan(ac_energy_kwh(weather("2024-03-20 10:00", np.nan, 400, 250), plant(), SITE)[0])


def test_the_sun_is_taken_in_the_middle_of_the_hour() -> None:
    # On 15 April the equation of time is zero: noon at 73.25 W in UTC-5 is at 11:53, and 12:30, the middle of the hour
    # from 12:00, is 37 minutes or 9.25 degrees of hour angle later. The declination is 10.13 degrees (low-precision
    # formula of the Astronomical Almanac).
    index = pd.date_range("2024-04-15", periods=24, freq="h", tz="America/Lima")
    zenith = sun(index, SITE)["apparent_zenith"]
    assert zenith.argmin() == 11
    latitude, declination, hour_angle = np.radians([-3.75, 10.13, 9.25])
    cosine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    assert zenith.iloc[12] == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.05)


def test_clear_sky_of_the_site() -> None:
    sky = clear_sky(declared_year(SITE, 8760), SITE)
    assert sky["ghi"].sum() / 1e3 == pytest.approx(2510.55, abs=0.1)
    assert sky["ghi"].max() < 1100.0


@pytest.mark.parametrize("seed", [1, 42])
def test_synthetic_yield_is_that_of_the_region(seed: int, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(seed=seed)
    energy = ac_energy_kwh(synthetic_weather(settings).frame, settings.pv, settings.site)
    assert 1200.0 < energy.sum() / settings.pv.dc_kwp < 1600.0
    assert energy.min() == 0.0
    assert energy.max() <= settings.pv.ac_kw


def test_measured_yield_is_that_of_the_region(oe2_dir: Path) -> None:
    series = read_weather(oe2_dir / "solar/pv_generation_hourly_citylearn_v2.csv", "weather.file", SITE)
    energy = ac_energy_kwh(series.frame, plant(), SITE)
    assert energy.sum() / 4162.0 == pytest.approx(1261.46, abs=0.05)
    assert energy.max() <= 3201.2
