"""The perfect-foresight optimum, written from docs/design.md, "The optimum": every session by itself, no groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from tools.audit.dataset import LEAST_KWH, Year

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Places = dict[str, IntArray]
"""Variables by what they are."""
KINDS = ("import", "export", "charge", "discharge", "stored", "up", "down", "vehicles")
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
    before = len(KINDS) * hours + own.session.size
    at["short"] = before + np.arange(0 if plant.guard else own.need.size)
    total = before + at["short"].size
    cost, low, high = np.zeros(total), np.zeros(total), np.full(total, np.inf)
    _price(cost, at, per_kwh, own, year, start)
    _bound(low, high, at, own, year)
    least = _least(cost, low, high, _rows(at, own, year, start), scale=float(hours))
    return least + own.lost * per_kwh["ev_short_kwh"]


def _price(cost: FloatArray, at: Places, per_kwh: dict[str, float], own: Stays, year: Year, start: int) -> None:
    """What a kWh of each variable adds to J."""
    span = slice(start, start + own.load.size)
    cost[at["import"]] = year.carbon[span] * per_kwh["co2_kg"] + year.price[span] * per_kwh["cost_pen"]
    cost[at["export"]] = per_kwh["solar_kwh"] - year.plant.feed_in * per_kwh["cost_pen"]
    cost[at["up"]] = cost[at["down"]] = per_kwh["ramping_kwh"]
    if at["short"].size:  # who leaves after the stretch is not judged in it
        counts = own.end <= span.stop
        cost[at["short"]] = counts * per_kwh["ev_short_kwh"] * year.plant.charger_efficiency


def _bound(low: FloatArray, high: FloatArray, at: Places, own: Stays, year: Year) -> None:
    """Least and most of each variable."""
    plant, surplus = year.plant, -own.load
    from_grid = plant.power_kw if plant.bidirectional else 0.0
    high[at["import"]] = (own.load + own.most + from_grid).clip(min=0.0)
    high[at["export"]] = surplus.clip(min=0.0)
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
    rows.add(load, load, hours, (at["import"], 1.0), (at["export"], -1.0), (at["charge"], -1.0),
             (at["discharge"], 1.0), (at["vehicles"], -1.0))  # fmt: skip
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
