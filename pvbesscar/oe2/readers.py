"""Readers of the OE2 files: one function for each kind of file, from its cells to a canonical frame.

Rows are never dropped, sorted, shifted or padded; a missing number stays missing, for the quality gate to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.series import Series
from pvbesscar.oe2.stamps import TimeAxis, time_axis
from pvbesscar.oe2.table import Table, missing_column, numbers, plain, read_table
from schemas.errors import InputError
from schemas.results import SeriesProvenance
from schemas.settings import EvSettings, PvSettings, SiteSettings

Key = TypeVar("Key", int, str)

KWH_PER_HOUR = {"W": 1e-3, "kW": 1.0, "MW": 1e3, "Wh": 1e-3, "kWh": 1.0, "MWh": 1e3}
"""Energy of one hour [kWh] per unit of a column; a mean power over one hour is that energy."""

WEATHER_HEADERS = {
    "ghi_w_m2": ("ghi_w_m2", "ghi_wm2", "ghi", "irradiancia_ghi", "irradiancia_ghi_w_m2", "irradiancia_global"),
    "dni_w_m2": ("dni_w_m2", "dni_wm2", "dni", "irradiancia_dni", "irradiancia_dni_w_m2", "irradiancia_directa"),
    "dhi_w_m2": ("dhi_w_m2", "dhi_wm2", "dhi", "irradiancia_dhi", "irradiancia_dhi_w_m2", "irradiancia_difusa"),
    "temp_air_c": ("temp_air_c", "temperatura_c", "temperature_c", "temp_c", "temp_air", "temperatura"),
    "wind_speed_m_s": (
        "wind_speed_m_s", "wind_speed_ms", "velocidad_viento_ms", "velocidad_viento_m_s", "wind_speed", "viento_ms",
    ),
}  # fmt: skip
HUMIDITY_HEADERS = ("relative_humidity", "humedad_relativa", "relative_humidity_pct", "humedad_relativa_pct", "rh")
PV_HEADERS = (
    "pv_generation_kwh", "pv_kwh", "ac_energy_kwh", "energia_ac_kwh", "energia_kwh", "generacion_kwh", "energy_kwh",
    "generacion_pv_kwh", "ac_power_kw", "potencia_ac_kw", "potencia_kw", "pv_kw", "power_kw",
)  # fmt: skip
MALL_HEADERS = (
    "demanda_kwh", "mall_kwh", "kwh", "energia_kwh", "consumo_kwh", "demand_kwh", "energy_kwh", "demanda_kw", "mall_kw",
    "kw", "potencia_kw", "demand_kw", "load_kw",
)  # fmt: skip

CHARGER_HEADER = re.compile(r"(?:charger|cargador)_?(\d+)(?:_kwh?)?")
SOCKET_HEADER = re.compile(r"(?:socket|toma|enchufe)_?(\d+)(?:_kwh?)?")
POSITION_HEADER = re.compile(r"(?:charger|cargador)_?(\d+)_([abcd]|[1-4])(?:_kwh?)?")


def read_weather(path: Path, key: str, site: SiteSettings) -> Series:
    """Read irradiance, temperature and wind.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
    site
        Time zone and declared year.

    Returns
    -------
    Series
        `timestamp`, `ghi_w_m2`, `dni_w_m2`, `dhi_w_m2` [W/m2], `temp_air_c` [C], `wind_speed_m_s` [m/s] and, where the
        file has it, `relative_humidity` [%].

    Raises
    ------
    InputError
        The file can not be read as weather.
    """
    table = read_table(path, key)
    axis = time_axis(table, site)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, headers in WEATHER_HEADERS.items():
        header = table.find(headers)
        if header is None:
            raise missing_column(table, f"`{name}`", headers)
        columns[name], read = numbers(table, header)
        steps += [*read, f"`{header}` is `{name}`, unchanged"]
    humidity = table.find(HUMIDITY_HEADERS)
    if humidity is not None:
        columns["relative_humidity"], read = numbers(table, humidity)
        steps += [*read, f"`{humidity}` is `relative_humidity`, unchanged"]
    return _series("weather", "weather_csv", table, axis, columns, steps)


def read_pv(path: Path, key: str, site: SiteSettings, pv: PvSettings) -> Series:
    """Read AC generation as `timestamp` and `pv_kwh` [kWh]; `pv.column` and `pv.unit` rule over known headers.

    Raises
    ------
    InputError
        The file can not be read as generation.
    """
    table = read_table(path, key)
    axis = time_axis(table, site)
    header = _named(table, pv.column) if pv.column is not None else table.find(PV_HEADERS)
    if header is None:
        raise missing_column(table, "AC generation", PV_HEADERS, "pv.column")
    values, steps, notes = _energy(table, header, PV_HEADERS, "pv_kwh", unit=pv.unit)
    series = _series("pv", "pv_csv", table, axis, {"pv_kwh": values}, [table.described, *axis.transformations, *steps])
    return series.noting(*notes)


def read_mall(path: Path, key: str, site: SiteSettings) -> Series:
    """Read the demand of the mall as `timestamp` and `mall_kwh` [kWh].

    Raises
    ------
    InputError
        The file can not be read as demand.
    """
    table = read_table(path, key)
    axis = time_axis(table, site)
    header = table.find(MALL_HEADERS)
    if header is None:
        raise missing_column(table, "the demand of the mall", MALL_HEADERS)
    values, steps, notes = _energy(table, header, MALL_HEADERS, "mall_kwh", unit=None)
    steps = [table.described, *axis.transformations, *steps]
    return _series("mall", "mall_csv", table, axis, {"mall_kwh": values}, steps).noting(*notes)


def read_profile(path: Path, key: str, site: SiteSettings, ev: EvSettings) -> Series:
    """Read hourly charging energies of all chargers, or of all sockets.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
    site
        Time zone and declared year.
    ev
        Number of chargers and sockets.

    Returns
    -------
    Series
        `timestamp` and one column per charger (`charger_01` ...) or per socket (`charger_01_A` ...), by number [kWh].

    Raises
    ------
    InputError
        The file can not be read as the profile of these chargers.
    """
    table = read_table(path, key)
    axis = time_axis(table, site)
    order = _profile_columns(table, axis, ev)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, header in order.items():
        columns[name], read = numbers(table, header)
        steps += read
    kind = "charger" if len(order) == ev.chargers else "socket"
    first, last = next(iter(order)), list(order)[-1]
    steps.append(
        f"{len(order)} {kind} columns `{order[first]}` to `{order[last]}` are `{first}` to `{last}`, unchanged"
    )
    return _series("ev_profile", f"{kind}_profile_csv", table, axis, columns, steps)


def _series(
    name: str,
    reader: str,
    table: Table,
    axis: TimeAxis,
    columns: dict[str, NDArray[np.float64]],
    steps: Sequence[str],
) -> Series:
    provenance = SeriesProvenance(
        series=name,
        source="file",
        reader=reader,
        file=table.path.as_posix(),
        sha256=table.sha256,
        transformations=tuple(steps),
    )
    return Series(pd.DataFrame({"timestamp": axis.index, **columns}), provenance)


def _named(table: Table, column: str) -> str:
    header = table.find((plain(column),))
    if header is None:
        raise InputError.missing_column(table.path, column, table.header, "pv.column")
    return header


def _energy(
    table: Table, header: str, headers: Sequence[str], name: str, *, unit: str | None
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Hourly energies of a column, in kWh, with the steps taken and the notes for a reader."""
    declared = _unit_of(header)
    unit = unit or declared
    if unit is None:
        raise InputError(
            f"{table.path}: the unit of column `{header}` (named by `pv.column`) is not known: its header ends in none "
            f"of {', '.join(KWH_PER_HOUR)}.",
            hint="set `pv.unit` to one of them.",
        )
    values, steps = numbers(table, header)
    factor = KWH_PER_HOUR[unit]
    how = f"`{header}` is `{name}`, in {unit}"
    how += "" if unit.endswith("Wh") else ": mean power over one hour taken as the energy of that hour"
    steps = (*steps, how + ("" if factor == 1.0 else f", times {factor:g} kWh"))
    notes = []
    if declared is not None and declared != unit:
        notes.append(f"`pv.unit` says {unit} where the header `{header}` says {declared}; `pv.unit` was followed")
    others = [other for other in table.columns if other != header and plain(other) in headers]
    if others:
        notes.append(f"`{header}` was used; the file also has {', '.join(f'`{other}`' for other in others)}")
    return values * factor, list(steps), notes


def _unit_of(header: str) -> str | None:
    last = plain(header).rsplit("_", maxsplit=1)[-1]
    return next((unit for unit in KWH_PER_HOUR if unit.casefold() == last), None)


def _profile_columns(table: Table, axis: TimeAxis, ev: EvSettings) -> dict[str, str]:
    """Header of each charger or socket, by canonical name and in their order."""
    headers = [header for header in table.columns if header not in axis.columns]
    for pattern, names in (
        (CHARGER_HEADER, [f"charger_{i + 1:02d}" for i in range(ev.chargers)]),
        (SOCKET_HEADER, [ev.socket_name(i) for i in range(ev.sockets)]),
    ):
        found = {header: pattern.fullmatch(plain(header)) for header in headers}
        if any(found.values()):
            _refuse_strangers(table, [h for h in headers if found[h] is None])
            numbered = {int(match[1]): header for header, match in found.items() if match is not None}
            return _by_number(table, numbered, names)
    return _by_position(table, headers, ev)


def _by_number(table: Table, numbered: dict[int, str], names: list[str]) -> dict[str, str]:
    first = 0 if 0 in numbered else 1
    _check_complete(table, set(numbered), set(range(first, first + len(names))), len(names))
    return {name: numbered[first + i] for i, name in enumerate(names)}


def _by_position(table: Table, headers: list[str], ev: EvSettings) -> dict[str, str]:
    found = {header: POSITION_HEADER.fullmatch(plain(header)) for header in headers}
    if not any(found.values()):
        raise missing_column(table, "a charger or a socket", ("Charger_01", "Socket_001", "Charger_01_A"))
    _refuse_strangers(table, [header for header, match in found.items() if match is None])
    # A digit may follow instead of a letter: positions 1 to 4 are A to D.
    placed = {
        f"charger_{int(match[1]):02d}_{match[2].translate(str.maketrans('1234', 'abcd')).upper()}": header
        for header, match in found.items()
        if match is not None
    }
    names = [ev.socket_name(i) for i in range(ev.sockets)]
    _check_complete(table, set(placed), set(names), len(names))
    return {name: placed[name] for name in names}


def _check_complete(table: Table, found: set[Key], expected: set[Key], count: int) -> None:
    if found == expected:
        return
    missing, extra = sorted(expected - found), sorted(found - expected)
    raise InputError(
        f"{table.path} (named by `{table.key}`): {len(found)} charger or socket columns where the plant has {count}; "
        f"missing: {_list(missing)}; not of the plant: {_list(extra)}.",
        hint="give one column for each charger (or each socket) of the plant, or set `ev.chargers` and "
        "`ev.sockets_per_charger` to what the file holds; no column is repeated or stretched.",
    )


def _list(items: Sequence[object]) -> str:
    shown = ", ".join(str(item) for item in items[:5])
    return (shown or "none") + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def _refuse_strangers(table: Table, strangers: Sequence[str]) -> None:
    if strangers:
        raise InputError(
            f"{table.path} (named by `{table.key}`): column {', '.join(f'`{s}`' for s in strangers[:5])} is neither a "
            f"stamp nor one of the chargers or sockets beside it.{table.first_rows()}",
            hint="remove totals and other columns from the profile, or rename them to the charger they hold.",
        )
