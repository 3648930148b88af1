"""Two simulators driven with the same setpoints, compared bit for bit after every hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pvbesscar.certify.branches import BranchCounter
from pvbesscar.controllers.base import Acting, Controller
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.plant.observation import observation_names
from pvbesscar.plant.simulator import Hour, Simulator
from pvbesscar.plant.state import PlantState, Setpoints, observation, setpoints
from pvbesscar.plant.twin import Twin
from schemas.settings import Mode

UNITS: Final = {
    "hour": "h",
    "vehicle_soc": "1",
    "bess_soc": "1",
    "delivered_kwh": "kWh",
    "last_import_kwh": "kWh",
    "last_net_kwh": "kWh",
    "feasible": "1",
    "demand_kw": "kW",
    "observation": "1",
    "ledger": "the column's",
    "reward": "1",
    "ended": "1",
}
"""What is compared after every hour, with its unit."""

_Array = NDArray[Any]
_Observation = NDArray[np.float32]


@dataclass(slots=True)
class Gap:
    """Largest difference of one quantity over the hours compared.

    Attributes
    ----------
    max_abs
        Largest absolute difference; NaN where one side is not a number. It is 0 where only the signs of zeros differ.
    hours
        Number of hours that differ in at least one bit.
    first_hour
        First hour of the year that differs.
    where
        Entry that differs most in that hour: the socket's number, the name of the observation or ledger column.
    """

    max_abs: float = 0.0
    hours: int = 0
    first_hour: int | None = None
    where: str = ""

    @property
    def equal(self) -> bool:
        """Whether every bit was equal in every hour."""
        return self.hours == 0


@dataclass(slots=True)
class Differences:
    """What a comparison found.

    Attributes
    ----------
    policy, start, hours
        Name of the controller, first hour of the year, and number of hours compared.
    compiled
        Whether the second simulator made its own setpoints from the actions, in compiled code.
    gaps
        Largest difference of each quantity of `UNITS`.
    totals
        Largest relative difference of a ledger column's sum.
    branches
        Number of hours (for sessions: of sessions) in which each branch of the physics was reached.
    """

    policy: str
    start: int
    hours: int = 0
    compiled: bool = False
    gaps: dict[str, Gap] = field(default_factory=lambda: {name: Gap() for name in UNITS})
    totals: float = 0.0
    branches: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether everything was equal, bit for bit."""
        return all(gap.equal for gap in self.gaps.values())

    @property
    def first(self) -> str | None:
        """Text that names the earliest difference, `None` where there is none."""
        found = [(gap.first_hour, name, gap) for name, gap in self.gaps.items() if gap.first_hour is not None]
        if not found:
            return None
        hour, name, gap = min(found, key=lambda entry: entry[0])
        return f"hour {hour}: {name}{f' ({gap.where})' if gap.where else ''}, up to {gap.max_abs:.3g} {UNITS[name]}"

    def note(self, hour: int, name: str, ours: _Array, theirs: _Array, entries: tuple[str, ...] = ()) -> None:
        """Compare one quantity of an hour and keep what differs."""
        # Bytes, not values: 0.0 and -0.0 differ, a NaN equals itself.
        if ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes():
            return
        gap = self.gaps[name]
        gap.hours += 1
        distance = np.abs(np.atleast_1d(ours).astype(np.float64) - np.atleast_1d(theirs).astype(np.float64))
        # NaN is the worst difference of all: `max` of NumPy carries it on.
        gap.max_abs = float(np.maximum(gap.max_abs, distance.max()))
        if gap.first_hour is None:
            worst = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
            gap.first_hour = hour
            gap.where = entries[worst] if entries else (f"socket {worst}" if distance.size > 1 else "")


class InMode:
    """A simulator with another meaning of the battery's action: the physics know only setpoints.

    Saves a second CityLearn: loading 128 sockets takes 11 s.

    Parameters
    ----------
    simulator
        The simulator.
    mode
        What an action means to policies that look at `state` and `data`.
    """

    def __init__(self, simulator: Simulator, mode: Mode) -> None:
        self._simulator = simulator
        self._data = simulator.data.with_mode(mode)

    @property
    def data(self) -> PlantData:
        """The year that is simulated, in this mode."""
        return self._data

    @property
    def state(self) -> PlantState:
        """State at the hour about to be decided, in this mode."""
        return replace(self._simulator.state, data=self._data)

    def reset(self, start: int = 0, hours: int | None = None) -> PlantState:
        """Begin an episode; see `Simulator`."""
        return replace(self._simulator.reset(start, hours), data=self._data)

    def step(self, setpoints: Setpoints) -> Hour:
        """Run the hour with the setpoints given."""
        return self._simulator.step(setpoints)


def compare(
    reference: Simulator,
    twin: Twin,
    policy: Controller,
    start: int,
    hours: int,
    on_hour: Callable[[], None] | None = None,
) -> Differences:
    """Run a simulator and the twin with the same controller and compare them after every hour.

    The controller sees the state of `reference` alone, and both get its setpoints. From a controller that acts the twin
    gets the *action*, and makes setpoints, energies and observation of it in compiled code, as in training: the
    decision is compared as well.

    Compared before every hour: the state (vehicles' and battery's SOC, energies delivered, last import and net
    exchange, feasibility, demand seen by each charge) and the observation; after it: ledger row, reward, energy of each
    socket, and whether the episode ended. Equal means every bit.

    Parameters
    ----------
    reference, twin
        Simulators of the same year in the same mode.
    policy
        The controller.
    start, hours
        The episode: first hour of the year, length.
    on_hour
        Called after every hour.
    """
    found = Differences(policy.name, start, compiled=isinstance(policy, Acting))
    policy.reset()
    reference.reset(start, hours)
    twin.reset(start, hours)
    p = reference.data.params
    names = observation_names(p.sockets, p.sockets_per_charger)
    seen = observation(twin.state)
    counter = BranchCounter(reference.data)
    totals = np.zeros((2, len(LEDGER_COLUMNS)))
    for _ in range(hours):
        state = reference.state
        _compare_states(found, state, twin.state, seen, names)
        asked, ours, theirs, seen = _one_hour(reference, twin, policy, seen)
        _compare_hours(found, ours, theirs)
        totals += (ours.row, theirs.row)
        found.hours += 1
        counter.count(state, asked, ours)
        if on_hour is not None:
            on_hour()
        if ours.done or theirs.done:
            break
    found.branches = counter.counts
    found.totals = float(np.max(np.abs(totals[0] - totals[1]) / np.maximum(np.abs(totals[0]), 1.0)))
    return found


def _one_hour(
    reference: Simulator, twin: Twin, policy: Controller, seen: _Observation
) -> tuple[Setpoints, Hour, Hour, _Observation]:
    """Run an hour on both; returns the setpoints, both hours and the twin's next observation."""
    state, t = reference.state, twin.state.t
    if not isinstance(policy, Acting):
        asked = policy.decide(state)
        ours, theirs = reference.step(asked), twin.step(asked)
        return asked, ours, theirs, seen if theirs.done else observation(twin.state)
    action, seen = policy.action(state), seen.copy()
    asked = setpoints(state, action)
    ours, done = reference.step(asked), twin.act(action, seen)
    # The energy of each socket shows in the next state; until then the row's sum stands for it.
    return asked, ours, Hour(t, twin.row.copy(), twin.reward, ours.socket_kwh, done), seen


def _compare_states(
    found: Differences, ours: PlantState, theirs: PlantState, seen: _Observation, names: tuple[str, ...]
) -> None:
    found.note(ours.t, "hour", np.array([ours.t, ours.first]), np.array([theirs.t, theirs.first]))
    found.note(ours.t, "vehicle_soc", ours.soc, theirs.soc)
    for name in ("bess_soc", "delivered_kwh", "last_import_kwh", "last_net_kwh", "feasible", "demand_kw"):
        found.note(ours.t, name, np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name)))
    found.note(ours.t, "observation", observation(ours), seen, names)


def _compare_hours(found: Differences, ours: Hour, theirs: Hour) -> None:
    found.note(ours.t, "ledger", ours.row, theirs.row, LEDGER_COLUMNS)
    for name, part in (("hour", "t"), ("reward", "reward"), ("delivered_kwh", "socket_kwh"), ("ended", "done")):
        found.note(ours.t, name, np.asarray(getattr(ours, part)), np.asarray(getattr(theirs, part)))
