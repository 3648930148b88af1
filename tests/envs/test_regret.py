"""The regret: a reward against the perfect-foresight plan, with what states are worth by the plan's shadow prices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pvbesscar.envs.regret import SCALE, RegretVecEnv, plan_of
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.data import PlantData
from tests.builders import two_prices
from tests.controllers.plants import course, random_plant, random_tariff

PLANTS = 6


def _sums(env: TwinVecEnv, actions: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and greatest of the rewards of each plant over the whole year, which all of them run."""
    env.reset()
    for plant in range(PLANTS):
        env.begin(plant, 0, 0, env.data.hours)
    rewards = np.array([env.step(now)[1] for now in actions], np.float64)
    return rewards.sum(axis=0), rewards.max(axis=0)


def _actions(data: PlantData, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.random((data.hours, PLANTS, 1 + data.params.sockets)).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("billed", [False, True])
def test_a_year_s_regrets_and_rewards_differ_by_what_no_action_changes(seed: int, *, billed: bool) -> None:
    sections = {"tariff": random_tariff(np.random.default_rng(seed))} if billed else {}
    data = random_plant(seed, **sections)
    plan, actions = plan_of(data), _actions(data, seed)
    regrets, _ = _sums(RegretVecEnv([data], plan, plants=PLANTS, episode_hours=24), actions)
    rewards, _ = _sums(TwinVecEnv([data], plants=PLANTS, episode_hours=24), actions)
    assert np.ptp(rewards) > 0.0
    assert regrets / SCALE - regrets[0] / SCALE == pytest.approx(rewards - rewards[0], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("billed", [False, True])
def test_no_hour_is_better_than_the_plan_s(seed: int, *, billed: bool) -> None:
    # A month's maximum is billed when the month ends as its hours were charged for it: not so a charge that looks back.
    peak = {"name": "peak", "hours": [(18, 23)], "pen_per_kw_month": 60.0}
    tariff = two_prices(0.4, 0.3, (18, 23)) | {"source": "drawn for a test", "demand": [peak]}
    data = course(6, seed, mode="bidirectional", **({"tariff": tariff} if billed else {}))
    plan, actions = plan_of(data), _actions(data, seed)
    assert bool(plan.seen.any()) == billed
    sums, greatest = _sums(RegretVecEnv([data], plan, plants=PLANTS, episode_hours=24), actions)
    rounding = 1e-6 * SCALE * np.abs(plan.due).max()
    assert greatest.max() < rounding
    assert sums.max() < -1e4 * rounding
