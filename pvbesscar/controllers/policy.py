"""A trained policy as a controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.base import Acting
from pvbesscar.plant.state import PlantState, observation


class Predictor(Protocol):
    """What Stable-Baselines3's algorithms offer."""

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[NDArray[np.float32], Any]:  # noqa: ANN401
        """Action for an observation."""


@dataclass(slots=True)
class PolicyController(Acting):
    """A policy, acting deterministically on the observation.

    Parameters
    ----------
    name
        Name in tables and files.
    model
        The policy.
    """

    name: str
    model: Predictor

    def action(self, state: PlantState) -> NDArray[np.floating]:
        """Action for the hour of `state`, shape (1 + K,)."""
        return self.model.predict(observation(state), deterministic=True)[0]
