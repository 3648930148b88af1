"""What was fitted is kept where it is what was fitted, and fitted again in any other case."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pvbesscar.controllers import registry
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation import fitting, parallel
from pvbesscar.evaluation.cases import EvaluationCase
from pvbesscar.evaluation.fitting import fitted_for
from pvbesscar.evaluation.parallel import EvaluationPlan, WorkItem
from pvbesscar.evaluation.specifications import ControllerSpec, specification
from pvbesscar.simulation.windows import Stretch
from pvbesscar.store.workspace import Workspace
from tests.controllers.plants import course
from tests.mini_site import mini_site


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return registry.fit([course(7, seed, mode="bidirectional") for seed in (1, 2)], seed=42)


def _changed(path: Path) -> None:
    content = json.loads(path.read_text())
    content["fitted"]["reference"]["co2_kg"] += 1.0
    path.write_text(json.dumps(content))


SPOILT: dict[str, Callable[[Path], None]] = {
    "a number changed": _changed,
    "half of it": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("how", SPOILT)
def test_only_what_was_fitted_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Fitted, how: str
) -> None:
    settings, calls = mini_site(tmp_path), list[int]()

    def fit(years: Any, seed: int, on_progress: Any, mpc: Any) -> Fitted:
        assert mpc is fitted
        calls.append(seed)
        return fitted

    monkeypatch.setattr(registry, "fit", fit)
    monkeypatch.setattr(fitting, "mpc_for", lambda *_of: fitted)
    store = cast("ScenarioStore", SimpleNamespace(digest="d", names=lambda _set: ("one",), load=lambda _name: None))
    workspace = Workspace.of(settings)
    specs = [ControllerSpec(registry.TUNED, "baseline")]
    for _ in range(2):
        assert fitted_for(specs, settings, workspace, store) == fitted
    assert len(calls) == 1
    SPOILT[how](workspace.fitted)
    assert fitted_for(specs, settings, workspace, store) == fitted
    assert len(calls) == 2


def test_in_several_processes_only_what_learns_waits_for_the_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Fitted
) -> None:
    settings, given = mini_site(tmp_path), dict[str, Fitted | None]()
    case = EvaluationCase("nominal", "nominal", "twin", (Stretch("day", 0, 24),))
    specs = (specification(registry.RULE), specification(registry.TUNED))
    plan = EvaluationPlan(settings, Workspace.of(settings), "smoke", (case,), {}, specs, {}, None)

    def simulate(item: WorkItem, own: Fitted | None) -> None:
        given[item.label] = own

    monkeypatch.setattr(parallel, "_fit", lambda: fitted)
    monkeypatch.setattr(parallel, "_simulate_item", simulate)
    # Threads in place of processes, which would not see what is replaced.
    with ThreadPoolExecutor(1) as pool:
        done = parallel._await(cast("Any", pool), plan, parallel._WorkProgress(plan, None), cast("Any", [0, 0]))
    assert given == {"`tuned-rule` on nominal": fitted, "`rule` on nominal": None, "the optimum on nominal": None}
    assert {item.label for item in done.values()} == set(given)
