"""The twin: CityLearn's physics for what the dataset can contain, compiled, for any number of plants at once.

`certify` proves it equal: the same actions on the same dataset give the same state, bit for bit. Order within an hour,
as CityLearn applies it: battery and sockets (independent of one another without an outage), balances, then the
next hour's standby losses, then departures and arrivals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from pvbesscar.plant import actions, ledger
from pvbesscar.plant.battery import TINY, charge, charge_vehicle, stand
from pvbesscar.plant.data import FORECAST_COLUMNS, Exogenous, PlantData
from pvbesscar.plant.ledger import BESS_SOC, EXPORT, IMPORT, INFEASIBLE_SOCKETS, LEDGER_COLUMNS
from pvbesscar.plant.observation import WORK_SIZE, Sockets, observe, observe_charges
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.simulator import Hour, check_window
from pvbesscar.plant.state import PlantState, Setpoints
from pvbesscar.plant.tariff import MONTHS, Tariff, demand_at, turn_month
from schemas.errors import SimulationError

PRICE, CARBON, PRICE_NEXT, PV, MALL, FEE, RULE_IMPORT, FORECAST = range(8)
NET_FORECAST = FORECAST + len(FORECAST_COLUMNS)
"""Columns of `Years.hourly`: one each, then the forecasts, and the net load of the hours ahead to the end."""
TARIFF_CHANGE, MONTH_LEFT, CALENDAR = range(3)
"""Columns of `Years.clock`; the calendar to the end."""


class Years(NamedTuple):
    """Scenario years stacked: S years of N hours, K sockets, C demand charges (see `PlantData` and `Tariff`).

    Few arrays, with the numbers of an hour side by side: compiled code counts the references of each array of a tuple
    in every function that is given it, which costs an hour more time than its arithmetic.

    Attributes
    ----------
    hourly
        Numbers of each hour, shape (S, N, NET_FORECAST + 24); the fee is that of every month.
    clock
        Whole numbers of each hour, shape (S, N, CALENDAR + 3).
    occupant, hours_left
        Shape (S, N, K).
    bands
        Month and hours left in it, then for each charge whether the hour is in its band, then the hours until that
        changes, shape (S, 2 + 2 C, N).
    charges, demand_price
        Basis of each charge and the one that it is over, shape (S, 2, C); its price, then its history, shape (S, C, 6).
    battery_kwh, arrival_soc, required_soc
        Of the sessions of all years in a row.
    reference, ev_kwh
        Shapes (S, 5) and (K,).
    """

    hourly: NDArray[np.float64]
    clock: NDArray[np.int64]
    occupant: NDArray[np.int32]
    hours_left: NDArray[np.int32]
    bands: NDArray[np.int64]
    charges: NDArray[np.int64]
    demand_price: NDArray[np.float64]
    battery_kwh: NDArray[np.float64]
    arrival_soc: NDArray[np.float32]
    required_soc: NDArray[np.float32]
    reference: NDArray[np.float64]
    ev_kwh: NDArray[np.float64]


class Fleet(NamedTuple):
    """State of B plants of K sockets, and the scratch that an hour needs."""

    year: NDArray[np.int64]
    t: NDArray[np.int64]
    end: NDArray[np.int64]
    first: NDArray[np.bool_]
    soc: NDArray[np.float32]
    ev_capacity: NDArray[np.float64]
    bess_soc: NDArray[np.float32]
    bess_capacity: NDArray[np.float64]
    delivered: NDArray[np.float64]
    last_import: NDArray[np.float64]
    last_net: NDArray[np.float64]
    feasible: NDArray[np.bool_]
    demand: NDArray[np.float64]
    need: NDArray[np.float64]
    socket_kw: NDArray[np.float64]
    bess_kw: NDArray[np.float64]
    row: NDArray[np.float64]
    reward: NDArray[np.float64]
    work: NDArray[np.float64]


def stack_years(plants: Sequence[PlantData]) -> Years:
    """Stack years of the same plant; sessions are numbered on through all of them."""
    offsets = np.cumsum([0, *(plant.sessions.socket.size for plant in plants)])
    occupants = [
        np.where(plant.occupant >= 0, plant.occupant + offset, -1).astype(np.int32)
        for plant, offset in zip(plants, offsets[:-1], strict=True)
    ]
    columns = ("battery_kwh", "arrival_soc", "required_soc")
    return Years(
        hourly=np.stack([_hourly(plant) for plant in plants]),
        clock=np.stack([
            np.column_stack([plant.hours_to_tariff_change, plant.tariff.month_left, plant.calendar]) for plant in plants
        ]),
        occupant=np.stack(occupants),
        hours_left=np.stack([plant.hours_left for plant in plants]),
        bands=np.stack([
            np.vstack([own.month, own.month_left, own.in_band, own.band_change])
            for own in (plant.tariff for plant in plants)
        ]),
        charges=np.stack([np.stack([plant.tariff.basis, plant.tariff.over]) for plant in plants]),
        demand_price=np.stack([np.column_stack([plant.tariff.price, plant.tariff.history]) for plant in plants]),
        **{name: np.concatenate([getattr(plant.sessions, name) for plant in plants]) for name in columns},
        reference=np.stack([plant.reference for plant in plants]),
        ev_kwh=plants[0].ev_kwh,
    )  # fmt: skip


def _hourly(plant: PlantData) -> NDArray[np.float64]:
    tariff = plant.tariff
    result: NDArray[np.float64] = np.column_stack([
        plant.price, plant.carbon, plant.price_next, plant.pv_kwh, plant.mall_kwh, np.full(plant.hours, tariff.fee),
        tariff.rule_import_kwh, plant.forecast, plant.net_forecast,
    ])  # fmt: skip
    return result


def new_fleet(years: Years, plants: int) -> Fleet:
    """State of `plants` plants that will live through the years, not yet reset."""
    sockets, charges = years.ev_kwh.size, years.charges.shape[2]
    return Fleet(
        year=np.zeros(plants, np.int64),
        t=np.zeros(plants, np.int64),
        end=np.zeros(plants, np.int64),
        first=np.ones(plants, np.bool_),
        soc=np.zeros((plants, sockets), np.float32),
        ev_capacity=np.zeros((plants, sockets)),
        bess_soc=np.zeros(plants, np.float32),
        bess_capacity=np.zeros(plants),
        delivered=np.zeros((plants, sockets)),
        last_import=np.zeros(plants),
        last_net=np.zeros(plants),
        feasible=np.zeros((plants, sockets), np.bool_),
        demand=np.zeros((plants, charges, MONTHS)),
        need=np.zeros((plants, sockets)),
        socket_kw=np.zeros((plants, sockets)),
        bess_kw=np.zeros(plants),
        row=np.zeros((plants, len(LEDGER_COLUMNS))),
        reward=np.zeros(plants),
        work=np.zeros((plants, WORK_SIZE)),
    )


@njit(cache=True, inline="always")
def _exogenous(y, year, t):
    """What hour t of a year brings from outside."""
    numbers, clock = y.hourly[year, t], y.clock[year, t]
    return Exogenous(
        t, numbers[PV], numbers[MALL], numbers[PRICE], numbers[CARBON], numbers[PRICE_NEXT], clock[TARIFF_CHANGE],
        numbers[FORECAST:NET_FORECAST], clock[CALENDAR:],
    )  # fmt: skip


@njit(cache=True, inline="always")
def _tariff(y, year):
    """Tariff of a scenario year."""
    bands, charges, prices, numbers = y.bands[year], y.charges[year], y.demand_price[year], y.hourly[year]
    first_change = 2 + charges.shape[1]
    return Tariff(
        bands[0], bands[1], bands[2:first_change], bands[first_change:], prices[:, 0], charges[0], charges[1],
        prices[:, 1:], numbers[0, FEE], numbers[:, RULE_IMPORT],
    )  # fmt: skip


@njit(cache=True, inline="always")
def _bills_power(y, year):
    """Whether a year has a demand charge or a fee; where it has none, no hour looks at its tariff."""
    return y.charges.shape[2] > 0 or y.hourly[year, 0, FEE] > 0.0


@njit(cache=True)
def _associate(p, y, f, b, t, all_new):
    """Associate the vehicles of hour t: new ones have their arrival SOC. At an episode's start all are new."""
    year = f.year[b]
    occupant, before, left = y.occupant[year, t], y.occupant[year, t - 1], y.hours_left[year, t]
    soc, need, feasible = f.soc[b], f.need[b], f.feasible[b]
    for k in range(p.sockets):
        s = occupant[k]
        if s < 0:
            soc[k] = np.float32(0.0)
            need[k] = 0.0
            feasible[k] = True
            continue
        new = all_new or s != before[k]
        if new:
            soc[k] = y.arrival_soc[s]
        need[k] = actions.need_of(p, soc[k], y.battery_kwh[s], y.required_soc[s])
        if new:
            feasible[k] = actions.compiled_can_be_met(need[k], left[k], p.socket_kw)


@njit(cache=True)
def begin(p, bess, y, f, b, year, start, hours):
    """Begin an episode of plant b: hour `start` of a scenario year, `hours` hours long."""
    f.year[b], f.t[b], f.end[b], f.first[b] = year, start, start + hours, True
    f.bess_soc[b] = np.float32(max(p.bess_initial_soc, min(max(1.0 - p.bess_depth_of_discharge, 0.0), 1.0)))
    f.bess_capacity[b] = bess.capacity
    f.last_import[b] = f.last_net[b] = 0.0
    for k in range(p.sockets):
        f.delivered[b, k] = 0.0
        f.ev_capacity[b, k] = y.ev_kwh[k]
    if _bills_power(y, year):
        f.demand[b] = demand_at(_tariff(y, year), start)
    _associate(p, y, f, b, start, True)


@njit(cache=True)
def decide(p, y, f, b, action):
    """Turn an action of shape (1 + K,) into plant b's setpoints."""
    year, t = f.year[b], f.t[b]
    f.bess_kw[b], f.row[b, INFEASIBLE_SOCKETS] = actions.decide(
        p, action, _exogenous(y, year, t), f.need[b], y.hours_left[year, t], f.socket_kw[b]
    )


@njit(cache=True)
def _charge_sockets(p, y, f, b):
    """Charge what stands on the sockets, as `Charger.update_connected_electric_vehicle_soc` does."""
    occupant = y.occupant[f.year[b], f.t[b]]
    # Views of this plant's rows: twice as fast as indices by plant and socket.
    soc, kept, socket_kw, delivered = f.soc[b], f.ev_capacity[b], f.socket_kw[b], f.delivered[b]
    divisor = max(p.socket_kw, TINY)
    efficiency = np.float32(max(p.charger_efficiency, TINY))
    for k in range(p.sockets):
        delivered[k] = 0.0
        if occupant[k] < 0:
            continue
        power = abs(socket_kw[k] / p.socket_kw) * p.socket_kw if p.socket_kw > 0.0 else 0.0
        if power < min(p.socket_min_kw, p.socket_kw):
            power = 0.0
        power = min(power, p.socket_kw)
        energy = power / divisor * p.socket_kw * p.charger_efficiency
        soc[k], balance, kept[k] = charge_vehicle(y.ev_kwh[k], p.socket_kw, soc[k], kept[k], energy)
        if power != 0.0:
            delivered[k] = float(np.float32(balance / efficiency))


@njit(cache=True)
def advance(p, bess, y, f, b):
    """Run plant b's hour with its setpoints, settle it, and move to the next; returns whether the episode ended."""
    year, t = f.year[b], f.t[b]
    row = f.row[b]
    action = min(max(actions.storage_action(p, f.bess_kw[b]), -1.0), 1.0)
    soc, balance, f.bess_capacity[b] = charge(bess, f.bess_soc[b], f.bess_capacity[b], action * p.bess_kw)
    _charge_sockets(p, y, f, b)
    ev_kwh = actions.total(f.delivered[b])
    ledger.settle(p, _exogenous(y, year, t), ev_kwh, float(balance), f.last_import[b], f.first[b], row)
    if _bills_power(y, year):
        ledger.bill(_tariff(y, year), t, f.demand[b], row)
    ledger.depart(
        p, f.soc[b], y.occupant[year, t], y.hours_left[year, t], f.feasible[b], y.battery_kwh, y.required_soc, row
    )
    row[BESS_SOC] = float(soc)
    f.reward[b] = ledger.reward(p, row, y.reference[year])
    f.last_import[b] = row[IMPORT]
    f.last_net[b] = row[IMPORT] - row[EXPORT]
    f.first[b] = False
    if t + 1 >= f.end[b]:
        f.bess_soc[b] = soc
        return True
    f.t[b] = t + 1
    if _bills_power(y, year):
        turn_month(_tariff(y, year), t + 1, f.demand[b])
    f.bess_soc[b] = stand(bess, soc)
    _associate(p, y, f, b, t + 1, False)
    return False


@njit(cache=True)
def look(p, y, f, b, out):
    """Observation of plant b into `out` (394,)."""
    year, t = f.year[b], f.t[b]
    sockets = Sockets(f.soc[b], y.occupant[year, t], y.hours_left[year, t], f.need[b], f.delivered[b])
    now, bess_soc = _exogenous(y, year, t), float(f.bess_soc[b])
    net_forecast, month_left = y.hourly[year, t, NET_FORECAST:], y.clock[year, t, MONTH_LEFT]
    observe(p, now, net_forecast, month_left, sockets, y.battery_kwh, bess_soc, f.last_net[b], f.work[b], out)
    if y.charges.shape[2] > 0:
        observe_charges(p, _tariff(y, year), t, f.demand[b], out)


@njit(cache=True)
def step_one(p, bess, y, f, action, out):
    """Decide, run and observe one hour of a single plant; returns whether the episode ended."""
    decide(p, y, f, 0, action)
    done = advance(p, bess, y, f, 0)
    if not done:
        look(p, y, f, 0, out)
    return done


@njit(cache=True, parallel=True)
def step_all(p, bess, y, f, actions, out, done):
    """Decide, run and observe one hour of every plant; `out` (B, 394), `done` (B,)."""
    for b in prange(f.t.size):
        decide(p, y, f, b, actions[b])
        done[b] = advance(p, bess, y, f, b)
        if not done[b]:
            look(p, y, f, b, out[b])


class Twin:
    """One plant on the twin, behind the interface of `Simulator`.

    Parameters
    ----------
    data
        The year.
    """

    def __init__(self, data: PlantData) -> None:
        self._data = data
        self._years = stack_years([data])
        self._fleet = new_fleet(self._years, 1)
        self._live = False

    @property
    def data(self) -> PlantData:
        """The year that is simulated."""
        return self._data

    @property
    def params(self) -> PlantParams:
        """The plant."""
        return self._data.params

    @property
    def state(self) -> PlantState:
        """State at the hour about to be decided; its arrays are copies."""
        if not self._live:
            raise SimulationError("the episode has ended.", hint="call `reset` first.")
        f = self._fleet
        return PlantState(
            data=self._data,
            t=int(f.t[0]),
            first=bool(f.first[0]),
            soc=f.soc[0].copy(),
            bess_soc=float(f.bess_soc[0]),
            delivered_kwh=f.delivered[0].copy(),
            last_import_kwh=float(f.last_import[0]),
            last_net_kwh=float(f.last_net[0]),
            feasible=f.feasible[0].copy(),
            demand_kw=f.demand[0].copy(),
        )

    def reset(self, start: int = 0, hours: int | None = None) -> PlantState:
        """Begin an episode of `hours` hours (default: to the year's end) at hour `start` of the year."""
        hours = self._data.hours - start if hours is None else hours
        check_window(self._data, start, hours)
        begin(self.params, self._data.bess, self._years, self._fleet, 0, 0, start, hours)
        self._live = True
        return self.state

    def step(self, setpoints: Setpoints) -> Hour:
        """Run the hour with the setpoints given."""
        if not self._live:
            raise SimulationError("the episode has ended.", hint="call `reset` first.")
        f, t = self._fleet, int(self._fleet.t[0])
        f.socket_kw[0] = setpoints.socket_kw
        f.bess_kw[0] = setpoints.bess_kw
        f.row[0, INFEASIBLE_SOCKETS] = setpoints.infeasible_sockets
        done = bool(advance(self.params, self._data.bess, self._years, f, 0))
        self._live = not done
        return Hour(t, f.row[0].copy(), float(f.reward[0]), f.delivered[0].copy(), done)

    def act(self, action: NDArray[np.floating], out: NDArray[np.float32]) -> bool:
        """Run the hour with an action, all in compiled code; the next observation goes into `out` (394,).

        Returns whether the episode ended; `out` does not change then. `row` and `reward` hold the hour's results.
        """
        if not self._live:
            raise SimulationError("the episode has ended.", hint="call `reset` first.")
        self._live = not step_one(self.params, self._data.bess, self._years, self._fleet, action, out)
        return not self._live

    @property
    def row(self) -> NDArray[np.float64]:
        """Ledger row of the last hour, shape (21,); a view that the next hour overwrites."""
        row: NDArray[np.float64] = self._fleet.row[0]
        return row

    @property
    def reward(self) -> float:
        """Reward of the last hour."""
        return float(self._fleet.reward[0])
