"""One piece of a study's work: an agent trained with one seed and judged, its beginning, a controller, the optimum.

Each leaves one small file, and is not done again while model, dataset, settings and code are the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pvbesscar.agents.artifacts import model_fault, read_metrics, versions
from pvbesscar.controllers import registry
from pvbesscar.dataset.scenarios import POOLS, ScenarioStore
from pvbesscar.evaluation.bound import Bound, reference_of
from pvbesscar.evaluation.cases import EvaluationCase, SimulatedCase
from pvbesscar.evaluation.courses import yearly_courses
from pvbesscar.evaluation.parallel import CaseSimulator, EvaluationPlan, WorkItem
from pvbesscar.evaluation.score import score, terms
from pvbesscar.evaluation.specifications import ControllerSpec, specification
from pvbesscar.plant.data import load_plant
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.store.files import read_stored, sha256_file, sha256_json, write_text
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.workspace import Workspace
from pvbesscar.study.recipe import StudyRequest
from schemas.errors import StaleError, TrainingError
from schemas.progress import OnProgress, Progress
from schemas.results import ControllerKind
from schemas.settings import Agent
from schemas.studies import Judged, JudgedYear
from schemas.terms import ScoreTerms

IMITATION = "imitation"
"""Name of what agents begin as, in tables and files."""
CODE_FILE = "code.json"
"""Code and package versions that a model was trained with, beside its metrics."""
LEARNING_CODE = (
    "pvbesscar.agents", "pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.envs",
    "pvbesscar.plant", "pvbesscar.simulation",
)  # fmt: skip
JUDGING_CODE = (*LEARNING_CODE, "pvbesscar.evaluation")
TRAINING_COST: dict[Agent, float] = {"sac": 8.0, "ppo": 3.0, "a2c": 3.0}
"""Time of a training and its judging, relative to a controller of the twin; for progress bars."""

Tell = Callable[[float, str], None]
"""Takes the share of a job that is done, and what it is at."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process does at a time: an agent with a seed, or (`agent` is `None`) a controller or the optimum."""

    controller: str
    agent: Agent | None = None
    seed: int | None = None
    and_beginning: bool = False
    """Whether what the agent began as is judged too: it is the same for all agents of a seed."""
    members: tuple[int, ...] = ()
    """Seeds of the trainings whose mean is judged, an ensemble."""

    @property
    def label(self) -> str:
        """Name for a person and for files."""
        return self.controller if self.seed is None else f"{self.controller}@{self.seed}"

    @property
    def cost(self) -> float:
        """Time that it takes, relative to a rule on the twin."""
        if self.agent is None or self.members:
            return registry.COST.get(self.controller, 1)
        return TRAINING_COST[self.agent]


def result_file(folder: Path, controller: str, seed: int | None) -> Path:
    """File of a controller's result."""
    return folder / "judged" / f"{controller if seed is None else f'{controller}@{seed}'}.json"


def read_result(path: Path) -> Judged | None:
    """Result in a file; `None` where there is none, or one that somebody damaged."""
    try:
        return Judged.model_validate_json(read_stored(path))
    except (FileNotFoundError, ValidationError, StaleError):
        return None


class Worker:
    """Does jobs in one process.

    Parameters
    ----------
    plan
        The years that are judged, for the settings of the first seed.

    Attributes
    ----------
    busy
        Whether a job is being done.
    leaving
        Whether the process was told to end.
    """

    def __init__(self, request: StudyRequest, plan: EvaluationPlan) -> None:
        self.request, self.plan = request, plan
        self.folder = request.folder(plan.workspace)
        self.busy = self.leaving = False
        self._idle: dict[str, Ledger] = {}
        self._references: dict[str, ScoreTerms] = {}

    def do(self, job: Job, tell: Tell) -> None:
        """Do a job, or what of it is not done yet."""
        self.busy = True
        try:
            self._do(job, tell)
        finally:
            self.busy = False

    def _do(self, job: Job, tell: Tell) -> None:
        if job.agent is None:
            key = sha256_json(None if self.plan.fitted is None else self.plan.fitted.model_dump(mode="json"))
            self._judge(job.controller, None, self.plan, _spec(job.controller), key, tell)
            return
        if job.members:
            self._judge_ensemble(job.controller, job.agent, job.members, tell)
            return
        assert job.seed is not None
        plan = self._of_seed(job.seed)
        self._train(job.agent, plan, lambda share, text: tell(0.7 * share, text))
        spec, key = specification(job.agent), sha256_file(plan.workspace.final_model(job.agent))
        self._judge(job.agent, job.seed, plan, spec, key, lambda share, text: tell(0.7 + 0.2 * share, text))
        if job.and_beginning:
            self._judge_beginning(job.agent, job.seed, plan, key, lambda share, text: tell(0.9 + 0.1 * share, text))

    def _of_seed(self, seed: int) -> EvaluationPlan:
        place = self.request.place(self.plan.workspace, seed)
        return replace(self.plan, settings=self.request.of_seed(seed), workspace=place)

    def _train(self, agent: Agent, plan: EvaluationPlan, tell: Tell) -> None:
        if not untrained_reason(agent, plan):
            return
        from pvbesscar.agents.train import train  # noqa: PLC0415, torch takes seconds, and controllers need none

        metrics = plan.workspace.training_metrics(agent)
        (metrics.parent / CODE_FILE).unlink(missing_ok=True)
        train(agent, plan.settings, plan.workspace, plan.profile, _telling(tell, f"trains {agent}"))
        write_text(metrics.parent / CODE_FILE, _trained_with() + "\n")

    def _judge_beginning(self, agent: Agent, seed: int, plan: EvaluationPlan, key: str, tell: Tell) -> None:
        """Judge what the agent began as, kept as a model of its own for the time of it."""
        path = result_file(self.folder, IMITATION, seed)
        if _is_of(path, self._digest(plan, key)):
            return
        from pvbesscar.study.models import save_beginning  # noqa: PLC0415, as above

        with self._place_of_its_own(IMITATION, seed) as place:
            save_beginning(agent, plan.settings, plan.workspace, plan.profile, place.final_model(agent))
            own = replace(plan, workspace=place)
            self._judge(IMITATION, seed, own, specification(agent), key, tell)

    def _judge_ensemble(self, name: str, agent: Agent, seeds: tuple[int, ...], tell: Tell) -> None:
        plans = [self._of_seed(seed) for seed in seeds]
        models = [plan.workspace.final_model(agent) for plan in plans if not untrained_reason(agent, plan)]
        if len(models) < 2:
            raise TrainingError(f"{len(models)} of {len(seeds)} trainings ended: too few for a mean.")
        key = sha256_json([sha256_file(model) for model in models])
        if _is_of(result_file(self.folder, name, None), self._digest(self.plan, key)):
            return
        from pvbesscar.study.models import save_ensemble  # noqa: PLC0415, as above

        nominal = load_plant(self.plan.workspace.dataset)
        with self._place_of_its_own(name, None) as place:
            save_ensemble(agent, self.plan.settings, self.plan.profile, nominal, models, place.final_model(agent))
            self._judge(name, None, replace(self.plan, workspace=place), specification(agent), key, tell)

    @contextmanager
    def _place_of_its_own(self, name: str, seed: int | None) -> Iterator[Workspace]:
        """The project with a folder of models for the time of a judgement."""
        folder = self.folder / (name if seed is None else f"seed-{seed}/{name}")
        try:
            yield self.plan.workspace.with_models(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _digest(self, plan: EvaluationPlan, key: str) -> str:
        weights = plan.settings.weights.model_dump(mode="json")
        names = [case.scenario for case in plan.cases]
        dataset = ScenarioStore(plan.workspace.dataset).digest
        return sha256_json([dataset, names, weights, key, code_digest(*JUDGING_CODE)])

    def _judge(
        self, name: str, seed: int | None, plan: EvaluationPlan, spec: ControllerSpec | None, key: str, tell: Tell
    ) -> None:
        path, digest = result_file(self.folder, name, seed), self._digest(plan, key)
        if _is_of(path, digest):
            return
        total, done = sum(stretch.hours for case in plan.cases for stretch in case.stretches), 0

        def count(hours: int, _cost: int) -> None:
            nonlocal done
            done += hours
            tell(done / total, f"judges {name}")

        simulator = CaseSimulator(plan, count)
        years, refused = [], None
        together: dict[str, SimulatedCase] = {}
        if spec is not None and spec.agent is not None:
            made = simulator.simulate(WorkItem(plan.cases, spec))
            assert isinstance(made, dict)
            together = made
        for case in plan.cases:
            result = together.get(case.key) or simulator.simulate(WorkItem((case,), spec))
            if isinstance(result, dict):
                result = result[case.key]
            if isinstance(result, Bound) and result.result is None:
                refused = result.refused
                break
            assert isinstance(result, SimulatedCase | Bound)
            years.append(self._year(simulator, case, result))
        kind: ControllerKind | Literal["bound"] = "bound" if spec is None else spec.kind
        if name == IMITATION:
            kind = "untrained"
        own = () if refused else tuple(years)
        judged = Judged(digest=digest, controller=name, kind=kind, seed=seed, years=own, refused=refused)
        write_text(path, judged.model_dump_json() + "\n")

    def _year(self, simulator: CaseSimulator, case: EvaluationCase, result: SimulatedCase | Bound) -> JudgedYear:
        reference, weights = self._reference(case), self.plan.settings.weights
        own = terms(result.ledgers)
        bound = result.result if isinstance(result, Bound) else None
        course: tuple[float, ...] = ()
        if case.scenario_set in POOLS:
            ledgers = {registry.NO_CONTROL: self._no_control(simulator, case)}
            if bound is None:
                ledgers["own"] = result.ledgers[0]
            courses = yearly_courses(ledgers, result if isinstance(result, Bound) else Bound(None), reference, weights)
            course = tuple(courses["own" if bound is None else registry.OPTIMUM].tolist())
        j = score(own, reference, weights) if bound is None else bound.bound
        return JudgedYear(
            scenario=case.scenario, score=j, terms=own, replay=None if bound is None else bound.replay, course=course
        )

    def _reference(self, case: EvaluationCase) -> ScoreTerms:
        """Scale of J on a year, kept for the jobs to come."""
        if case.scenario not in self._references:
            data = ScenarioStore(self.plan.workspace.dataset).load(case.scenario)
            self._references[case.scenario] = reference_of(data, case.stretches)
        return self._references[case.scenario]

    def _no_control(self, simulator: CaseSimulator, case: EvaluationCase) -> Ledger:
        """Ledger of no control, by which a year's days are scaled; kept for the jobs to come."""
        if case.scenario not in self._idle:
            quiet = CaseSimulator(simulator.plan, lambda _hours, _cost: None)
            made = quiet.simulate(WorkItem((case,), specification(registry.NO_CONTROL)))
            assert isinstance(made, dict)
            self._idle[case.scenario] = made[case.key].ledgers[0]
        return self._idle[case.scenario]


def untrained_reason(agent: Agent, plan: EvaluationPlan) -> str | None:
    """Why an agent must be trained; `None` where its model is there, whole, and of these settings and this code."""
    digest = ScenarioStore(plan.workspace.dataset).digest
    fault = model_fault(agent, plan.settings, plan.workspace, plan.profile, digest)
    metrics = read_metrics(agent, plan.workspace)
    if fault is not None or metrics is None:
        return fault
    path = plan.workspace.training_metrics(agent).parent / CODE_FILE
    return None if path.is_file() and path.read_text(encoding="utf-8").strip() == _trained_with() else "other code"


def _trained_with() -> str:
    return sha256_json([code_digest(*LEARNING_CODE), versions()])


def _is_of(path: Path, digest: str) -> bool:
    found = read_result(path)
    return found is not None and found.digest == digest


def _spec(controller: str) -> ControllerSpec | None:
    return None if controller == registry.OPTIMUM else specification(controller)


def _telling(tell: Tell, what: str) -> OnProgress:
    def report(progress: Progress) -> None:
        # The start counts in other units: its share is not that of the training.
        share = progress.done / progress.total if progress.unit == "steps" and progress.total else 0.0
        tell(min(1.0, share), what if progress.unit == "steps" else progress.message)

    return report
