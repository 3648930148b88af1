"""Ranks and verdicts, with answers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.evaluation.aggregate import bootstrap_interval
from pvbesscar.evaluation.kpis import ControllerRun
from pvbesscar.evaluation.ranking import (
    controller_result,
    paired_differences,
    ranked,
    ranks,
    t_interval,
    verdict,
)
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.simulation.rollout import Ledger
from schemas.results import ControllerResult, ScoreTerms
from schemas.settings import WeightSettings

WEIGHTS = WeightSettings()
# On three stretches; by stretch no control has a third of each.
REFERENCE = ScoreTerms(co2_kg=300.0, solar_kwh=60.0, cost_pen=90.0, ev_short_kwh=30.0, ramping_kwh=15.0)


def ledger(name: str, co2_kg: float, **columns: float) -> Ledger:
    """Two hours, all of it in the first."""
    zeros = {
        "co2_kg": 0.0, "solar_kwh": 0.0, "cost_pen": 0.0, "ev_short_kwh": 0.0, "ramping_kwh": 0.0, "reward": 0.0,
        "import_kwh": 0.0, "export_kwh": 0.0, "ev_kwh": 0.0, "charge_kwh": 0.0, "discharge_kwh": 0.0,
        "departures": 0.0, "departures_met": 0.0, "departures_feasible": 0.0, "departures_met_feasible": 0.0,
        "pv_kwh": 0.0, "mall_kwh": 0.0, "carbon": 0.0,
    }  # fmt: skip
    frame = pd.DataFrame([zeros | {"co2_kg": co2_kg} | columns, zeros])
    return Ledger(name, frame.assign(timestamp=pd.date_range("2025-03-10", periods=2, freq="h", tz="America/Lima")))


def against_no_control(*ledgers: Ledger) -> ControllerRun:
    return ControllerRun(ledgers, REFERENCE, WEIGHTS, 4520.0, 2.146, 0.9)


def result(name: str, kind: Any, j: float) -> ControllerResult:
    spec = ControllerSpec(name, kind)
    # 0.5 * co2 / 300 = J
    return controller_result(spec, against_no_control(ledger(name, 600.0 * j)), "0" * 64)


def test_a_controllers_figures_are_sums_and_means_over_its_stretches() -> None:
    own = [
        ledger("x", 30.0, reward=-2.0, departures=3.0, departures_met=1.0, departures_feasible=2.0, cost_pen=9.0),
        ledger("x", 60.0, reward=-4.0, departures=1.0, departures_met=1.0, departures_feasible=1.0),
    ]
    judged = controller_result(ControllerSpec("x", "agent", "ppo"), against_no_control(*own), "0" * 64)
    assert judged.score == pytest.approx(0.5 * 90 / 300 + 0.15 * 9 / 90)
    assert judged.hours == 4
    assert judged.window_rewards == (-1.0, -2.0)
    assert judged.mean_reward == pytest.approx(-1.5)
    assert judged.reward_std == pytest.approx(np.sqrt(0.5))
    assert (judged.departures, judged.departures_met, judged.infeasible) == (4, 2, 1)


def test_equal_controllers_share_a_rank_and_what_learned_nothing_comes_first() -> None:
    order = ranked(
        [
            result("no-control", "baseline", 0.9),
            result("ppo", "agent", 0.3),
            result("ppo-untrained", "untrained", 0.3 + 1e-9),
            result("rule", "baseline", 0.3 + 2e-9),
            result("sac", "agent", 0.2),
        ]
    )
    assert [r.controller for r in order] == ["sac", "rule", "ppo-untrained", "ppo", "no-control"]
    assert ranks(order) == [1, 2, 2, 2, 5]


def test_the_mean_of_the_paired_differences_is_the_difference_of_j() -> None:
    first = [ledger("a", c, solar_kwh=s) for c, s in ((10.0, 4.0), (20.0, 0.0), (60.0, 1.0))]
    second = [ledger("b", c, ramping_kwh=r) for c, r in ((30.0, 1.0), (30.0, 2.0), (50.0, 0.5))]
    differences = paired_differences(first, second, REFERENCE, WEIGHTS)
    j = [score(terms(own), REFERENCE, WEIGHTS) for own in (first, second)]
    assert differences.mean() == pytest.approx(j[0] - j[1])
    # By hand, the first stretch: 0.5 * (10 - 30) / 100 + 0.2 * 4 / 20 - 0.05 * 1 / 5.
    assert differences[0] == pytest.approx(-0.1 + 0.04 - 0.01)


def test_students_interval_of_three_values() -> None:
    # Mean 2, deviation 1, t(0.975, 2) = 4.3027 over the root of 3.
    low, high = t_interval(np.array([1.0, 2.0, 3.0])) or (0.0, 0.0)
    assert (low, high) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert t_interval(np.array([1.0])) is None


def told_of(trained: list[Ledger], untrained: list[Ledger], agent: Any = "ppo") -> Any:
    differences = paired_differences(trained, untrained, REFERENCE, WEIGHTS)
    co2 = terms(trained).co2_kg - terms(untrained).co2_kg
    return verdict(agent, differences, co2, [f"w{k}" for k in range(len(trained))])


def judged(trained: list[float], untrained: list[float]) -> Any:
    return told_of([ledger("ppo", c) for c in trained], [ledger("ppo-untrained", c) for c in untrained])


def test_training_helped_only_where_the_interval_excludes_zero() -> None:
    clear = judged([50.0, 51.0, 49.0], [60.0, 61.0, 59.0])
    assert clear.outcome == "training helped"
    assert clear.difference == pytest.approx(-0.05)
    assert "its CO2 is 30.0 kg lower" in clear.sentence
    better_once = judged([50.0, 60.0, 59.0], [60.0, 60.0, 60.0])
    assert better_once.difference < 0.0
    assert better_once.outcome == "training added nothing"
    worse = judged([61.0, 61.0, 61.1], [60.0, 60.0, 60.0])
    assert worse.outcome == "training added nothing"
    assert worse.sentence.startswith("training added nothing, and made it worse: J changed by +")


def test_what_the_simulator_does_not_resolve_is_no_merit() -> None:
    hair = judged([60.0 - 1e-6, 60.0 - 1e-6, 60.0 - 1e-6], [60.0, 60.0, 60.0])
    assert hair.interval[1] < 0.0
    assert hair.outcome == "training added nothing"
    assert "J changed by 0 against" in hair.sentence
    assert "its CO2 is equal" in hair.sentence


def test_a_single_stretch_can_not_tell_that_training_helped() -> None:
    assert judged([50.0], [60.0]).outcome == "can not be told"
    assert judged([60.0], [50.0]).outcome == "training added nothing"
    assert judged([50.0], [60.0]).interval is None


def test_a_better_agent_with_more_co2_says_so() -> None:
    untrained = [ledger("u", 100.0, solar_kwh=10.0), ledger("u", 101.0, solar_kwh=10.0)]
    told = told_of([ledger("sac", 101.0), ledger("sac", 102.0)], untrained, "sac")
    assert told.outcome == "training helped"
    assert told.co2_difference_kg == pytest.approx(2.0)
    assert "its CO2 is 2.0 kg higher" in told.sentence


def test_over_scenarios_the_co2_is_that_of_the_mean_year() -> None:
    told = verdict("a2c", np.array([0.01, 0.02]), 30.0, ["test-01", "test-02"], "test scenarios")
    assert "over 2 test scenarios); on the mean its CO2 is 30.0 kg higher." in told.sentence
    assert "on the mean" not in verdict("a2c", np.array([0.01, 0.02]), 30.0, ["wet", "dry"]).sentence


def test_the_terms_are_those_of_the_ledgers() -> None:
    assert set(TERM_FIELDS) < set(ledger("x", 1.0).frame.columns)


def test_the_bootstrap_of_equal_values_is_a_point_and_of_two_spans_them() -> None:
    assert bootstrap_interval(np.array([0.3, 0.3, 0.3])) == pytest.approx((0.3, 0.3))
    # Of two values a quarter of the resamples is all one, a quarter all the other.
    assert bootstrap_interval(np.array([0.0, 1.0])) == pytest.approx((0.0, 1.0))
    assert bootstrap_interval(np.array([0.5])) is None
    # The mean of n normal values has the standard error 1 / sqrt(n).
    low, high = bootstrap_interval(np.random.default_rng(1).standard_normal(400)) or (0.0, 0.0)
    assert high - low == pytest.approx(2 * 1.96 / 20.0, rel=0.1)
