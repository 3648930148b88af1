"""A promoted model: a folder that leaves the project, proven byte by byte, and served where its dataset is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from pvbesscar.agents.train import train
from pvbesscar.cli import app
from pvbesscar.evaluation.evaluate import REPORT_FILE, EvaluationRequest, evaluate
from pvbesscar.evaluation.model_folder import CARD_FILE, PAGE_FILE, card_of, card_text, open_model
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.models import page_of, promote, states
from pvbesscar.lineage.records import recorded
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.serving import service as serving
from pvbesscar.serving.service import open_service
from pvbesscar.simulation.rollout import rollout
from pvbesscar.store.files import read_parquet, sha256_file, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError, OutputError, StaleError
from schemas.results import EvaluationReport
from schemas.settings import Settings
from tests.conftest import ROOT
from tests.mini_site import mini_site, with_training
from tests.serving.conftest import certificate
from tests.serving.sites import ByApi, Client, example
from tests.serving.test_server import BIN, PAGE, PORT, free_port

AGENT = "ppo"
REASON = "a trial beside the rule, 48 steps"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a site whose agent was trained and evaluated; its folder is for reading."""
    settings = with_training(mini_site(tmp_path_factory.mktemp("promoted")), agents=[AGENT])
    workspace = Workspace.of(settings)
    write_text(workspace.certificate, certificate(settings, workspace).model_dump_json())
    run = RunContext(settings, "smoke")
    with recorded(f"train-{AGENT}", run):
        train(AGENT, settings, workspace, "smoke")
    with recorded("evaluate", run):
        evaluate(settings, workspace, "smoke", request=EvaluationRequest("smoke", ("rule", AGENT)), workers=1)
    return settings


@pytest.fixture
def site(trained: Settings, tmp_path: Path) -> Settings:
    """A copy of the site that a test may change, with its configuration."""
    root = tmp_path / "site"
    shutil.copytree(trained.data.root, root)
    raw = trained.model_dump(mode="json")
    raw["data"]["root"] = str(root)
    write_text(root / "config" / "iquitos_mall.yaml", yaml.safe_dump(raw | {"data": raw["data"] | {"root": "."}}))
    return Settings.model_validate(raw)


def promoted(site: Settings, into: Path, reason: str | None = REASON) -> Path:
    return promote(AGENT, site, Workspace.of(site), Path("config/iquitos_mall.yaml"), into, reason)


def report_of(site: Settings) -> EvaluationReport:
    return EvaluationReport.model_validate_json((Workspace.of(site).evaluation / REPORT_FILE).read_bytes())


def edited(site: Settings, **changes: float) -> None:
    """Give the agent other figures in the evaluation, and record that as the stage's work."""
    workspace = Workspace.of(site)
    raw = json.loads((workspace.evaluation / REPORT_FILE).read_text(encoding="utf-8"))
    for result in raw["scenarios"][0]["ranking"]:
        if result["controller"] == AGENT:
            result.update(changes)
    with recorded("evaluate", RunContext(site, "smoke")):
        write_text(workspace.evaluation / REPORT_FILE, json.dumps(raw))


def test_the_card_says_what_the_evaluation_found(site: Settings, tmp_path: Path) -> None:
    folder = promoted(site, tmp_path / "away")
    facts = open_model(folder).facts
    judged = {result.controller: result for result in report_of(site).main.ranking}
    assert (facts.years[0].model, facts.years[0].rule) == (judged[AGENT], judged["rule"])
    assert facts.dataset_digest == report_of(site).dataset_digest
    page = (folder / PAGE_FILE).read_text(encoding="utf-8")
    assert page == page_of(facts)
    for words in (f"{judged[AGENT].score:.4f}", f"{judged['rule'].score:.4f}", REASON, "Another tariff than"):
        assert words in page
    assert "Statements about a whole year: it was judged on 72 hours." in facts.not_for


def test_a_model_worse_than_the_rule_needs_a_reason(site: Settings, tmp_path: Path) -> None:
    rule = next(result.score for result in report_of(site).main.ranking if result.controller == "rule")
    edited(site, score=rule + 0.5)
    with pytest.raises(ControllerError, match=rf"`ppo` is worse than the rule: J {rule + 0.5:.4f} on .*{rule:.4f}"):
        promoted(site, tmp_path / "away", None)
    assert not (tmp_path / "away").exists()
    facts = open_model(promoted(site, tmp_path / "away")).facts
    assert (facts.reason, facts.worse is None) == (REASON, False)
    edited(site, score=rule - 0.1)
    facts = open_model(promoted(site, tmp_path / "better", None)).facts
    assert (facts.reason, facts.worse) == (None, None)


def test_an_evaluation_that_is_not_current_promotes_nothing(site: Settings, tmp_path: Path) -> None:
    other = site.model_copy(update={"evaluation": site.evaluation.model_copy(update={"window_hours": 48})})
    with pytest.raises(StaleError, match=r"its evaluation is not current: .*window_hours"):
        promote(AGENT, other, Workspace.of(site), Path("config.yaml"), tmp_path / "away", REASON)
    with pytest.raises(StaleError, match="`sac` can not be promoted"):
        promote("sac", site, Workspace.of(site), Path("config.yaml"), tmp_path / "away", REASON)
    (Workspace.of(site).evaluation / REPORT_FILE).unlink()
    with pytest.raises(StaleError, match="nothing was evaluated"):
        promoted(site, tmp_path / "away")
    assert not (tmp_path / "away").exists()


def test_a_folder_of_something_else_is_not_replaced(site: Settings, tmp_path: Path) -> None:
    write_text(tmp_path / "away" / "thesis.txt", "years of work")
    with pytest.raises(OutputError, match="holds something else than a promoted model"):
        promoted(site, tmp_path / "away")
    assert (tmp_path / "away" / "thesis.txt").is_file()


def test_one_changed_byte_is_refused_with_the_name_of_its_file(site: Settings, tmp_path: Path) -> None:
    folder = promoted(site, tmp_path / "away")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 8
    for path in files:
        whole = path.read_bytes()
        for harmed in (whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:], whole + b" "):
            path.write_bytes(harmed)
            with pytest.raises(StaleError, match=re.escape(path.name)):
                open_service(site, Workspace.of(site), folder)
        path.unlink()
        with pytest.raises(StaleError, match=re.escape(path.name)):
            open_service(site, Workspace.of(site), folder)
        path.write_bytes(whole)
    assert open_model(folder).facts.agent == AGENT


def test_it_is_served_where_only_the_folder_and_the_dataset_are(site: Settings, tmp_path: Path) -> None:
    """Neither the model's project, nor its evaluation; and what the site would train with is no matter."""
    folder = promoted(site, tmp_path / "away")
    root = tmp_path / "elsewhere"
    shutil.copytree(Workspace.of(site).dataset, root / Workspace.of(site).dataset.relative_to(site.data.root))
    shutil.rmtree(site.data.root)
    raw = with_training(site, seed=99).model_dump(mode="json")
    raw["data"]["root"] = str(root)
    own = Settings.model_validate(raw)
    served = open_service(own, Workspace.of(own), folder)
    identity = Client(served).get("/v1/model").json()["identity"]
    assert identity["controller"] == AGENT
    assert identity["card_sha256"] == sha256_file(folder / CARD_FILE)
    assert identity["model_sha256"] == open_model(folder).facts.model_sha256
    ledger = next((folder / "evaluation").rglob("*.parquet"))
    before = read_parquet(ledger)
    hours = int((before["window"] == before["window"].iloc[0]).sum())
    api = ByApi(Client(served), own.tariff)
    now = rollout(Twin(load_plant(Workspace.of(own).dataset)), api, int(before["t"].iloc[0]), hours).frame
    assert np.allclose(now["import_kwh"], before["import_kwh"].iloc[:hours], rtol=0.0, atol=1e-9)


def test_another_site_is_refused_in_words(site: Settings, tmp_path: Path) -> None:
    folder = promoted(site, tmp_path / "away")
    card = open_model(folder).card
    for change, words in (
        ({"dataset_digest": "f" * 64}, "judged on the dataset ffffffffffff of the scenario"),
        ({"tariff_digest": "f" * 64}, "judged under the tariff"),
    ):
        facts = card.facts.model_copy(update=change)
        write_text(folder / CARD_FILE, card_text(card_of(facts, card.files)))
        with pytest.raises(StaleError, match=words):
            open_service(site, Workspace.of(site), folder)


def test_a_folder_swapped_or_deleted_is_not_answered_with(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule answers until the folder is again the one that was proven."""
    monkeypatch.setattr(serving, "LOOK_EVERY_S", 0.0)
    folder = promoted(site, tmp_path / "away")
    asked = Client(open_service(site, Workspace.of(site), folder, 60_000.0))
    body = example(asked)
    before = asked.dispatch(body).json()
    assert before["decided_by"] == AGENT
    model, aside = folder / f"{AGENT}_final_model.zip", tmp_path / "aside"
    whole = model.read_bytes()
    for harm, mend in (
        (lambda: model.write_bytes(b"another"), lambda: model.write_bytes(whole)),
        (lambda: folder.rename(aside), lambda: aside.rename(folder)),
    ):
        harm()
        ready = asked.get("/readyz")
        assert (ready.status_code, model.name in ready.json()["reason"]) == (503, True)
        answer = asked.dispatch(body).json()
        assert (answer["decided_by"], answer["replaced"]["reason"]) == ("rule", "not_ready")
        mend()
        assert asked.get("/readyz").status_code == 200
        assert asked.dispatch(body).json() == before


def test_the_list_tells_what_can_be_relied_on(site: Settings) -> None:
    workspace, config = Workspace.of(site), Path("config/iquitos_mall.yaml")
    rule = next(result.score for result in report_of(site).main.ranking if result.controller == "rule")

    def told() -> dict[str, str]:
        return {one.name: one.state for one in states(site, workspace, config)}

    edited(site, score=rule + 0.5)
    assert told() == {AGENT: "worse than the rule"}
    promoted(site, workspace.promoted / "worse")
    edited(site, score=rule - 0.1)
    promoted(site, workspace.promoted / "good")
    places = {name: f"checkpoints/promoted/{name}" for name in ("good", "worse")}
    assert told() == {AGENT: "current", places["good"]: "current", places["worse"]: "worse than the rule"}
    (workspace.promoted / "good" / PAGE_FILE).unlink()
    with (workspace.final_model(AGENT)).open("ab") as stream:
        stream.write(b" ")
    assert told() == {AGENT: "stale", places["good"]: "damaged", places["worse"]: "worse than the rule"}
    shutil.rmtree(workspace.evaluation)
    assert told()[AGENT] == "not evaluated"


def test_the_commands(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.data.root)

    def called(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    folder = called("models", "promote", AGENT, "--reason", REASON).strip()
    assert Path(folder) == Workspace.of(site).promoted / AGENT
    page = (Path(folder) / PAGE_FILE).read_text(encoding="utf-8")
    assert called("models", "show", AGENT) == called("models", "show", folder) == page
    assert f"checkpoints/promoted/{AGENT}" in called("models", "list")
    both = CliRunner().invoke(app, ["serve", "--controller", "rule", "--model", folder])
    assert both.exit_code == 2
    assert f"--controller rule and --model {folder}: one of the two is served" in both.stderr
    none = CliRunner().invoke(app, ["serve", "--model", "nowhere"])
    assert (none.exit_code, "no promoted model is here" in none.stderr) == (StaleError.exit_code, True)


def test_the_page_of_the_docs_serves_a_promoted_model_as_written(site: Settings) -> None:
    """Only the port is another one, and the model of 48 steps needs its reason."""
    block = re.search(r"^## A promoted model\n.*?^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block is not None
    port = free_port()
    script = block[1].replace("--model", f"--port {port} --model").replace(PORT, port)
    script = script.replace(f"promote {AGENT}", f"promote {AGENT} --reason '{REASON}'")
    (site.data.root / ".venv").symlink_to(BIN.parent)
    done = subprocess.run(
        ["bash", "-m", "-c", script], cwd=site.data.root, capture_output=True, text=True, check=False, timeout=240,
        env=os.environ | {"PVBESSCAR_TOKEN": ""},
    )  # fmt: skip
    log = (site.data.root / "serve.log").read_text(encoding="utf-8")
    assert done.returncode == 0, (done.stderr, log)
    described = json.loads((site.data.root / "model.json").read_text(encoding="utf-8"))
    card = site.data.root / "checkpoints" / "promoted" / AGENT / CARD_FILE
    assert described["identity"]["card_sha256"] == sha256_file(card)
    assert (ROOT / "docs" / "models.md").is_file()
