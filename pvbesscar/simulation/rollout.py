"""Simulation of a controller over a stretch of hours, and the hourly ledger from which every figure is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.policy import Predictor
from pvbesscar.controllers.setpoint_limits import check_setpoint_limits
from pvbesscar.plant import twin
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.plant.observation import observation_size
from pvbesscar.plant.simulator import Simulator, check_window
from pvbesscar.simulation.windows import Stretch

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Energies, costs and rewards of each hour.

    Attributes
    ----------
    controller
        Name of the controller.
    frame
        One row an hour: `t`, `timestamp`, `plant.ledger.LEDGER_COLUMNS`, `price`, `carbon`, `day_type`, `reward`.
    served
        Energy that the departures of each socket required, and the energy short of it, in the batteries, shape
        (2, K) [kWh]; `None` where it was not counted.
    """

    controller: str
    frame: pd.DataFrame
    served: FloatArray | None = None

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.frame)

    def total(self, column: str) -> float:
        """Sum of a column over the hours."""
        return float(self.frame[column].sum())


def rollout(
    simulator: Simulator,
    controller: Controller,
    start: int = 0,
    hours: int | None = None,
    on_hour: Callable[[int], None] | None = None,
) -> Ledger:
    """Run a controller from hour `start` for `hours` hours (default: to the year's end).

    Parameters
    ----------
    on_hour
        Called after each hour with the number of hours done.

    Raises
    ------
    ControllerError
        The controller asked for setpoints outside the plant's limits.
    """
    controller.reset()  # it may remember the hours of another stretch
    simulator.reset(start, hours)
    data = simulator.data
    served = np.zeros((2, data.params.sockets))
    rows, rewards, times = [], [], []
    while True:
        state = simulator.state
        setpoints = controller.decide(state)
        check_setpoint_limits(state, setpoints, controller.name)
        hour = simulator.step(setpoints)
        count_departures(data, hour.t, state.soc, hour.socket_kwh, served)
        rows.append(hour.row)
        rewards.append(hour.reward)
        times.append(hour.t)
        if on_hour is not None:
            on_hour(len(rows))
        if hour.done:
            break
    return Ledger(controller.name, ledger_frame(data, times, np.vstack(rows), np.array(rewards)), served)


def rollout_together(
    years: Sequence[PlantData],
    policy: Predictor,
    name: str,
    stretch: Stretch,
    on_hours: Callable[[int], None] | None = None,
) -> list[Ledger]:
    """Run a policy on the same hours of several years of one plant together, on the twin; one ledger for each year.

    Parameters
    ----------
    policy
        Decides once an hour for all years, deterministically.
    on_hours
        Called after each hour with the number of hours done, over all years.
    """
    first, plants = years[0], len(years)
    stacked = twin.stack_years(years)
    fleet = twin.new_fleet(stacked, plants)
    observations = np.zeros((plants, observation_size(first.params.sockets)), np.float32)
    done = np.zeros(plants, np.bool_)
    for plant in range(plants):
        check_window(years[plant], stretch.start, stretch.hours)
        twin.begin(first.params, first.bess, stacked, fleet, plant, plant, stretch.start, stretch.hours)
        twin.look(first.params, stacked, fleet, plant, observations[plant])
    served = np.zeros((plants, 2, first.params.sockets))
    rows, rewards = [], []
    for t in range(stretch.start, stretch.start + stretch.hours):
        actions, _ = policy.predict(observations, deterministic=True)
        before = fleet.soc.copy()  # the twin steps in place
        twin.step_all(first.params, first.bess, stacked, fleet, actions, observations, done)
        for plant, data in enumerate(years):
            count_departures(data, t, before[plant], fleet.delivered[plant], served[plant])
        rows.append(fleet.row.copy())
        rewards.append(fleet.reward.copy())
        if on_hours is not None:
            on_hours(plants)
    times = list(range(stretch.start, stretch.start + stretch.hours))
    by_year, reward_by_year = np.stack(rows, axis=1), np.stack(rewards, axis=1)
    return [
        Ledger(name, ledger_frame(data, times, by_year[plant], reward_by_year[plant]), served[plant])
        for plant, data in enumerate(years)
    ]


def count_departures(
    data: PlantData, t: int, soc: NDArray[np.float32], socket_kwh: FloatArray, served: FloatArray
) -> None:
    """Add the energy that departures of hour `t` required, and were short of, to `served`, shape (2, K) [kWh].

    Parameters
    ----------
    soc
        States of charge at the start of the hour, shape (K,).
    socket_kwh
        Energy at each charger in the hour, shape (K,) [kWh].
    """
    leaving = np.flatnonzero(data.hours_left[t] == 1)  # this hour is their last
    if leaving.size == 0:
        return
    s, own = data.occupant[t, leaving], data.sessions
    capacity = own.battery_kwh[s]
    # The charger's losses do not reach the battery.
    after = soc[leaving] + socket_kwh[leaving] * data.params.charger_efficiency / capacity
    wanted = own.required_soc[s].astype(np.float64)
    served[0, leaving] += np.maximum(wanted - own.arrival_soc[s], 0.0) * capacity
    served[1, leaving] += np.maximum(wanted - after, 0.0) * capacity


def ledger_frame(data: PlantData, times: Sequence[int], rows: FloatArray, rewards: FloatArray) -> pd.DataFrame:
    """Hourly ledger: `rows`, shape (hours, 21), as `plant.ledger.LEDGER_COLUMNS`, with time, prices and reward."""
    frame = pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))
    frame.insert(0, "t", times)
    frame.insert(1, "timestamp", data.stamps[list(times)])
    frame["price"] = data.price[times]
    frame["carbon"] = data.carbon[times]
    frame["day_type"] = data.calendar[times, 2]
    frame["reward"] = rewards
    return frame
