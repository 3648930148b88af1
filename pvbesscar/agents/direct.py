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
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.sac.policies import Actor, SACPolicy

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
            return lambda seen: policy.action_net(
                policy.mlp_extractor.forward_actor(
                    BasePolicy.extract_features(policy, seen, policy.pi_features_extractor)
                )
            )
    if isinstance(policy, SACPolicy) and type(policy.actor) is Actor and _predicts_as(type(policy), SACPolicy):
        actor = policy.actor
        if not actor.use_sde:
            return lambda seen: torch.tanh(
                actor.mu(actor.latent_pi(actor.extract_features(seen, actor.features_extractor)))
            )
    return lambda seen: policy._predict(seen, deterministic=True)  # noqa: SLF001


def _predicts_as(own: type[BasePolicy], base: type[BasePolicy]) -> bool:
    return own._predict is base._predict and own.predict is BasePolicy.predict  # noqa: SLF001
