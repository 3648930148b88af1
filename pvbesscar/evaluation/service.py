"""What the EV term of J tells controllers apart by, and what becomes of departures without the departure guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pvbesscar.dataset.reference import infeasible, session_needs
from pvbesscar.evaluation.bound import reference_of
from pvbesscar.evaluation.cases import EvaluationCase, SimulatedCase, Variant
from pvbesscar.evaluation.score import left_out, score, terms
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import MET_TOLERANCE_SOC
from pvbesscar.simulation.windows import Stretch
from schemas.results import ScenarioResult
from schemas.settings import WeightSettings
from schemas.trade_offs import EvTerm, ServiceUnder

GUARDS = {"guard on": True, "guard off": False}
"""Variants that every controller is run in, by name."""


def guard_cases(scenario: str, scenario_set: str, windows: tuple[Stretch, ...]) -> tuple[EvaluationCase, ...]:
    """The windows of a scenario with the departure guard on and off, on the twin."""
    return tuple(
        EvaluationCase(scenario, scenario_set, "twin", windows, variant=Variant(name, guard=guard))
        for name, guard in GUARDS.items()
    )


def ev_term(
    judged: ScenarioResult,
    judged_on: Sequence[Stretch],
    cases: Sequence[EvaluationCase],
    simulated: Mapping[tuple[str, str], SimulatedCase],
    data: PlantData,
    weights: WeightSettings,
) -> EvTerm:
    """What the EV term tells, from what was simulated.

    Parameters
    ----------
    judged, judged_on
        The scenario with its ranking, and its hours.
    cases
        Of `guard_cases`.
    simulated
        By key of the case and controller.
    data
        Year of the plant.
    """
    unavoidable, tolerance = unavoidable_kwh(data, judged_on), tolerance_kwh(data, judged_on)
    worst = max(judged.ranking, key=lambda result: result.terms.ev_short_kwh)
    beside = max(worst.terms.ev_short_kwh - unavoidable, 0.0)
    has_scale = "ev_short_kwh" not in left_out(judged.reference)
    windows = cases[0].stretches
    reference = reference_of(data, windows)
    rows = []
    for result in judged.ranking:
        for case in cases:
            ledgers = simulated[case.key, result.controller].ledgers
            rows.append(
                ServiceUnder(
                    controller=result.controller,
                    guard=case.variant is not None and case.variant.guard is True,
                    score=score(terms(ledgers), reference, weights),
                    departures=round(sum(ledger.total("departures") for ledger in ledgers)),
                    departures_met=round(sum(ledger.total("departures_met") for ledger in ledgers)),
                    ev_short_kwh=terms(ledgers).ev_short_kwh,
                )
            )
    return EvTerm(
        guard=data.params.departure_guard,
        unavoidable_kwh=unavoidable,
        largest_kwh=beside,
        largest_of=worst.controller,
        tolerance_kwh=tolerance,
        largest_in_j=weights.ev_service * beside / judged.reference.ev_short_kwh if has_scale else 0.0,
        windows=tuple(window.name for window in windows),
        windows_unavoidable_kwh=unavoidable_kwh(data, windows),
        rows=tuple(rows),
    )


def unavoidable_kwh(data: PlantData, stretches: Sequence[Stretch]) -> float:
    """Energy that departures are short of at full power from arrival on, in the batteries [kWh]."""
    p, sessions = data.params, data.sessions
    total = 0.0
    for stretch in stretches:
        departs = _departs(data, stretch)
        stay = sessions.departure - np.maximum(sessions.arrival, stretch.start)
        short = np.maximum(session_needs(p, sessions) - p.socket_kw * stay, 0.0) * p.charger_efficiency
        # What can be met is at most short by rounding, which is no shortfall.
        cut = infeasible(p, sessions._replace(arrival=sessions.departure - stay))
        total += float(short[departs & cut].sum())
    return total


def tolerance_kwh(data: PlantData, stretches: Sequence[Stretch]) -> float:
    """Shortfall at which every departure would still count as met, in the batteries [kWh]."""
    capacity = data.sessions.battery_kwh
    return sum(float(capacity[_departs(data, stretch)].sum()) for stretch in stretches) * MET_TOLERANCE_SOC


def _departs(data: PlantData, stretch: Stretch) -> np.ndarray:
    departure = data.sessions.departure
    mask: np.ndarray = (departure > stretch.start) & (departure <= stretch.start + stretch.hours)
    return mask
