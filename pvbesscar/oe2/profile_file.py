"""A file of hourly charging energies, one column for each charger or socket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, missing_column, plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.energy_file import refuse_meter, to_kwh
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.timestamps import TimeAxis, time_axis
from pvbesscar.oe2.units import POWER, said_unit
from schemas.errors import InputError
from schemas.settings import EvSettings, SiteSettings

Key = TypeVar("Key", int, str)
CHARGER_HEADER = re.compile(r"(?:charger|cargador)_?(\d{1,4})(?:_[km]?wh?)?")
SOCKET_HEADER = re.compile(r"(?:socket|toma|enchufe)_?(\d{1,4})(?:_[km]?wh?)?")
POSITION_HEADER = re.compile(r"(?:charger|cargador)_?(\d{1,4})_([abcd]|[1-4])(?:_[km]?wh?)?")


def read_profile(path: Path, key: str, site: SiteSettings, ev: EvSettings, *, alone: bool = True) -> Series:
    """Read hourly charging energies of all chargers, or of all sockets.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
    site
        Time zone and declared year.
    ev
        Number of chargers and sockets.
    alone
        Whether a column that is no charger's is refused; False for a file that holds other series, too.

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
    order = _profile_columns(table, axis, ev, alone=alone)
    factor, how = _profile_unit(table, list(order.values()), axis, ev)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, header in order.items():
        values, read = numbers(table, header)
        refuse_meter(table, header, values)
        columns[name] = values if factor == 1.0 else values * factor
        steps += read
    kind = "charger" if len(order) == ev.chargers else "socket"
    first, last = next(iter(order)), list(order)[-1]
    steps.append(f"{len(order)} {kind} columns `{order[first]}` to `{order[last]}` are `{first}` to `{last}`, {how}")
    index, columns, added = axis.hourly(table, columns, energies=True)
    return file_series(
        "ev_profile", f"{kind}_profile_csv", table, pd.DataFrame({"timestamp": index, **columns}), [*steps, *added]
    )


def _profile_unit(table: Table, headers: Sequence[str], axis: TimeAxis, ev: EvSettings) -> tuple[float, str]:
    """Factor from the unit of a profile's columns to the kWh of their interval, and how it is said."""
    key, units = table.setting("unit"), {said_unit(table, header, POWER)[0] for header in headers}
    if ev.unit is None and len(units) > 1:
        raise InputError(
            f"{table.named}: the columns are in different units: {', '.join(sorted(str(unit) for unit in units))}.",
            hint=f"export all columns in one unit, or set `{key}`.",
        )
    unit: str | None = ev.unit
    why = f"`{key}` says so"
    if unit is None:
        unit, why = units.pop(), "the headers end in it"
    if unit is None:
        if axis.minutes != 60:
            raise InputError(
                f"{table.named}: the headers do not say whether rows of {axis.minutes} min hold mean kW or kWh.",
                hint=f"set `{key}` to kW or kWh.",
            )
        unit, why = "kWh", "no unit in the headers: OE2 profiles hold the kWh of each hour, which is also the mean kW"
    table.decide("unit", unit, why)
    factor, how = to_kwh(unit, axis)
    return factor, "unchanged" if factor == 1.0 else how


def _profile_columns(table: Table, axis: TimeAxis, ev: EvSettings, *, alone: bool) -> dict[str, str]:
    """Header of each charger or socket, by canonical name and in their order."""
    patterns = (CHARGER_HEADER, SOCKET_HEADER, POSITION_HEADER)
    headers = [
        header
        for header in table.columns
        if header not in axis.columns and (alone or any(one.fullmatch(plain(header)) for one in patterns))
    ]
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
        f"{table.named}: {len(found)} charger or socket columns where the plant has {count}; "
        f"missing: {_list(missing)}; not of the plant: {_list(extra)}.",
        hint="give one column for each charger (or each socket) of the plant, or set `ev.chargers` and "
        "`ev.sockets_per_charger` to what the file holds; no column is repeated or stretched.",
    )


def _refuse_repeated(table: Table, columns: int, named: int) -> None:
    if named < columns:
        raise InputError(
            f"{table.named}: {columns} columns name {named} chargers or sockets: some are "
            "there twice under two spellings (`Charger_1` and `Charger_01`).",
            hint="keep one column for each charger or socket.",
        )


def _list(items: Sequence[object]) -> str:
    shown = ", ".join(str(item) for item in items[:5])
    return (shown or "none") + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def _refuse_strangers(table: Table, strangers: Sequence[str]) -> None:
    if strangers:
        raise InputError(
            f"{table.named}: column {', '.join(f'`{s}`' for s in strangers[:5])} is neither a "
            f"stamp nor one of the chargers or sockets beside it.{table.first_rows()}",
            hint="remove totals and other columns from the profile, or rename them to the charger they hold.",
        )
