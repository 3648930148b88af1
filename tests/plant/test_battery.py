"""The compiled battery is CityLearn's, bit for bit, for every curve and course of charges."""

from __future__ import annotations

import numpy as np
import pytest
from citylearn.base import EpisodeTracker
from citylearn.energy_model import Battery as CityLearnBattery

from pvbesscar.plant.battery import Battery, charge, charge_vehicle, stand

HOURS = 120
FLAT = np.array([[0.0, 1.0], [1.0, 1.0]])


def _pair(rng: np.random.Generator) -> tuple[CityLearnBattery, Battery]:
    capacity = float(rng.choice([4520.0, 3.5, 10.0, 7.4, 0.0, 1234.567]))
    power = float(rng.choice([2712.0, 3.5, 0.0, 11.0, 0.6 * capacity]))
    reserve = float(rng.choice([0.0, 0.2, 0.1, 0.65]))
    points = int(rng.integers(2, 6))
    x = np.concatenate([[0.0], np.sort(rng.random(points - 2)), [1.0]])
    efficiency, limit = (np.array([x, rng.uniform(low, 1, points)]) for low in (0.6, 0.0))
    if rng.random() < 0.3:
        efficiency, limit = np.array([[0.0, 1.0], [0.9, 0.9]]), FLAT
    loss, wear = float(rng.choice([0.0, 0.001, 0.01])), float(rng.choice([0.0, 1e-5, 1e-3]))
    tracker = EpisodeTracker(0, HOURS)
    tracker.next_episode(HOURS + 1, rolling_episode_split=False, random_episode_split=False, random_seed=0)
    theirs = CityLearnBattery(
        capacity=capacity,
        nominal_power=power,
        capacity_loss_coefficient=wear,
        power_efficiency_curve=efficiency.T.tolist(),
        capacity_power_curve=limit.T.tolist(),
        depth_of_discharge=1.0 - reserve,
        efficiency=0.9,
        loss_coefficient=loss,
        initial_soc=float(rng.uniform(reserve, 1.0)),
        # CityLearn derives the ratio from the data as a NumPy float64, which decides where values are rounded.
        time_step_ratio=np.float64(1.0),
        episode_tracker=tracker,
        seconds_per_time_step=3600,
    )
    theirs.reset()
    ours = Battery(capacity, power, 1.0 - reserve, loss, wear, efficiency, np.ascontiguousarray(limit))
    return theirs, ours


@pytest.mark.parametrize("seed", range(30))
def test_charge_is_citylearns_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    theirs, ours = _pair(rng)
    soc, degraded = theirs.soc[0], theirs.degraded_capacity
    power = ours.nominal_power
    for t in range(HOURS - 1):
        if rng.random() < 0.1:
            theirs.force_set_soc(float(rng.random()))
            soc = theirs.soc[t]
        energy = float(rng.choice([0.0, power, -power, rng.uniform(-power, power), 0.1 * rng.uniform(-power, power)]))
        theirs.charge(energy)
        soc, balance, degraded = charge(ours, np.float32(soc), degraded, energy)
        assert soc == theirs.soc[t]
        assert balance == theirs.energy_balance[t]
        assert degraded == theirs.degraded_capacity
        theirs.next_time_step()
        soc = stand(ours, soc)
        assert soc == theirs.soc[t + 1]


def test_a_vehicles_battery_is_the_general_one_without_losses() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5000):
        capacity, power = float(rng.choice([3.5, 10.0, 7.4])), float(rng.choice([3.5, 7.0]))
        soc = np.float32(rng.choice([0.0, 1.0, 0.9, rng.random()]))
        energy = float(rng.choice([0.0, power, rng.uniform(0, 2 * power), 1e-7]))
        degraded = float(np.float32(capacity)) if rng.random() < 0.5 else capacity
        general = charge(Battery(capacity, power, 1.0, 0.0, 0.0, FLAT, FLAT), soc, degraded, energy)
        assert charge_vehicle(capacity, power, soc, degraded, energy) == general
