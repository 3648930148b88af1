"""Columns of a file of charging sessions, by the headers of this project and of the exports of charging networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.cells import MISSING, Table, missing_column, named_column, plain
from pvbesscar.oe2.delimited import read_table
from schemas.errors import InputError
from schemas.settings import EvSettings

SESSION_COLUMNS = (
    "session_id", "socket", "vehicle_class", "arrival", "departure", "battery_kwh", "arrival_soc", "required_soc",
)  # fmt: skip
SESSION_HEADERS = {
    "session_id": ("session_id", "sesion_id", "id_sesion", "sesion", "session", "id", "sessionid", "transactionid"),
    "socket": ("socket", "toma", "enchufe"),
    "vehicle_class": ("vehicle_class", "clase", "clase_vehiculo", "tipo", "tipo_vehiculo"),
    "arrival": (
        "arrival", "llegada", "arrival_hour", "hora_llegada", "connectiontime", "connection_time", "plug_in_time",
        "start_date_time", "start_datetime", "start_date", "startdate", "start_plugin", "utctransactionstart",
        "start_time", "starttime", "fecha_inicio", "inicio", "start", "start_timestamp", "starttimestamp",
        "timestamp_start", "timestampstart", "charge_start", "charging_start", "session_start", "inicio_carga",
        "hora_inicio",
    ),
    "departure": (
        "departure", "salida", "departure_hour", "hora_salida", "disconnecttime", "disconnect_time", "plug_out_time",
        "end_date_time", "end_datetime", "end_date", "enddate", "end_plugout", "utctransactionstop", "end_time",
        "endtime", "fecha_fin", "fin", "end", "stop_timestamp", "stoptimestamp", "end_timestamp", "timestamp_stop",
        "timestampstop", "charge_end", "charging_end", "session_end", "fin_carga", "hora_fin",
    ),
    "battery_kwh": ("battery_kwh", "bateria_kwh", "capacidad_kwh"),
    "arrival_soc": ("arrival_soc", "soc_llegada", "soc_inicial"),
    "required_soc": ("required_soc", "soc_requerido", "soc_objetivo", "soc_salida"),
    "energy": (
        "energy_kwh", "energia_kwh", "kwhdelivered", "kwh_delivered", "total_kwh", "el_kwh", "kwh", "energy_wh",
        "energia_wh", "total_energy", "totalenergy", "energy", "energia", "energy_delivered_kwh", "energy_delivered",
        "energia_entregada_kwh", "energia_entregada",
    ),
    "station": (
        "evse_id", "spaceid", "space_id", "station_name", "stationid", "station_id", "cp_id", "cpid", "chargepoint",
        "charge_point", "charger", "cargador", "estacion",
    ),
    "port": ("port_number", "port", "connector", "connector_id", "conector"),
    "zone": ("start_time_zone", "timezone", "time_zone", "zona_horaria"),
}  # fmt: skip
"""Known headers of each column, the first that is there counts."""

CLOCKS = {
    "start_date": "start_time", "startdate": "starttime", "fecha_inicio": "hora_inicio",
    "end_date": "end_time", "enddate": "endtime", "fecha_fin": "hora_fin",
}  # fmt: skip
"""Headers of the clock time that belongs to a date in a column of its own."""

DURATION = re.compile(r"(?:\w+_)?(?:duration|duracion|charging_time|tiempo_de_carga)(?:_|$)")
"""Headers of how long a vehicle stayed: a file of sessions, though one without the end of each stay."""
METER_HEADERS = ("meter_start", "meterstart")
"""Reading of a charger's meter, which OCPP has in the place of the energy."""

NEEDED = "a file of sessions has the start and the end of each stay, and the SOC at arrival or the energy charged"


@dataclass(frozen=True, slots=True)
class SessionTable:
    """A table of sessions and the header of each column that it has."""

    table: Table
    headers: Mapping[str, str]

    def has(self, name: str) -> bool:
        """Whether the file has a column."""
        return name in self.headers

    def only(self, rows: NDArray[np.bool_]) -> SessionTable:
        """Return the table of some of the rows, shape (rows,); lines keep their numbers."""
        kept = np.flatnonzero(rows).tolist()
        columns = {name: [cells[i] for i in kept] for name, cells in self.table.columns.items()}
        return replace(self, table=replace(self.table, columns=columns, lines=[self.table.lines[i] for i in kept]))


def read_session_table(path: Path, key: str, ev: EvSettings) -> SessionTable:
    """Table of a file of sessions, CSV, Parquet or JSON, with the columns found.

    Raises
    ------
    InputError
        It can not be read, or lacks a column that a session needs.
    """
    table = read_table(path, key, ev)
    headers = {name: header for name, header in _found(table, ev).items() if header is not None}
    table, headers = _with_clocks(table, headers)
    for name in ("arrival", "departure"):
        if name not in headers:
            raise _lacking(table, name, f"`{name}`")
    if not headers.keys() & {"arrival_soc", "energy"}:
        raise _lacking(table, "arrival_soc", "`arrival_soc`, and none an energy")
    return SessionTable(table, headers)


def is_sessions(table: Table, ev: EvSettings | None = None) -> bool:
    """Whether a table looks like charging sessions: stays with a start and an end, and no intervals in a row.

    Parameters
    ----------
    table
        Any table.
    ev
        Settings whose `columns` may name arrival and departure.
    """
    stated = (ev.columns.arrival, ev.columns.departure) if ev is not None else (None, None)
    if all(name is not None and name in table.columns for name in stated):
        return True
    if all(table.find(SESSION_HEADERS[name][:4]) for name in ("arrival", "departure")):
        return True
    start, end = (table.find(SESSION_HEADERS[name]) for name in ("arrival", "departure"))
    energy = table.find((*SESSION_HEADERS["energy"], *METER_HEADERS))
    if start is None or energy is None:
        return False
    if end is None:
        lasted = [cells for header, cells in table.columns.items() if DURATION.match(plain(header))]
        return any(len(set(cells)) > 1 for cells in lasted)  # intervals of one length are no stays
    starts, ends = table.columns[start], table.columns[end]
    follow = sum(a == b for a, b in zip(ends, starts[1:], strict=False))
    return 2 * follow < len(starts)


def is_missing(cell: str) -> bool:
    """Whether a cell holds nothing."""
    return cell.casefold() in MISSING


def _found(table: Table, ev: EvSettings) -> dict[str, str | None]:
    stated = ev.columns.model_dump()
    return {
        name: named_column(table, str(stated[name]), f"columns.{name}") if stated.get(name) else table.find(known)
        for name, known in SESSION_HEADERS.items()
    }


def _lacking(table: Table, name: str, what: str) -> InputError:
    error = missing_column(table, what, SESSION_HEADERS[name], table.setting(f"columns.{name}"))
    return InputError(f"{error.message}\nIt was read as charging sessions: {NEEDED}.", hint=error.hint)


def _with_clocks(table: Table, headers: dict[str, str]) -> tuple[Table, dict[str, str]]:
    """Join a date with the clock time beside it."""
    for name in ("arrival", "departure"):
        day = headers.get(name)
        clock = table.find((CLOCKS.get(plain(day or ""), "-"),))
        if day is None or clock is None or any(":" in cell for cell in table.columns[day]):
            continue
        pairs = zip(table.columns[day], table.columns[clock], strict=True)
        joined = {f"{day} {clock}": [" ".join(pair).strip() for pair in pairs]}
        table = replace(table, columns=table.columns | joined)
        headers = headers | {name: next(iter(joined))}
    return table, headers
