"""What every controller is."""

from __future__ import annotations

from typing import Protocol

from pvbesscar.plant.state import PlantState, Setpoints


class Controller(Protocol):
    """Decides an hour's setpoints from the plant's state."""

    @property
    def name(self) -> str:
        """Name in tables and files."""

    def reset(self) -> None:
        """Forget everything: a new episode begins."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
