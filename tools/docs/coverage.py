"""The table of docs/evaluation.md that says how often an interval over resampled weeks holds the truth.

    python -m tools.docs.coverage [--repetitions 1000]

Test years are drawn as `build` draws them, from twelve or thirteen weeks; each day adds the effects of its week of
weather, of its week of demand, of their meeting, and of its own. The truth, the mean over all weeks that there could
be, is known here. Some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pvbesscar.dataset.scenarios import Calendar, Recipe, draw, week_pools
from pvbesscar.dataset.years import WEEK, WEEKS
from pvbesscar.evaluation.intervals import QUANTILES, SourceWeeks, interval
from schemas.settings import ScenarioSettings
from tools.docs.blocks import with_block
from tools.docs.pages import DOCS, table

FloatArray = NDArray[np.float64]

BEGIN, END = "<!-- coverage: python -m tools.docs.coverage -->", "<!-- end of coverage -->"
YEARS = 10
SEASON = 1.0
"""What a wet week adds in every case; it is in all years alike."""
OPEN, SHARE = 6.0, 0.4
"""Mean of what is open, and the share of it that is closed, where a ratio is measured."""


@dataclass(frozen=True, slots=True)
class Case:
    """A truth: standard deviations of the effects of weather, demand, their meeting and a week of a year by itself."""

    name: str
    weather: float = 1.0
    demand: float = 1.0
    meeting: float = 0.3
    own: float = 0.3
    together: float = 0.0
    """Correlation of the effects of a week's weather and of its demand."""
    skewed: bool = False
    seeds: int = 1
    """Trainings, each with an effect of standard deviation 1."""
    ratio: bool = False
    """A ratio of means, as the gap closed is: the effects lie on a share of what is open, which varies itself."""


CASES = (
    Case("weather and demand alike"),
    Case("weather alone", demand=0.0),
    Case("linked: weather and demand of a week add up", together=0.7),
    Case("linked: they cancel in part", together=-0.7),
    Case("skewed effects (exponential)", skewed=True),
    Case("mostly their meeting, and chance", weather=0.2, demand=0.2, meeting=1.0, own=1.0),
    Case("a ratio of means", ratio=True),
    Case("five trainings", seeds=5),
)


@dataclass(frozen=True, slots=True)
class DrawnWeeks:
    """Test years drawn from the weeks of a calendar, as `build` draws them."""

    recipes: Sequence[Recipe]
    source: SourceWeeks
    wet: NDArray[np.bool_]


@cache
def drawn_weeks(seed: int, years: int = YEARS) -> DrawnWeeks:
    """Years drawn from the test weeks of a calendar with a wet season from November to April and seven holidays."""
    week = np.arange(WEEKS)
    wet = (week < 17) | (week >= 44)
    holiday = np.isin(week, (0, 15, 17, 26, 30, 34, 51))
    calendar, settings = Calendar(wet, holiday, last_day_wet=True), ScenarioSettings()
    pool = week_pools(calendar, seed)["test"]
    recipes = [draw(f"test-{k}", pool, calendar, settings, (seed, 3, k)) for k in range(years)]
    weather, demand = (
        np.stack([getattr(own, day) for own in recipes]) // WEEK for day in ("weather_day", "demand_day")
    )
    source = SourceWeeks.of(weather, demand, wet.astype(np.int64))
    assert source is not None
    return DrawnWeeks(recipes, source, wet[np.unique(np.stack([weather, demand]))])


def simulated(
    case: Case, weeks: DrawnWeeks, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray | None, float]:
    """What each day adds, shape (seeds, years, days), what it is a share of, and the truth that it was made of."""
    source = weeks.source
    count, (years, days) = source.weeks, source.weather.shape
    effects = generator.exponential(size=(2, count)) - 1.0 if case.skewed else generator.standard_normal((2, count))
    weather = case.weather * effects[0]
    rest = np.sqrt(1.0 - case.together**2)
    demand = case.demand * (case.together * effects[0] + rest * effects[1])
    meeting = case.meeting * generator.standard_normal((count, count))
    own = case.own * np.repeat(generator.standard_normal((years, WEEKS + 1)), WEEK, axis=1)[:, :days]
    season = SEASON * weeks.wet[source.weather]
    daily = weather[source.weather] + demand[source.demand] + meeting[source.weather, source.demand] + own
    if case.ratio:
        is_open = OPEN + season + weather[source.weather] + generator.standard_normal(count)[source.demand]
        return (SHARE * is_open + daily)[None] / days, is_open[None] / days, SHARE
    by_seed = generator.standard_normal(case.seeds) if case.seeds > 1 else np.zeros(1)
    return (by_seed[:, None, None] + season + daily) / days, None, float(season.mean())


def measure(case: Case, repetitions: int, years: int = YEARS) -> dict[str, float]:
    """Share of the simulations in which each kind of interval holds the truth."""
    held = dict.fromkeys(("together", "apart", "years"), 0)
    for seed in range(repetitions):
        generator = np.random.default_rng((1, seed))
        weeks = drawn_weeks(seed, years)
        daily, over, truth = simulated(case, weeks, generator)
        yearly = [np.ones(years) if own is None else own.mean(axis=0).sum(axis=1) for own in (daily, over)]
        found = {
            "together": interval(weeks.source, daily, over),
            "apart": interval(weeks.source, daily, over, way="apart"),
            "years": over_years(*yearly, generator),
        }
        for kind, (low, high) in found.items():
            held[kind] += low <= truth <= high
    return {kind: count / repetitions for kind, count in held.items()}


def over_years(values: FloatArray, over: FloatArray, generator: np.random.Generator) -> tuple[float, float]:
    """Interval of a bootstrap that takes the years for independent ones, for comparison."""
    drawn = generator.integers(values.size, size=(1000, values.size))
    low, high = np.quantile(values[drawn].sum(axis=1) / over[drawn].sum(axis=1), QUANTILES)
    return float(low), float(high)


def section(repetitions: int) -> str:
    """Write the table of all cases."""
    head = ("effects", "source weeks, each as a whole (used)", "source weeks, weather and demand apart", "years")
    rows = []
    for case in CASES:
        own = measure(case, repetitions)
        rows.append((case.name, *(f"{100.0 * own[kind]:.1f} %" for kind in ("together", "apart", "years"))))
    said = f"Of {repetitions:,} simulations each, {YEARS} years, the share in which the 95 % interval held the truth:"
    return f"{said}\n\n{table(head, rows)}"


def main() -> None:
    """Measure all cases, then write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    made, path = section(parser.parse_args().repetitions), DOCS / "evaluation.md"
    path.write_text(with_block(path.read_text(encoding="utf-8"), BEGIN, END, made), encoding="utf-8")


if __name__ == "__main__":
    main()
