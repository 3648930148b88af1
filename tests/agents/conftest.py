"""One small site for all tests of agents."""

from __future__ import annotations

import pytest

from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings
from tests.mini_site import beside, mini_site


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return mini_site(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="package")
def simulator(settings: Settings) -> CityLearnSim:
    return CityLearnSim(Workspace.of(settings).dataset)


@pytest.fixture
def workspace(settings: Settings, tmp_path) -> Workspace:
    """Where a test may write models and metrics."""
    return beside(settings, tmp_path)
