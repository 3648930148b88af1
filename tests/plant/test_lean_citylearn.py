"""CityLearn without its bookkeeping is the same physics, and is the CityLearn that this was proven on."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pvbesscar.evaluation.citylearn_kpis import citylearn_sums
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.state import setpoints
from tests.builders import mini_dataset, session

SESSIONS = [session(k, 24 * d + 8 + k, 24 * d + 11 + k, 0.1 + 0.1 * k) for d in range(4) for k in range(8)]
PROVEN = {
    "internal/runtime.py": "d2e46ad6f7558f391d4bc526e3327817b822dee6558bca92a01259c20f6239af",
    "internal/building_ops.py": "f958a6e05b3688f1cc05d1e22cc1de77dccdb9fd2238f615e3012a653407dabb",
    "energy_model.py": "c03d2398e445ebb1833d6e76954e76f3290e82699ca20ce267afd51f599143f2",
    "electric_vehicle_charger.py": "932b68f307c17aa65b7fcf6440fd1f212619e003027977b9ffcd6d3bb8261e44",
    "electric_vehicle.py": "b2da55cd974dc1a818199f89d68b890ae84cedc8ab5c68fdb344047d7636c812",
    "building.py": "54a00a92f6656c091c5a7f845bd843dbc2a396ebd610717410cac0de4d0eedcd",
    "base.py": "7d220cf1b7b7e3ef892a940e87d698a7931669dbf01f0622535103ca97b873c1",
}
"""SHA-256 of the modules of CityLearn 3.0.2 that the step runs through."""


def test_lean_and_stock_steps_give_the_same_state_bit_for_bit(tmp_path: Path) -> None:
    pv = np.where(np.arange(8760) % 24 == 12, 2500.0, 0.0)
    folder = mini_dataset(tmp_path, SESSIONS, pv_kwh=pv, mall_kwh=300.0, control={"mode": "bidirectional"})
    lean, stock = CityLearnSim(folder), CityLearnSim(folder, lean=False)
    lean.reset(0, 96)
    stock.reset(0, 96)
    rng = np.random.default_rng(5)
    for _ in range(96):
        assert np.array_equal(lean.state.soc, stock.state.soc)
        assert lean.state.bess_soc == stock.state.bess_soc
        asked = setpoints(lean.state, rng.random(9))
        ours, theirs = lean.step(asked), stock.step(asked)
        assert np.array_equal(ours.row, theirs.row)
        assert np.array_equal(ours.socket_kwh, theirs.socket_kwh)
    assert citylearn_sums(lean) == citylearn_sums(stock)


@pytest.mark.parametrize("module", PROVEN)
def test_citylearn_is_the_one_that_was_proven(module: str) -> None:
    found = importlib.util.find_spec("citylearn")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / module
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PROVEN[module], (
        f"CityLearn's {module} changed: prove the lean step and the twin again, then renew the digest"
    )
