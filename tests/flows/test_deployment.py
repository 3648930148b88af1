"""prefect.yaml on a fresh server: it deploys, its schedule makes runs, and a worker runs what is asked of it."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flows.service import ServiceOptions
from tests.flows.conftest import ROOT, Server, alive, pvbesscar, wait_for

pytestmark = pytest.mark.server


STAGES = ("ingest", "validate", "build", "certify", "train-sac", "train-ppo", "train-a2c", "evaluate", "publish")


def _prefect(server: Server, *arguments: str) -> str:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployments(server: Server) -> dict[str, dict[str, Any]]:
    """Deployments of the server that `pvbesscar up` has started, by name."""
    return {deployment["name"]: deployment for deployment in server.ask("deployments/filter", {})}


@pytest.fixture(scope="module")
def fake(server: Server, deployments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The deployment `pipeline/fake`: the pipeline with fake stages."""
    real = deployments["pipeline"]
    kept = ("flow_id", "work_pool_name", "pull_steps", "parameter_openapi_schema", "parameters", "job_variables")
    entrypoint = {
        "name": "fake",
        "entrypoint": "tests/flows/fake_deployed.py:pipeline",
        "enforce_parameter_schema": False,
    }
    made: dict[str, Any] = server.ask("deployments/", {key: real[key] for key in kept} | entrypoint)
    return made


def _order(server: Server, deployment: dict[str, Any], parameters: dict[str, Any], behaviour: str = "") -> str:
    """Ask for a run; return its id."""
    env = {**deployment["job_variables"].get("env", {}), "FAKE_TRAINING": behaviour}
    question = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "job_variables": {"env": env}}
    return str(server.ask(f"deployments/{deployment['id']}/create_flow_run", question)["id"])


def _run(server: Server, run_id: str) -> dict[str, Any]:
    (run,) = server.runs(id={"any_": [run_id]})
    return run


def _trainers(root: Path) -> list[int]:
    """Process ids of the three trainers of the fake pipeline, once all of them train."""
    wait_for(lambda: len(list(root.glob("outputs/runs/*/progress/*.json"))) == 3, 300)
    return [int(path.read_text()) for path in root.glob("outputs/runs/*/pid-*")]


def _ended(server: Server, run_id: str) -> dict[str, Any] | None:
    (run,) = server.runs(id={"any_": [run_id]})
    return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


def test_the_file_names_no_path_of_one_machine() -> None:
    text = (ROOT / "prefect.yaml").read_text()
    assert str(ROOT) not in text
    assert ": /" not in text


def test_the_deployments_are_whole(deployments: dict[str, dict[str, Any]], server: Server) -> None:
    assert set(deployments) >= {"pipeline", *STAGES}
    root = server.home.parent
    for name in ("pipeline", *STAGES):
        deployment = deployments[name]
        assert deployment["work_pool_name"] == "pvbesscar"
        assert deployment["description"]
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert deployment["pull_steps"] == [
            {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
        ]
        assert deployment["parameters"]["config"] == "config/iquitos_mall.yaml"
        # What `pvbesscar up` was asked for is what its deployments run.
        assert deployment["parameters"]["overrides"] == [f"data.root={root}", "runs.when_busy=wait"]
    assert {name: deployments[name]["parameters"]["agent"] for name in STAGES if name.startswith("train")} == {
        "train-sac": "sac", "train-ppo": "ppo", "train-a2c": "a2c",
    }  # fmt: skip


def test_parameters_have_types_descriptions_and_drop_downs(deployments: dict[str, dict[str, Any]]) -> None:
    for name in ("pipeline", *STAGES):
        properties = deployments[name]["parameter_openapi_schema"]["properties"]
        # Only a training asks which agent.
        assert set(properties) - {"agent"} == set(deployments[name]["parameters"]) - {"agent"}, name
        assert all(one.get("description") for one in properties.values()), name
    train = deployments["train-sac"]["parameter_openapi_schema"]["properties"]
    assert train["profile"]["enum"] == ["smoke", "full", "long", "reference"]
    assert train["agent"]["enum"] == ["sac", "ppo", "a2c", "all"]
    assert train["downstream"]["type"] == train["force"]["type"] == "boolean"
    assert train["overrides"]["type"] == "array"
    assert deployments["pipeline"]["parameter_openapi_schema"]["properties"]["sequential"]["type"] == "boolean"


def test_the_pipeline_has_a_schedule_in_local_time_that_is_off(deployments: dict[str, dict[str, Any]]) -> None:
    (schedule,) = deployments["pipeline"]["schedules"]
    assert schedule["schedule"] == {"cron": "0 2 * * *", "timezone": "America/Lima", "day_or": True}
    assert schedule["active"] is False
    assert [name for name in STAGES if deployments[name]["schedules"]] == []


def test_a_schedule_creates_its_runs(server: Server, deployments: dict[str, dict[str, Any]]) -> None:
    """With sqlalchemy 2.1 the server runs but never makes them, and only its log says so."""
    pipeline, schedule = deployments["pipeline"], _schedule(server)
    server.change(f"deployments/{pipeline['id']}/schedules/{schedule['id']}", {"active": True})
    try:
        runs = wait_for(
            lambda: server.runs(deployment_id={"any_": [pipeline["id"]]}, state={"type": {"any_": ["SCHEDULED"]}}), 60
        )
    finally:
        server.change(f"deployments/{pipeline['id']}/schedules/{schedule['id']}", {"active": False})
    times = [dt.datetime.fromisoformat(run["expected_start_time"]).astimezone(ZoneInfo("America/Lima")) for run in runs]
    assert {(time.hour, time.minute) for time in times} == {(2, 0)}


def _schedule(server: Server) -> dict[str, Any]:
    """The schedule of the pipeline, as the server has it now."""
    (pipeline,) = server.ask("deployments/filter", {"deployments": {"name": {"any_": ["pipeline"]}}})
    (schedule,) = pipeline["schedules"]
    return schedule


def _deploy(server: Server) -> None:
    """Deploy as `pvbesscar up` does."""
    code = "import sys; from flows import service as s; s._deploy(s.ServiceOptions.model_validate_json(sys.argv[1]))"
    root = server.home.parent
    options = ServiceOptions(
        root=root, port=1, config="config/iquitos_mall.yaml", overrides=(f"data.root={root}",), when_busy="wait"
    ).model_dump_json()
    command = [sys.executable, "-c", code, options]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _documented(section: str) -> list[str]:
    """Commands of docs/pipeline.md under a heading, line by line."""
    text = (ROOT / "docs/pipeline.md").read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line for block in text.split("```")[1::2] for line in block.strip().splitlines()]


def _as_a_person(line: str, home: Path) -> str:
    """Run a line in a shell that has nothing of the project on its path; return what it printed."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_documented_orders_work_as_they_are_written(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    export, *orders = [line for line in _documented("Deployments and schedule") if "schedule" not in line]
    export = export.replace("http://127.0.0.1:4200/api", server.url)
    assert len(orders) == 3
    server.change("work_pools/pvbesscar", {"is_paused": True})
    try:
        for order in orders:
            name = order.split("/")[-1].split()[0]
            assert "Created flow run" in _as_a_person(f"{export}\n{order}", tmp_path)
            (run,) = server.runs(
                deployment_id={"any_": [deployments[name]["id"]]}, state={"type": {"any_": ["SCHEDULED"]}}
            )
            server.delete(f"flow_runs/{run['id']}")
    finally:
        server.change("work_pools/pvbesscar", {"is_paused": False})


def test_a_schedule_that_a_person_set_survives_a_deploy(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    shown, on, off = [line for line in _documented("Deployments and schedule") if "schedule" in line]
    pipeline, nightly = f"deployments/{deployments['pipeline']['id']}/schedules", _schedule(server)["schedule"]

    def command(line: str) -> list[str]:
        """Words of the pipeline's line in the table that a documented command prints."""
        line = f"{line.partition('#')[0]} --set data.root={server.home.parent}"
        (row,) = [own for own in _as_a_person(line, tmp_path).splitlines() if own.startswith("pipeline")]
        return row.split()

    assert command(shown) == ["pipeline", "0", "2", "*", "*", "*", "(America/Lima)", "off"]
    assert command(on)[-1] == "on"
    try:
        assert _schedule(server)["active"] is True
        weekly = {"cron": "30 3 * * 1", "timezone": "UTC", "day_or": True}
        server.change(f"{pipeline}/{_schedule(server)['id']}", {"schedule": weekly})
        server.change(pipeline.removesuffix("/schedules"), {"paused": True})
        assert command(shown)[-1] == "off"
        _deploy(server)
        assert command(shown)[-1] == "off"
        assert (_schedule(server)["schedule"], _schedule(server)["active"]) == (weekly, True)
        assert not (server.home / "schedules.json").exists()
    finally:
        assert command(on)[-1] == "on"
        assert command(off)[-1] == "off"
        server.change(f"{pipeline}/{_schedule(server)['id']}", {"schedule": nightly})
    assert _schedule(server)["active"] is False


@pytest.mark.parametrize("name", ["ingest", "nightly"])
def test_a_deployment_without_a_schedule_is_named(server: Server, name: str) -> None:
    done = pvbesscar(server.home.parent, "schedule", "on", name)
    assert done.returncode == 2
    assert f"there is no deployment `{name}` with a schedule." in done.stderr
    assert "Hint: those with a schedule: pipeline, shadow." in done.stderr


def test_a_worker_runs_the_deployment_in_the_project(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    missing = tmp_path / "pv.csv"
    overrides = [f"data.root={tmp_path}", "pv.source=file", f"pv.file={missing}"]
    order = _order(server, deployments["pipeline"], {"overrides": overrides})
    run = wait_for(lambda: _ended(server, order), 300)
    assert run["state_type"] == "FAILED"
    assert f"{missing}: the file does not exist (named by `pv.file`)" in run["state"]["message"]
    assert (tmp_path / "outputs/runs" / run["name"] / "manifest.json").is_file()


@pytest.mark.slow
def test_a_worker_runs_the_whole_pipeline(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    short = [
        f"data.root={tmp_path}", "training.smoke.steps=50", "training.smoke.episode_hours=24",
        "training.ppo.update_every=25", "training.ppo.batch_size=25", "training.sac.learning_starts=10",
        "evaluation.window_hours=24",
    ]  # fmt: skip
    order = _order(server, deployments["pipeline"], {"overrides": short})
    run = wait_for(lambda: _ended(server, order), 800)
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert {child["state_type"] for child in server.children(run).values()} == {"COMPLETED"}
    assert (tmp_path / "outputs/report/index.html").is_file()


def test_a_second_shell_orders_the_pipeline_and_it_ends_with_its_report(
    server: Server, fake: dict[str, Any], tmp_path: Path
) -> None:
    overrides = json.dumps([f"data.root={tmp_path}"])
    _prefect(server, "deployment", "run", "pipeline/fake", "--param", f"overrides={overrides}")
    run = wait_for(
        lambda: next(
            (
                one
                for one in server.runs(deployment_id={"any_": [fake["id"]]})
                if str(tmp_path) in str(one["parameters"])
            ),
            None,
        ),
        10,
    )
    ended = wait_for(lambda: _ended(server, run["id"]), 300)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    children = server.children(ended)
    assert len(children) == 3
    assert all("pvbesscar" in run["tags"] and "pvbesscar.pid" in run["labels"] for run in (ended, *children.values()))
    assert (tmp_path / "outputs/report/index.html").is_file()


def test_a_single_stage_is_ordered_alone(
    server: Server, deployments: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    order = _order(server, deployments["ingest"], {"overrides": [f"data.root={tmp_path}"]})
    run = wait_for(lambda: _ended(server, order), 300)
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert sorted(path.name for path in tmp_path.glob("data/interim/canonical/*/*.parquet")) == [
        "mall.parquet", "pv.parquet", "sessions.parquet", "weather.parquet",
    ]  # fmt: skip
    assert not (tmp_path / "outputs/quality").exists()


@pytest.mark.slow
def test_a_schedule_fires(server: Server, fake: dict[str, Any], tmp_path: Path) -> None:
    parameters = {"overrides": [f"data.root={tmp_path}", "description=bad data"]}
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=8)).isoformat()
    # Again and again until one has started: a server that is late with its schedules lets the first time pass.
    every = {"schedule": {"interval": 40.0, "anchor_date": soon}, "active": True, "parameters": parameters}
    (made,) = server.ask(f"deployments/{fake['id']}/schedules", [every])
    try:
        fired = wait_for(
            lambda: [
                run
                for run in server.runs(deployment_id={"any_": [fake["id"]]})
                if run["auto_scheduled"] and run["start_time"]
            ],
            200,
        )
    finally:
        server.delete(f"deployments/{fake['id']}/schedules/{made['id']}")
    run = wait_for(lambda: _ended(server, fired[0]["id"]), 300)
    assert run["state_type"] == "FAILED"
    assert "all 8760 hours are 0" in run["state"]["message"]
    assert f"`pvbesscar ingest --set data.root={tmp_path} --set 'description=bad data'" in run["state"]["message"]


def test_cancelling_in_the_ui_ends_the_trainers_within_seconds(
    server: Server, fake: dict[str, Any], tmp_path: Path
) -> None:
    order = _order(server, fake, {"overrides": [f"data.root={tmp_path}"]}, "sac=wait,ppo=wait,a2c=wait")
    trainers = _trainers(tmp_path)
    began = time.monotonic()
    server.ask(f"flow_runs/{order}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    wait_for(lambda: not [pid for pid in trainers if alive(pid)], 20)
    assert time.monotonic() - began < 20
    assert wait_for(lambda: _ended(server, order), 30)["state_type"] == "CANCELLED"


@pytest.mark.slow
def test_a_run_that_is_killed_is_closed_within_a_minute_and_its_trainers_with_it(
    server: Server, fake: dict[str, Any], tmp_path: Path
) -> None:
    order = _order(server, fake, {"overrides": [f"data.root={tmp_path}"]}, "sac=wait,ppo=wait,a2c=wait")
    trainers = _trainers(tmp_path)
    os.kill(_run(server, order)["labels"]["pvbesscar.pid"], signal.SIGKILL)
    began = time.monotonic()
    run = wait_for(lambda: _ended(server, order), 60)
    assert run["state_type"] == "CRASHED"
    wait_for(lambda: all(child["state_type"] == "CRASHED" for child in server.children(run).values()), 60)
    assert time.monotonic() - began < 60
    assert not [pid for pid in trainers if alive(pid)]
