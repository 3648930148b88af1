"""Every score of the weights' tables in docs/evaluation.md is made again from the terms that are kept beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIELDS = ("co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh")
CASES: list[dict[str, Any]] = json.loads((DOCS / "weights.json").read_text(encoding="utf-8"))
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['scenario']}-{case['mode']}")


def part_of(case: dict[str, Any]) -> str:
    """Text of the page about one case."""
    part = (DOCS / "evaluation.md").read_text(encoding="utf-8").split("<!-- weights:")[1]
    head = f"`{case['scenario']}`, mode `{case['mode']}`, year; dataset `{case['dataset_digest'][:12]}`"
    return head + part.split(head)[1].split("\n`iquitos")[0]


@by_case
def test_scores_winners_and_plans_are_made_of_their_terms(case: dict[str, Any]) -> None:
    text = part_of(case)

    def score(terms: dict[str, float], weights: dict[str, float]) -> float:
        pairs = zip(FIELDS, weights.values(), strict=True)
        return sum(weight * terms[name] / case["reference"][name] for name, weight in pairs)

    for own in case["trade_offs"]["weightings"]:
        scores = {name: score(terms, own["weights"]) for name, terms in case["controllers"].items()}
        assert {s["controller"]: s["score"] for s in own["scores"]} == pytest.approx(scores, rel=1e-12)
        able = {name: value for name, value in scores.items() if name not in case["trade_offs"]["oracles"]}
        winners = [name for name, value in able.items() if value - min(able.values()) < 1e-6]
        row = next(line for line in text.splitlines() if line.startswith(f"| {own['name']} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        bound = f"{own['bound']:.5f}"
        assert cells[2:6] == [", ".join(winners), f"{min(able.values()):.5f}", f"{scores['rule']:.5f}", bound]
        assert own["bound"] <= min(scores.values())
    for point in case["trade_offs"]["optima"]:
        assert point["replay"] == pytest.approx(score(point["terms"], point["weights"]), rel=1e-12)
        terms = " | ".join(f"{point['terms'][name]:,.0f}" for name in ("co2_kg", "cost_pen", "ramping_kwh"))
        assert f"| {point['bound']:.5f} | {point['replay']:.5f} | {terms} |" in text


@by_case
def test_the_ev_term_is_called_inactive_where_it_is(case: dict[str, Any]) -> None:
    found, text = case["ev_term"], part_of(case)
    worst = max(case["controllers"], key=lambda name: case["controllers"][name]["ev_short_kwh"])
    assert found["largest_of"] == worst
    assert found["largest_kwh"] == case["controllers"][worst]["ev_short_kwh"] - found["unavoidable_kwh"]
    inactive = found["largest_kwh"] <= found["tolerance_kwh"]
    assert f"the EV term is {'inactive' if inactive else 'active'}: {worst} is short of most" in text
    assert f"{found['largest_kwh']:.4f} kWh" in text
    for row in found["rows"]:
        assert f"{row['departures_met']:,} of {row['departures']:,} | {row['ev_short_kwh']:,.1f} |" in text
