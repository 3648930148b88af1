"""Generation: no more than the plant's rating and no more than the sun gave."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.solar import DARK_DAY_CLEARNESS, DARK_PV_SHARE, greatest, sums_by
from schemas.frames import PV, WEATHER

RATING_SLACK = 0.005
"""Metering error above the AC rating [1]: class 0.5 meters, IEC 62053-22."""

PERFORMANCE_LIMITS = (0.40, 1.00)
"""Yearly performance ratio [1]; IEC 61724-1. Good plants reach 0.90 in cold places; none is above 1."""

YIELD_LIMIT_SHARE = 0.80
"""Specific yield over the extraterrestrial irradiation of a plane that tracks the sun [1]."""


@rule(
    "pv.above_rating",
    "error",
    "generation within the AC rating",
    looks_at=(PV,),
    rationale="Inverters limit AC power to their rating; the mean of an hour can not exceed it.",
    reference="IEC 61724-1; meter class 0.5, IEC 62053-22",
    cause="a wrong unit (W for kW), DC power in the place of AC, energy of another interval, or another plant's rating",
    fix="check `pv.unit` and `pv.column`, or set `pv.ac_kw` to the rating of the inverters",
    waivable=False,
)
def above_rating(context: QualityContext) -> Iterator[Violation]:
    """Find hours above the AC rating."""
    values = context.values(PV, "pv_kwh")
    limit = context.settings.pv.ac_kw * (1.0 + RATING_SLACK)
    above = np.flatnonzero(values > limit)
    if above.size:
        yield Violation(
            PV,
            "pv_kwh",
            f"up to {greatest(values):.6g} kWh in an hour",
            f"{context.settings.pv.ac_kw:g} kW (`pv.ac_kw`) and {RATING_SLACK:.1%} for the meter",
            f"{above.size} hours are above the AC rating, the greatest with {greatest(values):.6g} kWh",
            hours=above,
        )


@rule(
    "pv.zero_day",
    "warning",
    "generation on every day with light",
    looks_at=(PV,),
    rationale="A day with sun above 10 deg and no generation is an outage of the plant or of its meter.",
    reference="IEC 61724-1, availability",
    cause="the plant or its meter was off",
    fix="check the plant's log; if only the meter was off, declare a fill: `fills` with `series: pv` and "
    "`source: weather`",
)
def zero_day(context: QualityContext) -> Iterator[Violation]:
    """Find days without generation."""
    values, sun = context.values(PV, "pv_kwh"), context.sun(PV)
    if greatest(values) <= DARK_PV_SHARE * context.settings.pv.ac_kw:
        return  # solar.all_zero says it
    days = context.local_days(PV)
    extra, group = sums_by(days, sun.horizontal / 1000.0 * context.settings.pv.dc_kwp)
    total, _ = sums_by(days, np.nan_to_num(values))
    daylight, _ = sums_by(days, sun.day.astype(np.float64))
    dark = (daylight >= 3) & (total < DARK_DAY_CLEARNESS * extra)
    if dark.any():
        yield Violation(
            PV,
            "pv_kwh",
            f"{int(dark.sum())} days with at most {total[dark].max():.4g} kWh",
            f"at least {DARK_DAY_CLEARNESS:.1%} of what the light above the atmosphere would give",
            f"{int(dark.sum())} days are without generation",
            hours=np.flatnonzero(dark[group] & sun.day),
        )


@rule(
    "pv.yield",
    "error",
    "yearly yield possible at this latitude",
    looks_at=(PV,),
    rationale="A plant can not yield more per kWp than 80 % of the light above the atmosphere on a plane that always "
    "faces the sun, clouds and losses left out.",
    reference="IEC 61724-1, specific yield; solar constant 1,361 W/m2",
    cause="a wrong unit, energies of 15 minutes read as hours, or `pv.dc_kwp` of another plant",
    fix="check `pv.unit` and `pv.dc_kwp`",
    waivable=False,
)
def yearly_yield(context: QualityContext) -> Iterator[Violation]:
    """Compare the specific yield with the extraterrestrial light on a tracked plane."""
    sun = context.sun(PV)
    total = float(np.nan_to_num(context.values(PV, "pv_kwh")).sum())
    found = total / context.settings.pv.dc_kwp
    limit = YIELD_LIMIT_SHARE * float((sun.extra * (sun.highest > 0)).sum()) / 1000.0
    if found > limit:
        yield Violation(
            PV,
            "pv_kwh",
            f"{found:.0f} kWh/kWp",
            f"{limit:.0f} kWh/kWp",
            f"{total:.4g} kWh a year are {found:.0f} kWh/kWp, more than any plant at this latitude can yield",
        )


@rule(
    "pv.performance_ratio",
    "error",
    "no more energy than the sun gave",
    looks_at=(PV, WEATHER),
    rationale="The performance ratio, yield over the irradiation of the module plane, is at most 1 and, for a plant "
    "that runs, at least 0.4; the plane's irradiation is computed from GHI, DNI and DHI.",
    reference="IEC 61724-1; Hay and Davies (1980) transposition, doi:10.1016/j.solener.2006.03.009",
    cause="generation and weather of different places, DC for AC, a wrong unit, or a plant of another size",
    fix="check `pv.unit`, `pv.dc_kwp`, `pv.tilt_deg`, `pv.azimuth_deg` and the unit of the irradiance",
    waivable=False,
    joint=True,
)
def performance_ratio(context: QualityContext) -> Iterator[Violation]:
    """Compare the year's yield with the irradiation of the module plane."""
    if not context.shares_axis(PV, WEATHER):
        return
    light = float(context.plane_of_array.sum()) / 1000.0
    total = float(np.nan_to_num(context.values(PV, "pv_kwh")).sum())
    dark = greatest(context.values(PV, "pv_kwh")) <= DARK_PV_SHARE * context.settings.pv.ac_kw
    if light <= 0 or dark:
        return  # solar.all_zero says it
    ratio = total / context.settings.pv.dc_kwp / light
    low, high = PERFORMANCE_LIMITS
    if not low <= ratio <= high:
        yield Violation(
            PV,
            "pv_kwh",
            f"performance ratio {ratio:.3f}: {total / context.settings.pv.dc_kwp:.0f} kWh/kWp from {light:.0f} kWh/m2",
            f"{low:g} to {high:g}",
            f"the plant yields {ratio:.0%} of what the sun gave on its modules",
        )


@rule(
    "pv.energy_balance",
    "error",
    "no day with more energy than the sun gave",
    looks_at=(PV, WEATHER),
    rationale="On no day can a plant give more than its DC rating times the day's irradiation of the module plane; "
    "20 % are allowed for cold modules and for the model of the plane.",
    reference="IEC 61724-1",
    cause="generation shifted in time against the weather, or days with another unit",
    fix="check stamps and unit of the generation file against the weather file",
    waivable=False,
    joint=True,
)
def energy_balance(context: QualityContext) -> Iterator[Violation]:
    """Compare each day's generation with the irradiation of the module plane."""
    if not context.shares_axis(PV, WEATHER):
        return
    days = context.local_days(PV)
    total, group = sums_by(days, np.nan_to_num(context.values(PV, "pv_kwh")))
    light, _ = sums_by(days, context.plane_of_array)
    limit = 1.2 * context.settings.pv.dc_kwp * light / 1000.0 + 0.02 * context.settings.pv.dc_kwp
    above = total > limit
    if above.any():
        worst = int(np.argmax(np.where(above, total - limit, -np.inf)))
        yield Violation(
            PV,
            "pv_kwh",
            f"{total[worst]:.5g} kWh on the worst of {int(above.sum())} days",
            f"{limit[worst]:.5g} kWh on that day",
            f"{int(above.sum())} days give more energy than the sun did, the worst {total[worst]:.5g} kWh where "
            f"{limit[worst]:.5g} is the limit",
            hours=np.flatnonzero(above[group] & (context.values(PV, "pv_kwh") > 0)),
        )
