"""A newcomer's hour: the tutorial's commands as they stand, to a published report, and then every how-to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.walks import checkout, walk

DOCS = ROOT / "docs"
HOW_TO = [page for page in sorted((DOCS / "howto").glob("*.md")) if page.name != "index.md"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is after the tutorial; nobody may write to it."""
    folder = checkout(tmp_path_factory.mktemp("newcomer") / "project")
    walk(DOCS / "tutorial.md", folder)
    return folder


def test_the_tutorial_ends_with_two_reports(newcomer: Path) -> None:
    for root in (newcomer, newcomer / "my-site"):
        assert "<h1" in (root / "outputs" / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_runs_as_it_stands_after_the_tutorial(page: Path, newcomer: Path, tmp_path: Path) -> None:
    walk(page, checkout(tmp_path / "project", newcomer))
