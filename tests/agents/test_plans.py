"""Plans of training years are made once, for all profiles and seeds, and made again where they could be others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pvbesscar.agents import plans as planning
from pvbesscar.agents.plans import plans_of
from pvbesscar.controllers.optimum import solve
from pvbesscar.envs.regret import carry_out
from pvbesscar.plant.data import PlantData
from pvbesscar.store.workspace import Workspace
from tests.controllers.plants import course
from tests.mini_site import mini_site


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.of(mini_site(tmp_path))


@pytest.fixture(scope="module")
def years() -> list[PlantData]:
    return [replace(course(4, seed, mode="bidirectional"), digest=f"year {seed}") for seed in (1, 2, 3)]


def test_each_year_is_planned_once(workspace: Workspace, years: list[PlantData]) -> None:
    told: list[int] = []
    first = plans_of(years[:2], "d", workspace, told.append)
    assert told == [0, 1]
    reward, soc = carry_out(years[1], solve(years[1]).plan)
    assert np.array_equal(first.reward[1], reward)
    assert np.array_equal(first.soc[1], soc)
    of_a_seed = workspace.with_models(workspace.root / "of-a-seed")
    more = plans_of(years, "d", of_a_seed, told.append)
    assert told == [0, 1, 2]
    assert np.array_equal(more.reward[:2], first.reward)
    again = plans_of([years[2], years[0]], "d", workspace, pytest.fail)
    assert np.array_equal(again.soc, more.soc[[2, 0]])


@pytest.mark.parametrize("what", ["half", "code", "dataset"])
def test_damaged_and_foreign_plans_are_made_again(
    what: str, workspace: Workspace, years: list[PlantData], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plans_of(years[:1], "d", workspace, lambda _done: None)
    told: list[int] = []
    if what == "half":
        workspace.plans.write_bytes(workspace.plans.read_bytes()[:300])
    elif what == "code":
        monkeypatch.setattr(planning, "code_digest", lambda *_packages: "other")
    else:
        plans_of(years[:1], "another tariff", workspace, lambda _done: None)
    assert np.array_equal(plans_of(years[:1], "d", workspace, told.append).reward, first.reward)
    assert told == [0]
