"""The money section: what is said of savings, by hand, on reports that hold nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pvbesscar.report.money import Money, money
from schemas.results import (
    ControllerResult,
    EvaluationReport,
    Interval,
    OptimumResult,
    ScenarioResult,
    ScoreTerms,
    SetEntry,
    SetResult,
)
from tests.builders import two_prices
from tests.controllers.plants import settings

NAMES = ("no-control", "rule", "mpc")


def terms(cost_pen: float) -> ScoreTerms:
    return ScoreTerms(co2_kg=1.0, solar_kwh=1.0, cost_pen=cost_pen, ev_short_kwh=0.0, ramping_kwh=1.0)


def year(name: str, costs: tuple[float, float, float], optimum_pen: float | None = None) -> ScenarioResult:
    ranking = tuple(
        ControllerResult(
            controller=controller, kind="baseline", hours=8760, score=1.0, mean_reward=-1.0, reward_std=0.0,
            terms=terms(cost), gap_closed=None, captured_share=None, kpis={}, ev_kwh=0.0, charge_kwh=0.0,
            discharge_kwh=0.0, departures=0, departures_met=0, infeasible=0, ledger_sha256="",
        )
        for controller, cost in zip(NAMES, costs, strict=True)
    )  # fmt: skip
    optimum = None
    if optimum_pen is not None:
        optimum = OptimumResult(mode="dispatch", bound=0.1, replay=0.1, terms=terms(optimum_pen))
    return ScenarioResult(
        scenario=name, simulator="twin", digest="d", judged_on=("year",), reference=terms(1.0), optimum=optimum,
        ranking=ranking,
    )  # fmt: skip


def told(
    tests: list[tuple[float, float, float]], optimum_pen: float, intervals: dict[str, Interval],
    judged_on: tuple[str, ...] = ("year",), co2_kg: float = 1.0, **sections: Any,
) -> Money:  # fmt: skip
    nominal = year("nominal", (1000.0, 700.0, 600.0), optimum_pen)
    cheap = nominal.ranking[-1].model_copy(update={"terms": terms(600.0).model_copy(update={"co2_kg": co2_kg})})
    nominal = nominal.model_copy(update={"judged_on": judged_on, "ranking": (*nominal.ranking[:-1], cheap)})
    entry = SetEntry(
        controller="mpc", kind="baseline", mean_score=1.0, score_interval=None, gap_closed=None, gap_interval=None,
        captured_share=None, against_rule=0.0, against_rule_interval=None, mean_terms=terms(1.0),
        saving_intervals=intervals,
    )  # fmt: skip
    years = [year(f"test-{index}", costs) for index, costs in enumerate(tests)]
    names = tuple(one.scenario for one in years)
    of_tests = SetResult(
        name="test", scenarios=names, source_weeks=12, mean_bound=None, mean_replay=None, mean_reference=terms(1.0),
        entries=(entry,),
    )  # fmt: skip
    sets = (of_tests,) if years else ()
    report = EvaluationReport(
        scenario="tiny", profile="full", mode="dispatch", guard=True, forecast="causal", dataset_digest="d",
        scenarios=(nominal, *years), sets=sets, missing={},
    )  # fmt: skip
    inputs: Any = SimpleNamespace(evaluation=report, settings=settings(**sections), ledger=lambda *_: None)
    found = money(inputs)
    assert found is not None
    return found


def test_a_saving_in_every_test_year_is_certain() -> None:
    found = told([(1000.0, 700.0, 600.0), (1100.0, 800.0, 690.0), (900.0, 590.0, 500.0)], 550.0,
                 {"no-control": (400.0, 410.0), "rule": (90.0, 110.0)})  # fmt: skip
    assert found.paid == "With mpc, the cheapest controller that a site can have, the site pays 600 PEN a year."
    none, rule = found.cards
    assert (none.against, none.amount, none.certainty) == (
        "a battery that is never used (no-control)", "403 PEN less a year", "certain"
    )  # fmt: skip
    assert none.why == "between 400 and 410 PEN less; mean of 3 test years, 95 % interval over their weeks"
    assert (rule.against, rule.amount) == ("the rule of a site with a battery (rule)", "100 PEN less a year")
    assert found.sentences == (
        "Against the rule its J is 0; worse in no term.",
        "With perfect knowledge of the year the optimum of J would save 50 PEN more.",
    )
    assert found.short == (
        "With mpc, the cheapest controller that a site can have, the site pays 600 PEN a year. 403 PEN less a year "
        "than with a battery that is never used (no-control) (certain); 100 PEN less a year than with the rule of a "
        "site with a battery (rule) (certain)."
    )


def test_a_saving_that_hangs_on_the_year_is_not() -> None:
    found = told([(1000.0, 700.0, 600.0), (1000.0, 700.0, 790.0), (1000.0, 700.0, 690.0)], 640.0,
                 {"no-control": (200.0, 410.0), "rule": (-90.0, 100.0)})  # fmt: skip
    assert found.cards[1].certainty == "NOT certain"
    assert found.cards[1].why.startswith("it can be 90 PEN more as well as 100 PEN less; mean of 3 test years")
    assert found.sentences[1].startswith("The optimum of J pays 40 PEN more than mpc: J weighs other things")


def test_one_year_shows_no_spread_and_the_investment_is_told_where_it_is_declared() -> None:
    economics = {"investment_pen": 1000.0, "life_years": 2, "discount_rate": 0.2}
    found = told([], 550.0, {}, economics=economics, tariff=two_prices(example=True))
    assert [card.certainty for card in found.cards] == ["not known", "not known"]
    # 400 PEN a year: 1,000 / 400 years; 400 / 1.2 + 400 / 1.44 - 1,000.
    assert found.sentences[-1] == (
        "The declared investment of 1,000 PEN is paid back after 2.5 years; over 2 years at 20 % its net present value "
        "is -389 PEN."
    )
    assert found.caveats[0].startswith("EXAMPLE PRICES")
    assert not any("do not add up" in said for said in found.caveats)
    with pytest.raises(ValueError, match="together"):
        settings(economics={"investment_pen": 1000.0})


def test_an_interval_on_a_tariff_of_power_says_what_it_leaves_out() -> None:
    power = two_prices(demand=[{"name": "power", "pen_per_kw_month": 30.0}])
    found = told([(1000.0, 700.0, 600.0)] * 2, 550.0, {"no-control": (390.0, 410.0)}, tariff=power)
    assert any("demand charges do not add up over weeks" in said for said in found.caveats)


def test_the_cheapest_is_told_with_what_it_does_worse_and_some_weeks_are_no_year() -> None:
    economics = {"investment_pen": 1000.0, "life_years": 2, "discount_rate": 0.2}
    found = told([], 550.0, {}, judged_on=("wet", "dry"), co2_kg=1.5, economics=economics)
    assert found.paid.endswith("the site pays 600 PEN on wet, dry, which is no year.")
    assert found.sentences[0] == "Against the rule its J is 0; worse: CO2 +0.5 kg a year (+50.0 %)."
    assert [card.certainty for card in found.cards] == ["not known", "not known"]
    assert found.sentences[-1] == "What the declared investment is worth asks for whole years (profile full)."
