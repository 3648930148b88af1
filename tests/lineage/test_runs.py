"""The record of a run, and what is said of it later: listed, shown, compared, proven."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from pvbesscar.arithmetic.processor import features
from pvbesscar.cli import app
from pvbesscar.dataset.build import build
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.lineage import run_manifest
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.history import Difference, differences, entries, find
from pvbesscar.lineage.recompute import recompute
from pvbesscar.lineage.run_manifest import RunError, files_of, read_manifest, write_manifest
from pvbesscar.lineage.stages import STAGES
from pvbesscar.lineage.verify import require_proven, verify
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.files import read_json, sha256_json, write_json, write_text
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError
from schemas.runs import Outcome, RunManifest
from schemas.settings import HOURS_PER_YEAR, Settings
from tests.builders import scenario
from tests.mini_site import TRAINING, WINDOWS

ROOT = Path(__file__).resolve().parents[2]
EV = {"chargers": 2, "moto_chargers": 1, "source": "synthetic", "dwell_hours": 3, "declared_kwh": 232_341.0 / 16}


def write_demand(root: Path, factor: float = 1.0) -> Path:
    """Demand of a mall as somebody would export it."""
    hour = np.arange(HOURS_PER_YEAR)
    shape = 150.0 + np.where((hour % 24 >= 9) & (hour % 24 < 23), 450.0, 0.0) + 40.0 * np.sin(hour / 13.0)
    # No two weeks of a real mall are the same.
    shape *= 1.0 + 0.08 * np.random.default_rng(3).standard_normal(HOURS_PER_YEAR)
    stamps = pd.date_range("2025-01-01", periods=HOURS_PER_YEAR, freq="h")
    path = root / "oe2" / "mall.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"datetime": stamps, "mall_kwh": factor * shape.round(3)}).to_csv(path, index=False)
    return path


def settings_for(root: Path, **sections: Any) -> Settings:
    """A year of two chargers with a measured mall."""
    mall = {"source": "file", "file": "mall.csv", "scale_to_declared": True}
    data = {"root": str(root), "oe2_dir": str(root / "oe2")}
    return scenario(root, **({"data": data, "mall": mall, "ev": EV} | sections))


def run_stages(settings: Settings, name: str, *, outcome: Outcome = "completed") -> RunContext:
    """Ingest, validate and build as a run does them, and its record; the later stages leave a file each."""
    workspace = Workspace.of(settings)
    config = workspace.root / "scenario.yaml"
    if not config.exists():
        write_text(config, "name: test\n")
    job = RunContext(settings, "smoke", config, name)
    job.pin()
    with job.timed("ingest"):
        ingest(settings, workspace)
    with job.timed("validate"):
        validate(settings, workspace)
    with job.timed("build"):
        build(settings, workspace)
    with job.timed("certify"):
        write_json(workspace.certificate, {"by": name})
    with job.timed("train"), job.timed("train-sac"):
        write_text(workspace.final_model("sac"), f"model of {name}")
        write_json(workspace.training_metrics("sac"), {"by": name})
    with job.timed("evaluate"):
        write_json(workspace.evaluation / "evaluation_report.json", {"by": name})
        write_text(workspace.evaluation / "ledgers/nominal/sac.parquet", f"ledger of {name}")
    with job.timed("publish"):
        write_text(workspace.report / "index.html", f"page of {name}")
    write_manifest(job, outcome)
    return job


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run, `first`; nobody may write to it."""
    root = tmp_path_factory.mktemp("runs")
    write_demand(root)
    run_stages(settings_for(root, training={"agents": ["sac"]}), "first")
    return root


@pytest.fixture
def workspace(project: Path, tmp_path: Path) -> Workspace:
    """A copy of that project, for tests that break it.

    The record names the input's folder absolutely, so the copy reads the inputs of the original.
    """
    shutil.copytree(project, tmp_path / "project", dirs_exist_ok=True)
    return Workspace(tmp_path / "project", "iquitos_ev_mall")


def call(workspace: Workspace, *arguments: str) -> Result:
    config = ROOT / "config" / "iquitos_mall.yaml"
    return CliRunner().invoke(app, [*arguments, "--config", str(config), "--set", f"data.root={workspace.root}"])


def damage(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_record_holds_inputs_outputs_times_and_figures(project: Path) -> None:
    manifest = read_manifest(project / "outputs/runs/first")
    assert list(manifest.stages) == ["ingest", "validate", "build", "certify", "train-sac", "evaluate", "publish"]
    assert {stage.condition for stage in manifest.stages.values()} == {"made"}
    on_disk = {
        path.relative_to(project).as_posix()
        for folder in ("data", "outputs", "checkpoints")
        for path in (project / folder).rglob("*")
        if path.is_file() and "outputs/runs" not in path.as_posix()
    }
    assert {file.path for stage in manifest.stages.values() for file in stage.files} == on_disk
    assert [(file.key, file.path) for file in manifest.inputs] == [
        ("config", (project / "scenario.yaml").as_posix()),
        ("mall.file", "mall.csv"),
    ]
    assert manifest.inputs[1].bytes == (project / "oe2/mall.csv").stat().st_size
    assert manifest.figures["mall_kwh"] == pytest.approx(settings_for(project).mall.declared_kwh, rel=1e-6)
    assert manifest.started <= manifest.finished <= dt.datetime.now(dt.UTC)
    assert manifest.stage_seconds["build"] > 0.0
    assert manifest.code.keys() >= {"pvbesscar.oe2.ingest", "pvbesscar.report.publish", "schemas.settings"}
    raw = read_json(project / "outputs/runs/first/manifest.json")
    assert raw["format"] == 2
    assert raw["started"].endswith("Z")


def test_recording_two_hundred_files_takes_well_under_a_second(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "iquitos_ev_mall")
    for number in range(200):
        write_text(workspace.dataset / f"charger_{number}.csv", "0.123456789," * 20_000)
    best = np.inf
    for _ in range(3):
        began = time.process_time()
        assert len(files_of(workspace, "build")) == 200
        best = min(best, time.process_time() - began)
    assert best < 0.5


def test_an_untouched_run_is_proven(workspace: Workspace) -> None:
    verdict = verify(workspace, "first")
    assert verdict.changes == ()
    manifest = read_manifest(workspace.runs / "first")
    assert verdict.proven == {"record": 1, "inputs": 2} | {name: len(s.files) for name, s in manifest.stages.items()}
    answer = call(workspace, "verify", "first")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert answer.stdout.splitlines()[-1] == f"first: proven, {sum(verdict.proven.values())} files"


LEFT = {
    "ingest": "data/interim/canonical/iquitos_ev_mall/mall.parquet",
    "validate": "outputs/quality/quality_report.html",
    "build": "data/processed/citylearn/iquitos_ev_mall/charger_01_A.csv",
    "certify": "outputs/certificate/certificate.json",
    "train-sac": "checkpoints/SAC/sac_final_model.zip",
    "evaluate": "outputs/evaluation/ledgers/nominal/sac.parquet",
    "publish": "outputs/report/index.html",
}


@pytest.mark.parametrize("stage", LEFT)
def test_one_changed_byte_is_named_with_both_digests(workspace: Workspace, stage: str) -> None:
    path = workspace.root / LEFT[stage]
    damage(path)
    (change,) = verify(workspace, "first").changes
    assert (change.group, change.path) == (stage, LEFT[stage])
    answer = call(workspace, "verify", "first")
    assert answer.exit_code == 2
    assert f"error: first: {LEFT[stage]} of {stage} is not what it was" in answer.stderr
    assert change.recorded in answer.stderr
    assert change.now in answer.stderr
    assert f"`pvbesscar {stage.replace('-', ' ')} --config " in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("stage", LEFT)
def test_a_missing_file_is_named(workspace: Workspace, stage: str) -> None:
    path = workspace.root / LEFT[stage]
    digest = next(
        f.sha256 for f in read_manifest(workspace.runs / "first").stages[stage].files if f.path == LEFT[stage]
    )
    path.unlink()
    with pytest.raises(RunError, match=f"{path.name} of {stage} is missing .SHA-256 was {digest}"):
        require_proven(verify(workspace, "first"))


def test_a_file_that_the_run_did_not_leave_is_named(workspace: Workspace) -> None:
    write_text(workspace.dataset / "charger_99_A.csv", "1")
    with pytest.raises(RunError, match=r"charger_99_A.csv of build is no file of the run"):
        require_proven(verify(workspace, "first"))


def test_the_first_of_several_in_the_order_of_the_pipeline_is_named(workspace: Workspace) -> None:
    damage(workspace.root / LEFT["publish"])
    damage(workspace.root / LEFT["ingest"])
    with pytest.raises(RunError, match=r"mall.parquet of ingest is not .* 1 more files are not what they were"):
        require_proven(verify(workspace, "first"))


def test_a_changed_input_is_named(tmp_path: Path) -> None:
    raw = write_demand(tmp_path)
    settings = settings_for(tmp_path)
    run_stages(settings, "first")
    damage(raw)
    with pytest.raises(RunError, match=r"first: the input mall.csv is not what it was") as caught:
        require_proven(verify(Workspace.of(settings), "first"))
    assert "`mall.file`" in str(caught.value.hint)
    raw.unlink()
    with pytest.raises(RunError, match=r"the input mall.csv is missing"):
        require_proven(verify(Workspace.of(settings), "first"))


def test_an_edited_configuration_is_told_but_no_fault(tmp_path: Path) -> None:
    write_demand(tmp_path)
    settings = settings_for(tmp_path)
    run_stages(settings, "first")
    write_text(tmp_path / "scenario.yaml", "name: other\n")
    answer = call(Workspace.of(settings), "verify", "first")
    assert answer.exit_code == 1
    assert "scenario.yaml is not what it was" in answer.stdout
    assert "the run has pinned its own settings" in answer.stdout


def test_edited_pinned_settings_are_named(workspace: Workspace) -> None:
    path = workspace.runs / "first" / "settings.json"
    path.write_text(path.read_text().replace('"seed": 42', '"seed": 43'))
    with pytest.raises(RunError, match=r"the run's own settings.json is not what it was"):
        require_proven(verify(workspace, "first"))


def test_an_edited_record_proves_nothing(workspace: Workspace) -> None:
    path = workspace.runs / "first" / "manifest.json"
    write_json(path, read_json(path) | {"outcome": "partial"})
    with pytest.raises(RunError, match="its digest is not that of its content"):
        verify(workspace, "first")


def test_what_a_later_run_replaced_is_told_apart_from_tampering(workspace: Workspace, project: Path) -> None:
    settings = settings_for(workspace.root, data={"root": str(workspace.root), "oe2_dir": str(project / "oe2")}, seed=7)
    run_stages(settings, "second")
    verdict = verify(workspace, "first")
    assert verdict.first is None
    assert {change.by for change in verdict.replaced} == {"second"}
    assert LEFT["publish"] in {change.path for change in verdict.replaced}
    answer = call(workspace, "verify", "first")
    assert answer.exit_code == 1
    assert f"{len(verdict.replaced)} files (" in answer.stdout
    assert "were replaced by the later run second" in answer.stdout
    assert call(workspace, "verify", "second").exit_code == 0

    damage(workspace.root / LEFT["build"])
    with pytest.raises(RunError, match=r"charger_01_A.csv of build is not what it was"):
        require_proven(verify(workspace, "first"))


def test_files_that_a_later_run_removed_are_not_missing(workspace: Workspace) -> None:
    second = RunContext(settings_for(workspace.root, training={"agents": ["sac"]}), "smoke", Path("x.yaml"), "second")
    second.pin()
    with second.timed("evaluate"):
        (workspace.evaluation / "ledgers/nominal/sac.parquet").unlink()
    write_manifest(second, "completed")
    (change,) = verify(workspace, "first").changes
    assert (change.now, change.by) == (None, "second")


def test_a_killed_run_is_named_as_the_possible_cause(workspace: Workspace) -> None:
    (workspace.runs / "killed").mkdir()
    damage(workspace.root / LEFT["build"])
    with pytest.raises(RunError) as caught:
        require_proven(verify(workspace, "first"))
    assert "It may be the work of killed, which left no record." in str(caught.value.hint)


def test_made_again_elsewhere_the_dataset_is_the_same_and_the_project_untouched(workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    answer = call(workspace, "verify", "first", "--recompute")
    assert answer.exit_code == 0, answer.output
    manifest = read_manifest(workspace.runs / "first")
    for stage in ("ingest", "build"):
        assert f"{stage}, made again: {len(manifest.stages[stage].files)} files, all the same" in answer.stdout
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before


def test_a_record_of_before_the_processor_was_recorded_is_read(workspace: Workspace) -> None:
    path = workspace.runs / "first" / "manifest.json"
    earlier = {name: value for name, value in read_json(path).items() if name not in {"processor", "digest"}}
    write_json(path, earlier | {"digest": sha256_json(earlier)})
    assert read_manifest(path.parent).processor is None


def test_made_again_from_another_input_it_is_not_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_demand(tmp_path)
    settings = settings_for(tmp_path)
    run_stages(settings, "first")
    path = write_demand(tmp_path)
    frame = pd.read_csv(path)
    frame.loc[4000, "mall_kwh"] += 1.0
    frame.to_csv(path, index=False)
    # All hours of the demand are scaled to the declared energy.
    different = r"mall.parquet of ingest comes out different: column `mall_kwh`, in 8,760 rows, by at most [\d.]+, "
    with pytest.raises(RunError, match=different) as caught:
        recompute(Workspace.of(settings), "first", lambda _stage: None)
    assert "neither processor, packages nor code have changed since: an input has" in str(caught.value.hint)
    elsewhere = features() | {"NumPy": "baseline"}
    monkeypatch.setattr("pvbesscar.lineage.recompute.features", lambda: elsewhere)
    with pytest.raises(RunError, match=different) as caught:
        recompute(Workspace.of(settings), "first", lambda _stage: None)
    then = features()["NumPy"]
    assert f"changed since the run: the processor (NumPy: {then}, now baseline)." in str(caught.value.hint)
    path.unlink()
    with pytest.raises(InputError, match=r"mall.csv"):
        recompute(Workspace.of(settings), "first", lambda _stage: None)


def test_judged_again_elsewhere_the_ledgers_are_the_same(tmp_path: Path) -> None:
    write_demand(tmp_path)
    training = TRAINING | {"agents": ["sac"]}
    settings = settings_for(tmp_path, training=training, evaluation=WINDOWS)
    run_stages(settings, "first")
    workspace = Workspace.of(settings)
    job = RunContext(settings, "smoke", Path("gone.yaml"), "second")
    job.pin()
    with job.timed("evaluate"):
        evaluate(settings, workspace, "smoke", request=EvaluationRequest("smoke", ("no-control", "rule")), workers=1)
    write_manifest(job, "completed")
    manifest = read_manifest(workspace.runs / "second")
    assert manifest.best == "rule"
    # No control serves every session in full, so that its term has no scale and is left out.
    assert manifest.figures["no-control J"] == pytest.approx(1.0 - settings.weights.ev_service)
    equal = recompute(workspace, "second", lambda _stage: None, results=True)
    assert equal["evaluate"] == 2
    with pytest.raises(RunError, match=r"has judged nothing that can be judged again"):
        recompute(workspace, "first", lambda _stage: None, results=True)


HOSTILE = ("../first", "/etc", "", ".", "..", "first/../first", "fir\x00st", "first.", "a" * 300, "*")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("command", [("verify",), ("runs", "show"), ("runs", "diff", "first")])
def test_what_can_be_no_name_is_refused(workspace: Workspace, command: tuple[str, ...], name: str) -> None:
    answer = call(workspace, *command, name)
    assert answer.exit_code == 2
    assert "is no name of a run" in answer.stderr
    assert "Traceback" not in answer.output


def test_a_run_is_found_by_name_beginning_and_latest(workspace: Workspace) -> None:
    shutil.copytree(workspace.runs / "first", workspace.runs / "first-b")
    assert find(workspace, "first").name == "first"
    assert find(workspace, "first-").name == "first-b"
    with pytest.raises(RunError, match="`fir` is the beginning of 2 runs: first, first-b"):
        find(workspace, "fir")
    with pytest.raises(RunError, match="there is no run `third`"):
        find(workspace, "third")
    assert find(workspace, "latest").name == "first"  # the copy bears another name than its record
    with pytest.raises(RunError, match="the record of another run, first"):
        read_manifest(workspace.runs / "first-b")


def test_there_is_no_latest_in_an_empty_project(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run with a record"):
        find(Workspace(tmp_path, "x"), "latest")
    answer = call(Workspace(tmp_path, "x"), "runs", "list", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, [])


BROKEN: dict[str, Callable[[Path], object]] = {
    "no record": lambda _folder: None,
    "no record of a run that this version can read": lambda f: write_text(f / "manifest.json", '{"run": "first", '),
    "the first: ``: Input should be an object": lambda f: write_text(f / "manifest.json", "[]"),
    "`format`: Input should be 2": lambda f: write_json(
        f / "manifest.json", read_json(f.parent / "first/manifest.json") | {"format": 1}
    ),
    "no regular file": lambda f: (f / "manifest.json").mkdir(),
    "its digest is not that of its content": lambda f: write_json(
        f / "manifest.json", read_json(f.parent / "first/manifest.json") | {"seed": 1}
    ),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_run_without_a_readable_record_is_listed_as_such(workspace: Workspace, words: str) -> None:
    folder = workspace.runs / "second"
    folder.mkdir()
    BROKEN[words](folder)
    answer = call(workspace, "runs", "list", "--json")
    assert answer.exit_code == 0
    second, first = json.loads(answer.stdout)
    assert (second["run"], first["run"], first["fault"]) == ("second", "first", None)
    assert words in second["fault"]
    assert "second" in call(workspace, "runs", "list").stdout
    shown = call(workspace, "runs", "show", "second")
    assert shown.exit_code == 2
    assert shown.stderr.startswith(f"error: {folder / 'manifest.json'}: ")


def test_a_record_of_the_first_format_is_refused_in_words(workspace: Workspace) -> None:
    old = {"run": "old", "scenario": "test", "profile": "smoke", "outcome": "completed", "digests": {}}
    write_json(workspace.runs / "old" / "manifest.json", old)
    with pytest.raises(RunError, match="no record of a run that this version can read") as caught:
        read_manifest(workspace.runs / "old")
    assert "another version" in str(caught.value.hint)


def test_a_run_at_work_is_listed_as_such(workspace: Workspace) -> None:
    (workspace.runs / "now").mkdir()
    with held(workspace.lock("run"), "now"):
        assert entries(workspace)[0].fault == "at work"
    assert entries(workspace)[0].fault == "no record: it was killed, or waits for its turn"


def test_the_list_keeps_its_figures_when_a_later_run_replaces_the_report(workspace: Workspace) -> None:
    row = json.loads(call(workspace, "runs", "list", "--json").stdout)[0]
    assert "mall 3,359 MWh" in call(workspace, "runs", "list").stdout
    shutil.rmtree(workspace.evaluation)
    assert json.loads(call(workspace, "runs", "list", "--json").stdout)[0] == row


def test_show_says_what_is_not_the_default_and_what_is_still_there(workspace: Workspace) -> None:
    damage(workspace.root / LEFT["build"])
    shown = json.loads(call(workspace, "runs", "show", "latest", "--json").stdout)
    assert shown["settings"]["training.agents"] == ['["sac"]', '["sac", "ppo", "a2c"]']
    assert shown["settings"]["name"] == ["test", "required"]
    assert "bess.capacity_kwh" not in shown["settings"]
    assert "training.full.scenarios" not in shown["settings"]
    assert [change["path"] for change in shown["changed"]] == [LEFT["build"]]
    lines = call(workspace, "runs", "show", "latest").stdout
    assert "first: completed" in lines
    count = len(shown["stages"]["build"]["files"])
    assert f"{count - 1} of {count} files" in lines


def test_every_pinned_setting_is_a_known_key(workspace: Workspace) -> None:
    from pvbesscar.config import known_keys
    from pvbesscar.lineage.history import pinned_values

    assert pinned_values(workspace.runs / "first").keys() <= known_keys().keys()


def test_two_runs_differ_in_the_setting_and_the_input_that_were_changed(tmp_path: Path) -> None:
    write_demand(tmp_path)
    run_stages(settings_for(tmp_path), "a")
    write_demand(tmp_path, factor=2.0)
    run_stages(settings_for(tmp_path, bess={"capacity_kwh": 5000.0}), "b")
    workspace = Workspace(tmp_path, "iquitos_ev_mall")
    found = differences(workspace, "a", "b")
    assert [d for d in found if d.what == "setting"] == [Difference("setting", "bess.capacity_kwh", "4520.0", "5000.0")]
    assert [d.name for d in found if d.what == "input"] == ["mall.file mall.csv"]
    assert {d.what for d in found} == {"setting", "input", "output"}
    assert json.loads(call(workspace, "runs", "diff", "a", "b", "--json").stdout)[0]["name"] == "bess.capacity_kwh"
    assert "bess.capacity_kwh" in call(workspace, "runs", "diff", "a", "b").stdout
    same = call(workspace, "runs", "diff", "a", "a")
    assert (same.exit_code, same.stdout) == (0, "nothing differs\n")


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_run_that_stops_records_what_it_came_to(tmp_path: Path, outcome: Outcome) -> None:
    write_demand(tmp_path)
    settings = settings_for(tmp_path)
    run_stages(settings, "first")
    workspace = Workspace.of(settings)
    job = RunContext(settings, "smoke", Path("gone.yaml"), "second")
    job.pin()
    with job.timed("ingest"):
        ingest(settings, workspace)
    with pytest.raises(ZeroDivisionError), job.timed("validate"):
        1 / 0  # noqa: B018
    write_manifest(job, outcome, "division by zero")
    manifest = read_manifest(workspace.runs / "second")
    assert {name: stage.condition for name, stage in manifest.stages.items()} == {
        "ingest": "made",
        "validate": "stopped",
    }
    assert manifest.figures == {}
    require_proven(verify(workspace, "second"))


def test_kept_and_found_stages_are_told_apart(tmp_path: Path) -> None:
    write_demand(tmp_path)
    settings = settings_for(tmp_path, training={"agents": ["sac"]})
    run_stages(settings, "first")
    job = RunContext(settings, "smoke", Path("gone.yaml"), "second")
    job.kept.append("train-sac")
    with job.timed("publish"):
        pass
    write_manifest(job, "completed")
    conditions = {n: s.condition for n, s in read_manifest(Workspace.of(settings).runs / "second").stages.items()}
    assert conditions == dict.fromkeys(("ingest", "validate", "build", "certify", "evaluate"), "found") | {
        "train-sac": "kept", "publish": "made",
    }  # fmt: skip


def test_every_stage_of_the_pipeline_has_its_module() -> None:
    assert run_manifest.code_now(STAGES).keys() >= {stage.entry for stage in STAGES.values()}
    assert RunManifest.model_fields.keys() >= {"inputs", "stages", "code", "versions", "started", "finished"}
