"""Patterns that no measurement has: shifted days, stuck sensors, copied days, generation that is a mere multiple."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import BoolArray, FloatArray
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rule import rule
from pvbesscar.quality.year.rules.solar import DARK_W_M2, greatest
from schemas.frames import MALL, PV, WEATHER

SHIFTS_H = range(-11, 13)
EXCESS_LIMIT = 0.01
"""Share of the year's light above that of a clean, cloudless sky [1]; clean years have some tenths of a percent."""

LAG_MARGIN = 0.02
FLAT_DAYLIGHT_H = 6
FLAT_MALL_H = 24
FLAT_AIR_H = 48
MULTIPLE_SPREAD = 0.003
"""Spread of the ratio of generation to irradiance below which it is one number [1]; temperature moves it by 3 %."""

MULTIPLE_HOURS = 60
"""Hours of light in a month that its ratio is judged by."""

MALL_LAG_H = 3
MALL_LAG_MONTHS = 2
"""Months that must lag before a part of the year counts: one month may be a holiday season or an outage."""


INVERTER_SHARE = 0.5
"""Share of the AC rating below which a plant's highest output is no inverter's limit [1]."""

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
    fix="stamp rows at the start of the hour in local time, or set `site.timezone` to the zone of the file",
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
    fix="bring both files to local time, stamped at the start of the hour",
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
    fix="bring the file to local time, or set `mall.open_hours`",
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
    yield Violation(
        MALL,
        "mall_kwh",
        f"correlation {best:.2f} with the opening hours {late:+d} h, {as_is:.2f} as they are",
        f"greatest within {MALL_LAG_H - 1} h of {opens} to {closes} h (`mall.open_hours`)",
        f"the demand is {abs(late)} h {'late' if late > 0 else 'early'} against the opening hours {said}",
        hours=np.flatnonzero(rows),
    )


def _day_lag(hour: Hours, values: FloatArray, is_open: FloatArray) -> tuple[int, float, float]:
    """Lag of the mean day against the opening hours [h], its correlation, and that without a lag; 0 for a flat day."""
    mean = np.bincount(hour, weights=values, minlength=24) / np.maximum(np.bincount(hour, minlength=24), 1)
    if float(mean.std()) < 1e-3 * float(mean.mean()) or not mean.any():
        return 0, 0.0, 0.0  # no daily course to judge; mall.constant says it
    fit = [float(np.corrcoef(mean, np.roll(is_open, s))[0, 1]) for s in range(24)]
    return (int(np.argmax(fit)) + 12) % 24 - 12, max(fit), fit[0]


def flat_runs(values: FloatArray, judged: BoolArray, least: int) -> Hours:
    """Rows in runs of at least `least` equal values among the rows judged, shape (n,)."""
    same = np.zeros(values.size, dtype=bool)
    same[1:] = (values[1:] == values[:-1]) & judged[1:] & judged[:-1]
    run = np.cumsum(~same)
    counts = np.bincount(run, minlength=int(run[-1]) + 1)
    return np.flatnonzero((counts[run] >= least) & judged)


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
    fix="have the hours exported again from another sensor",
    waivable=False,
)
def solar_flat(context: QualityContext) -> Iterator[Violation]:
    """Find equal values over many hours of daylight."""
    if WEATHER in context.frames:
        ghi = context.values(WEATHER, "ghi_w_m2")
        yield from _flat(context, WEATHER, "ghi_w_m2", (context.sun(WEATHER).lowest > 0) & (ghi > 0), FLAT_DAYLIGHT_H)
    if PV in context.frames:
        pv = context.values(PV, "pv_kwh")
        top = greatest(pv)
        at_the_limit = (pv >= 0.999 * top) & (top >= INVERTER_SHARE * context.settings.pv.ac_kw)
        moving = (context.sun(PV).lowest > 0) & (pv > 0) & ~at_the_limit
        yield from _flat(context, PV, "pv_kwh", moving, FLAT_DAYLIGHT_H)


@rule(
    "mall.flat_line",
    "warning",
    "demand moves",
    looks_at=(MALL,),
    rationale="No mall draws the same energy in every hour of a day.",
    reference=f"equal values for {FLAT_MALL_H} hours",
    cause="a meter that stood still, or gaps filled with the last value or a mean",
    fix="have the hours exported again from the meter",
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


def repeated_days(days: Hours, values: FloatArray) -> Hours:
    """Rows of days whose values equal those of an earlier day, shape (n,); days of zeros are left out."""
    _, first, counts = np.unique(days, return_index=True, return_counts=True)
    seen: set[bytes] = set()
    rows: list[Hours] = []
    for start, count in zip(first, counts, strict=True):
        day = values[start : start + count]
        if count != 24 or not day.any():
            continue
        key = day.tobytes()
        if key in seen:
            rows.append(np.arange(start, start + count))
        seen.add(key)
    return np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)


def _repeated(context: QualityContext, series: str, column: str) -> Iterator[Violation]:
    values, stamps = context.values(series, column), context.stamps(series)
    # By the clock, and by the sun: rows copied across a change of the clock are no whole days by the clock.
    utc, local = (stamps.tz_convert(zone).tz_localize(None).as_unit("s").asi8 for zone in ("UTC", stamps.tz))
    winter = utc + (local - utc)[0]
    rows = np.union1d(repeated_days(context.local_days(series), values), repeated_days(winter // 86_400, values))
    if rows.size:
        yield Violation(
            series,
            column,
            f"{rows.size // 24} days equal to an earlier one in all 24 hours",
            "no day twice",
            f"{rows.size // 24} days are copies of others",
            hours=rows,
        )


@rule(
    "solar.repeated_day",
    "error",
    "no day of light twice",
    looks_at=(WEATHER, PV),
    rationale="The sun's path and the clouds never repeat to the last digit; equal days were copied.",
    reference="Reda and Andreas (2004), doi:10.1016/j.solener.2003.12.003: declination changes daily",
    cause="missing days filled with copies, or a typical day repeated over a month",
    fix="export the days again from the source; a typical day is no year",
    waivable=False,
)
def solar_repeated(context: QualityContext) -> Iterator[Violation]:
    """Find copied days of irradiance and generation."""
    for series, column in ((WEATHER, "ghi_w_m2"), (PV, "pv_kwh")):
        if series in context.frames:
            yield from _repeated(context, series, column)


@rule(
    "mall.repeated_day",
    "warning",
    "no day of demand twice",
    looks_at=(MALL,),
    rationale="A mall's demand never repeats to the last digit over 24 hours; equal days were copied or computed.",
    reference="ASHRAE Guideline 14, variation of hourly demand",
    cause="missing days filled with copies, or a typical day repeated",
    fix="export the days again from the meter",
)
def mall_repeated(context: QualityContext) -> Iterator[Violation]:
    """Find copied days of demand."""
    yield from _repeated(context, MALL, "mall_kwh")


@rule(
    "pv.multiple",
    "warning",
    "generation is more than irradiance times a number",
    looks_at=(PV, WEATHER),
    rationale="Temperature, angle of incidence and inverter move the ratio of generation to global irradiance by "
    "several percent; a constant ratio means that the generation was computed, not measured or modelled.",
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
    judged = (ghi > 100.0) & (pv > 0) & (pv < 0.99 * greatest(pv))
    months = context.local_months(PV)
    computed = [month for month in np.unique(months) if _one_number(pv, ghi, judged & (months == month))]
    if computed:
        rows = np.flatnonzero(judged & np.isin(months, computed))
        middle = float(np.median(pv[rows] / ghi[rows]))
        yield Violation(
            PV,
            "pv_kwh",
            f"ratio {middle:.6g} kWh per W/m2, its spread below {MULTIPLE_SPREAD:.1%} in {len(computed)} months",
            f"a spread of at least {MULTIPLE_SPREAD:.1%} between the 5th and the 95th percentile in each month",
            f"the generation is {middle:.6g} times the global irradiance in nine of ten hours of "
            f"{len(computed)} months",
            hours=rows,
        )


def _one_number(pv: FloatArray, ghi: FloatArray, judged: BoolArray) -> bool:
    """Whether the ratio of generation to irradiance is one and the same among the hours judged."""
    if int(judged.sum()) < MULTIPLE_HOURS:
        return False
    low, middle, high = np.quantile(pv[judged] / ghi[judged], [0.05, 0.5, 0.95])
    return bool(high - low < MULTIPLE_SPREAD * middle)
