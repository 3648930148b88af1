"""Only what was evaluated is served, and only as long as its files are those that were evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pvbesscar import plant
from pvbesscar.cli import app
from pvbesscar.controllers.baselines import ConstantAction, Rule
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.evaluation.fitting import kept_for
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.serving import proof
from pvbesscar.serving import service as serving
from pvbesscar.serving.proof import Watch
from pvbesscar.serving.service import open_service
from pvbesscar.store.files import sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError, ControllerError, PvbesscarError, StaleError
from schemas.results import EvaluationReport
from schemas.settings import Settings
from tests.serving.sites import Client, example, service, year


def test_what_is_served_says_what_it_was_validated_on(evaluated: Settings) -> None:
    workspace = Workspace.of(evaluated)
    own = open_service(evaluated, workspace, "constant-1")
    report = EvaluationReport.model_validate_json((workspace.evaluation / REPORT_FILE).read_bytes())
    described = own.describe()
    assert described.identity.model_dump() == {
        "controller": "constant-1",
        "kind": "constant",
        "scenario": "test",
        "mode": "dispatch",
        "model_sha256": None,
        "dataset_digest": report.dataset_digest,
        "certificate_sha256": sha256_file(workspace.certificate),
        "evaluation_sha256": sha256_file(workspace.evaluation / REPORT_FILE),
        "card_sha256": None,
        "plant_code": plant.code_digest(),
    }
    scores = {result.controller: result.score for result in report.main.ranking}
    assert (described.score, described.rule_score) == (scores["constant-1"], scores["rule"])
    assert described.ready
    assert Client(own).get("/v1/model").json()["identity"]["controller"] == "constant-1"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("mpc-perfect-day", ControllerError, "knows hours that are still to come"),
        ("random", ControllerError, "is a yardstick of evaluations"),
        ("sac-untrained", ControllerError, "is a yardstick of evaluations"),
        ("best", ConfigError, "`best` is no controller"),
        ("constant-0.5", StaleError, "`constant-0.5` is not among what"),
        ("sac", StaleError, "`sac` is not among what"),
    ],
)
def test_what_was_not_evaluated_is_refused(
    evaluated: Settings, name: str, kind: type[PvbesscarError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        open_service(evaluated, Workspace.of(evaluated), name)


def test_files_that_do_not_belong_together_are_refused(project: Settings) -> None:
    workspace = Workspace.of(project)
    ledger = workspace.evaluation / ledger_name("nominal", "rule")
    report, whole = workspace.evaluation / REPORT_FILE, ledger.read_bytes()
    ledger.write_bytes(whole + b" ")
    with pytest.raises(StaleError, match="not the ledger of the evaluation"):
        open_service(project, workspace, "rule")
    ledger.write_bytes(whole)
    text = report.read_text(encoding="utf-8")
    own = EvaluationReport.model_validate_json(text).dataset_digest
    report.write_text(text.replace(own, "f" * 64), encoding="utf-8")
    with pytest.raises(StaleError, match="of another dataset"):
        open_service(project, workspace, "rule")
    report.write_text("{}", encoding="utf-8")
    with pytest.raises(StaleError, match="no evaluation report"):
        open_service(project, workspace, "rule")
    report.unlink()
    with pytest.raises(StaleError, match="nothing was evaluated"):
        open_service(project, workspace, "rule")
    workspace.certificate.unlink()
    with pytest.raises(StaleError, match="there is no certificate"):
        open_service(project, workspace, "rule")


def test_a_controller_that_decides_otherwise_than_evaluated_is_refused(evaluated: Settings) -> None:
    workspace = Workspace.of(evaluated)
    report = EvaluationReport.model_validate_json((workspace.evaluation / REPORT_FILE).read_bytes())
    simulator = Twin(load_plant(workspace.dataset))
    proof._replay(Rule(), simulator, workspace, report)
    other = ConstantAction(0.5)
    other.name = "rule"
    with pytest.raises(ControllerError, match="`rule` decides otherwise than in its evaluation: hour"):
        proof._replay(other, simulator, workspace, report)


def test_parameters_that_nobody_fitted_are_none(evaluated: Settings) -> None:
    workspace = Workspace.of(evaluated)
    assert kept_for(evaluated, workspace, ScenarioStore(workspace.dataset)) is None


def test_a_model_swapped_or_deleted_is_not_answered_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule answers until the file is again the one that was evaluated."""
    monkeypatch.setattr(serving, "LOOK_EVERY_S", 0.0)
    model = tmp_path / "model.zip"
    model.write_bytes(b"the model")
    own = service("policy", year())
    own.watch = Watch({model: sha256_file(model)})
    asked = Client(own)
    body = example(asked)
    before = asked.dispatch(body).json()
    assert asked.get("/readyz").json() == {"status": "ok", "reason": None}
    for change in (lambda: model.write_bytes(b"another"), model.unlink):
        change()
        ready = asked.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert ready.json()["reason"].startswith("model.zip ")
        assert asked.get("/healthz").status_code == 200
        answer = asked.dispatch(body).json()
        assert (answer["decided_by"], answer["replaced"]["reason"]) == ("rule", "not_ready")
        assert answer["socket_kw"] == before["rule"]["socket_kw"]
        assert "pvbesscar_ready 0.0" in asked.get("/metrics").text
    model.write_bytes(b"the model")
    assert asked.get("/readyz").status_code == 200
    assert asked.dispatch(body).json() == before


def test_the_command_refuses_in_words(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.data.root)
    monkeypatch.delenv("PVBESSCAR_TOKEN", raising=False)
    (Workspace.of(project).evaluation / REPORT_FILE).unlink()
    for arguments, words in (
        (["--controller", "rule"], "nothing was evaluated, and only what was is served"),
        (["--host", "0.0.0.0"], "PVBESSCAR_TOKEN is not set, and `0.0.0.0` can be reached from other machines"),
        (["--controller", "best"], "`best` is no controller"),
    ):
        done = CliRunner().invoke(app, ["serve", *arguments])
        assert done.exit_code == 2
        assert words in done.stderr
