"""Structure: the canonical frames are what their contracts say, checked by pandera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandera.errors import SchemaErrors

from pvbesscar.quality.context import QualityContext
from pvbesscar.quality.registry import NO_HOURS, Hours, Violation, rule
from schemas.frames import REQUIRED, SERIES, structure

WHAT = {
    "column_in_dataframe": "column `{case}` is missing",
    "column_in_schema": "column `{case}` is unknown",
    "not_nullable": "{n} values are missing",
    "tz_aware": "the stamps have no time zone",
    "rows": "the frame has no row",
}


@rule(
    "structure.contract",
    "error",
    "columns, types and time zone as contracted",
    series=SERIES,
    rationale="Every stage relies on named columns with their unit, float64 numbers and tz-aware stamps.",
    reference="schemas/frames.py",
    cause="a column renamed or left out, text among numbers, or canonical files of an older version",
    fix="run `pvbesscar ingest` again; if it stays, correct the column in the source",
    waivable=False,
)
def contract(context: QualityContext) -> Iterator[Violation]:
    """Validate each frame's structure lazily and fold pandera's failures, one finding per column and check."""
    for series in REQUIRED:
        if series not in context.frames:
            yield Violation(series, "", "no such series", "the series", f"the series `{series}` is missing")
    for series, frame in context.frames.items():
        try:
            structure(series).validate(frame, lazy=True)
        except SchemaErrors as errors:
            yield from fold_failures(series, errors.failure_cases)


def fold_failures(series: str, cases: pd.DataFrame) -> Iterator[Violation]:
    """Fold pandera's failure cases, one row per bad value, into one violation per column and check.

    Parameters
    ----------
    series
        Name of the frame that was validated.
    cases
        `SchemaErrors.failure_cases`: columns schema_context, column, check, failure_case and index.
    """
    in_columns = cases["schema_context"].eq("Column")
    # A missing or unknown column is a failure of the whole frame; pandera then names it as the failure case.
    by_name = cases["check"].isin(["column_in_dataframe", "column_in_schema"])
    where = cases["column"].where(in_columns, cases["failure_case"].where(by_name, "")).astype(str)
    for (column, check), group in cases.groupby([where, cases["check"].astype(str)], sort=False):
        hours = _rows(group["index"])
        case = group["failure_case"].iloc[0]
        what = WHAT.get(str(check), "`{check}` fails, e.g. `{case}`").format(case=case, check=check, n=len(group))
        seen = f"{len(group)} failures, the first `{case}`"
        yield Violation(series, str(column), seen, str(check), f"{series}: {what}", hours=hours)


def _rows(index: pd.Series) -> Hours:
    numbers = pd.to_numeric(index, errors="coerce").dropna()
    return np.unique(numbers.to_numpy(np.int64)) if len(numbers) else NO_HOURS
