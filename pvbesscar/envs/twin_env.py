"""The plant as a Gymnasium environment on the twin: `PlantEnv` with the whole step compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.twin import Twin


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

    def _run_hour(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float64], float, bool]:
        # A copy, because the caller may keep the observation of the last hour.
        self._last = self._last.copy()
        done = self.twin.act(np.asarray(action), self._last)
        return self.twin.row, self.twin.reward, done
