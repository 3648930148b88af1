"""A policy asked for one hour at a time, without what Stable-Baselines3 does again at each call.

`predict` sets every module's mode anew and makes a distribution, with its checks, of which it takes the mode. The same
layers in the same order give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, MlpExtractor
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import nn

_Act = Callable[[torch.Tensor], torch.Tensor]


class DirectPolicy:
    """Deterministic actions of a trained policy, bit for bit those of its `predict`.

    Parameters
    ----------
    policy
        Policy of an agent; it is set to act, and is not to be trained any more.
    """

    def __init__(self, policy: BasePolicy) -> None:
        policy.set_training_mode(False)
        box = policy.action_space
        assert isinstance(box, spaces.Box)
        self._policy, self._low, self._high = policy, box.low, box.high
        self._act = _act_of(policy)

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[NDArray[np.float32], None]:  # noqa: ANN401
        """Action for an observation of shape (n,), shape (1 + K,)."""
        assert deterministic
        with torch.inference_mode():
            action: NDArray[np.float32] = self._act(torch.from_numpy(observation[None])).numpy()[0]
        if self._policy.squash_output:
            return self._policy.unscale_action(action), None
        return np.clip(action, self._low, self._high), None


def _act_of(policy: BasePolicy) -> _Act:
    """Mean action of the policies whose distribution is known to have it as its mode; else the policy's own way."""
    if isinstance(policy, ActorCriticPolicy) and type(policy.action_dist) is DiagGaussianDistribution:
        plain = (ActorCriticPolicy.get_distribution, ActorCriticPolicy._get_action_dist_from_latent)  # noqa: SLF001
        own = type(policy)
        if (own.get_distribution, own._get_action_dist_from_latent) == plain and _predicts_as(own, ActorCriticPolicy):  # noqa: SLF001
            mlp = policy.mlp_extractor
            if type(mlp) is MlpExtractor:
                return _chain(policy, policy.pi_features_extractor, mlp.policy_net, policy.action_net)
    if isinstance(policy, SACPolicy) and type(policy.actor) is Actor and _predicts_as(type(policy), SACPolicy):
        actor = policy.actor
        if not actor.use_sde:
            return _chain(actor, actor.features_extractor, actor.latent_pi, actor.mu, nn.Tanh())
    return lambda seen: policy._predict(seen, deterministic=True)  # noqa: SLF001


def _chain(model: BaseModel, extractor: BaseFeaturesExtractor, *parts: nn.Module) -> _Act:
    """Layers one after another, asked by their `forward`: a call of a module looks for hooks, and there are none."""
    layers: list[_Act] = []
    space = model.observation_space
    # Of a vector in single precision the flattening extractor makes the same vector.
    if type(extractor) is not FlattenExtractor or len(space.shape or ()) != 1 or space.dtype != np.float32:
        layers.append(lambda seen: BaseModel.extract_features(model, seen, extractor))
    for part in parts:
        layers += [layer.forward for layer in (part if isinstance(part, nn.Sequential) else (part,))]

    def act(seen: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            seen = layer(seen)
        return seen

    return act


def _predicts_as(own: type[BasePolicy], base: type[BasePolicy]) -> bool:
    return own._predict is base._predict and own.predict is BasePolicy.predict  # noqa: SLF001
