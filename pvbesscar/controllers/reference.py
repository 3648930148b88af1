"""What J is scaled by on a stretch of hours, and what a controller makes of a year."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.functions import dot
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.vehicles import stays_within
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.kernels import CO2, RAMP
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.twin import Twin
from schemas.results import ScoreTerms


def charge_on_arrival_kwh(data: PlantData, start: int, hours: int) -> NDArray[np.float64]:
    """Energy of all vehicles when each charges at full power from arrival, of each hour, shape (hours,) [kWh]."""
    stop, socket_kw = start + hours, data.params.socket_kw
    stays = stays_within(data, start, stop)
    demand, left = np.zeros(hours), stays.need_kwh.copy()
    for step in range(int((stays.end - stays.first).max(initial=0))):
        hour = stays.first + step
        taken = np.where((hour < stays.end) & (hour < stop), np.minimum(left, socket_kw), 0.0)
        demand += np.bincount((hour - start)[hour < stop], taken[hour < stop], minlength=hours)
        left -= taken
    return demand


def no_control_reference(data: PlantData, start: int, hours: int) -> ScoreTerms:
    """Totals of no control on a stretch of hours; for EV service the energy that its departures require.

    Parameters
    ----------
    start, hours
        The stretch; it begins as an episode does.
    """
    p, sessions, span = data.params, data.sessions, slice(start, start + hours)
    net = data.mall_kwh[span] + charge_on_arrival_kwh(data, start, hours) - data.pv_kwh[span]
    bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    departs = (sessions.departure > start) & (sessions.departure <= start + hours)
    missing = np.maximum(sessions.required_soc.astype(np.float64) - sessions.arrival_soc.astype(np.float64), 0.0)
    return ScoreTerms(
        co2_kg=dot(bought, data.carbon[span]),
        solar_kwh=float(sold.sum()),
        cost_pen=dot(bought, data.price[span]) - float(sold.sum()) * p.feed_in_price,
        ev_short_kwh=float((missing * sessions.battery_kwh)[departs].sum()),
        ramping_kwh=float(np.abs(np.diff(bought)).sum()),
    )


def scale(params: PlantParams, reference: ScoreTerms) -> NDArray[np.float64]:
    """What a unit of each term adds to J, in the order of `TERMS`, shape (5,); 0 for a term that has no scale."""
    totals = np.array([
        reference.co2_kg, reference.solar_kwh, reference.cost_pen, reference.ev_short_kwh, reference.ramping_kwh,
    ])  # fmt: skip
    weights = np.array(params.weights)
    result: NDArray[np.float64] = np.divide(weights, totals, out=np.zeros(5), where=totals > 0.0)
    return result


def simulated_terms(
    data: PlantData, controller: Controller, start: int = 0, hours: int | None = None
) -> NDArray[np.float64]:
    """Totals of the five terms of a controller on the twin, in the order of `TERMS`, shape (5,)."""
    twin = Twin(data)
    controller.reset()
    twin.reset(start, hours)
    total, done = np.zeros(5), False
    while not done:
        hour = twin.step(controller.decide(twin.state))
        total += hour.row[CO2 : RAMP + 1]
        done = hour.done
    return total
