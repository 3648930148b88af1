"""The settings that a model depends on beside its dataset."""

from __future__ import annotations

from typing import Any

from pvbesscar.store.files import sha256_json
from schemas.settings import Agent, Settings


def model_settings(agent: Agent, settings: Settings, profile: str) -> dict[str, Any]:
    """Part of the settings that the model of an agent depends on, as pydantic's `include` takes it."""
    training: dict[str, Any] = {"seed": True, "simulator": True, "scenarios": True, agent: True}
    training[profile] = {"steps", "episode_hours"}
    if settings.training.simulator == "twin":
        # The twin's plants run side by side: their number decides what an update learns from. CityLearn runs one.
        training["plants"] = True
    return {"training": training}


def training_digest(agent: Agent, settings: Settings, profile: str) -> str:
    """Digest of the settings that a model depends on."""
    return sha256_json(settings.model_dump(mode="json", include=model_settings(agent, settings, profile)))
