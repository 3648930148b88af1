"""Intervals over resampled weeks, against standard errors worked out by hand and a known truth."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pvbesscar.dataset.scenarios import Recipe
from pvbesscar.evaluation import intervals
from pvbesscar.evaluation.intervals import SourceWeeks, interval
from tools.docs.coverage import BEGIN, CASES, END, Case, drawn_weeks, measure
from tools.docs.pages import DOCS

SIX = np.arange(6)
EFFECT = np.array([1.0, 2.0, 4.0, 4.0, 5.0, 8.0])


def crossed(weeks: int = 6) -> SourceWeeks:
    """A year in which every week of weather meets every week of demand once."""
    weather, demand = (own.ravel()[None] for own in np.indices((weeks, weeks)))
    return SourceWeeks(weather, demand, np.zeros(weeks, dtype=np.int64))


def test_what_never_varies_has_a_point() -> None:
    assert interval(crossed(), np.full((1, 1, 36), 0.5 / 36)) == pytest.approx((0.5, 0.5))
    assert interval(crossed(), np.zeros((3, 1, 36))) == (0.0, 0.0)


def test_the_standard_error_is_that_of_the_weeks_and_not_of_the_days() -> None:
    # Days add the effect of their week of weather alone. The year's sum is the mean of six weeks: its error is their
    # deviation over the root of six, however often each week is repeated.
    weeks = crossed()
    part, base, count = (
        weeks.cells(own) for own in (EFFECT[weeks.weather][None] / 36, np.full((1, 1, 36), 1 / 36), np.ones((1, 1, 36)))
    )
    once = intervals._Draw(np.ones((1, 6)), np.ones((1, 6)), np.ones((1, 1)))
    ways: tuple[intervals.Way, ...] = ("together", "apart")
    for way in ways:
        estimate, error = intervals._estimates(weeks, part, base, count[0], once, way)
        assert (estimate[0], error[0]) == pytest.approx((EFFECT.mean(), EFFECT.std(ddof=1) / np.sqrt(6.0)))


def test_a_year_of_its_own_weeks_is_an_ordinary_sample_of_them() -> None:
    # Weather and demand of a day are of one week: six values, whose standard error is that of their mean.
    own = np.repeat(SIX, 4)[None]
    weeks = SourceWeeks.of(own, own, np.zeros(52, dtype=np.int64))
    assert weeks is not None
    low, high = interval(weeks, (EFFECT[own] / 24)[None])
    error = EFFECT.std(ddof=1) / np.sqrt(6.0)
    # Student's t of five degrees of freedom would take 2.57 errors; that of a skewed sample is longer above.
    assert 1.5 * error < EFFECT.mean() - low < 4.0 * error
    assert 1.5 * error < high - EFFECT.mean() < 6.0 * error


def test_weather_and_demand_of_one_week_may_cancel() -> None:
    # A week whose weather adds what its demand takes away: the truth does not vary at all, and only the weeks that are
    # resampled whole know it.
    weeks = crossed()
    cancel = ((EFFECT[weeks.weather] - EFFECT[weeks.demand]) / 36)[None]
    low, high = interval(weeks, cancel)
    assert high - low < 1e-9
    low, high = interval(weeks, cancel, way="apart")
    assert high - low > 2.0
    double = ((EFFECT[weeks.weather] + EFFECT[weeks.demand]) / 36)[None]
    widths = [high - low for low, high in (interval(weeks, double), interval(weeks, double, way="apart"))]
    assert widths[0] > 1.2 * widths[1]


def test_more_years_of_the_same_weeks_make_no_interval_narrower() -> None:
    one = crossed()
    ten = SourceWeeks(np.repeat(one.weather, 10, 0), np.repeat(one.demand, 10, 0), one.stratum)
    first, second = (interval(own, (EFFECT[own.weather] / 36)[None]) for own in (one, ten))
    assert first == pytest.approx(second)


def test_a_ratio_is_that_of_the_means_and_what_is_common_is_no_spread() -> None:
    weeks = crossed()
    base = (1.0 + np.array([1.0, 2.0, 4.0, 4.0, 5.0, 8.0]))[weeks.weather][None] / 36
    assert interval(weeks, 0.4 * base, over=base) == pytest.approx((0.4, 0.4))
    noisy = 0.4 * base + np.where(weeks.demand % 2 == 0, 0.1, -0.1)[None] / 36
    low, high = interval(weeks, noisy, over=base)
    assert low < 0.4 < high
    assert high - low < 0.3


def test_the_season_of_a_week_is_no_spread() -> None:
    # Six dry weeks of 1 and six wet ones of 5: every year has as many of both, so nothing varies.
    weather = np.repeat(np.arange(12), 5)[None]
    season = np.repeat([0, 1], 6)
    weeks = SourceWeeks.of(weather, weather, season)
    assert weeks is not None
    low, high = interval(weeks, np.where(season[weather] == 1, 5.0, 1.0)[None] / 60)
    assert (low, high) == pytest.approx((3.0, 3.0))
    assert weeks.stratum.tolist() == season.tolist()


def test_few_weeks_of_a_season_are_resampled_with_the_others_and_too_few_not_at_all() -> None:
    weather = np.array([[3, 9, 20, 31, 40, 51]])
    joined = SourceWeeks.of(weather, weather[:, ::-1], (np.arange(52) < 10).astype(np.int64))
    assert joined is not None
    assert joined.stratum.tolist() == [0] * 6
    assert joined.weather.tolist() == [list(range(6))]
    assert joined.demand.tolist() == [list(range(5, -1, -1))]
    assert SourceWeeks.of(weather[:, :4], weather[:, :4], np.zeros(52, dtype=np.int64)) is None


def test_seeds_are_paired_and_a_third_factor() -> None:
    weeks = crossed()
    days = np.zeros((4, 1, 36)) + (np.array([1.0, 2.0, 3.0, 6.0]) / 36)[:, None, None]
    low, high = interval(weeks, days)
    # Nothing but seeds varies: mean 3, standard error 1.08 (deviation 2.16 over the root of 4).
    assert low < 3.0 - 1.08
    assert high > 3.0 + 1.08
    # A difference is formed seed by seed before: what a seed does to both is gone.
    assert interval(weeks, days - (days - 0.5 / 36)) == pytest.approx((0.5, 0.5))
    one_seed = interval(weeks, days[:1])
    assert one_seed == pytest.approx((1.0, 1.0))


def test_the_same_results_give_the_same_interval() -> None:
    days = np.random.default_rng(1).standard_normal((1, 1, 36))
    assert interval(crossed(), days) == interval(crossed(), days)


def test_weeks_that_never_met_are_no_draw() -> None:
    # A year of six weeks, each with the demand of the next alone: a draw of weeks that are no neighbours has no day.
    weather = np.arange(6)[None]
    weeks = SourceWeeks(weather, (weather + 1) % 6, np.zeros(6, dtype=np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = interval(weeks, (EFFECT[weather] / 6)[None])
    assert np.isfinite([low, high]).all()
    assert low < EFFECT.mean() < high


def test_recipes_are_read_as_weeks() -> None:
    weeks = drawn_weeks(1, years=2)
    recipe = weeks.recipes[0]
    assert isinstance(recipe, Recipe)
    assert weeks.source is not None
    assert weeks.source.weeks == len(set(np.concatenate([(own.weather_day // 7) for own in weeks.recipes])))
    assert weeks.source.weather.shape == (2, 365)


def test_in_a_few_simulations_it_holds_the_truth_about_as_often_as_it_says() -> None:
    own = measure(CASES[0], repetitions=25, years=4)
    assert own["together"] >= 0.8
    assert own["years"] < 0.7


def page_of_coverage() -> dict[str, list[float]]:
    """Shares that docs/evaluation.md gives, by case."""
    table = (DOCS / "evaluation.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if " % |" in line]
    return {row[0]: [float(cell.removesuffix(" %")) / 100.0 for cell in row[1:]] for row in rows}


def test_the_page_has_every_case_and_says_that_the_interval_holds() -> None:
    page = page_of_coverage()
    assert list(page) == [case.name for case in CASES]
    for name, (together, _, years) in page.items():
        assert 0.93 <= together <= 0.985, name
        assert years < 0.7, name


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_holds_the_truth_as_often_as_the_page_says(case: Case) -> None:
    own = measure(case, repetitions=300)
    # The first 300 of the page's simulations; a share of 0.95 of these has a standard error of 1.3 %.
    for kind, share in zip(("together", "apart", "years"), page_of_coverage()[case.name], strict=True):
        assert own[kind] == pytest.approx(share, abs=0.09 if kind == "years" else 0.05), kind
