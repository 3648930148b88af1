"""prefect.yaml on a fresh server: it deploys, its schedule makes runs, and a worker runs what is asked of it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.flows.conftest import ROOT, Server, stop, wait_for

pytestmark = pytest.mark.server


def _prefect(server: Server, *arguments: str) -> str:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployments(server: Server) -> dict[str, dict[str, Any]]:
    """Deployments of the server after `prefect --no-prompt deploy --all`, by name."""
    _prefect(server, "work-pool", "create", "pvbesscar", "--type", "process")
    _prefect(server, "deploy", "--all")
    return {deployment["name"]: deployment for deployment in server.ask("deployments/filter", {})}


@pytest.fixture(scope="module")
def worker(server: Server, deployments: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker that was started somewhere else than in the project."""
    elsewhere = tmp_path_factory.mktemp("worker")
    with (elsewhere / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "pvbesscar"],
            cwd=elsewhere, env=server.env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        yield
        stop(process)


def _order(server: Server, deployment: dict[str, Any], parameters: dict[str, Any]) -> str:
    """Ask for a run; return its id."""
    run = server.ask(
        f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    )
    return str(run["id"])


def _ended(server: Server, run_id: str) -> dict[str, Any] | None:
    (run,) = server.runs(id={"any_": [run_id]})
    return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED") else None


def test_the_file_names_no_path_of_one_machine() -> None:
    text = (ROOT / "prefect.yaml").read_text()
    assert str(ROOT) not in text
    assert ": /" not in text


def test_the_deployment_is_whole(deployments: dict[str, dict[str, Any]]) -> None:
    assert set(deployments) == {"pipeline"}
    pipeline = deployments["pipeline"]
    assert pipeline["entrypoint"] == "flows/pipeline.py:pipeline"
    assert pipeline["work_pool_name"] == "pvbesscar"
    assert pipeline["description"].startswith("From OE2 files to a published report")
    assert pipeline["parameters"] == {
        "config": "config/iquitos_mall.yaml", "overrides": [], "profile": "smoke", "sequential": False,
    }  # fmt: skip
    assert pipeline["global_concurrency_limit"]["limit"] == 1
    assert pipeline["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}]
    (schedule,) = pipeline["schedules"]
    assert schedule["schedule"] == {"cron": "0 2 * * *", "timezone": "America/Lima", "day_or": True}
    assert schedule["active"] is False
    profile = pipeline["parameter_openapi_schema"]["properties"]["profile"]
    assert profile["enum"] == ["smoke", "full"]


def test_a_schedule_creates_its_runs(server: Server, deployments: dict[str, dict[str, Any]]) -> None:
    """With sqlalchemy 2.1 the server runs but never makes them, and only its log says so."""
    pipeline = deployments["pipeline"]
    (schedule,) = pipeline["schedules"]
    _patch(server, f"deployments/{pipeline['id']}/schedules/{schedule['id']}", {"active": True})
    try:
        runs = wait_for(
            lambda: server.runs(deployment_id={"any_": [pipeline["id"]]}, state={"type": {"any_": ["SCHEDULED"]}}), 60
        )
    finally:
        _patch(server, f"deployments/{pipeline['id']}/schedules/{schedule['id']}", {"active": False})
    times = [dt.datetime.fromisoformat(run["expected_start_time"]).astimezone(ZoneInfo("America/Lima")) for run in runs]
    assert {(time.hour, time.minute) for time in times} == {(2, 0)}


def _patch(server: Server, path: str, change: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{server.url}/{path}", json.dumps(change).encode(), {"Content-Type": "application/json"}, method="PATCH"
    )
    with urllib.request.urlopen(request, timeout=30):
        pass


@pytest.mark.usefixtures("worker")
def test_a_worker_runs_the_deployment_in_the_project(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    missing = tmp_path / "pv.csv"
    overrides = [f"data.root={tmp_path}", "pv.source=file", f"pv.file={missing}"]
    order = _order(server, deployments["pipeline"], {"overrides": overrides})
    run = wait_for(lambda: _ended(server, order), 90)
    assert run["state_type"] == "FAILED"
    assert f"{missing}: the file does not exist (named by `pv.file`)" in run["state"]["message"]
    assert (tmp_path / "outputs/runs" / run["name"] / "manifest.json").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_a_worker_runs_the_whole_pipeline(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    short = [
        f"data.root={tmp_path}", "training.smoke.steps=50", "training.smoke.episode_hours=24",
        "training.ppo.update_every=25", "training.ppo.batch_size=25", "training.sac.learning_starts=10",
        "evaluation.windows=[{name: a, start: 03-10, hours: 24}]",
    ]  # fmt: skip
    order = _order(server, deployments["pipeline"], {"overrides": short})
    run = wait_for(lambda: _ended(server, order), 800)
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert {child["state_type"] for child in server.children(run).values()} == {"COMPLETED"}
    assert (tmp_path / "outputs/report/index.html").is_file()
