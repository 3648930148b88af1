"""CityLearn's charger files: one a socket, a state machine of 1 connected, 2 incoming, 3 away."""

from __future__ import annotations

import numpy as np
import pandas as pd

from schemas.citylearn import AWAY, CONNECTED, INCOMING
from schemas.errors import SimulationError

COLUMNS = (
    "electric_vehicle_charger_state",
    "electric_vehicle_id",
    "electric_vehicle_departure_time",
    "electric_vehicle_required_soc_departure",
    "electric_vehicle_estimated_arrival_time",
    "electric_vehicle_estimated_soc_arrival",
    "electric_vehicle_session_id",
)


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
    state = np.full(rows, AWAY)
    departure = np.full(rows, np.nan)
    required = np.full(rows, np.nan)
    arrival_in = np.full(rows, np.nan)
    arrival_soc = np.full(rows, np.nan)
    vehicle_id = np.full(rows, "", dtype=object)
    session_id = np.full(rows, "", dtype=object)
    for row in sessions.to_dict("records"):
        first, last = int(row["arrival"]), int(row["departure"])
        stay = slice(first, last)
        state[stay] = CONNECTED
        departure[stay] = np.arange(last - first, 0, -1)
        required[stay] = row["required_soc"]
        arrival_soc[stay] = row["arrival_soc"]
        vehicle_id[stay] = vehicle
        session_id[stay] = row["session_id"]
        if first > 0 and state[first - 1] == AWAY:
            state[first - 1] = INCOMING
            arrival_in[first - 1] = 1
            arrival_soc[first - 1] = row["arrival_soc"]
            required[first - 1] = row["required_soc"]
            vehicle_id[first - 1] = vehicle
    return pd.DataFrame(
        {
            COLUMNS[0]: state,
            COLUMNS[1]: vehicle_id,
            COLUMNS[2]: pd.array(departure, dtype="Int64"),
            COLUMNS[3]: required,
            COLUMNS[4]: pd.array(arrival_in, dtype="Int64"),
            COLUMNS[5]: arrival_soc,
            COLUMNS[6]: session_id,
        }
    )


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
    state = frame[COLUMNS[0]].to_numpy()
    countdown = frame[COLUMNS[2]].to_numpy(np.float64, na_value=np.nan)
    arrival_in = frame[COLUMNS[4]].to_numpy(np.float64, na_value=np.nan)
    required = frame[COLUMNS[3]].to_numpy(np.float64)
    arrival_soc = frame[COLUMNS[5]].to_numpy(np.float64)
    has_vehicle = frame[COLUMNS[1]].notna().to_numpy() & (frame[COLUMNS[1]] != "").to_numpy()
    session = frame[COLUMNS[6]].fillna("").to_numpy()
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
