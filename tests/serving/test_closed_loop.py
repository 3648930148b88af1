"""The service in a closed loop: the simulator controlled by its answers alone goes the way of the evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pvbesscar.agents.train import train
from pvbesscar.certify.certificate import certify
from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.forecast import causal_outlook
from pvbesscar.controllers.mpc import Mpc
from pvbesscar.dataset.forecast import forecast_columns
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.evaluation.kpis import KPIS, ControllerRun
from pvbesscar.plant.data import FORECAST_COLUMNS, PlantData, load_plant, net_load_forecast
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.plant.twin import Twin
from pvbesscar.serving.ahead import far_outlook, near_forecast
from pvbesscar.serving.deciders import ByAction
from pvbesscar.serving.live_year import LiveYears
from pvbesscar.serving.requests import request_of
from pvbesscar.serving.service import open_service
from pvbesscar.simulation.rollout import rollout
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import HISTORY_DAYS
from schemas.settings import TariffSettings
from tests.builders import two_prices
from tests.controllers.plants import settings
from tests.mini_site import mini_site
from tests.serving.sites import ByApi, Client, decider, fitted, policy, service, year

COLUMNS = list(LEDGER_COLUMNS)
START, HOURS = 24 * 40 + 5, 96
TARIFF = two_prices() | {
    "source": "made for a test",
    "demand": [
        {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": 40.0},
        {"name": "whole", "pen_per_kw_month": 10.0, "basis": "two_of_six_months", "history_kw": [100.0] * 5},
    ],
}


def twins(data: PlantData, controller: Controller, api: ByApi) -> tuple[np.ndarray, np.ndarray]:
    """Ledger rows of a controller asked directly, and of the service."""
    ours, theirs = (rollout(Twin(data), one, START, HOURS).frame[COLUMNS].to_numpy() for one in (controller, api))
    return ours, theirs


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_a_policy_and_the_rule_go_the_same_way_over_the_api(mode: str) -> None:
    data = year(mode=mode)
    rule = registry.make(registry.RULE, data)
    for name, controller in (("policy", policy(data)), ("rule", rule)):
        api = ByApi(Client(service(name, data)), settings().tariff)
        ours, theirs = twins(data, controller, api)
        assert np.array_equal(ours, theirs), name


def test_the_program_goes_the_same_way_over_the_api() -> None:
    data = year()
    learned = fitted(data)
    outlook = causal_outlook(data, learned.forecast)
    direct = Mpc("mpc", data, outlook, learned.reference, learned.demand)
    api = ByApi(Client(service("mpc", data, decider("mpc", data, learned))), settings().tariff, outlook)
    ours, theirs = twins(data, direct, api)
    assert np.array_equal(ours, theirs)


def test_a_history_gives_the_forecasts_that_were_evaluated() -> None:
    """Those of the program, and those of the observation, which the dataset makes of the whole year."""
    data = year()
    model = fitted(data).forecast
    live = LiveYears(data, settings()).validated
    columns = forecast_columns(data.pv_kwh, data.mall_kwh, live.clear_ghi, data.calendar[:, 2], data.params.pv_ac_kw)
    near = np.column_stack([columns[f"{name}_kwh"] for name in FORECAST_COLUMNS])
    load, outlook = net_load_forecast(data.pv_kwh, data.mall_kwh, near), causal_outlook(data, model)
    simulator = Twin(data)
    for t in (24, 47, 24 * 30 + 22, 24 * 60 + 13):
        request = request_of(simulator.reset(t), settings().tariff, history_hours=24 * HISTORY_DAYS)
        assert near_forecast(request, live, t)[0] == pytest.approx(near[t], rel=1e-9, abs=1e-9)
        assert near_forecast(request, live, t)[1] == pytest.approx(load[t], rel=1e-9, abs=1e-9)
        pv_kwh, mall_kwh = far_outlook(request, live, t, model)
        assert pv_kwh == pytest.approx(outlook.pv_kwh[t], rel=1e-9, abs=1e-9)
        assert mall_kwh == pytest.approx(outlook.mall_kwh[t], rel=1e-9, abs=1e-9)


def test_billed_demand_reaches_the_policy() -> None:
    data = year(tariff=TARIFF)
    asked = Client(service("policy", data, tariff=TARIFF))
    ours, theirs = twins(data, policy(data), ByApi(asked, TariffSettings.model_validate(TARIFF)))
    assert np.array_equal(ours, theirs)
    assert Twin(data).reset(START).demand_kw[:, 0].min() > 0.0


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_year_over_the_api_has_the_key_figures_of_the_evaluation(tmp_path: Path) -> None:
    """What was trained, certified and evaluated by the stages is served, and lives through the whole year."""
    own = mini_site(tmp_path, scenarios={"training": 2, "validation": 0, "test": 0})
    workspace = Workspace.of(own)
    certify(own, workspace)
    train("a2c", own, workspace, "smoke")
    names = ("rule", "mpc", "a2c")
    report = evaluate(
        own, workspace, "smoke", request=EvaluationRequest("smoke", names, ("nominal",), "twin"), workers=1
    )
    data = load_plant(workspace.dataset)
    judged = {result.controller: result for result in report.main.ranking}
    for name in names:
        served = open_service(own, workspace, name, 60_000.0)
        learned = served.decider._fitted if name == "mpc" else None  # type: ignore[attr-defined]
        outlook = None if learned is None else causal_outlook(data, learned.forecast)
        ledger = rollout(Twin(data), ByApi(Client(served), own.tariff, outlook))
        assert report.main.optimum is not None
        best = report.main.optimum
        against = (judged["no-control"].score, best.bound, judged["rule"].score, best.replay)
        usable_kwh = own.bess.capacity_kwh * own.bess.depth_of_discharge
        avoided = own.grid.avoided_fuel_kg_per_kwh
        run = ControllerRun([ledger], report.main.reference, own.weights, usable_kwh, avoided, *against)
        assert ledger.hours == 8760
        for kpi in KPIS:
            theirs, ours = judged[name].kpis[kpi.name], kpi.value(run)
            assert ours == (None if theirs is None else pytest.approx(theirs, rel=1e-6, abs=1e-6)), (name, kpi.name)
        assert isinstance(served.decider, ByAction) == (name == "a2c")
        served.close()
