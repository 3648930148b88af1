"""Ranks and verdicts, with answers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.evaluation.judge import (
    Contestant,
    controller_result,
    paired_differences,
    ranked,
    ranks,
    t_interval,
    verdict,
)
from pvbesscar.evaluation.rollout import Ledger
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
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
        "departures": 0.0, "departures_met": 0.0, "departures_feasible": 0.0,
    }  # fmt: skip
    return Ledger(name, pd.DataFrame([zeros | {"co2_kg": co2_kg} | columns, zeros]))


def result(name: str, kind: Any, j: float) -> ControllerResult:
    contestant = Contestant(name, kind)
    # 0.5 * co2 / 300 = J
    return controller_result(contestant, [ledger(name, 600.0 * j)], REFERENCE, WEIGHTS, "0" * 64)


def test_a_controllers_figures_are_sums_and_means_over_its_stretches() -> None:
    own = [
        ledger("x", 30.0, reward=-2.0, departures=3.0, departures_met=1.0, departures_feasible=2.0, cost_pen=9.0),
        ledger("x", 60.0, reward=-4.0, departures=1.0, departures_met=1.0, departures_feasible=1.0),
    ]
    judged = controller_result(Contestant("x", "agent", "ppo"), own, REFERENCE, WEIGHTS, "0" * 64)
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


def judged(trained: list[float], untrained: list[float]) -> Any:
    ledgers = {
        "ppo": [ledger("ppo", c) for c in trained],
        "ppo-untrained": [ledger("ppo-untrained", c) for c in untrained],
    }
    return verdict("ppo", ledgers, REFERENCE, WEIGHTS)


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
    ledgers = {
        "sac": [ledger("sac", 101.0), ledger("sac", 102.0)],
        "sac-untrained": [ledger("u", 100.0, solar_kwh=10.0), ledger("u", 101.0, solar_kwh=10.0)],
    }
    told = verdict("sac", ledgers, REFERENCE, WEIGHTS)
    assert told.outcome == "training helped"
    assert told.co2_difference_kg == pytest.approx(2.0)
    assert "its CO2 is 2.0 kg higher" in told.sentence


def test_the_terms_are_those_of_the_ledgers() -> None:
    assert set(TERM_FIELDS) < set(ledger("x", 1.0).frame.columns)
