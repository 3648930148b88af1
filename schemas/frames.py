"""Structural contracts of the canonical frames: columns, dtypes, tz-aware stamps; the unit is in each column's name.

What the values may be is judged by the rules of `pvbesscar.quality`; here is only what every reader may rely on.
Missing numbers (NaN) pass the structure: a rule names their hours.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """One column of a canonical frame.

    Parameters
    ----------
    name
        Name, with its unit where it is a quantity.
    kind
        `stamp` (tz-aware), `float` (float64, NaN allowed), `int` (int64) or `text` (no missing value).
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


def _is_tz_aware(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _is_text(column: pd.Series) -> bool:
    return bool(pd.api.types.infer_dtype(column, skipna=False) == "string")


def _has_rows(frame: pd.DataFrame) -> bool:
    return len(frame) > 0


def _has_profile_column(frame: pd.DataFrame) -> bool:
    return any(name != STAMP.name for name in frame.columns)


def _column(contract: ColumnContract) -> pa.Column:
    if contract.kind == "stamp":
        return pa.Column(None, pa.Check(_is_tz_aware, name="tz_aware"), nullable=False)
    if contract.kind == "text":
        return pa.Column(None, pa.Check(_is_text, name="text"), nullable=False)
    dtype = "float64" if contract.kind == "float" else "int64"
    return pa.Column(dtype, nullable=contract.kind == "float", required=contract.required)


def structure(series: str) -> pa.DataFrameSchema:
    """Pandera schema of one canonical frame's structure.

    Parameters
    ----------
    series
        One of `SERIES`.

    Returns
    -------
    DataFrameSchema
        Strict: a column that no contract names is a failure. Validate with `lazy=True`.
    """
    checks = [pa.Check(_has_rows, name="rows")]
    columns = {contract.name: _column(contract) for contract in COLUMNS[series]}
    if series == EV_PROFILE:
        checks.append(pa.Check(_has_profile_column, name="profile"))
        columns["^(?!timestamp$).+"] = pa.Column("float64", nullable=True, regex=True, required=False)
    return pa.DataFrameSchema(columns, checks=checks, strict=True, name=series)
