"""Untrained agents: where they sit, and what makes two of them equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pvbesscar.agents.factory import count_parameters, load_agent, make_agent
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.citylearn_sim import CityLearnSim
from schemas.settings import AGENTS, Agent, Settings
from tests.mini_site import with_training


@pytest.fixture
def plain(settings: Settings) -> Settings:
    """The plain policies of Stable-Baselines3; `test_policies.py` has the project's own."""
    return with_training(settings, policy="mlp")


@pytest.fixture
def env(simulator: CityLearnSim) -> PlantEnv:
    return PlantEnv(simulator, episode_hours=24)


@pytest.mark.parametrize(("agent", "off"), [("sac", 0.2), ("ppo", 0.02), ("a2c", 0.02)])
def test_an_untrained_policy_sits_in_the_middle_of_the_box(
    agent: Agent, off: float, plain: Settings, env: PlantEnv
) -> None:
    model = make_agent(agent, plain, env, env.simulator.data)
    observation, _ = env.reset(seed=1)
    action, _ = model.predict(observation, deterministic=True)
    assert np.abs(action - 0.5).max() < off


@pytest.mark.parametrize("agent", ["ppo", "a2c"])
def test_few_draws_of_an_untrained_gaussian_are_clipped(agent: Agent, plain: Settings, env: PlantEnv) -> None:
    model = make_agent(agent, plain, env, env.simulator.data)
    observation, _ = env.reset(seed=1)
    draws = np.concatenate([model.predict(observation)[0] for _ in range(300)])
    # exp(-1.5) = 0.223 puts 2.5 % of a Gaussian around 0.5 outside [0, 1]; around 0 it would be half.
    assert np.mean((draws == 0.0) | (draws == 1.0)) == pytest.approx(0.025, abs=0.015)


@pytest.mark.parametrize("agent", AGENTS)
def test_the_seed_makes_the_policy(agent: Agent, plain: Settings, env: PlantEnv) -> None:
    other = with_training(plain, seed=7)
    vectors = [
        torch.nn.utils.parameters_to_vector(make_agent(agent, s, env, env.simulator.data).policy.parameters())
        for s in (plain, plain, other)
    ]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


@pytest.mark.parametrize("agent", AGENTS)
def test_settings_reach_the_agent(agent: Agent, plain: Settings, env: PlantEnv) -> None:
    # No default of Stable-Baselines3's.
    own = getattr(plain.training, agent).model_copy(update={"gamma": 0.97})
    settings = plain.model_copy(update={"training": plain.training.model_copy(update={agent: own})})
    model = make_agent(agent, settings, env, env.simulator.data)
    assert model.gamma == 0.97
    assert model.lr_schedule(1.0) == own.learning_rate
    assert model.lr_schedule(0.0) == pytest.approx(own.learning_rate / 20)
    hidden = [m.out_features for m in model.policy.modules() if isinstance(m, torch.nn.Linear)]
    assert 16 in hidden
    assert str(model.device) == "cpu"


def test_the_number_of_parameters_is_that_of_the_networks(plain: Settings, env: PlantEnv) -> None:
    # Observation 138 + 2 * 8 = 154, action 1 + 8 = 9, two bodies of 16, two heads, one spread per action.
    body, heads = 154 * 16 + 16, (16 * 9 + 9) + (16 + 1)
    assert count_parameters(make_agent("a2c", plain, env, env.simulator.data)) == 2 * body + heads + 9


@pytest.mark.parametrize("agent", AGENTS)
def test_a_loaded_agent_acts_as_the_saved_one(agent: Agent, plain: Settings, env: PlantEnv, tmp_path: Path) -> None:
    model = make_agent(agent, plain, env, env.simulator.data)
    model.save(tmp_path / "model.zip")
    observation, _ = env.reset(seed=1)
    before, _ = model.predict(observation, deterministic=True)
    after, _ = load_agent(agent, tmp_path / "model.zip").predict(observation, deterministic=True)
    assert np.array_equal(before, after)
