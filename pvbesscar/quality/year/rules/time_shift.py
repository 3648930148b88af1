"""Series out of step: irradiance with the sun, generation with irradiance, demand with the opening hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import FloatArray
from pvbesscar.quality.year.context import YEAR_RULES, QualityContext, rule
from pvbesscar.quality.year.rules.solar import DARK_W_M2, greatest
from schemas.frames import MALL, PV, WEATHER

SHIFTS_H = range(-11, 13)
EXCESS_LIMIT = 0.01
"""Share of the year's light above that of a clean, cloudless sky [1]; clean years have some tenths of a percent."""

LAG_MARGIN = 0.02

MALL_LAG_H = 3
MALL_LAG_MONTHS = 2
"""Months that must lag before a part of the year counts: one month may be a holiday season or an outage."""


SHIFTED_MONTHS = 3
"""Months, one after another, with the same lag, that make a shift of part of the year."""


def shift_against_sky(ghi: FloatArray, clean_sky: FloatArray) -> tuple[int, float, float]:
    """Shift of irradiance against the sun, by the light that no sky can give.

    Parameters
    ----------
    ghi, clean_sky
        Global irradiance, and that of a clean and cloudless sky, of the same hours, shape (N,) [W/m2].

    Returns
    -------
    tuple
        Hours by which the series is late (the shift with the least excess, the smallest of equals), and the excess as
        a share of the year's light as it stands and after putting it back.
    """
    total = max(float(ghi.sum()), 1e-9)
    excess = {s: float((ghi - np.roll(clean_sky, s)).clip(0.0).sum()) / total for s in SHIFTS_H}
    best = min(SHIFTS_H, key=lambda s: (round(excess[s], 6), abs(s)))
    return best, excess[0], excess[best]


@rule(
    "solar.time_shift",
    "error",
    "irradiance in step with the sun",
    looks_at=(WEATHER,),
    rationale="A series shifted in time has light that no sky can give on one side of the day. The shift is the one "
    "under which least light exceeds a clean, cloudless sky.",
    reference="Ineichen and Perez (2002), doi:10.1016/S0038-092X(02)00045-2, Linke turbidity 2",
    cause="stamps in universal time, at the end of the interval, under a summer clock, or a 12 hour clock misread",
    fix="stamp rows at the start of the hour in local time, or set `weather.timezone` to the zone of the file's stamps "
    "and `weather.timestamps` to the moment that they name",
    waivable=False,
)
def time_shift(context: QualityContext) -> Iterator[Violation]:
    """Find the shift of global irradiance against the sun."""
    ghi = np.nan_to_num(context.values(WEATHER, "ghi_w_m2"))
    if greatest(ghi) <= DARK_W_M2:
        return  # solar.all_zero says it
    late, excess, best = shift_against_sky(ghi, context.clean_sky)
    if not (late != 0 and excess > EXCESS_LIMIT and best < 0.5 * excess):
        yield from _shifted_months(context, ghi)
    else:
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{excess:.1%} of the light is above a cloudless sky; {best:.1%} after putting it back by {late} h",
            f"at most {EXCESS_LIMIT:.0%}, and least without a shift",
            f"the irradiance is {abs(late)} h {'late' if late > 0 else 'early'} against the sun",
        )


def _in_a_row(lags: list[int]) -> tuple[int, int]:
    """Longest run of equal lags other than 0: the lag, and its length in months."""
    best, length = (0, 0), 0
    for i, lag in enumerate(lags):
        length = length + 1 if i and lag == lags[i - 1] else 1
        if lag and length > best[1]:
            best = lag, length
    return best


def _part_of_the_year(series: str, column: str, months: Hours, lags: list[int]) -> Iterator[Violation]:
    late, length = _in_a_row(lags)
    if length >= SHIFTED_MONTHS:
        rows = np.flatnonzero(np.isin(months, np.unique(months)[np.array(lags) == late]))
        way = "late" if late > 0 else "early"
        yield Violation(
            series,
            column,
            f"the same lag of {late} h in {length} months, one after another",
            f"no lag, or one that changes, in any {SHIFTED_MONTHS} months",
            f"{length} months are {abs(late)} h {way}",
            hours=rows,
            cause="a clock that was changed in summer, or replaced and never set",
        )


def _shifted_months(context: QualityContext, ghi: FloatArray) -> Iterator[Violation]:
    """Shifts of a part of the year, which the year's light as a whole hides."""
    months = context.local_months(WEATHER)
    lags = []
    for month in np.unique(months):
        rows = months == month
        late, excess, best = shift_against_sky(ghi[rows], context.clean_sky[rows])
        lags.append(late if excess > EXCESS_LIMIT and best < 0.5 * excess else 0)
    yield from _part_of_the_year(WEATHER, "ghi_w_m2", months, lags)


@rule(
    "pv.time_shift",
    "error",
    "generation in step with irradiance",
    looks_at=(PV, WEATHER),
    rationale="Modules answer within seconds: generation follows the irradiance of their plane without a lag.",
    reference="IEC 61724-1",
    cause="generation and weather stamped in different zones, or one at the start and one at the end of the interval",
    fix="bring both files to local time, stamped at the start of the hour, or set `pv.timezone`, `pv.timestamps` and "
    "those of `weather` to what the files are in",
    waivable=False,
    joint=True,
)
def pv_time_shift(context: QualityContext) -> Iterator[Violation]:
    """Find the lag at which generation follows irradiance best."""
    if not context.shares_axis(PV, WEATHER):
        return
    pv, light = np.nan_to_num(context.values(PV, "pv_kwh")), context.plane_of_array
    if pv.std() == 0 or light.std() == 0:
        return  # solar.all_zero says it
    late, fit = _lag(pv, light)
    if fit[late] <= fit[0] + LAG_MARGIN:
        months = context.local_months(PV)
        parts = [_lag(pv[months == month], light[months == month]) for month in np.unique(months)]
        lags = [lag if fits[lag] > fits[0] + LAG_MARGIN else 0 for lag, fits in parts]
        yield from _part_of_the_year(PV, "pv_kwh", months, lags)
    else:
        yield Violation(
            PV,
            "pv_kwh",
            f"correlation {fit[late]:.3f} with the irradiance {late} h before, {fit[0]:.3f} with that of the same hour",
            f"greatest in the same hour, within {LAG_MARGIN:g}",
            f"the generation is {abs(late)} h {'late' if late > 0 else 'early'} against its irradiance",
        )


def _lag(pv: FloatArray, light: FloatArray) -> tuple[int, dict[int, float]]:
    """Lag at which generation follows light best, and the correlation at each; no lag where one of them is constant."""
    if pv.std() == 0 or light.std() == 0:
        return 0, dict.fromkeys(SHIFTS_H, 0.0)
    fit = {s: float(np.corrcoef(pv, np.roll(light, s))[0, 1]) for s in SHIFTS_H}
    return max(SHIFTS_H, key=lambda s: fit[s]), fit


@rule(
    "mall.time_shift",
    "error",
    "demand in step with the opening hours",
    looks_at=(MALL,),
    rationale="A mall draws more while it is open. The lag is the one at which the mean day fits the opening hours "
    "best, over the year and over each month; less than 3 h, and a single month, are a matter of habit.",
    reference="docs/design.md, The plant: mall open [9, 23)",
    cause="stamps in universal time, morning and afternoon exchanged, or other opening hours",
    fix="bring the file to local time, or set `mall.timezone` to the zone of its stamps",
)
def mall_time_shift(context: QualityContext) -> Iterator[Violation]:
    """Find the lag of the mean day against the opening hours, of the year or of some months."""
    opens, closes = context.settings.mall.open_hours
    if closes - opens >= 24:
        return  # no opening hours to judge by
    hour = context.stamps(MALL).hour.to_numpy()
    values = np.nan_to_num(context.values(MALL, "mall_kwh"))
    is_open = ((np.arange(24) >= opens) & (np.arange(24) < closes)).astype(float)
    months = context.local_months(MALL)
    # The year first: months say it only where a clock was changed within the year.
    stretches = {"the year": np.ones(hour.size, dtype=bool), **{str(m): months == m for m in np.unique(months)}}
    lags = {name: _day_lag(hour[rows], values[rows], is_open) for name, rows in stretches.items()}
    wrong = [name for name in lags if abs(lags[name][0]) >= MALL_LAG_H]
    if "the year" in wrong:
        rows, said = stretches["the year"], "in the mean of the year"
    elif len(wrong) >= MALL_LAG_MONTHS:
        rows = np.logical_or.reduce([stretches[name] for name in wrong])
        said = f"in {len(wrong)} of {len(stretches) - 1} months"
    else:
        return
    late, best, as_is = lags[wrong[0]]
    hours = (opens + late, closes + late)
    other = f", or set `mall.open_hours` to [{hours[0]}, {hours[1]}] if the mall does open then"
    yield Violation(
        MALL,
        "mall_kwh",
        f"correlation {best:.2f} with the opening hours {late:+d} h, {as_is:.2f} as they are",
        f"greatest within {MALL_LAG_H - 1} h of {opens} to {closes} h (`mall.open_hours`)",
        f"the demand is {abs(late)} h {'late' if late > 0 else 'early'} against the opening hours {said}",
        hours=np.flatnonzero(rows),
        # Opening hours past midnight are none that a scenario can have.
        fix=f"{YEAR_RULES.find('mall.time_shift').fix}{other}" if hours[0] >= 0 and hours[1] <= 24 else None,
    )


def _day_lag(hour: Hours, values: FloatArray, is_open: FloatArray) -> tuple[int, float, float]:
    """Lag of the mean day against the opening hours [h], its correlation, and that without a lag; 0 for a flat day."""
    mean = np.bincount(hour, weights=values, minlength=24) / np.maximum(np.bincount(hour, minlength=24), 1)
    if float(mean.std()) < 1e-3 * float(mean.mean()) or not mean.any():
        return 0, 0.0, 0.0  # no daily course to judge; mall.constant says it
    fit = [float(np.corrcoef(mean, np.roll(is_open, s))[0, 1]) for s in range(24)]
    return (int(np.argmax(fit)) + 12) % 24 - 12, max(fit), fit[0]
