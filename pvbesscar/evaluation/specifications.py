"""Controllers that can be evaluated: baselines, trained agents, and the same agents before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvbesscar.agents.artifacts import model_fault
from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.policy import PolicyController, Predictor
from pvbesscar.controllers.registry import Fitted
from pvbesscar.plant.simulator import Simulator
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError
from schemas.results import ControllerKind
from schemas.settings import AGENTS, Agent, Settings


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    """A controller by name: what a worker process needs to make it."""

    name: str
    kind: ControllerKind
    agent: Agent | None = None


def untrained_name(agent: Agent) -> str:
    """Name of an agent before training, in tables and files."""
    return f"{agent}-untrained"


def _kind(name: str) -> ControllerKind:
    if name == registry.RANDOM:
        return "random"
    return "constant" if name in registry.CONSTANTS else "baseline"


def _all_specs() -> dict[str, ControllerSpec]:
    # The optimum is no controller to evaluate: the others are measured by it.
    specs = [ControllerSpec(name, _kind(name)) for name in registry.names() if name != registry.OPTIMUM]
    for agent in AGENTS:
        specs += [ControllerSpec(agent, "agent", agent), ControllerSpec(untrained_name(agent), "untrained", agent)]
    return {spec.name: spec for spec in specs}


_SPECS = _all_specs()


def known_names() -> tuple[str, ...]:
    """Names of all controllers that can be evaluated."""
    return tuple(_SPECS)


def specification(name: str) -> ControllerSpec:
    """Specification of a controller that can be evaluated.

    Raises
    ------
    ConfigError
        There is no controller of this name.
    """
    if name not in _SPECS:
        raise ConfigError(
            f"`{name}` is no controller.", hint=f"choose from {', '.join(_SPECS)}; `optimum` is always there."
        )
    return _SPECS[name]


def specs_of(
    names: Sequence[str], settings: Settings, workspace: Workspace, profile: str, dataset_digest: str
) -> tuple[tuple[ControllerSpec, ...], dict[str, str]]:
    """Controllers that can be evaluated now, and for the others the reason why not.

    Parameters
    ----------
    names
        Of `known_names()`; *no control*, which J is scaled by, and the rule, which the gap begins at, are always added.

    Raises
    ------
    ConfigError
        A name that is no controller's.
    """
    specs = [specification(name) for name in dict.fromkeys((registry.NO_CONTROL, registry.RULE, *names))]
    able: list[ControllerSpec] = []
    missing: dict[str, str] = {}
    for spec in specs:
        fault = None
        if spec.kind == "agent" and spec.agent is not None:
            fault = model_fault(spec.agent, settings, workspace, profile, dataset_digest)
        if fault is None:
            able.append(spec)
        else:
            missing[spec.name] = fault
    return tuple(able), missing


def policy_of(
    spec: ControllerSpec, settings: Settings, workspace: Workspace, profile: str, simulator: Simulator
) -> Predictor:
    """Policy of an agent, trained or untrained."""
    # The learning libraries take 4 s to import, and only agents need them.
    import numba  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from pvbesscar.agents.factory import judged, load_agent, make_agent  # noqa: PLC0415
    from pvbesscar.envs.plant_env import PlantEnv  # noqa: PLC0415

    assert spec.agent is not None
    # One thread: sums in another order would change the last bits of an action.
    torch.set_num_threads(1)
    # Two threads of the twin beside it would spin and slow the networks down.
    numba.set_num_threads(1)
    if spec.kind == "agent":
        return judged(load_agent(spec.agent, workspace.final_model(spec.agent)))
    env = PlantEnv(simulator, episode_hours=settings.profile(profile).episode_hours)
    return judged(make_agent(spec.agent, settings.trained_as(profile), env, simulator.data))


def controller_of(
    spec: ControllerSpec,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    simulator: Simulator,
    fitted: Fitted | None,
) -> Controller:
    """Make the controller of a specification for a simulator."""
    if spec.agent is None:
        return registry.make(spec.name, simulator.data, fitted)
    return PolicyController(spec.name, policy_of(spec, settings, workspace, profile, simulator))
