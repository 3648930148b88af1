"""The decision of an hour: the request as the plant's state, the controller's setpoints, the rule where they fail."""

from __future__ import annotations

import logging
import time

from pvbesscar.controllers.baselines import Rule
from pvbesscar.controllers.setpoint_limits import check_setpoint_limits
from pvbesscar.plant.state import PlantState, Setpoints
from pvbesscar.serving.ahead import NOTHING, near_forecast
from pvbesscar.serving.deciders import Decision, LiveHour, UnusableError
from pvbesscar.serving.guards import guard_actions
from pvbesscar.serving.requests import faults_of, state_of
from pvbesscar.serving.service import Answered, DispatchService
from schemas.dispatch import DispatchRequest, DispatchResponse, Powers, Replacement
from schemas.errors import ControllerError

_RULE = Rule()
_LOG = logging.getLogger("pvbesscar.serving")


def decide(service: DispatchService, request: DispatchRequest) -> DispatchResponse:
    """Setpoints for the hour of a request; what HTTP and every other caller asks.

    An answer that is no number, breaks the contract of actions or comes too late is replaced by the rule's.

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
    began = time.perf_counter()
    live, t = service.years.at(request.time)
    needs = service.decider.needs
    faults_of(request, live, needs, service.decider.outlook_hours)
    near = near_forecast(request, live, t) if "forecast" in needs else NOTHING
    hour = LiveHour(request, live, t, state_of(request, live, t, near))
    rule = _RULE.decide(hour.state)
    decision, replaced = _decision(service, hour, began)
    chosen = Decision(rule) if decision is None else decision
    response = _response(service, hour, chosen, rule, replaced)
    service.history.add(Answered(request, response))
    return response


def _decision(service: DispatchService, hour: LiveHour, began: float) -> tuple[Decision | None, Replacement | None]:
    """The controller's decision, or why there is none that can be used."""
    if (fault := service.fault()) is not None:
        return None, Replacement(reason="not_ready", detail=fault)
    limit_s, name = service.limit_ms / 1000.0, service.identity.controller
    try:
        decision = service.decider.decide(hour, max(limit_s - (time.perf_counter() - began), 0.0))
        check_setpoint_limits(hour.state, decision.setpoints, name)
    except ControllerError as error:
        reason = error.reason if isinstance(error, UnusableError) else "out_of_contract"
        return None, Replacement(reason=reason, detail=error.message)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # A library's fault in the controller must not leave the site without setpoints; the log has all of it.
        _LOG.exception("the controller failed", extra={"fields": {"controller": name}})
        return None, Replacement(reason="failed", detail=f"{type(error).__name__}: {str(error)[:200]}")
    took_ms = (time.perf_counter() - began) * 1000.0
    if took_ms > service.limit_ms:
        return None, Replacement(reason="late", detail=f"decided after {took_ms:.1f} ms, allowed {service.limit_ms:g}")
    return decision, None


def _response(
    service: DispatchService, hour: LiveHour, decision: Decision, rule: Setpoints, replaced: Replacement | None
) -> DispatchResponse:
    given = decision.setpoints
    guards, infeasible = guard_actions(hour.state, given, decision.action)
    return DispatchResponse(
        time=hour.request.time,
        decided_by=service.identity.controller if replaced is None else _RULE.name,
        bess_kw=given.bess_kw,
        socket_kw=tuple(given.socket_kw.tolist()),
        guards=guards,
        infeasible_sockets=infeasible,
        rule=Powers(bess_kw=rule.bess_kw, socket_kw=tuple(rule.socket_kw.tolist())),
        replaced=replaced,
        notes=_notes(service, hour.request, hour.state),
        identity=service.identity,
    )


def _notes(service: DispatchService, request: DispatchRequest, state: PlantState) -> tuple[str, ...]:
    notes, latest = [], service.history.latest
    if latest is not None and request.time < latest:
        notes.append(
            f"the clock jumped back: {request.time.isoformat()} was asked after {latest.isoformat()}; the answer hangs "
            "on this request alone"
        )
    if (wanted := max(request.pv_kwh - state.data.params.pv_ac_kw, 0.0)) > 0.0:
        notes.append(f"the PV expected is {wanted:.1f} kW above the inverters' rating")
    return tuple(notes)
