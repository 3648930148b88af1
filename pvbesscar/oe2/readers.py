"""Readers of the OE2 files: one function for each kind of file, from its cells to a canonical frame.

Rows are never dropped, sorted or padded, and shifted only from the end or middle of their interval to its start; a
missing number stays missing, for the quality gate to judge. What was decided about a file is in its provenance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.delimited import Table, missing_column, numbers, plain, read_table
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.timestamps import TimeAxis, time_axis
from pvbesscar.oe2.weather import decomposed
from schemas.errors import InputError
from schemas.results import SeriesProvenance
from schemas.settings import EvSettings, MallSettings, PvSettings, SiteSettings, WeatherSettings

Key = TypeVar("Key", int, str)

KWH_PER_HOUR = {"W": 1e-3, "kW": 1.0, "MW": 1e3, "Wh": 1e-3, "kWh": 1.0, "MWh": 1e3}
"""Energy of one hour [kWh] per unit of a column; a mean power over one hour is that energy."""

IRRADIANCE = {"W/m2": 1.0, "kW/m2": 1e3, "Wh/m2": 1.0, "kWh/m2": 1e3}
"""Mean irradiance over one hour [W/m2] per unit of a column."""
IRRADIANCE_ENDINGS = {
    "w_m2": "W/m2", "wm2": "W/m2", "kw_m2": "kW/m2", "kwm2": "kW/m2",
    "wh_m2": "Wh/m2", "whm2": "Wh/m2", "kwh_m2": "kWh/m2", "kwhm2": "kWh/m2",
}  # fmt: skip
IRRADIANCE_STEMS = {
    "ghi_w_m2": ("ghi", "irradiancia_ghi", "irradiancia_global"),
    "dni_w_m2": ("dni", "irradiancia_dni", "irradiancia_directa"),
    "dhi_w_m2": ("dhi", "irradiancia_dhi", "irradiancia_difusa"),
}
WEATHER_HEADERS = {
    **{
        name: tuple(f"{stem}{ending}" for ending in ("_w_m2", "_wm2", "", *(f"_{e}" for e in IRRADIANCE_ENDINGS))
                    for stem in stems)
        for name, stems in IRRADIANCE_STEMS.items()
    },
    "temp_air_c": ("temp_air_c", "temperatura_c", "temperature_c", "temp_c", "temp_air", "temperatura"),
    "wind_speed_m_s": (
        "wind_speed_m_s", "wind_speed_ms", "velocidad_viento_ms", "velocidad_viento_m_s", "wind_speed", "viento_ms",
    ),
    "relative_humidity": (
        "relative_humidity", "humedad_relativa", "relative_humidity_pct", "humedad_relativa_pct", "rh",
    ),
}  # fmt: skip
WEATHER_KEYS = {
    "ghi_w_m2": "ghi", "dni_w_m2": "dni", "dhi_w_m2": "dhi", "temp_air_c": "temperature", "wind_speed_m_s": "wind",
    "relative_humidity": "humidity",
}  # fmt: skip
MOST_KW_PER_M2 = 2.0
"""No hour of any site has more [kW/m2]; the sun's extraterrestrial irradiance is 1.41 at most."""
PV_HEADERS = (
    "pv_generation_kwh", "pv_kwh", "ac_energy_kwh", "energia_ac_kwh", "energia_kwh", "generacion_kwh", "energy_kwh",
    "generacion_pv_kwh", "ac_power_kw", "potencia_ac_kw", "potencia_kw", "pv_kw", "power_kw",
)  # fmt: skip
MALL_HEADERS = (
    "demanda_kwh", "mall_kwh", "kwh", "energia_kwh", "consumo_kwh", "demand_kwh", "energy_kwh", "demanda_kw", "mall_kw",
    "kw", "potencia_kw", "demand_kw", "load_kw",
)  # fmt: skip

CHARGER_HEADER = re.compile(r"(?:charger|cargador)_?(\d{1,4})(?:_[km]?wh?)?")
SOCKET_HEADER = re.compile(r"(?:socket|toma|enchufe)_?(\d{1,4})(?:_[km]?wh?)?")
POSITION_HEADER = re.compile(r"(?:charger|cargador)_?(\d{1,4})_([abcd]|[1-4])(?:_[km]?wh?)?")
AGREEMENT = 1e-3
"""How far two columns of one quantity may differ, of their greatest value, and still be the same."""
METER_ROWS = 48
"""From two days on, a column that never falls is a meter's reading."""
WEATHER_AS_DETECTED = WeatherSettings(source="file", file=Path("-"))
MALL_AS_DETECTED = MallSettings(source="file", file=Path("-"))


def read_weather(path: Path, key: str, site: SiteSettings, weather: WeatherSettings = WEATHER_AS_DETECTED) -> Series:
    """Read irradiance, temperature and wind.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
    site
        Time zone and declared year.
    weather
        What the configuration says about the file.

    Returns
    -------
    Series
        `timestamp`, `ghi_w_m2`, `dni_w_m2`, `dhi_w_m2` [W/m2], `temp_air_c` [C], `wind_speed_m_s` [m/s] and, where the
        file has it, `relative_humidity` [%]; rows shorter than an hour averaged over it.

    Raises
    ------
    InputError
        The file can not be read as weather.
    """
    table = read_table(path, key, weather)
    headers = _weather_headers(table, weather)
    axis = time_axis(table, site)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, header in headers.items():
        values, read = numbers(table, header)
        factor, how = _irradiance(table, header, values, axis, weather) if name in IRRADIANCE_STEMS else (1.0, "")
        columns[name] = values if factor == 1.0 else values * factor
        steps += [*read, f"`{header}` is `{name}`, {how or 'unchanged'}"]
    index, columns, averaged = axis.hourly(table, columns, energies=False)
    series = _series("weather", "weather_csv", table, index, columns, [*steps, *averaged])
    return series if weather.decomposition is None else decomposed(series, site, weather.decomposition)


def read_pv(path: Path, key: str, site: SiteSettings, pv: PvSettings) -> Series:
    """Read AC generation as `timestamp` and `pv_kwh` [kWh]; `pv.column` and `pv.unit` rule over known headers.

    Raises
    ------
    InputError
        The file can not be read as generation.
    """
    return _read_energy(path, key, site, pv, PV_HEADERS, ("pv", "pv_kwh", "AC generation"))


def read_mall(path: Path, key: str, site: SiteSettings, mall: MallSettings = MALL_AS_DETECTED) -> Series:
    """Read the demand of the mall as `timestamp` and `mall_kwh` [kWh]; `mall.column` and `mall.unit` rule.

    Raises
    ------
    InputError
        The file can not be read as demand.
    """
    return _read_energy(path, key, site, mall, MALL_HEADERS, ("mall", "mall_kwh", "the demand of the mall"))


def _read_energy(
    path: Path,
    key: str,
    site: SiteSettings,
    given: PvSettings | MallSettings,
    headers: Sequence[str],
    what: tuple[str, str, str],
) -> Series:
    series, name, meaning = what
    table = read_table(path, key, given)
    header = _named(table, given.column, "column") if given.column is not None else table.find(headers)
    if header is None:
        raise missing_column(table, meaning, headers, table.setting("column"))
    axis = time_axis(table, site)
    energy = _energy(table, header, name, axis, given.unit)
    notes = [
        *energy.notes,
        *_other_columns(table, header, headers, energy.kwh, axis, stated=given.column is not None),
    ]
    index, columns, added = axis.hourly(table, {name: energy.kwh}, energies=True)
    steps = [table.described, *axis.transformations, *energy.steps, *added]
    return _series(series, f"{series}_csv", table, index, columns, steps).noting(*notes)


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
    table = read_table(path, key, ev)
    axis = time_axis(table, site)
    order = _profile_columns(table, axis, ev)
    factor, how = _profile_unit(table, list(order.values()), axis, ev)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, header in order.items():
        values, read = numbers(table, header)
        _refuse_meter(table, header, values)
        columns[name] = values if factor == 1.0 else values * factor
        steps += read
    kind = "charger" if len(order) == ev.chargers else "socket"
    first, last = next(iter(order)), list(order)[-1]
    steps.append(f"{len(order)} {kind} columns `{order[first]}` to `{order[last]}` are `{first}` to `{last}`, {how}")
    index, columns, added = axis.hourly(table, columns, energies=True)
    return _series("ev_profile", f"{kind}_profile_csv", table, index, columns, [*steps, *added])


def _series(
    name: str,
    reader: str,
    table: Table,
    index: pd.DatetimeIndex,
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
        decisions=tuple(table.decisions),
    )
    return Series(pd.DataFrame({"timestamp": index, **columns}), provenance)


def _named(table: Table, column: str, name: str) -> str:
    header = column if column in table.columns else table.find((plain(column),))
    if header is None:
        raise InputError.missing_column(table.path, column, table.header[:40], table.setting(name))
    return header


def _weather_headers(table: Table, weather: WeatherSettings) -> dict[str, str]:
    """Header of each weather column that the file has; DNI and DHI only where they are not to be decomposed."""
    found: dict[str, str] = {}
    for name, known in WEATHER_HEADERS.items():
        key = WEATHER_KEYS[name]
        stated = getattr(weather.columns, key)
        header = _named(table, stated, f"columns.{key}") if stated is not None else _only(table, name, known)
        if header is not None:
            found[name] = header
    split = [name for name in ("dni_w_m2", "dhi_w_m2") if name in found]
    if weather.decomposition is not None:
        if split:
            raise InputError(
                f"{table.path} (named by `{table.key}`): `weather.decomposition` is set, and the file has "
                f"{', '.join(f'`{found[name]}`' for name in split)} already.",
                hint="remove `weather.decomposition`: what was measured is not replaced by a model.",
            )
        required = [name for name in WEATHER_KEYS if name not in {"dni_w_m2", "dhi_w_m2", "relative_humidity"}]
    else:
        required = [name for name in WEATHER_KEYS if name != "relative_humidity"]
    missing = next((name for name in required if name not in found), None)
    if missing in {"dni_w_m2", "dhi_w_m2"} and "ghi_w_m2" in found and not split:
        raise InputError(
            f"{table.path} (named by `{table.key}`): no column holds `dni_w_m2` nor `dhi_w_m2`: the file has global "
            f"irradiance (`{found['ghi_w_m2']}`) only.{table.first_rows()}",
            hint="set `weather.decomposition` to `erbs` or `erbs_driesse` to have a model split it (the report says "
            "so), or name the columns with `weather.columns.dni` and `weather.columns.dhi`.",
        )
    if missing is not None:
        raise missing_column(
            table, f"`{missing}`", WEATHER_HEADERS[missing][:8], table.setting(f"columns.{WEATHER_KEYS[missing]}")
        )
    return found


def _only(table: Table, name: str, known: Sequence[str]) -> str | None:
    """Header of a weather quantity by its known names; two that differ are refused."""
    found = [header for header in table.columns if plain(header) in known]
    if len(found) > 1:
        first = table.columns[found[0]]
        differing = [header for header in found[1:] if table.columns[header] != first]
        if differing:
            raise InputError(
                f"{table.path} (named by `{table.key}`): `{found[0]}` and `{differing[0]}` both may be `{name}`, and "
                "they differ.",
                hint=f"set `{table.setting(f'columns.{WEATHER_KEYS[name]}')}` to the one that counts.",
            )
    return table.find(known)


def _irradiance(
    table: Table, header: str, values: NDArray[np.float64], axis: TimeAxis, weather: WeatherSettings
) -> tuple[float, str]:
    """Factor from a column's unit to mean W/m2, and how it is said."""
    key = table.setting("unit")
    ending = next(
        (e for e in sorted(IRRADIANCE_ENDINGS, key=len, reverse=True) if plain(header).endswith(f"_{e}")), None
    )
    unit: str | None = weather.unit
    why = f"`{key}` says so"
    if unit is None and ending is not None:
        unit, why = IRRADIANCE_ENDINGS[ending], f"the header `{header}` says so"
    if unit is None:
        greatest = float(np.nanmax(values, initial=0.0))
        if 0.0 < greatest <= MOST_KW_PER_M2:
            raise InputError(
                f"{table.path} (named by `{table.key}`): the unit of `{header}` can not be known: its greatest value "
                f"is {greatest:g}, which may be kW/m2 as well as nearly dark W/m2.",
                hint=f"set `{key}` to one of {', '.join(IRRADIANCE)}.",
            )
        if axis.minutes != 60:
            raise InputError(
                f"{table.path} (named by `{table.key}`): `{header}` does not say whether it is a mean irradiance "
                f"(W/m2) or the energy of {axis.minutes} min (Wh/m2).",
                hint=f"set `{key}` to one of {', '.join(IRRADIANCE)}.",
            )
        unit, why = "W/m2", f"`{header}` reaches {greatest:g}: in kW/m2 more than the sun gives"
    table.decide("unit of irradiance", unit, why)
    # Energy of a short interval is less than the mean power by the share of the hour.
    factor = IRRADIANCE[unit] * (60 / axis.minutes if "Wh" in unit else 1.0)
    return factor, "" if factor == 1.0 else f"times {factor:g} from {unit}"


@dataclass(frozen=True, slots=True)
class _Energy:
    """Energies of a file's intervals [kWh], the steps taken, and notes for a reader."""

    kwh: NDArray[np.float64]
    steps: tuple[str, ...]
    notes: tuple[str, ...]


def _energy(table: Table, header: str, name: str, axis: TimeAxis, stated: str | None) -> _Energy:
    """Energy of each interval of a column, in kWh."""
    key, declared = table.setting("unit"), _unit_of(header)
    unit = stated or declared
    if unit is None:
        raise InputError(
            f"{table.path}: the unit of column `{header}` (named by `{table.setting('column')}`) is not known: its "
            f"header ends in none of {', '.join(KWH_PER_HOUR)}.",
            hint=f"set `{key}` to one of them.",
        )
    values, steps = numbers(table, header)
    _refuse_meter(table, header, values)
    table.decide("unit", unit, f"`{key}` says so" if stated else f"the header `{header}` ends in it")
    factor, how = _to_kwh(unit, axis)
    notes = []
    if declared is not None and declared != unit:
        notes.append(f"`{key}` says {unit} where the header `{header}` says {declared}; `{key}` was followed")
    return _Energy(values * factor, (*steps, f"`{header}` is `{name}`, {how}"), tuple(notes))


def _to_kwh(unit: str, axis: TimeAxis) -> tuple[float, str]:
    """Energy of an interval [kWh] per unit, and how it is said."""
    power = not unit.endswith("Wh")
    factor = KWH_PER_HOUR[unit] * (axis.minutes / 60 if power else 1.0)
    span = "one hour" if axis.minutes == 60 else f"{axis.minutes} min"
    how = f"in {unit}" + (
        f": mean power over {span} taken as the energy of that {span.rpartition(' ')[2]}" if power else ""
    )
    return factor, how + ("" if factor == 1.0 else f", times {factor:g} kWh")


def _other_columns(
    table: Table, header: str, headers: Sequence[str], values: NDArray[np.float64], axis: TimeAxis, *, stated: bool
) -> list[str]:
    """Note the other columns of the quantity; where nobody chose one, they must say the same."""
    others = [other for other in table.columns if other != header and plain(other) in headers]
    for other in [] if stated else others:
        there = numbers(table, other)[0] * _to_kwh(str(_unit_of(other)), axis)[0]
        gap = np.abs(there - values)
        if not np.array_equal(np.isnan(there), np.isnan(values)) or (
            np.nanmax(gap, initial=0.0) > AGREEMENT * np.nanmax(np.abs(values), initial=0.0)
        ):
            raise InputError(
                f"{table.path} (named by `{table.key}`): `{header}` and `{other}` hold different energies, by up to "
                f"{np.nanmax(gap, initial=0.0):.6g} kWh in a row.",
                hint=f"set `{table.setting('column')}` to the one that counts.",
            )
    return [f"`{header}` was used; the file also has {', '.join(f'`{other}`' for other in others)}"] if others else []


def _refuse_meter(table: Table, header: str, values: NDArray[np.float64]) -> None:
    """Refuse the readings of a meter that counts up: they are no energies of intervals."""
    known = values[~np.isnan(values)]
    if known.size >= METER_ROWS and known[0] < known[-1] and bool(np.all(np.diff(known) >= 0.0)):
        raise InputError(
            f"{table.path} (named by `{table.key}`): `{header}` never falls, from {known[0]:g} to {known[-1]:g} in "
            f"{known.size:,} rows: a meter's reading, not the power or energy of each interval.",
            hint="export the differences between readings, or the power.",
        )


def _profile_unit(table: Table, headers: Sequence[str], axis: TimeAxis, ev: EvSettings) -> tuple[float, str]:
    """Factor from the unit of a profile's columns to the kWh of their interval, and how it is said."""
    key, units = table.setting("unit"), {_unit_of(header) for header in headers}
    if ev.unit is None and len(units) > 1:
        raise InputError(
            f"{table.path} (named by `{table.key}`): the columns are in different units: "
            f"{', '.join(sorted(str(unit) for unit in units))}.",
            hint=f"export all columns in one unit, or set `{key}`.",
        )
    unit: str | None = ev.unit
    why = f"`{key}` says so"
    if unit is None:
        unit, why = units.pop(), "the headers end in it"
    if unit is None:
        if axis.minutes != 60:
            raise InputError(
                f"{table.path} (named by `{table.key}`): the headers do not say whether rows of {axis.minutes} min "
                "hold mean kW or kWh.",
                hint=f"set `{key}` to kW or kWh.",
            )
        unit, why = "kWh", "no unit in the headers: OE2 profiles hold the kWh of each hour, which is also the mean kW"
    table.decide("unit", unit, why)
    factor, how = _to_kwh(unit, axis)
    return factor, "unchanged" if factor == 1.0 else how


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
            _refuse_repeated(table, len(headers), len(numbered))
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
    _refuse_repeated(table, len(headers), len(placed))
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


def _refuse_repeated(table: Table, columns: int, named: int) -> None:
    if named < columns:
        raise InputError(
            f"{table.path} (named by `{table.key}`): {columns} columns name {named} chargers or sockets: some are "
            "there twice under two spellings (`Charger_1` and `Charger_01`).",
            hint="keep one column for each charger or socket.",
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
