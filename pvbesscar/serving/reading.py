"""Requests from bytes: strict, and every refusal in words that name the field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from schemas.dispatch import DispatchRequest
from schemas.errors import RequestError

MOST_FAULTS = 20
"""Faults that are named; a list of a thousand tells no more."""
_WORDS = {
    "missing": "missing",
    "extra_forbidden": "not a field that is known here",
    "finite_number": "not a finite number",
    "timezone_aware": "a time without its offset from UTC; write e.g. 2025-03-14T18:00:00-05:00",
}


def read_request(body: bytes) -> DispatchRequest:
    """Read a request.

    Raises
    ------
    RequestError
        No JSON, a field missing, unknown, twice or out of its limits: each is named.
    """
    try:
        request = DispatchRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refused([_fault(one) for one in error.errors(include_url=False, include_input=False)]) from error
    if body.count(b'"') != _quotes(request):
        _refuse_twins(body)
    return request


def _quotes(request: DispatchRequest) -> int:
    """Quotation marks of a body in which no field stands twice: a field more has two more, and is looked for then."""
    fields = len(request.model_fields_set) + len(request.demand_kw)
    within = [request.forecast, request.outlook, request.history, *request.vehicles]
    # A time is text, too: that of the request, and each departure.
    fields += sum(len(one.model_fields_set) for one in within if one is not None) + 1 + len(request.vehicles)
    return 2 * fields


def _refuse_twins(body: bytes) -> None:
    """Refuse a field that stands twice: which of the two is meant nobody knows, and parsers differ."""
    twins: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            keys = [key for key, _ in pairs]
            twins.extend(sorted({key for key in keys if keys.count(key) > 1}))

    json.loads(body, object_pairs_hook=note)
    if twins:
        raise _refused([(key[:80], "stands twice in one object") for key in dict.fromkeys(twins)])


def _fault(error: Any) -> tuple[str, str]:  # noqa: ANN401, pydantic's own dictionary
    where = path_of(error["loc"])
    if error["type"] == "json_invalid":
        return where, f"no JSON: {error['ctx']['error']}"
    message = _WORDS.get(error["type"]) or error["msg"].replace("Input should be", "must be").replace("Input", "it")
    return where, message


def path_of(parts: Sequence[str | int]) -> str:
    """Path of a field: `vehicles[3].soc`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in parts).lstrip(".")
    return path or "body"


def _refused(faults: list[tuple[str, str]]) -> RequestError:
    field, problem = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return RequestError(
        f"the request can not be read: {field}: {problem}{more}.",
        hint="/openapi.json describes every field, with an example that works.",
        faults=tuple(faults[:MOST_FAULTS]),
    )
