"""docs/results.md is made of recorded studies, and of nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pvbesscar.study.conclusions import conclusions
from tests.study import hand_made
from tools.docs import results, stamps

ROOT = Path(__file__).resolve().parents[2]
WHOLE = hand_made.study(hand_made.on_tests({"ppo": [(0.5, 0.3), (0.5, 0.3)]}))
LESS = hand_made.study(
    hand_made.on_tests({"ppo": [(0.6, 0.4), (0.6, 0.4)]}, whole={"ppo": [(0.5, 0.3), (0.5, 0.3)]}),
    name="less", without=("imitation",), whole="hand-made", overrides=("training.imitation=false",),
)  # fmt: skip


def test_the_page_holds_every_sentence_and_both_tables(tmp_path: Path) -> None:
    for study in (LESS, WHOLE):
        path = tmp_path / "project" / "outputs" / "studies" / study.name / "study.json"
        path.parent.mkdir(parents=True)
        path.write_text(study.model_dump_json())
    found = results.recorded([tmp_path])
    assert [one.name for one in found] == ["hand-made", "less"]
    text = results.page(found)
    for study in found:
        assert all(f"* {sentence}" in text for sentence in conclusions(study))
    assert "| `mall` | dispatch | full | 2 | 1,000 | none | `ppo` | 75.0 % (75.0 to 75.0 %) | 75.0 %" in text
    row = "| `mall` | full | `ppo` | imitation | 50.0 % | 50.0 to 50.0 % |"
    assert f"{row} 75.0 % (75.0 to 75.0 %) | -25.0 (-25.0 to -25.0) | worse |" in text
    assert "Set by hand: `training.imitation=false`." in text
    assert results.STUDIES.validate_json(results.STUDIES.dump_json(found)) == found


def test_another_study_is_no_measure_of_what_was_left_out() -> None:
    longer = WHOLE.model_copy(update={"name": "longer"})
    row = "| `mall` | full | `ppo` | imitation | 50.0 % | 50.0 to 50.0 % |"
    alone = LESS.model_copy(update={"whole": None, "sets": (hand_made.on_tests({"ppo": [(0.6, 0.4), (0.6, 0.4)]}),)})
    assert f"{row} not recorded |  |  |" in results.page([alone, longer])
    assert f"{row} 75.0 % (75.0 to 75.0 %) | -25.0 (-25.0 to -25.0) | worse |" in results.page([LESS, longer, WHOLE])


def test_a_page_that_is_older_than_its_code_is_told(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(results.page([WHOLE]))
    assert stamps.older_parts(page) == {
        "python -m tools.docs.results --root FOLDER": "the code of `pvbesscar.plant` has changed since"
    }
    page.write_text(results.page([]))
    assert stamps.older_parts(page) == {}
    assert results.NOTHING in page.read_text()


def test_no_study_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.docs.results", "--root", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.returncode == 2
    assert "`pvbesscar study` makes one" in told.stderr


@pytest.mark.skipif(not results.kept(), reason="no study is recorded")
def test_every_figure_of_the_glance_is_that_of_a_study() -> None:
    text = results.PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"^Study `", text, re.MULTILINE)) == len(results.kept())
