"""Stable-Baselines3 agents from settings: the same settings and seed give the same untrained policy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from pvbesscar.agents.policies.acting import CompiledActor
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.import_target_sac import SacImportTargetPolicy, SlowActorSac
from pvbesscar.agents.policies.plant_view import Actor, numbers_of
from pvbesscar.controllers.policy import Predictor
from pvbesscar.plant.data import PlantData
from schemas.settings import A2cSettings, Agent, PpoSettings, SacSettings, Settings

Env = gym.Env[Any, Any] | VecEnv
LEAST_RATE = 0.05
"""Share of the step size that annealing ends at."""
WANTED_NOISE = 0.75
"""Noise of SAC's import target that the weight of the entropy aims at, by the first one."""


def make_agent(agent: Agent, settings: Settings, env: Env, data: PlantData) -> BaseAlgorithm:
    """Untrained agent on `env`, on the CPU; seeds Python, NumPy, torch and the environment with `training.seed`.

    Parameters
    ----------
    settings
        Of the scenario, as the profile trains it (`Settings.trained_as`).
    data
        A year of the plant, from which `import_target` takes its numbers.
    """
    training = settings.training
    own: SacSettings | PpoSettings | A2cSettings = getattr(training, agent)
    common: dict[str, Any] = {
        "env": env,
        "learning_rate": _Annealed(own.learning_rate) if own.anneal else own.learning_rate,
        "gamma": own.gamma,
        "seed": training.seed,
        "device": "cpu",
    }
    common |= _policy(agent, own, settings, data)
    # Steps of each plant between updates.
    every = max(1, round(own.update_every / getattr(env, "num_envs", 1)))
    if isinstance(own, SacSettings):
        return SlowActorSac(**common, **_of_sac(own, every), **_entropy(own, settings))
    if isinstance(own, PpoSettings):
        return _centred(PPO(
            **common, n_steps=every, batch_size=own.batch_size, n_epochs=own.n_epochs, clip_range=own.clip_range
        ))  # fmt: skip
    # Advantages over a rollout as in PPO; SB3's default, 1, counts rewards to its end and is noisier.
    return _centred(A2C(
        **common, n_steps=every, normalize_advantage=own.normalise, use_rms_prop=own.rms_prop,
        gae_lambda=0.95 if own.normalise else 1.0,
    ))  # fmt: skip


def _policy(
    agent: Agent, own: SacSettings | PpoSettings | A2cSettings, settings: Settings, data: PlantData
) -> dict[str, Any]:
    hidden, units = list(own.net_arch), settings.training.socket_units
    if settings.training.policy == "mlp":
        kwargs: dict[str, Any] = {"net_arch": hidden}
        if not isinstance(own, SacSettings):
            kwargs["log_std_init"] = own.log_std_init
        return {"policy": "MlpPolicy", "policy_kwargs": kwargs}
    kwargs = {
        "numbers": numbers_of(data)._asdict(), "hidden": hidden, "critic_hidden": hidden, "socket_units": units,
        "noise": own.noise,
    }  # fmt: skip
    if agent == "sac":
        return {"policy": SacImportTargetPolicy, "policy_kwargs": kwargs}
    return {"policy": ImportTargetPolicy, "policy_kwargs": kwargs | {"socket_noise": settings.training.socket_noise}}


def _entropy(own: SacSettings, settings: Settings) -> dict[str, Any]:
    """Weight of the entropy; that of a latent target is wanted a little below where its noise begins."""
    if settings.training.policy == "mlp":
        return {}
    return {"ent_coef": "auto_0.01", "target_entropy": 0.5 + math.log(WANTED_NOISE * own.noise)}


def _of_sac(own: SacSettings, every: int) -> dict[str, Any]:
    return {
        "buffer_size": own.buffer_size, "batch_size": own.batch_size, "learning_starts": own.learning_starts,
        "train_freq": every, "gradient_steps": own.gradient_steps, "tau": own.tau, "n_steps": own.n_steps,
        "actor_share": own.actor_share,
    }  # fmt: skip


def load_agent(agent: Agent, path: Path) -> BaseAlgorithm:
    """Trained agent from its file, without an environment: it can act, not learn."""
    # The replay buffer is not in the file; a SAC that only acts needs none of 100,000 steps.
    buffer: dict[str, Any] = {"buffer_size": 1, "n_steps": 1, "replay_buffer_class": None, "replay_buffer_kwargs": {}}
    without_buffer = {"custom_objects": buffer} if agent == "sac" else {}
    return _CLASSES[agent].load(path, device="cpu", **without_buffer)  # type: ignore[arg-type]


def actor_of(model: BaseAlgorithm) -> Actor | None:
    """Actor of a model whose policy aims at an import; `None` of one that decides the 129 actions."""
    policy = model.policy
    if isinstance(policy, SacImportTargetPolicy):
        return policy.sac_actor.actor
    return policy.actor if isinstance(policy, ImportTargetPolicy) else None


def judged(model: BaseAlgorithm) -> Predictor:
    """What a model is judged by, watched by and served with; a change of its weights afterwards is not seen."""
    actor = actor_of(model)
    return model if actor is None else CompiledActor(actor)


def count_parameters(model: BaseAlgorithm) -> int:
    """Number of parameters of a policy, value and target networks included."""
    return sum(parameter.numel() for parameter in model.policy.parameters())


class _Annealed:
    """Step size that falls with the share of the steps that is left; a class, so that a model's file is the same."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, left: float) -> float:
        return self.rate * max(left, LEAST_RATE)


def _centred(model: PPO | A2C) -> PPO | A2C:
    """Set the mean action of an untrained Gaussian policy to the middle of the action box.

    PPO and A2C of Stable-Baselines3 draw from a Gaussian with mean 0 and clip to the box. On [0, 1] half of all draws
    would be clipped to the same action 0, and the policy would learn nothing from their differences. With the bias at
    0.5 and a spread of exp(-1.5) = 0.22 the box reaches +-2.2 standard deviations, and 2.5 % of draws are clipped.
    """
    policy, box = model.policy, model.action_space
    assert isinstance(policy, ActorCriticPolicy)
    assert isinstance(box, gym.spaces.Box)
    if not isinstance(policy, ImportTargetPolicy):
        with torch.no_grad():
            policy.action_net.bias.copy_(torch.as_tensor((box.low + box.high) / 2.0))  # type: ignore[operator]
    return model


_CLASSES: dict[Agent, type[BaseAlgorithm]] = {"sac": SlowActorSac, "ppo": PPO, "a2c": A2C}
