"""The Gymnasium environment on the real CityLearn."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.citylearn_sim import CityLearnSim
from schemas.errors import SimulationError


@pytest.fixture
def env(site_simulator: CityLearnSim) -> PlantEnv:
    return PlantEnv(site_simulator, episode_hours=48)


def test_spaces_are_the_contract(env: PlantEnv) -> None:
    assert env.observation_space.shape == (394,)
    assert env.observation_space.dtype == np.float32
    assert env.action_space == gym.spaces.Box(0.0, 1.0, (129,), np.float32)
    assert len(env.observation_names) == 394
    assert len(env.action_names) == len(set(env.action_names)) == 129
    assert env.action_names[:2] == ("bess", "charger_01_A")


def test_it_passes_gymnasiums_checker(env: PlantEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(env, skip_render_check=True)


def test_it_passes_sb3s_checker(env: PlantEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The contract's actions are [0, 1]; SB3 recommends [-1, 1] and says so.
        warnings.filterwarnings("ignore", message="We recommend you to use a symmetric")
        sb3_check(env)


def test_an_episode_ends_truncated_after_its_hours_and_info_holds_the_terms(env: PlantEnv) -> None:
    env.reset(seed=1)
    action = np.ones(129, dtype=np.float32)
    for hour in range(48):
        observation, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert reward <= 0.0
        assert not terminated
        assert truncated == (hour == 47)
        assert set(info["terms"]) == {"co2", "solar", "cost", "ev_service", "grid_stability"}


def test_a_fixed_window_is_the_same_every_time(env: PlantEnv) -> None:
    runs = []
    for _ in range(2):
        first, _ = env.reset(options={"start": 240, "hours": 24})
        steps = [env.step(np.full(129, 0.3, dtype=np.float32)) for _ in range(24)]
        runs.append((first, np.vstack([s[0] for s in steps]), [s[1] for s in steps]))
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][1], runs[1][1])
    assert runs[0][2] == runs[1][2]


def test_seeds_draw_the_start(env: PlantEnv) -> None:
    starts = [env.reset(seed=seed)[1]["t"] for seed in (3, 3, 4)]
    assert starts[0] == starts[1] != starts[2]
    assert all(start % 24 == 0 for start in starts)


@pytest.mark.parametrize("action", [np.full(129, np.nan), np.ones(128), np.full(129, np.inf)])
def test_a_senseless_action_is_refused(env: PlantEnv, action: np.ndarray) -> None:
    env.reset(seed=1)
    with pytest.raises(SimulationError, match="finite numbers"):
        env.step(action)
