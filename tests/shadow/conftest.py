"""One built site for all tests of the shadow."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.shadow.sites import built, example


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A site of two chargers; its dataset may not be written to."""
    return built(tmp_path_factory.mktemp("small"))


@pytest.fixture
def told(small: Settings, tmp_path: Path) -> Settings:
    """The site with three days of telemetry, and a shadow of its own."""
    return example(small, tmp_path / tmp_path.name, days=3)
