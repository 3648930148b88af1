"""The evaluation stage on the real CityLearn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.agents.train import train_on
from pvbesscar.controllers.baselines import Rule
from pvbesscar.evaluation import parallel
from pvbesscar.evaluation.citylearn_kpis import V2_NAMES, require_equal
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate, evaluate_on
from pvbesscar.evaluation.front import sweeps
from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.evaluation.service import GUARDS
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.simulation.rollout import Ledger, rollout
from pvbesscar.simulation.windows import Stretch, required_kwh, stretches_of, window_stretches
from pvbesscar.store.files import sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import SimulationError, StaleError
from schemas.progress import Progress
from schemas.results import EvaluationReport
from schemas.settings import Settings
from tests.mini_site import WINDOW_NAMES, mini_site, with_training

CONTROLLERS = {
    "no-control",
    "rule",
    "constant-1",
    "constant-0.5",
    "random",
    "sac-untrained",
    "ppo-untrained",
    "a2c-untrained",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return mini_site(tmp_path_factory.mktemp("evaluate"))


@pytest.fixture(scope="module")
def workspace(settings: Settings) -> Workspace:
    return Workspace.of(settings)


@pytest.fixture(scope="module")
def simulator(workspace: Workspace) -> CityLearnSim:
    return CityLearnSim(workspace.dataset)


@pytest.fixture(scope="module")
def report(settings: Settings, workspace: Workspace, simulator: CityLearnSim) -> EvaluationReport:
    """Judged with one trained agent of three."""
    train_on(simulator, "a2c", settings, workspace, "smoke")
    return evaluate_on(simulator, settings, workspace, "smoke")


def test_baselines_untrained_and_trained_agents_are_rows(report: EvaluationReport) -> None:
    assert {result.controller for result in report.main.ranking} == CONTROLLERS | {"a2c"}
    assert report.main.judged_on == WINDOW_NAMES
    assert all(result.hours == 72 for result in report.main.ranking)
    scores = [result.score for result in report.main.ranking]
    assert scores == pytest.approx(sorted(scores), abs=1e-6)


def test_no_control_has_the_sum_of_the_weights_of_what_it_does(report: EvaluationReport) -> None:
    # All departures are met, so EV service (0.10) costs nothing; every other term is the scale itself.
    own = next(result for result in report.main.ranking if result.controller == "no-control")
    assert own.score == pytest.approx(0.9)
    assert own.departures == own.departures_met == 24
    # 8 sockets a day: 4 motos and 4 mototaxis from 0.3 to 0.9.
    assert report.main.reference is not None
    assert report.main.reference.ev_short_kwh == pytest.approx(3 * 4 * 0.6 * (3.5 + 10.0), rel=1e-6)


def test_citylearns_own_figures_are_the_ledgers_within_float32(report: EvaluationReport) -> None:
    for result in report.main.ranking:
        ours = {
            **{name: result.kpis[name] for name in ("import_kwh", "export_kwh", "co2_kg", "cost_pen")},
            "ev_kwh": result.ev_kwh, "charge_kwh": result.charge_kwh, "discharge_kwh": result.discharge_kwh,
            "departures": result.departures,
        }  # fmt: skip
        check = result.citylearn
        assert check is not None
        assert (check.judged_on, check.hours) == (report.main.judged_on, result.hours)
        assert check.ledger == pytest.approx(ours, rel=1e-12)
        assert check.evaluate_v2.keys() == ours.keys() == V2_NAMES.keys()
        for name, theirs in check.evaluate_v2.items():
            # Sums of 48 values of some 1,000 kWh, each a float32.
            assert ours[name] == pytest.approx(theirs, rel=1e-6, abs=1e-3), (result.controller, name)


def test_nobody_is_below_the_bound_of_the_windows(report: EvaluationReport) -> None:
    optimum = report.main.optimum
    assert optimum is not None
    assert optimum.bound <= min(result.score for result in report.main.ranking)
    assert optimum.bound <= optimum.replay <= 1.005 * optimum.bound
    rule = next(result for result in report.main.ranking if result.controller == "rule")
    assert rule.captured_share == pytest.approx((0.9 - rule.score) / (0.9 - optimum.bound), abs=1e-6)
    # Days that are all alike: the rule is as good as the optimum, as far as its replay can tell.
    assert rule.score - optimum.bound < optimum.replay - optimum.bound + 1e-6
    assert {(result.gap_closed, result.gap_interval) for result in report.main.ranking} == {(None, None)}
    parts = sum(part.contribution for part in report.main.gap_parts)
    assert parts + optimum.replay - optimum.bound == pytest.approx(rule.score - optimum.bound, abs=1e-12)


def test_an_agent_without_a_model_is_missing_with_the_reason(report: EvaluationReport) -> None:
    assert set(report.missing) == {"sac", "ppo"}
    assert "sac_final_model.zip is missing" in report.missing["sac"]
    assert [verdict.agent for verdict in report.verdicts] == ["a2c"]


def test_a_stale_model_is_missing_with_the_reason(
    settings: Settings, workspace: Workspace, simulator: CityLearnSim, report: EvaluationReport
) -> None:
    seeded = with_training(settings, seed=7)
    again = evaluate_on(simulator, seeded, workspace, "smoke")
    assert "other settings" in again.missing["a2c"]
    assert "a2c" not in {result.controller for result in again.main.ranking}
    evaluate_on(simulator, settings, workspace, "smoke")


def test_files_say_what_the_report_says(report: EvaluationReport, workspace: Workspace) -> None:
    folder = workspace.evaluation
    assert EvaluationReport.model_validate_json((folder / "evaluation_report.json").read_text()) == report
    assert {name: sha256_file(folder / name) for name in report.files} == report.files
    table = pd.read_csv(folder / "evaluation_comparison.csv")
    assert list(table["controller"]) == [result.controller for result in report.main.ranking]
    assert list(table["j"]) == pytest.approx([result.score for result in report.main.ranking])
    for result in report.main.ranking:
        path = folder / "ledgers" / "nominal" / f"{result.controller}.parquet"
        assert sha256_file(path) == result.ledger_sha256
        ledger = pd.read_parquet(path)
        assert list(ledger["window"].unique()) == list(WINDOW_NAMES)
        for name in TERM_FIELDS:
            assert ledger[name].sum() == pytest.approx(getattr(result.terms, name))
        assert ledger["reward"].mean() == pytest.approx(result.mean_reward)


@pytest.mark.slow
def test_worker_processes_find_the_same(report: EvaluationReport, settings: Settings, workspace: Workspace) -> None:
    told: list[Progress] = []
    again = evaluate(settings, workspace, "smoke", told.append, workers=2)
    assert again == report
    # Nine controllers, also with the guard on and off, and the optimum, also under other weights, on each day.
    days = len(report.main.judged_on)
    assert told[-1].done == told[-1].total == (9 * (1 + len(GUARDS)) + 1 + len(sweeps(settings.weights))) * days
    assert {progress.unit for progress in told} == {"controller-days"}


def test_a_failure_leaves_the_earlier_evaluation(
    report: EvaluationReport, settings: Settings, workspace: Workspace, simulator: CityLearnSim,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise SimulationError("no")

    monkeypatch.setattr("pvbesscar.evaluation.evaluate.comparison", fail)
    with pytest.raises(SimulationError):
        evaluate_on(simulator, settings, workspace, "smoke")
    assert json.loads((workspace.evaluation / "evaluation_report.json").read_text())["profile"] == "smoke"
    assert [path.name for path in workspace.evaluation.parent.iterdir() if path.name.startswith(".")] == []


def test_a_dataset_of_other_settings_is_refused(settings: Settings, workspace: Workspace) -> None:
    other = settings.model_copy(update={"grid": settings.grid.model_copy(update={"carbon_kg_per_kwh": 0.9})})
    with pytest.raises(StaleError, match="built with other settings"):
        evaluate(other, workspace, "smoke")


def test_stretches(simulator: CityLearnSim) -> None:
    windows = window_stretches({"validation-dry": 28, "validation-wet": 0}, 48)
    assert windows == (Stretch("validation-dry", 28 * 168, 48), Stretch("validation-wet", 0, 48))
    assert stretches_of("windows", windows, simulator.data) == windows
    assert stretches_of("year", windows, simulator.data) == (Stretch("year", 0, 8760),)


def test_required_energy_is_that_of_the_departures_within(simulator: CityLearnSim) -> None:
    # Socket 0 stays [9, 12), 1 [10, 13), 2 and 6 [11, 14), 3 and 7 [12, 15); 0 and 4, 1 and 5 alike.
    day = 0.6 * 4 * (3.5 + 10.0)
    assert required_kwh(simulator.data, Stretch("day", 0, 24)) == pytest.approx(day, rel=1e-6)
    # Until the end of hour 11 (exclusive 12) only sockets 0 and 4 have left.
    assert required_kwh(simulator.data, Stretch("morning", 0, 12)) == pytest.approx(0.6 * 13.5, rel=1e-6)
    assert required_kwh(simulator.data, Stretch("hour", 11, 1)) == pytest.approx(0.6 * 13.5, rel=1e-6)
    year = required_kwh(simulator.data, Stretch("year", 0, 8760))
    assert year == pytest.approx(simulator.data.reference[3], rel=1e-9)


def test_the_folder_holds_nothing_else(report: EvaluationReport, workspace: Workspace) -> None:
    found = {path.relative_to(workspace.evaluation).as_posix() for path in workspace.evaluation.rglob("*.*")}
    assert found == set(report.files) | {"evaluation_report.json"}
    assert np.all([Path(name).suffix in {".parquet", ".csv"} for name in report.files])


def test_both_judges_on_the_twin_and_citylearn_runs_the_windows_again(
    settings: Settings, workspace: Workspace, report: EvaluationReport
) -> None:
    told: list[Progress] = []
    request = EvaluationRequest("smoke", ("rule",), nominal_on="both")
    both = evaluate(settings, workspace, "smoke", told.append, request=request, workers=1)
    # Each day: two controllers, each again on CityLearn and with the guard on and off; the optimum by weighting.
    days = float(len(report.main.judged_on)) * (2 * (2 + len(GUARDS)) + 1 + len(sweeps(settings.weights)))
    assert (told[-1].done, told[-1].total, told[-1].unit) == (days, days, "controller-days")
    assert (both.main.simulator, both.main.judged_on) == ("twin", report.main.judged_on)
    before = {result.controller: result for result in report.main.ranking}
    for result in both.main.ranking:
        assert result.score == before[result.controller].score
        assert result.citylearn == before[result.controller].citylearn


def test_a_twin_that_departs_from_citylearn_by_a_bit_is_refused(
    settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stretch = Stretch("week", 24, 48)
    simulator = CityLearnSim(workspace.dataset)
    ledger = rollout(simulator, Rule(), stretch.start, stretch.hours)
    require_equal(stretch, "rule", ledger, ledger)
    other = ledger.frame.copy()
    other.loc[7, "import_kwh"] = np.nextafter(other.loc[7, "import_kwh"], np.inf)
    with pytest.raises(SimulationError, match=r"`rule` on `week`, hour 31: the twin gives import_kwh"):
        require_equal(stretch, "rule", Ledger("rule", other), ledger)

    published = (workspace.evaluation / "evaluation_report.json").read_bytes()
    monkeypatch.setattr(
        parallel, "require_equal", lambda *_: require_equal(stretch, "rule", Ledger("rule", other), ledger)
    )
    with pytest.raises(SimulationError, match="nothing was published"):
        evaluate(
            settings, workspace, "smoke", request=EvaluationRequest("smoke", ("rule",), nominal_on="both"), workers=1
        )
    assert (workspace.evaluation / "evaluation_report.json").read_bytes() == published
