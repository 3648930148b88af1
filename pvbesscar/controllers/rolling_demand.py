"""Demand charges in the rolling program: a day that sees the price of a month, above a floor that is free.

Two floors: what the month has seen already, which no restraint takes off the bill any more, and the target, which
training years show to be reached in such a month sooner or later. Without the target the first day of a month would pay
in full for a demand that a later day has in any case.

A month's demand is made on the day that turns out worse than expected. So the program carries a second course beside
the expected one, with less sun and more load: the same vehicles and the same first hour, a battery of its own from
then on, and the same demand. It needs a battery that the grid can fill (`bidirectional`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.demand import bands_of
from pvbesscar.controllers.forecast import ForecastModel, worse_margin
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.program import Builder, SiteColumns, balance_rows, set_columns, set_rows, storage_rows
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState
from pvbesscar.plant.tariff import EXCESS
from schemas.settings import Frozen, quantity

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Targets = tuple[tuple[float, ...], ...]

_LEARNED = "fitted on training years"
MONTHS_OF_YEAR = 12
WORSE = 0.1
"""Quantile of PV less demand of the second course; 0.2 and 0.03 closed less of the gap on a validation year."""
TARGET_YEARS = 3
"""Training years whose optimum says what demand each month comes to; each takes seconds."""


class DemandPolicy(Frozen):
    """What the rolling program knows of a month beyond its horizon."""

    target_kw: Targets = quantity((), "kW", "demand aimed at, by charge and month of the year, (C, 12)", _LEARNED)
    quantile: float = quantity(0.5, "1", "quantile of PV less demand that the second course is made of", _LEARNED)
    margin_kwh: Targets = quantity(
        (), "kWh", "added to expected PV to reach it, by hour of day and lead, (24, H); none: no such course",
        _LEARNED,
    )  # fmt: skip


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
    site
        Columns of the expected course, shape (H,) each.
    per_pen
        What a PEN adds to the objective.
    most
        More than any import [kWh].
    policy
        Floors, and how much worse the second course is.
    """

    def __init__(
        self, b: Builder, data: PlantData, site: SiteColumns, per_pen: float, most: float, policy: DemandPolicy
    ) -> None:
        tariff, self._hours = data.tariff, site.imported.size
        self._data, self._bands, self._most = data, bands_of(tariff), most
        self._targets = np.array(policy.target_kw or np.zeros((tariff.price.size, MONTHS_OF_YEAR)))
        self._margin = np.array(policy.margin_kwh) if policy.margin_kwh else None
        imports = [site.imported]
        if self._margin is not None:
            imports.append(self._write_worse(b, site))
        # The month of the present hour, and the next one.
        shape = (len(self._bands.hours), 2)
        self._demand = b.columns(shape[0] * 2, 0.0, most).reshape(shape)
        self._rows = np.empty((len(imports), *shape, self._hours), np.int64)
        for course, band, slot in np.ndindex(self._rows.shape[:3]):
            rows = b.rows(self._hours, -np.inf, np.inf)
            b.add(rows, np.full(self._hours, self._demand[band, slot]), 1.0)
            b.add(rows, imports[course], -1.0)
            self._rows[course, band, slot] = rows
        for charge, price in enumerate(tariff.price.tolist()):
            own, cost = self._demand[self._bands.of_charge[charge]], price * per_pen
            if tariff.basis[charge] != EXCESS:
                b.price(own, cost)
                continue
            exceeds = b.columns(2, 0.0, most, cost)
            rows = b.rows(2, 0.0, np.inf)
            inside = self._demand[self._bands.of_charge[tariff.over[charge]]]
            for columns, sign in ((exceeds, 1.0), (own, -1.0), (inside, 1.0)):
                b.add(rows, columns, sign)

    def _write_worse(self, b: Builder, site: SiteColumns) -> IntArray:
        """Write the second course; returns its import. What it has too much is spilled, for it only makes demand."""
        p, h = self._data.params, self._hours
        imported, spilled = b.columns(h, 0.0, self._most), b.columns(h, 0.0, self._most)
        charged, discharged = b.columns(h, 0.0, p.bess_kw), b.columns(h, 0.0, p.bess_kw)
        stored = b.columns(h, (1.0 - p.bess_depth_of_discharge) * p.bess_kwh, p.bess_kwh)
        self._worse = SiteColumns(imported, spilled, charged, discharged, stored, site.vehicles)
        self._balance = balance_rows(b, self._worse, 0.0)
        self._storage = storage_rows(b, self._worse, 0.0, math.sqrt(p.bess_efficiency))
        same = b.rows(1, 0.0, 0.0)
        for columns, sign in ((charged, 1.0), (discharged, -1.0), (site.charged, -1.0), (site.discharged, 1.0)):
            b.add(same, columns[:1], sign)
        return imported

    def set(self, model: Any, state: PlantState, net_kwh: FloatArray, stored_kwh: float) -> None:  # noqa: ANN401
        """Set the program for the hours from that of `state` on.

        Parameters
        ----------
        model
            The program in HiGHS, which is untyped.
        net_kwh
            Expected demand less PV, shape (H,).
        stored_kwh
            Energy in the battery.
        """
        tariff, t = self._data.tariff, state.t
        ahead = (t + np.arange(self._hours)) % self._data.hours
        now = tariff.month[ahead] == tariff.month[t]
        inside = self._bands.hours[:, ahead]
        lower = np.where(np.stack([inside & now, inside & ~now], axis=1), 0.0, -np.inf)
        lower = np.broadcast_to(lower, self._rows.shape).reshape(-1)
        set_rows(model, self._rows.reshape(-1), lower, np.full(lower.size, np.inf))
        this = int(self._data.calendar[t, 1]) - 1
        floor = np.zeros(self._demand.shape)
        for charge, band in enumerate(self._bands.of_charge):
            floor[band, 0] = max(floor[band, 0], state.demand_kw[charge, 0], self._targets[charge, this])
            floor[band, 1] = max(floor[band, 1], self._targets[charge, (this + 1) % MONTHS_OF_YEAR])
        set_columns(model, self._demand.reshape(-1), floor.reshape(-1), np.full(floor.size, self._most))
        if self._margin is not None:
            self._set_worse(model, net_kwh - self._margin[self._data.calendar[t, 0]], stored_kwh)

    def _set_worse(self, model: Any, net_kwh: FloatArray, stored_kwh: float) -> None:  # noqa: ANN401
        set_rows(model, self._balance, net_kwh, net_kwh)
        before = np.zeros(self._hours)
        before[0] = stored_kwh
        set_rows(model, self._storage, before, before)


def fit_policy(training: Sequence[PlantData], model: ForecastModel) -> DemandPolicy:
    """Learn what months come to: the demand that the optimum reaches, mean over some years, and how far forecasts err.

    Parameters
    ----------
    training
        Years of one plant and mode.
    model
        Forecasts fitted on them, with the quantile of surplus that they plan for.
    """
    if not training[0].tariff.price.size:
        return DemandPolicy()
    years = training[:TARGET_YEARS]
    return with_margin(demand_policy(years, [solve(year).plan.import_kwh for year in years]), training, model)


def demand_policy(years: Sequence[PlantData], imports: Sequence[FloatArray]) -> DemandPolicy:
    """Policy that aims at what some imports of years come to in each month, mean over the years; no second course.

    Parameters
    ----------
    imports
        Import of each year, shape (N,) [kWh].
    """
    if not years[0].tariff.price.size:
        return DemandPolicy()
    found = []
    for year, import_kwh in zip(years, imports, strict=True):
        billed = np.where(year.tariff.in_band, import_kwh, 0.0)
        month = year.calendar[:, 1] - 1
        found.append([[row[month == one].max(initial=0.0) for one in range(MONTHS_OF_YEAR)] for row in billed])
    return DemandPolicy(target_kw=_table(np.mean(found, axis=0)))


def with_margin(policy: DemandPolicy, training: Sequence[PlantData], model: ForecastModel) -> DemandPolicy:
    """Return the policy with how far these forecasts err; in `dispatch` as it is, without a second course.

    There only surplus fills the battery again: what is held back for a worse day takes the room of the next day's sun.
    """
    if not training[0].params.bidirectional:
        return policy
    # The margin is counted from what the forecasts plan for.
    margin = np.array(worse_margin(model, training, WORSE)) - np.array(model.surplus_margin_kwh)
    return policy.model_copy(update={"quantile": WORSE, "margin_kwh": _table(margin)})


def _table(values: NDArray[np.floating]) -> Targets:
    return tuple(tuple(float(value) for value in row) for row in values)
