"""Asks the dispatch service what it would do, as an energy management system would."""

from __future__ import annotations

import os
from typing import Protocol, Self, TypeVar

import httpx
import numpy as np
from pydantic import ValidationError

from pvbesscar.plant.state import PlantState
from pvbesscar.shadow.course import Asked
from pvbesscar.shadow.expect import History
from pvbesscar.shadow.site import Site
from pvbesscar.shadow.source import OK, SERVER_ERROR, AwayError, fetched, new_client, tries
from schemas.addresses import TOKEN_VARIABLE
from schemas.dispatch import (
    DispatchRequest,
    DispatchResponse,
    ErrorAnswer,
    Message,
    ModelDescription,
    Vehicle,
)
from schemas.dispatch import History as MeteredHours
from schemas.errors import PvbesscarError, StaleError
from schemas.settings.shadow import ShadowSettings

Answer = TypeVar("Answer", bound=Message)


class RefusedError(PvbesscarError):
    """The dispatch service refuses what it is asked, or who asks."""


class Adviser(Protocol):
    """Who is asked: the service over HTTP, or one in this process."""

    def describe(self) -> ModelDescription:
        """What is served."""

    def ask(self, request: DispatchRequest) -> DispatchResponse:
        """Setpoints of an hour."""


class Api:
    """The dispatch service at an address.

    Parameters
    ----------
    settings
        Address, patience.
    token
        Bearer token.
    """

    def __init__(self, settings: ShadowSettings, token: str | None = None) -> None:
        self._settings, self._url = settings, settings.api.rstrip("/")
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self._client = new_client(settings, headers | ({"Authorization": f"Bearer {token}"} if token else {}))

    @classmethod
    def of(cls, settings: ShadowSettings) -> Self:
        """The service that the settings name, with the token of the environment."""
        return cls(settings, os.environ.get(TOKEN_VARIABLE))

    def describe(self) -> ModelDescription:
        """What is served."""
        return self._told("GET", "/v1/model", None, ModelDescription)

    def ask(self, request: DispatchRequest) -> DispatchResponse:
        """Setpoints of an hour.

        Raises
        ------
        AwayError
            No whole answer in `shadow.tries` tries.
        RefusedError
            The service refuses the request.
        """
        return self._told("POST", "/v1/dispatch", request.model_dump_json().encode(), DispatchResponse)

    def _told(self, method: str, path: str, body: bytes | None, kind: type[Answer]) -> Answer:
        url, said = f"{self._url}{path}", ""
        for _ in tries(self._settings):
            try:
                status, answer = fetched(self._client, self._settings, method, url, body)
                if status == OK:
                    return kind.model_validate_json(answer)
            except httpx.HTTPError as error:
                said = f"{type(error).__name__}: {error}"
                continue
            except ValidationError as error:
                said = f"its answer is no {kind.__name__}: {error.errors()[0]['msg']}"
                continue
            said = f"it answers {status}"
            if status < SERVER_ERROR:
                raise RefusedError(
                    f"{url} {said}: {_refused(answer)}.",
                    hint="the hour is not decided, and the next pass asks again. "
                    f"`{TOKEN_VARIABLE}` holds the token of the service, `shadow.api` its address.",
                )
        raise AwayError(
            f"{url} (named by `shadow.api`): no whole answer ({said}).",
            hint="start it with `pvbesscar serve`; the next pass takes up at the same hour.",
        )


def _refused(answer: bytes) -> str:
    """What the service says of a request that it refuses."""
    try:
        told = ErrorAnswer.model_validate_json(answer)
    except ValidationError:  # it is no dispatch service, and its page is not for a terminal
        return "without a word that this program knows"
    faults = "; ".join(f"`{one.field}` {one.problem}" for one in told.fields[:3])
    return f"{told.error.rstrip('.')}{f' ({faults})' if faults else ''}"


def request_of(
    site: Site, hour: int, state: PlantState, history: History, description: ModelDescription
) -> DispatchRequest:
    """Request for the hour that a state of a simulated plant begins.

    Parameters
    ----------
    state
        What is known of the plant, and what is expected of the hour.
    history
        Metered hours before it.
    description
        What the service says that a request must hold.
    """
    data, t, sessions = state.data, state.t, state.data.sessions
    there = np.flatnonzero(state.occupant >= 0).tolist()
    months = description.demand_charges
    demand = {
        own.name: tuple(row.tolist()[: months.get(own.name, len(row))])
        for own, row in zip(site.tariff.demand, state.demand_kw, strict=True)
    }
    return DispatchRequest(
        time=site.stamp(hour).to_pydatetime(),
        pv_kwh=float(data.pv_kwh[t]),
        mall_kwh=float(data.mall_kwh[t]),
        bess_soc=min(state.bess_soc, 1.0),
        grid_exchange_kwh=state.last_net_kwh,
        delivered_kwh=tuple(state.delivered_kwh.tolist()),
        demand_kw=demand,
        vehicles=tuple(
            Vehicle(
                socket=k + 1,
                soc=min(float(state.soc[k]), 1.0),
                required_soc=float(sessions.required_soc[state.occupant[k]]),
                battery_kwh=float(sessions.battery_kwh[state.occupant[k]]),
                departure=site.stamp(hour + 3600 * int(state.hours_left[k])).to_pydatetime(),
            )
            for k in there
        ),
        history=MeteredHours(
            pv_kwh=tuple(history.pv_kwh.tolist()), mall_kwh=tuple(history.mall_kwh.tolist())
        ),
    )  # fmt: skip


def asked_of(answer: DispatchResponse) -> Asked:
    """Setpoints of an answer."""
    return Asked(answer.bess_kw, np.array(answer.socket_kw, np.float64))


def require_same_site(site: Site, description: ModelDescription) -> None:
    """Refuse a service that was validated on another dataset than the simulated plant.

    Raises
    ------
    StaleError
        The digests differ.
    """
    own, other = site.plant.digest, description.identity.dataset_digest
    if own != other:
        raise StaleError(
            f"the service answers for dataset {other[:12]} (scenario `{description.identity.scenario}`), the shadow "
            f"simulates the plant of dataset {own[:12]}.",
            hint="give `pvbesscar serve` and `pvbesscar shadow` the same `--config`, and restart the service after a "
            "build.",
        )
