"""The plant as a Gymnasium environment: observation (394,), action (129,) in [0, 1], one step an hour."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.ledger import CO2
from pvbesscar.plant.observation import LIMIT, observation_names
from pvbesscar.plant.params import TERMS
from pvbesscar.plant.simulator import Simulator
from pvbesscar.plant.state import observation, setpoints
from schemas.errors import SimulationError


class PlantEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One plant, one episode of hours, on either simulator.

    Parameters
    ----------
    simulator
        Producer of the plant's state.
    episode_hours
        Length of an episode [h]; it ends truncated, for a plant has no terminal state.
    random_start
        Whether `reset` draws the first day of the episode; otherwise it starts with the year.
    """

    def __init__(self, simulator: Simulator, *, episode_hours: int, random_start: bool = True) -> None:
        p = simulator.data.params
        self.simulator = simulator
        self.episode_hours = episode_hours
        self.random_start = random_start
        self.observation_names = observation_names(p.sockets, p.sockets_per_charger)
        presence = self.observation_names[-2 * p.sockets : -p.sockets]
        self.action_names = ("bess", *(name.removesuffix("_presence") for name in presence))
        self.observation_space = gym.spaces.Box(-LIMIT, LIMIT, (len(self.observation_names),), np.float32)
        self.action_space = gym.spaces.Box(0.0, 1.0, (1 + p.sockets,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed
            Seed of the draw of the first day.
        options
            `start` (hour of the year) and `hours` for a fixed window.
        """
        super().reset(seed=seed)
        options = options or {}
        hours = int(options.get("hours", self.episode_hours))
        start = int(options["start"]) if "start" in options else self._draw_start(hours)
        state = self.simulator.reset(start, hours)
        self._start, self._hours, self._actions = start, hours, list[NDArray[np.float32]]()
        self._last, self._t = observation(state), start
        return self._last, {"t": start}

    def course(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """What leads from a reset to where the episode is: its actions (n, 129), start, length, generator of starts."""
        actions = np.array(self._actions, np.float32).reshape(len(self._actions), len(self.action_names))
        state = self.np_random.bit_generator.state
        return {"actions": actions}, {"start": self._start, "hours": self._hours, "generator": state}

    def _draw_start(self, hours: int) -> int:
        days = (self.simulator.data.hours - hours) // 24
        return 24 * int(self.np_random.integers(0, days + 1)) if self.random_start and days > 0 else 0

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Run one hour; `info` holds the hour of the year and the five terms.

        Raises
        ------
        SimulationError
            The action is not finite or has another shape.
        """
        if np.shape(action) != self.action_space.shape or not np.isfinite(action).all():
            raise SimulationError(f"an action must be {self.action_space.shape} finite numbers in [0, 1].")
        self._actions.append(np.array(action, np.float32))
        t = self._t
        row, reward, done = self._run_hour(action)
        self._t += 1
        info = {"t": t, "terms": dict(zip(TERMS, row[CO2 : CO2 + 5].tolist(), strict=True))}
        return self._last, reward, False, done, info

    def _run_hour(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float64], float, bool]:
        """Run the hour and observe; returns ledger row, reward, and whether the episode ended."""
        hour = self.simulator.step(setpoints(self.simulator.state, action))
        if not hour.done:
            self._last = observation(self.simulator.state)
        return hour.row, hour.reward, hour.done
