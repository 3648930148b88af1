"""Levels: a part of the year in another unit, which a yearly total hides once it is scaled to the declared one."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import FloatArray
from pvbesscar.quality.year.context import IRRADIANCE, QualityContext, rule
from pvbesscar.quality.year.rules.solar import sums_by
from schemas.frames import MALL, PV, WEATHER

STEP = 1.8
"""Factor between one day and the next that no season and no new tenant makes overnight in every hour alike [1]."""

LONE_STEP = 2.5
"""The same for a day alone."""

BESIDE_DAYS = 3
"""Days on each side of a step whose median level is compared."""

KEPT_SHAPE = 1.5
"""Spread of a day's hours around its level (10th to 90th percentile) up to which the day keeps its shape [1]."""

KEPT_SHARE = 0.35
"""The same as a share of the level, both as logarithms: rounding coarsens what was divided by 1,000."""

LEAST_HOURS = 12
"""Hours above zero that a day is judged by."""

UNITS = {1e3: "Wh in the place of kWh", 1e-3: "MWh in the place of kWh", 60.0: "kW added up by the minute",
         3.6: "MJ in the place of kWh", 1 / 3.6: "kWh in the place of MJ", 4.0: "quarter hours counted as hours",
         0.25: "the energy of a quarter hour", 2.0: "rows that were doubled and added up",
         0.5: "the energy of half an hour", 10.0: "a decimal mark lost", 0.1: "a decimal mark lost",
         100.0: "a decimal mark lost", 0.01: "a decimal mark lost", 1e6: "mWh or W s in the place of kWh"}  # fmt: skip
"""What a factor often comes from."""

CLEAR_DIFFUSE = 0.35
"""Diffuse share of the global irradiance below which the sky is clear [1]; Erbs et al.: clearness above 0.6."""

CLEAR_CLEARNESS = 0.40
"""Share of the light above the atmosphere that every clear hour with the sun above 20 deg lets through [1]."""

CLEAR_HOURS = 6
"""Clear hours without light in a month that are no chance."""


def day_levels(hours: FloatArray, kind: Hours) -> FloatArray:
    """Level of each day against the year, as a logarithm; NaN where a day has another shape.

    Parameters
    ----------
    hours
        Energies by day, shape (days, 24).
    kind
        Kind of each day, shape (days,): a day is compared with the median of the days of its kind, hour by hour.

    Returns
    -------
    array of float
        Median over the hours of the logarithm of their ratio to that median, shape (days,).
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # days and hours without any value are left out below
        logs = np.log(np.where(hours > 0.0, hours, np.nan))
        off = np.full_like(logs, np.nan)
        for one in np.unique(kind):
            off[kind == one] = logs[kind == one] - np.nanmedian(logs[kind == one], axis=0)
        level = np.nanmedian(off, axis=1)
        spread = np.nanquantile(off, 0.9, axis=1) - np.nanquantile(off, 0.1, axis=1)
    kept = (np.isfinite(off).sum(axis=1) >= LEAST_HOURS) & (
        spread <= np.maximum(np.log(KEPT_SHAPE), KEPT_SHARE * np.abs(level))
    )
    return np.where(kept, level, np.nan)


def other_level(level: FloatArray) -> tuple[Hours, float]:
    """Days on another level than the rest of the year, behind a step that no season makes, and the factor.

    Parameters
    ----------
    level
        Logarithms, NaN for days that are not judged, shape (days,).

    Returns
    -------
    tuple
        Days, shape (n,), and how many times the rest they are (their median); none and 1 where there is no step.
    """
    days = np.flatnonzero(np.isfinite(level))
    known = level[days]
    steps = [0]
    for i in range(1, known.size):
        before, after = known[max(0, i - BESIDE_DAYS) : i], known[i : i + BESIDE_DAYS]
        beside = abs(float(np.median(after) - np.median(before)))
        # A step is where two neighbours differ, not a day beside it whose median sees it too.
        if beside > np.log(STEP) and abs(known[i] - known[i - 1]) > 0.6 * beside:
            steps.append(i)
    steps.append(known.size)
    parts = [(first, last) for first, last in itertools.pairwise(steps) if last > first]
    main = _main_level(known, parts)
    away = np.zeros(known.size, dtype=bool)
    if len(parts) > 1:
        for first, last in parts:
            away[first:last] = abs(float(np.median(known[first:last])) - main) > np.log(STEP)
    for i in range(known.size):
        around = np.concatenate([known[max(0, i - BESIDE_DAYS) : i], known[i + 1 : i + 1 + BESIDE_DAYS]])
        if around.size and not away[i] and abs(known[i] - float(np.median(around))) > np.log(LONE_STEP):
            away[i] = abs(known[i] - main) > np.log(LONE_STEP)
    if not away.any():
        return np.empty(0, dtype=np.int64), 1.0
    return days[away], float(np.exp(np.median(known[away]) - main))


def _main_level(known: FloatArray, parts: list[tuple[int, int]]) -> float:
    """Level that most days are on."""
    if not parts:
        return 0.0
    medians = [float(np.median(known[first:last])) for first, last in parts]
    near = [
        sum(
            last - first for (first, last), other in zip(parts, medians, strict=True) if abs(other - one) < np.log(STEP)
        )
        for one in medians
    ]
    return medians[int(np.argmax(near))]


def _likely(factor: float) -> str | None:
    """What a factor often comes from, where it is near to one of `UNITS`."""
    nearest = min(UNITS, key=lambda unit: abs(np.log(factor / unit)))
    return UNITS[nearest] if abs(np.log(factor / nearest)) < np.log(1.2) else None


def times(factor: float) -> str:
    """A factor as people say it."""
    return f"{factor:,.4g} times" if factor >= 1.0 else f"1/{1.0 / factor:,.4g} of"


def _whole_days(rows: int) -> int:
    return rows // 24 * 24


@rule(
    "mall.mixed_units",
    "error",
    "one unit throughout the year",
    looks_at=(MALL,),
    rationale="A mall grows by seasons and tenants, hour by hour differently. Days whose every hour is 1.8 times or "
    "more what it is around them, from one day to the next, are in another unit; scaled to the declared energy they "
    "take the rest of the year with them.",
    reference="the series itself: each hour against the median of its weekday and hour",
    cause="months exported in another unit (Wh, MWh, MJ), with another interval, or with rows that were added up twice",
    fix="bring the days named to the unit of the rest in the source file; `mall.unit` is one for the whole file",
)
def mall_mixed_units(context: QualityContext) -> Iterator[Violation]:
    """Find days whose hours are all the same multiple of what they are in the rest of the year."""
    values = context.values(MALL, "mall_kwh")
    size = _whole_days(values.size)
    if size < 28 * 24:
        return  # time.length says it
    weekday = context.stamps(MALL).day_of_week.to_numpy()[:size:24]
    days, factor = other_level(day_levels(values[:size].reshape(-1, 24), weekday.astype(np.int64)))
    if days.size:
        likely = _likely(factor)
        yield Violation(
            MALL,
            "mall_kwh",
            f"{days.size} days with {times(factor)} the demand of the rest, in every hour alike",
            f"a step of less than {STEP:g} times from one day to the next, or one that changes the shape of the day",
            f"{days.size} days have {times(factor)} the demand of the rest of the year, in every hour alike",
            hours=(days[:, None] * 24 + np.arange(24)).ravel(),
            cause=f"{likely}: a part of the year that was exported otherwise" if likely else None,
        )


@rule(
    "pv.mixed_units",
    "warning",
    "one unit throughout the generation",
    looks_at=(PV, WEATHER),
    rationale="Against the light on its modules a plant's generation changes by soiling and seasons, slowly. Days that "
    "give 1.8 times more or less of it than those around them, from one day to the next, are in another unit, or a "
    "part of the plant was off.",
    reference="IEC 61724-1, performance ratio by day",
    cause="months in another unit or with another interval, or a part of the inverters that was off",
    fix="bring the days named to the unit of the rest in the source; where a part of the plant was off, say so in a "
    "waiver",
    joint=True,
)
def pv_mixed_units(context: QualityContext) -> Iterator[Violation]:
    """Find days whose ratio of generation to irradiance is a multiple of the rest's."""
    if not context.shares_axis(PV, WEATHER):
        return
    pv, light = np.nan_to_num(context.values(PV, "pv_kwh")), context.plane_of_array
    keys = context.local_days(PV)
    made, group = sums_by(keys, pv)
    given, _ = sums_by(keys, light)
    # Days without generation are outages, and days of little light say little.
    good = (made > 0.0) & (given > 0.2 * float(np.median(given)))
    with np.errstate(all="ignore"):
        level = np.where(good, np.log(made / given), np.nan)
    days, factor = other_level(level - np.nanmedian(level)) if good.sum() > 28 else (np.empty(0, dtype=np.int64), 1.0)
    if days.size:
        yield Violation(
            PV,
            "pv_kwh",
            f"{days.size} days with {times(factor)} the generation of the rest, for the same light",
            f"a step of less than {STEP:g} times from one day to the next",
            f"{days.size} days give {times(factor)} what the rest of the year gives for the same light",
            hours=np.flatnonzero(np.isin(group, days) & (pv > 0)),
            cause=_likely(factor),
        )


@rule(
    "solar.clear_hours",
    "error",
    "clear hours are bright",
    looks_at=(WEATHER,),
    rationale="Where little of the light is diffuse the sky is clear, and a clear sky with the sun above 20 deg lets "
    "well over 40 % of the light through. Hours that are clear by their diffuse share and dark by their global "
    "irradiance are in another unit.",
    reference="Erbs, Klein and Duffie (1982), doi:10.1016/0038-092X(82)90302-4: diffuse share over clearness",
    cause="weeks or months of irradiance in another unit (kJ, a quarter hour's energy), or scaled twice",
    fix="bring the months named to the unit of the rest in the source, all three components alike",
    waivable=False,
)
def clear_hours(context: QualityContext) -> Iterator[Violation]:
    """Find months with clear hours that are too dark to be clear."""
    sun = context.sun(WEATHER)
    ghi, _, dhi = (context.values(WEATHER, name) for name in IRRADIANCE)
    clear = (sun.lowest > 20.0) & (ghi > 0.0) & (dhi < CLEAR_DIFFUSE * ghi)
    dark = clear & (ghi < CLEAR_CLEARNESS * sun.horizontal)
    months = context.local_months(WEATHER)
    of_month, group = sums_by(months, dark.astype(np.float64))
    rows = np.flatnonzero(dark & (of_month[group] >= CLEAR_HOURS))
    if rows.size:
        share = float(np.median(ghi[rows] / sun.horizontal[rows]))
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{rows.size} clear hours with {share:.0%} of the light above the atmosphere",
            f"at least {CLEAR_CLEARNESS:.0%} in an hour with less than {CLEAR_DIFFUSE:.0%} diffuse light",
            f"{rows.size} hours in {int((of_month >= CLEAR_HOURS).sum())} months are clear by their diffuse share and "
            f"hold {share:.0%} of the light above the atmosphere",
            hours=rows,
        )
