"""Structure: the canonical frames are what their contracts say, checked by pandera."""

from __future__ import annotations

from collections.abc import Iterator

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.pandera_checks import failures, fold_failures
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import REQUIRED, SERIES, structure


@rule(
    "structure.contract",
    "error",
    "columns, types and time zone as contracted",
    looks_at=SERIES,
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
        cases = failures(structure(series), frame)
        if cases is not None:
            yield from fold_failures(series, cases)
