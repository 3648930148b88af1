"""Proof, in each run, that the gate would refuse the fault it exists for: a year of zeros."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from pandera.config import get_config_context
from pandera.errors import SchemaErrors

from pvbesscar.quality.context import QualityContext
from pvbesscar.quality.contracts import contract
from pvbesscar.quality.judge import judge
from schemas.errors import QualityError
from schemas.frames import PV, WEATHER, structure
from schemas.settings import HOURS_PER_YEAR, Settings

SWITCHES = ("PANDERA_VALIDATION_ENABLED", "PANDERA_VALIDATION_DEPTH", "PANDERA_USE_NARWHALS_BACKEND")


def prove_armed(settings: Settings) -> None:
    """Plant a year of zeros and a frame without its column; both must be refused by pandera and by the rules.

    Parameters
    ----------
    settings
        The scenario; the planted year is stamped at its site.

    Raises
    ------
    QualityError
        Something accepts the planted faults. The message names the environment variable that disarms pandera.
    """
    planted = _planted_zeros(settings)
    sound = all(
        (
            _refuses(planted, PV),
            _refuses(planted, WEATHER),
            _refuses_structure(planted.frames[WEATHER].drop(columns="ghi_w_m2")),
        )
    )
    if not sound:
        raise disarmed("a planted year of zeros")
    refused = {finding.rule for finding in judge(planted) if finding.severity == "error"}
    if "solar.all_zero" not in refused:
        raise QualityError(
            "the quality gate is disarmed: a planted year of zeros passed the rule `solar.all_zero`.",
            hint="install the project again; its rules in pvbesscar/quality were changed.",
        )


def _planted_zeros(settings: Settings) -> QualityContext:
    start = pd.Timestamp(f"{settings.site.year}-01-01", tz=settings.site.timezone)
    stamps = pd.date_range(start, periods=HOURS_PER_YEAR, freq="h")
    zeros = np.zeros(HOURS_PER_YEAR)
    columns = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "temp_air_c", "wind_speed_m_s")
    weather = pd.DataFrame({"timestamp": stamps, **dict.fromkeys(columns, zeros)})
    return QualityContext(settings, {WEATHER: weather, PV: pd.DataFrame({"timestamp": stamps, "pv_kwh": zeros})})


def _refuses(planted: QualityContext, series: str) -> bool:
    try:
        contract(series, planted).validate(planted.frames[series], lazy=True)
    except SchemaErrors as errors:
        return bool(errors.failure_cases["check"].eq("solar.all_zero").any())
    return False


def _refuses_structure(frame: pd.DataFrame) -> bool:
    try:
        structure(WEATHER).validate(frame, lazy=True)
    except SchemaErrors:
        return True
    return False


def disarmed(planted: str) -> QualityError:
    """Error for a planted fault that pandera accepted, naming the environment variable that switched it off."""
    found = [f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ]
    config = get_config_context()
    state = f"validation_enabled={config.validation_enabled}, validation_depth={config.validation_depth}"
    by = f" by {', '.join(found)}" if found else ""
    return QualityError(
        f"the quality gate is disarmed{by}: {planted} passed pandera's checks ({state}).",
        hint=f"unset {' and '.join(name.partition('=')[0] for name in found) or ', '.join(SWITCHES)} and run again.",
    )
