"""What a stage reads of the stage before it: held to a pandera contract again, and the contract proven to be armed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from pvbesscar.quality.armed import disarmed
from pvbesscar.quality.context import QualityContext
from pvbesscar.quality.contracts import contract
from pvbesscar.quality.hours import describe, ranges
from pvbesscar.quality.rules.structure import fold_failures
from pvbesscar.store.files import read_parquet
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.frames import DATASET_HOURLY, LEDGER, SESSIONS, STAMP, structure
from schemas.results import QualityReport
from schemas.settings import Settings

BALANCE_KWH = 1e-2
"""Rounding of float32 energies of some thousand kWh, summed over seven columns [kWh]."""


def require_canonical(frames: Mapping[str, pd.DataFrame], settings: Settings, judged: QualityReport) -> None:
    """Hold the canonical frames, as `build` reads them, to every error rule that the gate saw kept.

    Raises
    ------
    QualityError
        A frame is not what was judged, or pandera is switched off.
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
        A table breaks its contract, or pandera is switched off.
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
        The ledger breaks its contract, or pandera is switched off.
    """
    schema = _with(structure(LEDGER), pa.Check(_balances, name="import - export is not demand - generation"))
    _hold(frame, schema, str(path), "run `pvbesscar evaluate` again; if it stays, tell the maintainers.")


def _has_light(frame: pd.DataFrame) -> bool:
    return bool((frame["pv_kwh"] > 0.0).any())


def _balances(frame: pd.DataFrame) -> pd.Series:
    """Whether each hour's energies add up at the site's meter."""
    need = frame["mall_kwh"] + frame["ev_kwh"] + frame["charge_kwh"] - frame["discharge_kwh"] - frame["pv_kwh"]
    return (frame["import_kwh"] - frame["export_kwh"] - need).abs() <= BALANCE_KWH


def _with(schema: pa.DataFrameSchema, check: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(schema.columns, checks=[*schema.checks, check], strict=schema.strict, name=schema.name)


def _hold(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str, hint: str) -> None:
    prove_contract_armed(schema, frame)
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        raise QualityError(_told(frame, schema, name, errors.failure_cases), hint=hint) from errors


def prove_contract_armed(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> None:
    """Plant a frame without rows and one without its columns in a contract; both must be refused.

    The first is found by a check, the second by the structure: each of pandera's switches lets one of them pass.

    Raises
    ------
    QualityError
        The contract accepts a planted fault.
    """
    bare = pa.DataFrameSchema(schema.columns, checks=[c for c in schema.checks if c.name == "rows"])
    for planted in (frame.iloc[:0], pd.DataFrame(index=frame.index)):
        try:
            bare.validate(planted, lazy=True)
        except SchemaErrors:
            continue
        raise disarmed("a planted frame without its rows or columns")


def _told(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str, cases: pd.DataFrame) -> str:
    stamps = frame.get(STAMP.name)
    index = pd.DatetimeIndex(stamps) if stamps is not None and isinstance(stamps.dtype, pd.DatetimeTZDtype) else None
    lines = [
        f"{name}{f', column `{found.column}`' if found.column else ''}: {found.message}; "
        f"rows {describe(ranges(found.hours, index), int(np.unique(found.hours).size))}"
        for found in fold_failures(str(schema.name), cases)
    ]
    return "\n".join([f"{name} breaks its contract in {len(lines)} ways:", *lines])
