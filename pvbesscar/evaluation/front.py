"""What hangs on the weights: the optimum under others, and who wins under them (docs/evaluation.md, "The weights").

The terms of a controller do not change with the weights that it is judged by, so its score under any weights is made
of the terms that it has. The optimum does change: it is solved for each.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pvbesscar.controllers.registry import MPC_PERFECT_DAY, NO_CONTROL
from pvbesscar.evaluation.bound import Bound
from pvbesscar.evaluation.cases import EvaluationCase, Variant
from pvbesscar.evaluation.resolution import RESOLUTION
from pvbesscar.evaluation.score import TERM_FIELDS, left_out, score
from pvbesscar.simulation.rollout import Ledger
from schemas.results import ControllerResult, ScenarioResult, ScoreTerms
from schemas.settings import WeightSettings
from schemas.trade_offs import OptimumUnder, ScoreUnder, Sweep, TradeOffs, Weighting

DEFAULT = "as set"
"""Name of the weights of the settings."""
ORACLES = (MPC_PERFECT_DAY,)
"""Controllers that are told hours to come: they show what a forecast is worth, and win nothing."""
COST_SHARES = (0.99, 0.93, 0.9, 0.8, 0.6)
"""Weights of cost in the sweep, the rest on ramping; close where the default year's front bends."""
CO2_SHARES = (0.99, 0.6)
"""Weights of CO2 in the sweep, the rest on ramping."""


def weighted(**parts: float) -> WeightSettings:
    """Weights of the terms named, brought to a sum of 1; the others have none.

    Raises
    ------
    ZeroDivisionError
        Nothing has a weight.
    """
    total = sum(parts.values())
    return WeightSettings(**{name: parts.get(name, 0.0) / total for name in WeightSettings.model_fields})


def named_weightings(own: WeightSettings) -> dict[str, WeightSettings]:
    """Weights that the controllers are judged by besides: by name, those of the settings first."""
    rest = own.model_dump() | {"grid_stability": 0.0}
    named = {DEFAULT: own, "cost alone": weighted(cost=1.0), "CO2 alone": weighted(co2=1.0)}
    # With all weight on ramping nothing would be left.
    return named | ({"without ramping": weighted(**rest)} if any(rest.values()) else {})


def sweeps(own: WeightSettings) -> dict[str, tuple[Sweep, WeightSettings]]:
    """Weights that the optimum is solved for besides those of the settings, by name."""
    named: dict[str, tuple[Sweep, WeightSettings]] = {
        name: ("weighting", weights) for name, weights in named_weightings(own).items() if name != DEFAULT
    }
    for share in COST_SHARES:
        weights = weighted(cost=share, grid_stability=1.0 - share)
        named[f"cost {share:g}, ramping {1.0 - share:.2g}"] = ("cost", weights)
    for share in CO2_SHARES:
        weights = weighted(co2=share, grid_stability=1.0 - share)
        named[f"CO2 {share:g}, ramping {1.0 - share:.2g}"] = ("co2", weights)
    return named


def optimum_cases(case: EvaluationCase, own: WeightSettings) -> tuple[EvaluationCase, ...]:
    """Cases of which the optimum is solved under other weights, on the hours of `case`."""
    return tuple(
        EvaluationCase(case.scenario, case.scenario_set, "twin", case.stretches, variant=Variant(name, weights=weights))
        for name, (_, weights) in sweeps(own).items()
    )


def trade_offs(
    judged: ScenarioResult, own: WeightSettings, bounds: dict[str, Bound], no_control: Sequence[Ledger]
) -> TradeOffs:
    """What hangs on the weights, from what was solved and judged.

    Parameters
    ----------
    judged
        The scenario with its ranking.
    own
        Weights of the settings.
    bounds
        Optimum under each of `sweeps`, by name.
    no_control
        Ledgers of no control on the same hours.
    """
    columns = (ledger.frame[["co2_kg", "cost_pen"]].to_numpy().tolist() for ledger in no_control)
    hours = [(co2, cost) for rows in columns for co2, cost in rows]
    return TradeOffs(
        optima=_optima(judged, own, bounds),
        refused=judged.optimum_refused,
        weightings=tuple(
            _weighting(name, weights, judged, bounds)
            for name, weights in named_weightings(own).items()
            if _has_scale(weights, judged.reference)
        ),
        oracles=tuple(r.controller for r in judged.ranking if r.controller in ORACLES),
        co2_cost_over_controllers=correlation(_co2_and_cost(judged.ranking)),
        co2_cost_without_no_control=correlation(
            _co2_and_cost([r for r in judged.ranking if r.controller != NO_CONTROL])
        ),
        co2_cost_over_hours=correlation(hours),
    )


def _optima(judged: ScenarioResult, own: WeightSettings, bounds: dict[str, Bound]) -> tuple[OptimumUnder, ...]:
    solved: list[OptimumUnder] = []
    if judged.optimum is not None:
        first = judged.optimum
        solved.append(
            OptimumUnder(
                name=DEFAULT, sweep="weighting", weights=own, bound=first.bound, replay=first.replay, terms=first.terms
            )
        )
    for name, (sweep, weights) in sweeps(own).items():
        found = bounds[name].result
        if found is not None and _has_scale(weights, judged.reference):
            solved.append(
                OptimumUnder(
                    name=name, sweep=sweep, weights=weights, bound=found.bound, replay=found.replay, terms=found.terms
                )
            )
    return tuple(solved)


def _has_scale(weights: WeightSettings, reference: ScoreTerms) -> bool:
    """Whether every controller has a score under these weights: a term that they weigh is in J."""
    by_field = zip(TERM_FIELDS, weights.model_dump().values(), strict=True)
    return any(weight > 0.0 and name not in left_out(reference) for name, weight in by_field)


def _weighting(name: str, weights: WeightSettings, judged: ScenarioResult, bounds: dict[str, Bound]) -> Weighting:
    def own_score(result: ControllerResult) -> float:
        return score(result.terms, judged.reference, weights)

    optimum = judged.optimum if name == DEFAULT else bounds[name].result
    able = [result for result in judged.ranking if result.controller not in ORACLES]
    lowest = min(map(own_score, able))
    return Weighting(
        name=name,
        weights=weights,
        winners=tuple(result.controller for result in able if own_score(result) - lowest < RESOLUTION),
        scores=tuple(ScoreUnder(controller=r.controller, score=own_score(r)) for r in judged.ranking),
        bound=None if optimum is None else optimum.bound,
    )


def _co2_and_cost(results: Sequence[ControllerResult]) -> list[tuple[float, float]]:
    return [(result.terms.co2_kg, result.terms.cost_pen) for result in results]


def correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Correlation (Pearson) of pairs; `None` with fewer than three that differ, or where one side does not vary."""
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len(set(pairs)) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    # Its sums are exact: the same digits on every processor.
    return statistics.correlation(first, second)
