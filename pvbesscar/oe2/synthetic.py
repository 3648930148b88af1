"""The synthetic default: weather, mall and sessions of a year, seeded, used only where `source: synthetic` says so.

Every series has a random stream of its own, so that a change of one leaves the others as they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib
from numpy.typing import NDArray

from pvbesscar.arithmetic import draws, functions
from pvbesscar.arithmetic.arrays import same_everywhere
from pvbesscar.oe2.calendar import day_types, declared_year
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.sessions import canonical_sessions, charge_limit_kwh, session_energy_kwh
from pvbesscar.oe2.weather import LINKE_TURBIDITY, clear_sky, day_of_year, sun
from schemas.errors import ConfigError
from schemas.results import SeriesProvenance
from schemas.settings import HOURS_PER_YEAR, EvSettings, Settings

FloatArray = NDArray[np.float64]

STREAMS = {"weather": 1, "mall": 2, "sessions": 3}
"""Second word of each series' seed; never renumber, or every synthetic year changes."""

WET_MONTHS = (11, 12, 1, 2, 3, 4, 5)

# Days are clear, partly cloudy or overcast. Chance of tomorrow's state (column) after today's (row), and the daily
# clear-sky index of each state: those of the weather measured at the site in 2024, terciles of its daily clear-sky
# index under the clear sky of this package (lag-1 correlation 0.32).
WET_CHAIN = np.array([[0.41, 0.31, 0.28], [0.21, 0.34, 0.45], [0.16, 0.34, 0.50]])
DRY_CHAIN = np.array([[0.62, 0.27, 0.11], [0.31, 0.37, 0.32], [0.39, 0.39, 0.22]])
STATE_INDEX = np.array([0.82, 0.68, 0.49])
STATE_SPREAD = np.array([0.05, 0.04, 0.10])
HOUR_SPREAD = np.array([0.11, 0.13, 0.16])
DAY_PERSISTENCE = 0.8  # of the spread within a state; brings the year near the measured lag-1 correlation
HOUR_PERSISTENCE = 0.52

DAYLIGHT = slice(6, 18)
"""Hours of the day in which the sun is up at the site all year."""

LEAST_CLEAR_SKY_INDEX = 0.05
"""Under the thickest cloud some diffuse light is left [1]."""

TEMPERATURE_LIMITS_C = (22.0, 33.0)
FULL_INDEX = 0.999
"""The clear-sky index stays below 1, so that no rounding lifts an hour above the clear sky."""

# Demand of the mall over the day, relative to its base load at night; opening hours add to it (see `mall_shape`).
NIGHT_BASE = 0.30
DAY_FACTORS = {"weekday": (0.92, 1.00), "Saturday": (1.05, 1.12), "Sunday": (1.02, 0.95), "holiday": (1.08, 1.02)}
"""Afternoon and evening level by kind of day."""

LEAST_ARRIVAL_SOC = 0.05
SOC_SHAPE = (2.2, 2.8)
"""Beta shape of the arrival SOC between `LEAST_ARRIVAL_SOC` and the required SOC less a tenth: mean near 0.38."""

EVENING_RATE = 2.0
"""Arrivals per hour in the evening peak over those of the afternoon."""


def random_stream(settings: Settings, series: str) -> np.random.Generator:
    """Random generator of one series: same seed, same stream, whatever the other series draw."""
    return np.random.default_rng(np.random.SeedSequence([settings.seed, STREAMS[series]]))


def synthetic_weather(settings: Settings) -> Series:
    """Weather of a synthetic year.

    Clear sky of the site, times a clear-sky index: a Markov chain over days (wet months November to May, dry months
    June to October), an autoregressive course within the day, and one exponent that brings the year to
    `weather.annual_ghi_kwh_m2` and leaves every hour below the clear sky. DNI and DHI by Erbs et al. (1982),
    doi:10.1016/0038-092X(82)90302-4, DNI at most the clear sky's, closed so that GHI = DHI + DNI cos(zenith).

    Returns
    -------
    Series
        8,760 rows of `timestamp`, GHI, DNI, DHI [W/m2], `temp_air_c` [C], `wind_speed_m_s` [m/s] and
        `relative_humidity` [%].

    Raises
    ------
    ConfigError
        The declared irradiation exceeds that of a year without clouds.
    """
    index = declared_year(settings.site, HOURS_PER_YEAR)
    rng = random_stream(settings, "weather")
    sky = clear_sky(index, settings.site)
    clear_ghi = sky["ghi"].to_numpy(np.float64)
    raw = _clear_sky_index(index, rng)
    clearness, exponent = _at_annual_ghi(raw, clear_ghi, settings)
    ghi = clearness * clear_ghi
    dni, dhi = _split(index, ghi, sky, settings)
    days = clearness.reshape(-1, 24)[:, DAYLIGHT].mean(axis=1)
    temperature = _temperature(days, index, rng)
    frame = pd.DataFrame(
        {
            "timestamp": index,
            "ghi_w_m2": ghi,
            "dni_w_m2": dni,
            "dhi_w_m2": dhi,
            "temp_air_c": temperature,
            "wind_speed_m_s": _wind(index, rng),
            "relative_humidity": _humidity(temperature, rng),
        }
    )
    return Series(
        frame,
        _synthetic(
            "weather",
            f"clear sky of the site (Ineichen, Linke turbidity {LINKE_TURBIDITY:g}): "
            f"{clear_ghi.sum() / 1e3:.1f} kWh/m2",
            "clouds: daily Markov chain with wet (November to May) and dry months, autoregressive within the day, "
            f"seed {settings.seed}",
            f"clear-sky index raised to the power {exponent:.4f}, which brings the year to "
            f"{ghi.sum() / 1e3:.3f} kWh/m2 (`weather.annual_ghi_kwh_m2`)",
            "DNI and DHI by the decomposition of Erbs, DNI at most that of the clear sky",
            "temperature, wind and humidity drawn with a daily course",
        ),
    )


def mall_shape(index: pd.DatetimeIndex, settings: Settings) -> FloatArray:
    """Relative demand of the mall without noise, shape (N,) [1]: night base, opening hours, afternoon and evening."""
    opens, closes = settings.mall.open_hours
    hour = index.hour.to_numpy(np.float64) + 0.5
    kinds = day_types(index, settings.site.holidays)
    names = np.array(["", *["weekday"] * 5, "Saturday", "Sunday", "holiday"])[kinds]
    afternoon = np.array([DAY_FACTORS[name][0] for name in names])
    evening = np.array([DAY_FACTORS[name][1] for name in names])
    # Doors open and close within an hour; cooling follows the afternoon's heat, lighting and visitors the evening.
    open_share = np.clip((hour - opens + 1.0) / 2.0, 0.0, 1.0) * np.clip((closes + 1.0 - hour) / 2.0, 0.0, 1.0)
    heat = functions.exp(-(((hour - 15.0) / 3.5) ** 2))
    visitors = functions.exp(-(((hour - 19.5) / 2.0) ** 2))
    shape: FloatArray = NIGHT_BASE + open_share * (0.35 + 0.28 * afternoon * heat + 0.30 * evening * visitors)
    return shape


def synthetic_mall(settings: Settings) -> Series:
    """Demand of the mall in a synthetic year, exactly `mall.declared_kwh` in sum.

    Returns
    -------
    Series
        `timestamp` and `mall_kwh` [kWh], 8,760 rows.
    """
    index = declared_year(settings.site, HOURS_PER_YEAR)
    rng = random_stream(settings, "mall")
    noise = 1.0 + np.clip(0.03 * draws.standard_normal(rng, index.size), -0.1, 0.1)
    daily = np.repeat(1.0 + np.clip(0.02 * draws.standard_normal(rng, index.size // 24), -0.06, 0.06), 24)
    raw = mall_shape(index, settings) * noise * daily
    demand = raw * (settings.mall.declared_kwh / raw.sum())
    opens, closes = settings.mall.open_hours
    return Series(
        pd.DataFrame({"timestamp": index, "mall_kwh": demand}),
        _synthetic(
            "mall",
            f"shapes of weekdays, Saturdays, Sundays and holidays, open {opens} to {closes} h",
            f"noise of 3 % by hour and 2 % by day, seed {settings.seed}",
            f"scaled to {settings.mall.declared_kwh:,.0f} kWh a year (`mall.declared_kwh`)",
        ),
    )


def synthetic_sessions(settings: Settings) -> Series:
    """Charging sessions of a synthetic year, exactly `ev.declared_kwh` at the charger in sum.

    Vehicles arrive at free sockets in the mall's open hours, most of them in the evening peak, and stay
    `ev.dwell_hours`. Every session can be met: its need is at most what the socket delivers in its stay.

    Returns
    -------
    Series
        Canonical sessions.

    Raises
    ------
    ConfigError
        The declared energy can not be charged in stays of that length.
    """
    ev, dwell = settings.ev, settings.ev.dwell_hours
    if dwell is None:  # settings guarantee it for this source; here for callers that build their own
        raise ConfigError("`ev.dwell_hours` is not set.", hint="set `ev.dwell_hours`.")
    rng = random_stream(settings, "sessions")
    index = declared_year(settings.site, HOURS_PER_YEAR)
    chance = rng.random((HOURS_PER_YEAR, ev.sockets))
    drawn = draws.beta(rng, *SOC_SHAPE, (HOURS_PER_YEAR, ev.sockets))
    wish, limit = _needs(drawn, ev, dwell)
    rate = _calibrated_rate(chance, wish, arrival_rate(index, settings), ev.declared_kwh, dwell)
    arrival, socket = np.nonzero(_arrivals(chance, rate, dwell))
    energy = _scaled_needs(wish[arrival, socket], limit[socket], ev, settings)
    frame = canonical_sessions(socket.astype(np.int64), arrival.astype(np.int64), arrival + dwell, energy, ev, "s")
    opens, closes = settings.mall.open_hours
    return Series(
        frame,
        _synthetic(
            "sessions",
            f"arrivals at free sockets from {opens} to {closes} h, most in the evening peak {ev.peak_hours[0]} to "
            f"{ev.peak_hours[1]} h, seed {settings.seed}",
            f"each vehicle stays `ev.dwell_hours` = {dwell} h",
            f"arrival SOCs drawn, then scaled so that the year needs {ev.declared_kwh:,.0f} kWh at the charger "
            "(`ev.declared_kwh`)",
        ),
    ).noting(
        f"{len(frame)} sessions need {session_energy_kwh(frame, ev).sum():.6f} kWh at the charger; mean arrival SOC "
        f"{frame['arrival_soc'].mean():.3f}",
        f"{int((frame['arrival'] % 24 + dwell > closes).sum())} sessions last past closing time ({closes} h)",
    )


def arrival_rate(index: pd.DatetimeIndex, settings: Settings) -> FloatArray:
    """Relative rate of arrivals at a free socket in each hour, shape (N,); zero while the mall is closed."""
    opens, closes = settings.mall.open_hours
    first, last = settings.ev.peak_hours
    hour = index.hour.to_numpy()
    rate = np.interp(hour, [opens, opens + 3, closes], [0.4, 1.0, 1.0])
    rate = np.where((hour >= first) & (hour < last), EVENING_RATE, rate)
    rate = np.where(hour >= last, 0.4, rate)
    busy = np.where(np.isin(day_types(index, settings.site.holidays), (6, 7, 8)), 1.1, 1.0)
    return np.where((hour >= opens) & (hour < closes), rate * busy, 0.0)


def _synthetic(series: str, *steps: str) -> SeriesProvenance:
    return SeriesProvenance(
        series=series, source="synthetic", reader=f"synthetic_{series}", file=None, sha256=None, transformations=steps
    )


def _clear_sky_index(index: pd.DatetimeIndex, rng: np.random.Generator) -> FloatArray:
    """Clear-sky index of each hour before it is brought to the yearly irradiation, shape (N,)."""
    months = index.month.to_numpy()[::24]
    states = _day_states(months, rng)
    daily = STATE_INDEX[states] + STATE_SPREAD[states] * _autoregressive(states.size, DAY_PERSISTENCE, rng)
    course = _autoregressive(index.size, HOUR_PERSISTENCE, rng).reshape(-1, 24)
    # The course within a day leaves the day's mean alone, or it would wash out the persistence from day to day.
    course = (course - course[:, DAYLIGHT].mean(axis=1, keepdims=True)) * HOUR_SPREAD[states][:, None]
    # Wet months: convective clouds grow through the afternoon.
    wet = np.repeat(np.isin(months, WET_MONTHS), 24)
    afternoon = np.where(wet, -0.05 * functions.tanh((index.hour.to_numpy() - 12.0) / 3.0), 0.0)
    hourly: FloatArray = np.repeat(daily, 24) + course.ravel() + afternoon
    return hourly.clip(LEAST_CLEAR_SKY_INDEX, FULL_INDEX)


def _day_states(months: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
    draws = rng.random(months.size)
    states = np.empty(months.size, dtype=np.int64)
    state = 1
    for day, month in enumerate(months):
        chain = WET_CHAIN if month in WET_MONTHS else DRY_CHAIN
        state = int(np.searchsorted(np.cumsum(chain[state])[:-1], draws[day], side="right"))
        states[day] = state
    return states


def _autoregressive(size: int, persistence: float, rng: np.random.Generator) -> FloatArray:
    """Stationary first-order autoregressive series of unit variance, shape (size,)."""
    shocks = draws.standard_normal(rng, size) * np.sqrt(1.0 - persistence * persistence)
    values = np.empty(size)
    last = float(draws.standard_normal(rng, 1)[0])
    for i, shock in enumerate(shocks):
        last = persistence * last + shock
        values[i] = last
    return values


def _at_annual_ghi(raw: FloatArray, clear_ghi: FloatArray, settings: Settings) -> tuple[FloatArray, float]:
    """Clear-sky index, as a power of `raw`, that gives the declared yearly irradiation."""
    target = settings.weather.annual_ghi_kwh_m2 * 1e3
    if target >= FULL_INDEX * clear_ghi.sum():
        raise ConfigError(
            f"`weather.annual_ghi_kwh_m2` = {target / 1e3:g} kWh/m2, but a year without a cloud gives "
            f"{clear_ghi.sum() / 1e3:.0f} kWh/m2 at the site.",
            hint="set `weather.annual_ghi_kwh_m2` below that, or correct `site.latitude` and `site.altitude_m`.",
        )
    # A power keeps 0 < index < 1: no hour is lifted above the clear sky, which a factor would do.
    low, high = 0.0, 1.0
    while (functions.power(raw, high) * clear_ghi).sum() > target:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (functions.power(raw, middle) * clear_ghi).sum() > target else (low, middle)
    return functions.power(raw, high), high


def _split(
    index: pd.DatetimeIndex, ghi: FloatArray, sky: pd.DataFrame, settings: Settings
) -> tuple[FloatArray, FloatArray]:
    """DNI and DHI of a GHI, closed with the cosine of the zenith."""
    zenith = same_everywhere(sun(index, settings.site)["apparent_zenith"])
    middle = pd.DatetimeIndex(index + pd.Timedelta(minutes=30))
    parts = pvlib.irradiance.erbs(same_everywhere(ghi), zenith, day_of_year(middle))
    dni = np.minimum(np.asarray(parts["dni"]), sky["dni"].to_numpy(np.float64))
    dni = np.where(ghi > 0.0, np.maximum(dni, 0.0), 0.0)
    return dni, ghi - dni * functions.cos(np.radians(np.asarray(zenith))).clip(min=0.0)


def _temperature(days: FloatArray, index: pd.DatetimeIndex, rng: np.random.Generator) -> FloatArray:
    """Air temperature [C]: coolest at 6 h, warmest at 14 h, warmer on clear days, within the site's range."""
    lowest = np.repeat(23.2 + 0.5 * draws.standard_normal(rng, days.size), 24)
    highest = np.repeat(27.0 + 5.5 * (days - 0.35) + 0.6 * draws.standard_normal(rng, days.size), 24)
    hour = index.hour.to_numpy() + 0.5
    rising = 0.5 - 0.5 * functions.cos(np.pi * (hour - 6.0) / 8.0)
    falling = 0.5 + 0.5 * functions.cos(np.pi * (((hour - 14.0) % 24.0) / 16.0))
    course = np.where((hour >= 6.0) & (hour < 14.0), rising, falling)
    noise = 0.2 * draws.standard_normal(rng, index.size)
    return np.clip(lowest + (highest - lowest) * course + noise, *TEMPERATURE_LIMITS_C)


def _wind(index: pd.DatetimeIndex, rng: np.random.Generator) -> FloatArray:
    """Wind speed [m/s]: light, lognormal, with some persistence."""
    hour = index.hour.to_numpy() + 0.5
    mean = 1.1 + 0.4 * functions.cos(2.0 * np.pi * (hour - 14.0) / 24.0)
    return mean * functions.exp(0.4 * _autoregressive(index.size, 0.7, rng) - 0.08)


def _humidity(temperature: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Relative humidity [%] from a dew point near 22 C; Magnus formula, Alduchov and Eskridge (1996)."""
    dew_point = 22.0 + 0.4 * np.repeat(draws.standard_normal(rng, temperature.size // 24), 24)

    def pressure(celsius: FloatArray) -> FloatArray:
        return functions.exp(17.625 * celsius / (243.04 + celsius))

    return np.clip(100.0 * pressure(dew_point) / pressure(temperature), 30.0, 100.0)


def _needs(draws: FloatArray, ev: EvSettings, dwell: int) -> tuple[FloatArray, FloatArray]:
    """Energy wished by whoever might arrive, shape (N, K), and the most a session may need, shape (K,) [kWh]."""
    battery = np.array([ev.battery_kwh(ev.vehicle_class(k)) for k in range(ev.sockets)])
    full = np.array([charge_limit_kwh(ev, k) for k in range(ev.sockets)])
    limit = np.minimum(full - LEAST_ARRIVAL_SOC * battery / ev.charger_efficiency, ev.socket_kw * dwell)
    soc = LEAST_ARRIVAL_SOC + draws * max(ev.required_soc - 0.1 - LEAST_ARRIVAL_SOC, 0.0)
    wish = (ev.required_soc - soc) * battery / ev.charger_efficiency
    return np.minimum(wish, limit), limit


def _arrivals(chance: FloatArray, rate: FloatArray, dwell: int) -> NDArray[np.bool_]:
    """Arrivals by hour and socket, shape (N, K): by chance, at free sockets, not past the end of the year."""
    arrivals = np.zeros(chance.shape, dtype=np.bool_)
    free_from = np.zeros(chance.shape[1], dtype=np.int64)
    for hour in np.flatnonzero(rate[: rate.size - dwell + 1]):
        here = (chance[hour] < rate[hour]) & (free_from <= hour)
        arrivals[hour] = here
        free_from[here] = hour + dwell
    return arrivals


def _calibrated_rate(chance: FloatArray, wish: FloatArray, shape: FloatArray, target: float, dwell: int) -> FloatArray:
    """Rates, proportional to `shape` and at most 1, at which the arrivals wish about `target` kWh."""
    low, high = 0.0, 1.0 / shape[shape > 0.0].min()
    for _ in range(14):
        middle = 0.5 * (low + high)
        wished = wish[_arrivals(chance, np.minimum(middle * shape, 1.0), dwell)].sum()
        low, high = (middle, high) if wished < target else (low, middle)
    rate: FloatArray = np.minimum(high * shape, 1.0)
    return rate


def _scaled_needs(wish: FloatArray, limit: FloatArray, ev: EvSettings, settings: Settings) -> FloatArray:
    """Needs of the sessions: wishes times one factor, none above its limit, `ev.declared_kwh` in sum [kWh]."""
    if limit.sum() < ev.declared_kwh:
        raise ConfigError(
            f"`ev.declared_kwh` = {ev.declared_kwh:,.0f} kWh can not be charged: with stays of `ev.dwell_hours` = "
            f"{ev.dwell_hours} h in the open hours {list(settings.mall.open_hours)}, {ev.sockets} sockets hold "
            f"{limit.size} sessions that take {limit.sum():,.0f} kWh at most.",
            hint="shorten `ev.dwell_hours`, or lower `ev.declared_kwh`.",
        )
    low, high = 0.0, 1.0
    while np.minimum(high * wish, limit).sum() < ev.declared_kwh:
        high *= 2.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(middle * wish, limit).sum() < ev.declared_kwh else (low, middle)
    return np.minimum(high * wish, limit)
