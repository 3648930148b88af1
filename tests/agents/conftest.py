"""One small site for all tests of agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from pvbesscar.agents import start as starting
from pvbesscar.agents.start import Start, StartCard
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData
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


@pytest.fixture(scope="package", autouse=True)
def _starts() -> Iterator[None]:
    """Make each start once for all tests: plans and marks of a year take longer than most trainings here."""
    make, made = starting._make, dict[str, Start]()

    def once(card: StartCard, training: Sequence[PlantData], *others: object) -> Start:
        key = f"{card.model_dump_json()} {[year.params for year in training]}"
        if key not in made:
            made[key] = make(card, training, *others)  # type: ignore[arg-type]
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starting, "_make", once)
        yield
