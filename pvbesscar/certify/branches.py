"""Branches of the physics: those that an hour reaches, and those that a year contains."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pvbesscar.dataset.reference import infeasible
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import CHARGE, DEPARTURES, DISCHARGE, EV, EXPORT, IMPORT, MALL, MET, PV
from pvbesscar.plant.simulator import Hour
from pvbesscar.plant.state import PlantState, Setpoints

_CLOSE = 1e-6
"""Relative distance below which an energy counts as equal to its limit (CityLearn's energies are float32)."""
_CLOSE_SOC = 1e-6

DESCRIPTIONS: Final = {
    "bess-idle": "the battery exchanges nothing",
    "bess-charges": "the battery charges",
    "bess-discharges": "the battery discharges",
    "bess-full": "charging is cut off by the capacity left",
    "bess-reserve": "discharging is cut off by the depth of discharge",
    "bess-at-reserve": "an hour begins at the reserve",
    "bess-charges-at-nominal-power": "charging is cut off by the nominal power",
    "bess-discharges-at-nominal-power": "discharging is cut off by the nominal power",
    "bess-derated": "power is cut off by the capacity-power curve",
    "bess-charges-from-surplus": "PV beyond the site's demand charges the battery",
    "bess-charges-from-grid": "the grid charges the battery",
    "grid-import": "the site imports",
    "grid-export": "the site exports",
    "departure-met": "a vehicle departs with its required SOC",
    "departure-short": "a vehicle departs short of it",
    "infeasible": "no power can meet a vehicle any more",
    "socket-full-power": "a socket is asked for its full power",
    "socket-part-power": "a socket is asked for less",
    "socket-below-least-power": "a socket is asked for less than its least power",
    "socket-empty-asked": "a socket without a vehicle is asked for power",
    "vehicle-waits": "a vehicle stands and gets nothing",
    "vehicle-full": "a vehicle takes less than it is given: it is full",
    "episode-begins-within-stay": "an episode begins while a vehicle stands",
    "arrival": "a vehicle arrives on an empty socket",
    "arrival-empty": "a vehicle arrives with SOC 0",
    "arrival-served": "a vehicle arrives with its required SOC",
    "back-to-back": "a vehicle arrives in the hour in which another left",
    "one-hour-stay": "a vehicle stays for one hour",
    "over-midnight": "a vehicle stays over midnight",
    "year-end": "a vehicle stays until the last hour of the year",
}
"""Every branch that a comparison looks for, with its description."""

SESSION_BRANCHES: Final = (
    "arrival", "arrival-empty", "arrival-served", "back-to-back", "one-hour-stay", "over-midnight", "year-end",
    "infeasible",
)  # fmt: skip


def session_branches(data: PlantData) -> dict[str, NDArray[np.bool_]]:
    """Which sessions belong to each of `SESSION_BRANCHES`; arrays of shape (n_sessions,)."""
    s = data.sessions
    socket_hour = s.socket * (data.hours + 1)
    follows = np.isin(socket_hour + s.arrival, socket_hour + s.departure)
    return {
        "arrival": ~follows,
        "arrival-empty": s.arrival_soc <= 0.0,
        "arrival-served": s.arrival_soc >= s.required_soc,
        "back-to-back": follows,
        "one-hour-stay": s.departure - s.arrival == 1,
        "over-midnight": s.arrival // 24 != (s.departure - 1) // 24,
        "year-end": s.departure == data.hours,
        "infeasible": infeasible(data.params, s),
    }


def contained(data: PlantData) -> tuple[str, ...]:
    """Branches that a year's data and battery make reachable, in the order of `DESCRIPTIONS`."""
    p = data.params
    battery = p.bess_kw > 0.0 and p.bess_kwh > 0.0
    surplus = bool((data.pv_kwh > data.mall_kwh + p.sockets * p.socket_kw).any())
    names = (
        "bess-charges",
        "bess-discharges",
        "bess-full",
        "bess-reserve",
        "bess-at-reserve",
        "bess-charges-from-grid",
    )
    possible = dict.fromkeys(names, battery)
    possible |= {"bess-charges-from-surplus": battery and surplus, "grid-export": surplus, "bess-idle": True}
    possible |= {name: bool(which.any()) for name, which in session_branches(data).items()}
    vehicles = data.sessions.socket.size > 0
    possible |= {"socket-full-power": vehicles, "socket-part-power": vehicles, "grid-import": True}
    return tuple(name for name in DESCRIPTIONS if possible.get(name, False))


class BranchCounter:
    """Counts how often the hours of a run reach each branch.

    Parameters
    ----------
    data
        The year.
    """

    def __init__(self, data: PlantData) -> None:
        self.counts: dict[str, int] = {}
        self._sessions = session_branches(data)

    def count(self, state: PlantState, asked: Setpoints, hour: Hour) -> None:
        """Count an hour: its state, what was asked for and what came of it."""
        reached = _bess_counts(state, asked, hour) | _socket_counts(state, asked, hour) | self._arrivals(state)
        for name, count in reached.items():
            if count:
                self.counts[name] = self.counts.get(name, 0) + int(count)

    def _arrivals(self, state: PlantState) -> dict[str, int | bool]:
        here = state.occupant
        if state.first:
            standing = here[here >= 0]
            began = state.data.sessions.arrival[standing] == state.t
            arrived, within = standing[began], int((~began).sum())
        else:
            arrived, within = here[(here >= 0) & (here != state.data.occupant[state.t - 1])], 0
        kinds = {name: int(which[arrived].sum()) for name, which in self._sessions.items()}
        return kinds | {"episode-begins-within-stay": within}


def _bess_counts(state: PlantState, asked: Setpoints, hour: Hour) -> dict[str, int | bool]:
    data, row = state.data, hour.row
    p = data.params
    curve = data.bess.capacity_power_curve
    wanted = abs(asked.bess_kw)
    derated = p.bess_kw * max(float(np.interp(state.bess_soc, curve[0], curve[1])), 0.0)
    allowed = min(wanted, p.bess_kw, derated)
    charging, discharging = asked.bess_kw > 0.0, asked.bess_kw < 0.0
    net = row[MALL] + row[EV] - row[PV]
    return {
        "bess-idle": row[CHARGE] == 0.0 and row[DISCHARGE] == 0.0,
        "bess-charges": row[CHARGE] > 0.0,
        "bess-discharges": row[DISCHARGE] > 0.0,
        "bess-full": charging and row[CHARGE] < allowed * (1.0 - _CLOSE),
        "bess-reserve": discharging and row[DISCHARGE] < allowed * (1.0 - _CLOSE),
        "bess-at-reserve": state.bess_soc <= 1.0 - p.bess_depth_of_discharge + _CLOSE_SOC,
        "bess-charges-at-nominal-power": p.bess_kw > 0.0 and row[CHARGE] >= p.bess_kw * (1.0 - _CLOSE),
        "bess-discharges-at-nominal-power": p.bess_kw > 0.0 and row[DISCHARGE] >= p.bess_kw * (1.0 - _CLOSE),
        "bess-derated": derated < min(wanted, p.bess_kw),
        "bess-charges-from-surplus": row[CHARGE] > 0.0 and net < 0.0,
        "bess-charges-from-grid": row[CHARGE] > 0.0 and row[CHARGE] > -net,
        "grid-import": row[IMPORT] > 0.0,
        "grid-export": row[EXPORT] > 0.0,
    }


def _socket_counts(state: PlantState, asked: Setpoints, hour: Hour) -> dict[str, int | bool]:
    p, row = state.data.params, hour.row
    stands, power, drawn = state.occupant >= 0, asked.socket_kw, hour.socket_kwh
    below = (power > 0.0) & (power < p.socket_min_kw)
    return {
        "departure-met": int(row[MET]),
        "departure-short": int(row[DEPARTURES] - row[MET]),
        "socket-full-power": int((stands & (power >= p.socket_kw)).sum()),
        "socket-part-power": int((stands & (power > 0.0) & (power < p.socket_kw) & ~below).sum()),
        "socket-below-least-power": int((stands & below).sum()),
        "socket-empty-asked": int((~stands & (power > 0.0)).sum()),
        "vehicle-waits": int((stands & (power == 0.0)).sum()),
        "vehicle-full": int((stands & ~below & (drawn < np.minimum(power, p.socket_kw) * (1.0 - _CLOSE))).sum()),
    }
