"""The plant's state at an hour, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant import actions
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.observation import WORK_SIZE, Sockets, observation_size, observe, observe_charges

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setpoints:
    """What the plant is asked to do for one hour.

    Attributes
    ----------
    socket_kw
        Power of each socket, shape (K,) [kW].
    bess_kw
        Power of the battery [kW], above zero charges.
    infeasible_sockets
        Sockets whose vehicle no power can serve in time any more.
    """

    socket_kw: FloatArray
    bess_kw: float
    infeasible_sockets: int = 0


@dataclass(frozen=True, slots=True)
class PlantState:
    """The plant at hour `t`, arrivals associated, before the hour is decided.

    Attributes
    ----------
    data
        The year.
    t
        Hour of the year.
    first
        Whether this is the first hour of the episode.
    soc
        State of charge of each socket's vehicle, shape (K,) float32; 0 where none stands.
    bess_soc
        State of charge of the battery.
    delivered_kwh
        Energy that each socket drew in the last hour, shape (K,).
    last_import_kwh, last_net_kwh
        Grid import and net exchange of the last hour; 0 in the first.
    feasible
        Whether the session could be met when it began (or when the episode did), shape (K,).
    demand_kw
        Demand that each charge of the tariff has seen, in this month and in those before it, shape (C, MONTHS) [kW].
    """

    data: PlantData
    t: int
    first: bool
    soc: NDArray[np.float32]
    bess_soc: float
    delivered_kwh: FloatArray
    last_import_kwh: float
    last_net_kwh: float
    feasible: NDArray[np.bool_]
    demand_kw: FloatArray

    @property
    def occupant(self) -> NDArray[np.int32]:
        """Session at each socket, or -1; shape (K,)."""
        row: NDArray[np.int32] = self.data.occupant[self.t]
        return row

    @property
    def hours_left(self) -> NDArray[np.int32]:
        """Hours until departure, this hour included, 0 where none stands; shape (K,)."""
        row: NDArray[np.int32] = self.data.hours_left[self.t]
        return row

    def need_kwh(self) -> FloatArray:
        """Energy that each vehicle still needs, at the charger, shape (K,) [kWh]."""
        p, sessions, need = self.data.params, self.data.sessions, np.empty(self.data.params.sockets)
        actions.needs(p, self.soc, self.occupant, sessions.battery_kwh, sessions.required_soc, need)
        return need


def setpoints(state: PlantState, action: NDArray[np.floating]) -> Setpoints:
    """Turn an action in [0, 1] of shape (1 + K,) into setpoints: sockets first, then the battery."""
    p, action = state.data.params, np.asarray(action, dtype=np.float64)
    socket_kw = np.empty(p.sockets)
    bess_kw, infeasible = actions.decide(
        p, action, state.data.exogenous(state.t), state.need_kwh(), state.hours_left, socket_kw
    )
    return Setpoints(socket_kw, float(bess_kw), int(infeasible))


def setpoints_near(state: PlantState, bess_kw: float, socket_kw: FloatArray) -> Setpoints:
    """Setpoints nearest to the powers wanted that an action can ask for: guard and limits are those of `setpoints`.

    Parameters
    ----------
    bess_kw
        Power of the battery, above zero charges [kW].
    socket_kw
        Power of each socket, shape (K,) [kW].
    """
    p = state.data.params
    action = np.empty(1 + p.sockets)
    action[0] = actions.bess_action(p, bess_kw)
    np.divide(socket_kw, p.socket_kw, out=action[1:])
    return setpoints(state, action)


def observation(state: PlantState) -> NDArray[np.float32]:
    """Observation of a state, shape (394,) float32 (see `observation_names`)."""
    data = state.data
    sockets = Sockets(state.soc, state.occupant, state.hours_left, state.need_kwh(), state.delivered_kwh)
    out = np.zeros(observation_size(data.params.sockets), dtype=np.float32)
    observe(
        data.params, data.exogenous(state.t), data.net_forecast[state.t], data.tariff.month_left[state.t], sockets,
        data.sessions.battery_kwh, state.bess_soc, state.last_net_kwh, np.zeros(WORK_SIZE), out,
    )  # fmt: skip
    observe_charges(data.params, data.tariff, state.t, state.demand_kw, out)
    return out
