"""A controller ready to serve: proven to be the one that was evaluated, with the plant that it decides on."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Acting, Controller
from pvbesscar.controllers.policy import PolicyController
from pvbesscar.controllers.registry import Fitted
from pvbesscar.evaluation.specifications import specification
from pvbesscar.plant.data import PlantData
from pvbesscar.serving.deciders import ByAction, ByProgram, ByYear, Decider
from pvbesscar.serving.live_year import LiveYears
from pvbesscar.serving.proof import Watch, prove, prove_model
from pvbesscar.serving.requests import months_of
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import DispatchRequest, DispatchResponse, Identity, ModelDescription
from schemas.settings import Settings

LOOK_EVERY_S = 0.5
"""Time after which the files of the proof are looked at again."""
SHOWN_HOURS = 24
LIMIT_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An hour that was answered, for the page."""

    request: DispatchRequest
    response: DispatchResponse


@dataclass(slots=True)
class History:
    """The latest hours answered, one answer an hour, and the latest hour of all."""

    latest: dt.datetime | None = None
    hours: deque[Answered] = field(default_factory=lambda: deque(maxlen=SHOWN_HOURS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answered: Answered) -> None:
        """Take an answer in; an hour answered again replaces itself, an earlier one is not shown."""
        now = answered.response.time
        with self._lock:
            if self.latest is not None and now < self.latest:
                return
            if now == self.latest:
                self.hours.pop()
            self.latest = now
            self.hours.append(answered)

    def last(self) -> tuple[Answered, ...]:
        """Hours of the last day, the oldest first."""
        with self._lock:
            end = self.latest
            return tuple(
                one
                for one in self.hours
                if end is not None and end - one.response.time < dt.timedelta(hours=SHOWN_HOURS)
            )


Decide = Callable[["DispatchService", DispatchRequest], DispatchResponse]


@dataclass(slots=True)
class DispatchService:
    """A controller, the plant, and what it was validated on.

    Attributes
    ----------
    years
        Calendars of the hours that requests ask for.
    watch
        Files that the proof rests on; `None` where a test serves a controller without one.
    """

    settings: Settings
    years: LiveYears
    decider: Decider
    identity: Identity
    scores: tuple[float | None, float | None] = (None, None)
    limit_ms: float = LIMIT_MS
    watch: Watch | None = None
    history: History = field(default_factory=History)
    _fault: str | None = None
    _looked: float = 0.0

    def fault(self) -> str | None:
        """Why the rule answers in the controller's place, `None` where the proof holds."""
        if self.watch is not None and time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._fault = self.watch.fault()
            self._looked = time.monotonic()
        return self._fault

    def describe(self) -> ModelDescription:
        """What is served, and what a request must hold."""
        params, fault = self.years.validated.data.params, self.fault()
        return ModelDescription(
            identity=self.identity,
            ready=fault is None,
            reason=fault,
            needs=self.decider.needs,
            outlook_hours=self.decider.outlook_hours,
            sockets=params.sockets,
            socket_kw=params.socket_kw,
            bess_kw=params.bess_kw,
            bess_kwh=params.bess_kwh,
            timezone=self.years.validated.data.timezone,
            demand_charges=months_of(self.settings.tariff),
            score=self.scores[0],
            rule_score=self.scores[1],
            limit_ms=self.limit_ms,
        )

    def rehearse(self, request: DispatchRequest, decide: Decide) -> None:
        """Decide an hour that nobody is told of: libraries and compiled code are loaded by the first."""
        decide(self, request)
        self.history = History()

    def close(self) -> None:
        """Let go of threads."""
        self.decider.close()


def open_service(
    settings: Settings, workspace: Workspace, what: str | Path, limit_ms: float = LIMIT_MS
) -> DispatchService:
    """Load a controller (`sac`, `mpc`, `rule`, ...) or the folder of a promoted model, and prove what was evaluated.

    Raises
    ------
    StaleError
        Model, dataset, certificate and evaluation do not belong together.
    ControllerError
        The controller needs hindsight, or decides otherwise than in its evaluation.
    ConfigError
        No such controller.
    """
    if isinstance(what, Path):
        proven = prove_model(what, settings, workspace)
    else:
        proven = prove(specification(what), settings, workspace)
    years, decider = LiveYears(proven.data, settings), decider_of(proven.controller, proven.fitted)
    if "forecast" in decider.needs:
        years.prepare(dt.datetime.now(dt.UTC).date())
    return DispatchService(
        settings,
        years,
        decider,
        proven.identity,
        (proven.score, proven.rule_score),
        limit_ms,
        proven.watch,
    )


def decider_of(controller: Controller, fitted: Fitted | None = None) -> Decider:
    """The way in which a controller is asked for single hours."""
    if controller.name == registry.MPC:
        assert fitted is not None
        return ByProgram(fitted)
    if isinstance(controller, PolicyController):
        return ByAction(controller, ("forecast",))
    if isinstance(controller, Acting):
        return ByAction(controller, ())
    return ByYear(controller.name, fitted)


def unproven(data: PlantData, settings: Settings, decider: Decider, name: str, limit_ms: float) -> DispatchService:
    """Serve a controller whose evaluation nobody proves: for benchmarks and closed loops in memory."""
    none = "0" * 64
    identity = Identity(
        controller=name, kind="baseline", scenario=settings.name, mode=settings.control.mode, model_sha256=None,
        dataset_digest=data.digest or none, certificate_sha256=none, evaluation_sha256=none, plant_code=none,
    )  # fmt: skip
    return DispatchService(settings, LiveYears(data, settings), decider, identity, limit_ms=limit_ms)
