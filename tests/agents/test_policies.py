"""The policies' reading of the plant held to the plant itself, and their densities to numerical integrals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pvbesscar.agents.factory import judged, load_agent, make_agent
from pvbesscar.agents.policies.acting import CompiledActor
from pvbesscar.agents.policies.average import averaged
from pvbesscar.agents.policies.import_target import ImportTargetPolicy, TargetDistribution
from pvbesscar.agents.policies.import_target_sac import SacCritics, SacImportTargetPolicy
from pvbesscar.agents.policies.plant_view import Actor, PlantView, numbers_of
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.actions import socket_powers
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.ledger import BESS_SOC, EXPORT, IMPORT
from pvbesscar.plant.state import observation, setpoints
from pvbesscar.plant.twin import Twin
from pvbesscar.store.workspace import Workspace
from schemas.settings import AGENTS, Agent, Mode, Settings
from tests.mini_site import with_training

MODES: tuple[Mode, ...] = ("dispatch", "bidirectional")


@pytest.fixture(scope="module")
def year(settings: Settings) -> PlantData:
    return load_plant(Workspace.of(settings).dataset)


def an_actor(year: PlantData, socket_units: int = 0) -> Actor:
    torch.manual_seed(3)
    return Actor(PlantView(numbers_of(year)._asdict()), [8], socket_units)


def visited(year: PlantData, hours: int = 300) -> list[tuple[Twin, np.ndarray]]:
    """A twin before each hour of a course of random actions, and its observation."""
    rng, twin = np.random.default_rng(1), Twin(year)
    twin.reset(24 * 100)
    found = []
    for _ in range(hours):
        state = twin.state
        found.append((state, observation(state)))
        twin.step(setpoints(state, rng.random(1 + year.params.sockets)))
    return found


@pytest.mark.parametrize("guard", [True, False])
def test_the_view_knows_what_the_sockets_will_draw(year: PlantData, guard: bool) -> None:
    year = year.with_mode("bidirectional")
    p = year.params._replace(departure_guard=guard)
    object.__setattr__(year, "params", p)
    view, rng, drawn = PlantView(numbers_of(year)._asdict()), np.random.default_rng(2), 0.0
    for state, seen in visited(year):
        asked, power = rng.random(p.sockets), np.empty(p.sockets)
        socket_powers(p, asked, state.need_kwh(), state.hours_left, power)
        found = view.sockets_kw(view(torch.as_tensor(seen[None])), torch.as_tensor(asked[None]).float())
        assert float(found) == pytest.approx(power.sum(), abs=2e-3)
        drawn += power.sum()
    assert drawn > 100.0


@pytest.mark.parametrize("mode", MODES)
def test_the_battery_takes_the_import_to_the_target_where_it_can(year: PlantData, mode: Mode) -> None:
    year = year.with_mode(mode)
    view, p, reached = PlantView(numbers_of(year)._asdict()), year.params, 0
    twin = Twin(year)
    twin.reset()
    for hour in range(240):
        state = twin.state
        seen = view(torch.as_tensor(observation(state)[None]))
        asked, target = torch.ones(1, p.sockets), torch.tensor([20.0 + hour % 100])
        action = view.bess_action(seen, asked, target)
        back = view.target_of(seen, torch.cat([action[:, None], asked], dim=1))
        assert float(back) == pytest.approx(float(target), abs=0.05)
        row = twin.step(setpoints(state, torch.cat([action[:, None], asked], dim=1)[0].numpy())).row
        reached += abs(row[IMPORT] - float(target)) < 0.05
    assert reached > 60


def test_the_target_s_density_is_that_of_a_censored_gaussian(year: PlantData) -> None:
    actor = an_actor(year.with_mode("bidirectional"))
    state = visited(year.with_mode("bidirectional"), 12)[-1][1]
    many = torch.as_tensor(np.repeat(state[None], 20_000, axis=0))
    unit = actor.view.plant.target_kw
    with torch.no_grad():
        actor.target[-1].bias.fill_(0.3)
        distribution = TargetDistribution(actor).proba_distribution(
            actor.view(many), torch.tensor([np.log(0.4)], dtype=torch.float32), None
        )
        torch.manual_seed(0)
        drawn = distribution.sample()
        targets = actor.view.target_of(distribution.seen, drawn)
        censored = targets < 0.5
        mean, spread = float(distribution.mean[0]), 0.4 * unit
        share = float(torch.special.ndtr(torch.tensor(-mean / spread)))
        assert float(censored.float().mean()) == pytest.approx(share, abs=0.01)
        assert 0.1 < share < 0.4
        density = distribution.log_prob(drawn)
        # Up to the constant of every Gaussian, which no ratio of densities sees.
        inside = -0.5 * ((targets - mean) / spread) ** 2 - np.log(0.4)
        torch.testing.assert_close(density[~censored], inside[~censored], atol=1e-3, rtol=0.0)
        torch.testing.assert_close(density[censored].exp(), torch.full_like(density[censored], share))


def test_noise_on_the_target_never_exports(year: PlantData) -> None:
    year = year.with_mode("bidirectional")
    actor, twin = an_actor(year), Twin(year)
    torch.manual_seed(0)
    twin.reset()
    for _ in range(24 * 14):
        state = twin.state
        seen = actor.view(torch.as_tensor(observation(state)[None]))
        with torch.no_grad():
            drawn = TargetDistribution(actor).proba_distribution(seen, torch.tensor([-1.0]), None)
            action = drawn.sample()[0].numpy()
        row = twin.step(setpoints(state, action)).row
        full = row[BESS_SOC] > 0.999 or -float(seen.load_kw) > year.params.bess_kw
        assert row[EXPORT] < 0.01 or full


def test_the_critics_of_sac_see_what_the_hour_comes_to(settings: Settings, year: PlantData) -> None:
    for mode in MODES:
        plant = year.with_mode(mode)
        twin, rng = Twin(plant), np.random.default_rng(5)
        env = PlantEnv(twin, episode_hours=24)
        view = PlantView(numbers_of(plant)._asdict())
        critics = SacCritics(env.observation_space, env.action_space, view, [4])
        twin.reset(24 * 40)
        p, unit = plant.params, plant.params.mall_scale_kw
        for _ in range(200):
            state, action = twin.state, rng.random(1 + plant.params.sockets)
            seen = torch.as_tensor(observation(state)[None])
            _, outcome = critics._features(seen, torch.as_tensor(2.0 * action - 1.0)[None].float())
            row = twin.step(setpoints(state, action)).row
            assert float(outcome[0, 0]) * unit == pytest.approx(row[IMPORT], abs=0.05)
            assert float(outcome[0, 1]) * unit == pytest.approx(row[EXPORT], abs=0.05)
            assert float(outcome[0, 3]) * p.bess_kwh == pytest.approx(row[BESS_SOC] * p.bess_kwh, abs=0.05)


@pytest.mark.parametrize("units", [0, 4])
@pytest.mark.parametrize("agent", AGENTS)
def test_a_saved_policy_acts_and_learns_as_it_did(
    agent: Agent, units: int, settings: Settings, year: PlantData, tmp_path
) -> None:
    own = settings.model_copy(update={"training": settings.training.model_copy(update={"socket_units": units})})
    twin = Twin(year)
    env = PlantEnv(twin, episode_hours=24)
    model = make_agent(agent, own, env, year)
    model.learn(48)
    model.save(tmp_path / "model.zip")
    seen = np.stack([one[1] for one in visited(year, 60)])
    before, after = (
        model.predict(seen, deterministic=True)[0],
        load_agent(agent, tmp_path / "model.zip").predict(seen, deterministic=True)[0],
    )
    assert before.shape == (60, 1 + year.params.sockets)
    assert np.array_equal(before, after)
    assert before.min() >= 0.0
    assert before.max() <= 1.0
    sockets = before[:, 1:]
    assert (sockets == 1.0).all() if units == 0 else (sockets != 1.0).any()


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_sockets_learn_from_noise_alone_and_keep_what_the_imitation_taught_without_it(
    settings: Settings, year: PlantData, noise: float
) -> None:
    own = with_training(settings, socket_units=4, socket_noise=noise)
    model = make_agent("a2c", own, PlantEnv(Twin(year), episode_hours=24), year)
    policy = model.policy
    assert isinstance(policy, ImportTargetPolicy)
    assert policy.actor.socket is not None
    before = [weights.detach().clone() for weights in policy.actor.socket.parameters()]
    target = [weights.detach().clone() for weights in policy.actor.target.parameters()]
    seen = torch.as_tensor(np.stack([one[1] for one in visited(year, 30)]))
    drawn = [policy._predict(seen, deterministic=False) for _ in range(2)]
    assert torch.equal(drawn[0][:, 1:], drawn[1][:, 1:]) is (noise == 0.0)
    assert not torch.equal(drawn[0][:, 0], drawn[1][:, 0])
    model.learn(192)
    after = list(policy.actor.socket.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)) is (noise == 0.0)
    assert not all(torch.equal(a, b) for a, b in zip(target, policy.actor.target.parameters(), strict=True))


@pytest.mark.parametrize("agent", AGENTS)
def test_an_untrained_policy_holds_a_target_near_zero(agent: Agent, settings: Settings, year: PlantData) -> None:
    model = make_agent(agent, settings, PlantEnv(Twin(year), episode_hours=24), year)
    policy = model.policy
    assert isinstance(policy, SacImportTargetPolicy if agent == "sac" else ImportTargetPolicy)
    assert policy.noise_kw == pytest.approx(
        getattr(settings.training, agent).noise * numbers_of(year).target_kw, rel=1e-5
    )
    assert all(parameter.requires_grad for parameter in policy.acting())


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("units", [0, 4])
@pytest.mark.parametrize("mode", MODES)
def test_what_judges_a_policy_acts_as_it_does_and_the_same_however_it_is_asked(
    settings: Settings, year: PlantData, agent: Agent, units: int, mode: Mode
) -> None:
    """Torch computes in single precision: the two agree to its digits; single hours and batches agree bit for bit."""
    plant = year.with_mode(mode)
    own = with_training(settings, socket_units=units)
    model = make_agent(agent, own, PlantEnv(Twin(plant), episode_hours=24), plant)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    compiled = judged(model)
    assert isinstance(compiled, CompiledActor)
    rows = np.stack([seen for _, seen in visited(plant)])
    ours, theirs = compiled.predict(rows, deterministic=True)[0], model.predict(rows, deterministic=True)[0]
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.ptp(ours[:, 0]) > 0.1
    assert 0.0 <= float(ours.min()) <= float(ours.max()) <= 1.0
    one_by_one = np.stack([compiled.predict(row, deterministic=True)[0] for row in rows])
    assert one_by_one.tobytes() == ours.tobytes()


@pytest.mark.parametrize("agent", AGENTS)
def test_a_policy_of_the_129_actions_is_judged_as_it_is(settings: Settings, year: PlantData, agent: Agent) -> None:
    model = make_agent(agent, with_training(settings, policy="mlp"), PlantEnv(Twin(year), episode_hours=24), year)
    assert judged(model) is model


@pytest.mark.parametrize("units", [0, 3])
def test_an_ensemble_acts_as_the_mean_of_its_members(year: PlantData, units: int) -> None:
    torch.manual_seed(5)
    actors = [Actor(PlantView(numbers_of(year)._asdict()), [8, 6], units) for _ in range(3)]
    with torch.no_grad():
        for parameter in (parameter for actor in actors for parameter in actor.parameters()):
            parameter.add_(0.3 * torch.randn_like(parameter))
    mean = averaged(actors)
    seen = mean.view(torch.as_tensor(np.stack([row for _, row in visited(year)])))
    for of in ("target_kw", "asked"):
        members = torch.stack([getattr(actor, of)(seen) for actor in actors])
        if units or of == "target_kw":
            assert float((members[0] - members[1]).detach().abs().max()) > 0.01
        torch.testing.assert_close(getattr(mean, of)(seen), members.mean(0), rtol=1e-4, atol=1e-4)
