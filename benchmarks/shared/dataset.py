"""Datasets, for benchmarks that measure what is done with them."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def settings_of(root: Path, *overrides: str) -> Settings:
    """Settings of the default scenario in a project folder."""
    return load_settings(ROOT / "config" / "iquitos_mall.yaml", [f"data.root={root}", *overrides]).settings


def built(settings: Settings) -> Workspace:
    """Build a scenario's dataset, unless it is there."""
    workspace = Workspace.of(settings)
    if not workspace.dataset.is_dir():
        ingest(settings, workspace)
        validate(settings, workspace)
        build(settings, workspace)
    return workspace
