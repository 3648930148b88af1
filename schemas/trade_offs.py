"""What hangs on the weights of J, and what the departure guard leaves of its EV term; parts of the evaluation."""

from __future__ import annotations

from typing import Literal

from schemas.settings import WeightSettings
from schemas.terms import Result, ScoreTerms

Sweep = Literal["weighting", "cost", "co2"]
"""A named weighting, or a point between cost, or CO2, and ramping alone."""


class OptimumUnder(Result):
    """The perfect-foresight optimum under some weights, on the hours that the controllers are judged on."""

    name: str
    sweep: Sweep
    weights: WeightSettings
    bound: float
    """Nobody scores less under these weights."""
    replay: float
    """Score of the plan under these weights, run through the twin."""
    terms: ScoreTerms
    """Of the replay."""


class ScoreUnder(Result):
    """Score of a controller under some weights."""

    controller: str
    score: float


class Weighting(Result):
    """Who wins under some weights."""

    name: str
    weights: WeightSettings
    winners: tuple[str, ...]
    """Of the controllers that know no future, those with the lowest score, equal ones together."""
    scores: tuple[ScoreUnder, ...]
    """Every controller, in the order of the ranking."""
    bound: float | None
    """Of the optimum under these weights; absent where there is none."""


class TradeOffs(Result):
    """What hangs on the weights, on the scenario that tables begin with."""

    optima: tuple[OptimumUnder, ...]
    refused: str | None = None
    """Why there is no optimum."""
    weightings: tuple[Weighting, ...]
    oracles: tuple[str, ...]
    """Controllers that are told the future, and win nothing."""
    co2_cost_over_controllers: float | None
    """Correlation (Pearson) of CO2 and cost over the controllers; absent with fewer than three that differ."""
    co2_cost_without_no_control: float | None
    """The same without no control, which lies far from the others."""
    co2_cost_over_hours: float | None
    """The same over the hours of no control."""

    def front(self, sweep: Literal["cost", "co2"]) -> tuple[OptimumUnder, ...]:
        """Optima between cost, or CO2, and ramping, the lowest ramping first; without those that another one beats.

        A plan that the plant can not follow, because it imports and exports in one hour, or charges and discharges,
        comes out of the twin with other terms than the program gave it, and may be beaten in both.
        """
        field = {"cost": "cost_pen", "co2": "co2_kg"}[sweep]
        kept: list[OptimumUnder] = []
        own = [(o.terms.ramping_kwh, getattr(o.terms, field), o) for o in self.optima if o.sweep == sweep]
        for _, other, optimum in sorted(own, key=lambda point: point[:2]):
            if not kept or other < getattr(kept[-1].terms, field):
                kept.append(optimum)
        return tuple(kept)


class ServiceUnder(Result):
    """Departures of a controller on the windows, with the departure guard on or off."""

    controller: str
    guard: bool
    score: float
    """J on the windows, of the same scale with and without the guard."""
    departures: int
    departures_met: int
    ev_short_kwh: float


class EvTerm(Result):
    """What the EV term of J tells controllers apart by, and what becomes of departures without the guard."""

    guard: bool
    """Whether the departure guard is on where the controllers are judged and trained."""
    unavoidable_kwh: float
    """Shortfall of the departures that no power can meet, the same for every controller [kWh]."""
    largest_kwh: float
    """Largest shortfall of a controller beside it [kWh]."""
    largest_of: str
    tolerance_kwh: float
    """Shortfall up to which all departures still count as met [kWh]."""
    largest_in_j: float
    """What that shortfall adds to J."""
    windows: tuple[str, ...]
    windows_unavoidable_kwh: float
    """Shortfall on the windows that no power could avert: vehicles that are there when one begins among it [kWh]."""
    rows: tuple[ServiceUnder, ...]
    """Every controller on the windows, guard on and guard off."""

    @property
    def inactive(self) -> bool:
        """Whether the term tells no controller from another: all shortfalls are within the tolerance."""
        return self.largest_kwh <= self.tolerance_kwh
