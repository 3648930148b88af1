"""The tuned rule's decisions, compiled, and a year of it in float64 that is fast enough to search with.

The simulators round to float32, so this year differs from theirs in the last digits; `tuned.fit_tuned` compares the
winner of the search with the rule on the twin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pvbesscar.plant.actions import bess_setpoint, compiled_bess_action, compiled_guard_kw, socket_powers, total
from pvbesscar.plant.ledger import CO2, RAMP
from pvbesscar.plant.tariff import MONTHS, bill_hour, turn_month
from pvbesscar.plant.twin import MALL, PV, advance, begin

FloatArray = NDArray[np.float64]


class RuleByHour(NamedTuple):
    """Parameters of the tuned rule, by hour of day (24,) and by month (12,); see `tuned.TunedParameters`."""

    reserve_soc: float
    import_target_kw: FloatArray
    discharge_limit_kw: FloatArray
    grid_charge_soc: FloatArray
    vehicle_share: FloatArray
    peak_target_kw: FloatArray


class Store(NamedTuple):
    """The battery without rounding: power [kW], capacity [kWh], one-way efficiency, initial and least SOC."""

    power_kw: float
    capacity_kwh: float
    one_way: float
    initial_soc: float
    least_soc: float


class Course(NamedTuple):
    """A year as the search sees it, all arrays of shape (N,).

    Hour of day, month of the year (0 for January), whether PV exceeds the mall's demand, whether the tariff peak holds,
    whether the dearest demand charge sees the hour, price [PEN/kWh] and carbon intensity [kgCO2/kWh].
    """

    hour: NDArray[np.int64]
    month: NDArray[np.int64]
    surplus: NDArray[np.bool_]
    in_peak: NDArray[np.bool_]
    billed: NDArray[np.bool_]
    price: FloatArray
    carbon: FloatArray


@njit(cache=True)
def battery_kw(rule, store, course, t, net_kwh, soc):
    """Power of the battery [kW] in hour t, above zero charges."""
    hour = course.hour[t]
    target = rule.import_target_kw[hour]
    if course.billed[t]:
        target = max(target, rule.peak_target_kw[course.month[t]])
    floor = store.least_soc if course.in_peak[t] else max(rule.reserve_soc, store.least_soc)
    limit, most_soc = rule.discharge_limit_kw[hour], rule.grid_charge_soc[hour]
    return _decided_kw(target, most_soc, limit, floor, store.power_kw, store.capacity_kwh, store.one_way, net_kwh, soc)


@njit(cache=True)
def _decided_kw(target, most_soc, limit_kw, floor, power_kw, capacity, one_way, net_kwh, soc):
    """Power of the battery [kW], of numbers alone.

    Surplus charges. Above the import aimed at, the battery covers what exceeds it, up to its limit and down to its
    floor; below it, it charges from the grid up to `most_soc`.
    """
    from_grid = min(target - net_kwh, power_kw, (most_soc - soc) * capacity / one_way)
    if net_kwh <= 0.0:
        surplus = min(-net_kwh, power_kw)
        return max(from_grid, surplus) if soc < most_soc else surplus
    if net_kwh > target:
        available = max(soc - floor, 0.0) * capacity * one_way
        return -min(net_kwh - target, limit_kw, power_kw, available)
    return from_grid if soc < most_soc else 0.0


@njit(cache=True)
def vehicles_kwh(p, course, first, end, need_kwh, share, out):
    """Energy of all vehicles in each hour, into `out` (N,): sockets get the share of their hour, in surplus all.

    Parameters
    ----------
    first, end, need_kwh
        Hours that each session stands at its socket, half open, and what it needs [kWh], shape (n,).
    share
        Share of a socket's power by hour of day, shape (24,).
    """
    out[:] = 0.0
    for i in range(first.size):
        left = need_kwh[i]
        for t in range(first[i], end[i]):
            if left <= 0.0:
                break
            power = p.socket_kw * (1.0 if course.surplus[t] else share[course.hour[t]])
            if p.departure_guard:
                power = max(power, compiled_guard_kw(left, end[i] - t, p.socket_kw))
            power = min(power, left)
            out[t] += power
            left -= power


@njit(cache=True)
def year_terms(rule, store, course, net, p, tariff):
    """CO2 [kg], export [kWh], cost [PEN] and ramping [kWh] of a year of the tuned rule, `net` after the vehicles."""
    # Arrays are taken out of their tuples before the loop: a tuple handed on in every hour would count the references
    # of all its arrays, nine tenths of the time.
    import_target, discharge_limit, grid_soc = rule.import_target_kw, rule.discharge_limit_kw, rule.grid_charge_soc
    peak_target, reserve = rule.peak_target_kw, max(rule.reserve_soc, store.least_soc)
    hours, months, in_peak, billed = course.hour, course.month, course.in_peak, course.billed
    price, carbon = course.price, course.carbon
    wear_price, feed_in_price, export_limit = p.wear_pen_per_kwh, p.feed_in_price, p.export_limit_kw
    charges, billing_month, in_band = tariff.price.size, tariff.month, tariff.in_band
    co2 = exported = cost = ramping = 0.0
    power_kw, capacity, one_way, least = store.power_kw, store.capacity_kwh, store.one_way, store.least_soc
    soc, last = max(store.initial_soc, least), 0.0
    demand = np.zeros((charges, MONTHS))
    for charge in range(charges):
        demand[charge, 1:] = tariff.history[charge, ::-1]
    for t in range(net.size):
        hour = hours[t]
        target = import_target[hour]
        if billed[t]:
            target = max(target, peak_target[months[t]])
        floor = least if in_peak[t] else reserve
        power = _decided_kw(
            target, grid_soc[hour], discharge_limit[hour], floor, power_kw, capacity, one_way, net[t], soc
        )
        if power > 0.0:
            charged = min(power, (1.0 - soc) * capacity / one_way)
            soc = min(soc + charged * one_way / capacity, 1.0)
            exchange = net[t] + charged
            wear = charged * wear_price
        else:
            discharge = min(-power, (soc - least) * capacity * one_way)
            soc = max(soc - discharge / one_way / capacity, least)
            exchange = net[t] - discharge
            wear = discharge * wear_price
        bought = max(exchange, 0.0)
        sold = max(-exchange, 0.0)
        co2 += bought * carbon[t]
        exported += sold
        cost += bought * price[t] - min(sold, export_limit) * feed_in_price + wear
        # Elsewhere the bill stays as it is: a month begins, or an import is above what its charge has seen.
        changes = t == 0 or billing_month[t] != billing_month[t - 1]
        for charge in range(charges):
            changes = changes or (in_band[charge, t] and bought > demand[charge, 0])
        if changes:
            turn_month(tariff, t, demand)
            cost += bill_hour(tariff, t, bought, demand)
        if t > 0:
            ramping += abs(bought - last)
        last = bought
    return co2, exported, cost, ramping


@njit(cache=True)
def twin_terms(rule, store, course, p, bess, years, fleet):
    """Totals of the five terms of a year of the tuned rule on the twin, shape (5,).

    Parameters
    ----------
    years, fleet
        The year and one plant (see `twin.Years` and `twin.Fleet`).
    """
    hours = course.hour.size
    begin(p, bess, years, fleet, 0, 0, 0, hours)
    shares, socket_kw, terms = np.zeros(p.sockets), fleet.socket_kw[0], np.zeros(RAMP + 1 - CO2)
    for t in range(hours):
        numbers = years.hourly[0, t]
        shares[:] = 1.0 if course.surplus[t] else rule.vehicle_share[course.hour[t]]
        socket_powers(p, shares, fleet.need[0], years.hours_left[0, t], socket_kw)
        vehicles = total(socket_kw)
        net_kwh = numbers[MALL] + vehicles - numbers[PV]
        power = battery_kw(rule, store, course, t, net_kwh, float(fleet.bess_soc[0]))
        fleet.bess_kw[0] = bess_setpoint(p, compiled_bess_action(p, power), numbers[PV], numbers[MALL], vehicles)
        advance(p, bess, years, fleet, 0)
        terms += fleet.row[0, CO2 : RAMP + 1]
    return terms
