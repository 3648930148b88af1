"""The perfect-foresight optimum, written from docs/design.md, "The optimum": every session by itself, no groups."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from tools.audit.dataset import LEAST_KWH, Year
from tools.audit.tariff import BEFORE, Tariff, billed_before, spent

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Places = dict[str, IntArray]
"""Variables by what they are."""
KINDS = ("import", "export", "curtailed", "charge", "discharge", "stored", "up", "down", "vehicles")
"""Variables of each hour."""


class Rows:
    """Rows of a linear program, as they are written: `lower <= sum of value x variable <= upper`."""

    def __init__(self) -> None:
        self._parts: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._lower: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self.count = 0

    def add(
        self, lower: FloatArray | float, upper: FloatArray | float, size: int,
        *terms: tuple[NDArray[np.int64], FloatArray | float],
    ) -> NDArray[np.int64]:  # fmt: skip
        """Append `size` rows; each term is a variable a row, with its value. Returns the rows."""
        rows = np.arange(self.count, self.count + size)
        self.count += size
        self._lower.append(np.broadcast_to(np.asarray(lower, np.float64), size))
        self._upper.append(np.broadcast_to(np.asarray(upper, np.float64), size))
        for variables, values in terms:
            self.put(rows, variables, values)
        return rows

    def put(self, rows: NDArray[np.int64], variables: NDArray[np.int64], values: FloatArray | float) -> None:
        """Add values to rows."""
        self._parts.append((rows, variables, np.broadcast_to(np.asarray(values, np.float64), rows.size)))

    def matrix(self, variables: int) -> sparse.csr_array:
        """All values."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        return sparse.csr_array((values, (rows, columns)), shape=(self.count, variables))

    @property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper limit of each row."""
        return np.concatenate(self._lower), np.concatenate(self._upper)


@dataclass(frozen=True)
class Stays:
    """Vehicles of a stretch: what they must get, and where what they get is decided.

    `load` is demand less PV with the vehicles that can not be met, `lost` what these are short of [kWh in the battery].
    `need`, `first` and `end` are of the others, one a session; `session`, `hour` and `limit` one a session and hour;
    `most` one an hour.
    """

    load: FloatArray
    lost: float
    need: FloatArray
    first: IntArray
    end: IntArray
    session: IntArray
    hour: IntArray
    limit: FloatArray
    most: FloatArray


def stays(year: Year, start: int, hours: int) -> Stays:
    """Vehicles that stand at a socket in a stretch; who is there when it begins has its arrival SOC then."""
    plant, stop = year.plant, start + hours
    own = year.sessions
    own = own[(own["departure"] > start) & (own["arrival"] < stop) & (own["need_kwh"] > LEAST_KWH)]
    first, end = own["arrival"].to_numpy().clip(min=start), own["departure"].to_numpy()
    need = own["need_kwh"].to_numpy()
    can = need <= plant.socket_kw * (end - first) + LEAST_KWH
    chosen = can if plant.guard else np.ones(can.size, bool)
    # With the guard, what can not be met charges at full power to the end, and is short of the rest.
    load = year.mall[start:stop] - year.pv[start:stop]
    for begin, leave in zip(first[~chosen], end[~chosen].clip(max=stop), strict=True):
        load[begin - start : leave - start] += plant.socket_kw
    lost = (need - plant.socket_kw * (end - first))[~chosen & (end <= stop)].sum() * plant.charger_efficiency
    first, end, need = first[chosen], end[chosen], need[chosen]
    inside = end.clip(max=stop) - first
    session = np.repeat(np.arange(first.size), inside)
    hour = np.arange(session.size) - np.repeat(inside.cumsum() - inside, inside) + first[session] - start
    limit = need.clip(max=plant.socket_kw)[session]
    most = np.bincount(hour, limit, hours).astype(np.float64)
    return Stays(load, float(lost), need, first, end, session, hour, limit, most)


def optimum(year: Year, start: int, hours: int, reference: dict[str, float]) -> float:
    """Least J on some hours, given the totals that it is scaled by.

    Raises
    ------
    RuntimeError
        The solver found no optimum.
    """
    plant, own = year.plant, stays(year, start, hours)
    per_kwh = {
        name: weight / reference[name] if reference[name] > 0.0 else 0.0
        for name, weight in zip(reference, plant.weights, strict=True)
    }
    at = {kind: np.arange(k * hours, (k + 1) * hours) for k, kind in enumerate(KINDS)}
    at["energy"] = len(KINDS) * hours + np.arange(own.session.size)
    count = len(KINDS) * hours + own.session.size
    at["short"] = count + np.arange(0 if plant.guard else own.need.size)
    count += at["short"].size
    bill = Bill(year.tariff, start, hours, billed_before(year.tariff, start, year.rule_import), count)
    total = count + bill.count
    cost, low, high = np.zeros(total), np.zeros(total), np.full(total, np.inf)
    _price(cost, at, per_kwh, own, year, start)
    _bound(low, high, at, own, year)
    rows = _rows(at, own, year, start)
    bill.write(rows, at["import"], cost, low, per_kwh["cost_pen"])
    least = _least(cost, low, high, rows, scale=float(hours))
    return least + own.lost * per_kwh["ev_short_kwh"] + bill.fixed_pen * per_kwh["cost_pen"]


class Bill:
    """Demand charges of a stretch: the demand of each band and month, and what is billed of it.

    Parameters
    ----------
    before
        Demands that each charge has seen, as `billed_before` gives them.
    first
        Number of the first variable that is free.
    """

    def __init__(self, tariff: Tariff, start: int, hours: int, before: list[list[float]], first: int) -> None:
        self._tariff, self._before, self._span = tariff, before, slice(start, start + hours)
        self._month = tariff.month[self._span] - tariff.month[start]
        self._months = int(self._month[-1]) + 1
        # Charges of the same hours of the year see the same demand.
        keys = [charge.inside.tobytes() for charge in tariff.charges]
        bands = list(dict.fromkeys(keys))
        self._band = [bands.index(key) for key in keys]
        self._demand = first + np.arange(len(bands) * self._months).reshape(len(bands), self._months)
        billed = first + self._demand.size
        self._billed = billed + np.arange(len(keys) * self._months).reshape(len(keys), self._months)
        self.count = self._demand.size + self._billed.size
        begun = self._months - (0 if tariff.begins(start) else 1)
        self.fixed_pen = tariff.fee * begun - (0.0 if tariff.begins(start) else spent(tariff, before))

    def write(self, rows: Rows, imports: IntArray, cost: FloatArray, low: FloatArray, per_pen: float) -> None:
        """Write the rows, and what a kW of billed demand adds to J."""
        for charge, band, billed, seen in zip(
            self._tariff.charges, self._band, self._billed, self._before, strict=True
        ):
            own = self._demand[band]
            low[own[0]] = max(low[own[0]], seen[BEFORE])
            inside = np.flatnonzero(charge.inside[self._span])
            rows.add(-np.inf, 0.0, inside.size, (imports[inside], 1.0), (own[self._month[inside]], -1.0))
            cost[billed] = charge.price * per_pen
            if charge.basis == "month_maximum":
                rows.add(-np.inf, 0.0, self._months, (own, 1.0), (billed, -1.0))
            elif charge.basis == "excess":
                other = self._demand[self._band[charge.over]]
                rows.add(-np.inf, 0.0, self._months, (own, 1.0), (other, -1.0), (billed, -1.0))
            else:
                self._two_of_six(rows, own, billed, seen)

    def _two_of_six(self, rows: Rows, own: IntArray, billed: IntArray, seen: list[float]) -> None:
        """At least the mean of every two of six months; those before the stretch are numbers."""
        for month in range(self._months):
            for pair in itertools.combinations(range(month - BEFORE, month + 1), 2):
                known = sum(seen[BEFORE + one] for one in pair if one < 0)
                row = rows.add(-np.inf, -known, 1, (billed[[month]], -2.0))
                for one in pair:
                    if one >= 0:
                        rows.put(row, own[[one]], 1.0)


def _price(cost: FloatArray, at: Places, per_kwh: dict[str, float], own: Stays, year: Year, start: int) -> None:
    """What a kWh of each variable adds to J."""
    span = slice(start, start + own.load.size)
    cost[at["import"]] = year.carbon[span] * per_kwh["co2_kg"] + year.price[span] * per_kwh["cost_pen"]
    cost[at["export"]] = per_kwh["solar_kwh"] - year.tariff.feed_in * per_kwh["cost_pen"]
    cost[at["curtailed"]] = per_kwh["solar_kwh"]
    cost[at["charge"]] = cost[at["discharge"]] = year.plant.wear * per_kwh["cost_pen"]
    cost[at["up"]] = cost[at["down"]] = per_kwh["ramping_kwh"]
    if at["short"].size:  # who leaves after the stretch is not judged in it
        counts = own.end <= span.stop
        cost[at["short"]] = counts * per_kwh["ev_short_kwh"] * year.plant.charger_efficiency


def _bound(low: FloatArray, high: FloatArray, at: Places, own: Stays, year: Year) -> None:
    """Least and most of each variable."""
    plant, surplus = year.plant, -own.load
    from_grid = plant.power_kw if plant.bidirectional else 0.0
    high[at["import"]] = (own.load + own.most + from_grid).clip(min=0.0)
    high[at["export"]] = surplus.clip(min=0.0, max=year.tariff.export_limit)
    high[at["curtailed"]] = surplus.clip(min=0.0) - high[at["export"]]
    high[at["charge"]] = plant.power_kw if plant.bidirectional else surplus.clip(min=0.0, max=plant.power_kw)
    high[at["discharge"]] = np.where(surplus >= own.most, 0.0, plant.power_kw)
    low[at["stored"]], high[at["stored"]] = plant.reserve_kwh, plant.capacity_kwh
    high[at["up"][:1]] = high[at["down"][:1]] = 0.0  # no ramp in the first hour
    high[at["energy"]] = own.limit
    if at["short"].size:
        high[at["short"]] = own.need


def _rows(at: Places, own: Stays, year: Year, start: int) -> Rows:
    """Constraints, in the order of docs/design.md."""
    plant, load, hours, rows = year.plant, own.load, own.load.size, Rows()
    rows.add(load, load, hours, (at["import"], 1.0), (at["export"], -1.0), (at["curtailed"], -1.0),
             (at["charge"], -1.0), (at["discharge"], 1.0), (at["vehicles"], -1.0))  # fmt: skip
    eta, before = math.sqrt(plant.efficiency), np.zeros(hours)
    before[0] = max(float(np.float32(plant.initial_soc)) * plant.capacity_kwh, plant.reserve_kwh)
    store = rows.add(before, before, hours, (at["stored"], 1.0), (at["charge"], -eta), (at["discharge"], 1.0 / eta))
    rows.put(store[1:], at["stored"][:-1], -1.0)
    rows.add(0.0, 0.0, hours - 1, (at["import"][1:], 1.0), (at["import"][:-1], -1.0), (at["up"][1:], -1.0),
             (at["down"][1:], 1.0))  # fmt: skip
    summed = rows.add(0.0, 0.0, hours, (at["vehicles"], 1.0))
    rows.put(summed[own.hour], at["energy"], -1.0)
    # Who stays beyond the stretch may take what is left there.
    later = plant.socket_kw * (own.end - own.end.clip(max=start + hours))
    served = rows.add((own.need - later).clip(min=0.0), own.need, own.need.size)
    rows.put(served[own.session], at["energy"], 1.0)
    if at["short"].size:
        rows.put(served, at["short"], 1.0)
    lacking = np.flatnonzero(load >= 0.0)
    rows.add(-np.inf, load[lacking], lacking.size, (at["discharge"][lacking], 1.0), (at["vehicles"][lacking], -1.0))
    between = np.flatnonzero((load < 0.0) & (-load < own.most))
    most, surplus = own.most[between], -load[between]
    rows.add(-np.inf, 0.0, between.size, (at["discharge"][between], 1.0),
             (at["vehicles"][between], -(most - surplus) / most))  # fmt: skip
    if not plant.bidirectional:
        rows.add(-np.inf, surplus, between.size, (at["charge"][between], 1.0),
                 (at["vehicles"][between], surplus / most))  # fmt: skip
    return rows


def _least(cost: FloatArray, low: FloatArray, high: FloatArray, rows: Rows, scale: float) -> float:
    """Least cost; it is scaled to about 1 an hour, or it would be below the solver's tolerance."""
    matrix, (lower, upper) = rows.matrix(cost.size), rows.limits
    equal = lower == upper
    above, below = ~equal & np.isfinite(lower) & (lower > 0.0), ~equal & np.isfinite(upper)
    found = linprog(
        cost * scale,
        A_eq=matrix[np.flatnonzero(equal)],
        b_eq=lower[equal],
        A_ub=sparse.vstack([matrix[np.flatnonzero(below)], -matrix[np.flatnonzero(above)]]).tocsr(),
        b_ub=np.concatenate([upper[below], -lower[above]]),
        bounds=np.column_stack([low, high]),
        method="highs",
    )
    if found.status != 0:
        raise RuntimeError(f"no optimum: {found.message}")
    return float(found.fun) / scale
