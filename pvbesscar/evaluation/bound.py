"""Lower bound J* on some hours, and the optimum's plan replayed on the twin (docs/design.md, "The optimum")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvbesscar.controllers import optimum
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import Ledger, rollout
from pvbesscar.simulation.windows import Stretch
from schemas.errors import ControllerError
from schemas.results import OptimumResult, ScoreTerms
from schemas.settings import WeightSettings


@dataclass(frozen=True, slots=True)
class Bound:
    """Optimum of some stretches, with the ledgers of its replay; or why there is none."""

    result: OptimumResult | None
    ledgers: tuple[Ledger, ...] = ()
    refused: str | None = None


def reference_of(data: PlantData, stretches: Sequence[Stretch]) -> ScoreTerms:
    """Scale of J on some stretches: totals of no control, for EV service the energy required."""
    parts = [no_control_reference(data, stretch.start, stretch.hours) for stretch in stretches]
    return ScoreTerms(**{name: sum(getattr(part, name) for part in parts) for name in TERM_FIELDS})


def bound_of(data: PlantData, stretches: Sequence[Stretch], weights: WeightSettings) -> Bound:
    """Solve the optimum of each stretch on the scale of them all, and replay its plan on the twin.

    J adds up over stretches once its scale is given, so the sum of their bounds is the bound of the sum.
    """
    reference = reference_of(data, stretches)
    try:
        solved = [optimum.solve(data, start=s.start, hours=s.hours, reference=reference) for s in stretches]
    except ControllerError as error:
        return Bound(None, refused=str(error.message))
    twin = Twin(data)
    ledgers = tuple(
        rollout(twin, optimum.PlannedController(own.plan), stretch.start, stretch.hours)
        for own, stretch in zip(solved, stretches, strict=True)
    )
    replayed = terms(ledgers)
    result = OptimumResult(
        mode="bidirectional" if data.params.bidirectional else "dispatch",
        bound=sum(own.bound for own in solved),
        replay=score(replayed, reference, weights),
        terms=replayed,
        peak_kw=max(float(own.frame["import_kwh"].max()) for own in ledgers),
    )
    return Bound(result, ledgers)
