"""The score J and its five terms, from hourly ledgers (docs/design.md, "Reward and score")."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.simulation.rollout import Ledger
from schemas.results import ScoreTerms
from schemas.settings import WeightSettings

TERM_FIELDS = ("co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh")


def terms(ledgers: Sequence[Ledger]) -> ScoreTerms:
    """Totals of the five terms over one or several ledgers."""
    return ScoreTerms(**{name: sum(ledger.total(name) for ledger in ledgers) for name in TERM_FIELDS})


def left_out(reference: ScoreTerms) -> tuple[str, ...]:
    """Terms whose total under no control is zero; they have no scale and are left out of J."""
    return tuple(name for name in TERM_FIELDS if getattr(reference, name) <= 0.0)


def score(totals: ScoreTerms, reference: ScoreTerms, weights: WeightSettings) -> float:
    """Score `J = sum_i w_i X_i / X_i(no control)`; lower is better.

    Parameters
    ----------
    totals
        Terms of the controller.
    reference
        Terms of no control on the same hours, for EV service the energy required.
    """
    by_term = (weights.co2, weights.solar, weights.cost, weights.ev_service, weights.grid_stability)
    skipped = left_out(reference)
    total: float = sum(
        weight * getattr(totals, name) / getattr(reference, name)
        for weight, name in zip(by_term, TERM_FIELDS, strict=True)
        if name not in skipped
    )
    return total
