"""Values: no missing or infinite numbers, and none below zero where nothing can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import EV_PROFILE, MALL, PV, SESSIONS, WEATHER

SESSION_NUMBERS = ("battery_kwh", "arrival_soc", "required_soc")
ELSEWHERE = ("temp_air_c", "wind_speed_m_s")
"""Columns with limits of their own in `weather.range`."""


@rule(
    "values.finite",
    "error",
    "no missing and no infinite number",
    looks_at=(WEATHER, PV, MALL, EV_PROFILE, SESSIONS),
    rationale="A gap filled in silently is how a missing solar file became a year of zeros. Nothing is filled in but "
    "what `fills` declares.",
    reference="docs/design.md, Stages: no stage ever invents data",
    cause="empty cells, or text such as `NaN`, `n/a`, `#DIV/0!` or `inf` in the file",
    fix="have the hours exported again; what was not measured is filled by a declared fill (`fills`: hours, source and "
    "reason), or the cells are mended in the source",
    waivable=False,
)
def finite(context: QualityContext) -> Iterator[Violation]:
    """Find NaN and infinity."""
    for series in context.frames:
        for column in SESSION_NUMBERS if series == SESSIONS else context.columns(series):
            values = context.values(series, column)
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size:
                infinite = int(np.isinf(values).sum())
                seen = f"{bad.size - infinite} missing, {infinite} infinite"
                yield Violation(
                    series,
                    column,
                    f"{seen} of {values.size} values",
                    "a finite number in every row",
                    f"{bad.size} of {values.size} values are no finite number ({seen})",
                    hours=bad,
                )


@rule(
    "values.negative",
    "error",
    "no negative irradiance or energy",
    looks_at=(WEATHER, PV, MALL, EV_PROFILE),
    rationale="Irradiance, generation, demand and charging energy are magnitudes: the least they can be is zero.",
    reference="Long and Shi (2008), doi:10.2174/1874282300802010023, lower physical limits",
    cause="a meter that counts in the other direction, a pyranometer's night offset, or a code such as -999 for "
    "missing values",
    fix="export generation and demand as positive energies; remove codes for missing values in the source",
    waivable=False,
)
def negative(context: QualityContext) -> Iterator[Violation]:
    """Find values below zero."""
    for series in context.hourly:
        for column in context.columns(series):
            if column in ELSEWHERE:
                continue
            values = context.values(series, column)
            below = np.flatnonzero(values < 0.0)
            if below.size:
                yield Violation(
                    series,
                    column,
                    f"least value {values[below].min():.6g}",
                    "0 or more",
                    f"{below.size} values are below zero, the least {values[below].min():.6g}",
                    hours=below,
                )
