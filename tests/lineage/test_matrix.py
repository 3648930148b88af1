"""The mutation matrix: for each edit the plan, what then runs, and what Prefect's own cache would have done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.lineage.matrix import ALL, EDITS, Edit, Matrix, Outcome, results
from tools.docs.staleness import PAGE, page

Outcomes = Callable[[Edit], Outcome]
NAMES = [one.name for one in EDITS]
REAL = {"ingest", "validate", "build"}
"""Stages that are no stand-ins: an edit after which one of them runs takes seconds."""
QUICK = {
    "one hour of GHI", "another folder", "`seed`", "`pv.tilt_deg`",
    "helper of two stages (`pvbesscar/oe2/sessions.py`)",
    "quality rule (`pvbesscar/quality/year/rules/solar.py`)", "version of pandera", "output of ingest deleted",
    "output of build corrupted", "record of build deleted",
}  # fmt: skip
"""One such edit of each kind; the others are slow tests."""


def _cost(one: Edit) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if REAL & set(one.runs) and one.name not in QUICK else []


each_edit = pytest.mark.parametrize("edit", [pytest.param(one, id=one.name, marks=_cost(one)) for one in EDITS])


@pytest.fixture(scope="module")
def outcome_of() -> Iterator[Outcomes]:
    """Outcome of an edit, found when it is first asked for."""
    # A short name, for a reason repeats the paths of the settings, and clips long ones.
    with tempfile.TemporaryDirectory(prefix="m") as root:
        yield cache(Matrix(Path(root)).outcome)


def test_the_matrix_is_large_enough() -> None:
    assert len(EDITS) == len(set(NAMES)) >= 40
    assert {stage for one in EDITS for stage in one.runs} == set(ALL)
    assert set(NAMES) >= QUICK
    assert {stage for one in EDITS if one.name in QUICK for stage in one.runs} == set(ALL)


@each_edit
def test_exactly_the_stages_run_whose_result_could_differ(outcome_of: Outcomes, edit: Edit) -> None:
    outcome = outcome_of(edit)
    assert outcome.ran == edit.runs
    assert outcome.again == ()


@each_edit
def test_the_plan_says_beforehand_what_then_runs(outcome_of: Outcomes, edit: Edit) -> None:
    outcome = outcome_of(edit)
    said = {verdict: {s for s, (v, _) in outcome.planned.items() if v == verdict} for verdict in ("STALE", "FRESH")}
    assert said["STALE"] <= set(outcome.ran)
    assert not said["FRESH"] & set(outcome.ran)
    depending = set(outcome.planned) - said["STALE"] - said["FRESH"]
    assert not depending or said["STALE"], "a stage depends on one that runs"


@pytest.mark.slow
def test_the_page_shows_what_was_measured(outcome_of: Outcomes) -> None:
    expected = page([outcome_of(one) for one in EDITS])
    assert PAGE.read_text(encoding="utf-8") == expected, "run `python -m tools.docs.staleness`"


@pytest.mark.slow
def test_what_is_kept_comes_out_the_same_when_everything_is_executed_anew(tmp_path: Path) -> None:
    assert {one.edit.name: one.differ for one in results(tmp_path, prove=True) if one.differ} == {}
