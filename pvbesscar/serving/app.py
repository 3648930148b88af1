"""The service over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pvbesscar.serving.access import Access
from pvbesscar.serving.decide import decide
from pvbesscar.serving.example import as_json, example_of
from pvbesscar.serving.log import tell
from pvbesscar.serving.metrics import Metrics
from pvbesscar.serving.page import draw
from pvbesscar.serving.reading import read_request
from pvbesscar.serving.service import DispatchService
from schemas.dispatch import DispatchRequest, DispatchResponse, ErrorAnswer, FieldFault, Health, ModelDescription
from schemas.errors import RequestError

MOST_BYTES = 262_144
"""Bytes of a body: 128 vehicles with 42 days of history are a fifth of it."""
BODY_WITHIN_S = 10.0
JSON = "application/json"
DISPATCH = "/v1/dispatch"
_REFERENCE = "#/components/schemas/{model}"
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorAnswer, "description": text}
    for code, text in (
        (401, "No token, or a wrong one."),
        (408, "The body did not arrive in time."),
        (413, "The body is too large."),
        (415, "The body is not declared as JSON."),
        (422, "A field is missing, unknown or out of its limits; each is named."),
    )
}


class RefusedError(HTTPException):
    """A request that is not answered, in words."""

    def __init__(self, status: int, error: str, hint: str, faults: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status)
        named = tuple(FieldFault(field=field, problem=problem) for field, problem in faults)
        self.answer = ErrorAnswer(error=error, hint=hint, fields=named)


class Front:
    """What the paths share: the service, who may ask, and what is counted."""

    def __init__(self, service: DispatchService, access: Access) -> None:
        self.service, self.access, self.metrics = service, access, Metrics()
        self._turn = asyncio.Lock()

    def admit(self, request: Request) -> None:
        """Refuse who may not ask."""
        headers = request.headers
        if (fault := self.access.refused(headers.get("authorization"), headers.get("host"))) is not None:
            raise RefusedError(
                401, f"refused: {fault}.", "send `Authorization: Bearer TOKEN`, the token of the service."
            )

    async def dispatch(self, request: Request) -> Response:
        """Decide an hour."""
        began = time.perf_counter()
        self.admit(request)
        body = await _body(request)
        try:
            asked = read_request(body)
            latest = self.service.history.latest
            if self.service.decider.waits:
                answer = await run_in_threadpool(decide, self.service, asked)
            else:
                # A policy takes less time than a thread's turn. First come, first served: between two decisions the
                # loop looks for new requests; if it decided all that it has, one just too late would wait twice.
                async with self._turn:
                    await asyncio.sleep(0)
                    answer = decide(self.service, asked)
        except RequestError as error:
            raise RefusedError(422, error.message, error.hint or "", error.faults) from error
        took = time.perf_counter() - began
        self.metrics.count(answer, took, clock_back=latest is not None and answer.time < latest)
        tell(
            "dispatch", time=answer.time.isoformat(), decided_by=answer.decided_by, bess_kw=round(answer.bess_kw, 3),
            sockets_kw=round(sum(answer.socket_kw), 3), ms=round(took * 1000.0, 2),
            replaced=None if answer.replaced is None else answer.replaced.reason,
        )  # fmt: skip
        return self.reply(request, 200, answer.__pydantic_serializer__.to_json(answer))

    def reply(self, request: Request, status: int, content: bytes, kind: str = JSON, **headers: str) -> Response:
        """Answer, and count it."""
        path = request.scope["path"]
        self.metrics.requests.labels(path if path in _PATHS else "other", status).inc()
        return Response(content, status, headers=headers, media_type=kind)

    def health(self, request: Request, *, ready: bool) -> Response:
        """Whether the process lives, or whether what is served is what was evaluated."""
        fault = self.service.fault() if ready else None
        self.metrics.ready.set(fault is None)
        answer = Health(status="ok" if fault is None else "not ready", reason=fault)
        return self.reply(request, 200 if fault is None else 503, answer.model_dump_json().encode())

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Answer a refusal in words."""
        assert isinstance(error, HTTPException)
        if isinstance(error, RefusedError):
            answer = error.answer
        elif error.status_code == 405:
            answer = ErrorAnswer(error=f"{request.method} is not how this path is asked.", hint="see /openapi.json.")
        else:
            answer = ErrorAnswer(error="there is nothing at this path.", hint="see /openapi.json for what there is.")
        headers = dict(error.headers or {})
        if error.status_code == 401:
            # A browser asks its user for the password, the token, where the page for people is refused.
            headers["WWW-Authenticate"] = 'Basic realm="pvbesscar"' if request.scope["path"] == "/" else "Bearer"
        tell("refused", status=error.status_code, path=request.scope["path"][:80], error=answer.error[:200])
        return self.reply(request, error.status_code, answer.model_dump_json().encode(), **headers)


class Straight:
    """Takes an hour to decide straight to `Front.dispatch`: a router's way there costs a tenth of the request.

    What the route of the same path describes, and every other path and method, goes on to the application.
    """

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app, self._front = app, front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http" or scope["path"] != DISPATCH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._front.dispatch(request)
        except RefusedError as error:
            response = await self._front.refuse(request, error)
        await response(scope, receive, send)


_PATHS = frozenset({"/", DISPATCH, "/v1/example", "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json"})


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise RefusedError(415, f"the body is declared as `{kind[:80]}`.", f"send `Content-Type: {JSON}`.")
    too_large = RefusedError(
        413, f"the body has more than {MOST_BYTES:,} bytes.", "send at most 42 days of history, one request an hour."
    )
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise too_large
    except TimeoutError as error:
        raise RefusedError(
            408, f"the body did not arrive within {BODY_WITHIN_S:g} s.", "look at the connection."
        ) from error
    return bytes(body)


def make_app(service: DispatchService, access: Access) -> FastAPI:
    """The service as an ASGI application; an example is decided first, so that the first hour asked for is not late."""
    front, example = Front(service, access), example_of(service)
    service.rehearse(example, decide)
    # The pages of FastAPI for people load scripts from another host.
    app = FastAPI(title="pvbesscar dispatch", version=version("pvbesscar"), docs_url=None, redoc_url=None)
    app.add_middleware(Straight, front=front)
    app.add_exception_handler(HTTPException, front.refuse)
    _add_dispatch(app, front, example)
    _add_others(app, front, example)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, secured=access.token is not None)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _add_dispatch(app: FastAPI, front: Front, example: DispatchRequest) -> None:
    content = {"schema": {"$ref": _REFERENCE.format(model="DispatchRequest")}}
    content["example"] = json.loads(as_json(example))

    @app.post(
        DISPATCH,
        summary="Setpoints for an hour",
        response_model=DispatchResponse,
        responses=_REFUSALS,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: content}}},
    )
    async def _(request: Request) -> Response:
        return await front.dispatch(request)


def _add_others(app: FastAPI, front: Front, example: DispatchRequest) -> None:
    refused: dict[int | str, dict[str, Any]] = {401: _REFUSALS[401]}

    @app.get("/v1/model", summary="What is served", response_model=ModelDescription, responses=refused)
    async def _(request: Request) -> Response:
        front.admit(request)
        return front.reply(request, 200, front.service.describe().model_dump_json().encode())

    @app.get(
        "/v1/example",
        summary="A request that works as it stands, an evening hour of the validated year",
        response_model=DispatchRequest,
        responses=refused,
    )
    async def _(request: Request) -> Response:
        front.admit(request)
        return front.reply(request, 200, as_json(example).encode())

    @app.get("/healthz", summary="Whether the process lives", response_model=Health)
    async def _(request: Request) -> Response:
        return front.health(request, ready=False)

    @app.get(
        "/readyz",
        summary="Whether what is served is what was evaluated",
        response_model=Health,
        responses={503: {"model": Health, "description": "A file of the proof changed: the rule answers."}},
    )
    async def _(request: Request) -> Response:
        return front.health(request, ready=True)

    @app.get("/metrics", summary="Counters for Prometheus", responses=refused, response_class=Response)
    async def _(request: Request) -> Response:
        front.admit(request)
        front.metrics.ready.set(front.service.fault() is None)
        return front.reply(request, 200, front.metrics.text(), "text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def _(request: Request) -> Response:
        front.admit(request)
        page = draw(front.service, request.headers.get("accept-language", ""))
        return front.reply(request, 200, page.encode(), "text/html; charset=utf-8", **_SAFE)


def _described(app: FastAPI, *, secured: bool) -> dict[str, Any]:
    """OpenAPI document: FastAPI's, with the schema of the request, which is read from its bytes."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_INTRODUCTION)
    request = DispatchRequest.model_json_schema(ref_template=_REFERENCE)
    # FastAPI describes it too, as the answer of `/v1/example`.
    document["components"]["schemas"] |= request.pop("$defs") | {"DispatchRequest": request}
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path in ("/v1/dispatch", "/v1/example", "/v1/model", "/metrics"):
            for operation in document["paths"][path].values():
                operation["security"] = [{"token": []}]
    return document


_INTRODUCTION = (
    "The site's energy management system asks each hour what to do. Powers are means of the hour in kW, energies those "
    "of an hour in kWh; a power of the battery is above zero where it charges. Sockets are numbered from 1."
)
