"""Imitation of the model predictive controller: where the agents begin.

DAgger (Ross, Gordon and Bagnell, AISTATS 2011): the controller labels the hours of a year that it runs itself, then
those of years in which the policy acts on most days, so that the policy learns what to do where it ends up itself.
What is learnt is the import that the controller's hour comes to, and with a socket network its sockets' powers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pvbesscar.agents.policies.acting import CompiledActor
from pvbesscar.agents.policies.plant_view import Actor, Seen
from pvbesscar.controllers.base import Controller
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import observation, setpoints
from pvbesscar.plant.twin import Twin

FloatArray = NDArray[np.float32]
ACTS = 0.8
"""Share of the days on which the policy acts, where it does."""
BATCH, RATE, LEAST_RATE = 512, 1e-3, 1e-5
SAMPLES, PASSES, LAST_PASSES = 400_000, 8, 40
"""Hours that a fit sees, with repetitions, how often it sees each at least, and how often the last fit does."""
BEND = 0.02
"""Where the loss turns from squares to absolute values, in the target's unit."""
SLOPE = 0.01
"""Slope below zero: all targets there are the same action, and without a slope none would come back up."""


class Labels:
    """Observations (n, 394), the import that the controller chose (n,) [kW], its sockets' shares (n, K)."""

    def __init__(self) -> None:
        self._observations: list[FloatArray] = []
        self._imports: list[FloatArray] = []
        self._sockets: list[FloatArray] = []

    def add(self, observations: FloatArray, imports: FloatArray, sockets: FloatArray) -> None:
        """Add the hours of a year."""
        self._observations.append(observations)
        self._imports.append(imports)
        self._sockets.append(sockets)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """All hours."""
        parts = (self._observations, self._imports, self._sockets)
        observations, imports, sockets = (torch.as_tensor(np.concatenate(part)) for part in parts)
        return observations, imports, sockets


def imitate(
    actor: Actor,
    years: Sequence[PlantData],
    expert_of: Callable[[PlantData], Controller],
    rounds: int,
    seed: int,
    tell: Callable[[int, int], None],
) -> None:
    """Fit an actor to the controller.

    Parameters
    ----------
    actor
        Is changed.
    years
        Training years; the controller runs the first one, then each round takes the next.
    expert_of
        Makes the controller for a year. One that knows only what the observation tells of: of what else it knows,
        the policy learns the mean.
    rounds
        Rounds in which the policy acts.
    seed
        Of the days on which it acts, and of the batches.
    tell
        Told the rounds done and their number.
    """
    labels, generator = Labels(), torch.Generator().manual_seed(seed)
    for turn in range(rounds + 1):
        year = years[turn % len(years)]
        tell(turn, rounds + 1)
        labels.add(*_label(year, expert_of(year), actor if turn else None, seed + turn))
        _fit(actor, labels, generator, PASSES if turn < rounds else LAST_PASSES)


def _label(
    year: PlantData, expert: Controller, actor: Actor | None, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Run a year, asking the controller in every hour; on most days it is the policy that acts, where there is one."""
    generator, twin, hours, p = np.random.default_rng(seed), Twin(year), year.hours, year.params
    policy = None if actor is None else CompiledActor(actor)
    expert.reset()
    twin.reset()
    observations = np.zeros((hours, len(observation(twin.state))), np.float32)
    imports, sockets = np.zeros(hours, np.float32), np.zeros((hours, p.sockets), np.float32)
    acts = False
    for t in range(hours):
        state = twin.state
        chosen = expert.decide(state)
        observations[t] = observation(state)
        imports[t] = year.mall_kwh[t] - year.pv_kwh[t] + chosen.socket_kw.sum() + chosen.bess_kw
        sockets[t] = chosen.socket_kw / p.socket_kw
        if policy is not None and t % 24 == 0:
            acts = generator.random() < ACTS
        if acts and policy is not None:
            chosen = setpoints(state, policy.predict(observations[t], deterministic=True)[0])
        twin.step(chosen)
    return observations, imports, sockets


def _fit(actor: Actor, labels: Labels, generator: torch.Generator, passes: int) -> None:
    observations, imports, sockets = labels.tensors()
    unit, size = actor.view.plant.target_kw, len(imports)
    wanted = imports.clamp(min=0.0) / unit
    with torch.no_grad():
        everything = actor.view(observations)
    steps = max(SAMPLES, passes * size) // BATCH
    optimiser = torch.optim.Adam(actor.parameters(), RATE)
    order, begin = torch.randperm(size, generator=generator), 0
    for step in range(steps):
        if begin + BATCH > size:
            order, begin = torch.randperm(size, generator=generator), 0
        chosen = order[begin : begin + BATCH]
        begin += BATCH
        target = actor.target(everything.context[chosen]).squeeze(-1)
        bent = target.clamp(min=0.0) + SLOPE * target.clamp(max=0.0)
        loss = torch.nn.functional.smooth_l1_loss(bent, wanted[chosen], beta=BEND)
        if actor.socket is not None:
            seen = Seen(*(part[chosen] for part in everything))
            waits = seen.full_kw > seen.least_kw
            off = (actor.asked(seen) - sockets[chosen])[waits]
            loss = loss + (off.square().mean() if off.numel() else 0.0)
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1.0 - step / steps) + LEAST_RATE
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
