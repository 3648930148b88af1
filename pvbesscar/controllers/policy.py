"""A trained policy as a controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.state import PlantState, Setpoints, observation, setpoints


class Predictor(Protocol):
    """What Stable-Baselines3's algorithms offer."""

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[NDArray[np.float32], Any]:  # noqa: ANN401
        """Action for an observation."""


@dataclass(frozen=True, slots=True)
class PolicyController:
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

    def reset(self) -> None:
        """Nothing to forget: the policies have no memory."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        action, _ = self.model.predict(observation(state), deterministic=True)
        return setpoints(state, action)
