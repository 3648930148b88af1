"""Model predictive control: each hour a linear program over the next 30 h, of which the first hour is carried out."""

from __future__ import annotations

import math

import highspy
import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.forecast import Outlook
from pvbesscar.controllers.program import (
    UNLIMITED,
    Bounds,
    Builder,
    SiteColumns,
    balance_rows,
    storage_rows,
)
from pvbesscar.controllers.reference import scale
from pvbesscar.controllers.rolling_demand import DemandPolicy, RollingDemand
from pvbesscar.plant.actions import guard_kw
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import NEED_EPSILON_KWH
from pvbesscar.plant.state import PlantState, Setpoints, setpoints_near
from schemas.errors import ControllerError
from schemas.results import ScoreTerms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

HORIZON = 30
"""Hours that the program looks ahead: an evening peak, the next day's sun, and its peak from the afternoon on."""

OBJECTIVE_SCALE = 1e6
"""A kWh weighs some 1e-7 in J; scaled, the costs are about 0.1 to 1, far above the solver's tolerance."""


class Mpc:
    """A rolling linear program.

    Parameters
    ----------
    name
        Name in tables and files.
    data
        The year, of which only the plant, the tariff and the carbon intensity are read here.
    outlook
        What is expected at each hour.
    scale_by
        Totals of no control, for the weights of the program's objective: those of training years, for the total of
        the year controlled is not known before it ends.
    policy
        What it knows of a month under demand charges (see `rolling_demand`).
    """

    def __init__(
        self,
        name: str,
        data: PlantData,
        outlook: Outlook,
        scale_by: ScoreTerms,
        policy: DemandPolicy | None = None,
    ) -> None:
        self._name, self._data, self._outlook = name, data, outlook
        self._horizon = outlook.pv_kwh.shape[1]
        self._per_kwh = scale(data.params, scale_by) * OBJECTIVE_SCALE
        ahead = (np.arange(data.hours)[:, None] + np.arange(self._horizon)) % data.hours
        # The tariff and the carbon intensity are published: they are known ahead.
        worth = self._per_kwh[0] * data.carbon + self._per_kwh[2] * data.price
        self._import_cost: FloatArray = worth[ahead]
        # Who arrives when hangs on the calendar alone; PV and demand of an hour may come with that hour.
        self._early: FloatArray = np.cumsum(outlook.early_kwh, axis=1)
        self._late: FloatArray = np.cumsum(outlook.late_kwh, axis=1)
        self._write(policy or DemandPolicy())

    @property
    def name(self) -> str:
        """Name in tables and files."""
        return self._name

    def reset(self) -> None:
        """Forget the last program: its solution must not depend on an earlier episode."""
        # HiGHS starts from the last basis: where optima are many, another start can end at another of them.
        self._model.clearSolver()

    def _write(self, policy: DemandPolicy) -> None:
        data, p, h, b = self._data, self._data.params, self._horizon, Builder()
        one_way = math.sqrt(p.bess_efficiency)
        reserve = (1.0 - p.bess_depth_of_discharge) * p.bess_kwh
        most = float(data.params.mall_scale_kw + data.params.pv_ac_kw + p.bess_kw + p.sockets * p.socket_kw) * 10.0
        imported = b.columns(h, 0.0, most)
        exported = b.columns(h, 0.0, most, self._per_kwh[1] - self._per_kwh[2] * p.feed_in_price)
        wear = self._per_kwh[2] * p.wear_pen_per_kwh
        charged, discharged = b.columns(h, 0.0, p.bess_kw, wear), b.columns(h, 0.0, p.bess_kw, wear)
        worth = np.zeros(h)
        # What is left in the store saves an import of the cheapest hour some time after the horizon.
        worth[-1] = -one_way * float(self._import_cost.min())
        stored = b.columns(h, reserve, p.bess_kwh, worth)
        up, down = b.columns(h, 0.0, most, self._per_kwh[4]), b.columns(h, 0.0, most, self._per_kwh[4])
        vehicles = b.columns(h, 0.0, p.sockets * p.socket_kw)
        self._charged_so_far = b.columns(h, 0.0, most * h)
        self._site = SiteColumns(imported, exported, charged, discharged, stored, vehicles)
        self._balance = balance_rows(b, self._site, 0.0)
        self._storage = storage_rows(b, self._site, 0.0, one_way)
        self._ramp = b.rows(h, 0.0, 0.0)
        b.add(self._ramp, imported, 1.0)
        b.add(self._ramp[1:], imported[:-1], -1.0)
        b.add(self._ramp, up, -1.0)
        b.add(self._ramp, down, 1.0)
        summed = b.rows(h, 0.0, 0.0)
        b.add(summed, self._charged_so_far, 1.0)
        b.add(summed[1:], self._charged_so_far[:-1], -1.0)
        b.add(summed, vehicles, -1.0)
        self._limit = b.rows(h, -UNLIMITED, 0.0)
        b.add(self._limit, discharged, 1.0)
        b.add(self._limit, vehicles, -1.0)
        self._limited, self._demand = math.isfinite(p.export_limit_kw), None
        if self._limited:
            self._curtailed = b.columns(h, 0.0, most, self._per_kwh[1])
            b.add(self._balance, self._curtailed, -1.0)
        if data.tariff.price.size:
            self._demand = RollingDemand(b, data, self._site, self._per_kwh[2], most, policy)
        self._model = b.build().highs()
        self._prepare()

    def _prepare(self) -> None:
        """Columns and rows whose bounds an hour sets, each in one call, and the room for the bounds."""
        site, power = self._site, self._data.params.socket_kw
        limited = [self._curtailed] if self._limited else []
        columns = [site.exported, *limited, site.charged, self._charged_so_far]
        self._columns = Bounds.of(np.concatenate(columns), 0.0, 0.0)
        # Beyond the first hour, storage and ramp have the bounds that they were written with.
        rows = [self._balance, self._limit, self._storage[:1], self._ramp[:1]]
        self._rows = Bounds.of(np.concatenate(rows), -UNLIMITED, 0.0)
        self._imported: IntArray = site.imported.astype(np.int32)
        self._ahead: NDArray[np.int64] = np.arange(self._horizon)[:, None]
        self._at_most: FloatArray = np.arange(1.0, self._horizon + 1)[:, None] * float(power)

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`.

        Raises
        ------
        ControllerError
            HiGHS found no optimum.
        """
        p, t = state.data.params, state.t
        need, left = state.need_kwh(), state.hours_left
        early, late = self._envelope(need, left, t)
        self._set(state, early, late)
        x = self._solve(t)
        vehicles = float(x[self._site.vehicles[0]])
        bess_kw = float(x[self._site.charged[0]] - x[self._site.discharged[0]])
        surplus = float(state.data.pv_kwh[t] - state.data.mall_kwh[t]) - vehicles
        if surplus > 0.0:
            # The program is indifferent between surplus now and later; only that of now is certain.
            bess_kw = max(bess_kw, surplus)
        return setpoints_near(state, bess_kw, share_out(vehicles, need, left, p.socket_kw))

    def _envelope(self, need: FloatArray, left: NDArray[np.int32], t: int) -> tuple[FloatArray, FloatArray]:
        """Most and least energy of all vehicles up to the end of each hour, shape (H,) each."""
        power = self._data.params.socket_kw
        here = left > 0
        need, left = np.minimum(need[here], power * left[here]), left[here]
        early = np.minimum(need, self._at_most).sum(axis=1)
        late = np.maximum(need - power * np.maximum(left - 1 - self._ahead, 0), 0.0).sum(axis=1)
        return early + self._early[t], late + self._late[t]

    def _set(self, state: PlantState, early: FloatArray, late: FloatArray) -> None:
        p, t, h, model = self._data.params, state.t, self._horizon, self._model
        net = self._outlook.mall_kwh[t] - self._outlook.pv_kwh[t]
        surplus = np.maximum(-net, 0.0)
        columns, rows = self._columns, self._rows
        np.minimum(surplus, p.export_limit_kw, out=columns.upper[:h])
        if self._limited:
            np.maximum(surplus - p.export_limit_kw, 0.0, out=columns.upper[h : 2 * h])
        columns.upper[-2 * h : -h] = p.bess_kw if p.bidirectional else np.minimum(surplus, p.bess_kw)
        columns.lower[-h:] = late
        np.add(np.maximum(early, late), NEED_EPSILON_KWH, out=columns.upper[-h:])
        columns.set_columns(model)
        model.changeColsCost(h, self._imported, self._import_cost[t])
        rows.lower[:h] = rows.upper[:h] = net
        np.maximum(net, 0.0, out=rows.upper[h : 2 * h])
        stored = max(state.bess_soc, 1.0 - p.bess_depth_of_discharge) * p.bess_kwh
        rows.lower[-2] = rows.upper[-2] = stored
        # An episode's first hour has no ramp: its row is left open.
        last = state.last_import_kwh
        rows.lower[-1], rows.upper[-1] = (-UNLIMITED, UNLIMITED) if state.first else (last, last)
        rows.set_rows(model)
        if self._demand is not None:
            self._demand.set(model, state, net, stored)

    def _solve(self, t: int) -> FloatArray:
        self._model.run()
        status = self._model.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise ControllerError(
                f"`{self._name}`, hour {t}: HiGHS ends with `{self._model.modelStatusToString(status)}`.",
                hint="look for energies in the year that are not finite.",
            )
        return np.array(self._model.getSolution().col_value)


def share_out(energy_kwh: float, need: FloatArray, hours_left: NDArray[np.int32], socket_kw: float) -> FloatArray:
    """Share an hour's energy among the sockets: what the departures force first, then least spare time first.

    Parameters
    ----------
    energy_kwh
        Energy of all sockets together.
    need, hours_left
        Energy that each vehicle needs and hours until it departs, shape (K,).
    socket_kw
        Power of a socket.

    Returns
    -------
    FloatArray
        Power of each socket, shape (K,) [kW].
    """
    most = np.minimum(need, socket_kw) * (hours_left > 0)
    least = np.minimum(guard_kw(need, hours_left, socket_kw), most)
    # Spare time: hours left less the hours that full power needs.
    order = np.argsort(hours_left - need / socket_kw, kind="stable")
    room = (most - least)[order]
    before = np.zeros_like(room)
    np.cumsum(room[:-1], out=before[1:])
    result: FloatArray = least.copy()
    result[order] += np.minimum(np.maximum(energy_kwh - float(least.sum()) - before, 0.0), room)
    return result
