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
    workspace, fits = Workspace.of(mini_site(tmp_path)), list[tuple[int, str]]()

    def fit(training: list[PlantData], trial: PlantData) -> object:
        fits.append((len(training), trial.digest))
        return fit_mpc(training, trial)

    monkeypatch.setattr(kept, "fit_mpc", fit)
    first = mpc_for(workspace, store_of())
    assert fits == [(2, "validation-01")]
    own = workspace.with_models(tmp_path / "of-a-seed")
    assert mpc_for(own, store_of(), tell=pytest.fail) == first
    content = json.loads(workspace.mpc.read_text())
    content["fitted"]["forecast"]["surplus_quantile"] = 0.7
    workspace.mpc.write_text(json.dumps(content))
    assert mpc_for(workspace, store_of()) == first
    mpc_for(workspace, store_of("another"))
    assert len(fits) == 3


def test_without_validation_years_a_training_year_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[str]()
    monkeypatch.setattr(kept, "fit_mpc", lambda training, trial: tried.append(trial.digest) or fit_mpc(training, trial))
    workspace = Workspace.of(mini_site(tmp_path))
    mpc_for(workspace, store_of(without="validation"))
    assert tried == ["training-01"]
    with pytest.raises(ControllerError, match="the dataset has none"):
        mpc_for(workspace, store_of("other", without="training"))
