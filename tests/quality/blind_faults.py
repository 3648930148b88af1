"""A second fault catalogue, written from the rules' descriptions alone: mistakes and fabrications as people make them.

Its author had read `docs/quality.md` and the frames' contract, neither thresholds nor code of the rules, so that it
measures what the descriptions promise and not what the rules happen to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.oe2.pv import ac_energy_kwh
from pvbesscar.quality.year.context import QualityContext
from tests.quality.years import Place, clean_weather

Injection = Callable[[QualityContext, np.random.Generator], QualityContext]
Values = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]

LIGHT = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")
GHI, DNI, DHI = LIGHT
PV, MALL = "pv_kwh", "mall_kwh"


@dataclass(frozen=True)
class BlindFault:
    """One kind of fault.

    Parameters
    ----------
    kind
        Short name.
    description
        How a person comes to make it.
    rules
        Rules whose descriptions promise to find it; one of them has to.
    inject
        Puts it into a clean year.
    """

    kind: str
    description: str
    rules: tuple[str, ...]
    inject: Injection


def _frame(series: str, change: Change) -> Injection:
    return lambda year, rng: year.with_frame(series, change(year.frames[series].copy(), rng).reset_index(drop=True))


def _frames(change: Change) -> Injection:
    """The same change in every hourly series."""

    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        for series in ("weather", "pv", "mall"):
            year = _frame(series, change)(year, rng)
        return year

    return inject


def _config(section: str, **values: Any) -> Injection:
    def inject(year: QualityContext, _: np.random.Generator) -> QualityContext:
        raw = year.settings.model_dump()
        return QualityContext(type(year.settings).model_validate(raw | {section: raw[section] | values}), year.frames)

    return inject


def _scaled(column: str, factor: float, first: str = "01-01", last: str = "12-31") -> Change:
    """A column in another unit from one day to another."""

    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        date = frame["timestamp"].dt.strftime("%m-%d")
        frame.loc[(date >= first) & (date <= last), column] *= factor
        return frame

    return change


def _a_month(frame: pd.DataFrame, rng: np.random.Generator) -> Values:
    """Rows of one month from March to September, which has light everywhere."""
    return np.flatnonzero(frame["timestamp"].dt.month == rng.integers(3, 10))


def _scaled_month(factor: float, *columns: str) -> Change:
    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        frame.loc[_a_month(frame, rng), list(columns)] *= factor
        return frame

    return change


def _rolled(hours: int, first_month: int, last_month: int, *columns: str) -> Change:
    """A clock that is wrong for some months."""

    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        rows = np.flatnonzero(frame["timestamp"].dt.month.between(first_month, last_month))
        for column in columns:
            frame.loc[rows, column] = np.roll(frame[column].to_numpy(), hours)[rows]
        return frame

    return change


def _exchanged(one: str, other: str, first_month: int = 1, last_month: int = 12) -> Change:
    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        rows = frame["timestamp"].dt.month.between(first_month, last_month)
        frame.loc[rows, [one, other]] = frame.loc[rows, [other, one]].to_numpy()
        return frame

    return change


def _noon_line(column: str, days: int) -> Change:
    """A gap filled by a straight line from one noon to another, through the nights between."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        start = int(rng.integers(70, 260)) * 24 + 12
        end = start + 24 * days
        values = frame[column].to_numpy(copy=True)
        values[start : end + 1] = np.linspace(values[start], values[end], end - start + 1)
        return frame.assign(**{column: values})

    return change


def _mean_of(period: str, column: str) -> Change:
    """The mean of each day or month in each of its hours."""

    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        stamps = frame["timestamp"].dt
        keys = stamps.day_of_year if period == "day" else stamps.month
        return frame.assign(**{column: frame.groupby(keys)[column].transform("mean")})

    return change


def _dark_mornings(column: str) -> Change:
    """Two months in which the logger started at noon and its gap was written as zeros."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        stamps, first = frame["timestamp"].dt, int(rng.integers(3, 9))
        frame.loc[stamps.month.isin([first, first + 1]) & (stamps.hour < 12), column] = 0.0
        return frame

    return change


def _mean_day_of_month(*columns: str) -> Change:
    """Ten days filled with the mean day of their month."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        month = frame.loc[_a_month(frame, rng)]
        mean = month.groupby(month["timestamp"].dt.hour)[list(columns)].mean()
        gap = month.index[month["timestamp"].dt.day.between(8, 17)]
        frame.loc[gap, list(columns)] = mean.loc[month.loc[gap, "timestamp"].dt.hour].to_numpy()
        return frame

    return change


def _fortnight_moved(*columns: str) -> Change:
    """A fortnight filled with the one four weeks before."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        start = int(rng.integers(60, 250)) * 24
        source = frame.loc[start : start + 335, list(columns)].to_numpy()
        frame.loc[start + 672 : start + 1007, list(columns)] = source
        return frame

    return change


def _typical_week(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    week = frame[MALL].to_numpy()[168:336]
    return frame.assign(mall_kwh=np.resize(week, len(frame)))


def _place(year: QualityContext, latitude: float, longitude: float) -> Place:
    site = year.settings.site
    return Place("elsewhere", latitude, (longitude + 180.0) % 360.0 - 180.0, site.timezone, site.altitude_m)


def _pv_of_other_latitude(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    site = year.settings.site
    latitude = site.latitude - 25.0 if site.latitude > 0 else site.latitude + 25.0
    return _pv_from(year, _place(year, latitude, site.longitude), rng)


def _pv_of_other_year(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    site = year.settings.site
    return _pv_from(year, _place(year, site.latitude, site.longitude), rng)


def _pv_from(year: QualityContext, place: Place, rng: np.random.Generator) -> QualityContext:
    weather = clean_weather(place, year.settings.site.year, int(rng.integers(1000, 2000)))
    energy = ac_energy_kwh(weather, year.settings.pv, year.settings.site)
    return year.with_frame("pv", year.frames["pv"].assign(pv_kwh=np.asarray(energy)))


def _weather_from_the_east(year: QualityContext, rng: np.random.Generator) -> QualityContext:
    site = year.settings.site
    east = _place(year, site.latitude, site.longitude + 45.0)
    weather = clean_weather(east, site.year, int(rng.integers(1000, 2000)))
    columns = {name: weather[name].to_numpy() for name in weather.columns if name != "timestamp"}
    return year.with_frame("weather", year.frames["weather"].assign(**columns))


def _day_and_month(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Dates read with month first where that is possible, and sorted again."""
    stamps = frame["timestamp"].dt
    day, month = stamps.day.to_numpy(), stamps.month.to_numpy()
    first = np.where(day <= 12, day, month)
    second = np.where(day <= 12, month, day)
    order = np.lexsort((np.arange(len(frame)), stamps.hour.to_numpy(), second, first))
    columns = [name for name in frame.columns if name != "timestamp"]
    frame[columns] = frame[columns].to_numpy()[order]
    return frame


def _tracked(year: QualityContext, _: np.random.Generator) -> QualityContext:
    """GHI of a sensor on a tracker: all of the direct light, and the diffuse."""
    frame = year.frames["weather"].copy()
    frame[GHI] = frame[DHI] + np.where(frame[DNI] > 0, 0.95 * frame[DNI], 0.0)
    return year.with_frame("weather", frame)


def _dc_power(year: QualityContext, _: np.random.Generator) -> QualityContext:
    """DC power, which no inverter has limited."""
    pv = year.settings.pv
    free = pv.model_copy(update={"ac_kw": 2 * pv.dc_kwp})
    energy = ac_energy_kwh(year.frames["weather"], free, year.settings.site)
    return year.with_frame("pv", year.frames["pv"].assign(pv_kwh=np.asarray(energy) / pv.inverter_efficiency))


def _computed_pv(first_month: int) -> Injection:
    """Generation computed in a spreadsheet as a number times GHI, limited to the rating."""

    def inject(year: QualityContext, _: np.random.Generator) -> QualityContext:
        pv = year.settings.pv
        frame = year.frames["pv"].copy()
        energy = np.minimum(year.values("weather", GHI) * pv.dc_kwp / 1000 * 0.8, pv.ac_kw)
        rows = frame["timestamp"].dt.month.to_numpy() >= first_month
        frame.loc[rows, PV] = energy[rows]
        return year.with_frame("pv", frame)

    return inject


def _limited(column: str, limit: float) -> Change:
    return lambda frame, _: frame.assign(**{column: frame[column].clip(upper=limit)})


def _smoothed(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return frame.assign(pv_kwh=frame[PV].rolling(7, center=True, min_periods=1).mean())


def _night_offset(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    offset = rng.uniform(-3.0, -1.0, len(frame))
    return frame.assign(ghi_w_m2=np.where(frame[GHI] <= 0, offset, frame[GHI]))


def _empty_nights(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return frame.assign(dni_w_m2=frame[DNI].where(frame[GHI] > 0))


def _signed_wind(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    angle = rng.uniform(0.0, 2 * np.pi, len(frame))
    return frame.assign(wind_speed_m_s=frame["wind_speed_m_s"] * np.cos(angle))


def _humidity_ratio(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(relative_humidity=rng.uniform(0.4, 0.98, len(frame)))


def _summer_clock_lost(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """An hour dropped in March and one doubled in October: the number of rows is right."""
    return pd.concat([frame.iloc[:2138], frame.iloc[2139:7178], frame.iloc[7177:]])


def _twelve_hour_clock(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Afternoons of a 12 hour clock read as mornings, and sorted."""
    late = frame["timestamp"].dt.hour >= 12
    stamps = frame["timestamp"].where(~late, frame["timestamp"] - pd.Timedelta(hours=12))
    return frame.assign(timestamp=stamps).sort_values("timestamp", kind="stable")


def _leap_year(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    zone = frame["timestamp"].dt.tz
    return frame.assign(timestamp=pd.date_range("2024-01-01", periods=len(frame), freq="h", tz=zone))


def _restamped(shift: str) -> Change:
    return lambda frame, _: frame.assign(timestamp=frame["timestamp"] + pd.Timedelta(shift))


def _comma_text(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return frame.assign(mall_kwh=frame[MALL].map(lambda value: f"{value:.2f}".replace(".", ",")))


def _comma_lost(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    start = int(rng.integers(0, 300)) * 24
    frame.loc[start : start + 21 * 24 - 1, MALL] *= 10.0
    return frame


def _comma_lost_light(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    start = int(rng.integers(70, 250)) * 24
    frame.loc[start : start + 167, list(LIGHT)] *= 10.0
    return frame


def _closed_is_zero(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    hour = frame["timestamp"].dt.hour
    return frame.assign(mall_kwh=frame[MALL].where(hour.between(9, 22), 0.0))


def _sessions(change: Change) -> Injection:
    return _frame("sessions", change)


def _pasted_again(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A week of sessions joined twice, named anew."""
    start = int(rng.integers(0, 50)) * 168
    week = frame[frame["arrival"].between(start, start + 167)]
    return pd.concat([frame, week.assign(session_id=week["session_id"] + "_b")])


def _twins(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Every session twice under new names, at sockets that are taken."""
    return pd.concat([frame, frame.assign(session_id=frame["session_id"] + "_2")])


def _percent_of_class(column: str) -> Change:
    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        taxi = frame["vehicle_class"] == "mototaxi"
        return frame.assign(**{column: frame[column].where(~taxi, frame[column] * 100)})

    return change


def _exchanged_hours(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = frame["socket"] == rng.integers(0, 128)
    frame.loc[rows, ["arrival", "departure"]] = frame.loc[rows, ["departure", "arrival"]].to_numpy()
    return frame


def _times_of(factor: int, offset: int = 0) -> Change:
    return lambda frame, _: frame.assign(
        arrival=frame["arrival"] * factor + offset, departure=frame["departure"] * factor + offset
    )


def _until_the_next(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One socket whose departures were not recorded."""
    rows = frame.index[frame["socket"] == rng.integers(0, 128)]
    following = frame.loc[rows, "arrival"].shift(-1).fillna(8760).astype(np.int64)
    frame.loc[rows, "departure"] = following
    return frame


def _other_class(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return frame.assign(vehicle_class=frame["vehicle_class"].map({"moto": "mototaxi", "mototaxi": "moto"}))


def _other_battery(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """The two capacities exchanged, from the middle of the year on."""
    late = frame["arrival"] > 4380
    taxi = frame["vehicle_class"] == "mototaxi"
    return frame.assign(battery_kwh=frame["battery_kwh"].where(~late, np.where(taxi, 3.5, 10.0)))


def _unknown_soc(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    frame.loc[rng.choice(len(frame), 40, replace=False), "arrival_soc"] = np.nan
    return frame


def _profile(change: Change) -> Injection:
    """A profile that holds what the sessions need, at most a socket's power each hour, then changed."""

    def inject(year: QualityContext, rng: np.random.Generator) -> QualityContext:
        ev, sessions = year.settings.ev, year.frames["sessions"]
        need = (sessions["required_soc"] - sessions["arrival_soc"]) * sessions["battery_kwh"] / ev.charger_efficiency
        left, charger = need.to_numpy(), sessions["socket"].to_numpy() // ev.sockets_per_charger
        energy = np.zeros((8760, ev.chargers))
        for hour in range(4):
            part = np.minimum(left, ev.socket_kw)
            np.add.at(energy, (sessions["arrival"].to_numpy() + hour, charger), part)
            left = left - part
        columns = {f"charger_{number + 1:02d}": energy[:, number] for number in range(ev.chargers)}
        frame = pd.DataFrame({"timestamp": year.frames["mall"]["timestamp"], **columns})
        year = _config("ev", source="profile", file=Path("profile.csv"))(year, rng)
        return QualityContext(year.settings, {**year.frames, "ev_profile": change(frame, rng)})

    return inject


def _of_chargers(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def whole(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        return pd.concat([frame[["timestamp"]], change(frame.drop(columns="timestamp"))], axis=1)

    return whole


def _days_in_one_hour(chargers: pd.DataFrame) -> pd.DataFrame:
    days = chargers.to_numpy().reshape(365, 24, -1).sum(axis=1)
    values = np.zeros((365, 24, chargers.shape[1]))
    values[:, 0, :] = days
    return pd.DataFrame(values.reshape(8760, -1), columns=chargers.columns)


def _mean_charger(chargers: pd.DataFrame) -> pd.DataFrame:
    mean = chargers.mean(axis=1)
    return pd.DataFrame(dict.fromkeys(chargers.columns, mean))


def _one_credited(chargers: pd.DataFrame) -> pd.DataFrame:
    """One meter that counts in the other direction."""
    return chargers.assign(charger_17=-chargers["charger_17"])


def _autumn_lost(chargers: pd.DataFrame) -> pd.DataFrame:
    """A profile exported anew that ends in September; the sessions are of the old one."""
    return chargers.mul(np.arange(8760) < 6552, axis=0)


BLIND_FAULTS: tuple[BlindFault, ...] = (
    # Light
    BlindFault(
        "irradiance under a summer clock from April to October",
        "the logger changes to summer time and back",
        ("solar.time_shift",),
        _frame("weather", _rolled(1, 4, 10, *LIGHT)),
    ),
    BlindFault(
        "irradiance three hours late from July on",
        "a logger replaced in July whose clock was never set",
        ("solar.time_shift", "solar.night"),
        _frame("weather", _rolled(3, 7, 12, *LIGHT)),
    ),
    BlindFault(
        "irradiance of a place 45 degrees further east",
        "another grid cell downloaded",
        ("solar.time_shift",),
        _weather_from_the_east,
    ),
    BlindFault(
        "irradiance of a month in kJ/m2",
        "one monthly file exported in kJ/m2",
        ("solar.clean_sky_day", "solar.physical_limit"),
        _frame("weather", _scaled_month(3.6, *LIGHT)),
    ),
    BlindFault(
        "irradiance of a week ten times too large",
        "decimal comma lost in one weekly file",
        ("solar.clean_sky_day", "solar.physical_limit"),
        _frame("weather", _comma_lost_light),
    ),
    BlindFault(
        "DNI in kW/m2 from July on",
        "the pyrheliometer's channel scaled anew",
        ("solar.closure",),
        _frame("weather", _scaled(DNI, 0.001, "07-01")),
    ),
    BlindFault(
        "DNI and DHI exchanged", "two columns swapped", ("solar.closure",), _frame("weather", _exchanged(DNI, DHI))
    ),
    BlindFault(
        "GHI and DHI exchanged", "two columns swapped", ("solar.closure",), _frame("weather", _exchanged(GHI, DHI))
    ),
    BlindFault(
        "GHI and DNI exchanged for four months",
        "two columns swapped in a third of the files",
        ("solar.closure",),
        _frame("weather", _exchanged(GHI, DNI, 3, 6)),
    ),
    BlindFault(
        "GHI of a week interpolated",
        "a gap filled by a line from noon to noon",
        ("solar.night",),
        _frame("weather", _noon_line(GHI, 7)),
    ),
    BlindFault(
        "GHI a daily mean",
        "a daily file stretched to hours",
        ("solar.night",),
        _frame("weather", _mean_of("day", GHI)),
    ),
    BlindFault(
        "GHI zero on the mornings of two months",
        "a gap written as zeros",
        ("solar.mostly_zero",),
        _frame("weather", _dark_mornings(GHI)),
    ),
    BlindFault(
        "PV zero on the mornings of two months",
        "a gap written as zeros",
        ("solar.mostly_zero",),
        _frame("pv", _dark_mornings(PV)),
    ),
    BlindFault(
        "ten days of light filled with the month's mean day",
        "a gap filled with a typical day",
        ("solar.repeated_day",),
        _frame("weather", _mean_day_of_month(*LIGHT)),
    ),
    BlindFault(
        "a fortnight of PV copied from four weeks before",
        "a gap filled with a copy",
        ("solar.repeated_day",),
        _frame("pv", _fortnight_moved(PV)),
    ),
    BlindFault(
        "GHI of a sensor that follows the sun",
        "irradiance of a tracked plane in the place of the horizontal one",
        ("solar.clean_sky_day", "solar.closure"),
        _tracked,
    ),
    BlindFault(
        "GHI stops at 250 W/m2",
        "the logger's channel saturates",
        ("solar.flat_line",),
        _frame("weather", _limited(GHI, 250.0)),
    ),
    BlindFault(
        "PV stops at a quarter of the rating",
        "the meter's channel saturates",
        ("solar.flat_line",),
        _frame("pv", _limited(PV, 800.3)),
    ),
    BlindFault(
        "GHI below zero at night",
        "a pyranometer's night offset",
        ("values.negative",),
        _frame("weather", _night_offset),
    ),
    BlindFault(
        "DNI empty at night",
        "a tracker that writes nothing without sun",
        ("values.finite",),
        _frame("weather", _empty_nights),
    ),
    # Generation
    BlindFault("PV of another latitude", "the sister plant's file", ("pv.energy_balance",), _pv_of_other_latitude),
    BlindFault("PV of another year", "generation and weather of two years", ("pv.energy_balance",), _pv_of_other_year),
    BlindFault(
        "weather from July to June read as January to December",
        "a hydrological year",
        ("pv.energy_balance",),
        _frame("weather", _rolled(4380, 1, 12, *LIGHT)),
    ),
    BlindFault(
        "day and month exchanged in the weather",
        "dates read month first, then sorted",
        ("pv.energy_balance", "time.order"),
        _frame("weather", _day_and_month),
    ),
    BlindFault(
        "PV under a summer clock from April to October",
        "the meter changes to summer time and back",
        ("pv.time_shift",),
        _frame("pv", _rolled(1, 4, 10, PV)),
    ),
    BlindFault("PV is DC power", "the strings' meters in the place of AC", ("pv.above_rating",), _dc_power),
    BlindFault(
        "PV of a month in MWh",
        "one monthly report in MWh",
        ("solar.zero_month", "pv.zero_day", "solar.mostly_zero"),
        _frame("pv", _scaled_month(0.001, PV)),
    ),
    BlindFault(
        "PV of a month doubled",
        "rows doubled by a merge and summed by hour",
        ("pv.energy_balance", "pv.above_rating"),
        _frame("pv", _scaled_month(2.0, PV)),
    ),
    BlindFault(
        "PV a meter's reading",
        "the counter exported in the place of its hourly difference",
        ("pv.above_rating", "solar.night"),
        _frame("pv", lambda f, _: f.assign(pv_kwh=f[PV].cumsum())),
    ),
    BlindFault(
        "PV a number times GHI up to the rating", "computed in a spreadsheet", ("pv.multiple",), _computed_pv(1)
    ),
    BlindFault("PV computed from July on", "half a year made up from GHI", ("pv.multiple",), _computed_pv(7)),
    BlindFault("PV smoothed over seven hours", "a moving mean against gaps", ("solar.night",), _frame("pv", _smoothed)),
    BlindFault(
        "PV with an offset of 50 kW",
        "a transducer's zero point",
        ("solar.night",),
        _frame("pv", lambda f, _: f.assign(pv_kwh=(f[PV] + 50.0).clip(upper=3201.2))),
    ),
    BlindFault("AC rating in MW", "3.2 MW typed where kW are meant", ("pv.dc_ac_ratio",), _config("pv", ac_kw=3.2012)),
    # Air
    BlindFault(
        "temperature in Fahrenheit",
        "an American station",
        ("weather.range",),
        _frame("weather", lambda f, _: f.assign(temp_air_c=f["temp_air_c"] * 1.8 + 32)),
    ),
    BlindFault(
        "temperature a monthly mean",
        "a climate table stretched to hours",
        ("weather.flat_line",),
        _frame("weather", _mean_of("month", "temp_air_c")),
    ),
    BlindFault(
        "wind an eastward component",
        "u in the place of the speed",
        ("weather.negative_wind", "weather.range"),
        _frame("weather", _signed_wind),
    ),
    BlindFault("humidity a ratio", "0.85 where 85 % is meant", ("weather.range",), _frame("weather", _humidity_ratio)),
    # Time and structure
    BlindFault(
        "an hour lost in March and doubled in October",
        "a summer clock on the stamps; the number of rows is right",
        ("time.gaps", "time.duplicates"),
        _frame("mall", _summer_clock_lost),
    ),
    BlindFault(
        "a 12 hour clock", "am and pm lost", ("time.duplicates", "time.gaps"), _frame("mall", _twelve_hour_clock)
    ),
    BlindFault("a leap year cut at 8,760 rows", "2024 exported", ("time.calendar",), _frames(_leap_year)),
    BlindFault("stamps at the middle of the hour", "means of the hour", ("time.step",), _frames(_restamped("30min"))),
    BlindFault(
        "stamps at the end of the hour",
        "1:00 to 24:00 in all files",
        ("time.calendar", "solar.time_shift"),
        _frames(_restamped("1h")),
    ),
    BlindFault(
        "newest row first",
        "an export in falling order",
        ("time.order",),
        _frame("pv", lambda f, _: f.iloc[::-1]),
    ),
    BlindFault(
        "two years in one file",
        "last year's rows above this year's",
        ("time.length",),
        _frame("pv", lambda f, _: pd.concat([f.assign(timestamp=f["timestamp"] - pd.Timedelta("8760h")), f])),
    ),
    BlindFault(
        "demand with decimal commas", "numbers left as text", ("structure.contract",), _frame("mall", _comma_text)
    ),
    BlindFault(
        "a column of row numbers",
        "an index saved with the table",
        ("structure.contract",),
        _frame("mall", lambda f, _: f.assign(row=np.arange(len(f), dtype=float))),
    ),
    # Demand
    BlindFault(
        "mall in universal time from July on",
        "a meter replaced in July whose clock is five hours ahead",
        ("mall.time_shift",),
        _frame("mall", _rolled(5, 7, 12, MALL)),
    ),
    BlindFault(
        "mall a monthly mean",
        "monthly bills divided by their hours",
        ("mall.constant", "mall.flat_line"),
        _frame("mall", _mean_of("month", MALL)),
    ),
    BlindFault(
        "mall a typical week", "one week repeated over the year", ("mall.repeated_day",), _frame("mall", _typical_week)
    ),
    BlindFault(
        "mall zero while closed",
        "closed hours taken for hours without demand",
        ("mall.outage",),
        _frame("mall", _closed_is_zero),
    ),
    BlindFault(
        "mall in MWh from October on",
        "the last quarter's report in MWh",
        ("energy.mall_declared",),
        _frame("mall", _scaled(MALL, 0.001, "10-01")),
    ),
    BlindFault(
        "three weeks of demand ten times too large",
        "decimal comma lost",
        ("energy.mall_declared",),
        _frame("mall", _comma_lost),
    ),
    BlindFault(
        "mall energies of half hours",
        "every second half hour dropped",
        ("energy.mall_declared",),
        _frame("mall", _scaled(MALL, 0.5)),
    ),
    BlindFault(
        "mall with its vehicles",
        "the meter stands before the chargers",
        ("energy.mall_declared",),
        lambda year, _: year.with_frame(
            "mall",
            year.frames["mall"].assign(mall_kwh=year.values("mall", MALL) + year.settings.ev.declared_kwh / 8760),
        ),
    ),
    # Vehicles
    BlindFault("sessions twice", "two exports joined, names made anew", ("sessions.overlap",), _sessions(_twins)),
    BlindFault(
        "a week of sessions pasted again", "rows pasted, renamed", ("sessions.overlap",), _sessions(_pasted_again)
    ),
    BlindFault(
        "required SOC of mototaxis in percent",
        "90 for one class, 0.9 for the other",
        ("sessions.soc",),
        _sessions(_percent_of_class("required_soc")),
    ),
    BlindFault(
        "arrival SOC divided by a hundred twice",
        "0.0035 where 0.35 is meant",
        ("energy.ev_declared",),
        _sessions(lambda f, _: f.assign(arrival_soc=f["arrival_soc"] / 100)),
    ),
    BlindFault("some arrival SOC unknown", "empty cells", ("values.finite",), _sessions(_unknown_soc)),
    BlindFault(
        "arrival and departure exchanged at a socket",
        "columns swapped in one file",
        ("sessions.window",),
        _sessions(_exchanged_hours),
    ),
    BlindFault("sessions in quarter hours", "steps of 15 minutes", ("sessions.window",), _sessions(_times_of(4))),
    BlindFault(
        "sessions in hours since 1970", "Unix time in hours", ("sessions.window",), _sessions(_times_of(1, 482_136))
    ),
    BlindFault(
        "departures of a socket not recorded",
        "each session lasts until the next",
        ("sessions.never_away",),
        _sessions(_until_the_next),
    ),
    BlindFault("vehicle classes exchanged", "a wrong legend", ("sessions.socket",), _sessions(_other_class)),
    BlindFault(
        "sockets counted from 1",
        "1 to 128",
        ("sessions.socket",),
        _sessions(lambda f, _: f.assign(socket=f["socket"] + 1)),
    ),
    BlindFault(
        "sockets counted from the other end",
        "mototaxis first",
        ("sessions.socket",),
        _sessions(lambda f, _: f.assign(socket=127 - f["socket"])),
    ),
    BlindFault(
        "battery capacities of the classes exchanged from July on",
        "a wrong legend in half of the year",
        ("sessions.battery",),
        _sessions(_other_battery),
    ),
    BlindFault(
        "sessions of the last quarter missing",
        "three months not exported",
        ("energy.ev_declared",),
        _sessions(lambda f, _: f[f["arrival"] < 6552]),
    ),
    BlindFault("socket power a tenth", "0.35 kW typed for 3.5", ("sessions.feasible",), _config("ev", socket_kw=0.35)),
    BlindFault(
        "charger profile in Wh", "Wh for kWh", ("ev.profile_rating",), _profile(_of_chargers(lambda c: c * 1000))
    ),
    BlindFault(
        "charger profile of daily energies",
        "a day's energy in its first hour",
        ("ev.profile_rating",),
        _profile(_of_chargers(_days_in_one_hour)),
    ),
    BlindFault(
        "one profile divided by the number of chargers",
        "a site's meter shared out evenly",
        ("ev.profile_copied",),
        _profile(_of_chargers(_mean_charger)),
    ),
    BlindFault(
        "a charger's meter counts backwards",
        "wired the other way",
        ("values.negative",),
        _profile(_of_chargers(_one_credited)),
    ),
    BlindFault(
        "profile ends in September, sessions do not",
        "profile and sessions of two exports",
        ("energy.ev_conserved",),
        _profile(_of_chargers(_autumn_lost)),
    ),
    # Configuration
    BlindFault(
        "battery capacity in Wh", "4,520,000 typed for 4,520", ("bess.c_rate",), _config("bess", capacity_kwh=4.52e6)
    ),
    BlindFault(
        "battery efficiency divided by a hundred",
        "a ratio taken for percent",
        ("bess.efficiency",),
        _config("bess", efficiency=0.009),
    ),
    BlindFault(
        "battery efficiency of a half",
        "one loss counted many times",
        ("bess.efficiency",),
        _config("bess", efficiency=0.45),
    ),
    BlindFault("carbon in tonnes", "t per kWh", ("carbon.range",), _config("grid", carbon_kg_per_kwh=0.000_452_1)),
    BlindFault("carbon zero", "never filled in", ("carbon.range",), _config("grid", carbon_kg_per_kwh=0.0)),
    BlindFault(
        "feed-in between base and peak price",
        "the peak price compared alone",
        ("tariff.feed_in",),
        _config("tariff", feed_in_price=0.35),
    ),
)
