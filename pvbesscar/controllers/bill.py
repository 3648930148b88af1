"""The bill alone: the least that a year can cost when nothing else counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pvbesscar.controllers.optimum import solve
from pvbesscar.dataset.reference import charge_on_arrival
from pvbesscar.plant.data import PlantData, Sessions, occupancy
from schemas.results import ScoreTerms

NO_SCALE = ScoreTerms(co2_kg=1.0, solar_kwh=1.0, cost_pen=1.0, ev_short_kwh=1.0, ramping_kwh=1.0)
"""Reference with which J of a plant that counts the cost alone is in PEN."""


def cost_only(data: PlantData) -> PlantData:
    """Return the same year for a plant whose score counts the cost alone: invoice and wear."""
    return replace(
        data, params=data.params._replace(w_co2=0.0, w_solar=0.0, w_cost=1.0, w_ev_service=0.0, w_grid_stability=0.0)
    )


def least_cost_pen(data: PlantData) -> float:
    """Proven lower bound of a year's cost [PEN], whatever else it does; departures are met as ever.

    Raises
    ------
    ControllerError
        The optimum is not provable for this plant.
    """
    plain = cost_only(data)
    reference = NO_SCALE.model_copy(update={"cost_pen": float(data.reference[2])})
    return solve(plain, reference=reference).bound * reference.cost_pen


def vehicles_at_once(data: PlantData) -> PlantData:
    """Return the same year with every vehicle charged at full power on arrival: the sockets decide nothing.

    The vehicles are demand of the mall then, and no session is left; their service is that of no control.
    """
    demand = charge_on_arrival(data.params, data.sessions, data.hours)
    s = data.sessions
    none = Sessions(
        s.socket[:0], s.arrival[:0], s.departure[:0], s.battery_kwh[:0], s.arrival_soc[:0], s.required_soc[:0]
    )
    occupant, hours_left = occupancy(none, data.hours, data.params.sockets)
    return replace(
        data,
        mall_kwh=(data.mall_kwh + demand).astype(np.float64),
        sessions=none,
        occupant=occupant,
        hours_left=hours_left,
    )
