"""What training leaves behind: names, digests and proofs of models. Imports no learning library."""

from __future__ import annotations

import platform
from importlib.metadata import version

from pydantic import ValidationError

from pvbesscar.agents.settings import training_digest
from pvbesscar.dataset.settings import dataset_settings_digest
from pvbesscar.quality.stage_contracts import require_dataset
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import read_stored, sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import StaleError
from schemas.results import DatasetManifest, Result, TrainingMetrics
from schemas.settings import Agent, Settings

PACKAGES = ("stable-baselines3", "torch", "gymnasium", "numpy", "citylearn", "highspy")


class ModelCard(Result):
    """Sidecar of a checkpoint or final model: what it was trained on, and how far."""

    agent: Agent
    profile: str
    steps: int
    """True number of environment steps."""
    seed: int
    simulator: str
    dataset_digest: str
    settings_digest: str
    model_sha256: str


def prove_dataset(settings: Settings, workspace: Workspace) -> DatasetManifest:
    """Manifest of the dataset; `StaleError` unless it is whole and was built with these settings.

    Its tables must keep their contracts, too: `QualityError` names the rows that do not.
    """
    manifest = read_manifest(workspace.dataset)
    if manifest.settings_digest != dataset_settings_digest(settings):
        raise StaleError(
            f"{workspace.dataset}: built with other settings than the scenario `{settings.name}` has now.",
            hint="run `pvbesscar build --config CONFIG` again.",
        )
    require_dataset(workspace)
    return manifest


def checkpoint_name(agent: Agent, mark: int) -> str:
    """File name of the checkpoint at a mark, e.g. `sac_checkpoint_50000_steps.zip`."""
    return f"{agent}_checkpoint_{mark}_steps.zip"


def final_name(agent: Agent) -> str:
    """File name of the final model."""
    return f"{agent}_final_model.zip"


def curve_name(agent: Agent) -> str:
    """File name of the training curve: mean hourly reward over each stretch of steps."""
    return f"{agent}_training_curve.csv"


def validations_name(agent: Agent) -> str:
    """File name of the looks at the validation years: steps, J, gap closed."""
    return f"{agent}_validation.csv"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a trained model depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def read_metrics(agent: Agent, workspace: Workspace) -> TrainingMetrics | None:
    """Training metrics of an agent, `None` where there are none that can be read."""
    path = workspace.training_metrics(agent)
    try:
        return TrainingMetrics.model_validate_json(read_stored(path))
    except (FileNotFoundError, ValidationError, StaleError):
        return None


def model_fault(
    agent: Agent, settings: Settings, workspace: Workspace, profile: str, dataset_digest: str
) -> str | None:
    """Why an agent's final model can not be judged, `None` where it can.

    Parameters
    ----------
    profile
        The profile that it must have been trained with.
    dataset_digest
        Identity of the dataset that it must have been trained on.
    """
    path, metrics = workspace.final_model(agent), read_metrics(agent, workspace)
    again = f"run `pvbesscar train --agent {agent} --profile {profile}` again"
    if not path.is_file():
        return f"{path.relative_to(workspace.root)} is missing: {again}."
    if metrics is None:
        where = workspace.training_metrics(agent).relative_to(workspace.root)
        return f"{where} is missing or no metrics file: {again}."
    if metrics.model_sha256 != sha256_file(path):
        return f"{path.relative_to(workspace.root)} is not the model of its metrics: {again}."
    if metrics.dataset_digest != dataset_digest:
        return f"trained on another dataset ({metrics.dataset_digest[:12]}, now {dataset_digest[:12]}): {again}."
    if metrics.settings_digest != training_digest(agent, settings, profile):
        trained = f"profile `{metrics.profile}`, {metrics.steps:,} steps, seed {metrics.seed}"
        return f"trained with other settings ({trained}) than profile `{profile}` asks for: {again}."
    return None
