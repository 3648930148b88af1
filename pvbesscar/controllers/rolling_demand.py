"""Demand charges in the rolling program: a day that sees the price of a month, above a floor that is free.

Two floors: what the month has seen already, which no restraint takes off the bill any more, and the target, which
training years show to be reached in such a month sooner or later. Without the target the first day of a month would pay
in full for a demand that a later day has in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.demand import bands_of
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.program import UNLIMITED, Builder
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState
from pvbesscar.plant.tariff import EXCESS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Targets = tuple[tuple[float, ...], ...]
"""Demand that is aimed at, by charge and month of the year [kW]."""

MONTHS_OF_YEAR = 12
TARGET_YEARS = 3
"""Training years whose optimum says what demand each month comes to; each takes seconds."""


class RollingDemand:
    """Columns and rows of the demand charges in a rolling program of H hours.

    A charge on the two greatest of six months is taken for one on the month's maximum: the price of a kW held in every
    month. An excess is free up to the demand inside the band that it is over.

    Parameters
    ----------
    b
        The program.
    data
        The year, of which the tariff is read.
    imported
        Columns of the import, shape (H,).
    per_pen
        What a PEN adds to the objective.
    most
        More than any import [kWh].
    targets
        Demand aimed at, C charges by 12 months; without any there is none.
    """

    def __init__(
        self, b: Builder, data: PlantData, imported: IntArray, per_pen: float, most: float, targets: Targets
    ) -> None:
        tariff = data.tariff
        self._data, self._bands, self._hours = data, bands_of(tariff), imported.size
        self._targets = np.array(targets) if targets else np.zeros((tariff.price.size, MONTHS_OF_YEAR))
        count = len(self._bands.hours)
        # The month of the present hour, and the next one.
        self._demand = b.columns(count * 2, 0.0, most).reshape(count, 2)
        self._rows = b.rows(count * 2 * self._hours, -UNLIMITED, UNLIMITED).reshape(count, 2, self._hours)
        for rows, columns in zip(self._rows.reshape(-1, self._hours), self._demand.reshape(-1), strict=True):
            b.add(rows, np.full(self._hours, columns), 1.0)
            b.add(rows, imported, -1.0)
        for charge, price in enumerate(tariff.price.tolist()):
            own, cost = self._demand[self._bands.of_charge[charge]], price * per_pen
            if tariff.basis[charge] != EXCESS:
                b.price(own, cost)
                continue
            exceeds = b.columns(2, 0.0, most, cost)
            rows = b.rows(2, 0.0, UNLIMITED)
            inside = self._demand[self._bands.of_charge[tariff.over[charge]]]
            for columns, sign in ((exceeds, 1.0), (own, -1.0), (inside, 1.0)):
                b.add(rows, columns, sign)
        self._most = most

    def set(self, model: Any, state: PlantState) -> None:  # noqa: ANN401 (highspy is untyped)
        """Set floors and bands for the hours from that of `state` on."""
        tariff, t = self._data.tariff, state.t
        ahead = (t + np.arange(self._hours)) % self._data.hours
        now = tariff.month[ahead] == tariff.month[t]
        inside = self._bands.hours[:, ahead]
        lower = np.where(np.stack([inside & now, inside & ~now], axis=1), 0.0, -UNLIMITED).reshape(-1)
        model.changeRowsBounds(
            lower.size, self._rows.reshape(-1).astype(np.int32), lower, np.full(lower.size, UNLIMITED)
        )
        this = int(self._data.calendar[t, 1]) - 1
        floor = np.zeros(self._demand.shape)
        for charge, band in enumerate(self._bands.of_charge):
            floor[band, 0] = max(floor[band, 0], state.demand_kw[charge, 0], self._targets[charge, this])
            floor[band, 1] = max(floor[band, 1], self._targets[charge, (this + 1) % MONTHS_OF_YEAR])
        columns = self._demand.reshape(-1).astype(np.int32)
        model.changeColsBounds(columns.size, columns, floor.reshape(-1), np.full(columns.size, self._most))


def demand_targets(training: Sequence[PlantData]) -> Targets:
    """Demand that the optimum reaches in each month of the year: mean over some training years, none without charges.

    Parameters
    ----------
    training
        Years of one plant and mode.
    """
    if not training[0].tariff.price.size:
        return ()
    found = []
    for year in training[:TARGET_YEARS]:
        billed = np.where(year.tariff.in_band, solve(year).plan.import_kwh, 0.0)
        month = year.calendar[:, 1] - 1
        found.append([[row[month == one].max(initial=0.0) for one in range(MONTHS_OF_YEAR)] for row in billed])
    mean = np.mean(found, axis=0)
    return tuple(tuple(float(value) for value in row) for row in mean)


def scaled(targets: Targets, factor: float) -> Targets:
    """Targets times a factor."""
    return tuple(tuple(factor * value for value in row) for row in targets)
