"""Weather other than irradiance: physical ranges of what the air can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.solar import greatest
from schemas.frames import WEATHER

CALM_OFFSET_M_S = 0.5
"""How far below zero the offset of a calm anemometer, or interpolation between grid points, may go [m/s]."""

DRIEST_YEAR = 1.5
"""Relative humidity that every place on Earth exceeds within a year [%]."""

LIMITS = {
    "temp_air_c": (-60.0, 58.0, "deg C"),
    "wind_speed_m_s": (-CALM_OFFSET_M_S, 75.0, "m/s"),
    "relative_humidity": (0.0, 105.0, "%"),
}


@rule(
    "weather.range",
    "error",
    "temperature, wind and humidity within what air can be",
    looks_at=(WEATHER,),
    rationale="The record of air temperature near the ground is 56.7 deg C, hourly mean winds stay below 75 m/s, and "
    "sensors show at most some percent above saturation.",
    reference="WMO World Weather and Climate Extremes Archive",
    cause="another unit (kelvin, fahrenheit, km/h, ratio) or a code for missing values",
    fix="convert the column to deg C, m/s or % in the source",
    waivable=False,
)
def air_range(context: QualityContext) -> Iterator[Violation]:
    """Find values outside of `LIMITS`."""
    for column, (low, high, unit) in LIMITS.items():
        if column not in context.columns(WEATHER):
            continue
        values = context.values(WEATHER, column)
        outside = np.flatnonzero((values < low) | (values > high))
        if column == "relative_humidity" and 0.0 < greatest(values) <= DRIEST_YEAR:
            outside = np.arange(values.size)  # a ratio in the place of percent: each value alone could be dry air
        if outside.size:
            worst = values[outside][np.argmax(np.abs(values[outside]))]
            yield Violation(
                WEATHER,
                column,
                f"{values[outside].min():.5g} to {values[outside].max():.5g} {unit}",
                f"{low:g} to {high:g} {unit}",
                f"{outside.size} values are outside of {low:g} to {high:g} {unit}, the worst {worst:.5g}",
                hours=outside,
            )


@rule(
    "weather.negative_wind",
    "warning",
    "wind speed not below zero",
    looks_at=(WEATHER,),
    rationale="Wind speed is a magnitude. Values just below zero come from a sensor's offset or from interpolation and "
    "change the temperature of a module by less than 0.1 K, but no instrument measured them.",
    reference="WMO-No. 8, Guide to Instruments and Methods of Observation, chapter 5",
    cause="the offset of a calm anemometer, or interpolation of a weather model",
    fix="write 0 for calm in the source",
)
def negative_wind(context: QualityContext) -> Iterator[Violation]:
    """Find wind speeds just below zero; those far below are outside of `LIMITS`."""
    values = context.values(WEATHER, "wind_speed_m_s")
    below = np.flatnonzero((values < 0.0) & (values >= -CALM_OFFSET_M_S))
    if below.size:
        yield Violation(
            WEATHER,
            "wind_speed_m_s",
            f"least value {values[below].min():.3g} m/s",
            "0 m/s or more",
            f"{below.size} wind speeds are below zero, the least {values[below].min():.3g} m/s",
            hours=below,
        )
