"""The policy of PPO and A2C: a Gaussian on the import target, censored at zero.

Noise on the battery's own action exports PV in hours of sun and ramps in any hour; noise on a target that is never
below zero does neither. The density is that of the censored Gaussian: what lies below zero counts as one action.
Source of the estimator: Fujita and Maeda, "Clipped Action Policy Gradient", ICML 2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from pvbesscar.agents.policies.plant_view import Actor, PlantView, Seen, perceptron

CENSORED_KW = 0.5
"""Targets below this are the censored ones: an action in single precision gives a target back to within 0.01 kW."""


class TargetDistribution(Distribution):
    """Import target T ~ N(mean, spread) censored at 0, and a Gaussian for what each socket is asked for.

    Parameters
    ----------
    actor
        Turns targets into actions and back.
    """

    def __init__(self, actor: Actor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.actor = actor

    def proba_distribution_net(self, *_args: Any, **_kwargs: Any) -> nn.Module:  # noqa: ANN401
        """Part of the interface; the networks are the actor's."""
        return self.actor

    def proba_distribution(
        self, seen: Seen, log_spread: Tensor, log_socket_spread: Tensor | None
    ) -> TargetDistribution:
        """Distribution of the actions in B states.

        Parameters
        ----------
        log_spread, log_socket_spread
            Log of the spread of the target, in its unit, and of what sockets are asked for; shape (1,). `None`: they
            are asked without noise.
        """
        self.seen, self.mean = seen, self.actor.target_kw(seen)
        self.unit = self.actor.view.plant.target_kw
        self.log_spread, self.log_socket_spread = log_spread, log_socket_spread
        return self

    @property
    def asked(self) -> Tensor:
        """What sockets are asked for, without noise; not looked at where nothing hangs on it, for it takes longest."""
        return self.actor.asked(self.seen)

    def _action(self, asked: Tensor, target: Tensor) -> Tensor:
        action = self.actor.view.bess_action(self.seen, asked, target.clamp(min=0.0))
        return torch.cat([action[:, None], asked], dim=1)

    def sample(self) -> Tensor:
        """Drawn actions, shape (B, 1 + K)."""
        spread = self.log_spread.exp() * self.unit
        target = self.mean + spread * torch.randn_like(self.mean)
        asked = self.asked
        if self.log_socket_spread is not None:
            asked = asked + self.log_socket_spread.exp() * torch.randn_like(asked)
        return self._action(asked, target)

    def mode(self) -> Tensor:
        """Actions without noise."""
        return self._action(self.asked, self.mean)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log of the density of actions; of the probability, where the target is censored; shape (B,)."""
        target, spread = self.actor.view.target_of(self.seen, actions), self.log_spread.exp() * self.unit
        off = (target - self.mean) / spread
        inside = -0.5 * off * off - self.log_spread
        result = torch.where(target > CENSORED_KW, inside, torch.special.log_ndtr(-self.mean / spread))
        if self.log_socket_spread is not None:
            off = (actions[:, 1:] - self.asked) / self.log_socket_spread.exp()
            result = result + (-0.5 * off * off - self.log_socket_spread).sum(1)
        return result

    def entropy(self) -> Tensor:
        """Entropy of the Gaussian that is censored, less a constant, shape (B,); no bonus is given for it."""
        return self.log_spread.expand_as(self.mean)

    def actions_from_params(self, *args: Any, deterministic: bool = False, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Actions of the distribution that the arguments of `proba_distribution` make."""
        return self.proba_distribution(*args, **kwargs).get_actions(deterministic=deterministic)

    def log_prob_from_params(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """Drawn actions and their log densities."""
        actions = self.proba_distribution(*args, **kwargs).sample()
        return actions, self.log_prob(actions)


class ImportTargetPolicy(ActorCriticPolicy):
    """Actor and critic of PPO and A2C, with networks of their own.

    Parameters
    ----------
    observation_space, action_space, lr_schedule
        As Stable-Baselines3 gives them.
    numbers
        Of the plant, `plant_view.Numbers._asdict()`.
    hidden, critic_hidden
        Hidden layers of the import target's network and of the critic's.
    socket_units
        See `Actor`.
    noise, socket_noise
        First spread of the target, in `Numbers.target_kw`, and of what sockets are asked for; 0: their network stays as
        it begins.
    """

    def __init__(
        self,
        observation_space: Any,  # noqa: ANN401
        action_space: Any,  # noqa: ANN401
        lr_schedule: Schedule,
        *,
        numbers: dict[str, Any],
        hidden: list[int],
        critic_hidden: list[int],
        socket_units: int,
        noise: float,
        socket_noise: float,
        **common: Any,  # noqa: ANN401
    ) -> None:
        self._own: dict[str, Any] = {
            "numbers": numbers, "hidden": hidden, "critic_hidden": critic_hidden, "socket_units": socket_units,
            "noise": noise, "socket_noise": socket_noise,
        }  # fmt: skip
        super().__init__(observation_space, action_space, lr_schedule, **common)

    def _build(self, lr_schedule: Schedule) -> None:
        own = self._own
        view = PlantView(own["numbers"])
        self.actor = Actor(view, own["hidden"], own["socket_units"])
        self.critic = perceptron(view.size, own["critic_hidden"], 1)
        self.log_spread = nn.Parameter(torch.tensor([math.log(own["noise"])]))
        noisy = own["socket_units"] > 0 and own["socket_noise"] > 0.0
        self.log_socket_spread = nn.Parameter(torch.tensor([math.log(own["socket_noise"])])) if noisy else None
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | self._own

    @property
    def noise_kw(self) -> float:
        """Spread of the import target [kW]."""
        return float(self.log_spread.detach().exp()) * self.actor.view.plant.target_kw

    def load_actor(self, parameters: Mapping[str, Tensor]) -> None:
        """Begin as another `Actor` acts."""
        self.actor.load_state_dict(parameters)

    def acting(self) -> list[nn.Parameter]:
        """Parameters that decide how it acts: what a warm-up of the critic leaves alone."""
        spreads = [spread for spread in (self.log_spread, self.log_socket_spread) if spread is not None]
        return [*self.actor.parameters(), *spreads]

    def _distribution(self, seen: Seen) -> TargetDistribution:
        return TargetDistribution(self.actor).proba_distribution(seen, self.log_spread, self.log_socket_spread)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, values and log densities."""
        seen = self.actor.view(obs)
        distribution = self._distribution(seen)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.critic(seen.context), distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log densities and entropies of actions that were taken."""
        seen = self.actor.view(obs)
        distribution = self._distribution(seen)
        return self.critic(seen.context), distribution.log_prob(actions), distribution.entropy()

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        assert isinstance(observation, Tensor)
        seen = self.actor.view(observation)
        if deterministic:
            actions: Tensor = self.actor(seen)
            return actions
        return self._distribution(seen).sample()

    def get_distribution(self, obs: PyTorchObs) -> TargetDistribution:
        """Distribution of the actions."""
        return self._distribution(self.actor.view(obs))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values of states, shape (B, 1)."""
        values: Tensor = self.critic(self.actor.view(obs).context)
        return values
