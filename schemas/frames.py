"""Structural contracts of the canonical frames: columns, dtypes, tz-aware stamps; the unit is in each column's name.

What the values may be is judged by the rules of `pvbesscar.quality`; here is only what every reader may rely on.
Missing numbers (NaN) pass the structure: a rule names their hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

WEATHER = "weather"
PV = "pv"
MALL = "mall"
EV_PROFILE = "ev_profile"
SESSIONS = "sessions"

HOURLY = (WEATHER, PV, MALL, EV_PROFILE)
"""Series with one row per hour and a column `timestamp`."""

REQUIRED = (WEATHER, PV, MALL, SESSIONS)
"""Series that every canonical folder holds."""

SERIES = (*HOURLY, SESSIONS)

DATASET_HOURLY = "dataset_hourly"
"""`hourly.parquet` of a dataset, which `build` writes."""

LEDGER = "ledger"
"""Hourly ledger of a controller, which `evaluate` writes."""


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """One column of a canonical frame.

    Parameters
    ----------
    name
        Name, with its unit where it is a quantity.
    kind
        `stamp` (tz-aware), `float` (float64, NaN allowed), `int` (int64) or `text` (no missing value); for tables that
        later stages write also `amount` (finite, not negative), `finite` and `count` (any whole number).
    unit
        Unit in words, for people.
    meaning
        What it holds.
    required
        False for a column that some sources do not have.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    required: bool = True


STAMP = ColumnContract("timestamp", "stamp", "local time", "start of the hour, tz-aware")

COLUMNS: dict[str, tuple[ColumnContract, ...]] = {
    WEATHER: (
        STAMP,
        ColumnContract("ghi_w_m2", "float", "W/m2", "global horizontal irradiance, mean of the hour"),
        ColumnContract("dni_w_m2", "float", "W/m2", "direct normal irradiance, mean of the hour"),
        ColumnContract("dhi_w_m2", "float", "W/m2", "diffuse horizontal irradiance, mean of the hour"),
        ColumnContract("temp_air_c", "float", "deg C", "air temperature"),
        ColumnContract("wind_speed_m_s", "float", "m/s", "wind speed"),
        ColumnContract("relative_humidity", "float", "%", "relative humidity", required=False),
    ),
    PV: (STAMP, ColumnContract("pv_kwh", "float", "kWh", "AC energy of the hour at the plant's terminals")),
    MALL: (STAMP, ColumnContract("mall_kwh", "float", "kWh", "demand of the mall in the hour, without vehicles")),
    EV_PROFILE: (STAMP,),
    SESSIONS: (
        ColumnContract("session_id", "text", "", "name of the session"),
        ColumnContract("socket", "int", "", "socket, 0-based"),
        ColumnContract("vehicle_class", "text", "", "moto or mototaxi"),
        ColumnContract("arrival", "int", "h", "first hour plugged in, 0-based hour of the year"),
        ColumnContract("departure", "int", "h", "hour of departure, exclusive"),
        ColumnContract("battery_kwh", "float", "kWh", "capacity of the vehicle's battery"),
        ColumnContract("arrival_soc", "float", "1", "state of charge at arrival, a ratio"),
        ColumnContract("required_soc", "float", "1", "state of charge wanted at departure, a ratio"),
    ),
}
"""Columns of each series, in order; `ev_profile` also has one float column per charger or socket [kWh]."""

TABLES: dict[str, tuple[ColumnContract, ...]] = {
    DATASET_HOURLY: (
        STAMP,
        *(ColumnContract(name, "amount", "kWh", "energy of the hour") for name in ("pv_kwh", "mall_kwh")),
        ColumnContract("pv_w_per_kw", "amount", "W/kW", "PV per kWp"),
        ColumnContract("price", "amount", "PEN/kWh", "price of import"),
        ColumnContract("carbon", "amount", "kgCO2/kWh", "carbon intensity of import"),
        *(ColumnContract(name, "count", "", "calendar") for name in ("hour", "month", "day_type")),
        ColumnContract("rule_import_kwh", "amount", "kWh", "import of the rule"),
        *(
            ColumnContract(f"{series}_{ahead}_kwh", "amount", "kWh", "forecast")
            for series in ("pv", "mall")
            for ahead in ("next", "next3")
        ),
    ),
    LEDGER: (
        ColumnContract("t", "count", "h", "hour of the year"),
        STAMP,
        *(
            ColumnContract(f"{name}_kwh", "amount", "kWh", "energy of the hour")
            for name in (
                "pv",
                "mall",
                "ev",
                "charge",
                "discharge",
                "import",
                "export",
                "curtailed",
                "solar",
                "ev_short",
                "ramping",
            )
        ),
        ColumnContract("bess_soc", "amount", "1", "state of charge"),
        ColumnContract("co2_kg", "amount", "kgCO2", "of the import"),
        *(ColumnContract(name, "finite", "", "of the hour") for name in ("cost_pen", "demand_pen", "reward")),
        ColumnContract("wear_pen", "amount", "PEN", "wear of the battery"),
        *(ColumnContract(name, "amount", "", "of the import") for name in ("price", "carbon")),
        *(
            ColumnContract(name, "amount", "", "vehicles of the hour")
            for name in (
                "departures",
                "departures_met",
                "departures_feasible",
                "departures_met_feasible",
                "infeasible_sockets",
            )
        ),
        ColumnContract("window", "text", "", "stretch of hours"),
    ),
}
"""Columns that readers of the later stages' hourly tables rely on."""


def _is_tz_aware(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _is_text(column: pd.Series) -> bool:
    return bool(pd.api.types.infer_dtype(column, skipna=False) == "string")


def _is_whole(column: pd.Series) -> bool:
    return bool(pd.api.types.is_integer_dtype(column))


def _has_rows(frame: pd.DataFrame) -> bool:
    return len(frame) > 0


def _has_profile_column(frame: pd.DataFrame) -> bool:
    return any(name != STAMP.name for name in frame.columns)


def _column(contract: ColumnContract) -> pa.Column:
    if contract.kind == "stamp":
        return pa.Column(None, pa.Check(_is_tz_aware, name="tz_aware"), nullable=False)
    if contract.kind == "text":
        return pa.Column(None, pa.Check(_is_text, name="text"), nullable=False)
    if contract.kind == "count":
        return pa.Column(None, pa.Check(_is_whole, name="whole numbers"), nullable=False)
    if contract.kind in {"amount", "finite"}:
        checks = [pa.Check(np.isfinite, name="finite"), *([pa.Check.ge(0.0)] if contract.kind == "amount" else [])]
        return pa.Column(None, checks, nullable=False)
    dtype = "float64" if contract.kind == "float" else "int64"
    return pa.Column(dtype, nullable=contract.kind == "float", required=contract.required)


def structure(series: str) -> pa.DataFrameSchema:
    """Pandera schema of one canonical frame's structure.

    Parameters
    ----------
    series
        One of `SERIES`, `DATASET_HOURLY` or `LEDGER`.

    Returns
    -------
    DataFrameSchema
        Strict for canonical series: a column that no contract names is a failure. Validate with `lazy=True`.
    """
    checks = [pa.Check(_has_rows, name="rows")]
    columns = {contract.name: _column(contract) for contract in (COLUMNS | TABLES)[series]}
    if series == EV_PROFILE:
        checks.append(pa.Check(_has_profile_column, name="profile"))
        columns["^(?!timestamp$).+"] = pa.Column("float64", nullable=True, regex=True, required=False)
    # Later stages may say more about an hour than every reader needs; what is read must be there and sound.
    return pa.DataFrameSchema(columns, checks=checks, strict=series in SERIES, name=series)
