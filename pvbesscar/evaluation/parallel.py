"""Simulation of every controller on every scenario, and the optimum of each, in this process or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any

from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import NOMINAL, ScenarioStore
from pvbesscar.evaluation.bound import Bound, bound_of
from pvbesscar.evaluation.cases import EvaluationCase, SimulatedCase
from pvbesscar.evaluation.citylearn_kpis import citylearn_check, citylearn_sums, require_equal
from pvbesscar.evaluation.fitting import fitted_for, is_fitted
from pvbesscar.evaluation.specifications import ControllerSpec, controller_of, policy_of
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import PlantParams
from pvbesscar.plant.simulator import Simulator
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout, rollout_together
from pvbesscar.simulation.windows import Stretch
from pvbesscar.store.workspace import Workspace
from schemas.errors import SimulationError
from schemas.progress import OnProgress, ProgressReporter
from schemas.results import CityLearnCheck
from schemas.settings import HOURS_PER_YEAR, Settings

CITYLEARN_COST = 100
"""Time that CityLearn and its `evaluate_v2` take for an hour, relative to an hour of a rule on the twin."""
YEARS_KEPT = 16
"""Years that a process holds in memory, some 20 MB each: loading one takes as long as the rule's year on the twin."""
STOPPED = -1
"""Hours in the shared counter that tell workers to end."""

CountWork = Callable[[int, int], None]
"""Counts simulated hours, with the cost of each relative to an hour of a rule on the twin."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Work of one process: a controller on some cases, or (`spec` is `None`) the optimum of one case.

    With `check` the controller runs on the checked hours of its case, on the twin and on CityLearn.
    """

    cases: tuple[EvaluationCase, ...]
    spec: ControllerSpec | None
    check: bool = False

    @property
    def cost(self) -> int:
        """Time of a simulated hour, relative to an hour of a rule on the twin."""
        if self.spec is None:
            return 1
        on_citylearn = self.check or self.cases[0].simulator == "citylearn"
        return CITYLEARN_COST if on_citylearn else registry.COST.get(self.spec.name, 1)

    @property
    def hours(self) -> int:
        """Hours to simulate."""
        return sum(s.hours for case in self.cases for s in (case.checked if self.check else case.stretches))

    @property
    def label(self) -> str:
        """Controller and scenarios, for an error message."""
        who = "the optimum" if self.spec is None else f"`{self.spec.name}`"
        return f"{who} on {'; '.join(case.key for case in self.cases)}"


WorkResult = dict[str, SimulatedCase] | CityLearnCheck | Bound
"""Result of a work item: simulated cases by their key, the sums of a check, or the optimum."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Which controllers are simulated on which cases; it is sent to the worker processes.

    Attributes
    ----------
    sets
        Names of the scenarios of each set, or single scenario, that was asked for.
    missing
        Controllers that can not be evaluated, with the reason.
    variants
        The validated year under other weights, for the optimum, and with the guard on and off, for controllers.
    fitted
        What controllers learned from training years; `None` where it is still to be fitted, or none learns.
    """

    settings: Settings
    workspace: Workspace
    profile: str
    cases: tuple[EvaluationCase, ...]
    sets: dict[str, tuple[str, ...]]
    specs: tuple[ControllerSpec, ...]
    missing: dict[str, str]
    fitted: Fitted | None
    variants: tuple[EvaluationCase, ...] = ()

    def waits_for_fit(self, item: WorkItem) -> bool:
        """Whether a work item needs what is not fitted yet."""
        return self.fitted is None and item.spec is not None and is_fitted(item.spec)

    def work_items(self) -> list[WorkItem]:
        """All work, the slowest first, so that no process ends long after the others."""
        solved = [case for case in self.variants if case.variant is not None and case.variant.weights is not None]
        judged = (*self.cases, *(case for case in self.variants if case not in solved))
        on_twin = tuple(case for case in judged if case.simulator == "twin")
        items: list[WorkItem] = []
        for spec in self.specs:
            alone = [case for case in judged if spec.agent is None or case.simulator == "citylearn"]
            items += [WorkItem((case,), spec) for case in alone]
            # A neural network decides for all years of a set in one call.
            if spec.agent is not None and on_twin:
                items.append(WorkItem(on_twin, spec))
            items += [WorkItem((case,), spec, check=True) for case in self.cases if case.checked]
        items += [WorkItem((case,), None) for case in (*self.cases, *solved)]
        return sorted(items, key=lambda item: -item.cost)


class CaseSimulator:
    """Simulates work items in one process; each year, and CityLearn, is loaded when it is first needed."""

    def __init__(self, plan: EvaluationPlan, count: CountWork, nominal: Simulator | None = None) -> None:
        self.plan, self.count = plan, count
        self._store: ScenarioStore | None = None
        self._years: dict[str, PlantData] = {} if nominal is None else {NOMINAL: nominal.data}
        self._citylearn = nominal if isinstance(nominal, CityLearnSim) else None

    def fit(self) -> Fitted | None:
        """Fit the controllers that learn from training years."""
        plan = self.plan
        return fitted_for(plan.specs, plan.settings, plan.workspace, ScenarioStore(plan.workspace.dataset))

    def simulate(self, item: WorkItem) -> WorkResult:
        """Do the work of an item."""
        first = item.cases[0]
        if item.spec is None:
            return self._solve(first, item.cost)
        if item.check:
            return self._check(item.spec, first, item.cost)
        if item.spec.agent is not None and first.simulator == "twin":
            return self._simulate_together(item.spec, item.cases, item.cost)
        return {first.key: self._simulate(item.spec, first, item.cost)}

    def _data(self, case: EvaluationCase) -> PlantData:
        year = self._year(case.scenario)
        return year if case.variant is None else case.variant.applied(year)

    def _year(self, scenario: str) -> PlantData:
        if scenario not in self._years:
            if self._store is None:
                self._store = ScenarioStore(self.plan.workspace.dataset)
            while len(self._years) >= YEARS_KEPT:
                self._years.pop(next(iter(self._years)))  # the oldest
            self._years[scenario] = self._store.load(scenario)
        return self._years[scenario]

    def _simulator(self, case: EvaluationCase) -> Simulator:
        if case.simulator == "twin":
            return Twin(self._data(case))
        if self._citylearn is None:
            self._citylearn = CityLearnSim(self.plan.workspace.dataset)
        return self._citylearn

    def _controller(self, spec: ControllerSpec, simulator: Simulator) -> Controller:
        plan = self.plan
        return controller_of(spec, plan.settings, plan.workspace, plan.profile, simulator, plan.fitted)

    def _solve(self, case: EvaluationCase, cost: int) -> Bound:
        data, own = self._data(case), None if case.variant is None else case.variant.weights
        self.count(0, cost)  # ends here where another process has failed: the solver can not be interrupted
        bound = bound_of(data, case.stretches, own or self.plan.settings.weights)
        self.count(sum(stretch.hours for stretch in case.stretches), cost)
        # Nobody reads the hours of a variant, and a year of them is slow to send.
        return bound if own is None else replace(bound, ledgers=())

    def _simulate(self, spec: ControllerSpec, case: EvaluationCase, cost: int) -> SimulatedCase:
        simulator = self._simulator(case)
        controller = self._controller(spec, simulator)
        ledgers, sums = [], []
        for stretch in case.stretches:
            ledgers.append(
                rollout(simulator, controller, stretch.start, stretch.hours, lambda _done: self.count(1, cost))
            )
            if isinstance(simulator, CityLearnSim):
                sums.append(citylearn_sums(simulator))
        return SimulatedCase(tuple(ledgers), citylearn_check(case.stretches, ledgers, sums) if sums else None)

    def _check(self, spec: ControllerSpec, case: EvaluationCase, cost: int) -> CityLearnCheck:
        run = self._simulate(spec, replace(case, simulator="citylearn", stretches=case.checked), cost)
        twin = Twin(self._year(case.scenario))
        controller = self._controller(spec, twin)
        for stretch, ledger in zip(case.checked, run.ledgers, strict=True):
            require_equal(stretch, spec.name, rollout(twin, controller, stretch.start, stretch.hours), ledger)
        assert run.citylearn is not None
        return run.citylearn

    def _simulate_together(
        self, spec: ControllerSpec, cases: Sequence[EvaluationCase], cost: int
    ) -> dict[str, SimulatedCase]:
        plan = self.plan
        years = {case.key: self._data(case) for case in cases}
        policy = policy_of(spec, plan.settings, plan.workspace, plan.profile, Twin(next(iter(years.values()))))
        # Years that run together are of one plant and have the same hours; a perturbed year has another plant.
        groups: dict[tuple[PlantParams, tuple[Stretch, ...]], list[str]] = {}
        for case in cases:
            groups.setdefault((years[case.key].params, case.stretches), []).append(case.key)
        results: dict[str, SimulatedCase] = {}
        for (_, stretches), names in groups.items():
            group = [years[name] for name in names]
            by_stretch = [
                rollout_together(group, policy, spec.name, stretch, lambda hours: self.count(hours, cost))
                for stretch in stretches
            ]
            for name, *ledgers in zip(names, *by_stretch, strict=True):
                results[name] = SimulatedCase(tuple(ledgers))
        return results


Results = dict[tuple[str, str], SimulatedCase]
"""Simulated cases by key and controller."""
Bounds = dict[str, Bound]
"""Optimum by the key of its case."""


def _collected(done: Sequence[tuple[WorkItem, WorkResult]]) -> tuple[Results, Bounds]:
    results: Results = {}
    bounds: Bounds = {}
    checks: dict[tuple[str, str], CityLearnCheck] = {}
    for item, result in done:
        scenario = item.cases[0].key
        if isinstance(result, Bound):
            bounds[scenario] = result
            continue
        assert item.spec is not None
        if isinstance(result, CityLearnCheck):
            checks[scenario, item.spec.name] = result
        else:
            results |= {(name, item.spec.name): case for name, case in result.items()}
    return results | {key: replace(results[key], citylearn=check) for key, check in checks.items()}, bounds


def simulate_here(
    plan: EvaluationPlan, on_progress: OnProgress | None, nominal: Simulator | None = None
) -> tuple[Results, Bounds]:
    """Simulate all work items in this process, the validated year on `nominal` where that is loaded already."""
    progress = _WorkProgress(plan, on_progress)
    simulator = CaseSimulator(plan, progress.count, nominal)
    return _collected([(item, simulator.simulate(item)) for item in plan.work_items()])


def simulate_all(plan: EvaluationPlan, workers: int, on_progress: OnProgress | None) -> tuple[Results, Bounds]:
    """Simulate all work items in worker processes.

    Raises
    ------
    SimulationError
        A controller could not be simulated to the end, or a worker died.
    """
    # Spawned, not forked: a fork of a process with torch's or Prefect's threads may hang.
    context = multiprocessing.get_context("spawn")
    counter = context.Array("q", 2)  # hours simulated, and these hours times their cost
    progress = _WorkProgress(plan, on_progress)
    with _ending_children(counter), ProcessPoolExecutor(workers, context, _start_worker, (plan, counter)) as pool:
        try:
            futures = _await(pool, plan, progress, counter)
        except BaseException:
            # Leaving the pool waits for what runs; the others stop at their next hour instead of their last.
            counter[0] = STOPPED
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return _collected([(item, future.result()) for future, item in futures.items()])


@contextmanager
def _ending_children(counter: SynchronizedArray[int]) -> Iterator[None]:
    """Terminate the workers a second after a failure: one that solves a linear program reads no counter."""
    before = set(multiprocessing.active_children())
    stop = threading.Event()

    def end() -> None:
        while not stop.wait(1.0):
            if counter[0] == STOPPED:
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()

    threading.Thread(target=end, daemon=True).start()
    try:
        yield
    finally:
        stop.set()


class _WorkProgress:
    """Progress in controller-years (controller-days where it is less than one year); the optimum counts as one."""

    def __init__(self, plan: EvaluationPlan, on_progress: OnProgress | None) -> None:
        items = plan.work_items()
        hours = sum(item.hours for item in items)
        in_years = hours >= HOURS_PER_YEAR
        self._unit_hours, unit = (HOURS_PER_YEAR, "controller-years") if in_years else (24, "controller-days")
        self._work = sum(item.hours * item.cost for item in items)
        self._reporter = ProgressReporter(hours / self._unit_hours, unit, on_progress)
        self._done = (0, 0)

    def count(self, hours: int, cost: int) -> None:
        """Add hours that were simulated in this process."""
        self.report(self._done[0] + hours, self._done[1] + hours * cost)

    def report(self, hours: int, work: int) -> None:
        """Report how many hours are simulated; the time left is forecast from their costs."""
        self._done = (hours, work)
        self._reporter.report(hours / self._unit_hours, "" if hours else "loading", work / self._work)


def _await(
    pool: ProcessPoolExecutor, plan: EvaluationPlan, progress: _WorkProgress, counter: SynchronizedArray[int]
) -> dict[Future[WorkResult], WorkItem]:
    """Have the work done: what waits for the fit, after it; the fit is begun first."""
    later = [item for item in plan.work_items() if plan.waits_for_fit(item)]
    fit = pool.submit(_fit) if later else None
    now = [item for item in plan.work_items() if not plan.waits_for_fit(item)]
    futures = {pool.submit(_simulate_item, item, plan.fitted): item for item in now}
    waiting: set[Future[Any]] = {*futures} if fit is None else {fit, *futures}
    while waiting:
        ended, waiting = wait(waiting, timeout=1.0)
        progress.report(counter[0], counter[1])
        for future in ended:
            try:
                done = future.result()
            except BrokenProcessPool as error:
                what = "the controllers were fitted" if future is fit else f"{futures[future].label} was simulated"
                raise SimulationError(
                    f"a worker process died while {what}; nothing was published.",
                    hint="it was killed, most often for memory (1 to 2 GB a worker): free some, and evaluate again.",
                ) from error
            if future is fit:
                fitted = {pool.submit(_simulate_item, item, done): item for item in later}
                futures |= fitted
                waiting |= {*fitted}
    return futures


# State of a worker process.
_simulator: CaseSimulator | None = None
_counter: SynchronizedArray[int] | None = None


def _start_worker(plan: EvaluationPlan, counter: SynchronizedArray[int]) -> None:
    global _simulator, _counter
    # Ctrl-C reaches every process of the terminal; the parent decides, and tells the workers by the counter.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _simulator, _counter = CaseSimulator(plan, _count), counter


def _end_with_parent() -> None:
    # A killed parent would leave its workers waiting for work for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)


def _count(hours: int, cost: int) -> None:
    assert _counter is not None
    with _counter.get_lock():
        if _counter[0] == STOPPED:
            raise SimulationError("stopped, for another controller could not be simulated.")
        values: Any = _counter.get_obj()  # each access to the array itself would take the lock anew
        values[0] += hours
        values[1] += hours * cost


def _fit() -> Fitted | None:
    assert _simulator is not None
    return _simulator.fit()


def _simulate_item(item: WorkItem, fitted: Fitted | None) -> WorkResult:
    assert _simulator is not None
    _simulator.plan = replace(_simulator.plan, fitted=fitted)
    return _simulator.simulate(item)
