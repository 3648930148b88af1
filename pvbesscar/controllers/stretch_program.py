"""The linear program of a stretch of hours: its columns and rows, and how a solution is read.

Source: docs/design.md, "The optimum".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers.demand import bands_of, fixed_pen, write_demand
from pvbesscar.controllers.program import (
    UNLIMITED,
    Builder,
    Lp,
    SiteColumns,
    Solution,
    balance_rows,
    storage_rows,
)
from pvbesscar.controllers.reference import scale
from pvbesscar.controllers.vehicles import grouped, split, stays_within
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import NEED_EPSILON_KWH
from pvbesscar.plant.tariff import stretch_pen
from schemas.results import ScoreTerms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROUNDING = 8.0 * 2.0**-24
"""Relative error that an hour's chain of float32 operations can make, with room to spare (one makes 2^-24)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Setpoints of the optimum, hour by hour.

    Attributes
    ----------
    start
        First hour of the year that it covers.
    bess_kw
        Power of the battery, above zero charges, shape (H,) [kW].
    socket_kw
        Power of each socket, shape (H, K) [kW].
    soc
        State of charge of the battery at the end of each hour, shape (H,).
    import_kwh
        Import of each hour as the program counts it, shape (H,) [kWh].
    """

    start: int
    bess_kw: FloatArray
    socket_kw: FloatArray
    soc: FloatArray
    import_kwh: FloatArray


class ShadowPrices(NamedTuple):
    """What a little more of the plant's state costs the optimum of H hours, in J times H: the duals of its rows.

    Attributes
    ----------
    stored, imported
        A kWh in the battery when an hour begins, and a kWh more imported in the hour before, which the ramping is
        counted from; shape (H + 1,), 0 at the end.
    demand
        A kW more of import in an hour, by what it adds to the demand that the charges see, shape (C, H). Charges of
        the same hours share it: the first of them has it.
    need
        A kWh more that a session needs, shape (sessions of the year,).
    """

    stored: FloatArray
    imported: FloatArray
    demand: FloatArray
    need: FloatArray


class StretchProgram:
    """The program of a stretch: its columns by name, and how a solution is read.

    Parameters
    ----------
    data
        The year.
    start, hours
        The stretch.
    reference
        Totals that J is scaled by.
    import_limit_kw
        Most that the site may import, for sizing alone: no simulator knows it.
    """

    def __init__(
        self, data: PlantData, start: int, hours: int, reference: ScoreTerms, import_limit_kw: float = math.inf
    ) -> None:
        self.data, self.start, self.hours, self.reference = data, start, hours, reference
        self.span, self.import_limit_kw = slice(start, start + hours), import_limit_kw
        self.price, self.carbon = data.price[self.span], data.carbon[self.span]
        self._place_vehicles()
        self.deficit = data.mall_kwh[self.span] - data.pv_kwh[self.span] + self.forced_kwh
        self._write()

    def _place_vehicles(self) -> None:
        p, start, stop = self.data.params, self.start, self.start + self.hours
        stays = stays_within(self.data, start, stop)
        # With the guard on, what can not be met charges at full power to the end: there is nothing to decide.
        decided = stays.feasible if p.departure_guard else np.ones(stays.first.size, dtype=np.bool_)
        self.forced = stays.chosen(~decided)
        self.stays = stays.chosen(decided)
        self.groups = grouped(self.stays.first, self.stays.end, self.stays.need_kwh, p.socket_kw)
        self.inside = self.groups.hour < stop
        self.pair_hour = self.groups.hour[self.inside] - start
        self.forced_kwh = np.zeros(self.hours)
        for first, end in zip(self.forced.first, self.forced.end, strict=True):
            self.forced_kwh[first - start : end - start] += p.socket_kw
        counts = self.forced.end <= stop
        short = self.forced.need_kwh - p.socket_kw * (self.forced.end - self.forced.first)
        self.forced_short_kwh = float(short[counts].sum()) * p.charger_efficiency
        # What the vehicles can take at most beside the forced; what stands there rounds its needs and energies.
        limits = np.bincount(self.pair_hour, self.groups.limit_kwh[self.inside], minlength=self.hours)
        self.most_kwh: FloatArray = np.minimum(limits, p.sockets * p.socket_kw)
        self.vehicle_slack = NEED_EPSILON_KWH + ROUNDING * float(self.data.ev_kwh.max())
        self.hour_slack = p.sockets * self.vehicle_slack + ROUNDING * p.bess_kw

    def _write(self) -> None:
        data, p, b, hours = self.data, self.data.params, Builder(), self.hours
        per_kwh = scale(p, self.reference) * hours
        efficiency = math.sqrt(data.bess.power_efficiency_curve[1, 0])
        power = p.bess_kw * float(data.bess.capacity_power_curve[1, 0])
        reserve = (1.0 - p.bess_depth_of_discharge) * p.bess_kwh
        stored = max(float(np.float32(p.bess_initial_soc)) * p.bess_kwh, reserve)
        surplus, most, slack = -self.deficit, self.most_kwh, self.hour_slack
        # In `dispatch` only surplus charges the battery.
        charge_most = np.full(hours, power) if p.bidirectional else np.clip(surplus, 0.0, power)
        from_grid = power if p.bidirectional else 0.0
        import_most = np.minimum(np.maximum(self.deficit + most + from_grid, 0.0), self.import_limit_kw)
        export_most, limit, wear = np.maximum(surplus, 0.0), p.export_limit_kw, per_kwh[2] * p.wear_pen_per_kwh
        imported = b.columns(hours, 0.0, import_most, per_kwh[0] * self.carbon + per_kwh[2] * self.price, slack=slack)
        exported = b.columns(
            hours, 0.0, np.minimum(export_most, limit), per_kwh[1] - per_kwh[2] * p.feed_in_price, slack=slack
        )
        charged = b.columns(hours, 0.0, charge_most, wear, slack=slack)
        discharged = b.columns(hours, 0.0, np.where(surplus >= most, 0.0, power), wear, slack=slack)
        stored_columns = b.columns(hours, reserve, p.bess_kwh, slack=ROUNDING * p.bess_kwh)
        # The first hour has no ramp: its two columns are fixed at zero.
        ramp_most = np.full(hours, float(import_most.max()) + slack)
        ramp_most[0] = 0.0
        up, down = b.columns(hours, 0.0, ramp_most, per_kwh[4]), b.columns(hours, 0.0, ramp_most, per_kwh[4])
        vehicles = b.columns(hours, 0.0, most, slack=slack)
        self.site = SiteColumns(imported, exported, charged, discharged, stored_columns, vehicles)
        self._write_vehicles(b, per_kwh[3])

        balance = balance_rows(b, self.site, self.deficit)
        before = np.zeros(hours)
        before[0] = stored
        self._storage = storage_rows(b, self.site, before, efficiency, slack=ROUNDING * p.bess_kwh)
        self._ramp = ramp = b.rows(hours - 1, 0.0, 0.0)
        b.add(ramp, imported[1:], 1.0)
        b.add(ramp, imported[:-1], -1.0)
        b.add(ramp, up[1:], -1.0)
        b.add(ramp, down[1:], 1.0)
        self._write_limits(b)
        # What may not be exported is curtailed, in those hours that can have it.
        over = np.flatnonzero(export_most > limit)
        self.curtailed = b.columns(over.size, 0.0, export_most[over] - limit, per_kwh[1], slack=slack)
        b.add(balance[over], self.curtailed, -1.0)
        self._below = self._write_demand(b, import_most, per_kwh[2])
        self.lp: Lp = b.build()

    def _write_demand(self, b: Builder, import_most: FloatArray, per_pen: float) -> list[IntArray]:
        """Rows that hold the import below the demand of each band, none where no power is billed."""
        tariff = self.data.tariff
        self.fixed_pen = fixed_pen(tariff, self.start, self.hours)
        if tariff.price.size:
            return write_demand(b, tariff, self.span, self.site.imported, import_most, per_pen, self.hour_slack)
        return []

    def _write_vehicles(self, b: Builder, short_cost: float) -> None:
        """Energy of the groups, their totals, and without the guard what they may leave short."""
        p, groups = self.data.params, self.groups
        slack: FloatArray = groups.count.astype(np.float64) * self.vehicle_slack
        self.energy = b.columns(groups.group.size, 0.0, groups.limit_kwh, slack=slack[groups.group])
        self._total = total = b.rows(groups.count.size, groups.need_kwh, groups.need_kwh, slack=slack)
        b.add(total[groups.group], self.energy, 1.0)
        if not p.departure_guard:
            counted = groups.end <= self.start + self.hours
            cost = np.where(counted, short_cost * p.charger_efficiency, 0.0)
            self.short = b.columns(groups.count.size, 0.0, groups.need_kwh, cost, slack=slack)
            b.add(total, self.short, 1.0)
        summed = b.rows(self.hours, 0.0, 0.0)
        b.add(summed, self.site.vehicles, 1.0)
        b.add(summed[self.pair_hour], self.energy[self.inside], -1.0)

    def _write_limits(self, b: Builder) -> None:
        """No discharge beyond the deficit; in `dispatch` no charge beyond the surplus (that of import's bounds aside).

        Between surplus without vehicles and deficit with all of them both limits bend at zero. There the chord from no
        vehicle to all of them takes their place: the least line that lies above the limit.
        """
        lacking = np.flatnonzero(self.deficit >= 0.0)
        rows = b.rows(lacking.size, -UNLIMITED, self.deficit[lacking], slack=self.hour_slack)
        b.add(rows, self.site.discharged[lacking], 1.0)
        b.add(rows, self.site.vehicles[lacking], -1.0)
        self.between = between = np.flatnonzero((self.deficit < 0.0) & (self.deficit + self.most_kwh > 0.0))
        surplus, most = -self.deficit[between], self.most_kwh[between]
        rows = b.rows(between.size, -UNLIMITED, 0.0, slack=self.hour_slack)
        b.add(rows, self.site.discharged[between], 1.0)
        b.add(rows, self.site.vehicles[between], -(most - surplus) / most)
        if not self.data.params.bidirectional:
            rows = b.rows(between.size, -UNLIMITED, surplus, slack=self.hour_slack)
            b.add(rows, self.site.charged[between], 1.0)
            b.add(rows, self.site.vehicles[between], surplus / most)

    def settled(self, x: FloatArray) -> Lp:
        """The program of `dispatch` with the bends settled as a solution has them: no room for what no plant can do.

        Between full sun and none a chord lets vehicles import what the battery takes of the surplus. Here vehicles
        within the surplus import nothing, and beside those beyond it the battery takes nothing.
        """
        hours, site = self.between, self.site
        beyond = x[site.vehicles[hours]] > -self.deficit[hours]
        upper = self.lp.upper.copy()
        upper[site.charged[hours[beyond]]] = 0.0
        upper[site.imported[hours[~beyond]]] = upper[site.discharged[hours[~beyond]]] = 0.0
        return replace(self.lp, upper=upper)

    @property
    def constant(self) -> float:
        """Part of J that nothing can change."""
        per_unit = scale(self.data.params, self.reference)
        return float(self.forced_short_kwh * per_unit[3] + self.fixed_pen * per_unit[2])

    def both_ways_kwh(self, x: FloatArray) -> float:
        """Energy that a solution charges and discharges in the same hour."""
        return float(np.minimum(x[self.site.charged], x[self.site.discharged]).sum())

    def terms(self, x: FloatArray) -> ScoreTerms:
        """Totals of the five terms of a solution, as the program counts them; the bill is the invoice's."""
        p, bought, sold = self.data.params, x[self.site.imported], x[self.site.exported]
        counted = self.groups.end <= self.start + self.hours
        wear = p.wear_pen_per_kwh * float(x[self.site.charged].sum() + x[self.site.discharged].sum())
        billed = float(stretch_pen(self.data.tariff, self.start, bought).sum())
        short = 0.0 if p.departure_guard else float(x[self.short][counted].sum()) * p.charger_efficiency
        return ScoreTerms(
            co2_kg=dot(bought, self.carbon),
            solar_kwh=float(sold.sum()) + float(x[self.curtailed].sum()),
            cost_pen=dot(bought, self.price) - float(sold.sum()) * p.feed_in_price + wear + billed,
            ev_short_kwh=short + self.forced_short_kwh,
            ramping_kwh=float(np.abs(np.diff(bought)).sum()),
        )

    def prices(self, solution: Solution) -> ShadowPrices:
        """What the state costs, by the duals of a solution."""
        duals, tariff = solution.duals, self.data.tariff
        # The row of hour t has the energy stored when it begins, and that of a ramp the import before it.
        stored, imported = np.zeros(self.hours + 1), np.zeros(self.hours + 1)
        stored[:-1], imported[1:-1] = duals[self._storage], duals[self._ramp]
        demand, bands = np.zeros((tariff.price.size, self.hours)), bands_of(tariff)
        for band, rows in enumerate(self._below):
            demand[np.flatnonzero(bands.of_charge == band)[0], bands.hours[band, self.span]] = duals[rows]
        need = np.zeros(self.data.sessions.socket.size)
        need[self.stays.session] = duals[self._total][self.groups.member]
        return ShadowPrices(stored, imported, demand, need)

    def plan(self, x: FloatArray) -> Plan:
        """What a solution does, socket by socket."""
        p, stays = self.data.params, self.stays
        socket_kw = np.zeros((self.hours, p.sockets))
        # Without the guard a group may leave energy undelivered: it is shared like an hour of its own.
        energy = split(self.groups, x[self.energy], stays.need_kwh, p.socket_kw)
        sockets = self.data.sessions.socket[stays.session]
        for step in range(energy.shape[1]):
            hour = stays.first + step
            there = (hour < stays.end) & (hour < self.start + self.hours)
            socket_kw[hour[there] - self.start, sockets[there]] = energy[there, step]
        forced_sockets = self.data.sessions.socket[self.forced.session]
        for socket, first, end in zip(forced_sockets, self.forced.first, self.forced.end, strict=True):
            socket_kw[first - self.start : end - self.start, socket] = p.socket_kw
        soc = x[self.site.stored] / p.bess_kwh if p.bess_kwh > 0.0 else np.zeros(self.hours)
        return Plan(self.start, x[self.site.charged] - x[self.site.discharged], socket_kw, soc, x[self.site.imported])
