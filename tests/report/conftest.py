"""A small site with result files of one dataset, made by hand; A2C was not trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvbesscar.store.files import read_json, sha256_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import DatasetManifest, Finding, Provenance, QualityReport
from schemas.settings import Settings
from tests.mini_site import mini_site
from tests.report.made import EXPANDED, HOSTILE, SYNTHETIC, write_evaluation, write_training


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return mini_site(tmp_path).model_copy(update={"description": HOSTILE})


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """Result files made by hand, all of one dataset; A2C was not trained."""
    workspace = Workspace.of(settings)
    old = Provenance.model_validate(read_json(workspace.canonical / "provenance.json"))
    series = (SYNTHETIC, EXPANDED)
    write_text(workspace.canonical / "provenance.json", old.model_copy(update={"series": series}).model_dump_json())
    manifest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json"))
    finding = Finding(
        rule="night", severity="warning", source="weather.csv", column=HOSTILE, observed="3", limit="0",
        message="light at night.", cause="shifted clock.", fix="set the time zone.", n_hours=3,
    )  # fmt: skip
    quality = QualityReport(
        scenario="test", canonical_digest=sha256_json(old.files), rules=("night", "length"), findings=(finding,)
    )
    write_text(workspace.quality / "quality_report.json", quality.model_dump_json())
    for agent in ("sac", "ppo"):
        write_training(workspace, settings, agent, manifest.digest)
    write_evaluation(workspace, settings, manifest.digest)
    return workspace
