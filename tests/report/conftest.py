"""A small site with result files of one dataset, made by hand; A2C was not trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings
from tests.mini_site import mini_site
from tests.report.made import HOSTILE, write_results


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return mini_site(tmp_path).model_copy(update={"description": HOSTILE})


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """Result files made by hand, all of one dataset; A2C was not trained."""
    workspace = Workspace.of(settings)
    write_results(settings, workspace)
    return workspace
