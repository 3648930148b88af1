"""`pvbesscar bill` on results made by hand: the table, another tariff, every line, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.store.files import sha256_file
from schemas.errors import StaleError
from schemas.results import ControllerResult, EvaluationReport, ScenarioResult, ScoreTerms

CONFIG = """
name: billed
data: {{root: {root}}}
weather: {{source: synthetic}}
pv: {{source: synthetic}}
mall: {{source: synthetic}}
ev: {{source: synthetic, dwell_hours: 3}}
"""
TERMS = ScoreTerms(co2_kg=1.0, solar_kwh=1.0, cost_pen=1.0, ev_short_kwh=0.0, ramping_kwh=1.0)


def result(name: str, digest: str) -> ControllerResult:
    return ControllerResult(
        controller=name, kind="baseline", hours=8760, score=1.0, mean_reward=-1.0, reward_std=0.0, terms=TERMS,
        gap_closed=None, captured_share=None, kpis={}, ev_kwh=0.0, charge_kwh=0.0, discharge_kwh=0.0, departures=0,
        departures_met=0, infeasible=0, ledger_sha256=digest,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A year of 10 kWh an hour without control, and of 9 by the rule."""
    folder = tmp_path / "outputs" / "evaluation"
    stamps = pd.date_range("2025-01-01", periods=8760, freq="h", tz="America/Lima")
    files, results = {}, []
    for name, kwh in (("no-control", 10.0), ("rule", 9.0)):
        path = folder / ledger_name("nominal", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        day = stamps.day_of_week.to_numpy(np.int64) + 1
        frame = pd.DataFrame({"timestamp": stamps, "day_type": day, "import_kwh": kwh, "export_kwh": 0.0})
        frame.to_parquet(path)
        files[ledger_name("nominal", name)] = sha256_file(path)
        results.append(result(name, sha256_file(path)))
    scenario = ScenarioResult(
        scenario="nominal", simulator="twin", digest="d", judged_on=("year",), reference=TERMS, optimum=None,
        ranking=tuple(results),
    )  # fmt: skip
    report = EvaluationReport(
        scenario="billed", profile="full", mode="dispatch", guard=True, forecast="causal", dataset_digest="d",
        scenarios=(scenario,), missing={}, files=files,
    )  # fmt: skip
    (folder / REPORT_FILE).write_text(report.model_dump_json())
    (tmp_path / "billed.yaml").write_text(CONFIG.format(root=tmp_path))
    return tmp_path


def test_bills_under_two_tariffs(project: Path, repo_root: Path) -> None:
    mt2 = repo_root / "config" / "tariffs" / "mt2_example.yaml"
    config = ["bill", "--config", str(project / "billed.yaml")]
    told = CliRunner().invoke(app, [*config, "--tariff", str(mt2), "--markdown"])
    assert told.exit_code == 0, told.output
    # 365 days of 5 h x 0.45 and 19 h x 0.28, ten times and nine times.
    assert "| no-control | 27,630.50 | 0.00 | 0.00 | 0.00 | 27,630.50 |  |" in told.output
    assert "| rule | 24,867.45 | 0.00 | 0.00 | 0.00 | 24,867.45 | 2,763.05 |" in told.output
    assert "## mt2_example" in told.output
    assert "EXAMPLE PRICES" in told.output
    # Power: 12 x 9 kW x 61.35; the network's mean of two is 4.5 kW in January, 68.085, then 11 x 9 kW, 136.17 each.
    assert "| 8,191.76 |" in told.output
    lines = CliRunner().invoke(app, [*config, "--csv"])
    assert lines.output.splitlines()[0] == "tariff,controller,month,kind,line,quantity,unit,price_pen,pen,set_by"
    assert "energy_only,rule,2025-02,energy,peak,1260,kWh,0.45,567," in lines.output


def test_it_bills_whole_years_that_were_evaluated(project: Path) -> None:
    config = ["bill", "--config", str(project / "billed.yaml")]
    unknown = CliRunner().invoke(app, [*config, "--scenario", "test-01"])
    assert unknown.exit_code == 2
    assert "`test-01` is none of them" in unknown.stderr
    path = project / "outputs" / "evaluation" / ledger_name("nominal", "rule")
    pd.read_parquet(path).iloc[:24].to_parquet(path)
    changed = CliRunner().invoke(app, config)
    assert "not the ledger that was evaluated" in changed.stderr


def test_a_report_that_is_none_is_refused_with_what_makes_it_again(project: Path) -> None:
    report = project / "outputs" / "evaluation" / REPORT_FILE
    report.write_text(report.read_text()[:200])
    cut = CliRunner().invoke(app, ["bill", "--config", str(project / "billed.yaml")])
    assert cut.exit_code == StaleError.exit_code
    assert f"{report}: no evaluation report (1 faults)." in cut.stderr
    assert f"`pvbesscar evaluate --profile full --config {project / 'billed.yaml'}`" in cut.stderr
