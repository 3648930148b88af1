"""Controllers that do not learn: no control, rule, constant action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvbesscar.plant.state import PlantState, Setpoints, setpoints


def charge_at_once(state: PlantState) -> Setpoints:
    """Every vehicle at full power from arrival to its required SOC; the battery exchanges nothing."""
    p = state.data.params
    full = setpoints(state, np.concatenate([[0.5], np.ones(p.sockets)]))
    return Setpoints(full.socket_kw, 0.0, full.infeasible_sockets)


@dataclass(frozen=True, slots=True)
class NoControl:
    """The battery idles; every vehicle charges at full power from arrival to its required SOC."""

    name: str = "no-control"

    def reset(self) -> None:
        """Nothing to forget."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        return charge_at_once(state)


@dataclass(frozen=True, slots=True)
class Rule:
    """Business as usual of a site with a battery: surplus charges it, deficit discharges it."""

    name: str = "rule"

    def reset(self) -> None:
        """Nothing to forget."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        at_once = charge_at_once(state)
        data = state.data
        deficit = float(data.mall_kwh[state.t] + at_once.socket_kw.sum() - data.pv_kwh[state.t])
        limit = data.params.bess_kw
        return Setpoints(at_once.socket_kw, min(max(deficit, -limit), limit), at_once.infeasible_sockets)


@dataclass(frozen=True, slots=True)
class ConstantAction:
    """The same action in every hour: what an agent that learned nothing else may do."""

    value: float

    @property
    def name(self) -> str:
        """Name in tables and files."""
        return f"constant-{self.value:g}"

    def reset(self) -> None:
        """Nothing to forget."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        return setpoints(state, np.full(1 + state.data.params.sockets, self.value))
