"""The settings that a model depends on beside its dataset."""

from __future__ import annotations

from typing import Any

from pvbesscar.store.files import sha256_json
from schemas.settings import Agent, Settings

RECIPE = ("policy", "socket_units", "socket_noise", "imitation", "forecast", "reward", "keep")
"""What the settings of a training say of all three agents."""
START = ("training_years", "imitation_rounds", "validation_years")
"""What a profile says of the years that agents learn on and are chosen by."""


def model_settings(agent: Agent, settings: Settings, profile: str) -> dict[str, Any]:
    """Part of the settings that the model of an agent depends on, as pydantic's `include` takes it."""
    training: dict[str, Any] = {"seed": True, "simulator": True, "scenarios": True}
    training[profile] = {"sac_steps", "steps", "episode_hours"} if agent == "sac" else {"steps", "episode_hours"}
    if profile == "reference":
        # The rest is the specification's.
        return {"training": training}
    training |= {agent: True, "policy": True, "socket_units": True, "socket_noise": True}
    if settings.training.simulator == "twin":
        # The twin's plants run side by side: their number decides what an update learns from. CityLearn runs one.
        training |= dict.fromkeys((*RECIPE, "plants"), True)
        training[profile] |= {*START, "validate_every"}
    return {"training": training}


def training_digest(agent: Agent, settings: Settings, profile: str) -> str:
    """Digest of the settings that a model depends on."""
    return sha256_json(settings.model_dump(mode="json", include=model_settings(agent, settings, profile)))
