"""Requests that are wrong, hostile or strange: refused in words that name the field, or answered with a note."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from pvbesscar.serving.access import access_of
from pvbesscar.serving.app import MOST_BYTES
from schemas.errors import ConfigError
from tests.serving.sites import TOKEN, Client, example, service, year

Body = dict[str, Any]


@pytest.fixture(scope="module")
def asked() -> Client:
    return Client(service("policy", year()))


@pytest.fixture
def body(asked: Client) -> Body:
    return copy.deepcopy(example(asked))


def faults(asked: Client, body: Body | str | bytes, status: int = 422) -> dict[str, str]:
    """Faults of a refused request, by field."""
    answer = asked.dispatch(body)
    found = answer.json()
    assert answer.status_code == status, found
    assert found["error"].endswith(".")
    assert found["hint"].endswith(".")
    return {fault["field"]: fault["problem"] for fault in found["fields"]}


def test_the_example_works_as_it_stands(asked: Client, body: Body) -> None:
    answer = asked.dispatch(body)
    found = answer.json()
    assert answer.status_code == 200
    assert (found["decided_by"], found["replaced"], found["notes"]) == ("policy", None, [])
    assert len(found["socket_kw"]) == len(found["rule"]["socket_kw"]) == 8
    # The example has vehicles, and what they are asked for is cut to what they need.
    assert body["vehicles"]
    assert {guard["guard"] for guard in found["guards"]} <= {"required_soc", "departure", "no_export", "battery_limit"}


def test_what_is_missing_is_named(asked: Client, body: Body) -> None:
    for name in ("time", "pv_kwh", "mall_kwh", "bess_soc", "grid_exchange_kwh", "delivered_kwh", "vehicles"):
        assert faults(asked, {key: value for key, value in body.items() if key != name}) == {name: "missing"}
    del body["vehicles"][1]["departure"]
    assert faults(asked, body) == {"vehicles[1].departure": "missing"}


def test_a_controller_without_its_forecast_says_what_it_needs(asked: Client, body: Body) -> None:
    del body["forecast"]
    assert "or `history` to make it from" in faults(asked, body)["forecast"]
    day = {"pv_kwh": [0.0] * 30, "mall_kwh": [400.0] * 30}
    assert asked.dispatch(body | {"history": day}).status_code == 200
    uneven = {"pv_kwh": [0.0] * 30, "mall_kwh": [400.0] * 29}
    assert faults(asked, body | {"history": uneven}) == {"history.mall_kwh": "29 hours, where `history.pv_kwh` has 30"}


def test_the_program_refuses_a_history_shorter_than_its_forecasts_look_back() -> None:
    asked = Client(service("mpc", year()))
    body = {key: value for key, value in example(asked).items() if key != "outlook"}
    few, week = ({"pv_kwh": [0.0] * n, "mall_kwh": [400.0] * n} for n in (167, 168))
    assert (
        "167 hours, where the controller's forecasts look 168 back"
        in faults(asked, body | {"history": few})["history.pv_kwh"]
    )
    assert asked.dispatch(body | {"history": week}).json()["decided_by"] == "mpc"


def test_the_program_says_how_far_it_plans() -> None:
    asked = Client(service("mpc", year()))
    body = example(asked)
    assert asked.dispatch(body).json()["decided_by"] == "mpc"
    assert asked.dispatch(body).json() == asked.dispatch(body).json()
    short = body | {"outlook": {"pv_kwh": [1.0] * 5, "mall_kwh": [1.0] * 5}}
    assert faults(asked, short) == {"outlook.pv_kwh": "5 hours, where the controller plans 25 ahead"}


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"delivered_kwh": [0.0] * 127}, "delivered_kwh", "127 numbers, where the site has 8 sockets"),
        ({"bess_soc": 1.2}, "bess_soc", "must be less than or equal to 1"),
        ({"pv_kwh": -1.0}, "pv_kwh", "must be greater than or equal to 0"),
        ({"pv_kwh": "12"}, "pv_kwh", "must be a valid number"),
        ({"pv_kw": 12.0}, "pv_kw", "not a field that is known here"),
        ({"time": "2025-02-14T18:30:00-05:00"}, "time", "2025-02-14T18:30:00-05:00 is not the start of a full hour"),
        ({"time": "1925-02-14T18:00:00-05:00"}, "time", "the year 1925 is none of 2000 to 2100"),
        ({"time": "2025-02-14T18:00:00"}, "time", "a time without its offset from UTC; write e.g. "),
        ({"demand_kw": {"peak": [3.0]}}, "demand_kw.peak", "no demand charge of the tariff `energy_only`"),
    ],
)
def test_what_does_not_fit_is_named(asked: Client, body: Body, change: Body, field: str, problem: str) -> None:
    found = faults(asked, body | change)
    assert found[field].startswith(problem), found


def test_vehicles_that_can_not_be_are_named(asked: Client, body: Body) -> None:
    body["vehicles"] = [body["vehicles"][0] | {"socket": socket} for socket in (1, 1, 9)]
    body["vehicles"][0]["departure"] = body["time"]
    found = faults(asked, body)
    assert found["vehicles[0].departure"].startswith("the vehicle at socket 1 departs at")
    assert "leave it out if it has left" in found["vehicles[0].departure"]
    assert found["vehicles[1].socket"] == "socket 1 holds two vehicles"
    assert found["vehicles[2].socket"] == "there is no socket 9: the site has 8"


def test_a_part_of_an_hour_counts_only_in_the_last_one(asked: Client, body: Body) -> None:
    """At 18:00 until 19:40 is one full hour, and until 18:20 the one that has begun."""
    body |= {"time": "2025-02-14T18:00:00-05:00"}
    vehicle = {"socket": 3, "soc": 0.0, "required_soc": 0.9, "battery_kwh": 3.5}
    for minute in ("19:40", "18:20"):
        body["vehicles"] = [vehicle | {"departure": f"2025-02-14T{minute}:00-05:00"}]
        answer = asked.dispatch(body).json()
        # 3.5 x 0.9 / 0.95 = 3.316 kWh are needed, and within the hour that is less than the socket gives.
        assert answer["socket_kw"][2] == pytest.approx(3.5 * 0.9 / 0.95)
        assert answer["infeasible_sockets"] == []
        assert {"departure"} == {guard["guard"] for guard in answer["guards"] if guard["socket"] == 3}


def test_what_no_power_can_meet_is_counted(asked: Client, body: Body) -> None:
    body |= {"time": "2025-02-14T18:00:00-05:00"}
    departure = "2025-02-14T19:00:00-05:00"
    body["vehicles"] = [{"socket": 8, "soc": 0.1, "required_soc": 0.9, "battery_kwh": 10.0, "departure": departure}]
    answer = asked.dispatch(body).json()
    assert answer["infeasible_sockets"] == [8]
    assert answer["socket_kw"][7] == 3.5
    (guard,) = [one for one in answer["guards"] if one["socket"] == 8]
    assert guard["guard"] == "infeasible"
    assert guard["why"] == "8.42 kWh must be in the vehicle within 1 h, and 3.50 kWh is the most that the socket gives"


def test_a_clock_that_jumps_back_is_told_and_changes_no_answer() -> None:
    asked = Client(service("policy", year()))
    body = example(asked)
    first = asked.dispatch(body).json()
    later = asked.dispatch(body | {"time": "2025-03-20T10:00:00-05:00", "vehicles": []}).json()
    again = asked.dispatch(body).json()
    assert (first["notes"], later["notes"]) == ([], [])
    assert again["notes"][0].startswith("the clock jumped back: ")
    assert again | {"notes": []} == first
    assert "pvbesscar_clock_back_total 1.0" in asked.get("/metrics").text


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"{", b"null", b"[]", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b'{"time":"\\ud800"}',
        b'{"pv_kwh":' + b"9" * 5000 + b"}", b'{"pv_kwh":1e999}', b'{"pv_kwh":NaN}', b'{"pv_kwh":-Infinity}',
    ],
    ids=lambda hostile: repr(hostile[:14]),
)  # fmt: skip
def test_hostile_json_is_refused_in_words(asked: Client, hostile: bytes) -> None:
    assert faults(asked, hostile)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 5000])
def test_a_number_that_is_none_is_named(asked: Client, body: Body, number: str) -> None:
    found = faults(asked, json.dumps(body | {"mall_kwh": 0.125}).replace("0.125", number))
    assert found.keys() <= {"mall_kwh", "body"}
    assert found


def test_a_field_that_stands_twice_is_refused(asked: Client, body: Body) -> None:
    text = json.dumps(body)
    assert faults(asked, text[:-1] + ', "pv_kwh": 0.0}') == {"pv_kwh": "stands twice in one object"}
    assert faults(asked, text.replace('{"socket"', '{"soc": 0.5, "socket"')) == {"soc": "stands twice in one object"}


def test_a_body_too_large_is_refused_declared_or_not(asked: Client, body: Body) -> None:
    assert faults(asked, b" " * (MOST_BYTES + 1), 413) == {}
    assert asked.dispatch(b" " * 10, Content_Length=str(MOST_BYTES + 1)).status_code == 413
    # What one request can need fits in.
    body["history"] = {"pv_kwh": [1234.5678901234567] * 1008, "mall_kwh": [1234.5678901234567] * 1008}
    assert asked.dispatch(body).status_code == 200


def test_only_json_is_read(asked: Client, body: Body) -> None:
    answer = asked.dispatch(body, Content_Type="text/plain")
    assert (answer.status_code, answer.json()["hint"]) == (415, "send `Content-Type: application/json`.")


def test_paths_and_methods_that_are_none_answer_in_words(asked: Client) -> None:
    assert asked.get("/v2/dispatch").status_code == 404
    answer = asked.get("/v1/dispatch")
    assert (answer.status_code, answer.json()["error"]) == (405, "GET is not how this path is asked.")
    assert answer.headers["allow"] == "POST"


def test_without_the_token_nothing_of_the_site_is_told(body: Body) -> None:
    asked = Client(service("rule", year()), TOKEN)
    for path in ("/v1/model", "/metrics", "/"):
        assert asked.get(path).status_code == 401
        assert asked.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked.get("/healthz").status_code == asked.get("/readyz").status_code == 200
    for wrong in ("Bearer", "Bearer no", f"Basic {TOKEN}", "Basic ####", f"Digest {TOKEN}", f"Bearer {TOKEN}x"):
        answer = asked.dispatch(body, Authorization=wrong)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "token" in answer.json()["error"]
    password = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert asked.get("/", headers={"Authorization": f"Basic {password}"}).status_code == 200
    assert asked.get("/").headers["www-authenticate"].startswith("Basic")
    assert asked.get("/openapi.json").json()["paths"]["/v1/dispatch"]["post"]["security"] == [{"token": []}]


def test_a_browser_that_another_site_leads_here_is_refused(asked: Client, body: Body) -> None:
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
        assert asked.dispatch(body, Host=host).status_code == 401
    for host in ("localhost:8080", "[::1]:8080", "127.0.0.1"):
        assert asked.dispatch(body, Host=host).status_code == 200


def test_only_this_machine_may_ask_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PVBESSCAR_TOKEN", raising=False)
    assert access_of("127.0.0.1").token is None
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        access_of("0.0.0.0")
    monkeypatch.setenv("PVBESSCAR_TOKEN", "short")
    with pytest.raises(ConfigError, match="has 5 characters"):
        access_of("0.0.0.0")
    monkeypatch.setenv("PVBESSCAR_TOKEN", TOKEN)
    assert access_of("0.0.0.0").token == TOKEN
