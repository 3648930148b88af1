"""Ledgers and results whose every figure is worked out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pvbesscar.evaluation.courses import gap_parts
from pvbesscar.evaluation.kpis import ControllerRun
from pvbesscar.evaluation.ranking import controller_result, ranked
from pvbesscar.evaluation.score import score, terms
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.simulation.rollout import Ledger
from schemas.results import ControllerResult, OptimumResult, ScenarioResult, ScoreTerms
from schemas.settings import WeightSettings

WEIGHTS = WeightSettings()
# No control: J of 0.9, for nothing is short.
REFERENCE = ScoreTerms(co2_kg=300.0, solar_kwh=60.0, cost_pen=90.0, ev_short_kwh=30.0, ramping_kwh=15.0)
COLUMNS = (
    "co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh", "reward", "import_kwh", "export_kwh", "ev_kwh",
    "charge_kwh", "discharge_kwh", "departures", "departures_met", "departures_feasible", "departures_met_feasible",
    "pv_kwh", "mall_kwh", "carbon", "price",
)  # fmt: skip


def ledger(name: str, co2_kg: float, hours: int = 2, **columns: float) -> Ledger:
    """Some hours, all of it in the first."""
    frame = pd.DataFrame(0.0, index=range(hours), columns=list(COLUMNS))
    for column, value in ({"co2_kg": co2_kg} | columns).items():
        frame.loc[0, column] = value
    stamps = pd.date_range("2025-03-10", periods=hours, freq="h", tz="America/Lima")
    return Ledger(name, frame.assign(timestamp=stamps))


def scenario(
    bound: float | None, controllers: dict[str, tuple[Any, Ledger]], plan: Ledger | None = None, name: str = "nominal"
) -> ScenarioResult:
    """Scenario with an optimum whose plan is `plan`; the controllers must have a rule among them."""
    rule = terms([controllers["rule"][1]])
    optimum = None
    if bound is not None and plan is not None:
        totals = terms([plan])
        replay = score(totals, REFERENCE, WEIGHTS)
        optimum = OptimumResult(mode="dispatch", bound=bound, replay=replay, terms=totals, peak_kw=1234.5)

    def result(controller: str) -> ControllerResult:
        kind, own = controllers[controller]
        against = (0.9, bound, score(rule, REFERENCE, WEIGHTS), None if optimum is None else optimum.replay)
        run = ControllerRun([own], REFERENCE, WEIGHTS, 4520.0, 2.146, *against)
        return controller_result(ControllerSpec(controller, kind), run, "0" * 64)

    return ScenarioResult(
        scenario=name,
        simulator="twin",
        digest="0",
        judged_on=("year",),
        reference=REFERENCE,
        optimum=optimum,
        gap_parts=() if optimum is None else gap_parts(rule, optimum.terms, REFERENCE, WEIGHTS),
        ranking=ranked([result(controller) for controller in controllers]),
    )
