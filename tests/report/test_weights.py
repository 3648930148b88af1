"""What hangs on the weights, and the departure guard off: sentences, tables and figure say what was found."""

from __future__ import annotations

from typing import Any

import pytest

from pvbesscar.evaluation.front import weighted
from pvbesscar.report.figures import trade_off_figure
from pvbesscar.report.tables import Table
from pvbesscar.report.weights import service_section, weights_section
from pvbesscar.words import words_in
from schemas.results import ScoreTerms
from schemas.settings import WeightSettings
from schemas.trade_offs import EvTerm, OptimumUnder, ScoreUnder, ServiceUnder, Sweep, TradeOffs, Weighting

OWN = WeightSettings()
WORDS = words_in("en")


def made(co2: float, cost: float, ramping: float) -> ScoreTerms:
    return ScoreTerms(co2_kg=co2, solar_kwh=10.0, cost_pen=cost, ev_short_kwh=0.0, ramping_kwh=ramping)


CONTROLLERS = {"rule": made(500.0, 110.0, 900.0), "mpc": made(501.0, 130.0, 700.0), "no-control": made(2e3, 400.0, 1e3)}


def optimum(name: str, sweep: Sweep, terms: ScoreTerms) -> OptimumUnder:
    weights = weighted(**{sweep: 1.0}, grid_stability=1.0) if sweep != "weighting" else OWN
    return OptimumUnder(name=name, sweep=sweep, weights=weights, bound=0.1, replay=0.11, terms=terms)


def weighting(name: str, weights: WeightSettings, **scores: float) -> Weighting:
    own = {name.replace("_", "-"): value for name, value in scores.items()}
    winners = tuple(n for n in own if own[n] == min(v for k, v in own.items() if k != "mpc-perfect-day"))
    told = tuple(ScoreUnder(controller=n, score=value) for n, value in own.items())
    return Weighting(name=name, weights=weights, winners=winners, scores=told, bound=0.2)


FOUND = TradeOffs(
    optima=(
        optimum("as set", "weighting", made(499.0, 120.0, 650.0)),
        optimum("cost 0.6", "cost", made(499.0, 125.0, 600.0)),
        optimum("cost 0.99", "cost", made(499.0, 100.0, 800.0)),
        optimum("CO2 0.6", "co2", made(499.4, 125.0, 600.0)),
        optimum("CO2 0.99", "co2", made(499.0, 125.0, 610.0)),
    ),
    weightings=(
        weighting("as set", OWN, rule=0.35, mpc=0.34, mpc_perfect_day=0.33),
        weighting("cost alone", weighted(cost=1.0), rule=0.27, mpc=0.28, mpc_perfect_day=0.29),
    ),
    oracles=("mpc-perfect-day",),
    co2_cost_over_controllers=0.99983,
    co2_cost_without_no_control=0.6607,
    co2_cost_over_hours=None,
)


def texts(table: Table) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row.cells) for row in table.rows]


def test_who_wins_is_said_for_each_weighting() -> None:
    section = weights_section(FOUND, CONTROLLERS, WORDS)
    assert section is not None
    first, tuned, correlated, bought, hardly = section.sentences
    assert first.startswith("The weights are a choice, and who wins hangs on it. as set: mpc; cost alone: rule.")
    assert "mpc-perfect-day is told hours to come and wins nothing" in first
    assert "tuned and trained for the weights as set" in tuned
    assert correlated == (
        "CO2 and cost correlate: 0.9998 over the controllers; "
        "0.6607 over those that are not no-control, which lies far off."
    )
    assert bought == (
        "Less ramping is paid for with cost: perfect foresight takes ramping from 800 to 600 kWh, and cost from 100 to "
        "125 PEN (+25.0 %)."
    )
    assert (
        hardly
        == "CO2 and ramping hardly trade: over its front ramping goes from 610 to 600 kWh, CO2 from 499 to 499 kg."
    )
    who, points = section.tables
    assert texts(who)[1] == ("cost alone", "0 / 0 / 1 / 0 / 0", "rule", "0.27000", "0.27000", "0.20000", "0.29000")
    assert who.columns[-1] == "J of mpc-perfect-day, told the future"
    assert texts(points)[0] == (
        "optimum, as set",
        "0.5 / 0.2 / 0.15 / 0.1 / 0.05",
        "0.10000",
        "0.11000",
        "499",
        "120",
        "650",
    )
    assert texts(points)[-1] == ("no-control", "", "", "", "2,000", "400", "1,000")
    assert all(len(row.cells) == len(table.columns) for table in section.tables for row in table.rows)


def test_a_plan_that_another_one_beats_is_not_on_the_front() -> None:
    beaten = optimum("cost 0.4", "cost", made(499.0, 126.0, 700.0))
    found = FOUND.model_copy(update={"optima": (*FOUND.optima, beaten)})
    assert [point.name for point in found.front("cost")] == ["cost 0.6", "cost 0.99"]
    section = weights_section(found, CONTROLLERS, WORDS)
    assert section is not None
    assert "optimum, cost 0.4" in [row[0] for row in texts(section.tables[1])]


def test_one_winner_and_no_optimum_are_said_too() -> None:
    alone = FOUND.model_copy(
        update={"optima": (), "refused": "losses.", "weightings": FOUND.weightings[:1], "oracles": ()}
    )
    section = weights_section(alone, CONTROLLERS, WORDS)
    assert section is not None
    assert section.sentences[0].startswith("The weights are a choice, and here another one finds the same winner.")
    assert "There is no optimum to draw a front of: losses." in section.sentences
    assert weights_section(None, {}, WORDS) is None


def test_the_figure_names_what_it_leaves_out() -> None:
    figure = trade_off_figure(FOUND, CONTROLLERS, WORDS)
    assert "cost against ramping. Perfect foresight: 125 PEN, 600 kWh; 100 PEN, 800 kWh." in figure.alt
    assert (
        "Controllers: rule 110 PEN, 900 kWh; mpc 130 PEN, 700 kWh; too far off to be drawn: no-control 400 PEN"
        in figure.alt
    )
    assert ">rule<" in figure.svg
    assert ">no-control<" not in figure.svg


def term(**changes: Any) -> EvTerm:
    def row(controller: str, guard: bool, met: int, short: float) -> ServiceUnder:
        return ServiceUnder(
            controller=controller, guard=guard, score=0.3, departures=50, departures_met=met, ev_short_kwh=short
        )

    rows = (
        row("rule", True, 50, 0.0),
        row("rule", False, 50, 0.0),
        row("sac", True, 50, 0.0),
        row("sac", False, 7, 99.5),
    )
    return EvTerm(
        guard=True, unavoidable_kwh=0.0, largest_kwh=0.0021, largest_of="rule", tolerance_kwh=42.5,
        largest_in_j=9.5e-10, windows=("wet", "dry"), windows_unavoidable_kwh=0.0, rows=rows,
    ).model_copy(update=changes)  # fmt: skip


def test_a_term_that_does_nothing_is_named() -> None:
    section = service_section(term(), OWN, WORDS)
    assert section is not None
    inactive, table, who = section.sentences
    assert inactive == (
        "With the departure guard the EV term is inactive: rule is short of most, 0.0021 kWh, and departures that "
        "still count as met may be short of 42.5 kWh. It adds at most 9.5e-10 to J: the weight of 0.1 tells no "
        "controller from another."
    )
    assert table.endswith("Agents were trained, and other controllers fitted, with the guard on.")
    assert who == "Who needs the guard: sac meets 50 of 50 departures with it, 7 without."
    assert texts(section.tables[0])[1] == ("sac", "50 of 50", "0.0", "0.30000", "7 of 50", "99.5", "0.30000")
    assert service_section(None, OWN, WORDS) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"largest_kwh": 60.0}, "With the departure guard the EV term is active: rule is short of most, 60.0000 kWh"),
        ({"guard": False}, "Without the departure guard the EV term is inactive"),
        ({"unavoidable_kwh": 3.0}, "0.0021 kWh beside the 3.0 kWh that no power could meet"),
        ({"windows_unavoidable_kwh": 1.03}, "Of each shortfall there 1.0 kWh could be averted by no power"),
        ({"rows": term().rows[:2]}, "No controller meets fewer departures without the guard."),
    ],
)
def test_what_else_the_term_may_be_is_said(changes: dict[str, Any], words: str) -> None:
    section = service_section(term(**changes), OWN, WORDS)
    assert section is not None
    assert words in " ".join(section.sentences)
