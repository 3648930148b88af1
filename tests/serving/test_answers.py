"""Answers: which limit acted and why, and the rule where the controller's answer can not be used."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pvbesscar.controllers.base import Acting
from pvbesscar.controllers.baselines import ConstantAction, Rule
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.state import PlantState
from pvbesscar.plant.twin import Twin
from pvbesscar.serving.decide import decide
from pvbesscar.serving.deciders import ByAction, ByProgram, Decision, LiveHour
from pvbesscar.serving.guards import guard_actions
from pvbesscar.serving.requests import request_of
from schemas.dispatch import DispatchResponse
from tests.controllers.plants import plant, settings
from tests.serving.sites import Client, decider, example, fitted, service, year

HOURS = 48


class Broken(Acting):
    """A policy that does what it is told to."""

    name = "broken"

    def __init__(self, value: float, size: int = 9, error: type[Exception] | None = None) -> None:
        self._value, self._size, self._error = value, size, error

    def action(self, state: PlantState) -> NDArray[np.floating]:
        if self._error is not None:
            raise self._error("layer 2 has no weights")
        return np.full(self._size, self._value)


class Asks:
    """A controller that asks for powers of its own."""

    needs: tuple[Any, ...] = ()
    outlook_hours, waits = 0, False

    def __init__(self, bess_kw: float, seconds: float = 0.0) -> None:
        self._bess_kw, self._seconds = bess_kw, seconds

    def decide(self, hour: LiveHour, within_s: float) -> Decision:
        time.sleep(self._seconds)
        return Decision(replace(Rule().decide(hour.state), bess_kw=self._bess_kw))

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("own", "reason", "detail"),
    [
        (
            ByAction(Broken(float("nan")), ()),
            "not_finite",
            "`broken` gave an action of shape (9,) that is not 9 numbers",
        ),
        (ByAction(Broken(0.5, 7), ()), "not_finite", "`broken` gave an action of shape (7,) that is not 9 numbers"),
        (ByAction(Broken(0.5, 9, RuntimeError), ()), "failed", "RuntimeError: layer 2 has no weights"),
        (Asks(-99_999.0), "out_of_contract", "the battery is asked for -99999 kW"),
        (Asks(float("nan")), "out_of_contract", "the battery is asked for nan kW"),
        (Asks(0.0, 0.2), "late", "decided after 2"),
    ],
    ids=["nan", "shape", "fails", "contract", "nan-setpoint", "late"],
)
def test_what_can_not_be_used_is_replaced_by_the_rule(own: Any, reason: str, detail: str) -> None:
    asked = Client(service("broken", year(), own, limit_ms=100.0))
    answer = asked.dispatch(example(asked)).json()
    assert (answer["decided_by"], answer["replaced"]["reason"]) == ("rule", reason)
    assert detail in answer["replaced"]["detail"]
    assert answer["bess_kw"] == answer["rule"]["bess_kw"]
    assert answer["socket_kw"] == answer["rule"]["socket_kw"]
    assert f'pvbesscar_replaced_total{{reason="{reason}"}} 1.0' in asked.get("/metrics").text


def test_a_program_that_takes_too_long_is_replaced_and_its_successor_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    data = year()
    own = decider("mpc", data, fitted(data))
    assert isinstance(own, ByProgram)
    asked = Client(service("mpc", data, own, limit_ms=500.0))
    body, solve = example(asked), own._solve
    assert asked.dispatch(body).json()["replaced"] is None

    def slow(hour: LiveHour) -> Decision:
        time.sleep(0.8)
        return solve(hour)

    monkeypatch.setattr(own, "_solve", slow)
    later = body | {"time": "2025-03-20T10:00:00-05:00", "vehicles": []}
    assert asked.dispatch(later).json()["replaced"]["reason"] == "late"
    monkeypatch.setattr(own, "_solve", solve)
    time.sleep(0.4)
    assert asked.dispatch(later).json()["replaced"] is None


def at(data: PlantData, t: int, action: float) -> DispatchResponse:
    """Answer of a controller with one action in every hour, at hour `t`."""
    own = service("constant", data, ByAction(ConstantAction(action), ()))
    return decide(own, request_of(Twin(data).reset(t), settings().tariff))


def test_the_departure_guard_says_what_it_holds() -> None:
    # 3.5 kWh x (0.9 - 0.1) / 0.95 = 2.947 kWh in two hours: 0 kW now would do, for 3.5 kW fit into the second.
    data = plant(np.zeros(HOURS), np.full(HOURS, 100.0), [(2, 3, 5, 0.1)])
    assert at(data, 3, 0.0).socket_kw[2] == 0.0
    answer = at(data, 4, 0.0)
    (guard,) = answer.guards
    assert (guard["guard"], guard["socket"], guard["asked_kw"]) == ("departure", 3, 0.0)
    assert guard["set_kw"] == answer.socket_kw[2] == pytest.approx(3.5 * 0.8 / 0.95)
    assert guard["why"] == "2.95 kWh must be in the vehicle within 1 h"


def test_no_vehicle_is_charged_past_its_need() -> None:
    data = plant(np.zeros(HOURS), np.full(HOURS, 100.0), [(0, 3, 9, 0.8)])
    guards = [guard for guard in at(data, 3, 1.0).guards if guard["socket"] == 1]
    assert [(guard["guard"], guard["asked_kw"]) for guard in guards] == [("required_soc", 3.5)]
    assert guards[0]["set_kw"] == pytest.approx(3.5 * 0.1 / 0.95)


def test_the_batterys_limits_are_told() -> None:
    # At its initial state of charge, 0.20, the battery is at its reserve: it is asked for the deficit, and holds none.
    data = plant(np.zeros(HOURS), np.full(HOURS, 100.0))
    answer = at(data, 3, 1.0)
    assert answer.bess_kw == -100.0
    assert [(guard["guard"], guard["set_kw"]) for guard in answer.guards] == [
        ("no_export", -100.0),
        ("battery_limit", -100.0),
    ]
    assert answer.guards[0]["why"] == "the site lacks 100.0 kW, and the battery feeds nothing into the grid"
    assert answer.guards[1]["why"].endswith("the battery itself can deliver 0.0 kW in this hour")
    surplus = at(plant(np.full(HOURS, 300.0), np.full(HOURS, 100.0)), 3, 0.5)
    assert [(guard["guard"], guard["set_kw"]) for guard in surplus.guards] == [("pv_surplus", 200.0)]


def test_a_controller_that_plans_within_the_limits_asked_for_nothing_else() -> None:
    data = plant(np.zeros(HOURS), np.full(HOURS, 100.0), [(2, 4, 5, 0.1)])
    state = Twin(data).reset(4)
    guards, late = guard_actions(state, Rule().decide(state), None)
    assert late == ()
    assert [(guard["guard"], guard["socket"], guard["asked_kw"]) for guard in guards if guard["socket"]] == [
        ("departure", 3, None)
    ]


def test_every_hour_of_other_years_can_be_asked_for() -> None:
    """Another year has its own Sundays and its 29 February; the same hour of the validated year is itself."""
    own = service("policy", year())
    for stamp, day_type in (("2028-02-29T23:00:00-05:00", 2), ("2026-12-25T10:00:00-05:00", 8)):
        request = request_of(Twin(own.years.validated.data).reset(0), settings().tariff)
        at_time = request.model_copy(update={"time": request.time.fromisoformat(stamp), "vehicles": ()})
        live, t = own.years.at(at_time.time)
        assert live is not own.years.validated
        assert live.data.calendar[t].tolist()[2] == day_type
        assert live.data.stamps[t].isoformat() == stamp
        assert decide(own, at_time).replaced is None
