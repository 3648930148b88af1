"""A whole year on the real CityLearn: every hour controlled and counted once, every session departs once."""

from __future__ import annotations

import numpy as np
import pytest

from pvbesscar.controllers.baselines import NoControl, Rule
from pvbesscar.evaluation.score import score, terms
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from schemas.settings import WeightSettings
from tests.builders import mini_dataset, session


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> CityLearnSim:
    hour = np.arange(8760) % 24
    pv = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 1500.0
    sessions = [session(k, 24 * day + 10 + k, 24 * day + 13 + k, 0.25) for day in range(365) for k in range(8)]
    return CityLearnSim(mini_dataset(tmp_path_factory.mktemp("year"), sessions, pv_kwh=pv, mall_kwh=400.0))


def test_a_year_under_no_control(simulator: CityLearnSim) -> None:
    ledger = rollout(simulator, NoControl())
    assert ledger.frame["t"].tolist() == list(range(8760))
    assert ledger.total("departures") == ledger.total("departures_met") == 8 * 365
    # 0.65 of four motos and four mototaxis a day, at an efficiency of 0.95.
    assert ledger.total("ev_kwh") == pytest.approx(365 * 0.65 * 4 * (3.5 + 10.0) / 0.95, rel=1e-6)
    balance = ledger.frame.eval("mall_kwh + ev_kwh + charge_kwh - discharge_kwh - pv_kwh - import_kwh + export_kwh")
    assert float(balance.abs().max()) < 1e-9
    reference = dict(
        zip(("co2_kg", "solar_kwh", "cost_pen", "ramping_kwh"), simulator.data.reference[[0, 1, 2, 4]], strict=True)
    )
    for name, value in reference.items():
        assert ledger.total(name) == pytest.approx(value, rel=1e-6)
    required = terms([ledger]).model_copy(update={"ev_short_kwh": float(simulator.data.reference[3])})
    assert score(terms([ledger]), required, WeightSettings()) == pytest.approx(0.9, abs=1e-6)
    # The mean reward of a year is -J.
    assert -ledger.total("reward") / 8760 == pytest.approx(0.9, abs=1e-6)


def test_a_year_of_the_rule_is_the_same_on_the_twin(simulator: CityLearnSim) -> None:
    theirs, ours = rollout(simulator, Rule()), rollout(Twin(simulator.data), Rule())
    assert ours.frame.equals(theirs.frame)
    assert ours.total("export_kwh") < rollout(Twin(simulator.data), NoControl()).total("export_kwh")
