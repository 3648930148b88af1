"""The perfect-foresight optimum J*: a linear program on a year, its lower bound, and its plan.

The program is a relaxation of what the simulators allow: every course of the plant within the setpoint limits is a
point of it with the same J, so no controller can score below its bound. Source: docs/design.md, "The optimum".
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers.base import Memoryless
from pvbesscar.controllers.program import (
    UNLIMITED,
    Builder,
    Lp,
    SiteColumns,
    Solution,
    balance_rows,
    solve_lp,
    storage_rows,
)
from pvbesscar.controllers.reference import no_control_reference, scale
from pvbesscar.controllers.vehicles import grouped, split, stays_within
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import NEED_EPSILON_KWH
from pvbesscar.plant.simulator import check_window
from pvbesscar.plant.state import PlantState, Setpoints, setpoints_near
from schemas.errors import ControllerError
from schemas.results import ScoreTerms
from schemas.settings import Mode

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
    """

    start: int
    bess_kw: FloatArray
    socket_kw: FloatArray
    soc: FloatArray


@dataclass(frozen=True, slots=True)
class Optimum:
    """The perfect-foresight optimum of a stretch of hours.

    Attributes
    ----------
    mode
        Action mode that it holds for.
    start, hours
        The stretch.
    j
        Score of the program's plan, as the program counts it.
    bound
        Lower bound of J: no controller that keeps the setpoint limits of this mode scores less on these hours.
    allowance
        Part of `j - bound` that makes room for the simulators' rounded numbers.
    terms
        Totals of the five terms of the plan, as the program counts them.
    reference
        Totals that J is scaled by: no control on these hours, for EV service the energy required.
    both_ways_kwh
        Energy that the program charges and discharges in the same hour, which the plant can not: it is relaxed.
    plan
        What it does.
    variables, constraints
        Size of the program.
    status
        Status that HiGHS reports.
    seconds
        Wall time, from the plant to the plan.
    """

    mode: Mode
    start: int
    hours: int
    j: float
    bound: float
    allowance: float
    terms: ScoreTerms
    reference: ScoreTerms
    both_ways_kwh: float
    plan: Plan
    variables: int
    constraints: int
    status: str
    seconds: float


def refusals(data: PlantData) -> tuple[str, ...]:
    """Why the linear program would be no lower bound of this plant's J; empty where it holds."""
    p, bess = data.params, data.bess
    reasons = []
    if np.ptp(bess.power_efficiency_curve[1]) > 0.0:
        reasons.append("`bess.power_efficiency_curve` is not flat: the efficiency would depend on the power")
    if np.ptp(bess.capacity_power_curve[1]) > 0.0:
        reasons.append("`bess.capacity_power_curve` is not flat: the power limit would depend on the state of charge")
    for name, value in (
        ("loss_coefficient", p.bess_loss_coefficient),
        ("capacity_loss_coefficient", p.bess_capacity_loss_coefficient),
    ):
        if value != 0.0:
            reasons.append(f"`bess.{name}` is {value:g}, not 0")
    if p.feed_in_price >= float(data.price.min()):
        reasons.append(
            f"`tariff.feed_in_price` is {p.feed_in_price:g} PEN/kWh, not below the lowest price "
            f"({data.price.min():g}): importing and exporting at once would pay"
        )
    if p.socket_min_kw > 0.0:
        reasons.append(
            f"`ev.socket_min_kw` is {p.socket_min_kw:g} kW: sockets switch, and may leave needs below it unmet"
        )
    if not np.array_equal(data.sessions.battery_kwh, data.ev_kwh[data.sessions.socket]):
        reasons.append("a session's battery is not that of its socket's vehicles")
    return tuple(reasons)


def solve(
    data: PlantData,
    mode: Mode | None = None,
    start: int = 0,
    hours: int | None = None,
    reference: ScoreTerms | None = None,
) -> Optimum:
    """Solve the perfect-foresight optimum of a stretch of hours.

    Parameters
    ----------
    data
        The year.
    mode
        Action mode, default the plant's.
    start, hours
        First hour and number of hours, default the whole year. The stretch begins as an episode does: battery at its
        initial state of charge, vehicles that stand there with their arrival state of charge.
    reference
        Totals that J is scaled by, default those of no control on these hours.

    Returns
    -------
    Optimum
        Score, lower bound, terms and plan.

    Raises
    ------
    ControllerError
        The linear program does not hold for this plant (see `refusals`), or has no optimum.
    SimulationError
        The stretch does not lie within the year.
    """
    began = time.perf_counter()
    data = data if mode is None else data.with_mode(mode)
    hours = data.hours - start if hours is None else hours
    check_window(data, start, hours)
    reasons = refusals(data)
    if reasons:
        raise ControllerError(
            "the optimum is not provable for this plant: " + "; ".join(reasons) + ".",
            hint="evaluate without `optimum`, or reset the settings named.",
        )
    reference = no_control_reference(data, start, hours) if reference is None else reference
    program = _Year(data, start, hours, reference)
    return program.read(solve_lp(program.lp, "the optimum"), began)


class _Year:
    """The program of a stretch: its columns by name, and how a solution is read."""

    def __init__(self, data: PlantData, start: int, hours: int, reference: ScoreTerms) -> None:
        self.data, self.start, self.hours, self.reference = data, start, hours, reference
        span = slice(start, start + hours)
        self.price, self.carbon = data.price[span], data.carbon[span]
        self._place_vehicles()
        self.deficit = data.mall_kwh[span] - data.pv_kwh[span] + self.forced_kwh
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
        import_most = np.maximum(self.deficit + most + from_grid, 0.0)
        imported = b.columns(hours, 0.0, import_most, per_kwh[0] * self.carbon + per_kwh[2] * self.price, slack=slack)
        exported = b.columns(
            hours, 0.0, np.maximum(surplus, 0.0), per_kwh[1] - per_kwh[2] * p.feed_in_price, slack=slack
        )
        charged = b.columns(hours, 0.0, charge_most, slack=slack)
        discharged = b.columns(hours, 0.0, np.where(surplus >= most, 0.0, power), slack=slack)
        stored_columns = b.columns(hours, reserve, p.bess_kwh, slack=ROUNDING * p.bess_kwh)
        # The first hour has no ramp: its two columns are fixed at zero.
        ramp_most = np.full(hours, float(import_most.max()) + slack)
        ramp_most[0] = 0.0
        up, down = b.columns(hours, 0.0, ramp_most, per_kwh[4]), b.columns(hours, 0.0, ramp_most, per_kwh[4])
        vehicles = b.columns(hours, 0.0, most, slack=slack)
        self.site = SiteColumns(imported, exported, charged, discharged, stored_columns, vehicles)
        self._write_vehicles(b, per_kwh[3])

        balance_rows(b, self.site, self.deficit)
        before = np.zeros(hours)
        before[0] = stored
        storage_rows(b, self.site, before, efficiency, slack=ROUNDING * p.bess_kwh)
        ramp = b.rows(hours - 1, 0.0, 0.0)
        b.add(ramp, imported[1:], 1.0)
        b.add(ramp, imported[:-1], -1.0)
        b.add(ramp, up[1:], -1.0)
        b.add(ramp, down[1:], 1.0)
        self._write_limits(b)
        self.lp: Lp = b.build()

    def _write_vehicles(self, b: Builder, short_cost: float) -> None:
        """Energy of the groups, their totals, and without the guard what they may leave short."""
        p, groups = self.data.params, self.groups
        slack: FloatArray = groups.count.astype(np.float64) * self.vehicle_slack
        self.energy = b.columns(groups.group.size, 0.0, groups.limit_kwh, slack=slack[groups.group])
        total = b.rows(groups.count.size, groups.need_kwh, groups.need_kwh, slack=slack)
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
        between = np.flatnonzero((self.deficit < 0.0) & (self.deficit + self.most_kwh > 0.0))
        surplus, most = -self.deficit[between], self.most_kwh[between]
        rows = b.rows(between.size, -UNLIMITED, 0.0, slack=self.hour_slack)
        b.add(rows, self.site.discharged[between], 1.0)
        b.add(rows, self.site.vehicles[between], -(most - surplus) / most)
        if not self.data.params.bidirectional:
            rows = b.rows(between.size, -UNLIMITED, surplus, slack=self.hour_slack)
            b.add(rows, self.site.charged[between], 1.0)
            b.add(rows, self.site.vehicles[between], surplus / most)

    def read(self, solution: Solution, began: float) -> Optimum:
        """Score, bound, terms and plan of a solution."""
        p, x = self.data.params, solution.x
        # The costs are scaled by the hours, to about 1 an hour; what nothing can change is left out of them.
        constant = self.forced_short_kwh * scale(p, self.reference)[3]
        return Optimum(
            mode="bidirectional" if p.bidirectional else "dispatch",
            start=self.start,
            hours=self.hours,
            j=solution.objective / self.hours + constant,
            bound=solution.bound / self.hours + constant,
            allowance=solution.allowance / self.hours,
            terms=self._terms(x),
            reference=self.reference,
            both_ways_kwh=float(np.minimum(x[self.site.charged], x[self.site.discharged]).sum()),
            plan=self._plan(x),
            variables=int(self.lp.cost.size),
            constraints=int(self.lp.row_lower.size),
            status=solution.status,
            seconds=time.perf_counter() - began,
        )

    def _terms(self, x: FloatArray) -> ScoreTerms:
        p, bought, sold = self.data.params, x[self.site.imported], x[self.site.exported]
        counted = self.groups.end <= self.start + self.hours
        short = 0.0 if p.departure_guard else float(x[self.short][counted].sum()) * p.charger_efficiency
        return ScoreTerms(
            co2_kg=dot(bought, self.carbon),
            solar_kwh=float(sold.sum()),
            cost_pen=dot(bought, self.price) - float(sold.sum()) * p.feed_in_price,
            ev_short_kwh=short + self.forced_short_kwh,
            ramping_kwh=float(np.abs(np.diff(bought)).sum()),
        )

    def _plan(self, x: FloatArray) -> Plan:
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
        return Plan(self.start, x[self.site.charged] - x[self.site.discharged], socket_kw, soc)


class PlannedController(Memoryless):
    """Follows a plan through the simulator; guard and limits of the actions hold, hour by hour.

    Parameters
    ----------
    plan
        What to do.
    name
        Name in tables and files.
    """

    def __init__(self, plan: Plan, name: str = "optimum") -> None:
        self._plan, self._name = plan, name

    @property
    def name(self) -> str:
        """Name in tables and files."""
        return self._name

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`.

        Raises
        ------
        ControllerError
            The plan does not cover the hour.
        """
        index = state.t - self._plan.start
        if not 0 <= index < self._plan.bess_kw.size:
            raise ControllerError(
                f"`{self._name}`: hour {state.t} is outside the plan, hours {self._plan.start} to "
                f"{self._plan.start + self._plan.bess_kw.size - 1}.",
                hint="solve the optimum for the hours that are simulated.",
            )
        return setpoints_near(state, float(self._plan.bess_kw[index]), self._plan.socket_kw[index])
