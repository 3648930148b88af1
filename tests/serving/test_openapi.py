"""The OpenAPI document holds what it says, whatever is sent: nothing fails, and every refusal explains itself."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from pvbesscar.serving.access import Access
from pvbesscar.serving.app import make_app
from tests.serving.sites import Client, example, service, year

QUICK, SLOW = 4, 600
"""Cases of each path that are allowed, and that are forbidden; paths without parameters have one."""
PATIENT = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


def explains_itself(answer: Any) -> None:
    """A refusal names what is wrong in a sentence, and what to do."""
    if 400 <= answer.status_code < 500:
        found = json.loads(answer.content)
        assert len(found["error"].split()) >= 4, found
        assert found["error"].endswith(".")
        assert len(found["hint"].split()) >= 2, found
        if answer.status_code == 422:
            assert found["fields"], found
            assert all(fault["problem"] for fault in found["fields"]), found


def judge(cases: int) -> int:
    """Send so many cases that the document allows, and as many that it forbids, to each path; returns how many."""
    # A library of seconds, which the collection of all other tests need not wait for.
    import schemathesis
    from schemathesis.specs.openapi import checks as conform

    checks = [
        schemathesis.checks.not_a_server_error, conform.content_type_conformance,
        conform.response_schema_conformance, conform.status_code_conformance,
    ]  # fmt: skip
    document = schemathesis.openapi.from_asgi("/openapi.json", make_app(service("policy", year()), Access(None)))
    sent = 0

    for found in document.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=cases, **PATIENT)
            def one(case: Any) -> None:
                nonlocal sent
                sent += 1
                case.headers["Host"] = "127.0.0.1"
                answer = case.call()
                explains_itself(answer)
                case.validate_response(answer, checks=checks)

            # Nothing can be wrong in a request without a body or parameters.
            with suppress(Unsatisfiable):
                one()
    return sent


def test_some_cases_of_every_path() -> None:
    assert judge(QUICK) > 2 * QUICK


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_thousand_cases() -> None:
    assert judge(SLOW) >= 1000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.sampled_from([0.0, 1.0, -0.0, 5e-324])


@pytest.fixture(scope="module")
def asked() -> Client:
    return Client(service("policy", year()))


@pytest.fixture(scope="module")
def body_that_works(asked: Client) -> dict[str, Any]:
    return example(asked)


@given(data=st.data())
@settings(max_examples=80, **PATIENT)
def test_an_example_with_something_else_in_it_is_answered_or_refused_in_words(
    asked: Client, body_that_works: dict[str, Any], data: st.DataObject
) -> None:
    body = copy.deepcopy(body_that_works)
    value = data.draw(NUMBERS | ANYTHING)
    if data.draw(st.booleans()):
        body[data.draw(st.sampled_from(sorted(body)))] = value
    else:
        vehicle = body["vehicles"][data.draw(st.integers(0, 3))]
        vehicle[data.draw(st.sampled_from(sorted(vehicle)))] = value
    answer: httpx.Response = asked.dispatch(json.dumps(body))
    assert answer.status_code in {200, 422}
    explains_itself(answer)
    if answer.status_code == 200:
        assert answer.json()["replaced"] is None
