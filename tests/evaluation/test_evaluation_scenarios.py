"""Controllers on drawn years: one path for stage and command, nothing below the bound, means with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pvbesscar.controllers.policy import PolicyController
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.evaluation.kpis import KPIS
from pvbesscar.evaluation.samples import source_weeks
from pvbesscar.evaluation.specifications import known_names, specs_of
from pvbesscar.evaluation.tables import as_markdown
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout, rollout_together
from pvbesscar.simulation.windows import Stretch
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError
from schemas.results import EvaluationReport, ScenarioResult
from schemas.settings import Settings
from tests.mini_site import mini_site

EVALUATED = ("rule", "a2c-untrained")


class Waver:
    """A policy whose action depends on what it sees, the same for one plant as for many."""

    def predict(
        self, observation: NDArray[np.float32], *, deterministic: bool = False
    ) -> tuple[NDArray[np.float32], Any]:
        assert deterministic
        pv, soc = observation[..., 124], observation[..., 130]
        sockets = np.repeat(np.clip(0.2 + pv, 0.0, 1.0)[..., None], 8, axis=-1)
        return np.concatenate([(1.0 - soc)[..., None], sockets], axis=-1).astype(np.float32), None


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return mini_site(tmp_path_factory.mktemp("judged"), scenarios={"training": 0, "validation": 0, "test": 2})


@pytest.fixture(scope="module")
def workspace(settings: Settings) -> Workspace:
    return Workspace.of(settings)


@pytest.fixture(scope="module")
def report(settings: Settings, workspace: Workspace) -> EvaluationReport:
    request = EvaluationRequest("smoke", EVALUATED, ("test",))
    return evaluate(settings, workspace, "smoke", request=request, workers=1)


def test_policies_run_on_all_years_at_once_as_on_each_alone(workspace: Workspace) -> None:
    store = ScenarioStore(workspace.dataset)
    years, stretch = [store.load(name) for name in store.names("test")], Stretch("edge", 6 * 24, 72)
    told: list[int] = []
    together = rollout_together(years, Waver(), "waver", stretch, told.append)
    assert sum(told) == 2 * 72
    for data, own in zip(years, together, strict=True):
        alone = rollout(Twin(data), PolicyController("waver", Waver()), stretch.start, stretch.hours)
        pd.testing.assert_frame_equal(own.frame, alone.frame, check_exact=True)
        assert own.served == pytest.approx(alone.served, abs=1e-9)
        assert own.total("charge_kwh") > 0.0


def test_every_scenario_has_a_bound_that_nobody_is_below(report: EvaluationReport) -> None:
    assert [scenario.scenario for scenario in report.scenarios] == ["test-01", "test-02"]
    assert (report.trade_offs, report.ev_term) == (None, None)  # of the validated year, which was not judged
    for scenario in report.scenarios:
        assert scenario.simulator == "twin"
        assert {r.controller for r in scenario.ranking} == {"no-control", *EVALUATED, "rule"}
        assert scenario.optimum is not None
        assert scenario.optimum.bound <= scenario.optimum.replay + 1e-9
        by_name = {r.controller: r for r in scenario.ranking}
        for result in scenario.ranking:
            assert result.hours == 8760
            assert result.score >= scenario.optimum.bound
            if result.captured_share is not None:
                won = by_name["no-control"].score - result.score
                assert result.captured_share == pytest.approx(
                    won / (by_name["no-control"].score - scenario.optimum.bound)
                )


def test_a_set_has_the_means_of_its_scenarios(report: EvaluationReport) -> None:
    (own,) = report.sets
    assert (own.name, own.scenarios) == ("test", ("test-01", "test-02"))
    rule = next(entry for entry in own.entries if entry.controller == "rule")
    idle = next(entry for entry in own.entries if entry.controller == "no-control")
    scores = [next(r.score for r in s.ranking if r.controller == "rule") for s in report.scenarios]
    assert rule.mean_score == pytest.approx(np.mean(scores))
    assert (rule.against_rule, rule.against_rule_interval) == (0.0, (0.0, 0.0))
    assert (rule.gap_closed, rule.gap_interval) == (0.0, (0.0, 0.0))
    bounds = [s.optimum.bound for s in report.scenarios if s.optimum is not None]
    assert own.mean_bound == pytest.approx(np.mean(bounds))
    untrained = next(entry for entry in own.entries if entry.controller == "a2c-untrained")
    assert untrained.gap_closed == pytest.approx(
        (rule.mean_score - untrained.mean_score) / (rule.mean_score - np.mean(bounds))
    )
    assert untrained.gap_interval is not None
    assert untrained.gap_interval[0] <= untrained.gap_closed <= untrained.gap_interval[1]
    assert idle.against_rule == pytest.approx(idle.mean_score - rule.mean_score)
    assert idle.captured_share == pytest.approx(0.0, abs=1e-6)
    # J of no control is that of its own scale, whatever weeks are drawn.
    assert idle.score_interval == pytest.approx((idle.mean_score, idle.mean_score), abs=1e-9)
    assert idle.against_rule_interval is not None
    assert idle.against_rule_interval[0] > 0.0
    assert own.source_weeks is not None
    assert own.source_weeks >= 10


def test_table_and_ledgers_are_those_of_the_report(report: EvaluationReport, workspace: Workspace) -> None:
    table = pd.read_csv(workspace.evaluation / "evaluation_comparison.csv")
    assert len(table) == 2 * 3
    assert {kpi.name for kpi in KPIS} <= set(table.columns)
    for scenario in report.scenarios:
        folder = workspace.evaluation / "ledgers" / scenario.scenario
        for result in scenario.ranking:
            ledger = pd.read_parquet(
                workspace.evaluation / "ledgers" / scenario.scenario / f"{result.controller}.parquet"
            )
            assert ledger["import_kwh"].sum() == pytest.approx(result.kpis["import_kwh"])
        assert (folder / "optimum.parquet").is_file()


def test_markdown_has_a_table_for_a_set_and_one_for_a_scenario_of_none(report: EvaluationReport) -> None:
    text = as_markdown(report)
    (own,) = report.sets
    assert f"`test`, mode `dispatch`, 2 test years, resampled from {own.source_weeks} source weeks:" in text
    assert "bound" not in text
    alone = as_markdown(report.model_copy(update={"sets": ()}))
    assert "`test`, mode `dispatch`, test-01, year, on twin:" in alone
    assert alone.count("| J*, bound |") == 2


def test_unknown_controllers_and_scenarios_are_refused(settings: Settings, workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="`greedy` is no controller"):
        specs_of(("greedy",), settings, workspace, "smoke", "0")
    assert "optimum" not in known_names()
    with pytest.raises(ConfigError, match="`tests` is neither"):
        evaluate(settings, workspace, "smoke", request=EvaluationRequest("smoke", ("rule",), ("tests",)))


def test_the_folder_of_an_evaluation_is_replaced_whole(report: EvaluationReport, workspace: Workspace) -> None:
    found = {path.relative_to(workspace.evaluation).as_posix() for path in workspace.evaluation.rglob("*.*")}
    assert found == set(report.files) | {"evaluation_report.json"}
    assert not [path for path in Path(workspace.evaluation).parent.iterdir() if path.name.startswith(".evaluation")]


def test_the_headline_is_that_of_the_ledgers(
    report: EvaluationReport, settings: Settings, workspace: Workspace
) -> None:
    """Plain sums over the files: J of rule, controller and plan, what is open, and where it comes from."""
    weights = settings.weights
    by_term = {
        "co2_kg": weights.co2, "solar_kwh": weights.solar, "cost_pen": weights.cost, "ev_short_kwh": weights.ev_service,
        "ramping_kwh": weights.grid_stability,
    }  # fmt: skip

    def parts(scenario: ScenarioResult, controller: str) -> dict[str, float]:
        path = workspace.evaluation / "ledgers" / scenario.scenario / f"{controller}.parquet"
        sums = pd.read_parquet(path)[list(by_term)].sum()
        return {name: by_term[name] * sums[name] / getattr(scenario.reference, name) for name in by_term}

    names = ("rule", "a2c-untrained", "no-control")
    j = {name: np.mean([sum(parts(one, name).values()) for one in report.scenarios]) for name in names}
    bound = np.mean([one.optimum.bound for one in report.scenarios if one.optimum is not None])
    entries = {entry.controller: entry for entry in report.sets[0].entries}
    for name in names:
        assert entries[name].gap_closed == pytest.approx((j["rule"] - j[name]) / (j["rule"] - bound), rel=1e-9)
        assert entries[name].against_rule == pytest.approx(j[name] - j["rule"], abs=1e-12)
    for one in report.scenarios:
        assert one.optimum is not None
        rule, plan = parts(one, "rule"), parts(one, "optimum")
        found = {part.term: part.contribution for part in one.gap_parts}
        assert found == pytest.approx({name: rule[name] - plan[name] for name in by_term}, abs=1e-12)
        is_open = sum(rule.values()) - one.optimum.bound
        assert sum(found.values()) + one.optimum.replay - one.optimum.bound == pytest.approx(is_open, abs=1e-12)


def test_days_are_laid_to_the_weeks_that_they_come_from(workspace: Workspace) -> None:
    store = ScenarioStore(workspace.dataset)
    drawn = source_weeks(store, store.names("test"))
    assert drawn is not None
    recipe = store.recipe("test-02")
    weeks = np.unique(np.concatenate([store.recipe(n).weather_day for n in store.names("test")]
                                     + [store.recipe(n).demand_day for n in store.names("test")]) // 7)  # fmt: skip
    assert weeks[drawn.weather[1]].tolist() == (recipe.weather_day // 7).tolist()
    assert weeks[drawn.demand[1]].tolist() == (recipe.demand_day // 7).tolist()
    # Weather and demand of a day are of one season, and seasons are those that the years were drawn by.
    assert (drawn.stratum[drawn.weather] == drawn.stratum[drawn.demand]).all()
    assert drawn.stratum.tolist() == store.wet_weeks()[weeks].astype(int).tolist()
    nominal = source_weeks(store, ["nominal"])
    assert nominal is not None
    assert nominal.weeks == 52
    assert nominal.weather.tolist() == nominal.demand.tolist()
    assert nominal.weather[0, [0, 6, 7, 363, 364]].tolist() == [0, 0, 1, 51, 51]
