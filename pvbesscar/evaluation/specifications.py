"""Who is judged: controllers that are no agents, trained agents, and the agents' untrained selves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pvbesscar.agents.artifacts import model_fault
from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.policy import PolicyController, Predictor
from pvbesscar.controllers.registry import Fitted
from pvbesscar.plant.simulator import Simulator
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError
from schemas.settings import AGENTS, Agent, Settings

Kind = Literal["agent", "untrained", "baseline", "constant"]


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    """A controller to judge, by what it takes to make it in any process."""

    name: str
    kind: Kind
    agent: Agent | None = None


def untrained_name(agent: Agent) -> str:
    """Name of an agent's untrained self in tables and files."""
    return f"{agent}-untrained"


def known_names() -> tuple[str, ...]:
    """Names of everyone who can be judged; the optimum is no spec, it is what all are measured by."""
    agents = [name for agent in AGENTS for name in (agent, untrained_name(agent))]
    return (*(name for name in registry.names() if name != registry.OPTIMUM), *agents)


def specs_of(
    names: Sequence[str], settings: Settings, workspace: Workspace, profile: str, dataset_digest: str
) -> tuple[tuple[ControllerSpec, ...], dict[str, str]]:
    """Controllers that can be judged, and those that can not, with the reason.

    Parameters
    ----------
    names
        Of `known_names()`; *no control* is always among the judged, for it is the scale of all.

    Raises
    ------
    ConfigError
        A name that is no controller's.
    """
    unknown = [name for name in names if name not in known_names()]
    if unknown:
        raise ConfigError(
            f"`{unknown[0]}` is no controller.",
            hint=f"choose from {', '.join(known_names())}; `optimum` is always there.",
        )
    able: list[ControllerSpec] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys((registry.NO_CONTROL, *names)):
        spec = _contestant(name)
        fault = (
            model_fault(spec.agent, settings, workspace, profile, dataset_digest)
            if spec.kind == "agent" and spec.agent is not None
            else None
        )
        if fault is None:
            able.append(spec)
        else:
            missing[name] = fault
    return tuple(able), missing


def _contestant(name: str) -> ControllerSpec:
    for agent in AGENTS:
        if name == agent:
            return ControllerSpec(name, "agent", agent)
        if name == untrained_name(agent):
            return ControllerSpec(name, "untrained", agent)
    return ControllerSpec(name, "constant" if name == registry.CONSTANT else "baseline")


def policy_of(
    spec: ControllerSpec, settings: Settings, workspace: Workspace, profile: str, simulator: Simulator
) -> Predictor:
    """Policy of an agent or of its untrained self."""
    # The learning libraries take 4 s to import, and only agents need them.
    import torch  # noqa: PLC0415

    from pvbesscar.agents.factory import load_agent, make_agent  # noqa: PLC0415
    from pvbesscar.envs.plant_env import PlantEnv  # noqa: PLC0415

    assert spec.agent is not None
    torch.set_num_threads(1)
    if spec.kind == "agent":
        return load_agent(spec.agent, workspace.final_model(spec.agent))
    env = PlantEnv(simulator, episode_hours=settings.profile(profile).episode_hours)
    return make_agent(spec.agent, settings, env)


def controller_of(
    spec: ControllerSpec,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    simulator: Simulator,
    fitted: Fitted | None,
) -> Controller:
    """Controller that decides for a spec on a simulator."""
    if spec.agent is None:
        return registry.make(spec.name, simulator.data, fitted)
    return PolicyController(spec.name, policy_of(spec, settings, workspace, profile, simulator))
