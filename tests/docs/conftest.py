"""A small site's run, from its dataset to its page: what the docs say of files and pages is held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pvbesscar.agents.train import train_on
from pvbesscar.evaluation.evaluate import evaluate_on
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.run_manifest import write_manifest
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.report.publish import publish
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from tests.mini_site import mini_site


@dataclass(frozen=True)
class FinishedRun:
    """A run that reached its end."""

    workspace: Workspace
    page: Path


@pytest.fixture(scope="package")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Three agents trained for two days, judged and published; nobody may write to it."""
    settings = mini_site(tmp_path_factory.mktemp("docs"))
    workspace = Workspace.of(settings)
    simulator = CityLearnSim(workspace.dataset)
    job = RunContext(settings, "smoke", Path("config/test.yaml"), "test-smoke-0")
    job.pin()
    place = RunContext(settings, "smoke")
    for agent in settings.training.agents:
        with job.timed(f"train-{agent}"), recorded(f"train-{agent}", place):
            train_on(simulator, agent, settings, workspace, "smoke")
        job.write_progress(f"train-{agent}", Progress(48, 48, 1.0, agent))
    with job.timed("evaluate"):
        evaluate_on(simulator, settings, workspace, "smoke")
    with job.timed("publish"):
        page = publish(settings, workspace, "smoke", {})
    write_manifest(job, "completed")
    return FinishedRun(workspace, page)
