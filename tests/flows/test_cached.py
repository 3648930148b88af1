"""A second run on a live server: what is current is shown as cached, executes nothing, and says why."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import ROOT, Server

pytestmark = pytest.mark.server

STAGES = ("ingest", "validate", "build", "certify", "evaluate", "publish")


@dataclass(frozen=True)
class Project:
    """A project folder in which the fake pipeline is run again and again."""

    root: Path
    server: Server

    def call(self, *arguments: str, code: int = 0, behaviour: str = "") -> subprocess.CompletedProcess[str]:
        """Call the command line with fake stages; the trainers' processes leave their numbers."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.flows.fake_run", str(self.root), *arguments, "--set",
             f"data.root={self.root}"],
            cwd=ROOT, env={**self.server.env, "FAKE_TRAINING": behaviour}, capture_output=True, text=True, timeout=400,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    def last(self) -> dict[str, Any]:
        """The newest run of the project, as the server knows it."""
        newest = max(self.root.glob("outputs/runs/*"), key=lambda folder: folder.stat().st_mtime_ns)
        (run,) = self.server.runs(name={"any_": [newest.name]})
        return run

    def manifest(self) -> dict[str, Any]:
        """Manifest of the newest run."""
        found: dict[str, Any] = json.loads(
            (self.root / "outputs/runs" / self.last()["name"] / "manifest.json").read_text()
        )
        return found

    def states(self) -> dict[str, str]:
        """Name of the last state of each task of the newest run."""
        where = {"task_runs": {"flow_run_id": {"any_": [self.last()["id"]]}}}
        tasks = self.server.ask("task_runs/filter", where)
        return {
            next(n for n in (*STAGES, *TRAINERS) if task["name"].startswith(n)): task["state_name"] for task in tasks
        }


TRAINERS = ("train-sac", "train-ppo")
AGENTS = ("--set", "training.agents=[sac, ppo]")


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose first run is done."""
    made = Project(tmp_path_factory.mktemp("again"), server)
    made.call("run", *AGENTS)
    assert made.manifest()["kept"] == []
    assert {name for name, one in made.manifest()["stages"].items() if one["reason"]} == {*STAGES, *TRAINERS}
    return made


def test_a_second_run_executes_nothing_and_shows_everything_as_cached(project: Project) -> None:
    done = project.call("run", *AGENTS)
    assert project.states() == dict.fromkeys((*STAGES, *TRAINERS), "Cached")
    children = project.server.children(project.last())
    seen = {name: (child["state_type"], child["state_name"]) for name, child in children.items()}
    assert seen == dict.fromkeys(TRAINERS, ("COMPLETED", "Cached"))
    folder = project.root / "outputs/runs" / project.last()["name"]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "settings.json"]  # no trainer was there
    assert project.manifest()["stage_seconds"] == {}
    assert [line.split() for line in done.stdout.splitlines()[1:-1]] == [
        [name, "cached"] for name in (*STAGES[:4], *TRAINERS, *STAGES[4:])
    ]  # fmt: skip
    shown = project.server.artifacts(project.last())
    assert shown["iquitos-mall-lineage"]["data"].count("]:::CACHED\n") == 8
    assert shown["iquitos-mall-plan"]["data"].count("]:::FRESH\n") == 8


def test_only_what_a_change_reaches_runs(project: Project) -> None:
    model = project.root / "checkpoints/SAC/sac_final_model.zip"
    model.write_text("something else")
    plan = json.loads(project.call("plan", "--json", *AGENTS).stdout)
    assert [one["stage"] for one in plan if one["verdict"] == "STALE"] == ["train-sac"]
    assert "checkpoints/SAC/sac_final_model.zip is not what it left" in plan[4]["reasons"][0]
    assert plan[4]["seconds"] > 0
    project.call("run", *AGENTS)
    states = project.states()
    assert states.pop("train-sac") == "Completed"
    assert set(states.values()) == {"Cached"}
    made = [name for name, one in project.manifest()["stages"].items() if one["condition"] == "made"]
    assert made == ["train-sac"]
    assert model.read_text() == "model of sac"


def test_one_stage_is_run_again_and_what_it_changes_behind_it(project: Project) -> None:
    project.call("rerun", "evaluate", *AGENTS)
    assert project.states() == {"evaluate": "Cached", "publish": "Cached"}
    project.call("rerun", "evaluate", "--force", *AGENTS)
    assert project.states() == {"evaluate": "Completed", "publish": "Cached"}
    project.call("rerun", "evaluate", "--force", "--only", *AGENTS)
    assert project.states() == {"evaluate": "Completed"}
    assert project.last()["name"].startswith("iquitos_mall-evaluate-")


def test_a_dry_run_only_says_what_it_would_do(project: Project) -> None:
    before = len(list(project.root.glob("outputs/runs/*")))
    (project.root / "outputs/quality/quality_report.json").unlink()
    done = project.call("rerun", "build", "--force", "--dry-run", *AGENTS)
    assert (
        "note: validate is STALE and not touched: output outputs/quality/quality_report.json is missing" in done.stderr
    )
    rows = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[1:]}
    assert rows["build"] == "STALE"
    assert "validate" not in rows
    assert rows["train-ppo"] == "DEPENDS"
    assert len(list(project.root.glob("outputs/runs/*"))) == before


@pytest.mark.slow
def test_after_a_time_out_only_what_is_missing_is_trained(server: Server, tmp_path: Path) -> None:
    project = Project(tmp_path, server)
    limit = ("--set", "training.timeout_h=0.006")
    done = project.call("run", *AGENTS, *limit, code=1, behaviour="ppo=wait")
    assert "ppo is missing from the report: it took longer than its 22 s" in done.stderr
    children = project.server.children(project.last())
    assert {name: child["state_name"] for name, child in children.items()} == {
        "train-sac": "Completed", "train-ppo": "TimedOut",
    }  # fmt: skip
    assert project.last()["state_name"] == "PARTIAL"
    project.call("run", *AGENTS)
    states = project.states()
    assert {name for name, state in states.items() if state == "Completed"} == {"train-ppo", "evaluate", "publish"}
    assert {name for name, state in states.items() if state == "Cached"} == {*STAGES[:4], "train-sac"}
    assert project.last()["state_type"] == "COMPLETED"
