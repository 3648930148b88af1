"""Hours of one scenario on which controllers are run, as the dataset has them or with something changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pvbesscar.plant.data import PlantData
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.simulation.windows import Stretch
from schemas.results import CityLearnCheck, SimulatorName
from schemas.settings import WeightSettings


@dataclass(frozen=True, slots=True)
class Variant:
    """A scenario with other weights, of which the optimum is solved, or with the departure guard set, for controllers.

    Attributes
    ----------
    weights
        Weights of the optimum; `None`: controllers are run.
    guard
        Whether the departure guard is on; `None`: as the dataset has it.
    """

    name: str
    weights: WeightSettings | None = None
    guard: bool | None = None

    def applied(self, data: PlantData) -> PlantData:
        """Year of the plant with what this variant changes."""
        params = data.params
        if self.guard is not None:
            params = params._replace(departure_guard=self.guard)
        if self.weights is not None:
            own = {f"w_{name}": value for name, value in self.weights.model_dump().items()}
            params = params._replace(**own)
        return replace(data, params=params)


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """Hours of one scenario on which all controllers are evaluated, and the simulator of them.

    Attributes
    ----------
    scenario, scenario_set
        Name of the scenario, and the set that it belongs to: `nominal`, one of `POOLS`, or `perturbed`.
    checked
        Hours that CityLearn simulates too, for every controller: it must agree with the twin.
    variant
        What is changed, `None` where the scenario is judged as it is.
    """

    scenario: str
    scenario_set: str
    simulator: SimulatorName
    stretches: tuple[Stretch, ...]
    checked: tuple[Stretch, ...] = ()
    variant: Variant | None = None

    @property
    def key(self) -> str:
        """Name by which results of this case are found: the scenario's, with the variant's."""
        return self.scenario if self.variant is None else f"{self.scenario}, {self.variant.name}"


@dataclass(frozen=True, slots=True)
class SimulatedCase:
    """Ledgers of one controller on one case, one a stretch, and CityLearn's own sums over the hours it simulated."""

    ledgers: tuple[Ledger, ...]
    citylearn: CityLearnCheck | None = None
