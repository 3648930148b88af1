"""Controllers as the service asks them: an hour at a time, in any order, each hour in a year of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Acting, Controller
from pvbesscar.controllers.forecast import Outlook, causal_outlook
from pvbesscar.controllers.mpc import Mpc
from pvbesscar.controllers.registry import Fitted
from pvbesscar.plant.state import PlantState, Setpoints, setpoints
from pvbesscar.serving.ahead import far_outlook
from pvbesscar.serving.live_year import KEPT, LiveYear
from schemas.dispatch import DispatchRequest, Need, Reason
from schemas.errors import ControllerError


class UnusableError(ControllerError):
    """A controller gave nothing that can be carried out.

    Parameters
    ----------
    reason
        Why, as answers say it.
    """

    def __init__(self, message: str, *, hint: str, reason: Reason) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LiveHour:
    """An hour to decide: the request, where it lies, and the plant's state that it tells."""

    request: DispatchRequest
    live: LiveYear
    t: int
    state: PlantState


@dataclass(frozen=True, slots=True)
class Decision:
    """Setpoints, and the action that they were made from; `None` for a controller that gives no action."""

    setpoints: Setpoints
    action: NDArray[np.floating] | None = None


class Decider(Protocol):
    """A controller behind the service."""

    needs: tuple[Need, ...]
    outlook_hours: int
    waits: bool
    """Whether a decision can take so long that it must not hold up others."""

    def decide(self, hour: LiveHour, within_s: float) -> Decision:
        """Setpoints for an hour, `UnusableError` where they take longer than `within_s`."""

    def close(self) -> None:
        """Let go of threads."""


class ByAction:
    """A controller that gives an action: a policy, or a constant."""

    outlook_hours, waits = 0, False

    def __init__(self, controller: Acting, needs: tuple[Need, ...]) -> None:
        self._controller, self.needs = controller, needs

    def decide(self, hour: LiveHour, within_s: float) -> Decision:  # noqa: ARG002, a decision is quicker than any limit
        """Setpoints for an hour."""
        action = self._controller.action(hour.state)
        wanted = (1 + hour.state.data.params.sockets,)
        if action.shape != wanted or not np.isfinite(action).all():
            raise UnusableError(
                f"`{self._controller.name}` gave an action of shape {action.shape} that is not {wanted[0]} numbers.",
                hint="the model's file is damaged or was trained for another site: serve another one.",
                reason="not_finite",
            )
        return Decision(setpoints(hour.state, action), action)

    def close(self) -> None:
        """Nothing is held."""


class ByYear:
    """A controller without memory that reads the tariff of the year: made once for each year."""

    needs: tuple[Need, ...] = ()
    outlook_hours, waits = 0, False

    def __init__(self, name: str, fitted: Fitted | None) -> None:
        self._name, self._fitted = name, fitted
        self._made: list[tuple[LiveYear, Controller]] = []

    def decide(self, hour: LiveHour, within_s: float) -> Decision:  # noqa: ARG002, the same
        """Setpoints for an hour."""
        for live, controller in self._made:
            if live is hour.live:
                return Decision(controller.decide(hour.state))
        controller = registry.make(self._name, hour.live.data, self._fitted)
        self._made = [*self._made, (hour.live, controller)][-KEPT:]
        return Decision(controller.decide(hour.state))

    def close(self) -> None:
        """Nothing is held."""


class ByProgram:
    """The rolling program, in a thread of its own, one hour after another.

    HiGHS starts from the solution of the hour before where the hours follow one another, as in an evaluation, and anew
    where they do not. The same request twice in a row has the same answer.
    """

    needs: tuple[Need, ...] = ("outlook",)
    waits = True

    def __init__(self, fitted: Fitted) -> None:
        self._fitted, self.outlook_hours = fitted, fitted.forecast.horizon - 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="program")
        self._programs: list[tuple[LiveYear, Outlook, Mpc]] = []
        self._last: tuple[LiveHour, Decision] | None = None

    def decide(self, hour: LiveHour, within_s: float) -> Decision:
        """Setpoints for an hour."""
        future = self._thread.submit(self._solve, hour)
        try:
            return future.result(within_s)
        except TimeoutError as error:
            future.cancel()
            raise UnusableError(
                f"the program was not solved within {within_s:.3f} s.", hint="raise the limit.", reason="late"
            ) from error

    def _solve(self, hour: LiveHour) -> Decision:
        if self._last is not None and self._last[0].request == hour.request:
            return self._last[1]
        outlook, program = self._program(hour.live)
        before = self._last
        follows = before is not None and before[0].live is hour.live and before[0].t + 1 == hour.t
        self._last = None
        if hour.state.first or not follows:
            program.reset()
        outlook.pv_kwh[hour.t], outlook.mall_kwh[hour.t] = far_outlook(
            hour.request, hour.live, hour.t, self._fitted.forecast
        )
        decision = Decision(program.decide(hour.state))
        self._last = (hour, decision)
        return decision

    def _program(self, year: LiveYear) -> tuple[Outlook, Mpc]:
        for live, outlook, program in self._programs:
            if live is year:
                return outlook, program
        # PV and mall of each hour come with its request; who arrives when is learned, and hangs on the calendar alone.
        outlook = causal_outlook(year.data, self._fitted.forecast)
        program = Mpc(registry.MPC, year.data, outlook, self._fitted.reference, self._fitted.demand)
        self._programs = [*self._programs, (year, outlook, program)][-KEPT:]
        return outlook, program

    def close(self) -> None:
        """End the thread once its hour is solved."""
        self._thread.shutdown(wait=False, cancel_futures=True)
