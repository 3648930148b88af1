"""What every simulator of the plant offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant import kernels
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import NEED_EPSILON_KWH
from pvbesscar.plant.state import PlantState, Setpoints


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened in one hour.

    Attributes
    ----------
    t
        Hour of the year.
    row
        Ledger row, shape (18,), columns `kernels.LEDGER_COLUMNS`.
    reward
        `r_t` of the hour.
    socket_kwh
        Energy that each socket drew, shape (K,) [kWh].
    done
        Whether this was the last hour of the episode.
    """

    t: int
    row: NDArray[np.float64]
    reward: float
    socket_kwh: NDArray[np.float64]
    done: bool


class Simulator(Protocol):
    """A producer of `PlantState`: takes setpoints for an hour, gives the hour's energies and the next state."""

    @property
    def data(self) -> PlantData:
        """The year that is simulated."""

    @property
    def state(self) -> PlantState:
        """State at the hour about to be decided."""

    def reset(self, start: int = 0, hours: int | None = None) -> PlantState:
        """Begin an episode of `hours` hours (default: to the year's end) at hour `start` of the year."""

    def step(self, setpoints: Setpoints) -> Hour:
        """Run the hour with the setpoints given."""


def account(
    state: PlantState,
    socket_kwh: NDArray[np.float64],
    bess_kwh: float,
    soc_after: NDArray[np.float32],
    bess_soc_after: float,
    infeasible_sockets: int,
) -> NDArray[np.float64]:
    """Ledger row of an hour from its energies; `bess_kwh` above zero charged [kWh at the terminals]."""
    data, t = state.data, state.t
    row = kernels.empty_row()
    kernels.settle(
        data.params, data.pv_kwh[t], data.mall_kwh[t], kernels.total(socket_kwh), bess_kwh,
        data.price[t], data.carbon[t], state.last_import_kwh, state.first, row,
    )  # fmt: skip
    kernels.depart(
        data.params, soc_after, state.occupant, state.hours_left, state.feasible,
        data.sessions.battery_kwh, data.sessions.required_soc, row,
    )  # fmt: skip
    row[kernels.BESS_SOC] = bess_soc_after
    row[kernels.INFEASIBLE_SOCKETS] = infeasible_sockets
    return row


def feasible_now(state_data: PlantData, t: int, soc: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each socket's vehicle can still be met from hour `t` on at full power, shape (K,)."""
    p, sessions = state_data.params, state_data.sessions
    need = np.empty(p.sockets)
    kernels.needs(p, soc, state_data.occupant[t], sessions.battery_kwh, sessions.required_soc, need)
    result: NDArray[np.bool_] = need <= p.socket_kw * state_data.hours_left[t] + NEED_EPSILON_KWH
    return result
