"""A study on the small site: seeds trained once each, judged beside the others, and gone on with after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pvbesscar.agents.artifacts import read_metrics
from pvbesscar.certify.certificate import certify
from pvbesscar.cli import app
from pvbesscar.config import pinned
from pvbesscar.store.workspace import Workspace
from pvbesscar.study import conduct, jobs, models, processes
from pvbesscar.study.conclusions import conclusions
from pvbesscar.study.recipe import RESULT_FILE, StudyRequest, check
from schemas.errors import ConfigError, StaleError, TrainingError
from schemas.progress import Progress
from schemas.settings import Settings
from schemas.studies import WHOLE, Study
from tests.mini_site import SMOKE, TRAINING, mini_site, with_training

ON = {
    "simulator": "twin", "plants": 2, "agents": ["a2c"],
    "smoke": SMOKE | {"validate_every": 24, "controllers": ["no-control", "rule"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    drawn = {"training": 0, "validation": 1, "test": 2}
    made = mini_site(tmp_path_factory.mktemp("studied"), scenarios=drawn, training=TRAINING | ON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pvbesscar.certify.plan.DEFAULT_HOURS", 100)
        certify(made, Workspace.of(made))
    return made


@pytest.fixture(autouse=True)
def on_test_years(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge on the two test years alone: seven perturbed ones take longer than all the rest."""
    monkeypatch.setattr(conduct, "JUDGED_ON", ("test",))


@pytest.fixture(scope="module")
def request_(settings: Settings) -> StudyRequest:
    return StudyRequest("two-seeds", settings, "smoke", 2)


@pytest.fixture(scope="module")
def study(settings: Settings, request_: StudyRequest) -> Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conduct, "JUDGED_ON", ("test",))
        return conduct.conduct(request_, Workspace.of(settings), workers=1)


def test_each_seed_is_a_training_of_its_own_and_the_project_s_models_are_not_touched(
    settings: Settings, request_: StudyRequest, study: Study
) -> None:
    workspace = Workspace.of(settings)
    assert study.seeds == (42, 43)
    metrics = [read_metrics("a2c", request_.place(workspace, seed)) for seed in study.seeds]
    assert [own and own.seed for own in metrics] == [42, 43]
    digests = {own.model_sha256 for own in metrics if own is not None}
    assert len(digests) == 2
    assert not workspace.final_model("a2c").exists()
    assert not workspace.start.exists()
    assert not workspace.evaluation.exists()
    stored = Study.model_validate_json((request_.folder(workspace) / RESULT_FILE).read_bytes())
    assert stored == study


def test_controllers_are_judged_once_and_agents_with_every_seed(study: Study) -> None:
    (judged,) = study.sets
    seeds = {entry.controller: (entry.seeds, len(entry.gaps)) for entry in judged.entries}
    assert seeds == {"rule": ((), 1), "no-control": ((), 1), "a2c": ((42, 43), 2), "a2c-ensemble": ((), 1)}
    rule, agent = judged.entry("rule"), judged.entry("a2c")
    assert rule is not None
    assert agent is not None
    assert (rule.gap_closed, rule.gap_iqm) == (0.0, 0.0)
    assert judged.mean_bound is not None
    assert judged.mean_bound < rule.mean_score
    assert agent.gap_interval is not None
    assert agent.gap_closed is not None
    assert agent.gap_interval[0] <= agent.gap_closed <= agent.gap_interval[1]
    ensemble = judged.entry("a2c-ensemble")
    assert ensemble is not None
    assert ensemble.kind == "agent"
    assert ensemble.mean_score not in {agent.mean_score, rule.mean_score}
    assert any("the mean of its trainings" in sentence for sentence in conclusions(study))
    (own,) = study.learning
    assert [one.seed for one in own.trainings] == [42, 43]
    assert all(
        one.best_j is not None and one.begin_j is not None and one.best_j <= one.begin_j for one in own.trainings
    )


def test_what_is_done_is_not_done_again(
    settings: Settings, request_: StudyRequest, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("it is there already")

    with monkeypatch.context() as patch:
        patch.setattr("pvbesscar.agents.train.train", never)
        patch.setattr(jobs.CaseSimulator, "simulate", never)
        assert conduct.conduct(request_, Workspace.of(settings), workers=1) == study
    # Code that learns otherwise makes another model.
    monkeypatch.setattr(jobs, "_trained_with", lambda: "other code")
    plan = conduct.plan_of(settings, Workspace.of(settings), conduct.EvaluationRequest("smoke", (), ("test",)), None)
    own = replace(plan, workspace=request_.place(Workspace.of(settings), 42))
    assert jobs.untrained_reason("a2c", own) == "other code"


def test_a_training_that_fails_is_named_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pvbesscar.agents import train as training

    trained = training.train

    def diverging(agent: str, own: Settings, *others: object) -> object:
        if own.training.seed == 43:
            raise TrainingError("the loss became NaN.", hint="lower the learning rate.")
        return trained(agent, own, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "train", diverging)
    found = conduct.conduct(StudyRequest("one-fails", settings, "smoke", 2), Workspace.of(settings), workers=1)
    too_few = "1 of 2 trainings ended: too few for a mean."
    assert found.failed == {"a2c@43": "the loss became NaN.", "a2c-ensemble": too_few}
    agent = found.sets[0].entry("a2c")
    assert agent is not None
    assert agent.seeds == (42,)
    said = conclusions(found)
    assert said[0] == "`a2c@43` is left out: the loss became NaN."
    assert any(sentence.startswith("`a2c` (1 of 2 seeds)") for sentence in said)


def test_what_agents_begin_as_is_judged_as_a_controller(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from pvbesscar.agents import imitation

    monkeypatch.setattr(imitation, "SAMPLES", 50_000)
    monkeypatch.setattr(imitation, "PASSES", 1)
    monkeypatch.setattr(imitation, "LAST_PASSES", 1)
    own = with_training(settings, imitation=True, smoke={"imitation_rounds": 0})
    assert models.begins_as_imitation(own, "smoke")
    assert not models.begins_as_imitation(own, "reference")
    request = StudyRequest("imitates", own, "smoke", 1)
    found = conduct.conduct(request, Workspace.of(settings), workers=1)
    began, agent = found.sets[0].entry("imitation"), found.sets[0].entry("a2c")
    assert began is not None
    assert agent is not None
    assert (began.seeds, began.kind) == ((42,), "untrained")
    beside = agent.beside("imitation")
    assert beside is not None
    assert beside.difference == pytest.approx(agent.mean_score - began.mean_score)
    assert any("the imitation" in sentence for sentence in conclusions(found))
    assert not (request.folder(Workspace.of(settings)) / "seed-42" / "imitation").exists()


def test_what_was_left_out_is_compared_with_the_study_of_the_same_command_that_has_it(
    settings: Settings, request_: StudyRequest, study: Study
) -> None:
    workspace = Workspace.of(settings)
    less = replace(request_, name="less", without=("best",), whole=settings)  # here nothing differs
    found = conduct.conduct(less, workspace, workers=1)
    assert found.whole == study.name == "two-seeds"
    agent = found.sets[0].entry("a2c")
    assert agent is not None
    beside = agent.beside(WHOLE)
    assert beside is not None
    assert (beside.difference, beside.interval, beside.improvement) == (0.0, (0.0, 0.0), 0.5)
    said = "`a2c` without best is not to be told from that of study `two-seeds`, which leaves nothing out (J 0, 0 to 0"
    assert any(sentence.startswith(said) for sentence in conclusions(found))
    other = conduct.conduct(replace(less, whole=with_training(settings, a2c={"gamma": 0.5})), workspace, workers=1)
    assert other.whole is None
    kept = request_.folder(workspace) / "judged" / "a2c@42.json"
    before = kept.read_bytes()
    kept.unlink()
    with pytest.raises(ConfigError, match="two-seeds, which the study is compared with, lacks results"):
        conduct.conduct(less, workspace, workers=1)
    kept.write_bytes(before)


def test_refusals(settings: Settings, request_: StudyRequest, study: Study, tmp_path: Path) -> None:
    workspace = Workspace.of(settings)
    assert study.name == "two-seeds"
    other = replace(request_, settings=with_training(settings, a2c={"gamma": 0.5}))
    with pytest.raises(ConfigError, match=r"holds another study \(training settings differ\)"):
        conduct.conduct(other, workspace, workers=1)
    with pytest.raises(ConfigError, match="no name for a folder"):
        check(replace(request_, name="../elsewhere"), lambda _less: settings)
    with pytest.raises(StaleError, match="pvbesscar build"):
        conduct.conduct(request_, Workspace(tmp_path, "none"), workers=1)


def test_the_command_says_what_comes_first(tmp_path: Path, settings: Settings) -> None:
    own = settings.model_copy(update={"data": settings.data.model_copy(update={"root": tmp_path})})
    config = tmp_path / "pinned.json"
    config.write_text(pinned(own))
    told = CliRunner().invoke(app, ["study", "--config", str(config), "--profile", "smoke", "--seeds", "1"])
    assert told.exit_code != 0
    assert "pvbesscar build" in told.output


def test_progress_names_what_is_done(settings: Settings, request_: StudyRequest, study: Study) -> None:
    told: list[Progress] = []
    conduct.conduct(request_, Workspace.of(settings), told.append, workers=1)
    assert (told[-1].done, told[-1].total, told[-1].unit) == (6.0, 6.0, "jobs")
    assert study.not_judged == {}


def test_a_process_that_was_told_to_end_begins_no_other_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool hands a process jobs in advance; without this it trained on after the study had said that it ended."""
    begun: list[jobs.Job] = []

    class Noting:
        busy = leaving = False

        def do(self, job: jobs.Job, _tell: jobs.Tell) -> None:
            begun.append(job)

    monkeypatch.setattr(processes, "_worker", Noting())
    monkeypatch.setattr(processes, "_told", object())
    processes._do(0, jobs.Job("rule"))
    processes._leave(signal.SIGTERM, None)
    processes._do(1, jobs.Job("no-control"))
    assert [job.controller for job in begun] == ["rule"]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_study_that_was_ended_goes_on_where_it_was(
    sent: signal.Signals, settings: Settings, request_: StudyRequest, study: Study, tmp_path: Path
) -> None:
    """Two processes, by the command; what was trained before the end is not trained again, and the same comes out."""
    config = tmp_path / "pinned.json"
    config.write_text(pinned(settings))
    name = f"ended-{sent.name}"
    command = [sys.executable, "-m", "pvbesscar.cli", "study", "--config", str(config), "--profile", "smoke",
               "--seeds", "2", "--name", name]  # fmt: skip
    folder = Workspace.of(settings).study(name)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        deadline = time.monotonic() + 300
        while not list(folder.glob("judged/a2c@*.json")) and time.monotonic() < deadline:
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.1)
        process.send_signal(sent)
        process.wait(60)
    assert process.returncode == (-sent if sent == signal.SIGKILL else 128 + sent)
    assert not (folder / RESULT_FILE).exists()
    done = {path: (path.stat().st_ino, path.read_bytes()) for path in folder.glob("judged/a2c@*.json")}
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert str(folder / RESULT_FILE) in again.stdout
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in done} == done
    found = Study.model_validate_json((folder / RESULT_FILE).read_bytes())
    assert found.of_set("perturbed") is not None
    workspace = Workspace.of(settings)
    models = [request_.place(workspace, seed).final_model("a2c").read_bytes() for seed in study.seeds]
    assert [(folder / f"seed-{seed}/checkpoints/A2C/a2c_final_model.zip").read_bytes() for seed in (42, 43)] == models
    scores = [{entry.controller: entry.mean_score for entry in one.sets[0].entries} for one in (found, study)]
    assert scores[0] == scores[1]
    assert json.loads((folder / "recipe.json").read_text())["profile"] == "smoke"
