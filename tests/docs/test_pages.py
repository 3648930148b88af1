"""The docs say what the code says, and name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import pages


def test_pages_made_from_the_code_are_current() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: python -m tests.docs.pages"


@pytest.mark.parametrize("name", ["README.md", "README.es.md", "docs/concepts.md", "docs/files.md", "docs/pipeline.md"])
def test_links_lead_to_files(repo_root: Path, name: str) -> None:
    page = repo_root / name
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert links or name.startswith("docs/")
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_observation_block_of_the_concepts_page_is_where_it_says(repo_root: Path) -> None:
    from pvbesscar.plant.kernels import observation_names

    names = observation_names()
    text = (repo_root / "docs" / "concepts.md").read_text(encoding="utf-8")
    blocks = [(int(a), int(b), what) for a, b, what in re.findall(r"^\| (\d+)-(\d+) \| (\w+) \|", text, re.MULTILINE)]
    assert [block[:2] for block in blocks] == [(0, 3), (4, 123), (124, 137), (138, 265), (266, 393)]
    assert names[4].startswith("sockets_A")
    assert names[124] == "pv_kwh"
    assert names[138].endswith("_presence")
    assert names[266].endswith("_urgency")
    assert len(names) == 394
