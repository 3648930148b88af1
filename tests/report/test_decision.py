"""The first screen: which controller, what it saves, how certain that is, and where cost and J disagree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest

from pvbesscar.report.decision import Decision, decision
from pvbesscar.report.money import worth_sentence
from pvbesscar.words import words_in
from schemas.results import (
    ControllerResult,
    EvaluationReport,
    Finding,
    Interval,
    OptimumResult,
    QualityReport,
    ScenarioResult,
    ScoreTerms,
    SetEntry,
    SetResult,
    TrainingVerdict,
)
from tests.builders import two_prices
from tests.controllers.plants import settings

WORDS = words_in("en")
SCORES = {"no-control": 0.9, "rule": 0.35, "mpc": 0.34, "mpc-perfect-day": 0.33, "random": 0.2}
"""What is no controller for a site has the lowest J."""


def terms(cost_pen: float, ramping_kwh: float = 100.0) -> ScoreTerms:
    return ScoreTerms(co2_kg=10.0, solar_kwh=1.0, cost_pen=cost_pen, ev_short_kwh=0.0, ramping_kwh=ramping_kwh)


def year(name: str, costs: dict[str, float], optimum_pen: float | None, hours: int = 8760) -> ScenarioResult:
    ranking = tuple(
        ControllerResult(
            controller=controller, kind="random" if controller == "random" else "baseline", hours=hours,
            score=SCORES[controller], mean_reward=-1.0, reward_std=0.0,
            terms=terms(cost, 60.0 if controller == "mpc" else 100.0), gap_closed=None, captured_share=None, kpis={},
            ev_kwh=0.0, charge_kwh=0.0, discharge_kwh=0.0, departures=10, departures_met=9, infeasible=1,
            ledger_sha256="",
        )
        for controller, cost in costs.items()
    )  # fmt: skip
    optimum = None
    if optimum_pen is not None:
        optimum = OptimumResult(mode="dispatch", bound=0.1, replay=0.1, terms=terms(optimum_pen), peak_kw=1234.5)
    return ScenarioResult(
        scenario=name, simulator="twin", digest="d", judged_on=("year",) if hours == 8760 else ("wet", "dry"),
        reference=terms(1000.0), optimum=optimum, ranking=tuple(sorted(ranking, key=lambda one: one.score)),
    )  # fmt: skip


def entry(name: str, years: list[ScenarioResult], intervals: dict[str, Interval]) -> SetEntry:
    own = [one for judged in years for one in judged.ranking if one.controller == name]
    mean = terms(sum(one.terms.cost_pen for one in own) / len(own), own[0].terms.ramping_kwh)
    return SetEntry(
        controller=name, kind=own[0].kind, mean_score=SCORES[name], score_interval=None, gap_closed=None,
        gap_interval=None, captured_share=None, against_rule=0.0, against_rule_interval=None, mean_terms=mean,
        saving_intervals=intervals if name == "mpc" else {},
    )  # fmt: skip


def told(
    costs: dict[str, float], optimum_pen: float | None = 550.0, tests: int = 0,
    intervals: dict[str, Interval] | None = None, hours: int = 8760, verdicts: tuple[TrainingVerdict, ...] = (),
    quality: QualityReport | None = None, training: dict[str, Any] | None = None, **sections: Any,
) -> tuple[Decision, Any]:  # fmt: skip
    nominal = year("nominal", costs, optimum_pen, hours)
    years = [year(f"test-{index}", costs, optimum_pen) for index in range(tests)]
    sets: tuple[SetResult, ...] = ()
    if years:
        own = SetResult(
            name="test", scenarios=tuple(one.scenario for one in years), source_weeks=12, mean_bound=0.1,
            mean_replay=0.1, mean_reference=terms(1000.0),
            entries=tuple(entry(name, years, intervals or {}) for name in sorted(costs, key=lambda n: SCORES[n])),
        )  # fmt: skip
        sets = (own,)
    report = EvaluationReport(
        scenario="tiny", profile="full", mode="dispatch", guard=True, forecast="causal", dataset_digest="d",
        scenarios=(nominal, *years), sets=sets, missing={}, verdicts=verdicts,
    )  # fmt: skip
    inputs: Any = SimpleNamespace(
        evaluation=report, settings=settings(**sections), quality=quality, provenance=None, profile="full",
        training=training or {},
    )  # fmt: skip
    return decision(inputs, WORDS), inputs


def test_an_oracle_or_a_yardstick_is_never_recommended() -> None:
    found, _ = told({"no-control": 1000.0, "rule": 700.0, "mpc": 600.0, "mpc-perfect-day": 500.0, "random": 400.0})
    assert found.deploy == "mpc"
    assert found.agreement.startswith("Cost and J agree: mpc also has the lowest bill")


def test_savings_are_those_of_the_test_years_with_their_certainty() -> None:
    costs = {"no-control": 1000.0, "rule": 700.0, "mpc": 690.0}
    found, _ = told(costs, tests=3, intervals={"no-control": (300.0, 320.0), "rule": (-5.0, 25.0)})
    none, rule, departures, optimum = found.cards
    assert (none.title, none.value) == ("Against no control", "S/ 310 less a year")
    assert none.note == "0 kg CO2 less a year. Certain: S/ 300 to 320 less (95 %)."
    assert rule.value == "S/ 10 less a year"
    assert rule.note.endswith("NOT certain: from S/ -5 to 25 less (95 %); below zero it is more.")
    # Nine of ten departures in each of three years.
    assert (departures.value, departures.note) == ("90.00 %", "27 of 30. 3 could be met by no power.")
    assert optimum.value == "S/ 140 more a year"
    assert found.basis.endswith("on the mean of 3 test years.")


def test_where_cost_and_j_disagree_it_says_so_and_what_j_prefers() -> None:
    found, _ = told({"no-control": 1000.0, "rule": 700.0, "mpc": 760.0}, optimum_pen=800.0)
    assert found.deploy == "mpc"
    assert found.agreement == (
        "Cost and J disagree: rule has the lowest bill, mpc pays S/ 60 more a year. J prefers mpc for ramping, 40 kWh "
        "less. Who looks at money alone deploys rule."
    )
    assert found.cards[1].value == "S/ 60 more a year"
    assert (found.cards[3].value, found.cards[3].note) == (
        "S/ 40 less a year", "than the optimum of J, which gives up money for other terms."
    )  # fmt: skip


def test_some_weeks_are_no_year_and_one_year_shows_no_spread() -> None:
    costs = {"no-control": 1000.0, "rule": 700.0}
    weeks, _ = told(costs, None, hours=336)
    assert weeks.deploy == "rule"
    assert weeks.cards[0].value == "S/ 300 less in 336 h"
    assert weeks.cards[1].value == "It is this one"
    assert weeks.cards[3].note == "There is no optimum to measure by."
    assert weeks.caveats[0].startswith("336 hours were judged: no sum here is one of a year")
    whole, _ = told(costs, None)
    assert whole.caveats[0].startswith("The year that was judged holds weeks of the training")
    assert whole.cards[0].note.endswith("How certain is not known: there is no interval over test years.")


def test_what_weighs_most_is_said_first_and_no_more_than_three() -> None:
    power = two_prices(example=True, demand=[{"name": "power", "pen_per_kw_month": 30.0}])
    control = {"departure_guard": False, "forecast": "perfect"}
    found, _ = told({"no-control": 1000.0, "rule": 700.0}, tariff=power, control=control)
    assert [said.split(":")[0].split(" is OFF")[0] for said in found.caveats] == [
        "FOR ABLATION ONLY", "The departure guard", "The year that was judged holds weeks of the training"
    ]  # fmt: skip
    assert any(said.startswith("EXAMPLE PRICES") for said in found.more)
    assert any("demand charges" in said for said in found.more)


def test_refused_data_get_no_recommendation_but_the_first_fix() -> None:
    finding = Finding(
        rule="night", severity="error", source="weather.csv", column="ghi", observed="3", limit="0",
        message="light at night.", cause="shifted clock.", fix="set the time zone.", n_hours=3,
    )  # fmt: skip
    quality = QualityReport(scenario="tiny", canonical_digest="c", rules=("night",), findings=(finding,))
    found, _ = told({"no-control": 1000.0, "rule": 700.0}, quality=quality)
    assert (found.verdict, found.deploy, found.cards) == ("refused", None, ())
    assert found.detail == "1 error, 0 warnings from 1 rules. First fix: set the time zone."


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ((("training helped", True), ("training added nothing", False)),
         "Training helped SAC (1 of 2 agents). Better than the rule: SAC."),
        ((("training added nothing", False),) * 2,
         "Training added nothing certain to SAC and PPO. None beats the rule for certain."),
        ((("can not be told", False),), "Whether training helped SAC can not be told"),
        ((), "Did training help? No trained agent was judged."),
    ],
)  # fmt: skip
def test_whether_training_helped_is_one_line(outcomes: tuple[Any, ...], said: str) -> None:
    names: tuple[Literal["sac", "ppo"], ...] = ("sac", "ppo")
    verdicts = tuple(
        TrainingVerdict(agent=agent, outcome=outcome, difference=0.0, interval=None, beats_rule=beats,
                        co2_difference_kg=0.0, sentence="")
        for agent, (outcome, beats) in zip(names, outcomes, strict=False)
    )  # fmt: skip
    found, _ = told({"no-control": 1000.0, "rule": 700.0}, verdicts=verdicts)
    assert found.training.startswith(said)
    assert "began as" not in found.training
    training = {"sac": SimpleNamespace(best_steps=0), "ppo": SimpleNamespace(best_steps=10)}
    found, _ = told({"no-control": 1000.0, "rule": 700.0}, verdicts=verdicts, training=training)
    assert ("Learning added nothing to what SAC began as" in found.training) == bool(verdicts)


def test_the_investment_is_told_where_it_is_declared() -> None:
    economics = {"investment_pen": 1000.0, "life_years": 2, "discount_rate": 0.2}
    costs = {"no-control": 1000.0, "rule": 600.0}
    # 400 PEN a year: 1,000 / 400 years; 400 / 1.2 + 400 / 1.44 - 1,000.
    assert worth_sentence(told(costs, economics=economics)[1], WORDS) == (
        "The declared investment of 1,000 PEN is paid back after 2.5 years; over 2 years at 20 % its net present value "
        "is -389 PEN."
    )
    assert worth_sentence(told(costs)[1], WORDS) == ""
    weeks = told(costs, hours=336, economics=economics)[1]
    assert worth_sentence(weeks, WORDS) == "What the declared investment is worth asks for whole years (profile full)."
    with pytest.raises(ValueError, match="together"):
        settings(economics={"investment_pen": 1000.0})
