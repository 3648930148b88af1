"""Requests from states of a simulator: what a closed loop and a load test send."""

from __future__ import annotations

from pvbesscar.plant.state import PlantState
from schemas.dispatch import DispatchRequest, ModelDescription


def request_of(state: PlantState, description: ModelDescription) -> DispatchRequest:
    """Request that tells the service the state of a simulator, with the forecasts of its dataset."""
    raise NotImplementedError
