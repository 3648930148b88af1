"""Each rule against a fault planted where the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from tests.quality.years import clean_context, found, hours_of, only, spoil

HOURLY = ("weather", "pv", "mall")


def test_a_clean_year_has_no_finding(clean: QualityContext) -> None:
    assert judge(clean) == ()


def test_rule_ids_are_stable_names_and_every_rule_explains_itself() -> None:
    for known in YEAR_RULES.all():
        assert known.id == f"{known.topic}.{known.id.partition('.')[2]}"
        assert all((known.title, known.rationale, known.reference, known.cause, known.fix)), known.id


def test_false_solar_can_not_be_waived() -> None:
    assert not any(known.waivable for known in YEAR_RULES.all() if known.topic == "solar")


def test_a_rule_id_is_registered_once() -> None:
    register = rule("solar.night", "error", "t", looks_at=("pv",), rationale="r", reference="r", cause="c", fix="f")
    with pytest.raises(ValueError, match="registered twice"):
        register(lambda _: ())


# Structure


def test_a_missing_column_is_named_and_other_rules_leave_the_series_alone(clean: QualityContext) -> None:
    broken = clean.with_frame("weather", clean.frames["weather"].drop(columns="ghi_w_m2"))
    findings = judge(broken)
    assert [(f.rule, f.severity, f.column) for f in findings] == [("structure.contract", "error", "ghi_w_m2")]
    assert "column `ghi_w_m2` is missing" in findings[0].message


def test_a_missing_series_is_an_error(clean: QualityContext) -> None:
    finding = only(clean.only(("weather", "pv", "sessions")), "structure.contract")
    assert (finding.severity, finding.message) == ("error", "the series `mall` is missing")


def test_text_among_numbers_folds_into_ranges(clean: QualityContext) -> None:
    frame = clean.frames["mall"].assign(mall_kwh=clean.frames["mall"]["mall_kwh"].astype(object))
    frame.loc[frame.index[100:104], "mall_kwh"] = "n/a"
    finding = only(clean.with_frame("mall", frame), "structure.contract")
    assert finding.column == "mall_kwh"
    assert hours_of(finding) in ([], [(100, 103)])


def test_stamps_without_zone_are_an_error(clean: QualityContext) -> None:
    frame = clean.frames["pv"].assign(timestamp=clean.frames["pv"]["timestamp"].dt.tz_localize(None))
    finding = only(clean.with_frame("pv", frame), "structure.contract")
    assert "no time zone" in finding.message


def test_an_empty_frame_is_an_error(clean: QualityContext) -> None:
    finding = only(clean.with_frame("mall", clean.frames["mall"].iloc[:0]), "structure.contract")
    assert "no row" in finding.message


# Time axis


def all_series(context: QualityContext, change: Callable[[pd.DataFrame], pd.DataFrame]) -> QualityContext:
    for series in HOURLY:
        context = context.with_frame(series, change(context.frames[series]).reset_index(drop=True))
    return context


def test_a_short_year_is_an_error_in_each_series(clean: QualityContext) -> None:
    findings = found(all_series(clean, lambda frame: frame.iloc[:8000]), "time.length")
    assert [f.observed.split(",")[0] for f in findings] == ["8000 rows"] * 3


def test_a_gap_is_named_at_the_row_after_it(clean: QualityContext) -> None:
    finding = only(clean.with_frame("pv", clean.frames["pv"].drop(index=range(500, 503))), "time.gaps")
    assert hours_of(finding) == [(500, 500)]
    assert finding.observed == "3 hours missing in 1 places"


def test_a_duplicate_and_a_swap_are_told_apart(clean: QualityContext) -> None:
    stamps = clean.frames["mall"]["timestamp"]
    twice = clean.with_frame(
        "mall", clean.frames["mall"].assign(timestamp=stamps.where(stamps.index != 40, stamps[39]))
    )
    assert hours_of(only(twice, "time.duplicates")) == [(40, 40)]
    assert found(twice, "time.order") == []
    order = [*range(100), 101, 100, *range(102, 8760)]
    swapped = clean.with_frame("mall", clean.frames["mall"].iloc[order].reset_index(drop=True))
    assert hours_of(only(swapped, "time.order")) == [(101, 101)]


def test_another_zone_is_an_error(clean: QualityContext) -> None:
    frame = clean.frames["pv"].assign(timestamp=clean.frames["pv"]["timestamp"].dt.tz_convert("UTC"))
    finding = only(clean.with_frame("pv", frame), "time.zone")
    assert (finding.observed, finding.limit) == ("UTC", "America/Lima")


def test_half_hourly_rows_are_an_error(clean: QualityContext) -> None:
    stamps = pd.date_range("2025-01-01", periods=8760, freq="30min", tz="America/Lima")
    finding = only(clean.with_frame("mall", clean.frames["mall"].assign(timestamp=stamps)), "time.step")
    assert "usual step is 0.5 h" in finding.observed


def test_stamps_off_the_hour_are_an_error(clean: QualityContext) -> None:
    late = clean.frames["pv"]["timestamp"] + pd.Timedelta(minutes=30)
    assert only(clean.with_frame("pv", clean.frames["pv"].assign(timestamp=late)), "time.step").n_hours == 8760


def test_a_series_of_another_year_does_not_share_the_axis(clean: QualityContext) -> None:
    stamps = pd.date_range("2023-01-01", periods=8760, freq="h", tz="America/Lima")
    finding = only(clean.with_frame("mall", clean.frames["mall"].assign(timestamp=stamps)), "time.common_axis")
    assert finding.observed == "row 0 is 2023-01-01 00:00"
    assert finding.limit == "2025-01-01 00:00, as in weather.parquet"


def test_a_leap_year_cut_short_is_a_warning() -> None:
    findings = judge(clean_context(site=clean_context().settings.site.model_dump() | {"year": 2024}))
    assert {(f.rule, f.severity) for f in findings} == {("time.calendar", "warning")}
    assert hours_of(findings[0]) == [(1416, 1439)]
    assert "to 2024-12-30 23:00 and holds 29 February" in findings[0].message


# Values


@pytest.mark.parametrize(("series", "column"), [("weather", "ghi_w_m2"), ("pv", "pv_kwh"), ("mall", "mall_kwh")])
def test_missing_and_negative_values_are_named_by_hour(clean: QualityContext, series: str, column: str) -> None:
    missing = spoil(spoil(clean, series, slice(36, 40), **{column: np.nan}), series, [60], **{column: np.inf})
    finding = only(missing, "values.finite")
    assert hours_of(finding) == [(36, 39), (60, 60)]
    assert finding.observed == "4 missing, 1 infinite of 8760 values"
    finding = only(spoil(clean, series, [12, 13], **{column: -7.5}), "values.negative")
    assert (hours_of(finding), finding.observed) == ([(12, 13)], "least value -7.5")


def test_a_missing_state_of_charge_is_an_error(clean: QualityContext) -> None:
    assert only(spoil(clean, "sessions", [5], arrival_soc=np.nan), "values.finite").column == "arrival_soc"


@pytest.mark.parametrize(
    ("column", "value"), [("temp_air_c", 299.0), ("wind_speed_m_s", -999.0), ("wind_speed_m_s", 1e308)]
)
def test_impossible_air_is_an_error(clean: QualityContext, column: str, value: float) -> None:
    finding = only(spoil(clean, "weather", [7], **{column: value}), "weather.range")
    assert (finding.severity, finding.column, hours_of(finding)) == ("error", column, [(7, 7)])


def test_wind_just_below_zero_is_a_warning(clean: QualityContext) -> None:
    findings = judge(spoil(clean, "weather", [7], wind_speed_m_s=-0.04))
    assert [(f.rule, f.severity) for f in findings] == [("weather.negative_wind", "warning")]


# Light


@pytest.mark.parametrize(("series", "column"), [("weather", "ghi_w_m2"), ("weather", "dhi_w_m2"), ("pv", "pv_kwh")])
def test_a_year_of_zeros_is_refused(clean: QualityContext, series: str, column: str) -> None:
    finding = only(spoil(clean, series, slice(None), **{column: 0.0}), "solar.all_zero")
    assert (finding.severity, finding.column, hours_of(finding)) == ("error", column, [(0, 8759)])
    assert finding.observed.startswith("8760 of 8760 values are zero")


def test_irradiance_in_kilowatts_is_as_good_as_dark(clean: QualityContext) -> None:
    weather = clean.frames["weather"]
    assert (
        only(spoil(clean, "weather", slice(None), ghi_w_m2=weather["ghi_w_m2"] / 1100), "solar.all_zero").n_hours
        == 8760
    )


def test_every_other_day_dark_is_mostly_zero(clean: QualityContext) -> None:
    odd = clean.local_days("pv") % 2 == 1
    finding = only(spoil(clean, "pv", odd, pv_kwh=0.0), "solar.mostly_zero")
    assert "daylight hours (50" in finding.observed or "daylight hours (49" in finding.observed


def test_a_dark_march_and_a_dark_day(clean: QualityContext) -> None:
    march = (clean.stamps("weather").month == 3).nonzero()[0]
    finding = only(spoil(clean, "weather", march, ghi_w_m2=0.0), "solar.zero_month")
    assert finding.observed.startswith("1 months")
    assert hours_of(finding)[0][0] == march[0] + 7
    day = only(spoil(clean, "weather", slice(240, 264), ghi_w_m2=0.0), "solar.zero_day")
    assert hours_of(day) == [(247, 256)]


def test_a_day_without_generation_is_an_outage(clean: QualityContext) -> None:
    finding = only(spoil(clean, "pv", slice(240, 264), pv_kwh=0.0), "pv.zero_day")
    assert (finding.severity, hours_of(finding)) == ("warning", [(247, 256)])


def test_light_at_night_is_refused_at_the_hours_that_have_it(clean: QualityContext) -> None:
    # 2 January at 3.75 S: the sun is below -3 deg from 19 h to 5 h.
    finding = only(spoil(clean, "weather", slice(44, 49), ghi_w_m2=20.0), "solar.night")
    assert hours_of(finding) == [(44, 48)]
    assert only(spoil(clean, "pv", [46], pv_kwh=50.0), "solar.night").column == "pv_kwh"
    assert found(spoil(clean, "weather", [46], ghi_w_m2=4.0), "solar.night") == []


@pytest.mark.parametrize("shift", [5, -5, 12])
def test_a_year_in_universal_time_lights_the_night(clean: QualityContext, shift: int) -> None:
    shifted = np.roll(clean.values("weather", "ghi_w_m2"), shift)
    assert only(spoil(clean, "weather", slice(None), ghi_w_m2=shifted), "solar.night").column == "ghi_w_m2"


def test_the_hours_of_sunrise_and_sunset_may_have_light(clean: QualityContext) -> None:
    # 1 January: the sun rises at 5:55 and sets at 18:08, so 5 h and 18 h are lit in part.
    touched = spoil(clean, "weather", [5, 18], ghi_w_m2=8.0, dhi_w_m2=8.0)
    assert found(touched, "solar.night") == []


def test_irradiance_above_the_atmosphere(clean: QualityContext) -> None:
    finding = only(spoil(clean, "weather", [12], dni_w_m2=1500.0), "solar.physical_limit")
    assert (finding.column, hours_of(finding)) == ("dni_w_m2", [(12, 12)])
    # Early January: the Earth is nearest to the sun, 1,413 W/m2 (solar constant times 1.034).
    assert 1400.0 < float(finding.limit.split()[0]) < 1420.0


def test_a_wrong_scale_is_brighter_than_any_sky(clean: QualityContext) -> None:
    ghi = clean.values("weather", "ghi_w_m2")
    assert found(spoil(clean, "weather", slice(None), ghi_w_m2=ghi * 2.0), "solar.clean_sky_day")
    low = only(spoil(clean, "weather", slice(None), ghi_w_m2=ghi * 0.2), "solar.yearly_clearness")
    assert "implausible for the latitude" in low.message


def test_components_of_another_source_do_not_close(clean: QualityContext) -> None:
    dhi = clean.values("weather", "dhi_w_m2")
    finding = only(spoil(clean, "weather", slice(None), dhi_w_m2=dhi[::-1].copy()), "solar.closure")
    assert finding.severity == "error"


# Generation


def test_generation_above_the_rating(clean: QualityContext) -> None:
    # 3,201.2 kW and 0.5 % for the meter are 3,217.2 kWh in an hour.
    assert found(spoil(clean, "pv", [12], pv_kwh=3217.0), "pv.above_rating") == []
    finding = only(spoil(clean, "pv", [12], pv_kwh=3218.0), "pv.above_rating")
    assert hours_of(finding) == [(12, 12)]


def test_generation_in_watts(clean: QualityContext) -> None:
    watts = spoil(clean, "pv", slice(None), pv_kwh=clean.values("pv", "pv_kwh") * 1000)
    rules = {finding.rule for finding in judge(watts)}
    assert {"pv.above_rating", "pv.yield", "pv.performance_ratio", "pv.energy_balance"} <= rules


def test_more_energy_than_the_sun_gave(clean: QualityContext) -> None:
    values = clean.values("pv", "pv_kwh")
    finding = only(spoil(clean, "pv", slice(None), pv_kwh=values * 1.4), "pv.performance_ratio")
    assert float(finding.observed.split()[2].rstrip(":")) > 1.0
    assert only(spoil(clean, "pv", slice(None), pv_kwh=values * 0.4), "pv.performance_ratio").severity == "error"


# Demand


@pytest.mark.parametrize(("factor", "expected"), [(1.009, 0), (1.011, 1), (0.989, 1), (3.68, 1)])
def test_declared_energy_of_the_mall(clean: QualityContext, factor: float, expected: int) -> None:
    scaled = spoil(clean, "mall", slice(None), mall_kwh=clean.values("mall", "mall_kwh") * factor)
    findings = found(scaled, "energy.mall_declared")
    assert len(findings) == expected
    if findings:
        assert findings[0].observed == f"{3_358_876 * factor:,.1f} kWh"


def test_declared_energy_of_the_vehicles(clean: QualityContext) -> None:
    half = clean.with_frame("sessions", clean.frames["sessions"].iloc[:40000])
    assert only(half, "energy.ev_declared").severity == "error"


def test_sessions_need_the_energy_of_their_profile(clean: QualityContext) -> None:
    stamps = clean.frames["mall"]["timestamp"]
    share = clean.settings.ev.declared_kwh / 8760 / 32
    profile = pd.DataFrame({"timestamp": stamps, **{f"charger_{i:02d}": share for i in range(1, 33)}})
    assert found(clean.with_frame("ev_profile", profile), "energy.ev_conserved") == []
    profile["charger_05"] *= 1.01
    finding = only(clean.with_frame("ev_profile", profile), "energy.ev_conserved")
    assert finding.message.startswith(f"the sessions need -{clean.settings.ev.declared_kwh / 3200:.4f}"[:26])


def test_a_mall_that_draws_nothing_or_always_the_same(clean: QualityContext) -> None:
    assert only(spoil(clean, "mall", slice(None), mall_kwh=0.0), "mall.all_zero").n_hours == 8760
    assert only(spoil(clean, "mall", slice(None), mall_kwh=383.433), "mall.constant").severity == "error"
    outage = only(spoil(clean, "mall", slice(70, 73), mall_kwh=0.0), "mall.outage")
    assert (outage.severity, hours_of(outage)) == ("warning", [(70, 72)])


# Sessions


@pytest.mark.parametrize(
    ("rule_id", "changes", "column"),
    [
        ("sessions.window", {"departure": 10}, "departure"),
        ("sessions.window", {"arrival": -3}, "departure"),
        ("sessions.window", {"departure": 8761}, "departure"),
        ("sessions.socket", {"socket": 128}, "socket"),
        ("sessions.socket", {"vehicle_class": "truck"}, "vehicle_class"),
        ("sessions.soc", {"arrival_soc": 0.95}, "arrival_soc"),
        ("sessions.soc", {"arrival_soc": -0.1}, "arrival_soc"),
        ("sessions.soc", {"required_soc": 90.0}, "required_soc"),
        ("sessions.battery", {"battery_kwh": 3500.0}, "battery_kwh"),
        ("sessions.feasible", {"battery_kwh": 3500.0}, "departure"),
        ("sessions.unique", {"session_id": "s001_000"}, "session_id"),
    ],
)
def test_an_impossible_session_is_named(
    clean: QualityContext, rule_id: str, changes: dict[str, Any], column: str
) -> None:
    findings = found(spoil(clean, "sessions", [9000], **changes), rule_id)
    assert [finding.column for finding in findings] == [column]
    name = clean.frames["sessions"]["session_id"].iloc[9000]
    assert rule_id == "sessions.unique" or f"`{name}`" in findings[0].message


def test_two_vehicles_at_one_socket(clean: QualityContext) -> None:
    frame = clean.frames["sessions"]
    row = frame.index[frame["socket"] == 7][3]
    # From here to the end of the year: all later sessions of this socket begin while it is taken.
    finding = only(spoil(clean, "sessions", [row], departure=8760), "sessions.overlap")
    assert finding.observed == "726 sessions begin while the socket is taken"


def test_back_to_back_is_no_overlap(clean: QualityContext) -> None:
    frame = clean.frames["sessions"]
    first, second = frame.index[frame["socket"] == 7][:2]
    touching = spoil(clean, "sessions", [first], departure=int(frame.loc[second, "arrival"]))
    assert found(touching, "sessions.overlap") == []


def test_a_year_without_sessions(clean: QualityContext) -> None:
    assert only(clean.with_frame("sessions", clean.frames["sessions"].iloc[:0]), "structure.contract")
    served = clean.frames["sessions"].assign(arrival_soc=clean.frames["sessions"]["required_soc"])
    assert only(clean.with_frame("sessions", served), "sessions.none").severity == "error"


# Severity


def test_a_fault_in_a_column_that_nothing_uses_is_a_warning(clean: QualityContext) -> None:
    own = clean_context(pv={"source": "file", "file": "pv.csv"})
    finding = only(spoil(own, "weather", [12], dni_w_m2=1500.0), "solar.physical_limit")
    assert finding.severity == "warning"
    humid = clean.with_frame("weather", clean.frames["weather"].assign(relative_humidity=0.8))
    assert only(spoil(humid, "weather", [3], relative_humidity=180.0), "weather.range").severity == "warning"
    assert YEAR_RULES.find("weather.range").severity == "error"


@pytest.mark.parametrize(("zone", "late", "severity"), [
    ("America/Chicago", 1, "warning"), ("America/Chicago", -1, "error"),
    ("America/Lima", 1, "error"), ("Pacific/Auckland", 1, "error"),
])  # fmt: skip
def test_demand_may_keep_standard_time_where_the_site_has_a_summer_clock(zone: str, late: int, severity: str) -> None:
    stamps = pd.date_range("2026-01-01", periods=8760, freq="h", tz=zone)
    rng = np.random.default_rng(4)
    demand = np.where((stamps.hour >= 9) & (stamps.hour < 22), 400.0, 120.0) * rng.uniform(0.9, 1.1, 8760)
    site = {"year": 2026, "timezone": zone}
    clean = QualityContext(
        clean_context(site=site).settings, {"mall": pd.DataFrame({"timestamp": stamps, "mall_kwh": demand})}
    )
    assert found(clean, "mall.season_shift") == []
    summer_of_chicago = (stamps >= "2026-03-08 08:00Z") & (stamps < "2026-11-01 07:00Z")
    moved = spoil(clean, "mall", summer_of_chicago, mall_kwh=np.roll(demand, late)[summer_of_chicago])
    finding = only(moved, "mall.season_shift")
    assert finding.severity == severity
    assert ("keeps standard time" in finding.message) == (severity == "warning")
