"""The fault catalogue: kinds of fault, how each is made, and the rule that must find it."""

# ruff: noqa: E501 (one fault, one line)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.quality.year.context import QualityContext
from schemas.filled import FilledHours
from schemas.results import Provenance, SeriesProvenance
from tests.builders import two_prices
from tests.quality.years import spoil

Injection = Callable[[QualityContext, np.random.Generator], QualityContext]
EVERY = slice(None)


@dataclass(frozen=True)
class Fault:
    """One kind of fault and the rule that must find it."""

    kind: str
    rule: str
    inject: Injection


def _times(series: str, column: str, factor: float) -> Injection:
    return lambda year, _: spoil(year, series, EVERY, **{column: year.values(series, column) * factor})


def _put(series: str, column: str, value: float, hours: int, spread: int = 8700) -> Injection:
    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        start = int(rng.integers(0, spread - hours))
        return spoil(year, series, slice(start, start + hours), **{column: value})

    return inject


def _everywhere(series: str, **columns: Any) -> Injection:
    return lambda year, _: spoil(year, series, EVERY, **columns)


def _roll(series: str, hours: int, *columns: str) -> Injection:
    return lambda year, _: spoil(year, series, EVERY, **{c: np.roll(year.values(series, c), hours) for c in columns})


def _config(section: str, **values: Any) -> Injection:
    def inject(year: QualityContext, _: np.random.Generator) -> QualityContext:
        raw = year.settings.model_dump()
        return QualityContext(type(year.settings).model_validate(raw | {section: raw[section] | values}), year.frames)

    return inject


def _evening_class(year: QualityContext) -> QualityContext:
    """The class that the year is not in: its mean evening over its greatest hour, less and more than the limit."""
    declared = {"declared": "outside_peak", "band": "peak", "limit": 0.01}
    return _config("tariff", classification=declared)(year, np.random.default_rng(0))


def _sessions(rows: int, **columns: Any) -> Injection:
    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        chosen = rng.choice(len(year.frames["sessions"]), rows, replace=False)
        return spoil(year, "sessions", chosen, **columns)

    return inject


def _frame(series: str, change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Injection:
    return lambda year, rng: year.with_frame(series, change(year.frames[series], rng).reset_index(drop=True))


def _dark(series: str, column: str, pick: Callable[[pd.DatetimeIndex, np.random.Generator], Any]) -> Injection:
    return lambda year, rng: spoil(year, series, pick(year.stamps(series), rng), **{column: 0.0})


def _a_light_month(stamps: pd.DatetimeIndex, rng: np.random.Generator) -> Any:
    return stamps.month == rng.choice([3, 4, 9])


def _a_light_day(stamps: pd.DatetimeIndex, rng: np.random.Generator) -> Any:
    return stamps.day_of_year == rng.integers(70, 110)


def _noise_at_night(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    values = year.values("pv", "pv_kwh")
    return spoil(year, "pv", EVERY, pv_kwh=values + rng.uniform(0, 100, values.size) * (values == 0))


def _stuck(series: str, column: str) -> Injection:
    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        values = year.values(series, column)
        day = int(rng.integers(100, 260)) * 24
        return spoil(year, series, slice(day, day + 48), **{column: float(values[day : day + 24].mean())})

    return inject


def _copied_day(series: str, *columns: str) -> Injection:
    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        days = year.local_days(series)
        pick = int(days[0]) + int(rng.integers(130, 250))
        source, target = (np.flatnonzero(days == day) for day in (pick, pick + 1))
        for column in columns:
            year = spoil(year, series, target, **{column: year.values(series, column)[source]})
        return year

    return inject


def _profile(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Injection:
    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        ev = year.settings.ev
        names = [f"charger_{i + 1:02d}" for i in range(ev.chargers)]
        energy = rng.uniform(0.0, 1.0, (8760, ev.chargers))
        frame = pd.DataFrame(energy * ev.declared_kwh / energy.sum(), columns=names)
        frame.insert(0, "timestamp", year.frames["mall"]["timestamp"])
        return year.with_frame("ev_profile", change(frame))

    return inject


def _multiple(year: QualityContext, _: np.random.Generator) -> QualityContext:
    return spoil(year, "pv", EVERY, pv_kwh=year.values("weather", "ghi_w_m2") * 2.9)


def _overlap(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    frame = year.frames["sessions"]
    row = int(rng.integers(0, 40_000))
    return spoil(year, "sessions", [row], departure=int(frame["arrival"].iloc[row]) + 40)


def _swap(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    at = int(rng.integers(10, 8000))
    return frame.iloc[[*range(at), at + 1, at, *range(at + 2, len(frame))]]


def _drop(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    at = int(rng.integers(10, 8000))
    return frame.drop(index=range(at, at + 5))


def _twice(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    at = int(rng.integers(10, 8000))
    return frame.iloc[[*range(at), at, *range(at, len(frame))]]


def _to(unit: str) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    return lambda frame, _: frame.assign(
        timestamp=pd.date_range(frame["timestamp"].iloc[0], periods=len(frame), freq=unit)
    )


LIGHT = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")


def _scaled(year: QualityContext, rows: Any, factor: float) -> QualityContext:
    """Demand with rows in another unit, brought to the declared energy, as `mall.scale_to_declared` does."""
    values = year.values("mall", "mall_kwh").copy()
    total = values.sum()
    values[rows] *= factor
    return spoil(year, "mall", EVERY, mall_kwh=values * total / values.sum())


def _mixed(factor: float, days: int | None = None) -> Injection:
    """Some days, or a month, of demand in another unit."""

    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        start = int(rng.integers(20, 330)) * 24
        month = year.stamps("mall").month == rng.integers(1, 13)
        return _scaled(year, month if days is None else slice(start, start + 24 * days), factor)

    return inject


def _line(series: str, column: str, first_hour: int | None, hours: int) -> Injection:
    """Hours on the line from the value before them to the one behind; at an hour of the day, or anywhere."""

    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        start = int(rng.integers(255, 285)) * 24 + (int(rng.integers(24)) if first_hour is None else first_hour)
        values = year.values(series, column)
        end = start + hours + 1
        line = np.linspace(values[start], values[end], end - start + 1).round(3)
        return spoil(year, series, slice(start, end + 1), **{column: line})

    return inject


def copied_week(series: str, *columns: str, factor: float = 0.985, noise: float = 0.0) -> Injection:
    """A week that is an earlier one times a number, some weeks later, begun in the middle of a day."""

    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        start, hours = int(rng.integers(70, 150)) * 24 + 13, 168
        copy = start + 168 * int(rng.integers(2, 6))
        for column in columns:
            values = year.values(series, column)[start : start + hours]
            year = spoil(
                year,
                series,
                slice(copy, copy + hours),
                **{column: values * factor * (1 + noise * rng.standard_normal(hours))},
            )
        return year

    return inject


def exchanged_months(series: str, one: int, other: int, *columns: str) -> Injection:
    def inject(year: QualityContext, _: np.random.Generator) -> QualityContext:
        month = year.stamps(series).month
        first, second = (np.flatnonzero(month == number) for number in (one, other))
        size = min(first.size, second.size)
        for column in columns:
            values = year.values(series, column).copy()
            values[first[:size]], values[second[:size]] = values[second[:size]].copy(), values[first[:size]].copy()
            year = spoil(year, series, EVERY, **{column: values})
        return year

    return inject


def _late_in_summer(hours: int, first: int, last: int) -> Injection:
    def inject(year: QualityContext, _: np.random.Generator) -> QualityContext:
        rows = np.flatnonzero((year.stamps("mall").month >= first) & (year.stamps("mall").month <= last))
        return spoil(year, "mall", rows, mall_kwh=np.roll(year.values("mall", "mall_kwh"), hours)[rows])

    return inject


def _other_unit_of_pv(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    start = int(rng.integers(120, 220)) * 24
    rows = slice(start, start + 24 * 21)
    return spoil(year, "pv", rows, pv_kwh=year.values("pv", "pv_kwh")[rows] * 0.25)


def _other_unit_of_light(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    """Two months without much cloud: where the sky is never clear nobody can tell."""
    rows = np.isin(year.stamps("weather").month, [5, 6, 7] if year.settings.site.latitude > 0 else [10, 11, 12])
    return spoil(year, "weather", rows, **{name: year.values("weather", name)[rows] / 3.6 for name in LIGHT})


def _filled(year: QualityContext, _: np.random.Generator) -> QualityContext:
    stamps = year.stamps("mall")
    fill = FilledHours(
        series="mall", first_stamp=stamps[4000].isoformat(), last_stamp=stamps[4047].isoformat(), hours=48,
        rows_added=0, columns=("mall_kwh",), source="a second meter", file="second.csv", sha256="0" * 64,
        reason="the meter was replaced",
    )  # fmt: skip
    entry = SeriesProvenance(
        series="mall", source="file", reader="mall_csv", file="mall.csv", sha256="0" * 64, transformations=(),
        fills=(fill,),
    )  # fmt: skip
    return replace(year, provenance=Provenance(scenario="x", seed=0, series=(entry,), files={}))


FAULTS = (
    Fault("weather is all zero", "solar.all_zero", _everywhere("weather", ghi_w_m2=0.0, dni_w_m2=0.0, dhi_w_m2=0.0)),
    Fault("PV is all zero", "solar.all_zero", _everywhere("pv", pv_kwh=0.0)),
    Fault("GHI in kW/m2", "solar.all_zero", _times("weather", "ghi_w_m2", 0.001)),
    Fault("PV zero on every other day", "solar.mostly_zero", _dark("pv", "pv_kwh", lambda s, _: s.day_of_year % 2 == 0)),
    Fault("GHI zero in three of four hours", "solar.mostly_zero", _dark("weather", "ghi_w_m2", lambda s, _: s.hour % 4 > 0)),
    Fault("GHI zero for a month", "solar.zero_month", _dark("weather", "ghi_w_m2", _a_light_month)),
    Fault("PV zero for a month", "solar.zero_month", _dark("pv", "pv_kwh", _a_light_month)),
    Fault("GHI zero for a day", "solar.zero_day", _dark("weather", "ghi_w_m2", _a_light_day)),
    Fault("PV off for a day", "pv.zero_day", _dark("pv", "pv_kwh", _a_light_day)),
    Fault("PV noise at night", "solar.night", _noise_at_night),
    Fault("weather flipped by 12 h", "solar.night", _roll("weather", 12, *LIGHT)),
    Fault("weather 5 h late", "solar.time_shift", _roll("weather", 5, *LIGHT)),
    Fault("weather 1 h late (end of interval)", "solar.time_shift", _roll("weather", 1, *LIGHT)),
    Fault("weather 1 h early (summer clock)", "solar.time_shift", _roll("weather", -1, *LIGHT)),
    Fault("PV 1 h late against weather", "pv.time_shift", _roll("pv", 1, "pv_kwh")),
    Fault("PV 6 h early", "pv.time_shift", _roll("pv", -6, "pv_kwh")),
    Fault("DNI above the atmosphere", "solar.physical_limit", _put("weather", "dni_w_m2", 1600.0, 1)),
    Fault("GHI spike of 1e308", "solar.physical_limit", _put("weather", "ghi_w_m2", 1e308, 1)),
    Fault("GHI three times too large", "solar.clean_sky_day", _times("weather", "ghi_w_m2", 3.0)),
    Fault("GHI a quarter", "solar.yearly_clearness", _times("weather", "ghi_w_m2", 0.2)),
    Fault("DHI in another unit", "solar.closure", _times("weather", "dhi_w_m2", 3.6)),
    Fault("components reversed in time", "solar.closure", lambda y, _: spoil(
        y, "weather", EVERY, dni_w_m2=y.values("weather", "dni_w_m2")[::-1].copy())),
    Fault("GHI stuck for two days", "solar.flat_line", _stuck("weather", "ghi_w_m2")),
    Fault("PV stuck for two days", "solar.flat_line", _stuck("pv", "pv_kwh")),
    Fault("temperature stuck for two days", "weather.flat_line", _stuck("weather", "temp_air_c")),
    Fault("mall stuck for two days", "mall.flat_line", _stuck("mall", "mall_kwh")),
    Fault("a day of irradiance copied", "solar.repeated_day", _copied_day("weather", *LIGHT)),
    Fault("a day of PV copied", "solar.repeated_day", _copied_day("pv", "pv_kwh")),
    Fault("a day of demand copied", "mall.repeated_day", _copied_day("mall", "mall_kwh")),
    Fault("PV in W", "pv.above_rating", _times("pv", "pv_kwh", 1000.0)),
    Fault("PV doubled", "pv.performance_ratio", _times("pv", "pv_kwh", 2.0)),
    Fault("PV in MW", "solar.all_zero", _times("pv", "pv_kwh", 1e-6)),
    Fault("PV energy of 15 minutes", "pv.performance_ratio", _times("pv", "pv_kwh", 0.25)),
    Fault("PV a multiple of GHI", "pv.multiple", _multiple),
    Fault("PV missing for a night and a day", "values.finite", _put("pv", "pv_kwh", np.nan, 24)),
    Fault("demand infinite", "values.finite", _put("mall", "mall_kwh", np.inf, 1)),
    Fault("PV counted as import", "values.negative", _times("pv", "pv_kwh", -1.0)),
    Fault("code -999 in GHI", "values.negative", _put("weather", "ghi_w_m2", -999.0, 3)),
    Fault("temperature in kelvin", "weather.range", lambda y, _: spoil(
        y, "weather", EVERY, temp_air_c=y.values("weather", "temp_air_c") + 273.15)),
    Fault("wind missing as -999", "weather.range", _put("weather", "wind_speed_m_s", -999.0, 2)),
    Fault("year cut short", "time.length", _frame("mall", lambda f, _: f.iloc[:8736])),
    Fault("hours missing", "time.gaps", _frame("pv", _drop)),
    Fault("hour twice", "time.duplicates", _frame("pv", _twice)),
    Fault("hours exchanged", "time.order", _frame("mall", _swap)),
    Fault("rows of 15 minutes", "time.step", _frame("mall", _to("15min"))),
    Fault("year not from January", "time.calendar", _frame("weather", lambda f, _: f.assign(
        timestamp=f["timestamp"] + pd.Timedelta(days=31)))),
    Fault("mall of another year", "time.common_axis", _frame("mall", lambda f, _: f.assign(
        timestamp=f["timestamp"] - pd.Timedelta(days=365)))),
    Fault("stamps in another zone", "time.zone", _frame("pv", lambda f, _: f.assign(
        timestamp=f["timestamp"].dt.tz_convert("Etc/GMT+12")))),
    Fault("stamps without zone", "structure.contract", _frame("pv", lambda f, _: f.assign(
        timestamp=f["timestamp"].dt.tz_localize(None)))),
    Fault("GHI column renamed", "structure.contract", _frame("weather", lambda f, _: f.rename(columns={"ghi_w_m2": "g"}))),
    Fault("mall 3.7 times the declared", "energy.mall_declared", _times("mall", "mall_kwh", 3.7)),
    Fault("mall in universal time", "mall.time_shift", _roll("mall", 5, "mall_kwh")),
    Fault("mall flipped by 12 h", "mall.time_shift", _roll("mall", 12, "mall_kwh")),
    Fault("mall all zero", "mall.all_zero", _everywhere("mall", mall_kwh=0.0)),
    Fault("mall a yearly mean", "mall.constant", _everywhere("mall", mall_kwh=383.4)),
    Fault("outage of the mall", "mall.outage", _put("mall", "mall_kwh", 0.0, 4)),
    Fault("demand of 30 hours in one", "mall.spike", lambda y, rng: spoil(
        y, "mall", [h := int(rng.integers(100, 8600))], mall_kwh=y.values("mall", "mall_kwh")[h - 24:h + 24].max() * 4)),
    Fault("temperature flipped by 12 h", "weather.temperature_course", _roll("weather", 12, "temp_air_c")),
    Fault("temperature in universal time", "weather.temperature_course", _roll("weather", 7, "temp_air_c")),
    Fault("generation cut off at half the rating", "pv.cut_off", lambda y, _: spoil(
        y, "pv", EVERY, pv_kwh=y.values("pv", "pv_kwh").clip(max=0.5 * float(y.values("pv", "pv_kwh").max())))),
    Fault("half of the sessions lost", "energy.ev_declared", _frame("sessions", lambda f, _: f.iloc[::2])),
    Fault("sessions overlap", "sessions.overlap", _overlap),
    Fault("departure before arrival", "sessions.window", _sessions(3, departure=0)),
    Fault("session beyond the year", "sessions.window", _sessions(1, departure=8800)),
    Fault("SOC in percent and ratio", "sessions.soc", _sessions(500, arrival_soc=35.0)),
    Fault("SOC above required", "sessions.soc", _sessions(2, arrival_soc=0.99)),
    Fault("battery in Wh", "sessions.battery", _sessions(4, battery_kwh=3500.0)),
    Fault("stay of an hour", "sessions.feasible", lambda y, _: spoil(
        y, "sessions", EVERY, departure=y.frames["sessions"]["arrival"] + 1, arrival_soc=0.0)),
    Fault("socket that does not exist", "sessions.socket", _sessions(1, socket=500)),
    Fault("mototaxi at a moto's socket", "sessions.socket", lambda y, _: spoil(
        y, "sessions", y.frames["sessions"]["socket"] == 3, vehicle_class="mototaxi")),
    Fault("session names repeated", "sessions.unique", _sessions(5, session_id="s000_000")),
    Fault("vehicles never away", "sessions.never_away", lambda y, _: spoil(
        y, "sessions", EVERY, departure=y.frames["sessions"]["arrival"] + 12)),
    Fault("profile copied over chargers", "ev.profile_copied", _profile(lambda f: f.assign(charger_09=f["charger_03"]))),
    Fault("charger above its rating", "ev.profile_rating", _profile(lambda f: f.assign(charger_02=f["charger_02"] + 14))),
    Fault("charger never used", "ev.profile_idle", _profile(lambda f: f.assign(charger_31=0.0))),
    Fault("profile and sessions differ", "energy.ev_conserved", _profile(lambda f: f.assign(charger_01=f["charger_01"] * 2))),
    Fault("battery power in W", "bess.c_rate", _config("bess", power_kw=2.7e6)),
    Fault("battery without losses", "bess.efficiency", _config("bess", efficiency=1.0)),
    Fault("PV rating in MW", "pv.dc_ac_ratio", _config("pv", dc_kwp=4.162)),
    Fault("constant tariff", "tariff.constant", _config("tariff", **two_prices(0.28))),
    Fault("feed-in above price", "tariff.feed_in", _config("tariff", feed_in_price=28.0)),
    Fault("one price in centimos", "tariff.price_ratio", _config("tariff", **two_prices(45.0))),
    Fault("power in PEN per MW", "tariff.demand_price", _config("tariff", demand=[
        {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": 61350.0}])),
    Fault("power in PEN per W", "tariff.demand_price", _config("tariff", demand=[
        {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": 0.06135}])),
    Fault("excess over its own hours", "tariff.demand_bands", _config("tariff", demand=[
        {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": 61.35},
        {"name": "excess", "hours": [[17, 24]], "basis": "excess", "over": "peak", "pen_per_kw_month": 15.52}])),
    Fault("charge entered twice", "tariff.demand_bands", _config("tariff", demand=[
        {"name": name, "hours": [[18, 23]], "pen_per_kw_month": 61.35} for name in ("peak", "again")])),
    Fault("class of a site without evenings", "tariff.classification", lambda y, _: _evening_class(y)),
    Fault("carbon in grams", "carbon.range", _config("grid", carbon_kg_per_kwh=452.1)),
    Fault("factor of another grid", "carbon.fuel", _config("grid", carbon_kg_per_kwh=0.4521)),
    Fault("a month of demand in Wh, scaled to the declared energy", "mall.mixed_units", _mixed(1000.0)),
    Fault("a month of demand four times too high, scaled", "mall.mixed_units", _mixed(4.0)),
    Fault("three weeks of demand in MJ, scaled", "mall.mixed_units", _mixed(3.6, 21)),
    Fault("a fortnight of demand in MWh", "mall.mixed_units", _mixed(0.001, 14)),
    Fault("a week of demand added up by the minute", "mall.mixed_units", _mixed(60.0, 7)),
    Fault("a day of demand in Wh", "mall.mixed_units", _mixed(1000.0, 1)),
    Fault("three weeks of PV with the energy of a quarter hour", "pv.mixed_units", _other_unit_of_pv),
    Fault("three months of irradiance in another unit", "solar.clear_hours", _other_unit_of_light),
    Fault("twelve hours of demand on a line", "mall.straight_line", _line("mall", "mall_kwh", None, 12)),
    Fault("eight hours of irradiance on a line", "solar.straight_line", _line("weather", "ghi_w_m2", 8, 8)),
    Fault("eight hours of PV on a line", "solar.straight_line", _line("pv", "pv_kwh", 8, 8)),
    Fault("fourteen hours of temperature on a line", "weather.straight_line", _line("weather", "temp_air_c", None, 14)),
    Fault("twelve hours of charging on a line", "ev.straight_line", _profile(lambda f: f.assign(
        charger_05=np.where((f.index >= 4000) & (f.index < 4013), np.linspace(0.1, 0.7, 8760), f["charger_05"])))),
    Fault("demand an hour late from April to October", "mall.season_shift", _late_in_summer(1, 4, 10)),
    Fault("demand an hour early in summer", "mall.season_shift", _late_in_summer(-1, 6, 8)),
    Fault("a week of demand copied, times 0.985", "mall.repeated_week", copied_week("mall", "mall_kwh")),
    Fault("a week of demand copied, with noise", "mall.repeated_week", copied_week("mall", "mall_kwh", factor=1.0, noise=0.005)),
    Fault("a week of PV copied, times 0.985", "solar.repeated_week", copied_week("pv", "pv_kwh")),
    Fault("a week of weather copied, times 1.02, with noise", "solar.repeated_week", copied_week("weather", *LIGHT, factor=1.02, noise=0.002)),
    Fault("a week of charging copied", "ev.repeated_week", _profile(lambda f: f.assign(
        **{c: np.where((f.index >= 4000) & (f.index < 4168), np.roll(f[c], 672), f[c]) for c in f if c != "timestamp"}))),
    Fault("two months of demand exchanged", "mall.other_weekdays", exchanged_months("mall", 3, 7, "mall_kwh")),
    Fault("hours filled as declared", "fills.declared", _filled),
)  # fmt: skip
