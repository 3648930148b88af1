"""Simulation of a controller over a stretch of hours, and the hourly ledger from which every figure is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.policy import Predictor
from pvbesscar.controllers.setpoint_limits import check_hours
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
    departures = _Departures([data], start, data.hours - start if hours is None else hours)
    needs: list[FloatArray] = []
    sockets: list[FloatArray] = []
    battery: list[float] = []
    rows: list[FloatArray] = []
    rewards: list[float] = []
    done = False
    while not done:
        state = simulator.state
        setpoints = controller.decide(state)
        hour = simulator.step(setpoints)
        departures.note(len(rows), state.soc[None], hour.socket_kwh[None])
        needs.append(state.need_kwh())
        sockets.append(setpoints.socket_kw)
        battery.append(setpoints.bess_kw)
        rows.append(hour.row)
        rewards.append(hour.reward)
        if on_hour is not None:
            on_hour(len(rows))
        done = hour.done
    # All hours together: one by one, these take longer than the twin.
    check_hours(data, start, np.stack(needs), np.stack(sockets), np.array(battery), controller.name)
    times = list(range(start, start + len(rows)))
    frame = ledger_frame(data, times, np.vstack(rows), np.array(rewards))
    return Ledger(controller.name, frame, departures.served()[0])


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
    departures = _Departures(years, stretch.start, stretch.hours)
    rows, rewards = [], []
    for hour in range(stretch.hours):
        actions, _ = policy.predict(observations, deterministic=True)
        before = fleet.soc.copy()  # the twin steps in place
        twin.step_all(first.params, first.bess, stacked, fleet, actions, observations, done)
        departures.note(hour, before, fleet.delivered)
        rows.append(fleet.row.copy())
        rewards.append(fleet.reward.copy())
        if on_hours is not None:
            on_hours(plants)
    times = list(range(stretch.start, stretch.start + stretch.hours))
    served = departures.served()
    by_year, reward_by_year = np.stack(rows, axis=1), np.stack(rewards, axis=1)
    return [
        Ledger(name, ledger_frame(data, times, by_year[plant], reward_by_year[plant]), served[plant])
        for plant, data in enumerate(years)
    ]


class _Departures:
    """Energy that departures of some years on the same hours required, and were short of.

    Parameters
    ----------
    years
        B years of one plant.
    start, hours
        The hours.
    """

    def __init__(self, years: Sequence[PlantData], start: int, hours: int) -> None:
        self._years, self._start = years, start
        # A vehicle leaves after the hour that is its last.
        leaving = np.stack([year.hours_left[start : start + hours] == 1 for year in years], axis=1)
        self._hour, self._plant, self._socket = np.nonzero(leaving)
        self._begins = np.searchsorted(self._hour, np.arange(hours + 1)).tolist()
        self._soc, self._kwh = np.zeros(self._hour.size, np.float32), np.zeros(self._hour.size)

    def note(self, hour: int, soc: NDArray[np.float32], socket_kwh: FloatArray) -> None:
        """Note what those who leave after an hour have.

        Parameters
        ----------
        hour
            Number of the hour, from 0.
        soc
            States of charge at the start of the hour, shape (B, K).
        socket_kwh
            Energy at each charger in the hour, shape (B, K) [kWh].
        """
        begin, end = self._begins[hour], self._begins[hour + 1]
        if begin < end:
            who = self._plant[begin:end], self._socket[begin:end]
            self._soc[begin:end], self._kwh[begin:end] = soc[who], socket_kwh[who]

    def served(self) -> FloatArray:
        """Energy required and energy short of it, in the batteries, shape (B, 2, K) [kWh]."""
        result = np.zeros((len(self._years), 2, self._years[0].params.sockets))
        for plant, data in enumerate(self._years):
            here = self._plant == plant
            socket, own = self._socket[here], data.sessions
            s = data.occupant[self._start + self._hour[here], socket]
            capacity = own.battery_kwh[s]
            # The charger's losses do not reach the battery.
            after = self._soc[here] + self._kwh[here] * data.params.charger_efficiency / capacity
            wanted = own.required_soc[s].astype(np.float64)
            np.add.at(result[plant, 0], socket, np.maximum(wanted - own.arrival_soc[s], 0.0) * capacity)
            np.add.at(result[plant, 1], socket, np.maximum(wanted - after, 0.0) * capacity)
        return result


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
