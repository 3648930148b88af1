"""CityLearn's charger files: one a socket, a state machine of 1 connected, 2 incoming, 3 away."""

from __future__ import annotations

import numpy as np
import pandas as pd

from schemas.citylearn import AWAY, CONNECTED, INCOMING
from schemas.errors import SimulationError

STATE = "electric_vehicle_charger_state"
VEHICLE = "electric_vehicle_id"
DEPARTURE_IN = "electric_vehicle_departure_time"
REQUIRED_SOC = "electric_vehicle_required_soc_departure"
ARRIVAL_IN = "electric_vehicle_estimated_arrival_time"
ARRIVAL_SOC = "electric_vehicle_estimated_soc_arrival"
SESSION = "electric_vehicle_session_id"


def charger_frame(sessions: pd.DataFrame, rows: int, vehicle: str) -> pd.DataFrame:
    """Charger file of one socket.

    The hour before an arrival is *incoming* when the socket is empty. The arrival SOC stands in every row of a
    session, so that an episode that begins within it finds the vehicle at its arrival SOC. Back-to-back sessions
    are told apart by their session id; one vehicle id a socket keeps CityLearn from mixing up batteries.

    Parameters
    ----------
    sessions
        Canonical sessions of this socket, by arrival.
    rows
        Number of rows, 8,761 for a year of 8,760 hours: the last has no vehicle.
    vehicle
        Id of the socket's vehicle.
    """
    empty: dict[str, object] = {STATE: AWAY, VEHICLE: "", DEPARTURE_IN: np.nan, REQUIRED_SOC: np.nan}
    empty |= {ARRIVAL_IN: np.nan, ARRIVAL_SOC: np.nan, SESSION: ""}
    columns = {
        name: np.full(rows, value, dtype=object if value == "" else None)  # texts of any length
        for name, value in empty.items()
    }
    for row in sessions.to_dict("records"):
        first, last = int(row["arrival"]), int(row["departure"])
        known = {VEHICLE: vehicle, REQUIRED_SOC: row["required_soc"], ARRIVAL_SOC: row["arrival_soc"]}
        countdown = np.arange(last - first, 0, -1)
        here = {STATE: CONNECTED, DEPARTURE_IN: countdown, SESSION: row["session_id"]}
        for name, value in (known | here).items():
            columns[name][first:last] = value
        if first > 0 and columns[STATE][first - 1] == AWAY:
            for name, value in (known | {STATE: INCOMING, ARRIVAL_IN: 1}).items():
                columns[name][first - 1] = value
    frame = pd.DataFrame(columns)
    return frame.astype({DEPARTURE_IN: "Int64", ARRIVAL_IN: "Int64"})


def _fault(name: str, rows: np.ndarray, what: str) -> SimulationError | None:
    where = np.flatnonzero(rows)
    if where.size == 0:
        return None
    return SimulationError(
        f"{name}: {what} in {where.size} rows, first at row {where[0]}.",
        hint="this is a fault of the dataset builder, or the file was edited; run `pvbesscar build` again.",
    )


def check_charger_frame(frame: pd.DataFrame, name: str) -> None:
    """Prove that a charger file is a legal course of states.

    Raises
    ------
    SimulationError
        Unknown state, countdown that does not count, an illegal transition, a SOC that is no ratio, a missing id.
    """
    state = frame[STATE].to_numpy()
    countdown, arrival_in, required, arrival_soc = (
        frame[name].to_numpy(np.float64, na_value=np.nan)
        for name in (DEPARTURE_IN, ARRIVAL_IN, REQUIRED_SOC, ARRIVAL_SOC)
    )
    has_vehicle = (frame[VEHICLE].fillna("") != "").to_numpy()
    session = frame[SESSION].fillna("").to_numpy()
    connected, incoming, away = state == CONNECTED, state == INCOMING, state == AWAY
    now, after = slice(None, -1), slice(1, None)
    same = connected[now] & connected[after] & (session[now] == session[after])
    ends = connected[now] & ~same
    begins = connected[after] & ~same
    ratio = (arrival_soc >= 0.0) & (arrival_soc <= 1.0) & (required > 0.0) & (required <= 1.0)
    faults = (
        _fault(name, ~(connected | incoming | away), "a state other than 1, 2, 3"),
        _fault(name, connected & ~(countdown >= 1), "a connected vehicle without hours to departure"),
        _fault(name, (connected | incoming) & ~has_vehicle, "a vehicle without id"),
        _fault(name, connected & (session == ""), "a connected vehicle without session"),
        _fault(name, (connected | incoming) & ~ratio, "a state of charge that is no ratio"),
        _fault(name, away & has_vehicle, "a vehicle on an empty socket"),
        _fault(name, same & (countdown[after] != countdown[now] - 1), "a countdown that does not count down"),
        _fault(name, ends & (countdown[now] != 1), "a departure before its hour"),
        _fault(name, incoming[now] & ~begins, "an incoming vehicle that does not arrive"),
        _fault(name, incoming & (arrival_in != 1), "an incoming vehicle that is not one hour away"),
        _fault(name, away[now] & begins, "an arrival that was not announced"),
        _fault(name, np.append(np.zeros(state.size - 1, dtype=bool), not away[-1]), "a vehicle in the closing row"),
    )
    for fault in faults:
        if fault is not None:
            raise fault
