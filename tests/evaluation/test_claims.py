"""What is said of controllers, on ledgers worked out by hand: every term that is worse, and the gap if it is open."""

from __future__ import annotations

import pytest

from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.claims import (
    changes,
    comparisons,
    gap_words,
    nothing_open,
    open_of,
    percent,
    price,
    signed,
)
from pvbesscar.evaluation.kpis import gap_closed
from pvbesscar.evaluation.tables import as_markdown, gap_rows, ranking_rows, set_rows, set_title
from schemas.results import EvaluationReport, ScenarioResult, ScoreTerms
from tests.evaluation.hand_made import REFERENCE, ledger, scenario

# J of the rule: 0.5 * 120/300 + 0.15 * 45/90 + 0.05 * 9/15 = 0.2 + 0.075 + 0.03 = 0.305
RULE = ledger("rule", 120.0, cost_pen=45.0, ramping_kwh=9.0)
# 0.2 + 0.15 * 48/90 + 0.05 * 3/15 = 0.2 + 0.08 + 0.01 = 0.29
PLAN = ledger("optimum", 120.0, cost_pen=48.0, ramping_kwh=3.0)
# 0.5 * 121.2/300 + 0.15 * 46.8/90 + 0.05 * 4.5/15 = 0.202 + 0.078 + 0.015 = 0.295
SAC = ledger("sac", 121.2, cost_pen=46.8, ramping_kwh=4.5)
# 0.5 * 126/300 + 0.15 * 42/90 + 0.05 * 12/15 = 0.21 + 0.07 + 0.04 = 0.32
PPO = ledger("ppo", 126.0, cost_pen=42.0, ramping_kwh=12.0)
IDLE = ledger("no-control", 300.0, solar_kwh=60.0, cost_pen=90.0, ramping_kwh=15.0)
BOUND = 0.285


def judged(bound: float = BOUND) -> ScenarioResult:
    controllers = {
        "no-control": ("baseline", IDLE), "rule": ("baseline", RULE), "sac": ("agent", SAC), "ppo": ("agent", PPO),
        "constant-1": ("constant", RULE), "mpc": ("baseline", RULE),
    }  # fmt: skip
    return scenario(bound, controllers, PLAN)


def by_name(own: ScenarioResult) -> dict[str, float | None]:
    return {result.controller: result.gap_closed for result in own.ranking}


def test_the_gap_closed_is_measured_from_the_rule() -> None:
    # Open is 0.305 - 0.285 = 0.02, of which sac wins 0.01 and ppo loses 0.015.
    gaps = by_name(judged())
    assert gaps["sac"] == pytest.approx(0.5)
    assert gaps["ppo"] == pytest.approx(-0.75)
    assert gaps["rule"] == 0.0
    assert gaps["no-control"] == pytest.approx((0.305 - 0.9) / 0.02)
    # The share of what is won over no control stays beside it.
    captured = {result.controller: result.captured_share for result in judged().ranking}
    assert captured["sac"] == pytest.approx((0.9 - 0.295) / (0.9 - 0.285))


def test_over_years_it_is_the_ratio_of_the_means() -> None:
    # The rule has 0.305 in both years and sac 0.295; the bounds are 0.285 and 0.289, so 0.02 and 0.016 are open.
    years = [judged(), judged(0.289)]
    own = set_result("test", years)
    sac = next(entry for entry in own.entries if entry.controller == "sac")
    assert sac.gap_closed == pytest.approx(0.01 / ((0.02 + 0.016) / 2.0))
    assert sac.gap_closed != pytest.approx((0.01 / 0.02 + 0.01 / 0.016) / 2.0, abs=1e-3)
    assert sac.captured_share == pytest.approx((0.9 - 0.295) / (0.9 - 0.287))
    assert sac.against_rule == pytest.approx(-0.01)
    assert sac.mean_terms.cost_pen == pytest.approx(46.8)
    assert (own.mean_bound, own.mean_replay) == (pytest.approx(0.287), pytest.approx(0.29))
    assert (sac.gap_interval, own.source_weeks) == (None, None)


@pytest.mark.parametrize(
    ("rule_j", "bound", "replay"),
    [(0.3 + 5e-7, 0.3, 0.3), (0.3002, 0.3, 0.3003), (0.3, 0.3, 0.3), (0.3, 0.30001, 0.30001)],
    ids=["below what a float resolves", "below the gap of the replayed plan", "no gap at all", "below the bound"],
)
def test_where_nothing_is_open_there_is_no_share(rule_j: float, bound: float, replay: float) -> None:
    assert gap_closed(rule_j, 0.31, bound, replay) is None
    assert gap_closed(0.31, 0.305, 0.3, 0.3) == pytest.approx(0.5)
    assert gap_closed(None, 0.305, 0.3, 0.3) is None
    assert gap_closed(0.31, 0.305, None, None) is None


def test_nothing_open_is_said_in_every_place() -> None:
    # The plan replayed is as far above the bound as the rule: whether the plant can do better is not known.
    own = scenario(0.3, {"rule": ("baseline", RULE), "sac": ("agent", SAC), "no-control": ("baseline", IDLE)}, RULE)
    assert nothing_open(own)
    assert gap_words(own, None) == "nothing open"
    assert {row[1] for row in ranking_rows(own)[1]} == {"nothing open", ""}
    assert comparisons(own)[0].endswith("nothing is open between the rule and J*.")
    over = set_result("test", [own, own])
    assert {row[1] for row in set_rows(over)[1]} == {"nothing open"}
    no_optimum = scenario(None, {"rule": ("baseline", RULE), "no-control": ("baseline", IDLE)})
    assert not nothing_open(no_optimum)
    assert gap_words(no_optimum, None) == "none"


def test_a_better_one_is_said_with_every_term_that_is_worse_cost_first() -> None:
    said = comparisons(judged())
    assert said[0] == (
        "sac is better than rule by J (-0.0100); worse: cost +1.8 PEN in 2 h (+4.0 %), CO2 +1.2 kg in 2 h (+1.0 %); "
        "it closes 50.0 % of the gap from rule to J*."
    )
    assert said[1] == (
        "ppo is worse than rule by J (+0.0150); better: cost -3.0 PEN in 2 h (-6.7 %); it closes -75.0 % of the gap "
        "from rule to J*."
    )
    # Equal ones (constant-1, mpc) are in no sentence, and nobody is compared with no control.
    assert len(said) == 2
    assert not any("no-control" in text or "captured" in text for text in said)


def test_no_term_is_worse_where_none_is() -> None:
    totals = ScoreTerms(co2_kg=100.0, solar_kwh=0.0, cost_pen=40.0, ev_short_kwh=0.0, ramping_kwh=8.0)
    assert (
        price(totals, totals.model_copy(update={"co2_kg": 110.0}), REFERENCE, 8760, better=True) == "worse in no term"
    )
    lost = totals.model_copy(update={"ev_short_kwh": 0.5, "cost_pen": 47_748.0})
    cost, service = changes(lost, totals, REFERENCE, 8760, worse=True)
    assert cost == "cost +47,708 PEN a year (+119,270.0 %)"
    assert service == "energy short at departure +0.5 kWh a year"


def test_a_term_below_its_resolution_is_not_worse() -> None:
    base = ScoreTerms(co2_kg=840_801.0, solar_kwh=1.0, cost_pen=1.0, ev_short_kwh=0.0, ramping_kwh=1.0)
    scale = base.model_copy(update={"ev_short_kwh": 220_000.0})
    hair = base.model_copy(update={"co2_kg": base.co2_kg + 0.8, "ev_short_kwh": 0.002})
    assert changes(hair, base, scale, 8760, worse=True) == []
    more = base.model_copy(update={"co2_kg": base.co2_kg + 0.9})
    assert changes(more, base, scale, 8760, worse=True) == ["CO2 +0.9 kg a year (+0.0001 %)"]


def test_the_gap_is_told_term_by_term_and_adds_up() -> None:
    # Of 0.02: ramping 0.05 * 6/15 = +0.02, cost 0.15 * -3/90 = -0.005, and 0.29 - 0.285 from the plan to the bound.
    own = judged()
    parts = {part.term: part.contribution for part in own.gap_parts}
    assert parts["ramping_kwh"] == pytest.approx(0.02)
    assert parts["cost_pen"] == pytest.approx(-0.005)
    assert parts["co2_kg"] == parts["solar_kwh"] == parts["ev_short_kwh"] == 0.0
    assert own.optimum is not None
    assert sum(parts.values()) + own.optimum.replay - own.optimum.bound == pytest.approx(open_of(own), abs=1e-12)
    table = gap_rows(own)
    assert table is not None
    rows = {row[0]: row[1:] for row in table[1]}
    assert rows["cost, PEN"] == ("45", "48", "+3", "-0.00500")
    assert rows["plan replayed to bound J*"][-1] == "+0.00500"
    assert rows["J(rule) - J*"][-1] == "+0.02000"


def test_the_page_of_tables_has_headline_parts_and_sentences() -> None:
    own = judged()
    report = EvaluationReport(
        scenario="site", profile="full", mode="dispatch", guard=True, forecast="causal", dataset_digest="0",
        scenarios=(own,), sets=(), missing={},
    )  # fmt: skip
    text = as_markdown(report)
    assert "| controller | gap closed | gap, 95 % | J | captured |" in text
    assert "| sac | 50.0 % |  | 0.29500 | 98.37 % | 121 | 0 | 47 | 0.0 | 4 |" in text
    assert "Where the gap from rule to J* comes from:" in text
    assert "sac is better than rule by J (-0.0100); worse: cost" in text
    years = set_result("test", [own, own])
    assert set_title(years) == "2 test years"
    assert set_title(years.model_copy(update={"source_weeks": 13})) == "2 test years, resampled from 13 source weeks"


def test_numbers_are_written_with_their_signs() -> None:
    assert (signed(9e-7), signed(-2e-6), signed(0.01)) == ("0", "-2.0e-06", "+0.0100")
    assert (percent(-0.0001), percent(None), percent(0.98765, 2)) == ("0.0 %", "none", "98.77 %")
