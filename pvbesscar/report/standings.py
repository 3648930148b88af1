"""Controllers as the page compares them: on one scenario, or on the mean year of a set; equal ones together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pvbesscar.evaluation.money import FORESIGHT
from pvbesscar.evaluation.resolution import RESOLUTION, term_differs
from pvbesscar.evaluation.score import TERM_FIELDS
from schemas.results import ControllerKind, ControllerResult, EvaluationReport, Interval, ScenarioResult, ScoreTerms
from schemas.settings import HOURS_PER_YEAR

TEST = "test"
Use = Literal["yes", "oracle", "yardstick"]


@dataclass(frozen=True, slots=True)
class Stand:
    """One controller; over a set every figure is the mean of its years.

    Attributes
    ----------
    peak_kw
        Highest import of an hour [kW].
    departures, met, infeasible
        Sums over all hours judged; `infeasible` are those that no power could meet.
    cycles
        Full cycles of the battery.
    """

    name: str
    kind: ControllerKind
    score: float
    terms: ScoreTerms
    peak_kw: float | None
    gap_closed: float | None
    gap_interval: Interval | None
    captured: float | None
    departures: int
    met: int
    infeasible: int
    cycles: float | None

    @property
    def use(self) -> Use:
        """Whether a site can have it: an oracle is told the future, a yardstick was made to be beaten."""
        if self.name in FORESIGHT:
            return "oracle"
        return "yardstick" if self.kind in ("untrained", "random", "constant") else "yes"


@dataclass(frozen=True, slots=True)
class Standing:
    """All controllers on the same hours, the lowest J first.

    Attributes
    ----------
    name
        Scenario, or set.
    years
        Number of years that figures are means of; 0 where less than a year was judged.
    hours
        Hours that totals are of, of one year.
    optimum
        Terms of the optimum's plan, run through the simulator; `None` where there is none.
    bound, replay
        J*, and J of that plan.
    optimum_peak_kw
        Highest import of an hour in that plan; of years the mean.
    """

    name: str
    years: int
    hours: int
    judged_on: tuple[str, ...]
    stands: tuple[Stand, ...]
    reference: ScoreTerms
    optimum: ScoreTerms | None
    bound: float | None
    replay: float | None
    optimum_peak_kw: float | None

    def of(self, name: str) -> Stand | None:
        """A controller by name, where it was judged."""
        return next((stand for stand in self.stands if stand.name == name), None)

    def groups(self, *uses: Use) -> list[list[Stand]]:
        """Controllers of some uses, those that can not be told apart together."""
        grouped: list[list[Stand]] = []
        for stand in self.stands:
            if stand.use not in uses:
                continue
            same = next((group for group in grouped if self._equal(group[0], stand)), None)
            if same is None:
                grouped.append([stand])
            else:
                same.append(stand)
        return grouped

    def _equal(self, one: Stand, other: Stand) -> bool:
        if abs(one.score - other.score) >= RESOLUTION:
            return False
        pairs = ((getattr(one.terms, f), getattr(other.terms, f), getattr(self.reference, f)) for f in TERM_FIELDS)
        return not any(term_differs(*pair) for pair in pairs)

    @property
    def best(self) -> Stand | None:
        """Controller with the lowest J that a site can have; of equal ones the plainest."""
        able = [stand for stand in self.stands if stand.use == "yes"]
        if not able:
            return None
        lowest = min(stand.score for stand in able)
        return next(stand for stand in able if stand.score - lowest < RESOLUTION)

    @property
    def cheapest(self) -> Stand | None:
        """Controller with the lowest cost that a site can have; of equal ones the one with the lower J."""
        able = [stand for stand in self.stands if stand.use == "yes"]
        return min(able, key=lambda stand: round(stand.terms.cost_pen, 2)) if able else None


def standings(report: EvaluationReport) -> tuple[Standing, ...]:
    """What the page compares: the scenario that the evaluation begins with, then each set that was judged."""
    return (_of_scenario(report.main), *(_of_set(report, own.name) for own in report.sets if own.entries))


def deciding(report: EvaluationReport) -> Standing:
    """The standing that the recommendation is made on: the test years, where they were judged."""
    made = standings(report)
    return next((standing for standing in made if standing.name == TEST), made[0])


def _stand(result: ControllerResult) -> Stand:
    return Stand(
        result.controller, result.kind, result.score, result.terms, result.kpis.get("peak_kw"), result.gap_closed,
        result.gap_interval, result.captured_share, result.departures, result.departures_met, result.infeasible,
        result.kpis.get("equivalent_full_cycles"),
    )  # fmt: skip


def _of_scenario(judged: ScenarioResult) -> Standing:
    hours = judged.ranking[0].hours if judged.ranking else 0
    own = judged.optimum
    return Standing(
        judged.scenario, int(hours == HOURS_PER_YEAR), hours, judged.judged_on, tuple(map(_stand, judged.ranking)),
        judged.reference, *((None,) * 4 if own is None else (own.terms, own.bound, own.replay, own.peak_kw)),
    )  # fmt: skip


def _of_set(report: EvaluationReport, name: str) -> Standing:
    own = next(found for found in report.sets if found.name == name)
    years = [judged for judged in report.scenarios if judged.scenario in own.scenarios]
    stands = []
    for entry in own.entries:
        results = [r for judged in years for r in judged.ranking if r.controller == entry.controller]
        stands.append(
            Stand(
                entry.controller,
                entry.kind,
                entry.mean_score,
                entry.mean_terms,
                _mean(results, "peak_kw"),
                entry.gap_closed,
                entry.gap_interval,
                entry.captured_share,
                sum(r.departures for r in results),
                sum(r.departures_met for r in results),
                sum(r.infeasible for r in results),
                _mean(results, "equivalent_full_cycles"),
            )
        )
    optima = [judged.optimum for judged in years if judged.optimum is not None]
    terms = peak = None
    if optima and len(optima) == len(years):
        peak = sum(o.peak_kw for o in optima) / len(optima)
        terms = ScoreTerms(**{f: sum(getattr(o.terms, f) for o in optima) / len(optima) for f in TERM_FIELDS})
    return Standing(
        name, len(years), HOURS_PER_YEAR, own.scenarios, tuple(stands), own.mean_reference, terms, own.mean_bound,
        own.mean_replay, peak,
    )  # fmt: skip


def _mean(results: Sequence[ControllerResult], kpi: str) -> float | None:
    values = [value for result in results if (value := result.kpis.get(kpi)) is not None]
    return sum(values) / len(values) if values and len(values) == len(results) else None
