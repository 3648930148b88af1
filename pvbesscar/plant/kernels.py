"""Actions, guard, reward and observation of one plant, compiled; every simulator uses these and no others.

All functions take the plant's parameters as a `PlantParams` tuple and one plant's arrays over its K sockets. They
write into arrays that the caller owns, so that a batch of plants costs no allocation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from pvbesscar.plant.params import MET_TOLERANCE_SOC, NEED_EPSILON_KWH

# Columns of an hour's ledger row.
PV, MALL, EV, CHARGE, DISCHARGE, IMPORT, EXPORT, BESS_SOC = range(8)
CO2, SOLAR, COST, SHORT, RAMP = range(8, 13)
DEPARTURES, MET, FEASIBLE, MET_FEASIBLE, INFEASIBLE_SOCKETS = range(13, 18)
LEDGER_COLUMNS: Final = (
    "pv_kwh", "mall_kwh", "ev_kwh", "charge_kwh", "discharge_kwh", "import_kwh", "export_kwh", "bess_soc",
    "co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh",
    "departures", "departures_met", "departures_feasible", "departures_met_feasible", "infeasible_sockets",
)  # fmt: skip


@njit(cache=True)
def total(values):
    """Sum in order, the same on every simulator (NumPy adds pairwise)."""
    result = 0.0
    for i in range(values.size):
        result += values[i]
    return result


@njit(cache=True, inline="always")
def need_of(p, soc, battery_kwh, required_soc):
    """Energy that a vehicle still needs, at the charger [kWh]; 0 below `NEED_EPSILON_KWH`."""
    missing = (float(required_soc) - float(soc)) * battery_kwh / p.charger_efficiency
    return missing if missing > NEED_EPSILON_KWH else 0.0


@njit(cache=True)
def needs(p, soc, occupant, battery_kwh, required_soc, out):
    """Energy that each socket's vehicle still needs, at the charger [kWh], into `out` (K,); 0 where none stands."""
    for k in range(p.sockets):
        out[k] = 0.0
        s = occupant[k]
        if s >= 0:
            out[k] = need_of(p, soc[k], battery_kwh[s], required_soc[s])


@njit(cache=True)
def socket_setpoints(p, action, need, hours_left, out):
    """Power of each socket for this hour [kW] into `out` (K,); returns the number of infeasible sockets.

    The action asks for `a * socket_kw`; the departure guard raises that to the least power that can still meet the
    required SOC by departure; nothing is driven past the required SOC.
    """
    infeasible = 0
    for k in range(p.sockets):
        out[k] = 0.0
        if hours_left[k] == 0:
            continue
        if need[k] > p.socket_kw * hours_left[k] + NEED_EPSILON_KWH:
            infeasible += 1
        power = min(max(action[k], 0.0), 1.0) * p.socket_kw
        if p.departure_guard:
            power = max(power, min(need[k] - p.socket_kw * (hours_left[k] - 1), p.socket_kw))
            if 0.0 < power < p.socket_min_kw:
                # What is left after this hour could only be delivered below the least power: round up while it fits.
                power = p.socket_min_kw
        power = min(power, need[k])
        out[k] = power if power >= p.socket_min_kw else 0.0
    return infeasible


@njit(cache=True)
def bess_setpoint(p, action, pv_kwh, mall_kwh, ev_kwh):
    """Battery power for this hour [kW], above zero discharges; never beyond the site's deficit."""
    a = min(max(action, 0.0), 1.0)
    deficit = mall_kwh + ev_kwh - pv_kwh
    if p.bidirectional:
        wanted = (2.0 * a - 1.0) * p.bess_kw
        return min(wanted, max(deficit, 0.0)) if wanted > 0.0 else wanted
    if deficit >= 0.0:
        return min(a * p.bess_kw, deficit)
    return -min(-deficit, p.bess_kw)


@njit(cache=True)
def settle(p, pv_kwh, mall_kwh, ev_kwh, bess_kwh, price, carbon, last_import, first, row):
    """Grid exchange and terms of an hour into `row`; `bess_kwh` above zero charged, below zero discharged."""
    net = mall_kwh + ev_kwh + bess_kwh - pv_kwh
    bought = max(net, 0.0)
    sold = max(-net, 0.0)
    row[PV] = pv_kwh
    row[MALL] = mall_kwh
    row[EV] = ev_kwh
    row[CHARGE] = max(bess_kwh, 0.0)
    row[DISCHARGE] = max(-bess_kwh, 0.0)
    row[IMPORT] = bought
    row[EXPORT] = sold
    row[CO2] = bought * carbon
    row[SOLAR] = sold
    row[COST] = bought * price - sold * p.feed_in_price
    row[RAMP] = 0.0 if first else abs(bought - last_import)


@njit(cache=True)
def depart(p, soc, occupant, hours_left, feasible, battery_kwh, required_soc, row):
    """Departures at the end of an hour into `row`: energy short [kWh in the battery], how many, how many met."""
    short = 0.0
    count = met = could = met_could = 0
    for k in range(p.sockets):
        if hours_left[k] != 1:
            continue
        s = occupant[k]
        count += 1
        missing = float(required_soc[s]) - float(soc[k])
        short += max(missing, 0.0) * battery_kwh[s]
        if feasible[k]:
            could += 1
        if missing <= MET_TOLERANCE_SOC:
            met += 1
            if feasible[k]:
                met_could += 1
    row[SHORT] = short
    row[DEPARTURES] = count
    row[MET] = met
    row[FEASIBLE] = could
    row[MET_FEASIBLE] = met_could


@njit(cache=True)
def reward(p, row, reference):
    """Reward `r = -N sum_i w_i x_i / X_i` of a settled hour; a term whose reference is zero is left out."""
    weights = (p.w_co2, p.w_solar, p.w_cost, p.w_ev_service, p.w_grid_stability)
    total = 0.0
    for i in range(5):
        if reference[i] > 0.0:
            total += weights[i] * row[CO2 + i] / reference[i]
    return -p.hours * total


OBSERVATION_SIZE: Final = 394
TIME, CHARGERS, PLANT = 0, 4, 124
PRESENCE = 138
HORIZON: Final = 24
LIMIT: Final = 5.0
"""Bound of every entry; reached only by what no plan of the site would hold, e.g. a session hopelessly late."""
FEATURES: Final = 30
WORK_SIZE: Final = 2 + HORIZON + 1
"""Scratch of an observation: what the battery can deliver and take, and the energy due within each hour ahead."""


@njit(cache=True)
def bess_limits(p, bess_soc, out):
    """Energy that the battery can deliver and take within this hour [kWh at its terminals] into `out` (2,)."""
    one_way = math.sqrt(p.bess_efficiency)
    stored = bess_soc * p.bess_kwh
    reserve = (1.0 - p.bess_depth_of_discharge) * p.bess_kwh
    out[0] = min(p.bess_kw, max(stored - reserve, 0.0) * one_way)
    out[1] = min(p.bess_kw, max(p.bess_kwh - stored, 0.0) / one_way)


@njit(cache=True)
def _observe_chargers(p, soc, occupant, hours_left, need, delivered, due, out):
    """Thirty features of each socket position (A-D) over all chargers, from `out[CHARGERS]` on.

    `due` is scratch of shape (HORIZON + 1,), zeros before and after.
    """
    positions = p.sockets_per_charger
    group_kw = p.sockets // positions * p.socket_kw
    group = p.sockets // positions
    for position in range(positions):
        base = CHARGERS + position * FEATURES
        count = 0
        soc_sum = delivered_kwh = need_kwh = average_kw = available_kw = 0.0
        # Sums in kWh, divided once at the end: a step spends its time here.
        for k in range(position, p.sockets, positions):
            delivered_kwh += delivered[k]
            if occupant[k] < 0:
                continue
            count += 1
            soc_sum += float(soc[k])
            if need[k] > 0.0:
                need_kwh += need[k]
                average_kw += need[k] / hours_left[k]
                available_kw += p.socket_kw
                if hours_left[k] <= HORIZON:
                    due[hours_left[k]] += need[k]
        out[base + 1] = need_kwh / group_kw
        out[base + 2] = average_kw / group_kw
        out[base + 3] = available_kw / group_kw
        out[base + 4] = delivered_kwh / group_kw
        within = 0.0
        for ahead in range(1, HORIZON + 1):
            within += due[ahead]
            due[ahead] = 0.0
            out[base + 5 + ahead] = within / group_kw
        out[base] = count / group
        out[base + 5] = soc_sum / count if count > 0 else 0.0


@njit(cache=True)
def observe(
    p, t, soc, occupant, hours_left, need, delivered, bess_soc, last_net, pv_kwh, mall_kwh, price, carbon,
    price_next, to_change, forecast, calendar, battery_kwh, work, out,
):  # fmt: skip
    """Observation of hour t into `out` (394,) float32, scaled to about [-1, 1].

    `work` is scratch of zeros, shape (WORK_SIZE,).
    """
    out[0] = calendar[t, 0] / 11.5 - 1.0
    out[1] = (calendar[t, 1] - 1) / 5.5 - 1.0
    out[2] = (calendar[t, 2] - 1) / 3.5 - 1.0
    out[3] = 2.0 * t / p.hours - 1.0
    _observe_chargers(p, soc, occupant, hours_left, need, delivered, work[2:], out)
    bess_limits(p, bess_soc, work)
    exchange_scale = max(p.pv_ac_kw, p.mall_scale_kw)
    out[PLANT] = pv_kwh[t] / p.pv_ac_kw
    out[PLANT + 1] = forecast[t, 0] / p.pv_ac_kw
    out[PLANT + 2] = forecast[t, 1] / p.pv_ac_kw
    out[PLANT + 3] = mall_kwh[t] / p.mall_scale_kw
    out[PLANT + 4] = forecast[t, 2] / p.mall_scale_kw
    out[PLANT + 5] = forecast[t, 3] / p.mall_scale_kw
    out[PLANT + 6] = bess_soc
    out[PLANT + 7] = work[0] / p.bess_kw if p.bess_kw > 0.0 else 0.0
    out[PLANT + 8] = work[1] / p.bess_kw if p.bess_kw > 0.0 else 0.0
    out[PLANT + 9] = last_net / exchange_scale
    out[PLANT + 10] = price[t] / p.peak_price if p.peak_price > 0.0 else 0.0
    out[PLANT + 11] = price_next[t] / p.peak_price if p.peak_price > 0.0 else 0.0
    out[PLANT + 12] = to_change[t] / 24.0
    out[PLANT + 13] = carbon[t] / p.carbon_scale if p.carbon_scale > 0.0 else 0.0
    urgency = PRESENCE + p.sockets
    for k in range(p.sockets):
        s = occupant[k]
        if s < 0:
            out[PRESENCE + k] = -1.0
            out[urgency + k] = 0.0
        else:
            out[PRESENCE + k] = need[k] * p.charger_efficiency / battery_kwh[s]
            out[urgency + k] = need[k] / hours_left[k] / p.socket_kw
    limit = np.float32(LIMIT)
    for i in range(out.size):
        out[i] = min(max(out[i], -limit), limit)


def observation_names(sockets: int = 128, sockets_per_charger: int = 4) -> tuple[str, ...]:
    """Name of every entry of the observation, in order; units are those before scaling.

    Parameters
    ----------
    sockets, sockets_per_charger
        The site's; four positions A-D and 128 sockets give 394 names.
    """
    names = ["hour", "month", "day_type", "position_in_year"]
    for position in "ABCD"[:sockets_per_charger]:
        names += [
            f"sockets_{position}_{what}"
            for what in (
                "connected", "energy_required_kwh", "average_power_required_kw", "power_available_kw",
                "energy_delivered_last_hour_kwh", "mean_soc",
            )
        ]  # fmt: skip
        names += [f"sockets_{position}_energy_due_within_{ahead}h_kwh" for ahead in range(1, HORIZON + 1)]
    names += [
        "pv_kwh", "pv_forecast_1h_kwh", "pv_forecast_mean_3h_kwh", "mall_kwh", "mall_forecast_1h_kwh",
        "mall_forecast_mean_3h_kwh", "bess_soc", "bess_can_deliver_kw", "bess_can_take_kw",
        "grid_exchange_last_hour_kwh", "price_pen_per_kwh", "price_next_hour_pen_per_kwh", "hours_to_tariff_change",
        "carbon_kg_per_kwh",
    ]  # fmt: skip
    sockets_of = [
        f"charger_{k // sockets_per_charger + 1:02d}_{'ABCD'[k % sockets_per_charger]}" for k in range(sockets)
    ]
    names += [f"{name}_presence" for name in sockets_of] + [f"{name}_urgency" for name in sockets_of]
    return tuple(names)


def empty_row() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a zeroed ledger row, one entry for each of `LEDGER_COLUMNS`."""
    return np.zeros(len(LEDGER_COLUMNS))
