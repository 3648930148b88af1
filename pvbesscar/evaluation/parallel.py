"""Simulate: every controller on every scenario, in worker processes, with the optimum of each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for_end
from typing import Any, Literal

from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import NOMINAL, ScenarioStore
from pvbesscar.evaluation.bound import Bound, bound_of
from pvbesscar.evaluation.citylearn_kpis import citylearn_check, citylearn_sums, require_equal
from pvbesscar.evaluation.specifications import ControllerSpec, controller_of, policy_of
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.simulator import Simulator
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import Ledger, rollout, rollout_together
from pvbesscar.simulation.windows import Stretch
from pvbesscar.store.workspace import Workspace
from schemas.errors import SimulationError
from schemas.progress import OnProgress, Progress
from schemas.results import CityLearnCheck
from schemas.settings import Settings

SimulatorName = Literal["citylearn", "twin"]
CITYLEARN_COST = 100
"""What an hour on CityLearn takes, with `evaluate_v2`, of what an hour of a rule on the twin does; for the progress."""

STOPPED = -1
"""Count of work that tells workers to end."""

CountWork = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """The hours of one year that all controllers are judged on, and what simulates them.

    Attributes
    ----------
    checked
        Hours that CityLearn simulates too, for every controller: it must agree with the twin.
    """

    scenario: str
    simulator: SimulatorName
    stretches: tuple[Stretch, ...]
    checked: tuple[Stretch, ...] = ()

    @property
    def hours(self) -> int:
        """Hours to simulate for one controller."""
        return sum(stretch.hours for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class Played:
    """What one controller did on one case."""

    ledgers: tuple[Ledger, ...]
    citylearn: CityLearnCheck | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Work of one process: a spec on some cases, or (without spec) the optimum of one.

    A round that is a `check` runs a spec on the checked hours of its case, on the twin and on CityLearn.
    """

    cases: tuple[Case, ...]
    spec: ControllerSpec | None
    check: bool = False

    @property
    def cost(self) -> int:
        """What an hour of it takes, in hours of a rule on the twin."""
        if self.check or self.cases[0].simulator == "citylearn":
            return CITYLEARN_COST if self.spec is not None else 1
        return registry.COST.get(self.spec.name, 1) if self.spec is not None else 1

    @property
    def work(self) -> int:
        """All that it takes, in the same unit."""
        stretches = [s for case in self.cases for s in (case.checked if self.check else case.stretches)]
        return self.cost * sum(stretch.hours for stretch in stretches)

    @property
    def label(self) -> str:
        """What it is, for an error."""
        who = "the optimum" if self.spec is None else f"`{self.spec.name}`"
        return f"{who} on {', '.join(case.scenario for case in self.cases)}"


Outcome = dict[str, Played] | CityLearnCheck | Bound


@dataclass(frozen=True, slots=True)
class Match:
    """Who is judged on what; travels to the worker processes."""

    settings: Settings
    workspace: Workspace
    profile: str
    cases: tuple[Case, ...]
    specs: tuple[ControllerSpec, ...]
    fitted: Fitted | None

    def rounds(self) -> list[Round]:
        """Work of all processes, the longest first; policies are run on all years of a set at once."""
        together = tuple(case for case in self.cases if case.simulator == "twin")
        rounds: list[Round] = []
        for spec in self.specs:
            alone = [case for case in self.cases if spec.agent is None or case.simulator == "citylearn"]
            rounds += [Round((case,), spec) for case in alone]
            if spec.agent is not None and together:
                rounds.append(Round(together, spec))
            rounds += [Round((case,), spec, check=True) for case in self.cases if case.checked]
        rounds += [Round((case,), None) for case in self.cases]
        return sorted(rounds, key=lambda own: -own.cost)

    @property
    def work(self) -> int:
        """What all rounds take, in hours of a rule on the twin."""
        return sum(own.work for own in self.rounds())


class Field:
    """What a process simulates on: each year and CityLearn are loaded when they are first asked for."""

    def __init__(self, match: Match, count: CountWork, nominal: Simulator | None = None) -> None:
        self.match, self.count = match, count
        self._store: ScenarioStore | None = None
        self._years: dict[str, PlantData] = {} if nominal is None else {NOMINAL: nominal.data}
        self._citylearn = nominal if isinstance(nominal, CityLearnSim) else None

    def year(self, scenario: str) -> PlantData:
        """Arrays of a scenario; only the last few are kept, for each takes some 20 MB."""
        if scenario not in self._years:
            if self._store is None:
                self._store = ScenarioStore(self.match.workspace.dataset)
            while len(self._years) > 3:
                self._years.pop(next(iter(self._years)))
            self._years[scenario] = self._store.load(scenario)
        return self._years[scenario]

    def simulator(self, case: Case) -> Simulator:
        """Simulator of a case."""
        return Twin(self.year(case.scenario)) if case.simulator == "twin" else self.citylearn()

    def citylearn(self) -> CityLearnSim:
        """CityLearn on the validated year."""
        if self._citylearn is None:
            self._citylearn = CityLearnSim(self.match.workspace.dataset)
        return self._citylearn

    def play(self, own: Round) -> Outcome:
        """Do the work of a round."""
        if own.spec is None:
            return self._solve(own.cases[0])
        if own.check:
            return self._check(own.spec, own.cases[0], own.cost)
        if len(own.cases) > 1 or (own.spec.agent is not None and own.cases[0].simulator == "twin"):
            return self._play_together(own.spec, own.cases)
        return {own.cases[0].scenario: self._play(own.spec, own.cases[0], own.cost)}

    def _solve(self, case: Case) -> Bound:
        data = self.year(case.scenario)
        self.count(0)
        bound = bound_of(data, case.stretches, self.match.settings.weights)
        self.count(case.hours)
        return bound

    def _play(self, spec: ControllerSpec, case: Case, cost: int) -> Played:
        simulator = self.simulator(case)
        controller = self._controller(spec, simulator)
        ledgers, sums = [], []
        for stretch in case.stretches:
            ledgers.append(rollout(simulator, controller, stretch.start, stretch.hours, lambda _done: self.count(cost)))
            if isinstance(simulator, CityLearnSim):
                sums.append(citylearn_sums(simulator))
        return Played(tuple(ledgers), citylearn_check(case.stretches, ledgers, sums) if sums else None)

    def _check(self, spec: ControllerSpec, case: Case, cost: int) -> CityLearnCheck:
        own = self._play(spec, replace(case, simulator="citylearn", stretches=case.checked), cost)
        twin = Twin(self.year(case.scenario))
        controller = self._controller(spec, twin)
        for stretch, ledger in zip(case.checked, own.ledgers, strict=True):
            require_equal(stretch, spec.name, rollout(twin, controller, stretch.start, stretch.hours), ledger)
        assert own.citylearn is not None
        return own.citylearn

    def _controller(self, spec: ControllerSpec, simulator: Simulator) -> Controller:
        match = self.match
        return controller_of(spec, match.settings, match.workspace, match.profile, simulator, match.fitted)

    def _play_together(self, spec: ControllerSpec, cases: Sequence[Case]) -> dict[str, Played]:
        match = self.match
        years = {case.scenario: self.year(case.scenario) for case in cases}
        policy = policy_of(spec, match.settings, match.workspace, match.profile, Twin(next(iter(years.values()))))
        played: dict[str, Played] = {}
        for plant in dict.fromkeys(year.params for year in years.values()):
            for stretches in dict.fromkeys(case.stretches for case in cases):
                alike = [c for c in cases if years[c.scenario].params == plant and c.stretches == stretches]
                if not alike:
                    continue
                by_stretch = [
                    rollout_together([years[c.scenario] for c in alike], policy, spec.name, s, self.count)
                    for s in stretches
                ]
                for index, case in enumerate(alike):
                    played[case.scenario] = Played(tuple(ledgers[index] for ledgers in by_stretch))
        return played


Results = dict[tuple[str, str], Played]
Bounds = dict[str, Bound]


def _sorted_out(outcomes: Sequence[tuple[Round, Outcome]]) -> tuple[Results, Bounds]:
    results: Results = {}
    bounds: Bounds = {}
    checks: dict[tuple[str, str], CityLearnCheck] = {}
    for own, outcome in outcomes:
        if isinstance(outcome, Bound):
            bounds[own.cases[0].scenario] = outcome
            continue
        assert own.spec is not None
        if isinstance(outcome, CityLearnCheck):
            checks[own.cases[0].scenario, own.spec.name] = outcome
        else:
            results |= {(scenario, own.spec.name): played for scenario, played in outcome.items()}
    return results | {key: replace(results[key], citylearn=check) for key, check in checks.items()}, bounds


def play_here(match: Match, on_progress: OnProgress | None, nominal: Simulator | None = None) -> tuple[Results, Bounds]:
    """Play all rounds in this process, on `nominal` where it is loaded already."""
    teller = _Teller(match.work, on_progress)
    own = Field(match, teller.count, nominal)
    return _sorted_out([(work, own.play(work)) for work in match.rounds()])


def play(match: Match, workers: int, on_progress: OnProgress | None) -> tuple[Results, Bounds]:
    """Play all rounds in worker processes.

    Raises
    ------
    SimulationError
        A controller could not be simulated to the end, or a worker died.
    """
    # Spawned, not forked: a fork of a process with torch's or Prefect's threads may hang.
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    teller = _Teller(match.work, on_progress)
    with _ending_children(counter), ProcessPoolExecutor(workers, context, _enter, (match, counter)) as pool:
        futures = {pool.submit(_play_one, own): own for own in match.rounds()}
        try:
            _await(futures, teller, counter)
        except BaseException:
            # Leaving the pool waits for what runs; the others stop at their next hour instead of their last.
            counter.value = STOPPED
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return _sorted_out([(own, future.result()) for future, own in futures.items()])


@contextmanager
def _ending_children(counter: Any) -> Iterator[None]:  # noqa: ANN401
    """Let no worker outlive this block: one that solves a program hears of nothing until it has solved it."""
    before = set(multiprocessing.active_children())
    stop = threading.Event()

    def end() -> None:
        while not stop.wait(1.0):
            if counter.value == STOPPED:
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()

    watch = threading.Thread(target=end, daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()


class _Teller:
    """Tells how much work is done, at most once a second."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self.total, self.on_progress = total, on_progress
        self.done = 0
        self.began = self.told = time.monotonic()

    def count(self, work: int) -> None:
        self.tell(self.done + work)

    def tell(self, done: int) -> None:
        self.done, now = done, time.monotonic()
        if self.on_progress is not None and (now - self.told >= 1.0 or done == self.total):
            self.told = now
            message = "units of work" if done else "loading"
            self.on_progress(Progress(done, self.total, done / max(now - self.began, 1e-9), message))


def _await(futures: dict[Future[Outcome], Round], teller: _Teller, counter: Any) -> None:  # noqa: ANN401
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=1.0)
        teller.tell(counter.value)
        for future in ended:
            try:
                future.result()
            except BrokenProcessPool as error:
                raise SimulationError(
                    f"a worker process died while {futures[future].label} was judged; nothing was published.",
                    hint="it was killed, most often for memory (1 to 2 GB a worker): free some, and evaluate again.",
                ) from error


_field: Field | None = None
_counter: Any = None


def _enter(match: Match, counter: Any) -> None:  # noqa: ANN401
    global _field, _counter
    # Ctrl-C reaches every process of the terminal; the parent decides, and tells the workers by the counter.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _field, _counter = Field(match, _count), counter


def _end_with_parent() -> None:
    # A killed parent would leave its workers waiting for work for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)


def _count(work: int) -> None:
    with _counter.get_lock():
        if _counter.value == STOPPED:
            raise SimulationError("stopped, for another controller could not be simulated.")
        _counter.value += work


def _play_one(own: Round) -> Outcome:
    assert _field is not None
    return _field.play(own)
