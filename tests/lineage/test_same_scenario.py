"""A stage refuses what another scenario has left: every ordered pair of shipped scenarios, every stage."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.runner import run_stage
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store.files import sha256_file, write_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import StaleError
from schemas.results import TrainingMetrics
from schemas.settings import Agent, Settings
from tests.flows import fake_stages
from tests.flows.conftest import ROOT

SCENARIOS = sorted(path.stem for path in (ROOT / "config").glob("*.yaml"))
READERS = [name for name in STAGES if name != "ingest"]


def _train(agent: Agent, settings: Settings, workspace: Workspace, *_: object) -> TrainingMetrics | None:
    write_text(workspace.final_model(agent), f"model of {settings.name}")
    write_json(workspace.training_metrics(agent), {"agent": agent})
    return None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages that take no time."""
    fake_stages.put_in_place(monkeypatch)
    monkeypatch.setattr("pvbesscar.agents.train.train", _train)


def _context(scenario: str, root: Path, *overrides: str, profile: str = "smoke") -> RunContext:
    (root / "oe2").mkdir(exist_ok=True)
    where = (f"data.root={root}", f"data.oe2_dir={root / 'oe2'}")
    config = ROOT / "config" / f"{scenario}.yaml"
    return RunContext(load_scenario(config, (*where, *overrides)).settings, profile, config)


def _run_all(run: RunContext) -> None:
    for stage in STAGES:
        run_stage(stage, run)


def _left(root: Path) -> dict[str, str]:
    return {str(path): sha256_file(path) for path in root.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("made", "called"), list(permutations(SCENARIOS, 2)))
def test_no_stage_reads_what_another_scenario_has_left(tmp_path: Path, made: str, called: str) -> None:
    _run_all(_context(made, tmp_path))
    before = _left(tmp_path)
    other = _context(called, tmp_path)
    names = [_context(scenario, tmp_path).settings.name for scenario in (made, called)]
    for stage in READERS:
        with pytest.raises(StaleError) as refused:
            run_stage(stage, other)
        for name in names:
            assert f"`{name}`" in refused.value.message, stage
        assert refused.value.hint is not None
        assert "pvbesscar rerun" in refused.value.hint
        assert f"{called}.yaml" in refused.value.hint
    assert _left(tmp_path) == before


@pytest.mark.usefixtures("quick")
def test_its_own_data_are_read(tmp_path: Path) -> None:
    run = _context("iquitos_mall", tmp_path)
    _run_all(run)
    assert run.kept == []
    _run_all(run)
    assert run.kept == list(STAGES)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("override", "first", "words"),
    [
        ("weather.annual_ghi_kwh_m2=1700", "validate", "`weather.annual_ghi_kwh_m2` 1670.0 -> 1700.0"),
        ("quality.energy_tolerance=0.2", "build", "`quality.energy_tolerance`"),
        ("bess.capacity_kwh=5000", "certify", "`bess.capacity_kwh` 4520.0 -> 5000.0"),
    ],
)
def test_data_of_other_settings_are_those_of_another_scenario(
    tmp_path: Path, override: str, first: str, words: str
) -> None:
    _run_all(_context("iquitos_mall", tmp_path))
    with pytest.raises(StaleError) as refused:
        run_stage(first, _context("iquitos_mall", tmp_path, override))
    assert words in refused.value.message


@pytest.mark.usefixtures("quick")
def test_a_page_of_another_profile_is_not_published(tmp_path: Path) -> None:
    _run_all(_context("iquitos_mall", tmp_path))
    with pytest.raises(StaleError, match="profile smoke -> full"):
        run_stage("publish", _context("iquitos_mall", tmp_path, profile="full"))


@pytest.mark.usefixtures("quick")
def test_without_a_record_nothing_is_proven(tmp_path: Path) -> None:
    run = _context("iquitos_mall", tmp_path)
    _run_all(run)
    (run.workspace.lineage / "ingest.json").unlink()
    with pytest.raises(StaleError, match="`validate` reads what `ingest` leaves, and there is no record"):
        run_stage("validate", run)
