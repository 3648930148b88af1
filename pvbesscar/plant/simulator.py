"""What every simulator of the plant offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant import ledger
from pvbesscar.plant.actions import can_be_met, needs, total
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState, Setpoints
from schemas.errors import SimulationError


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened in one hour.

    Attributes
    ----------
    t
        Hour of the year.
    row
        Ledger row, shape (21,), columns `ledger.LEDGER_COLUMNS`.
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
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ledger row of an hour from its energies, and the demand that each charge has seen after it, (C, MONTHS) [kW].

    `bess_kwh` is above zero where the battery charged [kWh at the terminals].
    """
    data, row, demand_kw = state.data, np.zeros(len(ledger.LEDGER_COLUMNS)), state.demand_kw.copy()
    ledger.settle(
        data.params, data.exogenous(state.t), total(socket_kwh), bess_kwh, state.last_import_kwh, state.first, row
    )
    ledger.bill(data.tariff, state.t, demand_kw, row)
    ledger.depart(
        data.params, soc_after, state.occupant, state.hours_left, state.feasible,
        data.sessions.battery_kwh, data.sessions.required_soc, row,
    )  # fmt: skip
    row[ledger.BESS_SOC] = bess_soc_after
    row[ledger.INFEASIBLE_SOCKETS] = infeasible_sockets
    return row, demand_kw


def feasible_now(data: PlantData, t: int, soc: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each socket's vehicle can still be met from hour `t` on at full power, shape (K,)."""
    p, sessions, need = data.params, data.sessions, np.empty(data.params.sockets)
    needs(p, soc, data.occupant[t], sessions.battery_kwh, sessions.required_soc, need)
    return can_be_met(need, data.hours_left[t], p.socket_kw)


def check_window(data: PlantData, start: int, hours: int) -> None:
    """Refuse an episode that does not lie within the year."""
    if not (start >= 0 and hours >= 1 and start + hours <= data.hours):
        raise SimulationError(
            f"no episode of {hours} h from hour {start}: the year has {data.hours} h.",
            hint="choose a start and a length inside the year.",
        )
