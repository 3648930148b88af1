"""The `certify` stage: the twin proven equal to CityLearn on the dataset that agents train on."""

from __future__ import annotations

import itertools
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pvbesscar import plant
from pvbesscar.agents.artifacts import prove_dataset, read_metrics
from pvbesscar.certify.branches import DESCRIPTIONS, contained
from pvbesscar.certify.compare import UNITS, Differences, InMode, compare
from pvbesscar.certify.plan import Run, plan_runs
from pvbesscar.controllers.policy import Predictor
from pvbesscar.plant.certificate import package_versions
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.twin import Twin
from pvbesscar.store.files import sha256_file, write_text
from pvbesscar.store.stamps import machine
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate, CertifiedRun, QuantityDifference
from schemas.progress import OnProgress, Progress, ProgressReporter
from schemas.settings import Settings


def certify(
    settings: Settings,
    workspace: Workspace,
    *,
    full: bool = False,
    on_progress: OnProgress | None = None,
) -> Certificate:
    """Run CityLearn and the twin with the same controllers on the dataset, and write how they compare.

    Eight controllers: idle, full charge, full discharge, alternating extremes, random, no control, rule, and `swing`,
    whose setpoints go beyond what an action can ask for; those that act run in both modes. By default they run on a few
    windows that hold every kind of session and hour of this year, some 6,000 hours together, less than a minute on 128
    sockets. With `full` they run the whole year, and the trained agents of this dataset do too, some 15 minutes.

    State, observation, ledger row and reward of every hour are compared bit by bit, and the sums of the ledger's
    columns. Controllers that act decide on the twin in compiled code, as in training.

    `workspace.certificate` is written when all runs are done, whatever the verdict; `require_certificate` refuses a
    verdict other than `equal`.

    Parameters
    ----------
    settings, workspace
        The scenario, its dataset built.
    full
        The whole year instead of windows.
    on_progress
        Told about once a second how many hours are compared.

    Returns
    -------
    Certificate
        Verdict, differences per quantity, runs, branches reached, digests and versions.

    Raises
    ------
    StaleError
        No dataset, or one of other settings.
    SimulationError
        CityLearn can not be loaded, or its ledger does not close.
    """
    manifest = prove_dataset(settings, workspace)
    began = time.monotonic()
    if on_progress is not None:
        on_progress(Progress(0, 0, 0.0, "", "loading CityLearn"))
    simulator = CityLearnSim(workspace.dataset)
    models = _models(settings, workspace, manifest.digest) if full else {}
    runs = plan_runs(simulator.data, settings.seed, models, full=full)
    progress = ProgressReporter(sum(run.hours for run in runs), "hours compared", on_progress)
    hours = itertools.count(1)
    found = [(run, _one_run(simulator, run, lambda message: progress.report(next(hours), message))) for run in runs]
    branches = _branches([differences for _, differences in found])
    certificate = Certificate(
        scenario=settings.name,
        scope="year" if full else "windows",
        verdict="equal" if all(differences.equal for _, differences in found) else "not equal",
        dataset_digest=manifest.digest,
        plant_code_digest=plant.code_digest(),
        versions=package_versions(),
        platform=f"{machine()}, {platform.machine()} {platform.system()}, Python {platform.python_version()}",
        differences=tuple(_over_all(name, found) for name in UNITS),
        runs=tuple(_certified(run, differences) for run, differences in found),
        hours=sum(differences.hours for _, differences in found),
        branches=branches,
        branches_missed=tuple(name for name in contained(simulator.data) if name not in branches),
        seconds=round(time.monotonic() - began, 3),
    )
    write_text(workspace.certificate, certificate.model_dump_json(indent=2) + "\n")
    return certificate


def _models(settings: Settings, workspace: Workspace, dataset_digest: str) -> Mapping[str, Predictor]:
    """Trained agents of this dataset; any length of training serves."""
    able = [
        agent
        for agent in settings.training.agents
        if (metrics := read_metrics(agent, workspace)) is not None
        and metrics.dataset_digest == dataset_digest
        and workspace.final_model(agent).is_file()
        and sha256_file(workspace.final_model(agent)) == metrics.model_sha256
    ]
    if not able:
        return {}
    from pvbesscar.agents.factory import judged, load_agent  # noqa: PLC0415 (imports torch and Stable-Baselines3, 4 s)

    return {agent: judged(load_agent(agent, workspace.final_model(agent))) for agent in able}


def _one_run(simulator: CityLearnSim, run: Run, report_hour: Callable[[str], None]) -> Differences:
    reference = InMode(simulator, run.mode)
    message = f"{run.policy.name}, {run.mode}"
    return compare(reference, Twin(reference.data), run.policy, run.start, run.hours, lambda: report_hour(message))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _certified(run: Run, differences: Differences) -> CertifiedRun:
    return CertifiedRun(
        policy=run.policy.name,
        mode=run.mode,
        start=run.start,
        hours=differences.hours,
        compiled=differences.compiled,
        equal=differences.equal,
        first_difference=differences.first,
        totals_difference=_finite(differences.totals),
    )


def _over_all(name: str, found: Sequence[tuple[Run, Differences]]) -> QuantityDifference:
    """Difference of one quantity over all runs."""
    gaps = [(run, differences.gaps[name]) for run, differences in found]
    first = next((entry for entry in gaps if not entry[1].equal), None)
    first_run = None if first is None else f"{first[0].policy.name} ({first[0].mode}), hour {first[1].first_hour}"
    if first is not None and first[1].where:
        first_run = f"{first_run}, {first[1].where}"
    return QuantityDifference(
        quantity=name,
        unit=UNITS[name],
        equal=first is None,
        max_abs=_finite(float(np.max([gap.max_abs for _, gap in gaps]))),
        hours=sum(gap.hours for _, gap in gaps),
        first_run=first_run,
    )


def _branches(found: Sequence[Differences]) -> dict[str, int]:
    """How often each branch was reached over all runs, in the order of `DESCRIPTIONS`."""
    counts = {name: sum(differences.branches.get(name, 0) for differences in found) for name in DESCRIPTIONS}
    return {name: count for name, count in counts.items() if count}
