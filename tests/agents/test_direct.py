"""A policy asked directly gives, bit for bit, the actions that evaluations are made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pvbesscar.agents import direct
from pvbesscar.agents.direct import DirectPolicy
from pvbesscar.agents.factory import load_agent, make_agent
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.citylearn_sim import CityLearnSim
from schemas.settings import AGENTS, Agent, Settings
from tests.mini_site import with_training


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("policy", ["import_target", "mlp"])
@pytest.mark.parametrize("way", ["shortened", "the policy's own"])
def test_a_direct_policy_acts_bit_for_bit_as_the_agent(
    settings: Settings,
    simulator: CityLearnSim,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    agent: Agent,
    way: str,
    policy: str,
) -> None:
    """Observations reach beyond what a plant gives, so that actions at the ends of the box are among them."""
    own_settings = with_training(settings, policy=policy)
    model = make_agent(agent, own_settings, PlantEnv(simulator, episode_hours=24), simulator.data)
    model.save(tmp_path / "model.zip")
    loaded = load_agent(agent, tmp_path / "model.zip")
    if way == "the policy's own":
        monkeypatch.setattr(direct, "_predicts_as", lambda *_: False)
    own = DirectPolicy(loaded.policy)
    torch.set_num_threads(1)
    draws = np.random.default_rng(7)
    assert loaded.observation_space.shape is not None
    for scale in (0.1, 1.0, 5.0, 100.0):
        for _ in range(25):
            observation = (scale * draws.normal(size=loaded.observation_space.shape)).astype(np.float32)
            theirs = loaded.predict(observation, deterministic=True)[0]
            ours = own.predict(observation, deterministic=True)[0]
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
