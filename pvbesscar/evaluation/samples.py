"""Years that are resampled together: what their days add to J, and the source weeks that the days come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.registry import OPTIMUM, RULE
from pvbesscar.dataset.scenarios import NOMINAL, POOLS, ScenarioStore
from pvbesscar.dataset.years import DAYS, WEEK, WEEKS
from pvbesscar.evaluation.bound import reference_of
from pvbesscar.evaluation.courses import by_day, yearly_courses
from pvbesscar.evaluation.intervals import SourceWeeks, interval
from pvbesscar.evaluation.parallel import Bounds, EvaluationPlan, Results
from pvbesscar.simulation.windows import Stretch
from schemas.results import Interval
from schemas.settings import HOURS_PER_YEAR

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """What each day of some years adds to J, by controller and for the bound, and the weeks that the days come from.

    Attributes
    ----------
    courses
        By controller, `optimum` being the bound, shape (seeds, years, days); one seed is one training.
    costs
        What each day costs under each controller that was run, of the same shape [PEN].
    """

    weeks: SourceWeeks
    courses: Mapping[str, FloatArray]
    costs: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        weeks: SourceWeeks,
        years: Sequence[Mapping[str, FloatArray]],
        costs: Sequence[Mapping[str, FloatArray]] = (),
    ) -> Sample:
        """Sample of years that were each run once by every controller."""

        def stacked(parts: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
            return {name: np.stack([year[name] for year in parts])[None] for name in (parts[0] if parts else ())}

        return cls(weeks, stacked(years), stacked(costs))

    def score(self, controller: str) -> Interval:
        """Interval of the mean J."""
        return interval(self.weeks, self.courses[controller])

    def difference(self, first: str, second: str) -> Interval:
        """Interval of the mean of J(first) - J(second)."""
        return interval(self.weeks, self.courses[first] - self.courses[second])

    def saving(self, controller: str, other: str) -> Interval:
        """Interval of what the mean year costs less than under another controller [PEN]."""
        return interval(self.weeks, self.costs[other] - self.costs[controller])

    def gap(self, controller: str) -> Interval:
        """Interval of the gap closed, (J(rule) - J) / (J(rule) - J*), each a mean over the years."""
        rule = self.courses[RULE]
        return interval(self.weeks, rule - self.courses[controller], over=rule - self.courses[OPTIMUM])


def source_weeks(store: ScenarioStore, names: Sequence[str]) -> SourceWeeks | None:
    """Weeks of the validated year that the days of some years come from; that year itself has each of its own once."""
    if NOMINAL in names:
        # The last day is of no whole week.
        weather = demand = np.minimum(np.arange(DAYS) // WEEK, WEEKS - 1)[None]
    else:
        recipes = [store.recipe(name) for name in names]
        weather, demand = (
            np.stack([getattr(own, day) for own in recipes]) // WEEK for day in ("weather_day", "demand_day")
        )
    return SourceWeeks.of(weather, demand, store.wet_weeks().astype(np.int64))


def samples_of(
    plan: EvaluationPlan, store: ScenarioStore, simulated: Results, bounds: Bounds
) -> dict[str, Sample | None]:
    """Samples of the whole years that were simulated, by set; `None` where they have too few source weeks.

    Perturbed years are of several plants and of the same weeks: they are no sample.
    """
    by_set: dict[str, tuple[str, ...]] = {}
    for case in plan.cases:
        whole = [stretch.hours for stretch in case.stretches] == [HOURS_PER_YEAR]
        if whole and case.scenario_set in (NOMINAL, *POOLS):
            by_set[case.scenario_set] = (*by_set.get(case.scenario_set, ()), case.scenario)
    return {which: _sample(plan, store, names, simulated, bounds) for which, names in by_set.items()}


def _sample(
    plan: EvaluationPlan, store: ScenarioStore, names: Sequence[str], simulated: Results, bounds: Bounds
) -> Sample | None:
    weeks = source_weeks(store, names)
    if weeks is None:
        return None
    years, costs = [], []
    for name in names:
        reference = reference_of(store.load(name), [Stretch("year", 0, HOURS_PER_YEAR)])
        ledgers = {spec.name: simulated[name, spec.name].ledgers[0] for spec in plan.specs}
        years.append(yearly_courses(ledgers, bounds[name], reference, plan.settings.weights))
        costs.append({name: by_day(own.frame["cost_pen"].to_numpy(np.float64)) for name, own in ledgers.items()})
    # An optimum that was refused in one of the years leaves no gap to take an interval of.
    common = [name for name in years[0] if all(name in year for year in years)]
    return Sample.of(weeks, [{name: year[name] for name in common} for year in years], costs)
