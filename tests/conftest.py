"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.quality.gate import validate
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
FLOWS = "tests/flows/"
LONGEST = (
    FLOWS, "tests/agents/", "tests/lineage/test_matrix.py", "tests/quality/test_expectations.py", "tests/docs/",
    "tests/study/", "tests/quality/test_quality_catalogue.py", "tests/quality/test_blind_faults.py",
    "tests/quality/test_datasets.py", "tests/report/", "tests/lineage/", "tests/serving/",
)  # fmt: skip
"""Files and folders of tests that take longest, which are begun first.

Those of agents need most of what Numba compiles; beside those of flows, which need none of it, it is compiled once.
"""

# A shell that starts the tests in the background, as CI may, has them ignore Ctrl-C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Worker processes of the tests are told the width of a terminal, and commands would cut their tables to it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give `--dist loadfile` whole files to the workers, the longest first, and all tests of flows to one of them.

    Those share a Prefect server. The plugin's own order is by number of tests, which leaves the longest files for the
    end, when the other workers have nothing more to do.
    """
    from xdist.scheduler import LoadFileScheduling

    class LongestFirst(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return FLOWS if file.startswith(FLOWS) else file

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return LongestFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the others stay in their order."""
    rank = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: next((rank[name] for name in rank if item.nodeid.startswith(name)), len(rank)))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def oe2_dir() -> Path:
    """Folder of the measured OE2 files, which are no part of the repository; without them the test is skipped.

    PVBESSCAR_OE2_DIR names it; else they are looked for beside the checkout.
    """
    named = os.environ.get("PVBESSCAR_OE2_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "oe2_measured"
    if not folder.is_dir():
        # A folder that was named and is not there is a mistake, not a reason to skip.
        assert not named, f"PVBESSCAR_OE2_DIR={named}: no such folder"
        pytest.skip(f"{folder}: the measured OE2 files are not here (PVBESSCAR_OE2_DIR=FOLDER names them)")
    return folder


@pytest.fixture(scope="session")
def site_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the synthetic default, in a folder of its own, which all workers share."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    return load_settings(ROOT / "config" / "iquitos_mall.yaml", [f"data.root={root}"]).settings


@pytest.fixture(scope="session")
def site_workspace(site_settings: Settings) -> Workspace:
    """Workspace of the synthetic default, ingested and built once for all tests; nobody may write to it."""
    workspace = Workspace.of(site_settings)
    built = workspace.root.with_name("site.built")  # beside it: all that is in it is what stages write
    with held(workspace.root.with_name("site.lock"), "the site of the tests"):
        if not built.exists():
            ingest(site_settings, workspace)
            validate(site_settings, workspace)
            build(site_settings, workspace)
            built.touch()
    return workspace


@pytest.fixture(scope="session")
def site_simulator(site_workspace: Workspace) -> CityLearnSim:
    """CityLearn on the 128 sockets of the synthetic default; every test resets it."""
    return CityLearnSim(site_workspace.dataset)
