"""Contracts of pandera, switched on whatever the environment says, and their failures folded into violations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from pvbesscar.quality.engine import NO_HOURS, Violation
from pvbesscar.quality.hours import Hours

WHAT = {
    "column_in_dataframe": "column `{case}` is missing",
    "column_in_schema": "column `{case}` is unknown",
    "not_nullable": "{n} values are missing",
    "tz_aware": "the stamps have no time zone",
    "rows": "the frame has no row",
}


def failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Failure cases of a frame, one row per bad value; `None` where it keeps its contract."""
    # PANDERA_VALIDATION_ENABLED and PANDERA_VALIDATION_DEPTH would silently leave checks out.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            return pd.DataFrame(errors.failure_cases)
    return None


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
