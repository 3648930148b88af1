"""No control: every vehicle charges at full power on arrival and the battery idles. Its totals scale reward and score.

Source: docs/design.md, "Controllers that are no agents" and "Reward and score".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from pvbesscar.plant.actions import can_be_met
from pvbesscar.plant.data import Sessions
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.tariff import Tariff, stretch_pen
from schemas.errors import ConfigError
from schemas.results import ScoreTerms

FloatArray = NDArray[np.float64]


def session_needs(p: PlantParams, sessions: Sessions) -> FloatArray:
    """Energy that each session needs at the charger, shape (n,) [kWh]."""
    need: FloatArray = _missing_kwh(sessions) / p.charger_efficiency
    return need


def _missing_kwh(sessions: Sessions) -> FloatArray:
    missing = sessions.required_soc.astype(np.float64) - sessions.arrival_soc.astype(np.float64)
    result: FloatArray = np.maximum(missing, 0.0) * sessions.battery_kwh
    return result


def infeasible(p: PlantParams, sessions: Sessions) -> NDArray[np.bool_]:
    """Whether no power can meet a session before it departs, shape (n,)."""
    return ~can_be_met(session_needs(p, sessions), sessions.departure - sessions.arrival, p.socket_kw)


def charge_on_arrival(p: PlantParams, sessions: Sessions, hours: int, start: int = 0) -> FloatArray:
    """EV demand of `hours` hours from hour `start` on, shape (hours,) [kWh].

    Every vehicle charges at full power from its arrival on. One that stands there when the stretch begins has its
    arrival state of charge then, as at the beginning of an episode.
    """
    demand, stop = np.zeros(hours), start + hours
    first, left = np.maximum(sessions.arrival, start), session_needs(p, sessions)
    for step in range(int((sessions.departure - first).max(initial=0))):
        hour = first + step
        active = (hour < sessions.departure) & (hour < stop)
        energy = np.where(active, np.minimum(left, p.socket_kw), 0.0)
        demand += np.bincount((hour - start)[active], energy[active], hours)
        left -= energy
    return demand


def no_control_terms(
    p: PlantParams,
    pv_kwh: FloatArray,
    mall_kwh: FloatArray,
    price: FloatArray,
    carbon: FloatArray,
    sessions: Sessions,
    tariff: Tariff,
    start: int = 0,
) -> ScoreTerms:
    """Totals X of the five terms on a stretch of hours under *no control*.

    For EV service the total is the energy that the stretch's departures require, in the batteries [kWh]. For cost it is
    the gross bill: energy, demand charges and fee, before export earns anything, so that it is above zero over a year.
    A short stretch may buy nothing, or have an excess fall by more than its energy costs: its cost has no scale then.

    Parameters
    ----------
    p
        The plant.
    pv_kwh, mall_kwh, price, carbon
        Series of the stretch, shape (hours,) [kWh, kWh, PEN/kWh, kgCO2/kWh].
    sessions
        Sessions of the whole year.
    tariff
        Tariff of the whole year.
    start
        Hour of the year in which the stretch begins.

    Raises
    ------
    ConfigError
        The cost has a weight and no scale over a whole year: nothing is paid.
    """
    net = mall_kwh + charge_on_arrival(p, sessions, pv_kwh.size, start) - pv_kwh
    bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    departs = (sessions.departure > start) & (sessions.departure <= start + pv_kwh.size)
    cost_pen = dot(bought, price) + float(stretch_pen(tariff, start, bought).sum())
    if p.w_cost > 0.0 and pv_kwh.size == tariff.month.size and not cost_pen > 0.0:
        raise ConfigError(
            f"the bill of no control over {pv_kwh.size} h from hour {start} on is {cost_pen:g} PEN: the cost has the "
            f"weight {p.w_cost:g} and no scale; {float(bought.sum()):,.0f} kWh are bought.",
            hint="set `tariff` so that what is bought costs something, or `weights.cost: 0`.",
        )
    return ScoreTerms(
        co2_kg=dot(bought, carbon),
        solar_kwh=float(sold.sum()),
        cost_pen=cost_pen,
        ev_short_kwh=float(_missing_kwh(sessions)[departs].sum()),
        ramping_kwh=float(np.abs(np.diff(bought)).sum()),
    )
