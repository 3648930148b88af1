"""The observation: what a policy sees of the plant before an hour, every entry named, scaled to about [-1, 1].

Source: docs/design.md, "Observation".
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pvbesscar.plant.tariff import billed_kw, free_kw


class Sockets(NamedTuple):
    """What stands at the sockets at the beginning of an hour, arrays of shape (K,), as in `PlantState`."""

    soc: NDArray[np.float32]
    occupant: NDArray[np.int32]
    hours_left: NDArray[np.int32]
    need_kwh: NDArray[np.float64]
    delivered_kwh: NDArray[np.float64]


CHARGERS, BILL, PLANT, PRESENCE = 4, 76, 124, 138
"""First entries of the blocks that follow the four of the time."""
HORIZONS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)
"""Hours within which energy is due."""
HORIZON: Final = HORIZONS[-1]
LIMIT: Final = 5.0
"""Bound of every entry; reached only by what no plan of the site would hold, e.g. a session hopelessly late."""
FEATURES: Final = 18
CHARGES, OF_CHARGE, NET_LOAD = 4, 5, BILL + 21
"""Demand charges that are seen, entries of each, and first entry of the net load."""
FIRST_HORIZON = np.searchsorted(HORIZONS, np.arange(HORIZON + 1))
"""First horizon that counts the energy due in 0 to `HORIZON` hours."""
WORK_SIZE: Final = 2 + len(HORIZONS)
"""Scratch of an observation: what the battery can deliver and take, and the energy that each horizon adds."""


@njit(cache=True)
def bess_limits(p, bess_soc, out):
    """Energy that the battery can deliver and take within this hour [kWh at its terminals] into `out` (2,)."""
    one_way = math.sqrt(p.bess_efficiency)
    stored = bess_soc * p.bess_kwh
    reserve = (1.0 - p.bess_depth_of_discharge) * p.bess_kwh
    out[0] = min(p.bess_kw, max(stored - reserve, 0.0) * one_way)
    out[1] = min(p.bess_kw, max(p.bess_kwh - stored, 0.0) / one_way)


@njit(cache=True)
def _observe_chargers(p, sockets, due, out):
    """Eighteen features of each socket position (A-D) over all chargers, from `out[CHARGERS]` on.

    `due` is scratch, one for each horizon, zeros before and after.
    """
    soc, occupant, hours_left, need, delivered = sockets
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
                    due[FIRST_HORIZON[hours_left[k]]] += need[k]
        out[base + 1] = need_kwh / group_kw
        out[base + 2] = average_kw / group_kw
        out[base + 3] = available_kw / group_kw
        out[base + 4] = delivered_kwh / group_kw
        within = 0.0
        for i in range(due.size):
            within += due[i]
            due[i] = 0.0
            out[base + 6 + i] = within / group_kw
        out[base] = count / group
        out[base + 5] = soc_sum / count if count > 0 else 0.0


@njit(cache=True)
def _observe_net_load(p, now, net_forecast, month_left, out):
    """Hours left in the billing month and the net load, now and ahead, into `out[NET_LOAD - 1:PLANT]`."""
    out[NET_LOAD - 1] = month_left / 744.0
    per_kwh = 1.0 / max(p.pv_ac_kw, p.mall_scale_kw)
    greatest = least = net_forecast[0]
    for i in range(HORIZON):
        ahead = net_forecast[i]
        out[NET_LOAD + i] = ahead * per_kwh
        greatest = max(greatest, ahead)
        least = min(least, ahead)
    out[NET_LOAD + HORIZON] = (now.mall_kwh - now.pv_kwh) * per_kwh
    out[NET_LOAD + HORIZON + 1] = greatest * per_kwh
    out[NET_LOAD + HORIZON + 2] = least * per_kwh


@njit(cache=True)
def observe(p, now, net_forecast, month_left, sockets, battery_kwh, bess_soc, last_net, work, out):
    """Observation of an hour into `out` (394,) float32, but for what `observe_charges` fills.

    Parameters
    ----------
    now
        The hour's `pvbesscar.plant.data.Exogenous`.
    net_forecast, month_left
        Mall less PV of the next 24 hours, shape (24,) [kWh]; hours left in the billing month, this one included.
    sockets
        What stands at the sockets, a `Sockets`.
    battery_kwh
        Capacities of the vehicles of the sessions that `sockets.occupant` counts [kWh].
    bess_soc, last_net
        State of charge of the battery; net exchange with the grid in the last hour [kWh].
    work
        Scratch of zeros, shape (WORK_SIZE,).
    """
    out[0] = now.calendar[0] / 11.5 - 1.0
    out[1] = (now.calendar[1] - 1) / 5.5 - 1.0
    out[2] = (now.calendar[2] - 1) / 3.5 - 1.0
    out[3] = 2.0 * now.t / p.hours - 1.0
    _observe_chargers(p, sockets, work[2:], out)
    for i in range(BILL, NET_LOAD - 1):
        out[i] = 0.0
    _observe_net_load(p, now, net_forecast, month_left, out)
    bess_limits(p, bess_soc, work)
    exchange_scale = max(p.pv_ac_kw, p.mall_scale_kw)
    out[PLANT] = now.pv_kwh / p.pv_ac_kw
    out[PLANT + 1] = now.forecast[0] / p.pv_ac_kw
    out[PLANT + 2] = now.forecast[1] / p.pv_ac_kw
    out[PLANT + 3] = now.mall_kwh / p.mall_scale_kw
    out[PLANT + 4] = now.forecast[2] / p.mall_scale_kw
    out[PLANT + 5] = now.forecast[3] / p.mall_scale_kw
    out[PLANT + 6] = bess_soc
    out[PLANT + 7] = work[0] / p.bess_kw if p.bess_kw > 0.0 else 0.0
    out[PLANT + 8] = work[1] / p.bess_kw if p.bess_kw > 0.0 else 0.0
    out[PLANT + 9] = last_net / exchange_scale
    out[PLANT + 10] = now.price / p.peak_price if p.peak_price > 0.0 else 0.0
    out[PLANT + 11] = now.price_next / p.peak_price if p.peak_price > 0.0 else 0.0
    out[PLANT + 12] = now.hours_to_tariff_change / 24.0
    out[PLANT + 13] = now.carbon / p.carbon_scale if p.carbon_scale > 0.0 else 0.0
    urgency = PRESENCE + p.sockets
    for k in range(p.sockets):
        s = sockets.occupant[k]
        if s < 0:
            out[PRESENCE + k] = -1.0
            out[urgency + k] = 0.0
        else:
            out[PRESENCE + k] = sockets.need_kwh[k] * p.charger_efficiency / battery_kwh[s]
            out[urgency + k] = sockets.need_kwh[k] / sockets.hours_left[k] / p.socket_kw
    limit = np.float32(LIMIT)
    for i in range(out.size):
        out[i] = min(max(out[i], -limit), limit)


@njit(cache=True)
def observe_charges(p, tariff, t, demand, out):
    """Demand charges in hour t, into `out[BILL:NET_LOAD - 1]`, which `observe` has left at zero; the first four.

    Parameters
    ----------
    tariff
        The year's `pvbesscar.plant.tariff.Tariff`.
    demand
        Demand that each charge has seen, shape (C, MONTHS) [kW].
    """
    load_kw = p.mall_scale_kw + p.sockets * p.socket_kw
    charges = min(tariff.price.size, CHARGES)
    prices = 0.0
    for charge in range(charges):
        prices += tariff.price[charge]
    for charge in range(charges):
        base = BILL + charge * OF_CHARGE
        out[base] = min(billed_kw(tariff, demand, charge) / load_kw, LIMIT)
        out[base + 1] = min(free_kw(tariff, demand, charge) / load_kw, LIMIT)
        out[base + 2] = 1.0 if tariff.in_band[charge, t] else 0.0
        out[base + 3] = tariff.band_change[charge, t] / 24.0
        out[base + 4] = tariff.price[charge] / prices if prices > 0.0 else 0.0


def observation_size(sockets: int) -> int:
    """Number of entries of the observation of a site with so many sockets; 394 for 128."""
    return PRESENCE + 2 * sockets


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
        names += [f"sockets_{position}_energy_due_within_{ahead}h_kwh" for ahead in HORIZONS]
    for charge in range(1, CHARGES + 1):
        names += [
            f"demand_charge_{charge}_{what}"
            for what in ("billed_kw", "free_import_kw", "in_band", "hours_to_band_change", "price_share")
        ]
    names += ["hours_left_in_month", *(f"net_load_forecast_{ahead}h_kwh" for ahead in range(1, HORIZON + 1))]
    names += ["net_load_kwh", "net_load_forecast_greatest_kwh", "net_load_forecast_least_kwh"]
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
