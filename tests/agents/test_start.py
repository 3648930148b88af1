"""What the trainings of a dataset begin from: made once, read by all, made again when anything is another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pvbesscar.agents import imitation
from pvbesscar.agents import start as starting
from pvbesscar.agents.callbacks import Validator
from pvbesscar.agents.factory import load_agent, make_agent
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.plant_view import Actor, PlantView, numbers_of
from pvbesscar.agents.start import Start, start_of
from pvbesscar.agents.train import train_on
from pvbesscar.agents.watch import Marks, Watch
from pvbesscar.controllers.baselines import Rule
from pvbesscar.controllers.reference import no_control_reference, scale, simulated_terms
from pvbesscar.controllers.registry import fit_mpc
from pvbesscar.envs.regret import RegretVecEnv, plan_of
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError
from schemas.settings import Agent, Settings
from tests.controllers.plants import course
from tests.mini_site import with_training

ON = {"simulator": "twin", "reward": "regret", "plants": 4, "smoke": {"imitation_rounds": 0, "validate_every": 24}}


@pytest.fixture(scope="module")
def year(settings: Settings) -> PlantData:
    return load_plant(Workspace.of(settings).dataset)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An imitation that fits for two seconds."""
    monkeypatch.setattr(imitation, "SAMPLES", 200_000)
    monkeypatch.setattr(imitation, "PASSES", 1)
    monkeypatch.setattr(imitation, "LAST_PASSES", 1)


def made(settings: Settings, workspace: Workspace, year: PlantData, dataset: str = "d", **changes: object) -> Start:
    own = with_training(settings, **(ON | {"imitation": True} | changes))
    return start_of(own, workspace, "smoke", (16,), numbers_of(year), dataset, (year,), (year,))


class Acting:
    """An actor as a policy."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def predict(self, observation: np.ndarray, *, deterministic: bool = False) -> tuple[np.ndarray, None]:
        assert deterministic
        with torch.no_grad():
            return self.actor(self.actor.view(torch.as_tensor(observation))).clamp(0.0, 1.0).numpy(), None


@pytest.mark.usefixtures("quick")
def test_an_imitation_is_made_once_and_is_better_than_the_rule(
    settings: Settings, year: PlantData, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"control": settings.control.model_copy(update={"mode": "bidirectional"})})
    year = year.with_mode("bidirectional")
    first = made(settings, workspace, year)
    assert first.marks is not None
    assert first.actor is not None
    actor = Actor(PlantView(numbers_of(year)._asdict()), [16], 0)
    actor.load_state_dict(first.actor)
    j = Watch([year]).score(Acting(actor))
    assert first.marks.bound < j < first.marks.rule
    monkeypatch.setattr(starting, "_make", pytest.fail)
    again = made(settings, workspace, year)
    assert again.marks == first.marks
    assert again.actor is not None
    assert all(torch.equal(again.actor[name], first.actor[name]) for name in first.actor)
    assert first.plans is not None
    assert again.plans is not None
    assert np.array_equal(first.plans.due, again.plans.due)


@pytest.mark.parametrize("what", ["seed", "damage", "hidden", "mpc", "dataset"])
def test_another_or_a_damaged_start_is_made_again(
    what: str, settings: Settings, year: PlantData, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(settings, workspace, year, imitation=False)
    made_again: list[object] = []

    def spy(*arguments: object) -> Start:
        made_again.append(arguments)
        return Start(None, None, None)

    monkeypatch.setattr(starting, "_make", spy)
    own, mpc, hidden = with_training(settings, **(ON | {"imitation": False})), None, (16,)
    dataset = "another tariff" if what == "dataset" else "d"
    if what == "damage":
        (file,) = workspace.start.glob("*.npz")
        file.write_bytes(file.read_bytes()[:1000])
    elif what == "seed":
        own = with_training(own, seed=5)
    elif what == "mpc":
        mpc = fit_mpc([course(28, 1)])
    elif what == "hidden":
        hidden = (8,)
    start_of(own, workspace, "smoke", hidden, numbers_of(year), dataset, (year,), (year,), mpc=mpc)
    assert len(made_again) == 1
    assert len(list(workspace.start.glob("*.npz"))) == 1


def test_a_plant_without_a_provable_optimum_says_what_to_set(
    settings: Settings, year: PlantData, workspace: Workspace
) -> None:
    bad = year.with_mode("dispatch")
    object.__setattr__(bad, "params", bad.params._replace(bess_loss_coefficient=0.01))
    with pytest.raises(ControllerError, match="loss_coefficient") as caught:
        made(settings, workspace, bad)
    assert "training.reward: score" in str(caught.value.hint)


def test_the_marks_are_the_rule_s_and_the_bound_s_on_each_month(year: PlantData) -> None:
    marks = Watch([year]).marks()
    per_unit = scale(year.params, no_control_reference(year, 0, year.hours))
    months = year.tariff.month
    total = np.zeros(5)
    for month in range(12):
        hours = np.flatnonzero(months == month)
        total += simulated_terms(year, Rule(), int(hours[0]), hours.size)
    assert marks.rule == pytest.approx(float(per_unit @ total), abs=1e-6)
    assert marks.bound < marks.rule
    assert marks.gap_closed(marks.rule) == 0.0
    assert marks.gap_closed(marks.bound) == 1.0


class Scores:
    """Stands for validation years: gives one J after the other."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)

    def score(self, _model: object) -> float:
        return self.scores.pop(0)


def test_the_best_model_is_kept_and_the_looks_are_written_down(
    settings: Settings, year: PlantData, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = with_training(settings, **ON)
    scores = Scores(0.5, 0.3, 0.4)
    monkeypatch.setattr("pvbesscar.agents.train.Watch", lambda _years: scores)
    metrics = train_on(Twin(year), "a2c", own, workspace, "smoke", None, (), (year,))
    assert [look.steps for look in metrics.validations] == [0, 24, 48]
    assert [look.j for look in metrics.validations] == [0.5, 0.3, 0.4]
    assert metrics.best_steps == 24
    assert metrics.steps == 48
    assert metrics.rule_j is not None
    card = json.loads(workspace.final_model("a2c").with_suffix(".json").read_text())
    assert card["steps"] == 24
    written = (workspace.training("a2c") / "a2c_validation.csv").read_text().splitlines()
    assert written[0] == "steps,j,gap_closed"
    assert [line.split(",")[:2] for line in written[1:]] == [["0", "0.5"], ["24", "0.3"], ["48", "0.4"]]


@pytest.mark.parametrize(("agent", "still"), [("ppo", 48), ("sac", 32)])
def test_the_actor_stands_still_until_the_critic_is_warm(
    agent: Agent, still: int, settings: Settings, year: PlantData, workspace: Workspace
) -> None:
    own = with_training(settings, **(ON | {"keep": "last", agent: {"warm_up": 1_000}}))
    own = with_training(own, smoke={"steps": 96, "checkpoint_every": 24})
    train_on(Twin(year), agent, own, workspace, "smoke", None, (), (year,))
    untrained = make_agent(agent, own, RegretVecEnv(
        [year], plan_of(year), plants=4, episode_hours=24
    ), year)  # fmt: skip
    first = torch.nn.utils.parameters_to_vector(untrained.policy.acting())
    vectors = {}
    for card in workspace.checkpoints(agent).glob("*checkpoint*.json"):
        steps = json.loads(card.read_text())["steps"]
        policy = load_agent(agent, card.with_suffix(".zip")).policy
        vectors[steps] = torch.nn.utils.parameters_to_vector(policy.acting())
    # A third of 96 steps at most; an update that began with the actor still ends so.
    assert all(torch.equal(vector, first) == (steps <= still) for steps, vector in vectors.items())
    assert min(vectors) <= still < max(vectors)


def test_looks_that_were_recalled_are_not_taken_again(tmp_path: Path) -> None:
    validator = Validator(Scores(), Marks(0.5, 0.3), 24, tmp_path / "best.zip", lambda *_: pytest.fail("looked again"))
    validator.recall([{"steps": 24, "j": 0.4, "gap_closed": 0.5}])

    class Model:
        num_timesteps = 24
        policy: ImportTargetPolicy | None = None

    validator.look(Model(), last=False)
    assert validator.best.j == 0.4
    assert "50.0 % of the gap" in validator.line()
