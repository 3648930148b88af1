"""What no training leaves as a model, as one that is judged like the trained: the imitation, and the ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from pvbesscar.agents.factory import actor_of, load_agent, make_agent
from pvbesscar.agents.policies.average import averaged
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.import_target_sac import SacImportTargetPolicy
from pvbesscar.agents.policies.plant_view import numbers_of
from pvbesscar.agents.start import start_of
from pvbesscar.agents.train import imitated_mpc, training_years, validation_years
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.plant.data import PlantData, load_plant
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
    mpc = imitated_mpc(settings, workspace, profile)
    start = start_of(recipe, workspace, profile, hidden, numbers_of(nominal), nominal.digest, years, watched, mpc=mpc)
    assert start.actor is not None
    _save(agent, recipe, profile, nominal, start.actor, path)


def save_ensemble(
    agent: Agent, settings: Settings, profile: str, nominal: PlantData, models: Sequence[Path], path: Path
) -> None:
    """Save the mean of trained models of one agent and shape as one model; its critics know nothing."""
    actors = [actor for model in models if (actor := actor_of(load_agent(agent, model))) is not None]
    assert len(actors) == len(models)
    recipe, mean = settings.trained_as(profile), averaged(actors)
    training, own = recipe.training, getattr(recipe.training, agent)
    wide = own.model_copy(update={"net_arch": tuple(len(actors) * width for width in own.net_arch)})
    update = {agent: wide, "socket_units": len(actors) * training.socket_units}
    recipe = recipe.model_copy(update={"training": training.model_copy(update=update)})
    _save(agent, recipe, profile, nominal, mean.state_dict(), path)


def _save(
    agent: Agent, recipe: Settings, profile: str, nominal: PlantData, actor: Mapping[str, Tensor], path: Path
) -> None:
    env = PlantEnv(Twin(nominal), episode_hours=recipe.profile(profile).episode_hours)
    model = make_agent(agent, recipe, env, nominal)
    assert isinstance(model.policy, ImportTargetPolicy | SacImportTargetPolicy)
    model.policy.load_actor(actor)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
