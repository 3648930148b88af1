"""The decision of an hour: the request as the plant's state, the controller's setpoints, the rule where they fail."""

from __future__ import annotations

from pvbesscar.serving.service import DispatchService
from schemas.dispatch import DispatchRequest, DispatchResponse


def decide(service: DispatchService, request: DispatchRequest) -> DispatchResponse:
    """Setpoints for the hour of a request; what HTTP and every other caller asks.

    Parameters
    ----------
    service
        Of `pvbesscar.serving.service.open_service`.
    request
        The plant's state before the hour.

    Raises
    ------
    RequestError
        The request does not fit the site: names every field, and what is missing.
    """
    raise NotImplementedError
