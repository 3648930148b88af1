"""Stable-Baselines3 agents from settings: the same settings and seed give the same untrained policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from schemas.settings import A2cSettings, Agent, PpoSettings, SacSettings, Settings

Env = gym.Env[Any, Any] | VecEnv


def make_agent(agent: Agent, settings: Settings, env: Env) -> BaseAlgorithm:
    """Untrained agent on `env`, on the CPU; seeds Python, NumPy, torch and the environment with `training.seed`."""
    training = settings.training
    own: SacSettings | PpoSettings | A2cSettings = getattr(training, agent)
    common: dict[str, Any] = {
        "policy": "MlpPolicy",
        "env": env,
        "learning_rate": own.learning_rate,
        "gamma": own.gamma,
        "seed": training.seed,
        "device": "cpu",
    }
    # Steps of each plant between updates.
    every = max(1, round(own.update_every / getattr(env, "num_envs", 1)))
    network: dict[str, Any] = {"net_arch": list(own.net_arch)}
    if agent == "sac":
        # Its Gaussian is squashed by tanh onto the action box, so its untrained mean action is near the middle.
        sac = training.sac
        return SAC(
            **common,
            policy_kwargs=network,
            buffer_size=sac.buffer_size,
            batch_size=sac.batch_size,
            learning_starts=sac.learning_starts,
            train_freq=every,
            gradient_steps=sac.gradient_steps,
        )
    if agent == "ppo":
        ppo = training.ppo
        network["log_std_init"] = ppo.log_std_init
        model: PPO | A2C = PPO(
            **common, policy_kwargs=network, n_steps=every, batch_size=ppo.batch_size, n_epochs=ppo.n_epochs
        )
    else:
        network["log_std_init"] = training.a2c.log_std_init
        model = A2C(**common, policy_kwargs=network, n_steps=every)
    _centre(model)
    return model


def load_agent(agent: Agent, path: Path) -> BaseAlgorithm:
    """Trained agent from its file, without an environment: it can act, not learn."""
    # The replay buffer is not in the file; a SAC that only acts needs none of 50,000 steps.
    without_buffer = {"custom_objects": {"buffer_size": 1}} if agent == "sac" else {}
    return _CLASSES[agent].load(path, device="cpu", **without_buffer)  # type: ignore[arg-type]


def count_parameters(model: BaseAlgorithm) -> int:
    """Number of parameters of a policy, value and target networks included."""
    return sum(parameter.numel() for parameter in model.policy.parameters())


def _centre(model: BaseAlgorithm) -> None:
    """Set the mean action of an untrained Gaussian policy to the middle of the action box.

    PPO and A2C of Stable-Baselines3 draw from a Gaussian with mean 0 and clip to the box. On [0, 1] half of all draws
    would be clipped to the same action 0, and the policy would learn nothing from their differences. With the bias at
    0.5 and a spread of exp(-1.5) = 0.22 the box reaches +-2.2 standard deviations, and 2.5 % of draws are clipped.
    """
    policy, box = model.policy, model.action_space
    assert isinstance(policy, ActorCriticPolicy)
    assert isinstance(box, gym.spaces.Box)
    with torch.no_grad():
        policy.action_net.bias.copy_(torch.as_tensor((box.low + box.high) / 2.0))  # type: ignore[operator]


_CLASSES: dict[Agent, type[BaseAlgorithm]] = {"sac": SAC, "ppo": PPO, "a2c": A2C}
