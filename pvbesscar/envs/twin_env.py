"""The plant as a Gymnasium environment on the twin: `PlantEnv` with the whole step compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import CO2
from pvbesscar.plant.params import TERMS
from pvbesscar.plant.twin import Twin
from schemas.errors import SimulationError


class TwinEnv(PlantEnv):
    """One plant on the twin; the same observations, rewards and episodes as `PlantEnv` on `CityLearnSim`.

    Parameters
    ----------
    data
        The year.
    episode_hours, random_start
        See `PlantEnv`.
    """

    def __init__(self, data: PlantData, *, episode_hours: int, random_start: bool = True) -> None:
        self.twin = Twin(data)
        super().__init__(self.twin, episode_hours=episode_hours, random_start=random_start)
        self._t = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see `PlantEnv.reset`."""
        first, info = super().reset(seed=seed, options=options)
        self._t = info["t"]
        return first, info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Run one hour; see `PlantEnv.step`."""
        if np.shape(action) != self.action_space.shape or not np.isfinite(action).all():
            raise SimulationError(f"an action must be {self.action_space.shape} finite numbers in [0, 1].")
        out = self._last.copy()
        done = self.twin.act(np.asarray(action), out)
        self._last = out
        terms = self.twin.row[CO2 : CO2 + 5].tolist()
        info = {"t": self._t, "terms": dict(zip(TERMS, terms, strict=True))}
        self._t += 1
        return out, self.twin.reward, False, done, info
