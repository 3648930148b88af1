"""Measured pages say on what they were made, what misses its limit, and which of them are older than their code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.plant import code_digest
from pvbesscar.store.files import sha256_json
from pvbesscar.store.stamps import NOT_RECORDED, machine, stamp
from pvbesscar.store.workspace import Workspace
from tools.docs.nearness import CONFIGURATIONS, PAGE, PLACE, measured, row
from tools.docs.stamps import PAGES, of_all_stages, older

ROOT = Path(__file__).resolve().parents[2]


def test_a_page_of_the_present_code_is_current_and_others_are_told(tmp_path: Path) -> None:
    own = stamp("pvbesscar.plant", "pvbesscar.envs")
    (tmp_path / "current.md").write_text(f"Measured ({machine()}; {own}).\nAnd {stamp('pvbesscar.plant')}.")
    (tmp_path / "old.md").write_text(f"Measured ({re.sub('`[0-9a-f]+`', '`0123456789ab`', own)}).")
    (tmp_path / "silent.md").write_text(f"Measured ({machine()}; {NOT_RECORDED}).")
    (tmp_path / "run.md").write_text(of_all_stages({"pvbesscar": "0"}))
    assert older(tmp_path) == {
        "old.md": "the code of `pvbesscar.plant`, `pvbesscar.envs` has changed since",
        "run.md": "the code of all stages has changed since",
        "silent.md": "it does not say with which code it was made",
    }
    assert stamp("pvbesscar.plant") == f"code `{code_digest()[:12]}` of `pvbesscar.plant`"
    assert of_all_stages({"a": "b"}) == f"code `{sha256_json({'a': 'b'})[:12]}` of all stages"


def test_what_misses_its_limit_is_marked(tmp_path: Path) -> None:
    """The page of the orchestration, written again from its figures."""
    figures = PAGES / "orchestration.json"
    command = [sys.executable, "benchmarks/orchestration.py", "--again", str(figures), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    page = (tmp_path / "orchestration.md").read_text(encoding="utf-8")
    assert page == (PAGES / "orchestration.md").read_text(encoding="utf-8")
    second = next(run for run in json.loads(figures.read_text())["runs"] if run["what"].startswith("second run"))
    (line,) = (line for line in page.splitlines() if line.startswith("| seconds of the second run"))
    cell, limit = (cell.strip() for cell in line.strip("| ").split("|")[1:])
    assert ("MISSED" in cell) == (second["seconds"] > float(limit))


def rows_of_the_page() -> dict[str, str]:
    found = PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return {name: line for line in found[0].splitlines() for name in CONFIGURATIONS if line.startswith(f"| `{name}`")}


def test_the_page_says_how_near_the_days_of_the_default_are(site_workspace: Workspace) -> None:
    own = row("iquitos_mall", ScenarioStore(site_workspace.dataset).nearness())
    assert rows_of_the_page()["iquitos_mall"] == f"| {' | '.join(own)} |"
    assert rows_of_the_page().keys() == set(CONFIGURATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS[1:])
def test_the_page_says_how_near_the_days_of_measured_years_are(name: str, oe2_dir: Path, tmp_path: Path) -> None:
    own = row(name, measured(name, oe2_dir, tmp_path))
    assert rows_of_the_page()[name] == f"| {' | '.join(own)} |"
