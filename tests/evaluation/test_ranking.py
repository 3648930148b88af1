"""Ranks and differences, with answers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pvbesscar.evaluation.kpis import ControllerRun
from pvbesscar.evaluation.ranking import (
    controller_result,
    paired_differences,
    ranked,
    ranks,
    t_interval,
)
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.simulation.rollout import Ledger
from schemas.results import ControllerResult
from tests.evaluation.hand_made import REFERENCE, WEIGHTS, ledger


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
            result("random", "random", 0.3 + 1e-9),
            result("sac", "agent", 0.2),
        ]
    )
    assert [r.controller for r in order] == ["sac", "rule", "random", "ppo-untrained", "ppo", "no-control"]
    assert ranks(order) == [1, 2, 2, 2, 2, 6]


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


def test_the_terms_are_those_of_the_ledgers() -> None:
    assert set(TERM_FIELDS) < set(ledger("x", 1.0).frame.columns)
