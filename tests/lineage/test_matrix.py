"""The mutation matrix: for each edit the plan, what then runs, and what Prefect's own cache would have done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lineage.matrix import ALL, EDITS, Edit, Outcome, results
from tools.docs.staleness import PAGE, page

NAMES = [one.name for one in EDITS]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    # A short name, for a reason repeats the paths of the settings, and clips long ones.
    with tempfile.TemporaryDirectory(prefix="m") as root:
        yield {outcome.edit.name: outcome for outcome in results(Path(root))}


def test_the_matrix_is_large_enough() -> None:
    assert len(EDITS) == len(set(NAMES)) >= 40
    assert {stage for one in EDITS for stage in one.runs} == set(ALL)


@pytest.mark.parametrize("edit", EDITS, ids=NAMES)
def test_exactly_the_stages_run_whose_result_could_differ(outcomes: dict[str, Outcome], edit: Edit) -> None:
    outcome = outcomes[edit.name]
    assert outcome.ran == edit.runs
    assert outcome.again == ()


@pytest.mark.parametrize("edit", EDITS, ids=NAMES)
def test_the_plan_says_beforehand_what_then_runs(outcomes: dict[str, Outcome], edit: Edit) -> None:
    outcome = outcomes[edit.name]
    said = {verdict: {s for s, (v, _) in outcome.planned.items() if v == verdict} for verdict in ("STALE", "FRESH")}
    assert said["STALE"] <= set(outcome.ran)
    assert not said["FRESH"] & set(outcome.ran)
    depending = set(outcome.planned) - said["STALE"] - said["FRESH"]
    assert not depending or said["STALE"], "a stage depends on one that runs"


def test_the_page_shows_what_was_measured(outcomes: dict[str, Outcome]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(list(outcomes.values())), "run `python -m tools.docs.staleness`"


@pytest.mark.slow
def test_what_is_kept_comes_out_the_same_when_everything_is_executed_anew(tmp_path: Path) -> None:
    assert {one.edit.name: one.differ for one in results(tmp_path, prove=True) if one.differ} == {}
