"""A file of one energy or power: generation of the PV plant, or demand of the mall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, missing_column, named_column
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.timestamps import TimeAxis, time_axis
from pvbesscar.oe2.units import PER_KWH, POWER, find_quantity, said_unit, unit_in
from schemas.errors import InputError
from schemas.settings import MallSettings, PvSettings, SiteSettings
from schemas.settings.fields import Unit

PV_HEADERS = (
    "pv_generation_kwh", "pv_kwh", "ac_energy_kwh", "energia_ac_kwh", "energia_kwh", "generacion_kwh", "energy_kwh",
    "generacion_pv_kwh", "ac_power_kw", "potencia_ac_kw", "potencia_kw", "pv_kw", "power_kw",
    "e_grid", "system_production",
)  # fmt: skip
MALL_HEADERS = (
    "demanda_kwh", "mall_kwh", "kwh", "energia_kwh", "consumo_kwh", "demand_kwh", "energy_kwh", "demanda_kw", "mall_kw",
    "kw", "potencia_kw", "demand_kw", "load_kw",
)  # fmt: skip
AGREEMENT = 1e-3
"""How far two columns of one quantity may differ, of their greatest value, and still be the same."""
METER_ROWS = 48
"""From two days on, a column that never falls is a meter's reading."""
MALL_AS_DETECTED = MallSettings(source="file", file=Path("-"))


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


def to_kwh(unit: str, axis: TimeAxis) -> tuple[float, str]:
    """Energy of an interval [kWh] per unit, and how it is said."""
    power = unit.endswith("W")
    factor = PER_KWH[unit] * (axis.minutes / 60 if power else 1.0)
    span = "one hour" if axis.minutes == 60 else f"{axis.minutes} min"
    how = f"in {unit}" + (
        f": mean power over {span} taken as the energy of that {span.rpartition(' ')[2]}" if power else ""
    )
    return factor, how + ("" if factor == 1.0 else f", times {factor:g} kWh")


def unit_of(header: str) -> str | None:
    """Unit of energy or power that a header says."""
    return unit_in(header, POWER)


def refuse_meter(table: Table, header: str, values: NDArray[np.float64]) -> None:
    """Refuse the readings of a meter that counts up: they are no energies of intervals."""
    known = values[~np.isnan(values)]
    if known.size >= METER_ROWS and known[0] < known[-1] and bool(np.all(np.diff(known) >= 0.0)):
        raise InputError(
            f"{table.named}: `{header}` never falls, from {known[0]:g} to {known[-1]:g} in "
            f"{known.size:,} rows: a meter's reading, not the power or energy of each interval.",
            hint="export the differences between readings, or the power.",
        )


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
    known = find_quantity(table, headers, POWER)
    header = table.find(headers) or next(iter(known), None)
    if given.column is not None:
        header = named_column(table, given.column, "column")
    elif table.sole is not None:
        header = table.sole
    if header is None:
        raise missing_column(table, meaning, headers, table.setting("column"))
    axis = time_axis(table, site)
    energy = _energy(table, header, name, axis, given.unit)
    notes = [*energy.notes, *_other_columns(table, header, headers, energy.kwh, axis, stated=given.column is not None)]
    index, columns, added = axis.hourly(table, {name: energy.kwh}, energies=True)
    steps = [table.described, *axis.transformations, *energy.steps, *added]
    return file_series(series, f"{series}_csv", table, pd.DataFrame({"timestamp": index, **columns}), steps).noting(
        *notes
    )


@dataclass(frozen=True, slots=True)
class _Energy:
    """Energies of a file's intervals [kWh], the steps taken, and notes for a reader."""

    kwh: NDArray[np.float64]
    steps: tuple[str, ...]
    notes: tuple[str, ...]


def _energy(table: Table, header: str, name: str, axis: TimeAxis, stated: str | None) -> _Energy:
    """Energy of each interval of a column, in kWh."""
    key = table.setting("unit")
    declared, why = (unit_of(header), "") if stated else said_unit(table, header, POWER)
    unit = stated or declared
    if unit is None:
        raise InputError(
            f"{table.path}: the unit of column `{header}` (named by `{table.setting('column')}`) is not known: its "
            f"header ends in none of {', '.join(POWER.units)}.",
            hint=f"set `{key}` to one of {', '.join(get_args(Unit))}.",
        )
    values, steps = numbers(table, header)
    refuse_meter(table, header, values)
    table.decide("unit", unit, f"`{key}` says so" if stated else why)
    factor, how = to_kwh(unit, axis)
    notes = []
    if declared is not None and declared != unit:
        notes.append(f"`{key}` says {unit} where the header `{header}` says {declared}; `{key}` was followed")
    return _Energy(values * factor, (*steps, f"`{header}` is `{name}`, {how}"), tuple(notes))


def _other_columns(
    table: Table, header: str, headers: Sequence[str], values: NDArray[np.float64], axis: TimeAxis, *, stated: bool
) -> list[str]:
    """Note the other columns of the quantity; where nobody chose one, they must say the same."""
    others = [other for other in find_quantity(table, headers, POWER) if other != header]
    for other in [] if stated else others:
        there = numbers(table, other)[0] * to_kwh(str(said_unit(table, other, POWER)[0]), axis)[0]
        gap = np.abs(there - values)
        if not np.array_equal(np.isnan(there), np.isnan(values)) or (
            np.nanmax(gap, initial=0.0) > AGREEMENT * np.nanmax(np.abs(values), initial=0.0)
        ):
            raise InputError(
                f"{table.named}: `{header}` and `{other}` hold different energies, by up to "
                f"{np.nanmax(gap, initial=0.0):.6g} kWh in a row.",
                hint=f"set `{table.setting('column')}` to the one that counts.",
            )
    return [f"`{header}` was used; the file also has {', '.join(f'`{other}`' for other in others)}"] if others else []
