"""Years as tables: the validated one, and those that are drawn from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.dataset.forecast import forecast_columns
from pvbesscar.dataset.reference import no_control_terms
from pvbesscar.plant.data import (
    HOURLY_FILE,
    PLANT_FILE,
    RULE_IMPORT_COLUMN,
    SESSIONS_FILE,
    PlantData,
    Sessions,
    assemble,
    sessions_from_columns,
)
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.rule import rule_import
from pvbesscar.plant.tariff import tariff_of
from pvbesscar.store.files import read_json, read_parquet
from schemas.results import ScoreTerms
from schemas.settings import HOURS_PER_YEAR, TariffSettings

WEEK = 7
WEEKS = 52
DAYS = HOURS_PER_YEAR // 24


@dataclass(frozen=True, slots=True)
class Nominal:
    """The validated year that scenarios are drawn from, as the dataset holds it."""

    params: PlantParams
    batteries: dict[str, Any]
    forecast_kind: str
    tariff: TariffSettings
    hourly: pd.DataFrame
    sessions: pd.DataFrame


@dataclass(frozen=True, slots=True)
class DrawnYear:
    """A scenario written out.

    Attributes
    ----------
    hourly, sessions
        As `hourly.parquet` and `sessions.parquet` of a dataset.
    left_out
        Sessions that a week's edge left out (see docs/scenarios.md).
    """

    hourly: pd.DataFrame
    sessions: pd.DataFrame
    left_out: int


def with_forecasts(hourly: pd.DataFrame, params: PlantParams) -> pd.DataFrame:
    """Return hourly columns with the forecasts that their own past gives."""
    pv, mall, clear = (hourly[name].to_numpy(np.float64) for name in ("pv_kwh", "mall_kwh", "clear_ghi_w_m2"))
    ahead = forecast_columns(pv, mall, clear, hourly["day_type"].to_numpy(np.int64), params.pv_ac_kw)
    return hourly.assign(**ahead)


def named(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return sessions each with a name of its own: a year repeats weeks, and with them the names of their sessions."""
    arrival, socket, own = (sessions[name].astype(str) for name in ("arrival", "socket", "session_id"))
    return sessions.assign(session_id=arrival + "_" + socket + "_" + own)


def content_digest(year: DrawnYear, params: PlantParams) -> str:
    """Digest of everything of a scenario that a simulator or a controller sees."""
    digest = hashlib.sha256(repr(tuple(params)).encode())
    for frame in (year.hourly, year.sessions):
        for name in frame.columns:
            values = frame[name].to_numpy()
            # Stamps are those of every scenario, and no simulator reads texts.
            if values.dtype.kind in "fiu":
                digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def no_control_of(params: PlantParams, hourly: pd.DataFrame, sessions: Sessions, tariff: TariffSettings) -> ScoreTerms:
    """Totals of the five terms over a year under no control, the scale of reward and score."""
    pv_kwh, mall_kwh, price, carbon = (
        hourly[name].to_numpy(np.float64) for name in ("pv_kwh", "mall_kwh", "price", "carbon")
    )
    calendar = hourly[["hour", "month", "day_type"]].to_numpy(np.int64)
    own = tariff_of(tariff, calendar, np.zeros(len(hourly)))
    return no_control_terms(params, pv_kwh, mall_kwh, price, carbon, sessions, own)


def plant_of(year: DrawnYear, nominal: Nominal, params: PlantParams, digest: str) -> PlantData:
    """Arrays of a scenario, with its own totals of no control and import of the rule.

    They are read by the same code as the dataset's own year.
    """
    reference = no_control_of(params, year.hourly, sessions_from_columns(year.sessions), nominal.tariff)
    stamps = pd.DatetimeIndex(year.hourly["timestamp"])
    data = assemble(
        params,
        nominal.batteries,
        year.hourly.assign(timestamp=stamps.tz_convert("UTC").tz_localize(None)),
        year.sessions,
        str(stamps.tz),
        reference=np.array(list(reference.model_dump().values())),
        forecast_kind=nominal.forecast_kind,
        digest=digest,
        tariff=nominal.tariff,
    )
    return data.with_rule_import(rule_import(data))


def read_nominal(dataset: Path) -> Nominal:
    """Read the validated year of a dataset folder, whose manifest must have been proven."""
    stored: dict[str, Any] = read_json(dataset / PLANT_FILE)
    return Nominal(
        PlantParams.of_json(stored["params"]),
        stored["batteries"],
        stored["forecast"],
        TariffSettings.model_validate(stored["tariff"]),
        # The rule's import is that of this year and of none that is drawn from it.
        read_parquet(dataset / HOURLY_FILE).drop(columns=RULE_IMPORT_COLUMN),
        read_parquet(dataset / SESSIONS_FILE),
    )
