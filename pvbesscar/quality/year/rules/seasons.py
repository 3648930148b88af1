"""Parts of the year out of their place: a clock changed in summer, months exchanged, weeks on other weekdays."""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import FloatArray
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.solar import DARK_W_M2, greatest
from pvbesscar.quality.year.rules.time_shift import EXCESS_LIMIT, shift_against_sky
from schemas.frames import MALL, WEATHER

LAGS_H = (-2, -1, 0, 1, 2)
LAGGING_MONTHS = 2
"""Months, one after another, that make a season with another clock."""

MIXED = (0.1, 0.9)
"""Share of a month under the summer clock between which it belongs to neither season [1]."""

FITS_BETTER = 0.5
"""How much of a month's misfit a lag must take away to count [1]; a real lag takes away nine tenths."""

OTHER_SEASON = 0.02
"""Light of a month above a clean, cloudless sky, of what a month has on average [1]; measured years reach 0.008."""

MOST_MONTHS = 6
"""Months of another season; more of them are no exchange but false throughout, and other rules say it."""

WEEK_EXPLAINS = 0.6
"""Share of a month's variance of daily demand that the weekdays explain, where they tell anything [1]."""

WEEK_GAINS = 0.4
"""How much more of it they must explain once moved [1]."""


def _months(context: QualityContext, series: str) -> tuple[Hours, Hours]:
    """Calendar month of each row, and the months that are there in their order."""
    months = context.stamps(series).month.to_numpy().astype(np.int64)
    return months, np.unique(months)


def _names(months: Sequence[int]) -> str:
    """Months in words: `April to October`, `March and July`."""
    names = [calendar.month_name[month] for month in months]
    if len(names) > 2 and all((b - a) % 12 == 1 for a, b in itertools.pairwise(months)):
        return f"{names[0]} to {names[-1]}"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _in_a_row(chosen: Sequence[int]) -> list[int]:
    """Longest run of months in the round of the year, in its order."""
    best: list[int] = []
    for first in chosen:
        run = [first]
        while (run[-1] % 12) + 1 in chosen and len(run) < len(chosen):
            run.append(run[-1] % 12 + 1)
        best = max(best, run, key=len)
    return best


def lags_of_months(days: FloatArray) -> NDArray[np.int64]:
    """Lag of each mean day against the middle one of all [h], 0 where no lag is clearly better.

    Parameters
    ----------
    days
        Mean day of each month, shape (months, 24).
    """
    shape = days / days.mean(axis=1, keepdims=True)
    middle = np.median(shape, axis=0)
    lags = np.zeros(len(days), dtype=np.int64)
    for month, day in enumerate(shape):
        left = {}
        for lag in LAGS_H:
            moved = np.roll(middle, lag)
            left[lag] = float(np.sqrt(np.mean((day - moved * (day @ moved) / (moved @ moved)) ** 2)))
        best = min(LAGS_H, key=lambda lag: left[lag])
        lags[month] = best if left[best] < FITS_BETTER * left[0] else 0
    return lags


@rule(
    "mall.season_shift",
    "error",
    "one clock throughout the year",
    looks_at=(MALL,),
    rationale="A mall opens and closes by the clock. Where the mean day of some months, one after another, is that of "
    "the others moved by an hour, the meter's clock was changed in summer and the stamps were not. Where that is the "
    "site's own summer clock, the demand may keep standard time: a warning.",
    reference="docs/design.md, Calendar: local time throughout; the series itself, month against month",
    cause="a logger under a summer clock at a site without one, or opening hours that change with the season",
    fix="move the hours named back by the lag in the source, or set `mall.timezone` to the zone of the meter's clock; "
    "where the mall does open at other hours then, waive the rule and say so",
)
def season_shift(context: QualityContext) -> Iterator[Violation]:
    """Find months, one after another, whose mean day is that of the others an hour or two away."""
    months, present = _months(context, MALL)
    values, hour = np.nan_to_num(context.values(MALL, "mall_kwh")), context.stamps(MALL).hour.to_numpy()
    if present.size < 12 or not (values > 0).any():
        return
    sums, counts = (
        np.bincount((months - 1) * 24 + hour, weights=weights, minlength=288).reshape(12, 24)
        for weights in (values, None)
    )
    days = sums / np.maximum(counts, 1)
    if not (days.mean(axis=1) > 0).all():
        return  # months without demand: mall.outage says it
    lags = lags_of_months(days)
    for lag in sorted({*lags.tolist()} - {0}, key=abs):
        away = _in_a_row([month + 1 for month in np.flatnonzero(lags == lag).tolist()])
        if len(away) >= LAGGING_MONTHS:
            # Which of the two clocks is wrong: the one whose days fit the opening hours worse.
            late, wrong = (lag, away) if _fits_worse(context, days, away) else (-lag, _others(away))
            if _keeps_standard_time(context.stamps(MALL), wrong, late):
                yield _standard_time(late, wrong, np.flatnonzero(np.isin(months, wrong)))
                return
            yield Violation(
                MALL,
                "mall_kwh",
                f"the mean day of {_names(away)} is that of the other months {lag:+d} h",
                f"no lag that takes away half of the difference in {LAGGING_MONTHS} months, one after another",
                f"in {_names(wrong)} the demand is {abs(late)} h {'late' if late > 0 else 'early'} against the other "
                "months",
                hours=np.flatnonzero(np.isin(months, wrong)),
            )
            return


def _keeps_standard_time(stamps: pd.DatetimeIndex, months: Sequence[int], late: int) -> bool:
    """Whether months are late by the site's own summer clock: the demand of a clock that is never put forward."""
    ahead = (stamps.tz_localize(None) - stamps.tz_convert("UTC").tz_localize(None)).total_seconds() / 3600.0
    forward = ahead.to_numpy() - ahead.min()
    if forward.max() != abs(late):
        return False
    share = {m: float((forward[stamps.month == m] > 0).mean()) for m in range(1, 13)}
    least, most = MIXED
    return all(
        least <= one <= most or (one > most) == ((month in months) == (late > 0)) for month, one in share.items()
    )


def _standard_time(late: int, months: Sequence[int], hours: Hours) -> Violation:
    """Demand by the standard clock at a site that has a summer clock: no fault of the stamps alone."""
    return Violation(
        MALL,
        "mall_kwh",
        f"the mean day of {_names(months)} is that of the other months {late:+d} h, as the clock is put forward",
        "the same opening hours by the clock on the wall",
        "the demand keeps standard time where the site's clock is put forward in summer",
        hours=hours,
        cause="a building whose controls have no summer clock, or stamps that were put forward twice",
        fix="ask the building's operator; where it does open by the summer clock, export the file again with its "
        "stamps as the meter wrote them, and set `mall.timezone` to the meter's clock",
        severity="warning",
    )


def _others(months: Sequence[int]) -> list[int]:
    return _in_a_row([month for month in range(1, 13) if month not in months])


def _fits_worse(context: QualityContext, days: FloatArray, months: Sequence[int]) -> bool:
    """Whether the mean day of some months fits the opening hours worse than that of the others; so do equal ones."""
    opens, closes = context.settings.mall.open_hours
    is_open = ((np.arange(24) >= opens) & (np.arange(24) < closes)).astype(np.float64)
    if is_open.all():
        return True
    inside = np.isin(np.arange(1, 13), months)
    these, those = (float(np.corrcoef(days[rows].mean(axis=0), is_open)[0, 1]) for rows in (inside, ~inside))
    return these <= those + 0.02


@rule(
    "mall.other_weekdays",
    "warning",
    "weekdays where the calendar has them",
    looks_at=(MALL,),
    rationale="Where a mall has a week, its busy and quiet days fall on the weekdays of the stamps. A month whose week "
    "fits only when moved by some days holds the values of another month.",
    reference="the series itself: daily demand against the mean of each weekday over the other months",
    cause="months exchanged or pasted from another year, or days lost without a gap in the stamps",
    fix="export the months named again; check that the stamps were written by the meter and not filled in afterwards",
)
def other_weekdays(context: QualityContext) -> Iterator[Violation]:
    """Find months whose weekly course is moved against the calendar."""
    stamps, days = context.stamps(MALL), context.local_days(MALL)
    distinct, first, group = np.unique(days, return_index=True, return_inverse=True)
    if distinct.size < 360:
        return
    total = np.bincount(group, weights=np.nan_to_num(context.values(MALL, "mall_kwh")))
    month, weekday = stamps.month.to_numpy()[first], stamps.day_of_week.to_numpy()[first]
    level = np.array([np.median(total[month == one]) if (month == one).any() else 1.0 for one in range(1, 13)])
    if not (level > 0).all():
        return
    relative = (total / level[month - 1]).clip(0.3, 3.0)
    moved = {}
    for one in range(1, 13):
        here, elsewhere = month == one, month != one
        usual = np.array([np.median(relative[elsewhere & (weekday == day)]) for day in range(7)])
        left = [float(((relative[here] - usual[(weekday[here] + shift) % 7]) ** 2).sum()) for shift in range(7)]
        spread = float(((relative[here] - np.median(relative[here])) ** 2).sum())
        told = 1.0 - np.array(left) / max(spread, 1e-12)
        best = int(np.argmax(told))
        if best and told[best] > WEEK_EXPLAINS and told[best] - told[0] > WEEK_GAINS:
            moved[one] = best
    if moved:
        wrong = [*moved]
        yield Violation(
            MALL,
            "mall_kwh",
            f"the week fits when moved by {', '.join(f'{shift} days in {_names([m])}' for m, shift in moved.items())}",
            f"a move that explains at least {WEEK_GAINS:.0%} more of the days' variance in no month",
            f"the weekdays of {_names(wrong)} are not those of the calendar",
            hours=np.flatnonzero(np.isin(stamps.month.to_numpy(), wrong)),
        )


@rule(
    "solar.other_season",
    "error",
    "each month's light under its own sky",
    looks_at=(WEATHER,),
    rationale="Day length and the height of the sun bound the light of every month. A month with more light than a "
    "clean, cloudless sky gives at its hours, which no shift by hours explains, holds the values of another season.",
    reference="Ineichen and Perez (2002), doi:10.1016/S0038-092X(02)00045-2, Linke turbidity 2",
    cause="months exchanged under right stamps, or pasted from another time of the year or another latitude",
    fix="export the months named again, and the ones that they may have been exchanged with; check `site.latitude`",
    waivable=False,
)
def other_season(context: QualityContext) -> Iterator[Violation]:
    """Find months with light that is of no hour of their sky."""
    ghi, sky = np.nan_to_num(context.values(WEATHER, "ghi_w_m2")), context.clean_sky
    months, present = _months(context, WEATHER)
    if present.size < 12 or greatest(ghi) <= DARK_W_M2:
        return
    late, excess, best = shift_against_sky(ghi, sky)
    if late != 0 and excess > EXCESS_LIMIT and best < 0.5 * excess:
        return  # solar.time_shift says it
    mean = float(ghi.sum()) / 12.0
    above = {int(one): float((ghi - sky)[months == one].clip(0.0).sum()) / mean for one in present}
    wrong = [one for one, share in above.items() if share > OTHER_SEASON]
    if 0 < len(wrong) <= MOST_MONTHS:
        worst = max(wrong, key=lambda one: above[one])
        rows = np.flatnonzero(np.isin(months, wrong) & (ghi > sky))
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{above[worst]:.1%} of a month's light above a cloudless sky in {_names([worst])}",
            f"at most {OTHER_SEASON:.0%}",
            f"the light of {_names(wrong)} is not that of its own sky",
            hours=rows,
        )
