"""The tuned rule's decisions and a quick year of it, compiled, for the search; the twin has the last word.

The year here keeps float64 where the simulators round to float32: it ranks candidates, it judges nobody.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def battery_kw(net_kwh, target_kw, limit_kw, floor_soc, grid_soc, soc, power_kw, capacity_kwh, one_way):
    """Power of the battery [kW], above zero discharges.

    Surplus charges. Above the import aimed at, the battery covers what exceeds it, up to its limit and down to the
    floor; below it, it charges from the grid up to `grid_soc`.
    """
    if net_kwh <= 0.0:
        charge = min(-net_kwh, power_kw)
        if soc < grid_soc:
            charge = min(max(charge, target_kw - net_kwh), power_kw, (grid_soc - soc) * capacity_kwh / one_way)
            charge = max(charge, min(-net_kwh, power_kw))
        return -charge
    if net_kwh > target_kw:
        available = max(soc - floor_soc, 0.0) * capacity_kwh * one_way
        return min(net_kwh - target_kw, limit_kw, power_kw, available)
    if soc < grid_soc:
        return -min(target_kw - net_kwh, power_kw, (grid_soc - soc) * capacity_kwh / one_way)
    return 0.0


@njit(cache=True)
def vehicles_kwh(first, end, need, socket_kw, hour, surplus, share, guard, out):
    """Energy of all vehicles in each hour, into `out` (N,): sockets get the share of their hour, in surplus all."""
    out[:] = 0.0
    for i in range(first.size):
        left = need[i]
        for t in range(first[i], end[i]):
            if left <= 0.0:
                break
            power = socket_kw * (1.0 if surplus[t] else share[hour[t]])
            if guard:
                power = max(power, min(left - socket_kw * (end[i] - t - 1), socket_kw))
            power = min(power, left)
            out[t] += power
            left -= power


@njit(cache=True)
def year_terms(
    net, hour, in_peak, price, carbon, feed_in, targets, limits, reserve_soc, grid_socs, initial_soc, least_soc,
    power_kw, capacity_kwh, one_way,
):  # fmt: skip
    """CO2 [kg], export [kWh], cost [PEN] and ramping [kWh] of a year of the tuned rule, `net` after the vehicles."""
    co2 = exported = cost = ramping = 0.0
    soc, last = max(initial_soc, least_soc), 0.0
    for t in range(net.size):
        h = hour[t]
        floor = least_soc if in_peak[t] else max(reserve_soc, least_soc)
        p = battery_kw(net[t], targets[h], limits[h], floor, grid_socs[h], soc, power_kw, capacity_kwh, one_way)
        if p < 0.0:
            charge = min(-p, (1.0 - soc) * capacity_kwh / one_way)
            soc = min(soc + charge * one_way / capacity_kwh, 1.0)
            exchange = net[t] + charge
        else:
            discharge = min(p, (soc - least_soc) * capacity_kwh * one_way)
            soc = max(soc - discharge / one_way / capacity_kwh, least_soc)
            exchange = net[t] - discharge
        bought = max(exchange, 0.0)
        sold = max(-exchange, 0.0)
        co2 += bought * carbon[t]
        exported += sold
        cost += bought * price[t] - sold * feed_in
        if t > 0:
            ramping += abs(bought - last)
        last = bought
    return co2, exported, cost, ramping
