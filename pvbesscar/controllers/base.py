"""What every controller offers, and the controllers that give an action as agents do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.state import PlantState, Setpoints, setpoints


class Controller(Protocol):
    """Decides an hour's setpoints from the plant's state."""

    @property
    def name(self) -> str:
        """Name in tables and files."""

    def reset(self) -> None:
        """Forget everything: a new episode begins."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""


class Memoryless:
    """A controller whose decision depends on the state alone."""

    def reset(self) -> None:
        """Forget nothing: there is no memory."""


class Acting(Memoryless, ABC):
    """A controller that gives an action, which `setpoints` turns into powers."""

    name: str

    @abstractmethod
    def action(self, state: PlantState) -> NDArray[np.floating]:
        """Action for the hour of `state`, shape (1 + K,) in [0, 1]."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        return setpoints(state, self.action(state))
