"""A file of the grid's carbon intensity, hour by hour: average, or marginal, as `carbon.measure` says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pvbesscar.oe2.cells import Table, missing_column, named_column, plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.timestamps import time_axis
from schemas.errors import InputError
from schemas.frames import CARBON
from schemas.settings import CarbonSettings, SiteSettings

COLUMN = "carbon_kg_per_kwh"
CARBON_HEADERS = (
    COLUMN, "carbon_g_per_kwh", "carbon_intensity_kg_per_kwh", "carbon_intensity_g_per_kwh", "co2_kg_per_kwh",
    "co2_g_per_kwh", "kgco2_kwh", "gco2_kwh", "factor_kgco2_kwh", "factor_gco2_kwh", "carbon_intensity",
)  # fmt: skip
ENDINGS = {"kg_per_kwh": "kg/kWh", "kgco2_kwh": "kg/kWh", "g_per_kwh": "g/kWh", "gco2_kwh": "g/kWh"}
"""How a header with a unit ends; the longer ending stands before the one that it ends in."""
KG_PER_KWH = {"kg/kWh": 1.0, "g/kWh": 1e-3}


def read_carbon(path: Path, key: str, site: SiteSettings, carbon: CarbonSettings) -> Series:
    """Read the carbon intensity of the import as `timestamp` and `carbon_kg_per_kwh` [kgCO2/kWh].

    Rows shorter than an hour are averaged.

    Raises
    ------
    InputError
        The file can not be read as a carbon intensity.
    """
    table = read_table(path, key, carbon)
    if carbon.column is not None:
        header: str | None = named_column(table, carbon.column, "column")
    else:
        header = table.find(CARBON_HEADERS)
    if header is None:
        raise missing_column(table, "the carbon intensity of the grid", CARBON_HEADERS, table.setting("column"))
    axis = time_axis(table, site)
    unit = _unit(table, header, carbon.unit)
    values, steps = numbers(table, header)
    index, columns, averaged = axis.hourly(table, {COLUMN: values * KG_PER_KWH[unit]}, energies=False)
    done = [table.described, *axis.transformations, *steps, f"`{header}` is `{COLUMN}`, in {unit}", *averaged]
    series = file_series(CARBON, "carbon_csv", table, pd.DataFrame({"timestamp": index, **columns}), done)
    return series.noting(f"{carbon.measure} carbon intensity of the grid (`carbon.measure`)")


def _unit(table: Table, header: str, stated: str | None) -> str:
    """Unit of a column, as the configuration or its header says."""
    declared = next((unit for ending, unit in ENDINGS.items() if plain(header).endswith(ending)), None)
    unit = stated or declared
    if unit is None:
        raise InputError(
            f"{table.path}: the unit of column `{header}` (named by `{table.setting('column')}`) is not known: its "
            f"header ends in none of {', '.join(f'`{ending}`' for ending in ENDINGS)}.",
            hint=f"set `{table.setting('unit')}` to kg/kWh or g/kWh.",
        )
    table.decide("unit", unit, f"`{table.setting('unit')}` says so" if stated else f"the header `{header}` ends in it")
    return unit
