"""Controllers that do not learn: no control, rule, constant action, random actions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.base import Acting, Memoryless
from pvbesscar.plant.state import PlantState, Setpoints, setpoints_near


def charge_at_once(state: PlantState) -> Setpoints:
    """Every vehicle at full power from arrival to its required SOC; the battery exchanges nothing."""
    p = state.data.params
    full = setpoints_near(state, 0.0, np.full(p.sockets, p.socket_kw))
    # In `dispatch` every action stores the surplus: a battery at rest is a setpoint of its own.
    return Setpoints(full.socket_kw, 0.0, full.infeasible_sockets)


@dataclass(frozen=True, slots=True)
class NoControl(Memoryless):
    """The battery idles; every vehicle charges at full power from arrival to its required SOC."""

    name: str = "no-control"

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        return charge_at_once(state)


@dataclass(frozen=True, slots=True)
class Rule(Memoryless):
    """Business as usual of a site with a battery: surplus charges it, deficit discharges it."""

    name: str = "rule"

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        at_once = charge_at_once(state)
        data, limit = state.data, state.data.params.bess_kw
        deficit = float(data.mall_kwh[state.t] + at_once.socket_kw.sum() - data.pv_kwh[state.t])
        return Setpoints(at_once.socket_kw, -min(max(deficit, -limit), limit), at_once.infeasible_sockets)


@dataclass(slots=True)
class ConstantAction(Acting):
    """The same action in every hour: what an agent that learned nothing else may do."""

    value: float
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"constant-{self.value:g}"

    def action(self, state: PlantState) -> NDArray[np.floating]:
        """Action for the hour of `state`, shape (1 + K,)."""
        return np.full(1 + state.data.params.sockets, self.value)


@dataclass(frozen=True, slots=True)
class RandomAction(Acting):
    """Actions drawn evenly from [0, 1], each hour of the year its own: what an agent that knows nothing may do.

    The draws are NumPy's random bits, which are the same on every processor, and hang on the hour alone.
    """

    seed: int = 0
    name: str = "random"

    def action(self, state: PlantState) -> NDArray[np.floating]:
        """Action for the hour of `state`, shape (1 + K,)."""
        return np.random.default_rng((self.seed, state.t)).random(1 + state.data.params.sockets)
