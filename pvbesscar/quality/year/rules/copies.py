"""Copies: days that are there twice, and weeks that are another week times a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import FloatArray
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.solar import DARK_W_M2, greatest
from schemas.frames import EV_PROFILE, MALL, PV, WEATHER

BLOCK_DAYS = 5
"""Days, one after another, that are compared: fewer may be alike by chance, a copied week holds five whole ones."""

ALIKE = 0.03
"""Difference of two stretches that are copies, of what the nearest tenth of all other stretches differ by [1].

Differences are squared: copies with noise of a sixth of the natural one are found. Made-up and measured years stay
above 0.06.
"""

EQUAL = 1e-9
"""Difference below which two stretches are copies whatever the others are like [1]."""

TOLD_APART = 5.0
"""How many times better the genuine one of two must fit its surroundings before the other is called the copy."""


def repeated_days(days: Hours, values: FloatArray) -> Hours:
    """Rows of days whose values equal those of another day, shape (n,); days of zeros, or with gaps, are left out."""
    _, first, counts = np.unique(days, return_index=True, return_counts=True)
    same: dict[bytes, list[int]] = {}
    for start in first[counts == 24]:
        day = values[start : start + 24]
        if day.any() and np.isfinite(day).all():
            same.setdefault(day.tobytes(), []).append(int(start))
    starts = np.array([start for group in same.values() if len(group) > 1 for start in group], dtype=np.int64)
    return np.sort((starts[:, None] + np.arange(24)).ravel())


def _repeated(context: QualityContext, series: str, column: str) -> Iterator[Violation]:
    values, stamps = context.measured(series, column), context.stamps(series)
    # By the clock, and by the sun: rows copied across a change of the clock are no whole days by the clock.
    utc, local = (stamps.tz_convert(zone).tz_localize(None).as_unit("s").asi8 for zone in ("UTC", stamps.tz))
    winter = utc + (local - utc)[0]
    rows = np.union1d(repeated_days(context.local_days(series), values), repeated_days(winter // 86_400, values))
    if rows.size:
        yield Violation(
            series,
            column,
            f"{rows.size // 24} days equal to another one in all 24 hours",
            "no day twice",
            f"{rows.size // 24} days are equal to one another in all 24 hours; of each group all but one are copies",
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
    fix="export the days again from the source, or fill them from weather data with a source: `fills`; a typical day "
    "is no year",
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
    fix="export the days again from the meter, or declare the fill: `fills` names its hours, source and reason",
)
def mall_repeated(context: QualityContext) -> Iterator[Violation]:
    """Find copied days of demand."""
    yield from _repeated(context, MALL, "mall_kwh")


@dataclass(frozen=True, slots=True)
class Copy:
    """Two stretches of which one is the other times a number.

    Attributes
    ----------
    first, second
        Rows at which they begin, 0-based, the earlier one first.
    rows
        Length of each.
    factor
        The second over the first [1].
    apart
        What is left between them after the factor, as a share of their size [1].
    """

    first: int
    second: int
    rows: int
    factor: float
    apart: float


def copied_weeks(values: FloatArray) -> list[Copy]:
    """Find stretches of `BLOCK_DAYS` days and more that are another one times a number.

    Parameters
    ----------
    values
        An hourly series, shape (N,).

    Returns
    -------
    list of Copy
        Each pair once, the longest first; a stretch is a copy where no other pair of the year is nearly as alike.
    """
    found: list[Copy] = []
    # By an hour more and less as well: a copy across a change of the clock is moved by one.
    for lag in (0, -1, 1):
        found += _copied(values, lag)
    return sorted(found, key=lambda one: -one.rows)


def _copied(values: FloatArray, lag: int) -> list[Copy]:
    size = (values.size - 2) // 24 * 24 if lag else values.size // 24 * 24
    if size < 4 * BLOCK_DAYS * 24:
        return []
    offset = 1 if lag else 0
    these = values[offset : offset + size].reshape(-1, 24)
    those = values[offset + lag : offset + lag + size].reshape(-1, 24)
    unlike = _unlike(these, those)
    count = len(unlike)
    for near in range(-BLOCK_DAYS + 1, BLOCK_DAYS):
        np.fill_diagonal(unlike[max(0, -near) :, max(0, near) :], np.inf)
    usual = _usual(unlike)
    alike = unlike < np.maximum(ALIKE * np.minimum(usual[:, None], usual[None, :]), EQUAL)
    if not lag:
        alike = np.triu(alike)
    copies = []
    for apart in range(-count + 1, count):
        line = np.diagonal(alike, apart)
        for first, last in _runs(line):
            row, column = (first, first + apart) if apart >= 0 else (first - apart, first)
            steps = np.arange(last - first + 1)
            one, other = offset + 24 * row, offset + lag + 24 * column
            size_h = 24 * (last - first + BLOCK_DAYS)
            before, after = values[one : one + size_h], values[other : other + size_h]
            # The middle ratio: at its ends a stretch may hold some hours that were not copied.
            both = (before > 0.0) & (after > 0.0)
            factor = float(np.median(after[both] / before[both])) if both.any() else 1.0
            copies.append(
                Copy(
                    min(one, other),
                    max(one, other),
                    size_h,
                    factor if one < other else 1.0 / factor,
                    float(np.sqrt(max(unlike[row + steps, column + steps].max(), 0.0))),
                )
            )
    return copies


def _unlike(these: FloatArray, those: FloatArray) -> FloatArray:
    """Difference of all pairs of blocks after the best factor, squared [1].

    Blocks without a value, or without a number in an hour, differ from all.
    """
    whole: list[NDArray[np.bool_]] = [np.asarray(np.isfinite(days).all(axis=1)) for days in (these, those)]
    one, other = (np.where(good[:, None], days, 0.0) for good, days in zip(whole, (these, those), strict=True))
    blocks = len(these) - BLOCK_DAYS + 1
    by_day = one @ other.T
    cross = np.sum([by_day[k : k + blocks, k : k + blocks] for k in range(BLOCK_DAYS)], axis=0)
    squares = [_blocks((days * days).sum(axis=1), blocks) for days in (one, other)]
    full = [_blocks(good.astype(np.float64), blocks) == BLOCK_DAYS for good in whole]
    with np.errstate(all="ignore"):
        unlike = 1.0 - cross**2 / np.outer(*squares)
    usable = np.outer(full[0] & (squares[0] > 0), full[1] & (squares[1] > 0))
    return np.where(usable, unlike, np.inf)


def _blocks(of_day: FloatArray, blocks: int) -> FloatArray:
    total: FloatArray = np.sum([of_day[k : k + blocks] for k in range(BLOCK_DAYS)], axis=0)
    return total


def _usual(unlike: FloatArray) -> FloatArray:
    """What the nearest tenth of all others differ by from each block, shape (blocks,); infinite where all do."""
    nearest = np.partition(unlike, unlike.shape[1] // 10, axis=1)[:, unlike.shape[1] // 10]
    known = nearest[np.isfinite(nearest)]
    # A year made of copies leaves nothing that is usual: then only equal ones are told.
    return np.where(np.isfinite(nearest), nearest, 0.0) if known.size else np.zeros(len(unlike))


def _runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last of each run of marks."""
    if not marked.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


@dataclass(frozen=True, slots=True)
class Misfit:
    """How badly each of two stretches fits what is around it, by one measure, and what that says of the worse one."""

    first: float
    second: float
    least: float
    says: str

    @property
    def copy(self) -> int | None:
        """Which of the two is the copy, 0 or 1; None where the measure does not tell."""
        worse, better = max(self.first, self.second), min(self.first, self.second)
        if worse < self.least or worse < TOLD_APART * better:
            return None
        return int(self.second > self.first)


def _of_light(context: QualityContext, copy: Copy) -> Iterator[Misfit]:
    """Light that its own sky can not give."""
    ghi, sky = np.nan_to_num(context.values(WEATHER, "ghi_w_m2")), context.clean_sky
    one, other = (float((ghi[rows] - sky[rows]).clip(0.0).sum() / ghi[rows].sum()) for rows in _both(copy))
    yield Misfit(one, other, 0.01, "its light is more than the sky of its own days can give")


def _of_pair(context: QualityContext, copy: Copy, says: str) -> Iterator[Misfit]:
    """Generation that does not follow the irradiance of its own days."""
    if not context.shares_axis(PV, WEATHER) or not _independent(context):
        return
    pv, light = np.nan_to_num(context.values(PV, "pv_kwh")), context.plane_of_array
    if all(pv[rows].any() and light[rows].any() for rows in _both(copy)):
        one, other = (1.0 - float(np.corrcoef(pv[rows], light[rows])[0, 1]) for rows in _both(copy))
        yield Misfit(one, other, 0.01, says)


def _independent(context: QualityContext) -> bool:
    """Whether generation and weather come from two sources: what is modelled follows its weather whatever it is."""
    return context.settings.pv.source == "file"


def _of_demand(context: QualityContext, copy: Copy) -> Iterator[Misfit]:
    """Demand on other weekdays than its own, or with more digits than the rest of the file."""
    values = np.nan_to_num(context.values(MALL, "mall_kwh"))
    stamps = context.stamps(MALL)
    kind = stamps.day_of_week.to_numpy() * 24 + stamps.hour.to_numpy()
    elsewhere = np.ones(values.size, dtype=bool)
    for rows in _both(copy):
        elsewhere[rows] = False
    sums, counts = (
        np.bincount(kind[elsewhere], weights=weights, minlength=168) for weights in (values[elsewhere], None)
    )
    usual = (sums / np.maximum(counts, 1))[kind]
    one, other = (1.0 - float(np.corrcoef(values[rows], usual[rows])[0, 1]) for rows in _both(copy))
    yield Misfit(one, other, 0.01, "its course is that of other weekdays")
    for grid in (1.0, 0.1, 0.01, 0.001):
        off = np.abs(values / grid - np.round(values / grid)) > 1e-5
        if off[elsewhere].mean() < 0.01:
            one, other = (float(off[rows].mean()) for rows in _both(copy))
            yield Misfit(one, other, 0.3, "its values have more digits than the rest of the file")
            return


def _both(copy: Copy) -> tuple[slice, slice]:
    return slice(copy.first, copy.first + copy.rows), slice(copy.second, copy.second + copy.rows)


def _misfits(context: QualityContext, series: str, copy: Copy) -> Iterator[Misfit]:
    if series == WEATHER:
        yield from _of_light(context, copy)
        yield from _of_pair(context, copy, "the generation that was metered does not follow its irradiance")
    elif series == PV:
        yield from _of_pair(context, copy, "its generation does not follow the irradiance of its own days")
    elif series == MALL:
        yield from _of_demand(context, copy)


def _weeks(context: QualityContext, series: str, column: str, values: FloatArray) -> Iterator[Violation]:
    copies = copied_weeks(values)
    if not copies:
        return
    stamps = context.stamps(series)
    rows: list[Hours] = []
    words = []
    for copy in copies:
        judged = next((one for one in _misfits(context, series, copy) if one.copy is not None), None)
        starts = (copy.first, copy.second)
        which = None if judged is None or judged.copy is None else judged.copy
        kept = starts if which is None else (starts[which],)
        rows += [np.arange(start, start + copy.rows) for start in kept]
        first, second = (
            f"{stamps[start]:%Y-%m-%d %H:%M} to {stamps[start + copy.rows - 1]:%Y-%m-%d %H:%M}" for start in starts
        )
        said = "one of the two is a copy; the series alone does not say which"
        if judged is not None and which is not None:
            said = f"the {('first', 'second')[which]} is the copy: {judged.says}"
        exact = "to the last digit" if copy.apart < 1e-6 else f"within {copy.apart:.2g} of their size"
        number = "" if abs(copy.factor - 1.0) < 1e-6 else f" times {copy.factor:.5g}"
        words.append(f"{first} and {second} are one stretch{number}, {exact}; {said}")
    more = f" (and {len(copies) - 1} more pairs)" if len(copies) > 1 else ""
    yield Violation(
        series,
        column,
        f"{len(copies)} pairs of stretches of {BLOCK_DAYS} days or more, the longest of {copies[0].rows} h",
        "no two stretches nearer than a sixth of what the nearest others of the year differ by",
        f"{words[0]}{more}",
        hours=np.unique(np.concatenate(rows)),
    )


@rule(
    "solar.repeated_week",
    "error",
    "no week of light twice, times whatever",
    looks_at=(WEATHER, PV),
    rationale="Clouds do not repeat. Stretches of five days and more that are another one times a number, far nearer "
    "than any two others of the year, were copied.",
    reference="the series itself: its stretches of five days, each against all others",
    cause="a gap filled with another week, scaled or with noise added so that it looks new",
    fix="remove the copy from the source and declare a fill: `fills` with weather data of these hours and its source",
    waivable=False,
)
def solar_week(context: QualityContext) -> Iterator[Violation]:
    """Find stretches of irradiance and generation that are another one times a number."""
    for series, column, dark in (
        (WEATHER, "ghi_w_m2", DARK_W_M2),
        (PV, "pv_kwh", 0.0),
    ):
        if series in context.frames and greatest(context.values(series, column)) > dark:
            yield from _weeks(context, series, column, context.measured(series, column))


@rule(
    "mall.repeated_week",
    "error",
    "no week of demand twice, times whatever",
    looks_at=(MALL,),
    rationale="Demand is noisy by nature. Stretches of five days and more that are another one times a number, far "
    "nearer than any two others of the year, were copied.",
    reference="the series itself: its stretches of five days, each against all others",
    cause="a gap filled with another week, scaled or with noise added so that it looks new",
    fix="remove the copy from the source and declare a fill: `fills` with `source: file` or `typical_week`",
)
def mall_week(context: QualityContext) -> Iterator[Violation]:
    """Find stretches of demand that are another one times a number."""
    values = context.measured(MALL, "mall_kwh")
    # One course for all days is no copy of a week: mall.constant and mall.repeated_day say it.
    if greatest(values) > 0.0:
        yield from _weeks(context, MALL, "mall_kwh", values)


@rule(
    "ev.repeated_week",
    "warning",
    "no week of charging twice, times whatever",
    looks_at=(EV_PROFILE,),
    rationale="Vehicles come one by one: a week of the site that is another one times a number was copied.",
    reference="the series itself: its stretches of five days, each against all others",
    cause="a profile of some weeks repeated over the year, or a gap filled with another week",
    fix="use metered sessions (`ev.source: sessions`), or declare the fill: `fills`",
)
def ev_week(context: QualityContext) -> Iterator[Violation]:
    """Find stretches of the site's charging that are another one times a number."""
    columns = context.columns(EV_PROFILE)
    total = np.sum([context.measured(EV_PROFILE, name) for name in columns], axis=0)
    if greatest(total) > 0.0:
        yield from _weeks(context, EV_PROFILE, columns[0], total)
