"""The audit: it shares no code with what it checks, finds a right evaluation right, and what is falsified."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.config import load_settings
from pvbesscar.controllers import optimum
from pvbesscar.dataset.build import build
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.bill import DEMAND, bill_of
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.data import load_plant
from pvbesscar.quality.gate import validate
from pvbesscar.store.files import sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings
from tests.builders import mini_dataset, session, two_prices
from tests.mini_site import mini_site
from tools.audit.__main__ import audit, main
from tools.audit.dataset import Year, demand_pen, drawn, no_control, read_recipes, read_year
from tools.audit.findings import Check, report
from tools.audit.pools import check_pools, check_windows
from tools.audit.program import optimum as audited_optimum
from tools.audit.tariff import billed_before, invoice_months

OWN = {"pvbesscar", "schemas", "flows", "tasks", "tests", "prefect"}
DIGESTS, BOUND = "ledgers are the files that the report names", "J* against a linear program of its own"
FIGURES, TERMS = "J, terms and key figures, in parts", "terms and reward of each hour are those of its energies"
BALANCE, WEIGHTS = "each hour's energies add up [kWh]", "J under other weights, and who wins"
BILLS = "bill of each month, from its greatest imports, in parts"
STOCK = "stock CityLearn on native actions, hour by hour [kWh; SOC x 1,000]"


def test_it_imports_nothing_of_what_it_audits(repo_root: Path) -> None:
    imported = set[str]()
    for path in (repo_root / "tools" / "audit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(node.module or "")
    assert {name for name in imported if name.partition(".")[0] in OWN} == set()
    assert all(name.startswith("tools.audit") for name in imported if name.startswith("tools"))
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, tools.audit.__main__; print(*sys.modules)"],
        cwd=repo_root, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert "tools.audit.program" in loaded
    assert {name for name in loaded if name.partition(".")[0] in OWN} == set()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return mini_site(tmp_path_factory.mktemp("audited"))


@pytest.fixture(scope="module")
def workspace(settings: Settings) -> Workspace:
    """A site of eight sockets, and the rule judged on two days of it."""
    workspace = Workspace.of(settings)
    request = EvaluationRequest("smoke", ("rule", "constant-1"), nominal_on="twin")
    evaluate(settings, workspace, "smoke", request=request, workers=1)
    return workspace


@pytest.fixture
def evaluation(workspace: Workspace, tmp_path: Path) -> Path:
    """A copy of the evaluation, to be falsified."""
    return Path(shutil.copytree(workspace.evaluation, tmp_path / "evaluation"))


def edited(evaluation: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = evaluation / "evaluation_report.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def differing(dataset: Path, evaluation: Path | None) -> list[str]:
    return [check.name for check in audit(dataset, evaluation, driven=0) if not check.holds]


def test_a_right_evaluation_is_found_right(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], repo_root: Path
) -> None:
    assert main([str(workspace.dataset), str(workspace.evaluation)]) == 0
    table = capsys.readouterr().out
    for name in (DIGESTS, BOUND, FIGURES, TERMS, BALANCE, WEIGHTS, STOCK):
        assert name in table
    assert "DIFFER" not in table


def test_an_edited_ledger_is_found_though_its_digest_is_typed_anew(workspace: Workspace, evaluation: Path) -> None:
    path = evaluation / "ledgers" / "nominal" / "rule.parquet"
    ledger = pd.read_parquet(path)
    ledger.loc[12, "import_kwh"] -= 1.0
    ledger.to_parquet(path)
    assert DIGESTS in differing(workspace.dataset, evaluation)

    def retype(content: dict[str, Any]) -> None:
        content["files"]["ledgers/nominal/rule.parquet"] = sha256_file(path)

    edited(evaluation, retype)
    found = differing(workspace.dataset, evaluation)
    assert DIGESTS not in found
    assert {BALANCE, TERMS, FIGURES} <= set(found)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda own: own["scenarios"][0]["ranking"][0].update(score=0.3), FIGURES),
        (lambda own: own["scenarios"][0]["ranking"][0]["kpis"].update(peak_kw=1.0), FIGURES),
        (lambda own: own["scenarios"][0]["ranking"][0].update(captured_share=None), FIGURES),
        (lambda own: own["scenarios"][0]["optimum"].update(bound=0.1), BOUND),
        (lambda own: own["trade_offs"]["weightings"][1].update(winners=["no-control"]), WEIGHTS),
        (lambda own: own["trade_offs"]["optima"][4].update(replay=0.2), WEIGHTS),
        (lambda own: own["scenarios"][0]["reference"].update(co2_kg=1.0), "totals of no control, in parts"),
        (lambda own: own["scenarios"][0]["ranking"].reverse(), "the ranking is by J"),
        (lambda own: own.update(dataset_digest="0" * 64), "the evaluation is of this dataset"),
    ],
    ids=["J", "key figure", "share", "bound", "winner", "replay", "no control", "order", "dataset"],
)
def test_a_figure_that_was_typed_is_found(
    workspace: Workspace, evaluation: Path, change: Callable[[dict[str, Any]], None], check: str
) -> None:
    edited(evaluation, change)
    found = differing(workspace.dataset, evaluation)
    assert check in found
    assert DIGESTS not in found


def test_an_edited_dataset_is_found(workspace: Workspace, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(workspace.dataset, tmp_path / "dataset"))
    assert differing(dataset, None) == []
    path = dataset / "charger_01_A.csv"
    path.write_text(path.read_text().replace(",0.3,", ",0.4,"))
    assert differing(dataset, None) == [
        "totals of no control in the manifest, in parts", "the simulators' arrays are CityLearn's files",
    ]  # fmt: skip


PEAK = [[18, 23]]
POWER = two_prices(
    fee_pen_per_month=20.0, feed_in_price=0.05, export_limit_kw=250.0,
    demand=[
        {"name": "generation", "hours": PEAK, "pen_per_kw_month": 60.0},
        {"name": "distribution", "hours": PEAK, "pen_per_kw_month": 15.0, "basis": "two_of_six_months",
         "history_kw": [700.0, 0.0, 650.0, 0.0, 0.0]},
        {"name": "excess", "hours": [[0, 18], [23, 24]], "pen_per_kw_month": 12.0, "basis": "excess",
         "over": "generation"},
    ],
)  # fmt: skip
"""A tariff of every basis, with a fee, a price of export and a limit of it."""


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The site on that tariff, with a battery that wears, judged on three days."""
    settings = mini_site(tmp_path_factory.mktemp("billed"), tariff=POWER, bess={"wear_pen_per_kwh": 0.02})
    request = EvaluationRequest("smoke", ("rule", "constant-0.5"), nominal_on="twin")
    evaluate(settings, Workspace.of(settings), "smoke", request=request, workers=1)
    return Workspace.of(settings)


def test_a_site_that_pays_for_power_is_audited(
    billed: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(billed.dataset), str(billed.evaluation)]) == 0
    table = capsys.readouterr().out
    assert "import of the rule, from which stretches inside the year are billed" in table
    ledgers = {path.stem: pd.read_parquet(path) for path in (billed.evaluation / "ledgers" / "nominal").iterdir()}
    # Every day is alike: the rule imports what it did before, and no control more in the peak.
    assert ledgers["rule"][["curtailed_kwh", "wear_pen"]].max().min() > 0.0
    assert ledgers["no-control"]["demand_pen"].max() > 0.0

    evaluation = Path(shutil.copytree(billed.evaluation, tmp_path / "evaluation"))
    ledger = ledgers["rule"]
    ledger.loc[ledger.index[-1], ["demand_pen", "cost_pen"]] += 5.0
    ledger.to_parquet(evaluation / "ledgers" / "nominal" / "rule.parquet")
    assert {TERMS, FIGURES} <= set(differing(billed.dataset, evaluation))


def test_invoices_of_months_are_what_the_hours_add_up_to(billed: Workspace) -> None:
    """A year of made imports: the sums of the months, worked out from the greatest imports of each."""
    year = read_year(billed.dataset)
    imports = np.zeros(8760)
    month, hour = year.tariff.month, np.arange(8760) % 24
    imports[(hour == 19)] = 100.0 * (1.0 + month[hour == 19] % 3)  # 100, 200, 300 kW, and so on
    imports[(hour == 11)] = 250.0
    by_hour = pd.Series(demand_pen(year, imports, 0)).groupby(month).sum().tolist()
    # January: 100 kW in the peak; of six months the greatest are 700 and 650; 150 kW are over the 100.
    assert by_hour[0] == pytest.approx(20.0 + 60.0 * 100 + 15.0 * 675 + 12.0 * 150)
    # June: 300 kW, no excess; the look-back reaches back to January: 300 and 300.
    assert by_hour[5] == pytest.approx(20.0 + 60.0 * 300 + 15.0 * 300)
    before = billed_before(year.tariff, 0, year.rule_import)
    assert np.sum(invoice_months(year.tariff, imports, 0, before), axis=0) + 20.0 == pytest.approx(by_hour)
    # From the middle of February on: the month so far is the rule's, and only what comes on top is added.
    start = 24 * 45
    left = replace(year, rule_import=imports)
    assert demand_pen(left, imports[start : start + 24], start).sum() == pytest.approx(0.0)
    more = imports[start : start + 24] + (hour[start : start + 24] == 20) * 260.0
    # 260 kW instead of 200 in the peak, with 250 outside no excess; of six months the greatest are 650 and its own.
    assert demand_pen(left, more, start).sum() == pytest.approx(60.0 * 60.0 + 15.0 * 30.0 - 12.0 * 50.0)


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
@pytest.mark.parametrize("start", [24 * 28, 24 * 31])
def test_both_programs_bill_power_alike(tmp_path: Path, mode: str, start: int) -> None:
    """A stretch over the end of January, and one that begins with February."""
    stays = [session(k, 24 * d + 16 + k % 3, 24 * d + 20 + k % 3, 0.2) for d in range(26, 36) for k in range(8)]
    hour, generator = np.arange(8760) % 24, np.random.default_rng(6)
    dataset = mini_dataset(
        tmp_path, stays, pv_kwh=np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 900.0,
        mall_kwh=300.0 + 90.0 * generator.random(8760), tariff=POWER, control={"mode": mode},
        bess={"capacity_kwh": 600.0, "power_kw": 200.0, "wear_pen_per_kwh": 0.01},
    )  # fmt: skip
    own, year = optimum.solve(load_plant(dataset), start=start, hours=120), read_year(dataset)
    totals = no_control(year, start, 120)
    assert totals == pytest.approx(own.reference.model_dump(), rel=1e-7)
    found = audited_optimum(year, start, 120, totals)
    assert own.bound <= found + 1e-9
    assert found == pytest.approx(own.j, abs=1e-7)


def made_year(plant_of: Path) -> Year:
    """A year of which no two days are alike."""
    hour = np.arange(8760.0)
    return replace(read_year(plant_of), pv=hour, mall=hour + 0.5)


def recipe(days: list[int]) -> pd.DataFrame:
    course = np.resize(np.array(days), 365)
    return pd.DataFrame({"weather_day": course, "demand_day": course, "load_factor": 1.0})


def test_a_test_day_in_training_is_found(workspace: Workspace) -> None:
    year = made_year(workspace.dataset)
    index = {
        "sets": {"training": ["training-01"], "validation": ["validation-01"], "test": ["test-01"]},
        "pools": {"training": [0], "validation": [1], "test": [2]},
    }
    recipes = {name: recipe(list(range(7 * week, 7 * week + 7))) for week, name in
               enumerate(("training-01", "validation-01", "test-01"))}  # fmt: skip
    assert all(check.holds for check in check_pools(year, recipes, index))
    assert check_windows(year, range(24 * 7, 24 * 14), recipes, index).holds
    shared = recipes | {"training-01": recipe([0, 1, 2, 3, 4, 5, 6, 14])}
    apart, within = check_pools(year, shared, index)
    assert apart.differences == [
        "1 days of weather are in test and training",
        "1 days of demand are in test and training",
    ]
    assert within.differences == ["training-01: weeks [2] are none of training"]
    window = check_windows(year, range(24 * 13, 24 * 15), recipes, index)
    assert window.differences == [
        "weather of day 14 of the year is in the test years", "demand of day 14 of the year is in the test years",
    ]  # fmt: skip
    # The same day under another number: its hash tells.
    twice = replace(year, pv=np.concatenate([year.pv[:24], year.pv[24 : 24 * 20], year.pv[:24], year.pv[24 * 21 :]]))
    copied = recipes | {"test-01": recipe([14, 20])}
    (apart, _) = check_pools(twice, copied, index)
    assert apart.differences == ["1 days of weather are in test and training"]


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
@pytest.mark.parametrize("guard", [True, False])
def test_both_programs_find_the_same_optimum(tmp_path: Path, mode: str, guard: bool) -> None:
    # Three days, a stay over the end of them, one that begins before, and one that no power can meet.
    generator = np.random.default_rng(5)
    stays = [
        session(k, 24 * d + 8 + k, 24 * d + 11 + k, generator.uniform(0.0, 0.8)) for d in range(5) for k in range(8)
    ]
    stays += [session(4, 94, 98, 0.1), session(5, 44, 45, 0.0), session(0, 20, 29, 0.2)]
    hour = np.arange(8760) % 24
    dataset = mini_dataset(
        tmp_path, stays, pv_kwh=np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 700.0,
        mall_kwh=300.0 + 60.0 * generator.random(8760),
        control={"mode": mode, "departure_guard": guard}, bess={"capacity_kwh": 600.0, "power_kw": 200.0},
    )  # fmt: skip
    own, year = optimum.solve(load_plant(dataset), start=24, hours=72), read_year(dataset)
    totals = no_control(year, 24, 72)
    assert totals == pytest.approx(own.reference.model_dump(), rel=1e-9)
    found = audited_optimum(year, 24, 72, totals)
    assert own.bound <= found + 1e-9
    assert found == pytest.approx(own.j, abs=1e-7)


def test_a_drawn_year_is_put_together_as_the_page_says(site_workspace: Workspace) -> None:
    store, year = ScenarioStore(site_workspace.dataset), read_year(site_workspace.dataset)
    recipes = read_recipes(site_workspace.dataset)
    own, theirs = drawn(year, recipes["test-01"]), store.load("test-01")
    assert np.allclose(own.pv, theirs.pv_kwh, rtol=0.0, atol=5e-4)
    assert np.array_equal(own.mall, theirs.mall_kwh)
    ordered = own.sessions.sort_values(["arrival", "socket"], ignore_index=True)
    order = np.lexsort((theirs.sessions.socket, theirs.sessions.arrival))
    for name in ("socket", "arrival", "departure", "battery_kwh"):
        assert np.array_equal(ordered[name], getattr(theirs.sessions, name)[order]), name


def test_a_check_that_compared_nothing_does_not_hold() -> None:
    check = Check("nothing", 1.0)
    assert not check.holds
    assert "NOTHING COMPARED" in report([check])
    check.values("hour", [1.0, np.nan], [1.5, np.nan])
    assert check.holds
    check.values("hour", [1.0, np.nan], [1.0, 2.0])
    assert check.differences == ["hour, entry 1: nan, audited 2"]


@pytest.mark.slow
def test_an_evaluation_of_the_default_site_is_found_right_and_a_false_one_wrong(
    site_settings: Settings, site_workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = site_settings.data.model_copy(update={"root": tmp_path})
    settings = site_settings.model_copy(update={"data": data})
    workspace = Workspace.of(settings)
    shutil.copytree(site_workspace.dataset, workspace.dataset)
    # Whole years: the validation windows are no test, and others look after them.
    request = EvaluationRequest("smoke", ("rule", "constant-1"), ("nominal", "test-01"), nominal_on="twin")
    evaluate(settings, workspace, "smoke", request=request)
    assert main([str(workspace.dataset), str(workspace.evaluation)]) == 0
    table = capsys.readouterr().out
    assert STOCK in table
    assert BOUND in table

    # A test day goes into training, a J is typed, an hour of a ledger is edited.
    path = workspace.dataset / "scenarios.parquet"
    recipes = pd.read_parquet(path)
    test_day = recipes.loc[recipes["scenario"] == "test-01", "weather_day"].iloc[0]
    recipes.loc[0, "weather_day"] = test_day
    recipes.to_parquet(path)
    ledger = workspace.evaluation / "ledgers" / "test-01" / "rule.parquet"
    hours = pd.read_parquet(ledger)
    hours.loc[4000, "charge_kwh"] += 1.0
    hours.to_parquet(ledger)
    edited(workspace.evaluation, lambda own: own["scenarios"][0]["ranking"][0].update(score=0.3))
    assert main([str(workspace.dataset), str(workspace.evaluation), "--quick"]) == 1
    told = capsys.readouterr().out
    assert "1 days of weather are in test and training" in told
    assert "ledgers/test-01/rule.parquet is not the one that was judged" in told
    assert f"{BALANCE}: test-01, rule" in told
    assert f"{FIGURES}: nominal, " in told


@pytest.mark.slow
def test_a_measured_year_on_a_tariff_of_power_is_found_right(
    oe2_dir: Path, repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metered mall, billed for power with an excess and a look-back of six months; and windows of it."""
    places = [f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}", "quality.second_reading=false"]
    settings = load_settings(repo_root / "config" / "iquitos_mt.yaml", places).settings
    workspace = Workspace.of(settings)
    for stage in (ingest, validate, build):
        stage(settings, workspace)
    year = read_year(workspace.dataset)
    for scenarios in (None, ("nominal",)):
        request = EvaluationRequest("smoke", ("rule", "constant-1"), scenarios, nominal_on="twin")
        evaluate(settings, workspace, "smoke", request=request)
        assert main([str(workspace.dataset), str(workspace.evaluation)]) == 0
    table = capsys.readouterr().out
    for name in (BILLS, BOUND, STOCK):
        assert name in table

    ledger = pd.read_parquet(workspace.evaluation / "ledgers" / "nominal" / "rule.parquet")
    before = billed_before(year.tariff, 0, year.rule_import)
    sums = invoice_months(year.tariff, ledger["import_kwh"].to_numpy(), 0, before)
    lines = [line for line in bill_of(ledger, settings.tariff).lines if line.kind == DEMAND]
    by_charge = [[line.pen for line in lines if line.name == charge.name] for charge in year.tariff.charges]
    assert np.allclose(by_charge, sums, rtol=0.0, atol=0.005 + 1e-6)
    assert np.min(sums) >= 0.0 < np.max(sums)
