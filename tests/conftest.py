"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

# A shell that starts the tests in the background, as CI may, has them ignore Ctrl-C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Worker processes of the tests are told the width of a terminal, and commands would cut their tables to it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def oe2_dir() -> Path:
    """Folder of the measured OE2 files, which are no part of the repository; without them the test is skipped.

    PVBESSCAR_OE2_DIR names it; else they are looked for beside the checkout.
    """
    named = os.environ.get("PVBESSCAR_OE2_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "oe2_measured"
    if not folder.is_dir():
        # A folder that was named and is not there is a mistake, not a reason to skip.
        assert not named, f"PVBESSCAR_OE2_DIR={named}: no such folder"
        pytest.skip(f"{folder}: the measured OE2 files are not here (PVBESSCAR_OE2_DIR=FOLDER names them)")
    return folder


@pytest.fixture(scope="session")
def site_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the synthetic default, in a folder of its own."""
    root = tmp_path_factory.mktemp("site")
    return load_settings(ROOT / "config" / "iquitos_mall.yaml", [f"data.root={root}"]).settings


@pytest.fixture(scope="session")
def site_workspace(site_settings: Settings) -> Workspace:
    """Workspace of the synthetic default, ingested and built once for all tests; nobody may write to it."""
    workspace = Workspace.of(site_settings)
    ingest(site_settings, workspace)
    validate(site_settings, workspace)
    build(site_settings, workspace)
    return workspace


@pytest.fixture(scope="session")
def site_simulator(site_workspace: Workspace) -> CityLearnSim:
    """CityLearn on the 128 sockets of the synthetic default; every test resets it."""
    return CityLearnSim(site_workspace.dataset)
