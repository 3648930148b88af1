"""The plant's state at an hour, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant import kernels
from pvbesscar.plant.data import PlantData

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setpoints:
    """What the plant is asked to do for one hour.

    Attributes
    ----------
    socket_kw
        Power of each socket, shape (K,) [kW].
    bess_kw
        Power of the battery [kW], above zero discharges.
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
        need = np.empty(self.data.params.sockets)
        sessions = self.data.sessions
        kernels.needs(self.data.params, self.soc, self.occupant, sessions.battery_kwh, sessions.required_soc, need)
        return need


def setpoints(state: PlantState, action: NDArray[np.floating]) -> Setpoints:
    """Turn an action in [0, 1] of shape (1 + K,) into setpoints: sockets first, then the battery."""
    p = state.data.params
    action = np.asarray(action, dtype=np.float64)
    socket_kw = np.empty(p.sockets)
    infeasible = kernels.socket_setpoints(p, action[1:], state.need_kwh(), state.hours_left, socket_kw)
    ev_kwh = kernels.total(socket_kw)
    bess_kw = kernels.bess_setpoint(p, action[0], state.data.pv_kwh[state.t], state.data.mall_kwh[state.t], ev_kwh)
    return Setpoints(socket_kw, float(bess_kw), int(infeasible))


def observation(state: PlantState) -> NDArray[np.float32]:
    """Observation of a state, shape (394,) float32 (see `kernels.observation_names`)."""
    data = state.data
    out = np.zeros(PRESENCE_OFFSET + 2 * data.params.sockets, dtype=np.float32)
    kernels.observe(
        data.params, state.t, state.soc, state.occupant, state.hours_left, state.need_kwh(), state.delivered_kwh,
        state.bess_soc, state.last_net_kwh, data.pv_kwh, data.mall_kwh, data.price, data.carbon, data.price_next,
        data.hours_to_tariff_change, data.forecast, data.calendar, data.sessions.battery_kwh,
        np.zeros(kernels.WORK_SIZE), out,
    )  # fmt: skip
    return out


PRESENCE_OFFSET = kernels.PRESENCE
