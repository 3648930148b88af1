"""A training that was interrupted goes on from its state, and ends as if it had not been."""

from __future__ import annotations

import os
import shutil
import signal
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch

from pvbesscar.agents import signals as stopping
from pvbesscar.agents import train as training
from pvbesscar.agents.callbacks import TrainingCallback
from pvbesscar.agents.factory import load_agent
from pvbesscar.agents.train import train_on
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.simulator import Simulator
from pvbesscar.plant.twin import Twin
from pvbesscar.store.fingerprints import FIRST_PARTY, SOURCE, code_digest, code_of
from pvbesscar.store.workspace import Workspace
from schemas.errors import TrainingError
from schemas.progress import Progress
from schemas.results import TrainingMetrics
from schemas.settings import AGENTS, Agent, Settings
from tests.mini_site import beside, with_training

TIMES = {"duration_s", "steps_per_s", "model_sha256", "model_bytes"}


class Killed(BaseException):
    """Stands for kill -9: nobody catches it on the way."""


def parts(metrics: TrainingMetrics) -> dict[str, object]:
    return metrics.model_dump(exclude=TIMES)


def parameters(agent: Agent, workspace: Workspace) -> torch.Tensor:
    policy = load_agent(agent, workspace.final_model(agent)).policy
    return torch.nn.utils.parameters_to_vector(policy.parameters())


def curve(agent: Agent, workspace: Workspace) -> str:
    return (workspace.training(agent) / f"{agent}_training_curve.csv").read_text()


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the state at each update."""
    monkeypatch.setattr(training, "STATE_EVERY_S", 0.0)
    monkeypatch.setattr(training, "STATE_SHARE", 0.0)


def interrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the training die in the first hour after `at` steps."""
    step = TrainingCallback._on_step

    def die(watch: TrainingCallback) -> bool:
        if watch.num_timesteps >= at:
            raise Killed
        return step(watch)

    monkeypatch.setattr(TrainingCallback, "_on_step", die)


@pytest.mark.usefixtures("always_kept")
@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        *((agent, "twin") for agent in AGENTS),
        ("ppo", "citylearn"),
        *(pytest.param(agent, "citylearn", marks=pytest.mark.slow) for agent in ("sac", "a2c")),
    ],
)
def test_a_resumed_training_ends_bit_for_bit_as_an_undisturbed_one(
    agent: Agent,
    kind: str,
    settings: Settings,
    simulator: CityLearnSim,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes = {"smoke": {"steps": 144, "checkpoint_every": 60}}
    changes["smoke"] |= {"validate_every": 40}
    settings = with_training(settings, simulator=kind, plants=4, reward="regret", **changes, **{agent: {"warm_up": 60}})
    year = load_plant(Workspace.of(settings).dataset)
    used: Simulator = simulator if kind == "citylearn" else Twin(year)
    whole, broken = (beside(settings, tmp_path / name) for name in ("whole", "broken"))
    train_again = partial(train_on, validation=() if kind == "citylearn" else (year,))
    undisturbed = train_again(used, agent, settings, whole, "smoke")
    assert len(undisturbed.validations) >= (0 if kind == "citylearn" else 4)
    # Inside the second episode of CityLearn, and again near the end.
    for at in (52, 125):
        with pytest.MonkeyPatch.context() as patch:
            interrupt(patch, at)
            with pytest.raises(Killed):
                train_again(used, agent, settings, broken, "smoke")
        assert (broken.unfinished(agent) / "state.zip").is_file()
        assert not broken.final_model(agent).exists()
    told: list[Progress] = []
    resumed = train_again(used, agent, settings, broken, "smoke", told.append)
    assert told[0].done >= 96
    assert "goes on from its checkpoint" in told[0].message
    assert parts(resumed) == parts(undisturbed)
    assert torch.equal(parameters(agent, broken), parameters(agent, whole))
    assert curve(agent, broken) == curve(agent, whole)
    assert sorted(p.name for p in broken.checkpoints(agent).iterdir()) == sorted(
        p.name for p in whole.checkpoints(agent).iterdir()
    )
    assert not broken.unfinished(agent).exists()


@pytest.fixture
def half(
    settings: Settings,
    simulator: CityLearnSim,
    workspace: Workspace,
    always_kept: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Workspace:
    """Workspace in which a training of SAC died after 40 of 48 steps."""
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 40)
        with pytest.raises(Killed):
            train_on(simulator, "sac", settings, workspace, "smoke")
    return workspace


def _first_told(simulator: CityLearnSim, settings: Settings, workspace: Workspace) -> Progress | None:
    told: list[Progress] = []
    train_on(simulator, "sac", settings, workspace, "smoke", told.append)
    return next((one for one in told if "goes on" in one.message), None)


def test_the_replay_buffer_and_the_counters_come_back(
    half: Workspace, settings: Settings, simulator: CityLearnSim
) -> None:
    told = _first_told(simulator, settings, half)
    assert told is not None
    assert told.done == 32


@pytest.mark.parametrize("change", [{"seed": 7}, {"sac": {"gamma": 0.9}}])
def test_a_state_of_other_settings_is_not_used(
    change: dict[str, object], half: Workspace, settings: Settings, simulator: CityLearnSim
) -> None:
    assert _first_told(simulator, with_training(settings, **change), half) is None


def _source_with(tmp_path: Path, text: str) -> Path:
    """Copy of the project's packages with a line more in the code of a training."""
    for package in FIRST_PARTY:
        shutil.copytree(SOURCE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "pvbesscar/envs/plant_env.py"
    file.write_text(file.read_text() + text)
    return tmp_path


@pytest.mark.parametrize(("text", "goes_on"), [("\n# Why.\n", True), ("\nADDED = 1\n", False)])
def test_a_state_is_used_after_a_change_of_a_comment_and_not_after_one_of_code(
    text: str,
    goes_on: bool,
    half: Workspace,
    settings: Settings,
    simulator: CityLearnSim,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = _source_with(tmp_path / "source", text)
    monkeypatch.setattr(training, "code_digest", partial(code_digest, source=source))
    assert (_first_told(simulator, settings, half) is not None) == goes_on


def test_the_code_of_a_training_is_all_that_it_imports_but_what_only_refuses() -> None:
    rooms = {".".join(name.split(".")[:2]) for name in code_of("pvbesscar.agents.train")}
    learnt = {room for room in rooms if room.startswith("pvbesscar.")}
    # Contracts refuse or let pass, by the site's calendar; the store moves files.
    assert learnt == {*training.LEARNING_CODE, "pvbesscar.quality", "pvbesscar.oe2", "pvbesscar.store"}


def test_a_damaged_state_is_not_used(half: Workspace, settings: Settings, simulator: CityLearnSim) -> None:
    state = half.unfinished("sac") / "state.zip"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    assert _first_told(simulator, settings, half) is None
    assert half.final_model("sac").is_file()


def test_a_state_is_one_file_that_a_person_can_open(half: Workspace) -> None:
    with zipfile.ZipFile(half.unfinished("sac") / "state.zip") as archive:
        assert archive.namelist() == ["card.json", "rest.json", "weights.pt", "arrays.npz"]
        assert b'"agent": "sac"' in archive.read("card.json")


def test_nothing_is_kept_of_a_training_that_diverged(
    half: Workspace, settings: Settings, simulator: CityLearnSim, always_kept: None
) -> None:
    with pytest.raises(TrainingError):
        train_on(simulator, "sac", with_training(settings, sac={"learning_rate": 1e30}), half, "smoke")
    assert not half.unfinished("sac").exists()


@pytest.mark.parametrize(("sent", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_ends_a_training_at_an_update_and_keeps_its_state(
    sent: signal.Signals,
    raised: type[BaseException],
    settings: Settings,
    simulator: CityLearnSim,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("schemas.progress.SECONDS_BETWEEN_REPORTS", 0.0)

    def stop(progress: Progress) -> None:
        if progress.done == 20:
            os.kill(os.getpid(), sent)

    with pytest.raises(raised):
        train_on(simulator, "a2c", settings, workspace, "smoke", stop)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    told: list[Progress] = []
    train_on(simulator, "a2c", settings, workspace, "smoke", told.append)
    assert told[0].done == 24  # A2C updates every 8 steps


def test_a_second_signal_ends_it_on_the_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="143"), stopping.stopping() as stop:  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_no_update_within_patience_ends_it_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(stopping, "PATIENCE_S", 0.2)
    began = time.monotonic()
    with pytest.raises(SystemExit), stopping.stopping():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    assert time.monotonic() - began < 5
