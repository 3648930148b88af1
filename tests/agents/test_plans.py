"""Plans of training years are made once, for all profiles and seeds, and made again where they could be others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pvbesscar.agents import plans as planning
from pvbesscar.agents.plans import plans_of
from pvbesscar.envs.regret import plan_of
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
    plan = plan_of(years[1])
    assert np.array_equal(first.due[1:], plan.due)
    assert np.array_equal(first.stored[1:], plan.stored)
    assert np.array_equal(first.need[years[0].sessions.socket.size :], plan.need)
    of_a_seed = workspace.with_models(workspace.root / "of-a-seed")
    more = plans_of(years, "d", of_a_seed, told.append)
    assert told == [0, 1, 2]
    assert np.array_equal(more.due[:2], first.due)
    again = plans_of([years[2], years[0]], "d", workspace, pytest.fail)
    assert np.array_equal(again.stored, more.stored[[2, 0]])


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
    assert np.array_equal(plans_of(years[:1], "d", workspace, told.append).due, first.due)
    assert told == [0]
