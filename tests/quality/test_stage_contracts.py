"""Contracts where one stage reads what another wrote: faults are refused by name, and switches can not disarm them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.quality.stage_contracts import require_canonical, require_dataset, require_ledger
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.frames import LEDGER, TABLES
from schemas.results import QualityReport
from tests.quality.years import spoil

Change = Callable[[pd.DataFrame], Any]


def report(year: QualityContext) -> QualityReport:
    rules = tuple(rule.id for rule in YEAR_RULES.all())
    return QualityReport(scenario="test", canonical_digest="0", rules=rules, findings=judge(year))


def test_what_was_accepted_is_what_build_reads(clean: QualityContext) -> None:
    require_canonical(clean.frames, clean.settings, report(clean))
    dark = spoil(clean, "pv", slice(None), pv_kwh=0.0)
    with pytest.raises(QualityError, match=r"pv.parquet of the canonical year breaks its contract") as caught:
        require_canonical(dark.frames, clean.settings, report(clean))
    assert "solar.all_zero" in str(caught.value)
    assert "hours 0 to 8759 (2025-01-01 00:00 to 2025-12-31 23:00) (8760 h)" in str(caught.value)


def test_a_rule_that_the_gate_saw_broken_and_let_pass_is_not_asked_again(clean: QualityContext) -> None:
    more = spoil(clean, "mall", slice(None), mall_kwh=clean.values("mall", "mall_kwh") * 1.5)
    require_canonical(more.frames, clean.settings, report(more))
    with pytest.raises(QualityError, match=r"energy\.mall_declared"):
        require_canonical(more.frames, clean.settings, report(clean))


def changed(workspace: Workspace, root: Path, name: str, change: Change) -> Workspace:
    copy = Workspace(root, workspace.dataset_name)
    copy.dataset.mkdir(parents=True)
    for file in ("hourly.parquet", "sessions.parquet"):
        frame = pd.read_parquet(workspace.dataset / file)
        (change(frame) if file == name else frame).to_parquet(copy.dataset / file)
    return copy


def put(column: str, rows: Any, value: float) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[rows], column] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("hourly.parquet", put("pv_kwh", slice(None), 0.0), "PV is zero in every hour"),
        (
            "hourly.parquet",
            put("mall_kwh", slice(30, 33), np.nan),
            r"column `mall_kwh`.*hours 30 to 32 \(2025-01-02",
        ),
        ("hourly.parquet", put("price", [7], -1.0), r"column `price`.*hour 7 \(2025-01-01 07:00\)"),
        ("hourly.parquet", put("pv_kwh", [9], np.inf), r"column `pv_kwh`.*hour 9 "),
        ("hourly.parquet", lambda f: f.drop(columns="carbon"), "column `carbon` is missing"),
        ("sessions.parquet", lambda f: f.assign(spare=1.0), "column `spare` is unknown"),
        ("sessions.parquet", lambda f: f.assign(socket=f["socket"].astype(float)), "column `socket`"),
    ],
)
def test_a_dataset_that_breaks_its_contract_is_refused(
    site_workspace: Workspace, tmp_path: Path, name: str, change: Change, said: str
) -> None:
    require_dataset(site_workspace)
    with pytest.raises(QualityError, match=rf"(?s){name} breaks its contract in.*{said}") as caught:
        require_dataset(changed(site_workspace, tmp_path, name, change))
    assert caught.value.exit_code == 2
    assert "Hint: run `pvbesscar build" in str(caught.value)


def ledger() -> pd.DataFrame:
    """Two days of a plant that balances: 3 kWh of demand, 2 of them from PV."""
    frame = pd.DataFrame({c.name: np.zeros(48) for c in TABLES[LEDGER] if c.kind in {"amount", "finite"}})
    frame = frame.assign(mall_kwh=3.0, pv_kwh=2.0, import_kwh=1.0, t=np.arange(48), window="year")
    return frame.assign(timestamp=pd.date_range("2025-01-01", periods=48, freq="h", tz="America/Lima"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("import_kwh", slice(5, 8), 0.5), r"import - export - curtailed is not demand - generation.*hours 5 to 7"),
        (put("reward", [3], np.nan), r"column `reward`.*hour 3 \(2025-01-01 03:00\)"),
        (put("ev_short_kwh", [4], -0.1), r"column `ev_short_kwh`.*hour 4 "),
        (lambda f: f.drop(columns="co2_kg"), "column `co2_kg` is missing"),
    ],
)
def test_a_ledger_that_does_not_add_up_is_not_published(change: Change, said: str) -> None:
    require_ledger(ledger(), Path("rule.parquet"))
    with pytest.raises(QualityError, match=rf"(?s)rule.parquet breaks its contract.*{said}"):
        require_ledger(change(ledger()), Path("rule.parquet"))


ARMED = """
from pathlib import Path
from tests.quality.test_stage_contracts import ledger
from pvbesscar.quality.stage_contracts import require_ledger
from schemas.errors import QualityError
try:
    require_ledger(ledger().assign(reward=float("nan")), Path("x"))
except QualityError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("PANDERA_VALIDATION_ENABLED", "False"),
        ("PANDERA_VALIDATION_DEPTH", "SCHEMA_ONLY"),
        ("PANDERA_VALIDATION_DEPTH", "DATA_ONLY"),
    ],
)
def test_no_switch_of_the_environment_disarms_a_contract(switch: str, value: str, repo_root: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PANDERA_")}
    done = subprocess.run(
        [sys.executable, "-c", ARMED], env=environment | {switch: value}, cwd=repo_root, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "column `reward`" in done.stdout
