"""A project after a whole run, for tests that harm it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvbesscar.lineage.context import RunContext
from tests.lineage.site import measured_site, run, write_files


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after a whole run."""
    root = tmp_path_factory.mktemp("finished")
    write_files(root)
    run(RunContext(measured_site(root), "smoke"))
    return root


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Iterator[RunContext]:
    """The finished project; what a test changes in it is undone."""
    shutil.copytree(finished, tmp_path / "kept")
    yield RunContext(measured_site(finished), "smoke")
    shutil.rmtree(finished)
    shutil.copytree(tmp_path / "kept", finished)
