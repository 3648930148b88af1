"""The MPC of a dataset is fitted once, on all its training years, for those who judge it and those who imitate it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pvbesscar.controllers import kept
from pvbesscar.controllers.kept import mpc_for
from pvbesscar.controllers.registry import fit_mpc
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.plant.data import PlantData
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError
from tests.controllers.plants import course
from tests.mini_site import mini_site

YEARS = {"training-01": 1, "training-02": 2, "validation-01": 5}


def year(name: str) -> PlantData:
    return replace(course(7, YEARS[name]), digest=name)


def store_of(digest: str = "d", without: str = "") -> ScenarioStore:
    def names(which: str) -> tuple[str, ...]:
        return tuple(name for name in YEARS if name.startswith(which) and which != without)

    return cast("ScenarioStore", SimpleNamespace(digest=digest, names=names, load=year))


def test_the_mpc_is_fitted_once_for_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, fits = Workspace.of(mini_site(tmp_path)), list[tuple[int, list[str]]]()

    def fit(training: list[PlantData], trials: list[PlantData], *, only: str | None) -> object:
        fits.append((len(training), [one.digest for one in trials]))
        return fit_mpc(training, trials, only=only)

    monkeypatch.setattr(kept, "fit_mpc", fit)
    first = mpc_for(workspace, store_of())
    assert fits == [(2, ["validation-01"])]
    own = workspace.with_models(tmp_path / "of-a-seed")
    assert mpc_for(own, store_of(), pytest.fail) == first
    content = json.loads(workspace.mpc.read_text())
    content["fitted"]["forecast"]["surplus_quantile"] = 0.7
    workspace.mpc.write_text(json.dumps(content))
    assert mpc_for(workspace, store_of()) == first
    mpc_for(workspace, store_of("another"))
    assert len(fits) == 3


def test_an_mpc_with_another_forecast_does_not_take_its_place(tmp_path: Path) -> None:
    workspace = Workspace.of(mini_site(tmp_path))
    first = mpc_for(workspace, store_of())
    usual = mpc_for(workspace, store_of(), only="climatology")
    assert usual.forecast.kind == "climatology"
    assert mpc_for(workspace, store_of(), pytest.fail) == first
    assert mpc_for(workspace, store_of(), pytest.fail, only="climatology") == usual


def test_without_validation_years_the_training_years_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[list[str]] = []

    def fit(training: list[PlantData], trials: list[PlantData], *, only: str | None) -> object:
        tried.append([one.digest for one in trials])
        return fit_mpc(training, trials, only=only)

    monkeypatch.setattr(kept, "fit_mpc", fit)
    workspace = Workspace.of(mini_site(tmp_path))
    mpc_for(workspace, store_of(without="validation"))
    assert tried == [[]]
    with pytest.raises(ControllerError, match="the dataset has none"):
        mpc_for(workspace, store_of("other", without="training"))
