"""The synthetic default: exact energies, physical bounds, shapes, and streams that do not disturb one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.calendar import day_types, declared_year
from pvbesscar.oe2.sessions import session_energy_kwh
from pvbesscar.oe2.synthetic import WET_MONTHS, mall_shape, synthetic_mall, synthetic_sessions, synthetic_weather
from pvbesscar.oe2.weather import clear_sky, sun
from schemas.errors import ConfigError
from schemas.settings import Settings

MakeSettings = Callable[..., Settings]


@lru_cache
def weather_of(settings: Settings) -> pd.DataFrame:
    return synthetic_weather(settings).frame


@lru_cache
def sessions_of(settings: Settings) -> pd.DataFrame:
    return synthetic_sessions(settings).frame


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    # No folder in it: the same settings for every test, so that one year serves them all.
    return make_settings(data={})


@pytest.mark.parametrize("target", [900.0, 1670.0, 2300.0])
def test_ghi_has_the_declared_sum_and_never_exceeds_the_clear_sky(make_settings: MakeSettings, target: float) -> None:
    settings = make_settings(weather={"source": "synthetic", "annual_ghi_kwh_m2": target})
    frame = synthetic_weather(settings).frame
    clear = clear_sky(pd.DatetimeIndex(frame["timestamp"]), settings.site)
    assert frame["ghi_w_m2"].sum() / 1e3 == pytest.approx(target, abs=1e-6)
    assert (frame["ghi_w_m2"].to_numpy() <= clear["ghi"].to_numpy()).all()
    assert (frame["dni_w_m2"].to_numpy() <= clear["dni"].to_numpy()).all()


def test_irradiance_closes_and_night_is_dark(settings: Settings) -> None:
    frame = weather_of(settings)
    zenith = sun(pd.DatetimeIndex(frame["timestamp"]), settings.site)["apparent_zenith"].to_numpy()
    beam = frame["dni_w_m2"] * np.cos(np.radians(zenith)).clip(min=0.0)
    np.testing.assert_allclose(frame["ghi_w_m2"], frame["dhi_w_m2"] + beam, atol=1e-9)
    assert (frame[["ghi_w_m2", "dni_w_m2", "dhi_w_m2"]] >= 0.0).all(axis=None)
    night = zenith > 90.0
    assert night.sum() > 4000
    assert (frame.loc[night, ["ghi_w_m2", "dni_w_m2", "dhi_w_m2"]] == 0.0).all(axis=None)


def test_clouds_persist_and_know_the_season(make_settings: MakeSettings) -> None:
    correlations, wet, dry = [], [], []
    for seed in range(5):
        settings = make_settings(seed=seed)
        frame = synthetic_weather(settings).frame
        index = pd.DatetimeIndex(frame["timestamp"])
        clear = clear_sky(index, settings.site)["ghi"].to_numpy().reshape(-1, 24).sum(axis=1)
        daily = frame["ghi_w_m2"].to_numpy().reshape(-1, 24).sum(axis=1) / clear
        correlations.append(np.corrcoef(daily[:-1], daily[1:])[0, 1])
        is_wet = np.isin(index.month.to_numpy()[::24], WET_MONTHS)
        wet.append(daily[is_wet].mean())
        dry.append(daily[~is_wet].mean())
        assert daily.min() < 0.45
        assert daily.max() > 0.8
    # The measured year has 0.32, 0.63 and 0.72.
    assert 0.15 < np.mean(correlations) < 0.45
    assert 0.58 < np.mean(wet) < 0.68
    assert 0.68 < np.mean(dry) < 0.78


def test_temperature_wind_and_humidity_are_those_of_the_place(settings: Settings) -> None:
    frame = weather_of(settings)
    by_hour = frame["temp_air_c"].groupby(pd.DatetimeIndex(frame["timestamp"]).hour).mean()
    assert frame["temp_air_c"].between(22.0, 33.0).all()
    assert by_hour.argmin() in {4, 5, 6}
    assert by_hour.argmax() in {13, 14, 15}
    assert frame["relative_humidity"].between(30.0, 100.0).all()
    assert frame["wind_speed_m_s"].between(0.0, 10.0).all()


def test_more_sun_than_the_sky_gives_is_refused(make_settings: MakeSettings) -> None:
    settings = make_settings(weather={"source": "synthetic", "annual_ghi_kwh_m2": 2600.0})
    with pytest.raises(ConfigError, match=r"a year without a cloud gives 2511 kWh/m2 at the site"):
        synthetic_weather(settings)


@pytest.mark.parametrize("declared", [3_358_876.0, 12_368_653.0])
def test_mall_has_exactly_the_declared_energy(make_settings: MakeSettings, declared: float) -> None:
    frame = synthetic_mall(make_settings(mall={"source": "synthetic", "declared_kwh": declared})).frame
    assert frame["mall_kwh"].sum() == pytest.approx(declared, abs=1e-6)
    assert len(frame) == 8760
    assert frame["mall_kwh"].min() > 0.0


def test_mall_knows_opening_hours_and_kinds_of_day(settings: Settings) -> None:
    index = declared_year(settings.site, 8760)
    shape = pd.Series(mall_shape(index, settings), index=index)
    kinds = day_types(index, settings.site.holidays)
    day = {kind: shape[kinds == kind].to_numpy().reshape(-1, 24)[0] for kind in (2, 6, 7, 8)}
    assert np.ptp([day[2][hour] for hour in range(7)]) == 0.0
    assert day[2][9:23].min() > 1.5 * day[2][3]
    assert len({tuple(course) for course in day.values()}) == 4
    assert day[6].sum() > day[2].sum()


def test_day_types_by_hand() -> None:
    stamps = ["2025-01-01 05:00", "2025-01-02 00:00", "2025-04-17 10:00", "2024-04-17 10:00", "2025-01-05 23:00"]
    index = pd.DatetimeIndex(stamps).tz_localize("America/Lima")
    assert day_types(index, ("01-01", "2025-04-17")).tolist() == [8, 4, 8, 3, 7]


def test_sessions_need_exactly_the_declared_energy(settings: Settings) -> None:
    frame = sessions_of(settings)
    assert session_energy_kwh(frame, settings.ev).sum() == pytest.approx(232_341.0, abs=1e-6)


@pytest.mark.parametrize("dwell", [1, 2, 5])
def test_sessions_of_any_stay_are_exact_and_feasible(make_settings: MakeSettings, dwell: int) -> None:
    settings = make_settings(ev={"source": "synthetic", "dwell_hours": dwell})
    check_feasible(sessions_of(settings), settings)


def test_sessions_are_feasible_do_not_overlap_and_arrive_while_open(settings: Settings) -> None:
    check_feasible(sessions_of(settings), settings)


def check_feasible(frame: pd.DataFrame, settings: Settings) -> None:
    dwell = settings.ev.dwell_hours
    assert dwell is not None
    need = session_energy_kwh(frame, settings.ev)
    assert need.sum() == pytest.approx(232_341.0, abs=1e-6)
    assert need.min() > 0.0
    assert need.max() <= 3.5 * dwell + 1e-9
    assert frame["arrival_soc"].min() >= 0.05 - 1e-12
    assert ((frame["departure"] - frame["arrival"]) == dwell).all()
    assert frame["departure"].max() <= 8760
    assert frame["arrival"].mod(24).between(9, 22).all()
    assert set(frame["socket"]) == set(range(128))
    assert frame["session_id"].is_unique
    assert (frame["vehicle_class"].eq("moto") == (frame["socket"] < 112)).all()
    assert frame["battery_kwh"].eq(np.where(frame["socket"] < 112, 3.5, 10.0)).all()
    for _, socket in frame.groupby("socket"):
        assert (socket["arrival"].to_numpy()[1:] >= socket["departure"].to_numpy()[:-1]).all()


def test_most_vehicles_arrive_in_the_evening(settings: Settings) -> None:
    per_hour = sessions_of(settings)["arrival"].mod(24).value_counts()
    assert per_hour.loc[18:21].mean() > 1.5 * per_hour.drop(range(18, 22)).mean()
    assert per_hour.idxmax() == 18


def test_an_energy_that_does_not_fit_is_refused(make_settings: MakeSettings) -> None:
    settings = make_settings(ev={"source": "synthetic", "dwell_hours": 24})
    with pytest.raises(ConfigError, match=r"(?s)`ev\.declared_kwh` = 232,341 kWh.*`ev\.dwell_hours` = 24 h.*shorten"):
        synthetic_sessions(settings)


def test_streams_are_independent_and_follow_the_seed(make_settings: MakeSettings) -> None:
    one, other = make_settings(data={}), make_settings(data={}, seed=43)
    changed = make_settings(data={}, mall={"source": "synthetic", "declared_kwh": 1e6, "open_hours": (9, 23)})
    pd.testing.assert_frame_equal(weather_of(one), synthetic_weather(changed).frame)
    pd.testing.assert_frame_equal(sessions_of(one), synthetic_sessions(changed).frame)
    assert not weather_of(one).equals(weather_of(other))
    assert not sessions_of(one).equals(sessions_of(other))
    assert not synthetic_mall(one).frame.equals(synthetic_mall(other).frame)
