"""What scales J on a stretch of hours, and what a controller's year comes to on the twin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.base import Controller
from pvbesscar.dataset.reference import no_control_terms
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import CO2, RAMP
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.twin import Twin
from schemas.results import ScoreTerms


def no_control_reference(data: PlantData, start: int, hours: int) -> ScoreTerms:
    """Totals of no control on `hours` hours from hour `start` on (see `no_control_terms`)."""
    span = slice(start, start + hours)
    series = (data.pv_kwh[span], data.mall_kwh[span], data.price[span], data.carbon[span])
    return no_control_terms(data.params, *series, data.sessions, data.tariff, start)


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
