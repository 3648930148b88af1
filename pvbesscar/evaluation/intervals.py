"""Intervals over resampled weeks: what another draw of the source weeks could have given.

A drawn year is made of few source weeks, each many times: its weather comes from one of them, its demand from another
(docs/scenarios.md). Ten such years are no ten independent years, so the source weeks are resampled, not the years:
within their season, each week in both its roles, as weather and as demand (a crossed bootstrap: Owen 2007, The
pigeonhole bootstrap, doi:10.1214/07-AOAS122). The interval is studentised (Efron and Tibshirani 1993, An Introduction
to the Bootstrap, chapter 12) by the clustered standard error of both roles (Cameron, Gelbach and Miller 2011,
doi:10.1198/jbes.2010.07136). Several training seeds are a third factor, crossed with both. `tools/docs/coverage.py`
measures how often it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.results import Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Way = Literal["together", "apart", "unmixed"]

RESAMPLES = 4000
QUANTILES = (0.025, 0.975)
LEAST_WEEKS = 5
"""Source weeks that an interval needs; seasons with fewer are resampled as one."""


@dataclass(frozen=True, slots=True)
class SourceWeeks:
    """Source weeks of every day of some years.

    Attributes
    ----------
    weather, demand
        Source week of each day's weather and of its demand, shape (years, days), counted from 0.
    stratum
        Season of each source week, shape (weeks,); weeks are resampled within it.
    """

    weather: IntArray
    demand: IntArray
    stratum: IntArray

    @classmethod
    def of(cls, weather: IntArray, demand: IntArray, season: IntArray) -> SourceWeeks | None:
        """Source weeks by their number in the calendar; `None` where there are too few for an interval.

        Parameters
        ----------
        weather, demand
            Week of the calendar that each day's weather and demand come from, shape (years, days).
        season
            Season of each week of the calendar.
        """
        weeks, index = np.unique(np.stack([weather, demand]), return_inverse=True)
        if weeks.size < LEAST_WEEKS:
            return None
        own = season[weeks].astype(np.int64)
        _, sizes = np.unique(own, return_counts=True)
        if sizes.min() < LEAST_WEEKS:
            own = np.zeros_like(own)
        first, second = index.reshape(2, *weather.shape)
        return cls(first, second, own)

    @property
    def weeks(self) -> int:
        """Number of source weeks."""
        return self.stratum.size

    def seasons(self) -> list[IntArray]:
        """Weeks of each stratum."""
        return [np.flatnonzero(self.stratum == own) for own in np.unique(self.stratum)]

    def cells(self, values: FloatArray) -> FloatArray:
        """Sum values of days, shape (seeds, years, days), by week of weather and of demand: (seeds, weeks, weeks)."""
        n = self.weeks
        cell = (self.weather * n + self.demand).ravel()
        return np.stack([np.bincount(cell, own.ravel(), n * n).reshape(n, n) for own in values])


@dataclass(frozen=True, slots=True)
class _Draw:
    """How often each week is there as weather and as demand, shape (draws, weeks), and each seed, (draws, seeds)."""

    weather: FloatArray
    demand: FloatArray
    seed: FloatArray


def interval(
    weeks: SourceWeeks, values: FloatArray, over: FloatArray | None = None, way: Way = "together", seed: int = 0
) -> Interval:
    """Interval (95 %) over resampled weeks: of the mean year, or of a ratio of means.

    Differences between two controllers are formed day by day and, where each was trained several times, seed by seed
    before they come here, so that what a week or a seed does to both is no part of the spread.

    Parameters
    ----------
    values
        What each day adds to its year, shape (seeds, years, days).
    over
        The same of the denominator, or `None` for the mean over the years.
    way
        Weeks resampled once for both their roles, or for each apart as if weather and demand were of different weeks.
        A year whose days have weather and demand of the same week is not mixed: its weeks have one role.
    seed
        Of the resampling; the same results give the same interval.

    Returns
    -------
    tuple
        Low and high end; both the estimate where nothing varies.
    """
    _, years, days = values.shape
    if np.array_equal(weeks.weather, weeks.demand):
        way = "unmixed"
    whole = np.full_like(values, 1.0 / days) if over is None else np.broadcast_to(over, values.shape)
    part, base = weeks.cells(values), weeks.cells(whole)
    count = weeks.cells(np.ones((1, years, days)))[0]
    generator = np.random.default_rng(seed)
    one = _Draw(np.ones((1, weeks.weeks)), np.ones((1, weeks.weeks)), np.ones((1, len(values))))
    estimate, error = (float(own[0]) for own in _estimates(weeks, part, base, count, one, way))
    if error <= 1e-12 * max(abs(estimate), 1e-12):
        return estimate, estimate
    # Of one or two years some draws are of weeks that never met: these show nothing, and are left out.
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn, errors = _estimates(weeks, part, base, count, _draws(weeks, len(values), way, generator), way)
        studentised = (drawn - estimate) / errors
    low, high = np.quantile(studentised[np.isfinite(studentised)], QUANTILES)
    return float(estimate - high * error), float(estimate - low * error)


def _draws(weeks: SourceWeeks, seeds: int, way: Way, generator: np.random.Generator) -> _Draw:
    def by_stratum() -> FloatArray:
        drawn = np.zeros((RESAMPLES, weeks.weeks))
        for group in weeks.seasons():
            drawn[:, group] = _multiplicities(group.size, generator)
        return drawn

    weather = demand = by_stratum()
    if way == "apart":
        demand = by_stratum()
    elif way == "unmixed":
        demand = np.ones_like(weather)
    return _Draw(weather, demand, _multiplicities(seeds, generator) if seeds > 1 else np.ones((RESAMPLES, 1)))


def _multiplicities(size: int, generator: np.random.Generator) -> FloatArray:
    """How often each of `size` things is drawn; a draw of one thing alone shows no spread and is drawn again."""
    drawn = generator.multinomial(size, np.full(size, 1.0 / size), size=RESAMPLES)
    while (alone := (drawn > 0).sum(axis=1) < 2).any():
        drawn[alone] = generator.multinomial(size, np.full(size, 1.0 / size), size=int(alone.sum()))
    return drawn.astype(np.float64)


def _estimates(
    weeks: SourceWeeks, part: FloatArray, base: FloatArray, count: FloatArray, draw: _Draw, way: Way
) -> tuple[FloatArray, FloatArray]:
    """Ratio of means of each draw, and its standard error, each shape (draws,).

    Parameters
    ----------
    part, base
        Sums by cell of numerator and denominator, shape (seeds, weeks, weeks).
    count
        Days by cell, shape (weeks, weeks).
    """
    seeds = len(part)
    tops, bases = np.zeros((2, len(draw.weather), seeds))
    strata = [_Stratum.of(own, part, base, count, draw, way) for own in weeks.seasons()]
    for own in strata:
        tops += own.share / own.days[:, None] * own.tops
        bases += own.share / own.days[:, None] * own.bases
    bottom = (draw.seed * bases).sum(axis=1) / seeds
    ratio: FloatArray = (draw.seed * tops).sum(axis=1) / (seeds * bottom)
    variance = sum((own.variance(ratio, bottom) for own in strata), np.zeros_like(ratio))
    if seeds > 1:
        of_seed = (tops - ratio[:, None] * bases) / (seeds * bottom[:, None])
        variance += seeds / (seeds - 1.0) * (draw.seed * of_seed**2).sum(axis=1)
    return ratio, np.sqrt(variance)


@dataclass(frozen=True, slots=True)
class _Stratum:
    """The weeks of a season as they were drawn; a season has the same share of every year, whatever is drawn.

    Attributes
    ----------
    days, tops, bases
        Days, and sums of numerator and denominator, shape (draws,) and (draws, seeds).
    """

    share: float
    part: FloatArray
    base: FloatArray
    count: FloatArray
    draw: _Draw
    way: Way
    days: FloatArray
    tops: FloatArray
    bases: FloatArray

    @classmethod
    def of(
        cls, season: IntArray, part: FloatArray, base: FloatArray, count: FloatArray, draw: _Draw, way: Way
    ) -> _Stratum:
        """Cut the cells and draws of a season's weeks out."""
        own = [cells[..., season[:, None], season] for cells in (part, base, count)]
        local = _Draw(draw.weather[:, season], draw.demand[:, season], draw.seed)
        tops, bases = (np.stack([_total(cells, local) for cells in kind], axis=1) for kind in own[:2])
        share = float(own[2].sum() / count.sum())
        return cls(share, own[0], own[1], own[2], local, way, _total(own[2], local), tops, bases)

    def variance(self, ratio: FloatArray, bottom: FloatArray) -> FloatArray:
        """Part of the variance of the ratio of means that these weeks have, shape (draws,)."""
        seeds, size, draw = len(self.part), len(self.count), self.draw
        rest = np.zeros((2 if self.way == "apart" else 1, *draw.weather.shape))
        for own, top, below in zip(draw.seed.T / seeds, self.part, self.base, strict=True):
            rest += own[:, None] * (_touched(top, draw, self.way) - ratio[:, None] * _touched(below, draw, self.way))
        mean = (draw.seed * (self.tops - ratio[:, None] * self.bases)).sum(axis=1) / (seeds * self.days)
        rest -= mean[:, None] * _touched(self.count, draw, self.way)
        rest *= (self.share / (self.days * bottom))[:, None]
        drawn = np.stack([draw.weather, draw.demand])[: len(rest)]
        result: FloatArray = size / (size - 1.0) * (drawn * rest**2).sum(axis=(0, 2))
        return result


def _total(cells: FloatArray, draw: _Draw) -> FloatArray:
    """Sum of cells, each as often as it is drawn, shape (draws,)."""
    result: FloatArray = ((draw.weather @ cells) * draw.demand).sum(axis=1)
    return result


def _touched(cells: FloatArray, draw: _Draw, way: Way) -> FloatArray:
    """Sum of the cells that one copy of each week is in, shape (roles, draws, weeks)."""
    as_weather, as_demand = draw.demand @ cells.T, draw.weather @ cells
    if way == "together":
        return (as_weather + as_demand)[None]
    return as_weather[None] if way == "unmixed" else np.stack([as_weather, as_demand])
