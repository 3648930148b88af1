"""pandera schemas made from the registry: structure and rules of one frame in one schema, for any boundary."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
import pandera.pandas as pa

from pvbesscar.quality.context import QualityContext
from pvbesscar.quality.registry import Rule, all_rules
from schemas.frames import structure


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
        Validate with `lazy=True`; a failure case is a row; `rules.structure.fold_failures` folds them into ranges.
    """
    schema = structure(series)
    rules = [rule for rule in all_rules() if rule.severity == "error" and rule.topic != "structure"]
    asked = [rule for rule in rules if series in rule.series and (only is None or rule.id in only)]
    checks = [_check(rule, series, context) for rule in asked]
    return (
        schema.update_checks([*schema.checks, *checks]) if hasattr(schema, "update_checks") else _with(schema, checks)
    )


def _with(schema: pa.DataFrameSchema, checks: list[pa.Check]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(schema.columns, checks=[*schema.checks, *checks], strict=True, name=schema.name)


def _check(rule: Rule, series: str, context: QualityContext) -> pa.Check:
    return pa.Check(_rows_kept(rule, series, context), name=rule.id, error=rule.id)


def _rows_kept(rule: Rule, series: str, context: QualityContext) -> Callable[[pd.DataFrame], pd.Series]:
    def kept(frame: pd.DataFrame) -> pd.Series:
        """Whether each row keeps the rule; a fault of the year as a whole is a fault of every row."""
        here = context.with_frame(series, frame)
        good = np.ones(len(frame), dtype=bool)
        if rule.applies(here.frames):
            for violation in rule.check(here.only(rule.series)):
                if violation.series == series:
                    good[violation.hours if violation.hours.size and series != "sessions" else slice(None)] = False
        return pd.Series(good, index=frame.index)

    return kept
