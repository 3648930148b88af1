"""A study from its beginning, or from where it was left, to `study.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pvbesscar.agents.artifacts import prove_dataset, read_metrics, versions
from pvbesscar.controllers.registry import OPTIMUM
from pvbesscar.dataset.scenarios import POOLS, ScenarioStore
from pvbesscar.evaluation.evaluate import EvaluationRequest, plan_of
from pvbesscar.evaluation.parallel import EvaluationPlan
from pvbesscar.evaluation.samples import source_weeks
from pvbesscar.plant.certificate import require_certificate
from pvbesscar.plant.data import load_plant
from pvbesscar.store.files import read_stored, write_text
from pvbesscar.store.stamps import machine, stamp
from pvbesscar.store.workspace import Workspace
from pvbesscar.study.figures import learning, study_set
from pvbesscar.study.jobs import IMITATION, JUDGING_CODE, Job, read_result, result_file
from pvbesscar.study.models import begins_as_imitation
from pvbesscar.study.processes import do_all, do_here
from pvbesscar.study.recipe import RESULT_FILE, StudyRequest, claim, digest_of
from schemas.errors import ConfigError, SimulationError
from schemas.progress import OnProgress
from schemas.results import TrainingMetrics
from schemas.studies import Judged, Study, ensemble_of

JUDGED_ON = ("test", "perturbed")
"""Sets of years that a study judges on; those by which agents were chosen are none of them."""
MAX_WORKERS = 2
"""Processes at once: each holds a training of 1 to 2 GB."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """The study that leaves nothing out, and what its agents were judged to be worth; nothing where there is none."""

    name: str | None = None
    judged: Sequence[Judged] = ()


def conduct(
    request: StudyRequest, workspace: Workspace, on_progress: OnProgress | None = None, workers: int | None = None
) -> Study:
    """Train every agent with every seed, judge all controllers, and write `study.json`.

    What an earlier call has trained or judged with the same settings, dataset and code is kept. The models of the
    project are not touched.

    Parameters
    ----------
    on_progress
        Told about once a second how many jobs are done.
    workers
        Processes at once; 1 works in this process. Default: two where there are two cores.

    Raises
    ------
    StaleError
        No dataset, one of other settings, or no certificate of the twin.
    ConfigError
        The dataset has no test years, the study's folder is another study's, or the study to compare with is not whole.
    SimulationError
        A controller could not be judged, or a process died.
    """
    settings = request.settings
    prove_dataset(settings, workspace)
    if settings.training.simulator == "twin":
        require_certificate(workspace)
    if not ScenarioStore(workspace.dataset).names("test"):
        raise ConfigError(
            "a study judges on the test years, and the dataset has none.",
            hint="set `scenarios.test` above 0 and run `pvbesscar build --config CONFIG` again.",
        )
    dataset_digest = load_plant(workspace.dataset).digest
    claim(request, workspace, dataset_digest)
    # Before hours of training: what it is compared with may be damaged.
    whole = _whole(request, workspace, dataset_digest)
    controllers = settings.profile(request.profile).controllers
    own = EvaluationRequest(request.profile, controllers, JUDGED_ON)
    plan = plan_of(settings, workspace, own, on_progress)
    jobs = _jobs(request, plan)
    if workers is None:
        workers = min(MAX_WORKERS, os.cpu_count() or 1)
    if workers == 1:
        failed = do_here(request, plan, jobs, on_progress)
    else:
        failed = do_all(request, plan, jobs, workers, on_progress)
    needed = {job.label for job in jobs if job.agent is None}
    of_controllers = {label: why for label, why in failed.items() if label in needed}
    if of_controllers:
        told = "; ".join(f"{label}: {why}" for label, why in of_controllers.items())
        raise SimulationError(f"the study is not whole: {told}")
    study = _study(request, plan, jobs, failed, whole)
    write_text(request.folder(workspace) / RESULT_FILE, study.model_dump_json(indent=1) + "\n")
    return study


def _jobs(request: StudyRequest, plan: EvaluationPlan) -> list[Job]:
    """All jobs, the longest first; the seeds of an agent one after another, so that each makes its start by itself.

    Ensembles come last: they are of what was trained. Networks that decide the 129 actions have none.
    """
    agents, imitates = request.settings.training.agents, begins_as_imitation(request.settings, request.profile)
    trained = [
        Job(agent, agent, seed, and_beginning=imitates and agent == agents[0])
        for agent in agents
        for seed in request.training_seeds
    ]
    others = [Job(spec.name) for spec in plan.specs if spec.agent is None]
    seeds = request.training_seeds
    of_targets = request.settings.trained_as(request.profile).training.policy == "import_target"
    ensembles = [Job(ensemble_of(agent), agent, members=seeds) for agent in agents if of_targets and len(seeds) > 1]
    return [*trained, *sorted([*others, Job(OPTIMUM)], key=lambda job: -job.cost), *ensembles]


def _study(
    request: StudyRequest, plan: EvaluationPlan, jobs: Sequence[Job], failed: dict[str, str], whole: _Whole
) -> Study:
    settings, workspace = request.settings, plan.workspace
    store, nominal = ScenarioStore(workspace.dataset), load_plant(workspace.dataset)
    judged = _results(request, plan, jobs, failed)
    sets = {which: names for which, names in plan.sets.items() if names}
    return Study(
        name=request.name,
        scenario=settings.name,
        profile=request.profile,
        mode="bidirectional" if nominal.params.bidirectional else "dispatch",
        forecast=nominal.forecast_kind,
        without=request.without,
        whole=whole.name,
        overrides=request.overrides,
        seeds=request.training_seeds,
        agents=settings.training.agents,
        steps=settings.profile(request.profile).steps,
        dataset_digest=nominal.digest,
        settings_digest=digest_of(settings),
        code=stamp(*JUDGING_CODE),
        versions=versions(),
        processor=machine(),
        # Perturbed years are of several plants and of the same weeks: they are no sample.
        sets=tuple(
            study_set(which, names, judged, source_weeks(store, names) if which in POOLS else None, whole.judged)
            for which, names in sets.items()
        ),
        learning=tuple(
            learning(agent, metrics)
            for agent in settings.training.agents
            if (metrics := _metrics(request, workspace, [job for job in jobs if job.agent == agent], failed))
        ),
        failed=failed,
        not_judged=plan.missing,
    )


def _results(request: StudyRequest, plan: EvaluationPlan, jobs: Sequence[Job], failed: dict[str, str]) -> list[Judged]:
    folder = request.folder(plan.workspace)
    return [
        _found(result_file(folder, name, job.seed))
        for job in jobs
        if job.label not in failed
        for name in (job.controller, *([IMITATION] if job.and_beginning else []))
    ]


def _found(path: Path) -> Judged:
    found = read_result(path)
    if found is None:
        raise SimulationError(f"{path} was removed or damaged while the study ran.", hint="give the command again.")
    return found


def _whole(request: StudyRequest, workspace: Workspace, dataset_digest: str) -> _Whole:
    """Study of the same command without `--without`, where it was made on this dataset and all its trainings ended.

    Raises
    ------
    ConfigError
        The result of a study is no result, or those of its agents are gone.
    """
    if request.whole is None:
        return _Whole()
    asked = (request.profile, request.training_seeds, dataset_digest, digest_of(request.whole))
    for path in sorted(workspace.study(request.name).parent.glob(f"*/{RESULT_FILE}")):
        try:
            study = Study.model_validate_json(read_stored(path))
        except ValidationError:
            raise ConfigError(f"{path} is damaged.", hint="give the command of that study again.") from None
        own = study.profile, study.seeds, study.dataset_digest, study.settings_digest
        if own == asked and not study.without and not study.failed:
            return _Whole(study.name, _trained(study, workspace))
    return _Whole()


def _trained(study: Study, workspace: Workspace) -> list[Judged]:
    """What the agents and ensembles of a finished study were judged to be worth."""
    folder = workspace.study(study.name)
    files = [
        result_file(folder, name, seed)
        for name in study.trained
        if (entry := study.sets[0].entry(name)) is not None
        for seed in entry.seeds or (None,)
    ]
    found = [one for path in files if (one := read_result(path)) is not None]
    if len(found) < len(files):
        raise ConfigError(
            f"{folder}, which the study is compared with, lacks results of its agents.",
            hint="give the command of that study again, or remove its folder.",
        )
    return found


def _metrics(
    request: StudyRequest, workspace: Workspace, jobs: Sequence[Job], failed: Mapping[str, str]
) -> dict[int, TrainingMetrics]:
    found = {}
    for job in jobs:
        if job.label not in failed and job.agent is not None and job.seed is not None:
            own = read_metrics(job.agent, request.place(workspace, job.seed))
            assert own is not None
            found[job.seed] = own
    return found
