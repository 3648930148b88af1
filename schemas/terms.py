"""Base of all results, and the five terms of the score J."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base of all results: immutable, unknown keys are errors, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ScoreTerms(Result):
    """Totals of the five terms of J over some hours."""

    co2_kg: float
    solar_kwh: float
    cost_pen: float
    ev_short_kwh: float
    ramping_kwh: float

    @classmethod
    def of(cls, totals: Sequence[float]) -> ScoreTerms:
        """Totals given in the order of the fields, shape (5,)."""
        return cls(**dict(zip(cls.model_fields, totals, strict=True)))
