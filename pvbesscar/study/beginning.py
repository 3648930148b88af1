"""What an agent begins as, the imitation, as a model that can be judged like a trained one."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.agents.factory import make_agent
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.import_target_sac import SacImportTargetPolicy
from pvbesscar.agents.policies.plant_view import numbers_of
from pvbesscar.agents.start import start_of
from pvbesscar.agents.train import training_years, validation_years
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.store.workspace import Workspace
from schemas.settings import Agent, Settings


def begins_as_imitation(settings: Settings, profile: str) -> bool:
    """Whether agents begin as an imitation; the others begin as whatever their first weights are."""
    own = settings.trained_as(profile).training
    return own.simulator == "twin" and own.policy == "import_target" and own.imitation


def save_beginning(agent: Agent, settings: Settings, workspace: Workspace, profile: str, path: Path) -> None:
    """Save what a training began as; its start is read from where the training left it."""
    recipe, nominal = settings.trained_as(profile), load_plant(workspace.dataset)
    years = training_years(settings, workspace, profile) or (nominal,)
    hidden = getattr(recipe.training, agent).net_arch
    watched = validation_years(settings, workspace, profile)
    start = start_of(recipe, workspace, profile, hidden, numbers_of(nominal), years, watched)
    env = PlantEnv(Twin(nominal), episode_hours=settings.profile(profile).episode_hours)
    model = make_agent(agent, recipe, env, nominal)
    assert isinstance(model.policy, ImportTargetPolicy | SacImportTargetPolicy)
    assert start.actor is not None
    model.policy.load_actor(start.actor)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
