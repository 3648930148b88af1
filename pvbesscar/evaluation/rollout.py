"""A controller run over a stretch of hours: the hourly ledger that every figure comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.controllers.base import Controller
from pvbesscar.plant.kernels import LEDGER_COLUMNS
from pvbesscar.plant.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Ledger:
    """What happened, hour by hour.

    Attributes
    ----------
    controller
        Name of the controller.
    frame
        One row an hour: `t`, `timestamp`, `kernels.LEDGER_COLUMNS`, `price`, `carbon`, `reward`.
    """

    controller: str
    frame: pd.DataFrame

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
    """
    controller.reset()
    simulator.reset(start, hours)
    rows, rewards, times = [], [], []
    while True:
        hour = simulator.step(controller.decide(simulator.state))
        rows.append(hour.row)
        rewards.append(hour.reward)
        times.append(hour.t)
        if on_hour is not None:
            on_hour(len(rows))
        if hour.done:
            break
    data = simulator.data
    frame = pd.DataFrame(np.vstack(rows), columns=list(LEDGER_COLUMNS))
    frame.insert(0, "t", times)
    frame.insert(1, "timestamp", data.stamps[times])
    frame["price"] = data.price[times]
    frame["carbon"] = data.carbon[times]
    frame["reward"] = rewards
    return Ledger(controller.name, frame)
