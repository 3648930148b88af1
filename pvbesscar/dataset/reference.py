"""What a year costs under no control: the scale of reward and score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.functions import dot
from pvbesscar.plant.data import Sessions
from pvbesscar.plant.params import NEED_EPSILON_KWH, PlantParams
from schemas.results import ScoreTerms

FloatArray = NDArray[np.float64]


def session_needs(p: PlantParams, sessions: Sessions) -> FloatArray:
    """Energy that each session needs at the charger, shape (n,) [kWh]."""
    missing = sessions.required_soc.astype(np.float64) - sessions.arrival_soc.astype(np.float64)
    need: FloatArray = np.maximum(missing, 0.0) * sessions.battery_kwh / p.charger_efficiency
    return need


def infeasible(p: PlantParams, sessions: Sessions) -> NDArray[np.bool_]:
    """Whether no power can meet a session before it departs, shape (n,)."""
    stay = sessions.departure - sessions.arrival
    result: NDArray[np.bool_] = session_needs(p, sessions) > p.socket_kw * stay + NEED_EPSILON_KWH
    return result


def charge_on_arrival(p: PlantParams, sessions: Sessions, hours: int) -> FloatArray:
    """Site's EV demand when every vehicle charges at full power from arrival, shape (hours,) [kWh]."""
    demand = np.zeros(hours)
    left = session_needs(p, sessions)
    for step in range(int((sessions.departure - sessions.arrival).max(initial=0))):
        active = sessions.arrival + step < sessions.departure
        energy = np.where(active, np.minimum(left, p.socket_kw), 0.0)
        np.add.at(demand, (sessions.arrival + step)[active], energy[active])
        left -= energy
    return demand


def no_control_terms(
    p: PlantParams, pv_kwh: FloatArray, mall_kwh: FloatArray, price: FloatArray, carbon: FloatArray, sessions: Sessions
) -> ScoreTerms:
    """Totals X of the five terms over the year under *no control*; for EV service the energy required [kWh]."""
    net = mall_kwh + charge_on_arrival(p, sessions, pv_kwh.size) - pv_kwh
    bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    return ScoreTerms(
        co2_kg=dot(bought, carbon),
        solar_kwh=float(sold.sum()),
        cost_pen=dot(bought, price) - float(sold.sum()) * p.feed_in_price,
        ev_short_kwh=float(session_needs(p, sessions).sum() * p.charger_efficiency),
        ramping_kwh=float(np.abs(np.diff(bought)).sum()),
    )
