"""The ledger row of an hour: grid exchange, the five terms, departures, and the reward made of them.

Source: docs/design.md, "Reward and score".
"""

from __future__ import annotations

from typing import Final

from numba import njit

from pvbesscar.plant.params import MET_TOLERANCE_SOC
from pvbesscar.plant.tariff import bill_hour

# Columns of an hour's ledger row.
PV, MALL, EV, CHARGE, DISCHARGE, IMPORT, EXPORT, BESS_SOC = range(8)
CO2, SOLAR, COST, SHORT, RAMP = range(8, 13)
DEPARTURES, MET, FEASIBLE, MET_FEASIBLE, INFEASIBLE_SOCKETS = range(13, 18)
CURTAILED, DEMAND_PEN, WEAR_PEN = range(18, 21)
LEDGER_COLUMNS: Final = (
    "pv_kwh", "mall_kwh", "ev_kwh", "charge_kwh", "discharge_kwh", "import_kwh", "export_kwh", "bess_soc",
    "co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh",
    "departures", "departures_met", "departures_feasible", "departures_met_feasible", "infeasible_sockets",
    "curtailed_kwh", "demand_pen", "wear_pen",
)  # fmt: skip


@njit(cache=True)
def settle(p, now, ev_kwh, bess_kwh, last_import, first, row):
    """Grid exchange and terms of an hour into `row`; the cost is that of energy and wear, `bill` adds the rest.

    What the site may not export is curtailed; the solar term counts it, for nobody uses or stores it.

    Parameters
    ----------
    now
        The hour's `pvbesscar.plant.data.Exogenous`.
    bess_kwh
        Energy of the battery at its terminals [kWh], above zero charged.
    last_import, first
        Import of the hour before [kWh], and whether this hour begins the episode: it has no ramp then.
    """
    net = now.mall_kwh + ev_kwh + bess_kwh - now.pv_kwh
    bought = max(net, 0.0)
    surplus = max(-net, 0.0)
    sold = min(surplus, p.export_limit_kw)
    row[PV] = now.pv_kwh
    row[MALL] = now.mall_kwh
    row[EV] = ev_kwh
    row[CHARGE] = max(bess_kwh, 0.0)
    row[DISCHARGE] = max(-bess_kwh, 0.0)
    row[IMPORT] = bought
    row[EXPORT] = sold
    row[CO2] = bought * now.carbon
    row[SOLAR] = surplus
    row[CURTAILED] = surplus - sold
    row[DEMAND_PEN] = 0.0
    row[WEAR_PEN] = (row[CHARGE] + row[DISCHARGE]) * p.wear_pen_per_kwh
    row[COST] = bought * now.price - sold * p.feed_in_price + row[WEAR_PEN]
    row[RAMP] = 0.0 if first else abs(bought - last_import)


@njit(cache=True)
def bill(tariff, t, demand, row):
    """Demand charges and fee of hour t into `row`, which is settled; its import goes into `demand` (C, MONTHS)."""
    row[DEMAND_PEN] = bill_hour(tariff, t, row[IMPORT], demand)
    row[COST] += row[DEMAND_PEN]


@njit(cache=True)
def depart(p, soc, occupant, hours_left, feasible, battery_kwh, required_soc, row):
    """Departures at the end of an hour into `row`: energy short [kWh in the battery], how many, how many met.

    Parameters
    ----------
    soc
        State of charge of each socket's vehicle at the end of the hour, shape (K,).
    feasible
        Whether each session could be met when it began, shape (K,).
    battery_kwh, required_soc
        Of the sessions that `occupant` counts.
    """
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
