"""Declared fills: every hour that was filled is told, with its source and the reason."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import EV_PROFILE, MALL, PV, WEATHER

DECLARED = "fills.declared"


@rule(
    DECLARED,
    "info",
    "hours as measured",
    looks_at=(WEATHER, PV, MALL, EV_PROFILE),
    rationale="What was filled is no measurement. Each fill is declared with its source and the reason, applied by "
    "`ingest`, marked hour by hour in `fills.parquet`, and shown wherever the data is.",
    reference="docs/quality.md, Declared fills",
    cause="hours that could not be measured, declared in `fills`",
    fix="nothing to mend; remove the entry of `fills` once the hours have been measured",
    waivable=False,
)
def declared(context: QualityContext) -> Iterator[Violation]:
    """Name the hours that were filled in each series."""
    for series in context.hourly:
        entry = context.origin(series)
        for fill in entry.fills if entry else ():
            first, last = (pd.Timestamp(stamp) for stamp in (fill.first_stamp, fill.last_stamp))
            stamps = context.stamps(series)
            through = "" if fill.series == series else f" in the {fill.series} that this is modelled from"
            yield Violation(
                series,
                fill.columns[0] if fill.series == series and len(fill.columns) == 1 else "",
                f"{fill.hours} of {len(stamps)} hours ({fill.hours / max(len(stamps), 1):.2%})",
                "no hour filled",
                f"{fill.hours} hours were filled{through}, from {fill.source}; reason: {fill.reason}",
                hours=np.flatnonzero((stamps >= first) & (stamps <= last)),
            )
