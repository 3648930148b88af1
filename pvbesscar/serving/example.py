"""An example that works as it stands: an evening hour of the validated year."""

from __future__ import annotations

import numpy as np

from pvbesscar.controllers.forecast import Outlook
from pvbesscar.plant.state import setpoints
from pvbesscar.plant.twin import Twin
from pvbesscar.serving.requests import request_of
from pvbesscar.serving.service import DispatchService
from schemas.dispatch import DispatchRequest

HOUR_OF_YEAR = 72 * 24 + 18
"""An evening in March."""


def example_of(service: DispatchService) -> DispatchRequest:
    """Request of an evening hour, with the forecasts that the controller decides by."""
    data, outlook = service.years.validated.data, None
    t = min(HOUR_OF_YEAR, data.hours - 1)
    simulator = Twin(data)
    state = simulator.reset(max(t - 2, 0), min(3, data.hours))
    while state.t < t:
        simulator.step(setpoints(state, np.full(1 + data.params.sockets, 0.5)))
        state = simulator.state
    if "outlook" in service.decider.needs:
        ahead = (np.arange(data.hours)[:, None] + np.arange(1 + service.decider.outlook_hours)) % data.hours
        none = np.zeros_like(ahead, dtype=np.float64)
        outlook = Outlook(data.pv_kwh[ahead], data.mall_kwh[ahead], none, none)
    return request_of(state, service.settings.tariff, outlook)


def as_json(example: DispatchRequest) -> str:
    """Example as JSON, without the fields that it leaves out."""
    return example.model_dump_json(exclude_defaults=True, indent=1)
