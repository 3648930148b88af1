"""Many plants on the twin as one vector environment of Stable-Baselines3: no Python per plant and hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn

from pvbesscar.plant import twin
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.observation import LIMIT, observation_size
from pvbesscar.plant.simulator import check_window
from pvbesscar.plant.tariff import billing_months
from schemas.errors import SimulationError


class TwinVecEnv(VecEnv):
    """B plants of the same site, each in a random window of a random scenario year.

    Parameters
    ----------
    years
        Scenario years of the same plant.
    plants
        Number of plants B.
    episode_hours
        Length of each episode [h]; it ends truncated. Where demand charges bill power an episode is a billing month
        instead: one that began inside a month would stand where the rule's demand has made imports free, and a policy
        would learn to let go.
    seed
        Seed of all draws of years and starts.
    """

    def __init__(self, years: Sequence[PlantData], *, plants: int, episode_hours: int, seed: int = 0) -> None:
        first = years[0]
        if any(year.params != first.params or year.hours != first.hours for year in years):
            raise SimulationError("the scenario years are not of one plant.")
        if episode_hours > first.hours:
            raise SimulationError(f"episodes of {episode_hours} h do not fit into a year of {first.hours} h.")
        self.data = first
        self.episode_hours = episode_hours
        self._params, self._bess = first.params, first.bess
        self._years = twin.stack_years(years)
        self._fleet = twin.new_fleet(self._years, plants)
        self._done = np.zeros(plants, np.bool_)
        self._begun = np.zeros(plants, np.int64)
        self._months = billing_months(first.tariff) if first.tariff.price.size else []
        self._returns = np.zeros(plants)
        self._actions: NDArray[np.float32] | None = None
        size = observation_size(first.params.sockets)
        self._observations = np.zeros((plants, size), np.float32)
        self._generator = np.random.default_rng(seed)
        super().__init__(
            plants,
            gym.spaces.Box(-LIMIT, LIMIT, (size,), np.float32),
            gym.spaces.Box(0.0, 1.0, (1 + first.params.sockets,), np.float32),
        )

    render_mode = None

    def begin(self, plant: int, year: int, start: int, hours: int | None = None) -> None:
        """Begin an episode of one plant: hour `start` of scenario year `year`."""
        hours = self.episode_hours if hours is None else hours
        check_window(self.data, start, hours)
        twin.begin(self._params, self._bess, self._years, self._fleet, plant, year, start, hours)
        twin.look(self._params, self._years, self._fleet, plant, self._observations[plant])
        self._begun[plant] = start
        self._returns[plant] = 0.0

    def _draw(self, plant: int, *, shortened: bool = False) -> None:
        generator = self._generator
        year = int(generator.integers(self._years.hourly.shape[0]))
        if self._months:
            start, hours = self._months[generator.integers(len(self._months))]
            self.begin(plant, year, start, int(generator.integers(1, hours + 1)) if shortened else hours)
            return
        days = (self.data.hours - self.episode_hours) // 24
        self.begin(plant, year, 24 * int(generator.integers(days + 1)))

    def reset(self) -> VecEnvObs:
        """Begin an episode of every plant; observations (B, 394). A seed given with `seed` starts the draws anew."""
        seed = self._seeds[0]
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        for plant in range(self.num_envs):
            # The first months are of unlike lengths: else all plants would be on the same day of the month for ever.
            self._draw(plant, shortened=True)
        self._reset_seeds()
        self._reset_options()
        return self._observations.copy()

    def snapshot(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """State of all plants between two hours, and of the generator that draws their episodes; copies."""
        own = {name: getattr(self, f"_{name}").copy() for name in ("done", "begun", "returns", "observations")}
        fleet = {f"fleet_{name}": values.copy() for name, values in self._fleet._asdict().items()}
        return own | fleet, {"generator": self._generator.bit_generator.state}

    def restore(self, arrays: dict[str, NDArray[Any]], rest: dict[str, Any]) -> None:
        """Go back to a `snapshot` of an environment that was made with the same arguments."""
        for name in ("done", "begun", "returns", "observations"):
            getattr(self, f"_{name}")[...] = arrays[name]
        for name, values in self._fleet._asdict().items():
            values[...] = arrays[f"fleet_{name}"]
        self._generator.bit_generator.state = rest["generator"]

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Take the actions of the next hour, (B, 129)."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hour; plants whose episode ended begin the next one."""
        actions = self._actions
        if actions is None or actions.shape != (self.num_envs, 1 + self._params.sockets):
            raise SimulationError(f"actions must be ({self.num_envs}, {1 + self._params.sockets}) numbers.")
        if not np.isfinite(actions).all():
            raise SimulationError("an action is not finite.")
        rewards = self._run_hour(actions).astype(np.float32)
        self._returns += self._fleet.reward
        dones = self._done.copy()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        # As SB3's wrappers do it: the last observation goes into `infos`, that of the next episode is returned.
        for plant in np.flatnonzero(dones):
            hours = int(self._fleet.end[plant] - self._begun[plant])
            infos[plant] = {
                "terminal_observation": self._observations[plant].copy(),
                "TimeLimit.truncated": True,
                "episode": {"r": float(self._returns[plant]), "l": hours, "t": 0.0},
            }
            self._draw(int(plant))
        return self._observations.copy(), rewards, dones, infos

    def _run_hour(self, actions: NDArray[np.float32]) -> NDArray[np.float64]:
        """Run the hour of all plants, no episode begun yet; rewards (B,)."""
        twin.step_all(self._params, self._bess, self._years, self._fleet, actions, self._observations, self._done)
        return self._fleet.reward

    @property
    def rows(self) -> NDArray[np.float64]:
        """Ledger rows of the last hour, (B, 21), columns `ledger.LEDGER_COLUMNS`; a copy."""
        return self._fleet.row.copy()

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Attribute of each plant's environment: they share this one's."""
        return [getattr(self, attr_name) for _ in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:  # noqa: ANN401, ARG002
        """Refused: the plants share one environment."""
        raise SimulationError(f"`{attr_name}` can not be set for single plants of a batch.")

    def env_method(
        self,
        method_name: str,
        *method_args: Any,  # noqa: ANN401
        indices: VecEnvIndices = None,
        **method_kwargs: Any,  # noqa: ANN401
    ) -> list[Any]:
        """Refused: the plants share one environment."""
        raise SimulationError(
            f"`{method_name}` can not be called on single plants of a batch.",
            hint=f"called for {indices} with {method_args}, {method_kwargs}; use `TwinEnv` for one plant.",
        )

    def env_is_wrapped(
        self,
        wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]],  # noqa: ARG002 (none is)
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """No plant is wrapped; episode returns are in `infos` as SB3's Monitor writes them."""
        return [False for _ in self._chosen(indices)]

    def _chosen(self, indices: VecEnvIndices) -> Iterable[int]:
        return self._get_indices(indices)
