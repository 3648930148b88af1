"""docs/files.md and docs/columns.md against the files of real runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from pvbesscar.store.workspace import Workspace
from schemas.runs import RunManifest
from tests.docs.conftest import FinishedRun
from tools.docs import pages

PLACEHOLDERS = {
    "NAME": "[^/]+", "RUN": "[^/]+", "STAGE": "[a-z0-9-]+", "SCENARIO": "[^/]+",
    "CONTROLLER": "[^/]+", "NN": "[0-9]{2}", "_P.": "_[A-D].", "SAC": "(SAC|PPO|A2C)",
    "sac": "(sac|ppo|a2c)", "50000": "[0-9]+",
}  # fmt: skip
BENCHMARKS = ("simulators", "controllers", "quality", "orchestration", "serving", "training")
# An unfinished training is gone when it ends.
NOT_OF_A_STAGE = {
    ".prefect/", *(f"outputs/benchmarks/{name}.{kind}" for name in BENCHMARKS for kind in ("json", "md", "svg")),
    "outputs/data_docs/results/", "outputs/lineage/modules.json",
    "checkpoints/unfinished/SAC/",
    "checkpoints/promoted/NAME/",
    "outputs/shadow/NAME/",
    "outputs/studies/NAME/",
    "data/interim/oe2/pvgis_2019.csv", "data/interim/oe2/pvgis_2019.csv.provenance.json",
}  # fmt: skip


def documented() -> list[str]:
    """Paths of the first column of docs/files.md; a short one begins where the one before it does."""
    found: list[str] = []
    for line in (pages.DOCS / "files.md").read_text(encoding="utf-8").splitlines():
        for token in re.findall(r"`([^`]+)`", line.split("|")[1]) if line.startswith("| `") else ():
            if token.startswith(".") and token != ".prefect/":
                found.append(found[-1].rpartition(".")[0] + token)
            else:
                found.append(
                    token if "/" in token[:-1] or token == ".prefect/" else f"{Path(found[-1]).parent}/{token}"
                )
    return found


def pattern(path: str) -> re.Pattern[str]:
    """Pattern of a documented path; a folder stands for whatever is in it."""
    text = re.escape(path).replace(r"\*", "[^/]+")
    for placeholder, meaning in PLACEHOLDERS.items():
        text = text.replace(re.escape(placeholder), meaning)
    return re.compile(text + (".+" if path.endswith("/") else ""))


def written(workspace: Workspace) -> set[str]:
    return {path.relative_to(workspace.root).as_posix() for path in workspace.root.rglob("*") if path.is_file()}


def test_every_file_that_is_written_is_documented_and_the_other_way_round(
    finished_run: FinishedRun, site_workspace: Workspace
) -> None:
    # The small site's canonical files are written by the test itself; those of the synthetic default are real.
    files = written(finished_run.workspace) | written(site_workspace)
    files.add(finished_run.workspace.certificate.relative_to(finished_run.workspace.root).as_posix())
    files.add("outputs/controllers/fitted.json")  # only where a controller that is fitted was judged
    files.add("data/interim/canonical/iquitos_ev_mall/ev_profile.parquet")  # only for `ev.source: profile`
    # Only on the twin.
    files |= {"checkpoints/start/imitation-0123456789abcdef.npz", "outputs/sac_training/sac_validation.csv"}
    files |= {"outputs/controllers/mpc.json", "outputs/controllers/plans.npz"}
    paths = [path for path in documented() if path not in NOT_OF_A_STAGE]
    assert len(paths) > 25
    assert sorted(f for f in files if not any(pattern(path).fullmatch(f) for path in paths)) == []
    assert [path for path in paths if not any(pattern(path).fullmatch(f) for f in files)] == []


def test_columns_of_the_canonical_files_are_those_of_the_page(site_workspace: Workspace) -> None:
    from schemas.frames import COLUMNS

    for path in site_workspace.canonical.glob("*.parquet"):
        contracts = COLUMNS[path.stem]
        found = list(pd.read_parquet(path).columns)
        assert [c.name for c in contracts if c.required or c.name in found] == found


def test_columns_of_dataset_evaluation_and_training_are_those_of_the_page(finished_run: FinishedRun) -> None:
    workspace = finished_run.workspace
    charger = pd.read_csv(workspace.dataset / "charger_01_A.csv")
    assert list(charger.columns) == list(pages.CHARGER)
    assert list(pd.read_parquet(workspace.dataset / "hourly.parquet").columns) == list(pages.HOURLY)
    assert list(pd.read_parquet(workspace.dataset / "scenarios.parquet").columns) == list(pages.SCENARIOS)
    assert list(pd.read_csv(workspace.evaluation / "evaluation_comparison.csv").columns) == list(pages.COMPARISON)
    for path in workspace.evaluation.glob("ledgers/*/*.parquet"):
        assert set(pd.read_parquet(path).columns) == pages.LEDGER.keys() | pages.AROUND_LEDGER.keys()
    for agent in ("sac", "ppo", "a2c"):
        curve = pd.read_csv(workspace.training(agent) / f"{agent}_training_curve.csv")
        assert list(curve.columns) == list(pages.CURVE)


def test_the_fields_of_a_run_s_record_are_those_of_the_page() -> None:
    table = (pages.DOCS / "files.md").read_text(encoding="utf-8").partition("| field | what it holds |")[2]
    named = [name for line in table.splitlines()[2:] for name in line.split("|")[1].strip().split(", ")]
    assert sorted(named) == sorted(RunManifest.model_fields)


@pytest.mark.parametrize("name", ["steps", "episodes", "duration_s", "steps_per_s", "validation_mean", "model_bytes"])
def test_training_metrics_hold_what_the_page_says(finished_run: FinishedRun, name: str) -> None:
    assert name in json.loads(finished_run.workspace.training_metrics("sac").read_text())
