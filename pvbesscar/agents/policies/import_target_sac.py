"""The policy of SAC: a latent Gaussian on the import target, cut at zero, and critics that see what the hour comes to.

A distribution with an atom at zero has no entropy that SAC could weigh, so the entropy is that of the latent target;
the gradient goes through the cut, where it is zero below. The sockets have no noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from pvbesscar.agents.policies.plant_view import (
    BESS_SOC,
    CAN_DELIVER,
    CAN_TAKE,
    LAST_EXCHANGE,
    PRICE,
    Actor,
    PlantView,
    perceptron,
)

OUTCOMES = 7
LEAST_NOISE, MOST_NOISE = 0.01, 0.5
"""Bounds of the spread, in `Numbers.target_kw`."""


class SacActor(BasePolicy):
    """Actions in [-1, 1], as SAC holds them.

    Parameters
    ----------
    observation_space, action_space
        Of the environment.
    actor
        Import target and sockets.
    noise
        First spread of the target, in `Numbers.target_kw`.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Box, actor: Actor, noise: float
    ) -> None:
        flat = FlattenExtractor(observation_space)
        super().__init__(observation_space, action_space, features_extractor=flat, squash_output=True)
        self.actor = actor
        self.log_spread = nn.Parameter(torch.tensor([math.log(noise)]))

    @property
    def noise_kw(self) -> float:
        """Spread of the import target [kW]."""
        return float(self._log_spread().detach().exp()) * self.actor.view.plant.target_kw

    def _log_spread(self) -> Tensor:
        return self.log_spread.clamp(math.log(LEAST_NOISE), math.log(MOST_NOISE))

    def _drawn(self, observations: Tensor, *, deterministic: bool) -> tuple[Tensor, Tensor]:
        """Actions, and log densities of the latent targets."""
        view = self.actor.view
        seen = view(observations)
        mean, asked, log_spread = self.actor.target_kw(seen), self.actor.asked(seen).clamp(0.0, 1.0), self._log_spread()
        off = torch.zeros_like(mean) if deterministic else torch.randn_like(mean)
        target = mean + log_spread.exp() * view.plant.target_kw * off
        action = view.bess_action(seen, asked, target.clamp(min=0.0)).clamp(0.0, 1.0)
        # The whole of the box is [0, 1]; SAC holds it as [-1, 1].
        return 2.0 * torch.cat([action[:, None], asked], dim=1) - 1.0, -0.5 * off * off - log_spread

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions in [-1, 1], shape (B, 1 + K)."""
        assert isinstance(obs, Tensor)
        return self._drawn(obs, deterministic=deterministic)[0]

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.forward(observation, deterministic)

    def action_log_prob(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        """Drawn actions and the log densities of their latent targets."""
        assert isinstance(obs, Tensor)
        return self._drawn(obs, deterministic=False)


class SacCritics(BaseModel):
    """Two critics of what an action comes to: import, export, ramp and stored energy at the end of the hour.

    They are the twin's balance without rounding. An action that no limit lets through has the value of what is done.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Box, view: PlantView, hidden: list[int]
    ) -> None:
        super().__init__(observation_space, action_space, features_extractor=FlattenExtractor(observation_space))
        self.view = view
        inputs = view.size + OUTCOMES
        self.networks = nn.ModuleList([perceptron(inputs, hidden, 1, nn.ReLU) for _ in range(2)])
        self.straight = nn.ModuleList([nn.Linear(OUTCOMES, 1) for _ in range(2)])

    def _features(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        n, seen, action = self.view.plant, self.view(observations), (actions + 1.0) / 2.0
        plant = seen.plant
        deficit = seen.load_kw + self.view.sockets_kw(seen, action[:, 1:])
        can_deliver, can_take = plant[:, CAN_DELIVER] * n.bess_kw, plant[:, CAN_TAKE] * n.bess_kw
        discharge = (2.0 * action[:, 0] - 1.0 if n.bidirectional else action[:, 0]) * n.bess_kw
        most = torch.minimum(deficit.clamp(min=0.0), can_deliver)
        if n.bidirectional:
            discharge = torch.maximum(torch.minimum(discharge, most), -can_take)
        else:
            surplus = torch.maximum(deficit, -can_take)
            discharge = torch.where(deficit >= 0.0, torch.minimum(discharge, most), surplus)
        net = deficit - discharge
        bought, sold = net.clamp(min=0.0), (-net).clamp(min=0.0)
        last = (plant[:, LAST_EXCHANGE] * max(n.pv_ac_kw, n.mall_scale_kw)).clamp(min=0.0)
        one_way = math.sqrt(n.bess_efficiency)
        stored = torch.where(discharge > 0.0, -discharge / one_way, -discharge * one_way)
        unit = n.mall_scale_kw
        outcome = torch.stack(
            [
                bought / unit,
                sold / unit,
                3.0 * (bought - last).abs() / unit,
                plant[:, BESS_SOC] + stored / n.bess_kwh,
                2.0 * plant[:, BESS_SOC] - 1.0,
                discharge / n.bess_kw,
                plant[:, PRICE] * bought / unit,
            ],
            dim=1,
        )
        return torch.cat([seen.context, outcome], dim=1), outcome

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        """Values of actions in [-1, 1] by both critics, each (B, 1)."""
        inputs, outcome = self._features(obs, actions)
        return tuple(n(inputs) + s(outcome) for n, s in zip(self.networks, self.straight, strict=True))

    def q1_forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Values by the first critic, shape (B, 1)."""
        return self.forward(obs, actions)[0]


class SacImportTargetPolicy(SACPolicy):
    """Actor and critics of SAC.

    Parameters
    ----------
    observation_space, action_space, lr_schedule
        As Stable-Baselines3 gives them.
    numbers, hidden, critic_hidden, socket_units, noise
        See `ImportTargetPolicy`.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        numbers: dict[str, Any],
        hidden: list[int],
        critic_hidden: list[int],
        socket_units: int,
        noise: float,
        **common: Any,  # noqa: ANN401
    ) -> None:
        self._own: dict[str, Any] = {
            "numbers": numbers, "hidden": hidden, "critic_hidden": critic_hidden, "socket_units": socket_units,
            "noise": noise,
        }  # fmt: skip
        super().__init__(observation_space, action_space, lr_schedule, **common)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | self._own

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> SacActor:  # type: ignore[override]  # noqa: ARG002
        """Actor on the policy's device."""
        own, box = self._own, self.action_space
        assert isinstance(box, spaces.Box)
        actor = Actor(PlantView(own["numbers"]), own["hidden"], own["socket_units"])
        return SacActor(self.observation_space, box, actor, own["noise"]).to(self.device)

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> SacCritics:  # type: ignore[override]  # noqa: ARG002
        """Pair of critics on the policy's device."""
        box = self.action_space
        assert isinstance(box, spaces.Box)
        view = PlantView(self._own["numbers"])
        return SacCritics(self.observation_space, box, view, self._own["critic_hidden"]).to(self.device)

    @property
    def noise_kw(self) -> float:
        """Spread of the import target [kW]."""
        return self.sac_actor.noise_kw

    @property
    def sac_actor(self) -> SacActor:
        """Actor, of its own type."""
        actor: Any = self.actor
        assert isinstance(actor, SacActor)
        return actor

    def load_actor(self, parameters: Mapping[str, Tensor]) -> None:
        """Begin as another `Actor` acts."""
        self.sac_actor.actor.load_state_dict(parameters)

    def acting(self) -> list[nn.Parameter]:
        """Parameters that decide how it acts."""
        return list(self.sac_actor.parameters())


class SlowActorSac(SAC):
    """SAC whose actor learns at a share of the critics' rate, so that it does not run after critics that know nothing.

    Parameters
    ----------
    actor_share
        Rate of the actor by that of the critics.
    """

    def __init__(self, *arguments: Any, actor_share: float = 1.0, **named: Any) -> None:  # noqa: ANN401
        self.actor_share = actor_share
        super().__init__(*arguments, **named)

    def _update_learning_rate(self, optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.actor.optimizer.param_groups:
            group["lr"] *= self.actor_share
