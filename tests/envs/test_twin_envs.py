"""The twin's environments: the same trajectories alone, in a batch, and on CityLearn."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.envs.twin_env import TwinEnv
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.store.workspace import Workspace
from schemas.errors import SimulationError
from tests.controllers.plants import across_months, random_plant, random_tariff


@pytest.fixture(scope="module")
def data(site_workspace: Workspace) -> PlantData:
    return load_plant(site_workspace.dataset)


def test_single_environment_passes_both_checkers(data: PlantData) -> None:
    env = TwinEnv(data, episode_hours=48)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="We recommend you to use a symmetric")
        gymnasium_check(env, skip_render_check=True)
        sb3_check(env)


def test_single_environment_is_citylearns(data: PlantData, site_simulator: CityLearnSim) -> None:
    ours, theirs = TwinEnv(data, episode_hours=48), PlantEnv(site_simulator, episode_hours=48)
    rng = np.random.default_rng(2)
    first, second = ours.reset(seed=11), theirs.reset(seed=11)
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
    for _ in range(48):
        action = rng.random(129).astype(np.float32)
        a, b = ours.step(action), theirs.step(action)
        assert np.array_equal(a[0], b[0])
        assert a[1:] == b[1:]


def test_a_batch_of_64_is_64_single_plants(data: PlantData) -> None:
    rng = np.random.default_rng(3)
    batch = TwinVecEnv([data], plants=64, episode_hours=24, seed=0)
    starts = 24 * rng.integers(0, 360, 64)
    for plant, start in enumerate(starts):
        batch.begin(plant, 0, int(start))
    actions = rng.random((23, 64, 129)).astype(np.float32)
    together = [batch.step(action)[:2] for action in actions]
    single = TwinEnv(data, episode_hours=24)
    for plant, start in enumerate(starts):
        single.reset(options={"start": int(start)})
        for hour in range(23):
            observation, reward, *_ = single.step(actions[hour, plant])
            assert np.array_equal(observation, together[hour][0][plant])
            assert np.float32(reward) == together[hour][1][plant]


def test_same_seed_same_trajectories_and_episodes_end_truncated(data: PlantData) -> None:
    runs = []
    for seed in (5, 5, 6):
        batch = TwinVecEnv([data], plants=8, episode_hours=24, seed=seed)
        observations, rng = [batch.reset()], np.random.default_rng(0)
        for hour in range(30):
            observation, _, dones, infos = batch.step(rng.random((8, 129)).astype(np.float32))
            observations.append(observation)
            assert dones.all() if hour == 23 else not dones.any()
        assert infos == [{}] * 8
        runs.append(np.stack(observations))
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_an_ended_episode_is_told_as_sb3_wants_it(data: PlantData) -> None:
    batch = TwinVecEnv([data], plants=2, episode_hours=24, seed=1)
    batch.reset()
    action = np.ones((2, 129), np.float32)
    rewards = [batch.step(action) for _ in range(24)]
    infos = rewards[-1][3]
    assert infos[0]["TimeLimit.truncated"]
    assert infos[0]["episode"]["l"] == 24
    assert infos[0]["episode"]["r"] == pytest.approx(sum(float(step[1][0]) for step in rewards), rel=1e-5)
    assert infos[0]["terminal_observation"].shape == (394,)


def test_several_scenario_years_in_one_batch(data: PlantData) -> None:
    other = replace(data, pv_kwh=0.5 * data.pv_kwh, mall_kwh=data.mall_kwh + 10.0)
    batch = TwinVecEnv([data, other], plants=2, episode_hours=48, seed=0)
    batch.begin(0, 0, 240)
    batch.begin(1, 1, 240)
    rows = np.stack(
        [[*batch.step(np.ones((2, 129), np.float32))[1], *batch.rows[:, 0], *batch.rows[:, 1]] for _ in range(24)]
    )
    assert np.array_equal(rows[:, 2], data.pv_kwh[240:264])
    assert np.array_equal(rows[:, 3], 0.5 * data.pv_kwh[240:264])
    assert np.array_equal(rows[:, 5], rows[:, 4] + 10.0)


@pytest.mark.parametrize("actions", [np.ones((3, 129)), np.full((2, 129), np.nan)])
def test_senseless_actions_are_refused(data: PlantData, actions: np.ndarray) -> None:
    batch = TwinVecEnv([data], plants=2, episode_hours=24)
    batch.reset()
    with pytest.raises(SimulationError, match=r"actions must be|not finite"):
        batch.step(actions)


def test_the_twin_needs_neither_torch_nor_citylearn() -> None:
    code = (
        "import sys, pvbesscar.envs.twin_env; "
        "print([m for m in ('torch', 'stable_baselines3', 'citylearn', 'prefect') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


FIRST_STEP = """
import sys
from pathlib import Path

from pvbesscar.envs.twin_env import TwinEnv
from pvbesscar.plant.data import load_plant

env = TwinEnv(load_plant(Path(sys.argv[1])), episode_hours=24)
env.reset(seed=0)
env.step(env.action_space.sample())
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_the_first_step_waits_for_no_library_that_the_twin_does_without(site_workspace: Workspace) -> None:
    command = [sys.executable, "-c", FIRST_STEP, str(site_workspace.dataset)]
    imported = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "numba" in imported
    assert not imported & {"pandas", "pvlib", "citylearn", "torch", "stable_baselines3", "prefect", "pandera"}


def test_where_power_is_billed_an_episode_is_a_billing_month() -> None:
    rng = np.random.default_rng(0)
    plain = random_plant(1, days=4, tariff=random_tariff(rng))
    turn = 40
    billed = across_months(plain, turn, rng)
    left = np.where(np.arange(billed.hours) < turn, turn, billed.hours) - np.arange(billed.hours)
    billed = replace(billed, tariff=billed.tariff._replace(month_left=left))
    env = TwinVecEnv([billed], plants=16, episode_hours=24, seed=3)
    env.reset()
    assert set(env._fleet.t.tolist()) == {0, turn}
    assert np.unique(env._fleet.end - env._fleet.t).size > 4, "all plants would be on the same day of the month"
    actions = np.full((16, 1 + billed.params.sockets), 0.5, np.float32)
    ended = [[info["episode"]["l"] for info in env.step(actions)[3] if info] for _ in range(2 * billed.hours)]
    assert {length for hour in ended[billed.hours :] for length in hour} == {turn, billed.hours - turn}
    window = TwinVecEnv([random_plant(1, days=4)], plants=64, episode_hours=24)
    window.reset()
    assert set(window._fleet.t.tolist()) == {0, 24, 48, 72}
