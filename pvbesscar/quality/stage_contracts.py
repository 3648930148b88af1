"""Contracts of what a stage reads of the stage before it: structure and rules of a table in one pandera schema."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from pvbesscar.quality.hours import describe, ranges
from pvbesscar.quality.pandera_checks import failures, fold_failures
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import YearRule
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.files import read_parquet
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.frames import DATASET_HOURLY, LEDGER, SESSIONS, STAMP, structure
from schemas.results import QualityReport
from schemas.settings import Settings

BALANCE_KWH = 1e-2
"""Rounding of float32 energies of some thousand kWh, summed over seven columns [kWh]."""


def contract(series: str, context: QualityContext, only: Collection[str] | None = None) -> pa.DataFrameSchema:
    """Schema of one canonical frame: its structure and one check per error rule that looks at it.

    Parameters
    ----------
    series
        One of `schemas.frames.SERIES`.
    context
        Settings, and the other frames that joint rules compare with.
    only
        Rules to ask; all of error severity where none are named.

    Returns
    -------
    DataFrameSchema
        Validate with `lazy=True`; a failure case is a row; `pandera_checks.fold_failures` folds them into ranges.
    """
    schema = structure(series)
    rules = [rule for rule in YEAR_RULES.all() if rule.severity == "error" and rule.topic != "structure"]
    asked = [rule for rule in rules if series in rule.looks_at and (only is None or rule.id in only)]
    checks = [_check(rule, series, context) for rule in asked]
    return pa.DataFrameSchema(schema.columns, checks=[*schema.checks, *checks], strict=True, name=schema.name)


def _check(rule: YearRule, series: str, context: QualityContext) -> pa.Check:
    return pa.Check(_rows_kept(rule, series, context), name=rule.id, error=rule.id)


def _rows_kept(rule: YearRule, series: str, context: QualityContext) -> Callable[[pd.DataFrame], pd.Series]:
    def kept(frame: pd.DataFrame) -> pd.Series:
        """Whether each row keeps the rule; a fault of the year as a whole is a fault of every row."""
        here = context.with_frame(series, frame)
        good = np.ones(len(frame), dtype=bool)
        if rule.applies(here.frames):
            for violation in rule.check(here.only(rule.looks_at)):
                if violation.series == series:
                    good[violation.hours if violation.hours.size and series != "sessions" else slice(None)] = False
        return pd.Series(good, index=frame.index)

    return kept


def require_canonical(frames: Mapping[str, pd.DataFrame], settings: Settings, judged: QualityReport) -> None:
    """Hold the canonical frames, as `build` reads them, to every error rule that the gate saw kept.

    Raises
    ------
    QualityError
        A frame is not what was judged.
    """
    context = QualityContext(settings, frames)
    kept = set(judged.rules) - {finding.rule for finding in judged.findings}
    for series, frame in frames.items():
        name = f"{series}.parquet of the canonical year"
        _hold(frame, contract(series, context, kept), name, "run `pvbesscar ingest`, then `pvbesscar validate`, again.")


def require_dataset(workspace: Workspace) -> None:
    """Hold a dataset's hourly table and sessions to their contracts, before a stage certifies, trains or judges on it.

    Raises
    ------
    QualityError
        A table breaks its contract.
    """
    hint = "run `pvbesscar build --config CONFIG` again; if it stays, tell the maintainers."
    for series, name in ((DATASET_HOURLY, "hourly.parquet"), (SESSIONS, "sessions.parquet")):
        path = workspace.dataset / name
        schema = structure(series)
        if series == DATASET_HOURLY:
            schema = _with(schema, pa.Check(_has_light, name="PV is zero in every hour"))
        _hold(read_parquet(path), schema, str(path), hint)


def require_ledger(frame: pd.DataFrame, path: Path) -> None:
    """Hold a ledger to its contract, energy balance included, before its figures are published.

    Raises
    ------
    QualityError
        The ledger breaks its contract.
    """
    schema = _with(
        structure(LEDGER), pa.Check(_balances, name="import - export - curtailed is not demand - generation")
    )
    _hold(frame, schema, str(path), "run `pvbesscar evaluate` again; if it stays, tell the maintainers.")


def _has_light(frame: pd.DataFrame) -> bool:
    return bool((frame["pv_kwh"] > 0.0).any())


def _balances(frame: pd.DataFrame) -> pd.Series:
    """Whether each hour's energies add up at the site's meter."""
    need = frame["mall_kwh"] + frame["ev_kwh"] + frame["charge_kwh"] - frame["discharge_kwh"] - frame["pv_kwh"]
    out = frame["export_kwh"] + frame["curtailed_kwh"]
    return (frame["import_kwh"] - out - need).abs() <= BALANCE_KWH


def _with(schema: pa.DataFrameSchema, check: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(schema.columns, checks=[*schema.checks, check], strict=schema.strict, name=schema.name)


def _hold(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str, hint: str) -> None:
    cases = failures(schema, frame)
    if cases is not None:
        raise QualityError(_told(frame, schema, name, cases), hint=hint)


def _told(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str, cases: pd.DataFrame) -> str:
    stamps = frame.get(STAMP.name)
    index = pd.DatetimeIndex(stamps) if stamps is not None and isinstance(stamps.dtype, pd.DatetimeTZDtype) else None
    lines = [
        f"{name}{f', column `{found.column}`' if found.column else ''}: {found.message}; "
        f"rows {describe(ranges(found.hours, index), int(np.unique(found.hours).size))}"
        for found in fold_failures(str(schema.name), cases)
    ]
    return "\n".join([f"{name} breaks its contract in {len(lines)} ways:", *lines])
