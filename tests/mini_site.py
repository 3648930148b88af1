"""A site of two chargers with a year that repeats every day: loads in a second, and agents can be run on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pvbesscar.dataset.build import build
from pvbesscar.store.workspace import Workspace
from schemas.settings import HOURS_PER_YEAR, Settings
from tests.builders import scenario, session, write_canonical

WINDOWS = {"window_hours": 24}
"""The first day of each validation week."""
WINDOW_NAMES = ("validation-dry", "validation-wet", "validation-holiday")
PPO = {"warm_up": 0, "update_every": 24, "batch_size": 12, "n_epochs": 2, "net_arch": [16]}
SAC = {"warm_up": 0, "update_every": 8, "learning_starts": 16, "buffer_size": 200, "batch_size": 16, "net_arch": [16]}
A2C = {"warm_up": 0, "update_every": 8, "net_arch": [16]}
SMOKE = {"steps": 48, "episode_hours": 24, "evaluate_on": "windows", "checkpoint_every": 20}
FULL = {"steps": 48, "episode_hours": 8760, "evaluate_on": "year", "checkpoint_every": 20, "scenarios": ["nominal"]}
TRAINING = {
    "simulator": "citylearn",
    "scenarios": "nominal",
    # What agents begin from takes longer than all that most tests let them learn.
    "imitation": False,
    "reward": "score",
    "sac": SAC,
    "ppo": PPO,
    "a2c": A2C,
    "smoke": SMOKE,
    "full": FULL,
}

_BUILT: dict[str, dict[Path, bytes]] = {}
"""Files of the sites that were built, by their settings."""


def mini_site(root: Path, **sections: Any) -> Settings:
    """Build the site's dataset under `root`; `sections` replace whole keys of its settings.

    The files name no folder: those of the same settings are built once in a process, and written again.
    """
    settings = scenario(root, **({"training": TRAINING, "evaluation": WINDOWS} | sections))
    same = settings.model_dump_json(exclude={"data": {"root"}})
    if same not in _BUILT:
        _build(settings)
        _BUILT[same] = {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for name, content in _BUILT[same].items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return settings


def _build(settings: Settings) -> None:
    hour = np.arange(HOURS_PER_YEAR) % 24
    pv = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 1500.0
    mall = np.where((hour >= 9) & (hour < 23), 600.0, 150.0)
    sessions = [session(k, 24 * day + 9 + k % 4, 24 * day + 12 + k % 4, 0.3) for day in range(365) for k in range(8)]
    write_canonical(settings, sessions, pv_kwh=pv, mall_kwh=mall)
    build(settings, Workspace.of(settings))


def beside(settings: Settings, root: Path) -> Workspace:
    """Workspace under `root` for other models of the dataset of `settings`."""
    workspace = Workspace(root, settings.data.dataset_name)
    workspace.dataset.parent.mkdir(parents=True)
    workspace.dataset.symlink_to(Workspace.of(settings).dataset)
    return workspace


def with_training(settings: Settings, **changes: Any) -> Settings:
    """Return the same scenario with other training settings."""
    raw = settings.model_dump(mode="json")
    for key, value in changes.items():
        raw["training"][key] = (raw["training"][key] | value) if isinstance(value, dict) else value
    return Settings.model_validate(raw)
