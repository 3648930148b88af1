"""A file of charging sessions, one row for each stay of a vehicle, as this project or a charging network writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, cell_error, plain, refuse_cells
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.session_columns import SESSION_COLUMNS, SESSION_HEADERS, SessionTable, read_session_table
from pvbesscar.oe2.session_sockets import sockets_of
from pvbesscar.oe2.session_times import times_of
from pvbesscar.oe2.sessions import ROUNDING, pattern_notes, session_energy_kwh
from schemas.errors import InputError, NothingLeftError
from schemas.settings import EvSettings, Settings

__all__ = ["SESSION_COLUMNS", "SESSION_HEADERS", "read_sessions"]

FloatArray = NDArray[np.float64]
KWH = {"kWh": 1.0, "Wh": 1e-3, "MWh": 1e3}
"""Energy of a session [kWh] per unit."""


def read_sessions(path: Path, key: str, settings: Settings) -> Series:
    """Read a sessions file: arrivals and departures as stamps or hours of the year, the SOC or the energy charged.

    Parameters
    ----------
    path, key
        The file, CSV, Parquet or JSON, and the configuration key that names it.
    settings
        The scenario: site (time zone, declared year) and ev.

    Returns
    -------
    Series
        Canonical sessions, sorted by arrival and socket.

    Raises
    ------
    InputError
        The file can not be read as sessions of this plant in the declared year.
    """
    ev = settings.ev
    sessions = read_session_table(path, key, ev)
    steps = [sessions.table.described]
    if not sessions.has("session_id"):
        steps.append("sessions numbered in the order of the file")
    times = times_of(sessions, settings)
    times, socket = sockets_of(times, _classes(times.sessions), ev)
    sessions = times.sessions
    table = sessions.table
    if not table.lines:
        raise NothingLeftError(
            f"{table.named}: no session is left. {' '.join(times.notes)}.", hint="see `ev.leave_out`."
        )
    frame = pd.DataFrame(
        {
            "session_id": _identities(table, sessions.headers.get("session_id")),
            "socket": socket,
            "vehicle_class": _planned(sessions, socket, ev),
            "arrival": times.arrival,
            "departure": times.departure,
        }
    )
    steps += times.steps
    notes = list(times.notes)
    frame["battery_kwh"], read = _battery(sessions, frame, ev)
    steps += read
    for name in ("arrival_soc", "required_soc"):
        if sessions.has(name):
            frame[name], read = _bounded(table, sessions.headers[name], 1.0)
            steps += read
    if not sessions.has("required_soc"):
        frame["required_soc"] = ev.required_soc
        steps.append("the file holds no required SOC: `ev.required_soc` is taken")
    if not sessions.has("arrival_soc"):
        frame["arrival_soc"], read = _derived_soc(sessions, frame, ev)
        steps += read
        notes.append(
            f"SOC at arrival is derived, not measured: from the energy in `{sessions.headers['energy']}`, as if every "
            "vehicle left with exactly its required SOC"
        )
    ordered = frame[[*SESSION_COLUMNS]].sort_values(["arrival", "socket"], kind="stable", ignore_index=True)
    if not ordered.equals(frame[[*SESSION_COLUMNS]]):
        steps.append("sorted by arrival and socket")
    return file_series("sessions", "sessions_csv", table, ordered, steps).noting(*_file_notes(ordered, ev), *notes)


def _file_notes(frame: pd.DataFrame, ev: EvSettings) -> list[str]:
    energy = session_energy_kwh(frame, ev)
    hours = (frame["departure"] - frame["arrival"]).to_numpy(np.float64)
    late = int((energy > ev.socket_kw * hours * (1.0 + ROUNDING)).sum())
    full = int((energy <= 0.0).sum())
    notes = [f"{len(frame)} sessions need {energy.clip(min=0.0).sum():.3f} kWh at the charger"]
    if late:
        notes.append(f"{late} sessions can not reach their required SOC at {ev.socket_kw:g} kW in the hours they stay")
    if full:
        notes.append(f"{full} sessions arrive at or above their required SOC and need no energy")
    return [*notes, *pattern_notes(frame, ev)]


def _identities(table: Table, header: str | None) -> list[str]:
    if header is None:
        return [f"f{i:06d}" for i in range(len(table.lines))]
    cells = table.columns[header]
    first = {cell: i for i, cell in reversed(list(enumerate(cells)))}
    refused = [i for i, cell in enumerate(cells) if not cell or first[cell] != i]
    refuse_cells(
        table, header, refused, what="an empty or repeated session name", cause="sessions exported twice",
        hint="give each session a name of its own, or remove the column.",
    )  # fmt: skip
    return cells


def _classes(sessions: SessionTable) -> list[str] | None:
    """Class of each row, where the file says it."""
    if not sessions.has("vehicle_class"):
        return None
    table, header = sessions.table, sessions.headers["vehicle_class"]
    cells = [cell.casefold() for cell in table.columns[header]]
    refused = [i for i, cell in enumerate(cells) if cell not in {"moto", "mototaxi"}]
    refuse_cells(
        table, header, refused, what="neither `moto` nor `mototaxi`", cause="another name of the class",
        hint="write `moto` or `mototaxi`.",
    )  # fmt: skip
    return cells


def _planned(sessions: SessionTable, socket: NDArray[np.int64], ev: EvSettings) -> list[str]:
    """Class that each session's socket serves, which the file may not contradict."""
    plan = [str(ev.vehicle_class(int(k))) for k in socket]
    foreign = [i for i, (one, said) in enumerate(zip(plan, _classes(sessions) or plan, strict=True)) if one != said]
    refuse_cells(
        sessions.table, sessions.headers.get("vehicle_class", ""), foreign,
        what="a class that the socket does not serve",
        cause=f"chargers 1 to {ev.moto_chargers} serve motos, the others mototaxis",
        hint="correct socket or class, or set `ev.moto_chargers`.",
    )  # fmt: skip
    return plan


def _battery(sessions: SessionTable, frame: pd.DataFrame, ev: EvSettings) -> tuple[FloatArray, tuple[str, ...]]:
    """Capacity of each battery [kWh], shape (rows,): the file's, or that of the class."""
    if sessions.has("battery_kwh"):
        return _bounded(sessions.table, sessions.headers["battery_kwh"], None)
    capacity = {"moto": ev.moto_battery_kwh, "mototaxi": ev.mototaxi_battery_kwh}
    kwh = np.array([capacity[kind] for kind in frame["vehicle_class"]], dtype=np.float64)
    return kwh, ("the file holds no battery: that of the class is taken",)


def _bounded(table: Table, header: str, most: float | None) -> tuple[FloatArray, tuple[str, ...]]:
    values, steps = numbers(table, header)
    fits = (values > 0.0) if most is None else (values >= 0.0) & (values <= most)
    refused = np.flatnonzero(~fits)
    if refused.size:
        what, cause = (
            ("no capacity above 0 kWh", "a gap") if most is None else ("no ratio of 0 to 1", "percent, or a gap")
        )
        hint = "write the capacity in kWh." if most is None else "write states of charge as ratios (0.8, not 80)."
        raise cell_error(table, header, refused, what=what, cause=cause, hint=hint)
    return values, steps


def _derived_soc(sessions: SessionTable, frame: pd.DataFrame, ev: EvSettings) -> tuple[FloatArray, tuple[str, ...]]:
    """SOC at arrival that leaves exactly the recorded energy, as drawn by the charger, to the required SOC."""
    table, header = sessions.table, sessions.headers["energy"]
    said = plain(header)
    unit = ev.unit or ("kWh" if "kwh" in said else "Wh" if "wh" in said else None)
    if unit not in KWH:
        raise InputError(
            f"{table.path}: the unit of column `{header}` (named by `{table.setting('columns.energy')}`) is "
            f"{unit or 'not known'}: the energy of a session is in {', '.join(KWH)}.",
            hint=f"set `{table.setting('unit')}` to one of them.",
        )
    values, steps = numbers(table, header)
    energy = values * KWH[unit]
    refuse_cells(
        table, header, np.flatnonzero(~(energy >= 0.0)), what="no energy of 0 or more",
        cause="a gap, or a vehicle that gave energy back", hint="correct the energy, or remove the row.",
    )  # fmt: skip
    battery, required = (frame[name].to_numpy(np.float64) for name in ("battery_kwh", "required_soc"))
    soc = required - energy * ev.charger_efficiency / battery
    over = np.flatnonzero(soc < -ROUNDING)
    if over.size:
        worst = int(over[energy[over].argmax()])
        most = required[worst] * battery[worst] / ev.charger_efficiency
        raise cell_error(
            table, header, over,
            what=f"more energy than the battery takes from empty to the required SOC, the most {energy[worst]:.4g} kWh "
            f"where a {frame['vehicle_class'].iloc[worst]} of {battery[worst]:g} kWh takes {most:.4g} kWh",
            cause="charging sessions of larger vehicles than the plant's, or another unit",
            hint="the file was read as charging sessions; set `ev.moto_battery_kwh` or `ev.mototaxi_battery_kwh` to "
            "the vehicles of the file (`ev.file_class` says which they are), or `ev.unit`.",
        )  # fmt: skip
    table.decide("unit", unit, f"`{table.setting('unit')}` says so" if ev.unit else f"the header `{header}` says so")
    step = f"SOC at arrival derived from `{header}` in {unit}, drawn at an efficiency of {ev.charger_efficiency:g}"
    return soc.clip(0.0), (*steps, step)
