"""Verdicts on training, with answers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.intervals import SourceWeeks
from pvbesscar.evaluation.ranking import paired_differences, t_interval
from pvbesscar.evaluation.samples import Sample
from pvbesscar.evaluation.score import terms
from pvbesscar.evaluation.verdicts import Difference, JudgedTraining, judged_on_set, judged_on_stretches, verdict
from pvbesscar.simulation.rollout import Ledger
from schemas.results import TrainingVerdict
from tests.evaluation.hand_made import REFERENCE, WEIGHTS, ledger, scenario


def told_of(trained: list[Ledger], untrained: list[Ledger], rule: list[Ledger] | None = None) -> TrainingVerdict:
    against = [
        Difference(float(own.mean()), t_interval(own))
        for own in (paired_differences(trained, other, REFERENCE, WEIGHTS) for other in (untrained, rule or untrained))
    ]
    names = [f"w{k}" for k in range(len(trained))]
    return verdict(
        "ppo",
        JudgedTraining(
            *against,
            terms(trained),
            terms(untrained),
            terms(rule or untrained),
            REFERENCE,
            2 * len(trained),
            "it closes 1.0 %",
            names,
        ),
    )


def judged(trained: list[float], untrained: list[float]) -> TrainingVerdict:
    return told_of([ledger("ppo", c) for c in trained], [ledger("ppo-untrained", c) for c in untrained])


def test_training_helped_only_where_the_interval_excludes_zero() -> None:
    clear = judged([50.0, 51.0, 49.0], [60.0, 61.0, 59.0])
    assert clear.outcome == "training helped"
    assert clear.difference == pytest.approx(-0.05)
    assert clear.co2_difference_kg == pytest.approx(-30.0)
    assert "(95 % interval -0.0500 to -0.0500 over 3 windows); worse in no term." in clear.sentence
    better_once = judged([50.0, 60.0, 59.0], [60.0, 60.0, 60.0])
    assert better_once.difference < 0.0
    assert better_once.outcome == "training added nothing"
    worse = judged([61.0, 61.0, 61.1], [60.0, 60.0, 60.0])
    assert worse.outcome == "training added nothing"
    assert worse.sentence.startswith("training added nothing, and made it worse: J changed by +")


def test_what_the_simulator_does_not_resolve_is_no_merit() -> None:
    hair = judged([60.0 - 1e-6, 60.0 - 1e-6, 60.0 - 1e-6], [60.0, 60.0, 60.0])
    assert hair.interval is not None
    assert hair.interval[1] < 0.0
    assert (hair.outcome, hair.beats_rule) == ("training added nothing", False)
    assert "J changed by 0 against the untrained PPO (95 % interval 0 to 0 over 3 windows). Against" in hair.sentence


def test_a_single_stretch_can_not_tell_that_training_helped() -> None:
    assert judged([50.0], [60.0]).outcome == "can not be told"
    assert judged([60.0], [50.0]).outcome == "training added nothing"
    assert judged([50.0], [60.0]).interval is None
    assert "one stretch of hours shows no spread, so there is no interval" in judged([50.0], [60.0]).sentence


def test_a_better_agent_that_is_worse_in_a_term_says_so() -> None:
    untrained = [ledger("u", 100.0, solar_kwh=10.0, cost_pen=20.0), ledger("u", 101.0, solar_kwh=10.0, cost_pen=20.0)]
    told = told_of([ledger("ppo", 101.0, cost_pen=20.5), ledger("ppo", 102.0, cost_pen=20.5)], untrained)
    assert told.outcome == "training helped"
    assert "; worse: cost +1.0 PEN in 4 h (+2.5 %), CO2 +2.0 kg in 4 h (+1.0 %)." in told.sentence


def test_an_agent_that_does_not_beat_the_rule_is_told_so() -> None:
    trained, untrained = [ledger("ppo", c) for c in (50.0, 51.0)], [ledger("u", c) for c in (60.0, 61.0)]
    told = told_of(trained, untrained, [ledger("rule", c) for c in (40.0, 41.0)])
    assert (told.outcome, told.beats_rule) == ("training helped", False)
    assert told.sentence.endswith(
        "Against the rule J is +0.0333 (95 % interval +0.0333 to +0.0333 over 2 windows): it does not beat the rule; "
        "better in no term; it closes 1.0 %."
    )


def test_an_agent_that_beats_the_rule_is_told_what_it_costs() -> None:
    trained, untrained = [ledger("ppo", c, cost_pen=21.0) for c in (50.0, 51.0)], [ledger("u", c) for c in (60.0, 61.0)]
    told = told_of(trained, untrained, [ledger("rule", c, cost_pen=20.0) for c in (55.0, 56.0)])
    assert told.beats_rule
    assert told.sentence.endswith(": it beats the rule; worse: cost +2.0 PEN in 4 h (+5.0 %); it closes 1.0 %.")


def test_on_years_it_is_made_of_the_set_and_its_resampled_weeks() -> None:
    def year(co2_kg: float) -> Ledger:
        return ledger("x", co2_kg, hours=8760)

    own: dict[str, tuple[Any, Ledger]] = {
        "no-control": ("baseline", year(300.0)), "rule": ("baseline", year(150.0)), "ppo": ("agent", year(120.0)),
        "ppo-untrained": ("untrained", year(160.0)),
    }  # fmt: skip
    judged_year = scenario(0.1, own, year(60.0))
    twice = np.tile(np.arange(6), 2)[None]
    weeks = SourceWeeks(twice, twice, np.zeros(6, dtype=np.int64))
    # Every day adds the same, so that intervals are points: J is 0.25, 0.2 and 0.2667, the bound 0.1.
    scores = {"rule": 0.25, "ppo": 0.2, "ppo-untrained": 0.8 / 3.0, "no-control": 0.5, "optimum": 0.1}
    flat = {name: np.full((1, 1, 12), j / 12) for name, j in scores.items()}
    sample = Sample(weeks, flat)
    made = judged_on_set("ppo", set_result("test", [judged_year], sample), sample)
    assert made.against_untrained.value == pytest.approx(0.2 - 0.8 / 3.0)
    assert made.against_untrained.interval == pytest.approx((0.2 - 0.8 / 3.0,) * 2)
    assert made.against_rule.interval == pytest.approx((-0.05, -0.05))
    told = verdict("ppo", made)
    assert told.sentence == (
        "training helped: J changed by -0.0667 against the untrained PPO (95 % interval -0.0667 to -0.0667 over the "
        "resampled weeks of 1 test years); worse in no term. Against the rule J is -0.0500 (95 % interval -0.0500 to "
        "-0.0500 over the resampled weeks of 1 test years): it beats the rule; worse in no term; it closes 33.3 % (95 "
        "% interval 33.3 to 33.3 %) of the gap from rule to J*."
    )
    on_hours = judged_on_stretches("ppo", judged_year, [made.against_untrained, made.against_rule])
    assert (on_hours.hours, on_hours.what, on_hours.judged_on) == (8760, "windows", ("year",))
    assert on_hours.closes == "it closes 33.3 % of the gap from rule to J*"
