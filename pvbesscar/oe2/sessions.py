"""Charging sessions: their canonical frame, and sessions derived from hourly profiles with every kWh kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import SHOWN
from pvbesscar.oe2.series import Series
from schemas.errors import InputError
from schemas.settings import EvSettings

ROUNDING = 1e-9
"""Relative slack of limits on energies that were themselves rounded to a double."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One derived stay on a socket: hours [arrival, departure) and the energy drawn in them [kWh]."""

    arrival: int
    departure: int
    energy_kwh: float


def charge_limit_kwh(ev: EvSettings, socket: int) -> float:
    """Energy at the charger that fills an empty battery of a socket's class to the required SOC [kWh]."""
    return ev.required_soc * ev.battery_kwh(ev.vehicle_class(socket)) / ev.charger_efficiency


def session_energy_kwh(sessions: pd.DataFrame, ev: EvSettings) -> NDArray[np.float64]:
    """Energy at the charger that each canonical session needs [kWh], shape (sessions,)."""
    need = (sessions["required_soc"] - sessions["arrival_soc"]) * sessions["battery_kwh"] / ev.charger_efficiency
    return np.asarray(need, dtype=np.float64)


def stays(energy_kwh: NDArray[np.float64], dwell_hours: int, limit_kwh: float) -> list[Stay]:
    """Cut one socket's hourly energies into stays that hold all of them.

    A stay begins at the first hour whose energy belongs to none yet and lasts `dwell_hours`; it ends sooner at the end
    of the series, or before the hour whose energy the battery could no longer take (there the next stay begins).

    Parameters
    ----------
    energy_kwh
        Energy of each hour, shape (N,), not negative, none above `limit_kwh` [kWh].
    dwell_hours
        How long a vehicle stays [h].
    limit_kwh
        Most energy that one stay can take [kWh].

    Returns
    -------
    list of Stay
        In order of time, not overlapping; their energies add up to the sum of `energy_kwh`.
    """
    result: list[Stay] = []
    hours = np.flatnonzero(energy_kwh).tolist()
    values = energy_kwh.tolist()
    position = 0
    while position < len(hours):
        arrival = hours[position]
        departure = min(arrival + dwell_hours, len(values))
        energy = 0.0
        while position < len(hours) and hours[position] < departure:
            if energy + values[hours[position]] > limit_kwh * (1.0 + ROUNDING):
                departure = hours[position]
                break
            energy += values[hours[position]]
            position += 1
        result.append(Stay(arrival, departure, energy))
    return result


def sessions_from_profile(profile: Series, ev: EvSettings) -> Series:
    """Derive sessions from hourly profiles of chargers or of sockets; energy is conserved to 1e-9.

    Parameters
    ----------
    profile
        Series with `timestamp` and one column per charger or socket, in order, as `read_profile` gives [kWh].
    ev
        Sockets, batteries, required SOC and `dwell_hours`.

    Returns
    -------
    Series
        Canonical sessions.

    Raises
    ------
    InputError
        An hour holds no energy at all (NaN), a negative one, or more than the socket or the battery can take.
    """
    if ev.dwell_hours is None:  # settings guarantee it for this source; here for callers that build their own
        raise InputError("`ev.dwell_hours` is not set.", hint="set `ev.dwell_hours`.")
    energies = profile.frame.drop(columns="timestamp")
    per_column = ev.sockets // energies.shape[1]
    _check_energies(profile, energies, ev, per_column)
    rows: list[tuple[int, Stay]] = []
    for number, column in enumerate(energies):
        share = energies[column].to_numpy(np.float64) / per_column
        socket = number * per_column  # sockets of one charger serve one class, so their stays are the same
        derived = stays(share, ev.dwell_hours, charge_limit_kwh(ev, socket))
        rows += [(socket + position, stay) for position in range(per_column) for stay in derived]
    frame = _frame_of_stays(rows, ev)
    provenance = profile.provenance.model_copy(
        update={
            "series": "sessions",
            "transformations": (*profile.provenance.transformations, *_derivation(energies.shape[1], per_column, ev)),
        }
    )
    total = float(energies.to_numpy().sum())
    return Series(frame, provenance).noting(*_derived_notes(frame, rows, per_column, total, ev))


def canonical_sessions(
    socket: NDArray[np.int64],
    arrival: NDArray[np.int64],
    departure: NDArray[np.int64],
    energy_kwh: NDArray[np.float64],
    ev: EvSettings,
    prefix: str,
) -> pd.DataFrame:
    """Canonical frame of sessions that need `energy_kwh` at the charger, sorted and numbered.

    Parameters
    ----------
    socket, arrival, departure
        Shape (sessions,).
    energy_kwh
        Shape (sessions,) [kWh].
    ev
        Classes, batteries, required SOC and charger efficiency.
    prefix
        First letter of the session names.
    """
    classes = np.array([ev.vehicle_class(k) for k in range(ev.sockets)], dtype=object)
    batteries = np.array([ev.battery_kwh(ev.vehicle_class(k)) for k in range(ev.sockets)])
    battery = batteries[socket]
    # A full charge of an empty battery may come out an ulp below zero.
    arrival_soc = np.maximum(ev.required_soc - energy_kwh * ev.charger_efficiency / battery, 0.0)
    order = np.lexsort((socket, arrival))
    return pd.DataFrame(
        {
            "session_id": pd.array([f"{prefix}{i:06d}" for i in range(socket.size)], dtype="str"),
            "socket": socket[order],
            "vehicle_class": pd.array(classes[socket[order]], dtype="str"),
            "arrival": arrival[order],
            "departure": departure[order],
            "battery_kwh": battery[order],
            "arrival_soc": arrival_soc[order],
            "required_soc": np.full(socket.size, ev.required_soc),
        }
    )


def pattern_notes(frame: pd.DataFrame, ev: EvSettings) -> list[str]:
    """Notes on patterns that a measurement seldom has."""
    notes = []
    ordered = frame.sort_values(["socket", "arrival"])
    same = ordered["socket"].to_numpy()[1:] == ordered["socket"].to_numpy()[:-1]
    touching = int((same & (ordered["arrival"].to_numpy()[1:] == ordered["departure"].to_numpy()[:-1])).sum())
    if touching:
        notes.append(f"{touching} sessions begin in the hour in which another vehicle left the socket")
    together = frame.groupby("arrival").size()
    full = int((together == ev.sockets).sum())
    if full:
        notes.append(f"in {full} hours of the year vehicles arrive at all {ev.sockets} sockets at once")
    return notes


def _frame_of_stays(rows: Sequence[tuple[int, Stay]], ev: EvSettings) -> pd.DataFrame:
    return canonical_sessions(
        np.array([socket for socket, _ in rows], dtype=np.int64),
        np.array([stay.arrival for _, stay in rows], dtype=np.int64),
        np.array([stay.departure for _, stay in rows], dtype=np.int64),
        np.array([stay.energy_kwh for _, stay in rows], dtype=np.float64),
        ev,
        "d",
    )


def _check_energies(profile: Series, energies: pd.DataFrame, ev: EvSettings, per_column: int) -> None:
    values = energies.to_numpy(np.float64)
    sockets = np.arange(energies.shape[1]) * per_column
    battery = np.array([charge_limit_kwh(ev, int(k)) for k in sockets]) * per_column
    power = np.full(sockets.size, ev.socket_kw * per_column)
    unit = "charger" if per_column > 1 else "socket"
    _refuse_hours(
        profile, np.isnan(values), "no number", "a gap in the measurement",
        "fill the gap in the source: sessions can not be derived from missing energies, and none are made up.",
    )  # fmt: skip
    _refuse_hours(
        profile, values < 0.0, "a negative energy", "a meter that counts backwards, or discharging vehicles",
        "correct the sign in the source; the chargers have no V2G.",
    )  # fmt: skip
    _refuse_hours(
        profile, values > power * (1.0 + ROUNDING),
        f"more than {per_column} socket(s) of {ev.socket_kw:g} kW deliver in an hour",
        f"another unit (Wh for kWh), or a {unit} of higher power",
        "correct the unit in the source, or set `ev.socket_kw`.",
    )  # fmt: skip
    _refuse_hours(
        profile, values > battery * (1.0 + ROUNDING), "more than a battery takes from empty to the required SOC",
        f"larger batteries than the plan's, or several vehicles within one hour on one {unit}",
        "set `ev.moto_battery_kwh`, `ev.mototaxi_battery_kwh` or `ev.moto_chargers`, or give a sessions file "
        "(`ev.source: sessions`).",
    )  # fmt: skip


def _refuse_hours(profile: Series, refused: NDArray[np.bool_], what: str, cause: str, hint: str) -> None:
    if not refused.any():
        return
    frame = profile.frame
    names = [name for name in frame.columns if name != "timestamp"]
    places = np.argwhere(refused)
    shown = ", ".join(
        f"`{names[c]}` at hour {h} ({frame['timestamp'].iloc[h]:%Y-%m-%d %H:%M}): {frame[names[c]].iloc[h]:.6g} kWh"
        for h, c in places[:SHOWN]
    )
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    raise InputError(
        f"{profile.provenance.file} (named by `ev.file`): {len(places)} hourly energies hold {what}: {shown}{more}. "
        f"Likely cause: {cause}.",
        hint=hint,
    )


def _derivation(columns: int, per_column: int, ev: EvSettings) -> list[str]:
    steps = []
    if per_column > 1:
        steps.append(
            f"expanded from {columns} chargers to {ev.sockets} sockets: the energy of a charger is split equally over "
            f"its {per_column} sockets"
        )
    limits = {ev.vehicle_class(k): charge_limit_kwh(ev, k) for k in range(ev.sockets)}
    shown = ", ".join(f"{name} {limit:.4g} kWh" for name, limit in limits.items())
    steps.append(
        f"sessions derived: one begins at the first hour whose energy belongs to none, stays `ev.dwell_hours` = "
        f"{ev.dwell_hours} h, and ends sooner at the year's end or before the hour that its battery could not take "
        f"(at most {shown} at the charger)"
    )
    steps.append(
        f"arrival SOC set so that a session needs exactly its energy to reach the required SOC of {ev.required_soc:g}"
    )
    return steps


def _derived_notes(
    frame: pd.DataFrame, rows: Sequence[tuple[int, Stay]], per_column: int, total: float, ev: EvSettings
) -> list[str]:
    dwell = ev.dwell_hours or 0
    energy = math.fsum(stay.energy_kwh for _, stay in rows)
    short = sum(stay.departure - stay.arrival < dwell for _, stay in rows)
    notes = [f"{len(frame)} sessions hold {energy:.3f} kWh at the charger; the profile holds {total:.3f} kWh"]
    if frame.empty:
        return notes
    soc = frame["arrival_soc"]
    notes.append(
        f"the profile does not say how long vehicles stay: the {dwell} h are the scenario's (`ev.dwell_hours`), and "
        "the hours in which a controller may move charging follow from them"
    )
    notes.append(f"{short} sessions are shorter than that (battery limit or the year's end)")
    notes.append(
        "arrival SOCs are a result of the energies, not a measurement: "
        f"{soc.min():.3f} to {soc.max():.3f}, mean {soc.mean():.3f}"
    )
    if per_column > 1:
        notes.append(
            f"the {per_column} sockets of a charger have the same sessions: the profile measured chargers, not "
            "sockets, so how many vehicles shared a charger is not known"
        )
    return [*notes, *pattern_notes(frame, ev)]
