"""A file of charging sessions, one row for each stay of a vehicle."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, cell_error, missing_column, refuse_cells
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.sessions import ROUNDING, pattern_notes, session_energy_kwh
from pvbesscar.oe2.stamp_cells import is_stamp
from pvbesscar.oe2.timestamps import declared_year, parse_stamps
from schemas.settings import HOURS_PER_YEAR, EvSettings, Settings

SESSION_HEADERS = {
    "session_id": ("session_id", "sesion_id", "id_sesion", "sesion", "session", "id"),
    "socket": ("socket", "toma", "enchufe"),
    "vehicle_class": ("vehicle_class", "clase", "clase_vehiculo", "tipo", "tipo_vehiculo"),
    "arrival": ("arrival", "llegada", "arrival_hour", "hora_llegada"),
    "departure": ("departure", "salida", "departure_hour", "hora_salida"),
    "battery_kwh": ("battery_kwh", "bateria_kwh", "capacidad_kwh"),
    "arrival_soc": ("arrival_soc", "soc_llegada", "soc_inicial"),
    "required_soc": ("required_soc", "soc_requerido", "soc_objetivo", "soc_salida"),
}
SESSION_COLUMNS = tuple(SESSION_HEADERS)


def read_sessions(path: Path, key: str, settings: Settings) -> Series:
    """Read a sessions file with the canonical columns, arrivals and departures as stamps or as hours of the year.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
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
    table = read_table(path, key, settings.ev)
    headers = {name: table.find(names) for name, names in SESSION_HEADERS.items()}
    steps = [table.described]
    if headers["session_id"] is None:
        steps.append("sessions numbered in the order of the file")
    missing = next((name for name, header in headers.items() if header is None and name != "session_id"), None)
    if missing is not None:
        raise missing_column(table, f"`{missing}`", SESSION_HEADERS[missing])
    columns: dict[str, object] = {"session_id": _identities(table, headers["session_id"])}
    columns["socket"] = _whole(table, str(headers["socket"]), 0, settings.ev.sockets - 1)
    columns["vehicle_class"] = _classes(table, str(headers["vehicle_class"]))
    for name, rounding in (("arrival", math.ceil), ("departure", math.floor)):
        columns[name], read = _hours(table, str(headers[name]), settings, up=rounding is math.ceil)
        steps += read
    for name in ("battery_kwh", "arrival_soc", "required_soc"):
        columns[name], read = _bounded(table, str(headers[name]), None if name == "battery_kwh" else 1.0)
        steps += read
    frame = pd.DataFrame(columns)
    _check_sessions(table, frame, {name: str(header) for name, header in headers.items()}, settings.ev)
    ordered = frame.sort_values(["arrival", "socket"], kind="stable", ignore_index=True)
    if not ordered.equals(frame):
        steps.append("sorted by arrival and socket")
    return file_series("sessions", "sessions_csv", table, ordered, steps).noting(*_file_notes(ordered, settings.ev))


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


def _whole(table: Table, header: str, least: int, most: int) -> NDArray[np.int64]:
    values, _ = numbers(table, header)
    # Written so that NaN, too, is refused.
    refused = np.flatnonzero(~((values >= least) & (values <= most) & (values == np.floor(values))))
    refuse_cells(
        table, header, refused, what=f"no whole number of {least} to {most}",
        cause="numbering from 1, a gap, or a plant of another size",
        hint=f"number them {least} to {most}, or set what the plant has (`ev.chargers`, `ev.sockets_per_charger`).",
    )  # fmt: skip
    return values.astype(np.int64)


def _classes(table: Table, header: str) -> list[str]:
    cells = [cell.casefold() for cell in table.columns[header]]
    refused = [i for i, cell in enumerate(cells) if cell not in {"moto", "mototaxi"}]
    refuse_cells(
        table, header, refused, what="neither `moto` nor `mototaxi`", cause="another name of the class",
        hint="write `moto` or `mototaxi`.",
    )  # fmt: skip
    return cells


def _bounded(table: Table, header: str, most: float | None) -> tuple[NDArray[np.float64], tuple[str, ...]]:
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


def _hours(table: Table, header: str, settings: Settings, *, up: bool) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Hours of the declared year, from whole numbers or from stamps."""
    if not is_stamp(table.columns[header][0]):
        return _whole(table, header, 0, HOURS_PER_YEAR), ()
    index, steps = parse_stamps(table, header, settings.site)
    start = declared_year(settings.site, 1)[0]
    exact = (index - start) / dt.timedelta(hours=1)
    hours = np.asarray(np.ceil(exact) if up else np.floor(exact), dtype=np.int64)
    outside = np.flatnonzero((hours < 0) | (hours > HOURS_PER_YEAR))
    refuse_cells(
        table, header, outside,
        what=f"a stamp outside the {HOURS_PER_YEAR} hours of the declared year {settings.site.year}",
        cause="sessions of another year",
        hint="set `site.year` to the year of the sessions, or give those of the declared year.",
    )  # fmt: skip
    moved = int((hours != np.asarray(exact)).sum())
    steps = (*steps, f"`{header}` counted in hours from {start:%Y-%m-%d %H:%M}")
    if moved:
        way = "up to the next" if up else "down to the last"
        steps = (
            *steps,
            f"{moved} stamps of `{header}` within an hour moved {way} full hour: partly used hours do not count",
        )
    return hours, steps


def _check_sessions(table: Table, frame: pd.DataFrame, headers: dict[str, str], ev: EvSettings) -> None:
    plan = np.array([ev.vehicle_class(k) for k in range(ev.sockets)], dtype=object)[frame["socket"]]
    foreign = np.flatnonzero(plan != frame["vehicle_class"].to_numpy(object))
    refuse_cells(
        table, headers["vehicle_class"], foreign, what="a class that the socket does not serve",
        cause=f"chargers 1 to {ev.moto_chargers} serve motos, the others mototaxis",
        hint="correct socket or class, or set `ev.moto_chargers`.",
    )  # fmt: skip
    backwards = np.flatnonzero(frame["departure"] <= frame["arrival"])
    refuse_cells(
        table, headers["departure"], backwards, what="no full hour after the arrival",
        cause="swapped columns, or a stay that spans no full hour",
        hint="correct the stamps; stays without a full hour can not be simulated hour by hour.",
    )  # fmt: skip
    ordered = frame.sort_values(["socket", "arrival"], kind="stable")
    same = ordered["socket"].to_numpy()[1:] == ordered["socket"].to_numpy()[:-1]
    overlap = same & (ordered["arrival"].to_numpy()[1:] < ordered["departure"].to_numpy()[:-1])
    if overlap.any():
        raise cell_error(
            table, headers["arrival"], ordered.index[1:][overlap].tolist(),
            what="an arrival before the vehicle before it has left the socket",
            cause="sessions exported twice, or sockets merged",
            hint="give each socket one vehicle at a time (departure may equal the next arrival).",
        )  # fmt: skip
