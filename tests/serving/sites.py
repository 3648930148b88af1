"""Services on small plants in memory, and a client that lets the service control a simulator."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers import registry
from pvbesscar.controllers.forecast import Outlook, fit_forecast
from pvbesscar.controllers.policy import PolicyController
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.controllers.registry import Fitted
from pvbesscar.controllers.tuned import plain
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.observation import observation_size
from pvbesscar.plant.state import PlantState, Setpoints
from pvbesscar.serving.access import Access
from pvbesscar.serving.app import make_app
from pvbesscar.serving.deciders import ByAction, ByProgram, ByYear, Decider
from pvbesscar.serving.requests import request_of
from pvbesscar.serving.service import DispatchService, unproven
from schemas.settings import TariffSettings
from tests.controllers.plants import course, settings

HORIZON = 26
DAYS = 84
"""Days of the plant: until 26 March 2025."""
TOKEN = "t0ken-of-the-tests-0123456789"


class Linear:
    """A policy that weighs the observation with fixed draws: it looks at every entry."""

    def __init__(self, sockets: int) -> None:
        shape = (observation_size(sockets), 1 + sockets)
        self.weights = np.random.default_rng(5).normal(size=shape).astype(np.float32)

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[NDArray[np.float32], None]:
        """Action for an observation."""
        assert deterministic
        return (1.0 / (1.0 + np.exp(-0.2 * observation @ self.weights))).astype(np.float32), None


def policy(data: PlantData) -> PolicyController:
    return PolicyController("policy", Linear(data.params.sockets))


def year(**sections: Any) -> PlantData:
    return course(DAYS, 3, **sections)


def fitted(data: PlantData) -> Fitted:
    training = [course(28, seed, mode=data.params.mode) for seed in (1, 2)]
    return Fitted(
        mode="bidirectional" if data.params.bidirectional else "dispatch", years=("one", "two"),
        reference=no_control_reference(training[0], 0, 672), tuned=plain(data.params),
        forecast=fit_forecast(training, HORIZON),
    )  # fmt: skip


def decider(name: str, data: PlantData, learned: Fitted | None = None) -> Decider:
    if name == "policy":
        return ByAction(policy(data), ("forecast",))
    if name == registry.MPC:
        return ByProgram(learned or fitted(data))
    return ByYear(name, learned)


def service(
    name: str, data: PlantData, own: Decider | None = None, limit_ms: float = 60_000.0, **sections: Any
) -> DispatchService:
    return unproven(
        data, settings(control={"mode": data.params.mode}, **sections), own or decider(name, data), name, limit_ms
    )


class Client:
    """Asks a service in this process, one request after another."""

    def __init__(self, own: DispatchService, token: str | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(make_app(own, Access(token))), base_url="http://127.0.0.1"
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Answer of a GET."""
        return self._loop.run_until_complete(self._http.get(path, **options))

    def dispatch(self, body: dict[str, Any] | str | bytes, **headers: str) -> httpx.Response:
        """Answer of `POST /v1/dispatch`."""
        content = json.dumps(body) if isinstance(body, dict) else body
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        return self._loop.run_until_complete(self._http.post("/v1/dispatch", content=content, headers=headers))


def example(asked: Client) -> dict[str, Any]:
    """The example of the OpenAPI document."""
    document = asked.get("/openapi.json").json()
    content = document["paths"]["/v1/dispatch"]["post"]["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = content["example"]
    return found


class ByApi:
    """A controller that asks the service over HTTP, and does what it answers."""

    def __init__(
        self, asked: Client, tariff: TariffSettings, outlook: Outlook | None = None, history_hours: int = 0
    ) -> None:
        self.name, self._asked, self._tariff = "api", asked, tariff
        self._outlook, self._history_hours = outlook, history_hours

    def reset(self) -> None:
        """Nothing is remembered here."""

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints that the service answers with."""
        request = request_of(state, self._tariff, self._outlook, self._history_hours if state.t >= 24 else 0)
        answer = self._asked.dispatch(request.model_dump_json())
        assert answer.status_code == 200, answer.text
        found = json.loads(answer.content)
        assert found["replaced"] is None, found["replaced"]
        return Setpoints(np.array(found["socket_kw"]), found["bess_kw"], len(found["infeasible_sockets"]))
