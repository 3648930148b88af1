"""Training on the real CityLearn: what it leaves behind, and what it leaves alone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from pvbesscar.agents import callbacks
from pvbesscar.agents.artifacts import (
    ModelCard,
    checkpoint_name,
    model_fault,
    prove_dataset,
    read_metrics,
)
from pvbesscar.agents.factory import load_agent
from pvbesscar.agents.settings import training_digest
from pvbesscar.agents.train import imitated_mpc, train, train_on, training_years
from pvbesscar.certify.certificate import certify
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.store.files import sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError, StaleError, TrainingError
from schemas.progress import Progress
from schemas.settings import AGENTS, Agent, EvaluationSettings, Settings
from tests.mini_site import TRAINING, WINDOW_NAMES, beside, mini_site, with_training


def contents(root: Path) -> dict[str, str]:
    """Digests of all files; locks, and what is kept of an unfinished training, are nobody's results."""
    files = [path for path in root.rglob("*") if path.is_file() and not {"locks", "unfinished"} & set(path.parts)]
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in files}


@pytest.mark.parametrize("agent", AGENTS)
def test_two_trainings_of_one_seed_end_in_the_same_file(
    agent: Agent, settings: Settings, simulator: CityLearnSim, tmp_path: Path
) -> None:
    files, vectors, metrics = [], [], []
    for run in ("one", "two"):
        workspace = beside(settings, tmp_path / run)
        metrics.append(train_on(simulator, agent, settings, workspace, "smoke"))
        policy = load_agent(agent, workspace.final_model(agent)).policy
        vectors.append(torch.nn.utils.parameters_to_vector(policy.parameters()))
        files.append({p.name: sha256_file(p) for p in workspace.checkpoints(agent).iterdir() if p.suffix == ".zip"})
    assert files[0] == files[1]
    assert len(files[0]) > 1
    assert torch.equal(vectors[0], vectors[1])
    assert metrics[0].validation_rewards == metrics[1].validation_rewards
    # It did learn something: the policy is not that of the first checkpoint any more.
    early = load_agent(agent, min(workspace.checkpoints(agent).glob("*checkpoint*.zip"))).policy
    assert not torch.equal(torch.nn.utils.parameters_to_vector(early.parameters()), vectors[1])


@pytest.mark.parametrize("agent", AGENTS)
def test_metrics_say_what_was_done(
    agent: Agent, settings: Settings, simulator: CityLearnSim, workspace: Workspace
) -> None:
    metrics = train_on(simulator, agent, settings, workspace, "smoke")
    assert metrics == read_metrics(agent, workspace)
    assert metrics.steps == 48
    assert metrics.episodes == 2  # of 24 hours
    assert metrics.steps_per_s == pytest.approx(metrics.steps / metrics.duration_s)
    assert metrics.validation_windows == WINDOW_NAMES
    assert metrics.validation_mean == pytest.approx(np.mean(metrics.validation_rewards))
    assert metrics.validation_std == pytest.approx(np.std(metrics.validation_rewards, ddof=1))
    assert metrics.dataset_digest == simulator.data.digest
    assert metrics.model_sha256 == sha256_file(workspace.final_model(agent))
    assert metrics.model_bytes == workspace.final_model(agent).stat().st_size
    assert metrics.versions["citylearn"].startswith("3.")
    assert any((workspace.training(agent) / "tensorboard").glob("events.out.tfevents.*"))


def test_another_seed_of_training_trains_on_the_same_dataset(
    settings: Settings, simulator: CityLearnSim, workspace: Workspace
) -> None:
    other = with_training(settings, seed=5)
    prove_dataset(other, Workspace.of(settings))
    first, second = (train_on(simulator, "ppo", one, workspace, "smoke") for one in (settings, other))
    assert (first.seed, second.seed) == (42, 5)
    assert first.dataset_digest == second.dataset_digest
    assert first.model_sha256 != second.model_sha256


def test_a_checkpoint_bears_its_mark_and_the_metrics_the_true_count(
    settings: Settings, simulator: CityLearnSim, workspace: Workspace
) -> None:
    metrics = train_on(simulator, "ppo", settings, workspace, "smoke")
    # Updates after 24 and 48 steps; marks at 20 and 40. Nobody asked for a mark at 60.
    assert metrics.checkpoints == {"ppo_checkpoint_20_steps.zip": 24, "ppo_checkpoint_40_steps.zip": 48}
    folder = workspace.checkpoints("ppo")
    card = ModelCard.model_validate_json((folder / "ppo_checkpoint_20_steps.json").read_text())
    assert card.steps == 24
    assert card.dataset_digest == simulator.data.digest
    assert card.settings_digest == training_digest("ppo", settings, "smoke")
    assert card.model_sha256 == sha256_file(folder / "ppo_checkpoint_20_steps.zip")
    assert sorted(path.name for path in folder.glob("*.zip")) == [*metrics.checkpoints, "ppo_final_model.zip"]


def test_checkpoint_names_are_the_contract() -> None:
    assert checkpoint_name("sac", 50_000) == "sac_checkpoint_50000_steps.zip"


def test_the_curve_is_the_mean_of_the_rewards(
    settings: Settings, simulator: CityLearnSim, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "CURVE_STEPS", 12)
    train_on(simulator, "a2c", settings, workspace, "smoke")
    curve = pd.read_csv(workspace.training("a2c") / "a2c_training_curve.csv")
    assert list(curve["steps"]) == [12, 24, 36, 48]
    assert (curve["mean_reward"] < 0.0).all()


def test_a_training_that_diverges_says_so_and_leaves_the_earlier_results(
    settings: Settings, simulator: CityLearnSim, workspace: Workspace
) -> None:
    train_on(simulator, "a2c", settings, workspace, "smoke")
    before = contents(workspace.root)
    wild = with_training(settings, a2c={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match="NaN or infinite after") as caught:
        train_on(simulator, "a2c", wild, workspace, "smoke")
    assert "training.a2c.learning_rate" in str(caught.value.hint)
    assert contents(workspace.root) == before


@pytest.mark.parametrize("agent", ["sac", "ppo"])
def test_the_other_agents_stop_at_nan_too(
    agent: Agent, settings: Settings, simulator: CityLearnSim, workspace: Workspace
) -> None:
    with pytest.raises(TrainingError, match="NaN or infinite"):
        train_on(simulator, agent, with_training(settings, **{agent: {"learning_rate": 1e30}}), workspace, "smoke")
    assert contents(workspace.root) == {}


@pytest.mark.parametrize(("sent", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_midway_leaves_nothing_half(
    sent: signal.Signals,
    raised: type[BaseException],
    settings: Settings,
    simulator: CityLearnSim,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("schemas.progress.SECONDS_BETWEEN_REPORTS", 0.0)
    train_on(simulator, "a2c", settings, workspace, "smoke")
    before = contents(workspace.root)

    def stop(progress: Progress) -> None:
        if progress.done == 30:
            os.kill(os.getpid(), sent)

    with pytest.raises(raised):
        train_on(simulator, "a2c", settings, workspace, "smoke", stop)
    assert contents(workspace.root) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_progress_is_told(
    settings: Settings, simulator: CityLearnSim, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.progress.SECONDS_BETWEEN_REPORTS", 0.0)
    told: list[Progress] = []
    train_on(simulator, "a2c", settings, workspace, "smoke", told.append)
    assert [progress.done for progress in told] == list(range(1, 49))
    assert {progress.total for progress in told} == {48}
    assert {progress.unit for progress in told} == {"steps"}
    assert told[-1].message == "2 episodes"
    assert all(progress.rate_per_s > 0.0 for progress in told)


def test_profile_full_runs_whole_years(settings: Settings, simulator: CityLearnSim, workspace: Workspace) -> None:
    metrics = train_on(simulator, "a2c", settings, workspace, "full")
    assert metrics.episodes == 0  # 48 hours of 8,760
    assert metrics.profile == "full"


def test_a_dataset_of_other_settings_is_refused(settings: Settings) -> None:
    other = settings.model_copy(update={"grid": settings.grid.model_copy(update={"carbon_kg_per_kwh": 0.9})})
    with pytest.raises(StaleError, match="built with other settings") as caught:
        train("a2c", other, Workspace.of(settings), "smoke")
    assert "pvbesscar build" in str(caught.value.hint)


def test_why_a_model_can_not_be_judged(settings: Settings, simulator: CityLearnSim, workspace: Workspace) -> None:
    digest = simulator.data.digest
    assert "is missing" in str(model_fault("a2c", settings, workspace, "smoke", digest))
    train_on(simulator, "a2c", settings, workspace, "smoke")
    assert model_fault("a2c", settings, workspace, "smoke", digest) is None
    assert "another dataset" in str(model_fault("a2c", settings, workspace, "smoke", "0" * 64))
    assert "profile `full`" in str(model_fault("a2c", settings, workspace, "full", digest))
    slower = with_training(settings, a2c={"learning_rate": 1e-5})
    assert "other settings" in str(model_fault("a2c", slower, workspace, "smoke", digest))
    with workspace.final_model("a2c").open("ab") as stream:
        stream.write(b"x")
    assert "not the model of its metrics" in str(model_fault("a2c", settings, workspace, "smoke", digest))
    workspace.training_metrics("a2c").write_text(json.dumps({}))
    assert "no metrics file" in str(model_fault("a2c", settings, workspace, "smoke", digest))


def test_the_site_with_128_sockets_is_trained_on(
    site_settings: Settings, site_workspace: Workspace, site_simulator: CityLearnSim, tmp_path: Path
) -> None:
    short = {"steps": 24, "episode_hours": 24, "evaluate_on": "windows", "checkpoint_every": 24}
    settings = with_training(site_settings, smoke=short, a2c={"update_every": 8})
    settings = settings.model_copy(update={"evaluation": EvaluationSettings(window_hours=24)})
    workspace = beside(site_settings, tmp_path)
    metrics = train_on(site_simulator, "a2c", settings, workspace, "smoke")
    assert metrics.validation_windows == ("validation-dry", "validation-wet", "validation-holiday")
    assert metrics.checkpoints == {"a2c_checkpoint_24_steps.zip": 24}
    model = load_agent("a2c", workspace.final_model("a2c"))
    assert model.observation_space.shape == (394,)
    assert model.action_space.shape == (129,)


def test_training_on_the_twin_asks_for_a_certificate_and_then_learns_from_all_plants(
    settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pvbesscar.certify.plan.DEFAULT_HOURS", 100)
    on_twin = with_training(settings, simulator="twin", plants=4)
    with pytest.raises(StaleError, match="no certificate"):
        train("a2c", on_twin, workspace, "smoke")
    certify(on_twin, workspace)
    metrics = train("a2c", on_twin, workspace, "smoke")
    assert metrics.simulator == "twin"
    assert metrics.steps == 48
    assert metrics.episodes == 0 or metrics.episodes % 4 == 0
    assert metrics.checkpoints == {"a2c_checkpoint_20_steps.zip": 24, "a2c_checkpoint_40_steps.zip": 40}


def test_agents_train_on_the_training_scenarios_and_on_no_other_year(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"training": TRAINING | {"simulator": "twin", "scenarios": "training", "plants": 2}}
    site = mini_site(tmp_path, scenarios={"training": 2, "validation": 0, "test": 1}, **on)
    digests = json.loads((Workspace.of(site).dataset / "scenarios.json").read_text())["digests"]
    years = training_years(site, Workspace.of(site), "smoke")
    assert [year.digest for year in years] == [digests["training-01"], digests["training-02"]]
    seen: list[tuple[str, ...]] = []

    class Spy(TwinVecEnv):
        def __init__(self, years: Sequence[PlantData], **changes: Any) -> None:
            seen.append(tuple(year.digest for year in years))
            super().__init__(years, **changes)

    monkeypatch.setattr("pvbesscar.agents.train.TwinVecEnv", Spy)
    twin = Twin(load_plant(Workspace.of(site).dataset))
    metrics = train_on(twin, "a2c", site, Workspace.of(site), "smoke", None, years)
    assert metrics.steps == 48
    assert seen == [tuple(year.digest for year in years)]
    assert training_years(with_training(site, scenarios="nominal"), Workspace.of(site), "smoke") == ()
    # Trained on the validated year, it would be another model: evaluation must not take one for the other.
    assert training_digest("a2c", site, "smoke") != training_digest(
        "a2c", with_training(site, scenarios="nominal"), "smoke"
    )


def test_agents_begin_as_an_imitation_of_the_mpc_that_is_judged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def fitted(_workspace: Workspace, _store: object, _on_progress: object, only: str | None) -> str:
        asked.append(only)
        return "the mpc"

    monkeypatch.setattr("pvbesscar.agents.train.mpc_for", fitted)
    workspace = Workspace.of(settings)
    own = with_training(settings, simulator="twin", scenarios="training", policy="import_target", imitation=True)
    assert imitated_mpc(own, workspace, "smoke") == "the mpc"  # type: ignore[comparison-overlap]
    imitated_mpc(with_training(own, forecast="climatology"), workspace, "smoke")
    assert asked == [None, "climatology"]
    # Where there is no imitation, nobody waits for a fit; on the validated year it is fitted there.
    for changes in ({"imitation": False}, {"policy": "mlp"}, {"scenarios": "nominal"}):
        assert imitated_mpc(with_training(own, **changes), workspace, "smoke") is None
    assert len(asked) == 2


def test_no_training_scenarios_and_citylearn_on_scenarios_are_refused(settings: Settings) -> None:
    twin = with_training(settings, simulator="twin")
    asked = with_training(twin, scenarios="training")
    with pytest.raises(ConfigError, match="the dataset has none"):
        training_years(asked, Workspace.of(settings), "smoke")
    with pytest.raises(ValidationError, match=r"set `training\.scenarios: nominal`"):
        with_training(settings, scenarios="training")
