"""The tables that say what a bill leaves to win, and how far ahead the rolling program must look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pvbesscar.controllers.baselines import Rule
from pvbesscar.controllers.bill import least_cost_pen
from pvbesscar.controllers.optimum import PlannedController, solve
from pvbesscar.plant.data import PlantData
from tests.builders import two_prices
from tests.controllers.plants import course
from tools.docs import horizons
from tools.docs.evaluation import spread

POWER = two_prices(0.5) | {
    "source": "made up for a test",
    "demand": [{"name": "peak", "hours": [(18, 23)], "pen_per_kw_month": 20.0}],
}


def days(seed: int) -> PlantData:
    bess = {"capacity_kwh": 2000.0, "power_kw": 700.0}
    return course(10, seed, mode="bidirectional", tariff=POWER, bess=bess)


def table(text: str, head: str) -> dict[str, list[str]]:
    """Rows of the table with such a head, by their first cell."""
    lines = text.partition(f"| {head} |")[2].split("\n\n")[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {first: rest for first, *rest in cells}


def test_the_bill_alone_is_shared_out_between_its_parts() -> None:
    data = days(4)
    least = least_cost_pen(data)
    costs = {"rule": least + 1000.0, "mpc": least + 600.0, "mpc-perfect-day": least + 100.0}
    ranking = [SimpleNamespace(controller=name, terms=SimpleNamespace(cost_pen=pen)) for name, pen in costs.items()]
    judged: Any = SimpleNamespace(ranking=ranking)
    text = spread(data, judged)
    won = table(text, "controller")
    assert [won[name][1] for name in ("least cost, bound", *costs)] == ["100.0 %", "0.0 %", "40.0 %", "90.0 %"]
    worth = table(text, "what")
    assert worth["from the rule to the least cost"] == ["1,000", "100.0 %"]
    assert worth["forecast: mpc less mpc-perfect-day"] == ["500", "50.0 %"]
    # Eight sockets have little to win, and can not lose.
    (sockets,) = (row for what, row in worth.items() if what.startswith("sockets: "))
    assert 0.0 <= float(sockets[0]) < 100.0


def test_horizons_are_judged_between_rule_and_bound() -> None:
    data = days(4)
    judge = horizons.Judge(data)
    assert judge.run(Rule()).gap_closed == 0.0
    assert judge.run(PlannedController(solve(data).plan)).gap_closed == pytest.approx(1.0, abs=0.01)
    found = horizons.measure([days(1), days(2)], data, (24,))
    perfect, causal = found[24]
    assert 0.5 < perfect.gap_closed <= 1.0
    assert causal.gap_closed < perfect.gap_closed
    rows = table(horizons.section(found, "ten days"), "hours ahead")
    assert rows["24"][:2] == [f"{perfect.gap_closed:.1%}".replace("%", " %"), f"{perfect.cost_pen:,.0f}"]
