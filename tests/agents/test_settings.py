"""No setting of the training is forgotten where it is asked whether a model is still the one that would be trained."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.agents.settings import model_settings
from pvbesscar.config.load import load_settings
from schemas.settings import AGENTS
from schemas.settings.training import Profile, TrainingSettings

CHANGES_NO_MODEL = {"agents", "sequential", "timeout_h"}
JUDGES = {"evaluate_on", "scenarios", "nominal_on", "controllers", "checkpoint_every"}
"""Settings of a profile that say how models are judged, and which checkpoints are kept."""
PROFILES = {"smoke", "full", "long", "reference"}


def test_every_setting_of_the_training_is_part_of_the_model(repo_root: Path) -> None:
    settings = load_settings(repo_root / "config" / "iquitos_mall.yaml").settings
    for agent in AGENTS:
        counted = model_settings(agent, settings, "full")["training"]
        others = {*AGENTS, *PROFILES} - {agent, "full"}
        assert set(counted) == set(TrainingSettings.model_fields) - CHANGES_NO_MODEL - others
        own = set(Profile.model_fields) - JUDGES - (set() if agent == "sac" else {"sac_steps"})
        assert counted["full"] == own


def test_on_citylearn_the_policy_is_the_same_one(repo_root: Path) -> None:
    path = repo_root / "config" / "iquitos_mall.yaml"
    counted = model_settings(
        "ppo", load_settings(path, ["training.simulator=citylearn", "training.scenarios=nominal"]).settings, "full"
    )["training"]
    assert {"policy", "socket_units", "socket_noise"} <= set(counted)
