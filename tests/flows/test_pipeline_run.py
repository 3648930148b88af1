"""The pipeline on a live server, its stages replaced by quick ones: what is seen, what survives, what it says."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import urllib.request
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.flows.conftest import Ran, Server, pvbesscar

pytestmark = pytest.mark.server

AGENTS = ("sac", "ppo", "a2c")


@pytest.fixture(scope="module")
def sequential(fake_run: Callable[..., Ran]) -> Ran:
    """A run of two agents, one after another, in which all goes well."""
    return fake_run("--sequential", "--agent", "sac", "--agent", "ppo")


def _span(run: dict[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    return dt.datetime.fromisoformat(run["start_time"]), dt.datetime.fromisoformat(run["end_time"])


def test_three_children_are_linked_and_overlap(server: Server, partial: Ran) -> None:
    children = server.children(partial.run)
    assert sorted(children) == ["train-a2c", "train-ppo", "train-sac"]
    spans = [_span(child) for child in children.values()]
    assert max(start for start, _ in spans) < min(end for _, end in spans)
    pids = {(partial.root / "outputs/runs" / partial.run["name"] / f"pid-{agent}").read_text() for agent in AGENTS}
    assert len(pids) == 3


def test_a_failed_and_a_killed_child_leave_the_third(server: Server, partial: Ran) -> None:
    children = server.children(partial.run)
    assert {name: child["state_type"] for name, child in children.items()} == {
        "train-sac": "COMPLETED",
        "train-ppo": "FAILED",
        "train-a2c": "CRASHED",
    }
    assert "the loss is NaN at step 4" in children["train-ppo"]["state"]["message"]
    assert children["train-a2c"]["state"]["message"] == "its process was ended by SIGKILL (exit code -9)"


def test_a_killed_child_is_closed_within_seconds(server: Server, partial: Ran) -> None:
    folder = partial.root / "outputs/runs" / partial.run["name"]
    died = (folder / "progress/train-a2c.json").stat().st_mtime
    closed = _span(server.children(partial.run)["train-a2c"])[1].timestamp()
    assert closed - died < 10


def test_a_partial_run_fails_but_publishes_and_says_what_is_missing(partial: Ran) -> None:
    assert partial.run["state_type"] == "FAILED"
    assert partial.run["state_name"] == "PARTIAL"
    assert partial.code == 1
    report = partial.root / "outputs/report/index.html"
    assert partial.out[-1] == str(report)
    assert "'a2c': 'its process was ended by SIGKILL" in report.read_text()
    assert "error: ppo is missing from the report: TrainingError: ppo: the loss is NaN at step 4." in partial.err
    assert "Hint: lower `training.ppo.learning_rate`." in partial.err
    assert "Traceback" not in partial.err
    assert partial.manifest["outcome"] == "partial"
    assert sorted(partial.manifest["failures"]) == ["a2c", "ppo"]
    conditions = {stage: left["condition"] for stage, left in partial.manifest["stages"].items()}
    assert [stage for stage, condition in conditions.items() if condition == "stopped"] == ["train-ppo", "train-a2c"]
    assert "the loss is NaN at step 4" in partial.manifest["stages"]["train-ppo"]["reason"]


def test_stages_are_seen_by_name_and_in_order(server: Server, partial: Ran) -> None:
    where = {"task_runs": {"flow_run_id": {"any_": [partial.run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
    names = [re.sub(r"-[0-9a-f]{1,3}$", "", run["name"]) for run in server.ask("task_runs/filter", where)]
    assert names[:4] == ["ingest", "validate", "build", "certify"]
    assert sorted(names[4:7]) == ["train-a2c", "train-ppo", "train-sac"]
    assert names[7:] == ["evaluate", "publish"]


def test_runs_are_found_by_scenario_profile_and_agent(server: Server, partial: Ran) -> None:
    assert re.fullmatch(r"iquitos_mall-smoke-\d{8}T\d{6}Z-[0-9a-f]{4}", partial.run["name"])
    assert {"iquitos_mall", "smoke"} <= set(partial.run["tags"])
    assert {"iquitos_mall", "smoke", "sac"} <= set(server.children(partial.run)["train-sac"]["tags"])


def test_parameters_are_paths_and_names_never_data(server: Server, partial: Ran) -> None:
    assert partial.run["parameters"]["config"] == "config/iquitos_mall.yaml"
    for run in (partial.run, *server.children(partial.run).values()):
        assert len(json.dumps(run["parameters"])) < 1000


def test_children_use_one_thread_each(partial: Ran) -> None:
    folder = partial.root / "outputs/runs" / partial.run["name"]
    assert [(folder / f"threads-{agent}").read_text() for agent in AGENTS] == ["1", "1", "1"]


@pytest.fixture(scope="module")
def shown(server: Server, partial: Ran) -> dict[str, dict[str, Any]]:
    """Artifacts of the partial run, by key."""
    return server.artifacts(partial.run)


def test_artifacts_tell_the_story(shown: dict[str, dict[str, Any]], partial: Ran) -> None:
    assert set(shown) == {f"iquitos-mall-{name}" for name in (
        "provenance", "quality-verdict", "quality-findings", "dataset-manifest", "certificate", "progress-train-sac",
        "progress-train-ppo", "progress-train-a2c", "ranking", "report", "open-report", "kpi-chart",
        "key-figure", "lineage", "plan",
    )}  # fmt: skip
    assert json.loads(shown["iquitos-mall-ranking"]["data"])[0]["controller"] == "sac"
    assert str(partial.root / "outputs/report/index.html") in shown["iquitos-mall-report"]["data"]
    assert "**missing:** a2c" in shown["iquitos-mall-report"]["data"]


def test_the_report_is_handed_out_by_the_server(server: Server, shown: dict[str, dict[str, Any]], partial: Ran) -> None:
    text, path = re.fullmatch(r"\[(.+)\]\((.+)\)", shown["iquitos-mall-open-report"]["data"]).groups()  # type: ignore[union-attr]
    assert text == "open the report"
    with urllib.request.urlopen(f"{server.url.removesuffix('/api')}{path}", timeout=30) as answer:
        assert answer.read() == (partial.root / "outputs/report/index.html").read_bytes()


def test_no_artifact_is_large_and_each_image_carries_itself(shown: dict[str, dict[str, Any]]) -> None:
    for key, artifact in shown.items():
        assert len(json.dumps(artifact["data"])) < 500_000, key
        if artifact["type"] == "image":
            assert artifact["data"].startswith("data:image/svg+xml;base64,"), key


def test_progress_ends_where_each_agent_did(shown: dict[str, dict[str, Any]]) -> None:
    progress = {agent: shown[f"iquitos-mall-progress-train-{agent}"] for agent in AGENTS}
    assert float(progress["sac"]["data"]) == 100.0
    assert progress["sac"]["description"] == "train-sac: done"
    assert float(progress["a2c"]["data"]) < 100.0
    assert "SIGKILL" in progress["a2c"]["description"]


def test_the_graph_colours_each_stage_and_names_the_reason(shown: dict[str, dict[str, Any]]) -> None:
    text = shown["iquitos-mall-lineage"]["data"]
    assert text.startswith("```mermaid\nflowchart TD\n")
    assert ":::FAILED\n" in text
    for edge in ("ingest --> validate", "certify --> train_sac", "train_sac --> evaluate", "evaluate --> publish"):
        assert edge in text
    assert re.search(r"\| train-ppo \| FAILED \| .*the loss is NaN at step 4", text)


def test_the_ui_draws_the_stages_with_edges(server: Server, partial: Ran) -> None:
    nodes = dict(json.loads(server.get(f"flow_runs/{partial.run['id']}/graph-v2"))["nodes"])
    # A task is called `build`, the flow run of an agent `trainer / train-sac`.
    names = {key: node["label"].rpartition(" / ")[2] for key, node in nodes.items()}
    drawn = {(names[parent["id"]], names[key]) for key, node in nodes.items() for parent in node["parents"]}
    trainings = {f"train-{agent}" for agent in AGENTS}
    assert drawn == {
        ("ingest", "validate"), ("validate", "build"), ("build", "certify"), ("evaluate", "publish"),
        *(("certify", name) for name in trainings), *((name, "evaluate") for name in trainings),
    }  # fmt: skip


def test_sequential_children_do_not_overlap(server: Server, sequential: Ran) -> None:
    spans = sorted(_span(child) for child in server.children(sequential.run).values())
    assert len(spans) == 2
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_whole_run_ends_with_the_path_of_the_report(sequential: Ran) -> None:
    assert sequential.code == 0
    assert sequential.run["state_type"] == "COMPLETED"
    assert sequential.out[-1] == str(sequential.root / "outputs/report/index.html")
    assert sequential.out[0].split() == ["stage", "time"]
    assert [line.split()[0] for line in sequential.out[1:-1]] == list(sequential.manifest["stage_seconds"])


def test_the_manifest_names_digests_versions_and_times(sequential: Ran) -> None:
    manifest = sequential.manifest
    assert manifest["run"] == sequential.run["name"]
    assert manifest["outcome"] == "completed"
    left = {stage: (files["condition"], len(files["files"])) for stage, files in manifest["stages"].items()}
    assert left == dict.fromkeys(
        ("ingest", "validate", "build", "certify", "train-sac", "train-ppo", "evaluate", "publish"), ("made", 1)
    )
    assert manifest["stages"]["train-sac"]["reason"] == "there is no record of an earlier run"
    assert manifest["versions"]["prefect"] == "3.8.8"
    assert pvbesscar(sequential.root, "verify", "latest").returncode == 0
    assert manifest["stage_seconds"]["train"] >= manifest["stage_seconds"]["train-sac"] > 3


def again(ran: Ran) -> str:
    """The command that ingests once more, for the scenario of a run."""
    called = ran.run["parameters"]
    options = ["--config", called["config"], *(word for own in called["overrides"] for word in ("--set", own))]
    return shlex.join(["pvbesscar", "ingest", *options, "--profile", called["profile"]])


def test_bad_data_stops_the_run_before_anything_downstream(server: Server, refused: Ran) -> None:
    ran = refused
    assert ran.code == 2
    assert "error: pv.csv: column `pv_kwh`: all 8760 hours are 0." in ran.err
    assert f"Hint: export the file again, then `{again(ran)}`." in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == []
    for untouched in ("data/processed", "checkpoints", "outputs/report"):
        assert not (ran.root / untouched).exists()
    assert ran.manifest["outcome"] == "failed"
    shown = server.artifacts(ran.run)
    findings = shown["iquitos-mall-quality-findings"]["data"]
    assert findings.startswith("## 1. dark_year\n\nerror: all hours are 0\n")
    assert "hours 0 to 8759 (2025-01-01 00:00 to 2025-12-31 23:00) (8760 h)" in findings
    assert f"* **fix:** export the file again, then `{again(ran)}`\n" in findings
    verdict = shown["iquitos-mall-quality-verdict"]["data"]
    for words in (
        "# REFUSED: 1 error",
        "2025-01-01 00:00 to 2025-12-31 23:00",
        "the export failed",
        f"**fix:** export the file again, then `{again(ran)}`",
    ):
        assert words in verdict


def test_a_refusal_is_a_state_of_its_own_and_stops_what_stands_behind(server: Server, refused: Ran) -> None:
    assert (refused.run["state_type"], refused.run["state_name"]) == ("FAILED", "Refused")
    said = f"pv.csv: column `pv_kwh`: all 8760 hours are 0. Hint: export the file again, then `{again(refused)}`."
    assert refused.run["state"]["message"] == said
    tasks = server.ask("task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [refused.run["id"]]}}})
    states = {re.sub(r"-[0-9a-f]{1,3}$", "", task["name"]): task["state_name"] for task in tasks}
    assert states == {"ingest": "Completed", "validate": "Refused"}
