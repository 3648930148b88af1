"""The shape of a day: air that warms after the sun, spikes that no mall has, generation cut off at a foreign limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.sun import FloatArray
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rule import rule
from schemas.frames import MALL, PV, WEATHER

WARMEST_AFTER_SUN_H = (0.0, 6.0)
"""How long after the sun's highest the mean day's first harmonic of the air temperature peaks [h]."""

LEAST_SWING_K = 0.5
"""Half of the mean day's swing of temperature below which it has no daily course to judge [K]."""

SPIKE_FACTOR = 3.0
"""A spike is this many times the greatest of the hours beside it and of the same hour a day away."""

CUT_HOURS = 24
CUT_SHARE = 0.98
"""An upper end below this share of the AC rating is not the inverters' [1]."""


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
    fix="have the hours exported again from the meter",
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
