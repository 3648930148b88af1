"""Patterns that no measurement has: stuck sensors, air that is warm by night, spikes, foreign limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import BoolArray, FloatArray
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.solar import greatest
from schemas.frames import MALL, PV, WEATHER

FLAT_DAYLIGHT_H = 6
FLAT_MALL_H = 24
FLAT_AIR_H = 48

INVERTER_SHARE = 0.5
"""Share of the AC rating below which a plant's highest output is no inverter's limit [1]."""

MULTIPLE_SPREAD = 0.003
"""Spread of the ratio of generation to irradiance below which it is one number [1]; temperature moves it by 3 %."""

MULTIPLE_HOURS = 60
"""Hours of light in a month that its ratio is judged by."""

WARMEST_AFTER_SUN_H = (0.0, 6.0)
"""How long after the sun's highest the mean day's first harmonic of the air temperature peaks [h]."""

LEAST_SWING_K = 0.5
"""Half of the mean day's swing of temperature below which it has no daily course to judge [K]."""

SPIKE_FACTOR = 3.0
"""A spike is this many times the greatest of the hours beside it and of the same hour a day away."""

CUT_HOURS = 24
CUT_SHARE = 0.98
"""An upper end below this share of the AC rating is not the inverters' [1]."""


def flat_runs(values: FloatArray, judged: BoolArray, least: int) -> Hours:
    """Rows in runs of at least `least` equal values among the rows judged, shape (n,)."""
    same = np.zeros(values.size, dtype=bool)
    same[1:] = (values[1:] == values[:-1]) & judged[1:] & judged[:-1]
    run = np.cumsum(~same)
    counts = np.bincount(run, minlength=int(run[-1]) + 1)
    return np.flatnonzero((counts[run] >= least) & judged)


def at_the_inverters_limit(context: QualityContext, pv: FloatArray) -> BoolArray:
    """Hours in which a plant gives as much as ever, and that may be its inverters' limit, shape (N,)."""
    top = greatest(pv)
    return (pv >= 0.999 * top) & (top >= INVERTER_SHARE * context.settings.pv.ac_kw)


def _flat(context: QualityContext, series: str, column: str, judged: BoolArray, least: int) -> Iterator[Violation]:
    values = context.values(series, column)
    rows = flat_runs(values, judged, least)
    if rows.size:
        yield Violation(
            series,
            column,
            f"{rows.size} hours in runs of {least} or more equal values, e.g. {values[rows[0]]:.6g}",
            f"runs shorter than {least} h",
            f"the values stand still for {rows.size} hours",
            hours=rows,
        )


@rule(
    "solar.flat_line",
    "error",
    "light and generation move with the sun",
    looks_at=(WEATHER, PV),
    rationale="The sun moves by 15 deg an hour: under any sky irradiance changes within 6 hours of daylight. "
    "Generation may stand still at the inverter's limit only.",
    reference=f"solar position; equal values for {FLAT_DAYLIGHT_H} hours",
    cause="a stuck sensor or logger, or gaps filled with the last value or a mean",
    fix="have the hours exported again from another sensor, or declare a fill from weather data (`fills`)",
    waivable=False,
)
def solar_flat(context: QualityContext) -> Iterator[Violation]:
    """Find equal values over many hours of daylight."""
    if WEATHER in context.frames:
        ghi = context.values(WEATHER, "ghi_w_m2")
        yield from _flat(context, WEATHER, "ghi_w_m2", (context.sun(WEATHER).lowest > 0) & (ghi > 0), FLAT_DAYLIGHT_H)
    if PV in context.frames:
        pv = context.values(PV, "pv_kwh")
        moving = (context.sun(PV).lowest > 0) & (pv > 0) & ~at_the_inverters_limit(context, pv)
        yield from _flat(context, PV, "pv_kwh", moving, FLAT_DAYLIGHT_H)


@rule(
    "mall.flat_line",
    "warning",
    "demand moves",
    looks_at=(MALL,),
    rationale="No mall draws the same energy in every hour of a day.",
    reference=f"equal values for {FLAT_MALL_H} hours",
    cause="a meter that stood still, or gaps filled with the last value or a mean",
    fix="have the hours exported again from the meter, or declare the fill (`fills`)",
)
def mall_flat(context: QualityContext) -> Iterator[Violation]:
    """Find equal demand over whole days."""
    yield from _flat(context, MALL, "mall_kwh", context.values(MALL, "mall_kwh") > 0, FLAT_MALL_H)


@rule(
    "weather.flat_line",
    "warning",
    "air temperature moves",
    looks_at=(WEATHER,),
    rationale="Air temperature has a daily course; the same value for two days is a stuck sensor.",
    reference=f"equal values for {FLAT_AIR_H} hours",
    cause="a stuck sensor, or one value written for the whole year",
    fix="export the temperature of another sensor",
)
def air_flat(context: QualityContext) -> Iterator[Violation]:
    """Find temperatures that stand still."""
    everywhere = np.ones(len(context.frames[WEATHER]), dtype=bool)
    yield from _flat(context, WEATHER, "temp_air_c", everywhere, FLAT_AIR_H)


@rule(
    "pv.multiple",
    "warning",
    "generation is more than irradiance times a number",
    looks_at=(PV, WEATHER),
    rationale="Temperature, angle of incidence, wind and inverter move the ratio of generation to global irradiance by "
    "several percent; a constant ratio, or one that is a straight line of the air temperature, means that the "
    "generation was computed in a spreadsheet, not measured or modelled.",
    reference="IEC 61724-1; temperature coefficient of crystalline silicon -0.37 %/K",
    cause="a column computed in a spreadsheet from irradiance",
    fix="use metered generation, or model it: `pv.source: model`",
    joint=True,
)
def pv_multiple(context: QualityContext) -> Iterator[Violation]:
    """Compare the spread of the ratio of generation to global irradiance, below the inverter's limit."""
    if not context.shares_axis(PV, WEATHER):
        return
    pv, ghi = context.values(PV, "pv_kwh"), context.values(WEATHER, "ghi_w_m2")
    air = context.values(WEATHER, "temp_air_c")
    judged = (ghi > 100.0) & (pv > 0) & (pv < 0.99 * greatest(pv))
    months = context.local_months(PV)
    every = [(month, np.flatnonzero(judged & (months == month))) for month in np.unique(months)]
    for what, number_of in (("", _ratio), (" and a straight line of the air temperature", _ratio_by_temperature)):
        computed = [month for month, rows in every if _one_number(number_of(pv[rows], ghi[rows], air[rows]))]
        if computed:
            rows = np.flatnonzero(judged & np.isin(months, computed))
            middle = float(np.median(pv[rows] / ghi[rows]))
            yield Violation(
                PV,
                "pv_kwh",
                f"ratio {middle:.6g} kWh per W/m2{what}, its spread below {MULTIPLE_SPREAD:.1%} in {len(computed)} "
                "months",
                f"a spread of at least {MULTIPLE_SPREAD:.1%} between the 5th and the 95th percentile in each month",
                f"the generation is {middle:.6g} times the global irradiance{what} in nine of ten hours of "
                f"{len(computed)} months",
                hours=rows,
            )
            return


def _ratio(pv: FloatArray, ghi: FloatArray, _: FloatArray) -> FloatArray:
    ratio: FloatArray = pv / ghi
    return ratio


def _ratio_by_temperature(pv: FloatArray, ghi: FloatArray, air: FloatArray) -> FloatArray:
    """Ratio of generation to irradiance without its straight line of the air temperature."""
    ratio = _ratio(pv, ghi, air)
    if ratio.size < 2 or not np.isfinite(air).all() or float(air.std()) == 0.0:
        return ratio
    off = air - air.mean()
    without: FloatArray = ratio - off * float((ratio * off).sum() / (off * off).sum())
    return without


def _one_number(ratio: FloatArray) -> bool:
    """Whether a ratio is one and the same among the hours judged."""
    if ratio.size < MULTIPLE_HOURS:
        return False
    low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
    return bool(high - low < MULTIPLE_SPREAD * middle)


def _peak_hour(hours: FloatArray, values: FloatArray) -> tuple[float, float]:
    """Hour of day at which the first daily harmonic peaks, and its amplitude."""
    wave = np.exp(2j * np.pi * hours / 24.0) @ (values - values.mean()) * 2.0 / values.size
    return float(np.angle(wave) / (2.0 * np.pi) * 24.0) % 24.0, float(np.abs(wave))


@rule(
    "weather.temperature_course",
    "warning",
    "the air is warmest after the sun's highest",
    looks_at=(WEATHER,),
    rationale="The air near the ground warms until some hours after noon: the daily wave of its temperature peaks "
    "within 6 hours after that of the sun. It sets the temperature of the modules, and with it their yield.",
    reference="Stull (2017), Practical Meteorology, section 3.6, daily temperature cycle",
    cause="stamps in universal time, morning and afternoon exchanged (a 12 hour clock misread), or made-up values",
    fix="stamp rows in local time; where only the temperature is wrong, export it again from its source",
)
def temperature_course(context: QualityContext) -> Iterator[Violation]:
    """Compare the daily wave of the air temperature with that of the sun."""
    values = context.values(WEATHER, "temp_air_c")
    good = np.isfinite(values)
    if not good.any():
        return  # values.finite says it
    hours = context.stamps(WEATHER).hour.to_numpy().astype(np.float64)
    warm, swing = _peak_hour(hours[good], values[good])
    noon, _ = _peak_hour(hours, context.sun(WEATHER).horizontal)
    late = (warm - noon + 12.0) % 24.0 - 12.0
    low, high = WARMEST_AFTER_SUN_H
    if swing >= LEAST_SWING_K and not low <= late <= high:
        yield Violation(
            WEATHER,
            "temp_air_c",
            f"warmest around {warm:.1f} h, the sun highest around {noon:.1f} h",
            f"warmest {low:g} to {high:g} h after the sun's highest",
            f"the air is warmest {abs(late):.1f} h {'after' if late > 0 else 'before'} the sun's highest",
        )


@rule(
    "mall.spike",
    "warning",
    "no hour of demand out of all proportion",
    looks_at=(MALL,),
    rationale="A mall's demand of one hour is never three times the greatest of the hours beside it and of the same "
    "hour of the days beside it.",
    reference="ASHRAE Guideline 14, variation of hourly demand",
    cause="a meter's counter that jumped, energy of several hours written into one, or a slip of the decimal point",
    fix="have the hours exported again from the meter, or declare the fill (`fills`)",
)
def mall_spike(context: QualityContext) -> Iterator[Violation]:
    """Find hours far above all that is beside them."""
    values = np.nan_to_num(context.values(MALL, "mall_kwh"))
    if values.size < 49:
        return  # time.length says it
    beside = np.max([np.roll(values, lag) for lag in (-24, -1, 1, 24)], axis=0)
    spikes = np.flatnonzero((beside > 0) & (values > SPIKE_FACTOR * beside))
    if spikes.size:
        worst = spikes[np.argmax(values[spikes])]
        yield Violation(
            MALL,
            "mall_kwh",
            f"up to {values[worst]:.6g} kWh where at most {beside[worst]:.6g} kWh are beside it",
            f"{SPIKE_FACTOR:g} times the greatest of the hours beside it and of the same hour a day away",
            f"{spikes.size} hours are out of all proportion, the greatest with {values[worst]:.6g} kWh",
            hours=spikes,
        )


@rule(
    "pv.cut_off",
    "warning",
    "generation is cut off at the AC rating only",
    looks_at=(PV,),
    rationale="Inverters cut the generation off at their rating: many hours at one upper end below it belong to "
    "inverters of another size, or to a limit of the grid that the model of the plant does not know.",
    reference="IEC 61724-1; power limitation of inverters",
    cause="generation simulated for another plant, a curtailment, or `pv.ac_kw` of another design",
    fix="set `pv.ac_kw` to the rating of the inverters, or use the generation of this plant",
)
def cut_off(context: QualityContext) -> Iterator[Violation]:
    """Find many hours at one upper end that is not the rating."""
    values, rating = context.values(PV, "pv_kwh"), context.settings.pv.ac_kw
    top = float(np.nanmax(values, initial=0.0))
    at_top = np.flatnonzero(values >= top * (1.0 - 1e-4))
    if top > 0.0 and top < CUT_SHARE * rating and at_top.size >= CUT_HOURS:
        yield Violation(
            PV,
            "pv_kwh",
            f"{at_top.size} hours at {top:.6g} kW, none above",
            f"{rating:g} kW (`pv.ac_kw`)",
            f"the generation is cut off at {top:.6g} kW in {at_top.size} hours, the inverters' rating is {rating:g} kW",
            hours=at_top,
        )
