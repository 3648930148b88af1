"""Many plants whose reward is the regret against a perfect-foresight plan of their year.

The score's reward is a large constant, what the hour costs whatever is done, and a small part that an action changes:
a critic learns the constant first and has no sight left for the rest. Against the plan of the same hour the constant
goes. What the plan had stored by then and the plant has not is counted at the least that it will save, so that the
sum of regrets differs from that of the score by what no action changes, but for the energy left at an episode's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from pvbesscar.controllers.optimum import PlannedController
from pvbesscar.controllers.stretch_program import Plan
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import BESS_SOC
from pvbesscar.plant.twin import Twin

SCALE = 10.0
"""Factor on the regret: an hour's is some hundredths of the hour's part of J."""


class Plans(NamedTuple):
    """Perfect-foresight plans of S years of N hours, as the twin carries them out.

    Attributes
    ----------
    reward
        The score's reward of each hour, shape (S, N).
    soc
        State of charge at the end of each hour, shape (S, N).
    """

    reward: NDArray[np.float64]
    soc: NDArray[np.float64]


def carry_out(data: PlantData, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reward and state of charge of each hour of a year under a plan, on the twin, each of shape (N,)."""
    controller, twin = PlannedController(plan), Twin(data)
    twin.reset()
    rewards, socs, done = [], [], False
    while not done:
        hour = twin.step(controller.decide(twin.state))
        rewards.append(hour.reward)
        socs.append(hour.row[BESS_SOC])
        done = hour.done
    return np.array(rewards), np.array(socs)


def stored_worth(years: Sequence[PlantData]) -> float:
    """Reward that a full battery saves at least, of years of one plant: imports at the lowest price, later."""
    p = years[0].params
    references = np.mean([year.reference for year in years], axis=0)
    per_unit = p.hours * np.divide(np.array(p.weights), references, out=np.zeros(5), where=references > 0.0)
    carbon, price = years[0].carbon.mean(), years[0].price.min()
    return float((per_unit[0] * carbon + per_unit[2] * price) * np.sqrt(p.bess_efficiency) * p.bess_kwh)


class RegretVecEnv(TwinVecEnv):
    """`TwinVecEnv` with the regret as reward.

    Parameters
    ----------
    years, plants, episode_hours, seed
        See `TwinVecEnv`.
    plans
        Plans of the same years.
    """

    def __init__(
        self, years: Sequence[PlantData], plans: Plans, *, plants: int, episode_hours: int, seed: int = 0
    ) -> None:
        self._worth = stored_worth(years)
        start = np.full((len(years), 1), years[0].params.bess_initial_soc)
        # The part of the plan: its reward, and the stored energy that it adds, valued.
        self._plan = plans.reward + self._worth * np.diff(plans.soc, axis=1, prepend=start)
        super().__init__(years, plants=plants, episode_hours=episode_hours, seed=seed)

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hour; rewards are regrets, with the sign of rewards, times `SCALE`."""
        fleet = self._fleet
        plan, soc = self._plan[fleet.year, fleet.t], fleet.bess_soc.astype(np.float64)
        observations, _, dones, infos = super().step_wait()
        stored = self._worth * (fleet.row[:, BESS_SOC] - soc)
        return observations, (SCALE * (fleet.reward + stored - plan)).astype(np.float32), dones, infos
