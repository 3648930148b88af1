"""The comparison catches what can go wrong in a twin: faults planted one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pvbesscar.certify.compare import Differences, InMode, compare
from pvbesscar.certify.policies import Alternating, Constant, Random, Swing
from pvbesscar.controllers.base import Acting
from pvbesscar.plant.citylearn_sim import CityLearnSim
from tests.builders import MINI_EV, mini_dataset
from tests.certify.faults import FAULTS, Fault, plain_twin
from tests.certify.fuzz import contract, course

HOURS = 96
BATTERY = {
    "capacity_kwh": 203.7,
    "power_kw": 90.0,
    "depth_of_discharge": 0.8,
    "initial_soc": 0.45,
    "loss_coefficient": 0.06,
    "capacity_loss_coefficient": 0.05,
    "power_efficiency_curve": ((0.0, 0.8), (0.4, 0.93), (1.0, 0.85)),
    "capacity_power_curve": ((0.0, 1.1), (0.7, 1.05), (1.0, 0.3)),
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> CityLearnSim:
    rng = np.random.default_rng(3)
    vehicle = {"moto": {"battery_kwh": 3.5}, "mototaxi": {"battery_kwh": 10.0}}
    sessions = [s for k in range(8) for s in course(rng, k, 10, 10 + HOURS, vehicle["moto" if k < 4 else "mototaxi"])]
    sun = np.maximum(0.0, np.sin((np.arange(8760) % 24 - 6) / 12 * np.pi))
    folder = mini_dataset(
        tmp_path_factory.mktemp("faults"),
        sessions,
        pv_kwh=sun * 180.0,
        mall_kwh=40.0 + 50.0 * rng.random(8760),
        ev=MINI_EV | {"socket_min_kw": 0.8, "charger_efficiency": 0.93},
        bess=BATTERY,
        tariff=contract(1) | {"feed_in_price": 0.1, "export_limit_kw": 30.0},
    )
    return CityLearnSim(folder)


def _runs(simulator: CityLearnSim, twin: type[Any]) -> Iterator[Differences]:
    policies: tuple[tuple[Acting | Swing, Any], ...] = (
        (Random(1), "bidirectional"), (Swing(1), "dispatch"), (Alternating(), "dispatch"),
        (Constant("full-charge", 0.0, 1.0), "bidirectional"),
    )  # fmt: skip
    for policy, mode in policies:
        reference = InMode(simulator, mode)
        yield compare(reference, twin(reference.data), policy, 10, HOURS)


def test_the_copy_without_a_fault_is_equal(simulator: CityLearnSim) -> None:
    found = list(_runs(simulator, plain_twin(None)))
    assert [differences.first for differences in found] == [None] * len(found)
    assert {differences.compiled for differences in found} == {True, False}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught(simulator: CityLearnSim, fault: Fault) -> None:
    first = next((found.first for found in _runs(simulator, plain_twin(fault)) if not found.equal), None)
    assert first is not None, "no policy and no quantity showed the fault"
