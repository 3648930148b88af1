"""Settings to Stable-Baselines3 agents: the same settings and seed give the same untrained policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from schemas.settings import Agent, Settings

Env = gym.Env[Any, Any] | VecEnv


def make_agent(agent: Agent, settings: Settings, env: Env) -> BaseAlgorithm:
    """Untrained agent on `env`, on the CPU; seeds Python, NumPy, torch and the environment with `settings.seed`."""
    return _MAKERS[agent](settings, env)


def load_agent(agent: Agent, path: Path) -> BaseAlgorithm:
    """Trained agent from its file, without an environment: it can act, not learn."""
    # The replay buffer is not in the file; a SAC that only acts needs none of 50,000 steps.
    without_buffer = {"custom_objects": {"buffer_size": 1}} if agent == "sac" else {}
    return _CLASSES[agent].load(path, device="cpu", **without_buffer)  # type: ignore[arg-type]


def count_parameters(model: BaseAlgorithm) -> int:
    """Number of parameters of a policy, value and target networks included."""
    return sum(parameter.numel() for parameter in model.policy.parameters())


def _per_plant(update_every: int, env: Env) -> int:
    """Steps of each plant between updates."""
    return max(1, round(update_every / getattr(env, "num_envs", 1)))


def _sac(settings: Settings, env: Env) -> SAC:
    # Its Gaussian is squashed by tanh onto the action box, so an untrained SAC sits around the middle by itself.
    own = settings.training.sac
    return SAC(
        "MlpPolicy",
        env,
        learning_rate=own.learning_rate,
        buffer_size=own.buffer_size,
        batch_size=own.batch_size,
        learning_starts=own.learning_starts,
        train_freq=_per_plant(own.update_every, env),
        gradient_steps=own.gradient_steps,
        gamma=own.gamma,
        policy_kwargs={"net_arch": list(own.net_arch)},
        seed=settings.seed,
        device="cpu",
    )


def _ppo(settings: Settings, env: Env) -> PPO:
    own = settings.training.ppo
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=own.learning_rate,
        n_steps=_per_plant(own.update_every, env),
        batch_size=own.batch_size,
        n_epochs=own.n_epochs,
        gamma=own.gamma,
        policy_kwargs={"net_arch": list(own.net_arch), "log_std_init": own.log_std_init},
        seed=settings.seed,
        device="cpu",
    )
    _centre(model)
    return model


def _a2c(settings: Settings, env: Env) -> A2C:
    own = settings.training.a2c
    model = A2C(
        "MlpPolicy",
        env,
        learning_rate=own.learning_rate,
        n_steps=_per_plant(own.update_every, env),
        gamma=own.gamma,
        policy_kwargs={"net_arch": list(own.net_arch), "log_std_init": own.log_std_init},
        seed=settings.seed,
        device="cpu",
    )
    _centre(model)
    return model


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


_MAKERS: dict[Agent, Callable[[Settings, Env], BaseAlgorithm]] = {"sac": _sac, "ppo": _ppo, "a2c": _a2c}
_CLASSES: dict[Agent, type[BaseAlgorithm]] = {"sac": SAC, "ppo": PPO, "a2c": A2C}
