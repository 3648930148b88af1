"""The optimum: worked out on paper, replayed, grouped without loss, and refused where it does not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pvbesscar.controllers import stretch_program
from pvbesscar.controllers.baselines import NoControl
from pvbesscar.controllers.demand import exact
from pvbesscar.controllers.optimum import PlannedController, solve
from pvbesscar.controllers.program import Builder, dual_bound, solve_lp
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.controllers.vehicles import Groups, grouped, split
from pvbesscar.evaluation.score import terms
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from schemas.errors import ControllerError, SimulationError
from schemas.settings import Mode
from tests.builders import two_prices
from tests.controllers.plants import course, judged, plant, random_plant

HALF_CO2_HALF_COST = {"co2": 0.5, "solar": 0.0, "cost": 0.5, "ev_service": 0.0, "grid_stability": 0.0}
PEAK_IN_HOUR_2 = two_prices(hours=(2, 3))
NEED = 0.4 * 3.5 / 0.95


def three_hours(mode: Mode) -> PlantData:
    """400 kWh of surplus, then 600 kWh missing at 0.28 PEN, then 600 kWh missing at 0.45 PEN; one moto stays."""
    return plant(
        [900.0, 0.0, 0.0], [500.0, 600.0, 600.0], [(0, 0, 3, 0.5)], mode,
        weights=HALF_CO2_HALF_COST, tariff=PEAK_IN_HOUR_2,
    )  # fmt: skip


def test_three_hours_on_paper_in_dispatch() -> None:
    # All surplus is stored and 0.9 of it comes back at the high price. The moto's 1.47 kWh wait for hour 1: a kWh at
    # 0.28 PEN costs less than the 0.9 kWh at 0.45 that it would take from the store. No control buys 1,200 kWh for 438.
    back = 0.9 * 400.0
    expected = 0.5 * (1200.0 + NEED - back) / 1200.0 + 0.5 * ((600.0 + NEED) * 0.28 + (600.0 - back) * 0.45) / 438.0
    found = solve(three_hours("dispatch"))
    assert found.reference.co2_kg == pytest.approx(1200.0 * 0.4521)
    assert found.reference.cost_pen == pytest.approx(438.0)
    assert found.j == pytest.approx(expected, abs=1e-6)
    assert found.j - 1e-4 < found.bound <= found.j
    assert found.plan.bess_kw == pytest.approx([400.0, 0.0, -back], abs=1e-3)
    assert found.plan.socket_kw[:, 0] == pytest.approx([0.0, NEED, 0.0], abs=1e-5)


def test_three_hours_on_paper_in_bidirectional() -> None:
    # A kWh bought at 0.28 saves 0.9 kWh at 0.45: that gains 0.125 PEN of 438 and costs 0.1 kWh of 1,200, so hour 2 is
    # supplied from the battery alone: 600 / 0.9 kWh into it, 400 kWh of surplus, the rest and the moto from the grid.
    bought = 600.0 + 600.0 / 0.9 + NEED - 400.0
    expected = 0.5 * bought / 1200.0 + 0.5 * bought * 0.28 / 438.0
    found = solve(three_hours("bidirectional"))
    assert found.j == pytest.approx(expected, abs=1e-6)
    assert found.bound <= found.j
    assert found.plan.bess_kw[2] == pytest.approx(-600.0, abs=1e-3)


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_the_three_hours_replayed_are_the_optimum(mode: Mode) -> None:
    data = three_hours(mode)
    found = solve(data)
    assert judged(data, PlannedController(found.plan), found.reference) == pytest.approx(found.j, abs=2e-6)


def test_ramps_on_paper() -> None:
    # Only ramps count. Charging x in hour 0 and giving back 0.9 x in hour 1 levels 100, 300, 100 at x = 200 / 1.9; what
    # hour 2 lacks to that level is charged. In `dispatch` an empty battery without surplus can do nothing.
    only_ramps = {"co2": 0.0, "solar": 0.0, "cost": 0.0, "ev_service": 0.0, "grid_stability": 1.0}
    level = solve(plant([0.0] * 3, [100.0, 300.0, 100.0], mode="bidirectional", weights=only_ramps))
    assert level.reference.ramping_kwh == pytest.approx(400.0)
    assert level.j == pytest.approx(0.0, abs=1e-6)
    assert level.plan.bess_kw == pytest.approx([200 / 1.9, -0.9 * 200 / 1.9, 200 / 1.9], abs=1e-3)
    nothing = solve(plant([0.0] * 3, [100.0, 300.0, 100.0], weights=only_ramps))
    assert nothing.j == pytest.approx(1.0, abs=1e-6)


def test_what_can_not_be_met_is_a_constant() -> None:
    # A mototaxi needs 0.8 * 10 / 0.95 kWh in one hour of 3.5 kW.
    found = solve(plant([0.0] * 3, [10.0] * 3, [(4, 1, 2, 0.1)]))
    short = 0.8 * 10.0 - 3.5 * 0.95
    assert found.terms.ev_short_kwh == pytest.approx(short, rel=1e-5)
    assert found.reference.ev_short_kwh == pytest.approx(8.0, rel=1e-6)
    assert found.plan.socket_kw[:, 4].tolist() == [0.0, 3.5, 0.0]
    # The battery is empty: import, cost and ramps are those of no control.
    assert found.j == pytest.approx(0.5 + 0.15 + 0.05 + 0.1 * short / 8.0, abs=1e-5)


def test_a_vehicle_that_leaves_after_the_stretch_needs_only_what_could_not_wait() -> None:
    # 0.8 * 10 / 0.95 = 8.42 kWh in the hours 1 to 4; the stretch ends after hour 2 and leaves 3.5 kWh for hour 3.
    data = plant([0.0] * 24, [10.0] * 24, [(4, 1, 4, 0.1)])
    found = solve(data, start=0, hours=3)
    assert found.plan.socket_kw[:, 4].sum() == pytest.approx(8.0 / 0.95 - 3.5, rel=1e-5)
    assert found.reference.ev_short_kwh == 0.0
    # Within the stay, the vehicle begins with its arrival state of charge, as an episode does.
    later = solve(data, start=2, hours=2)
    assert later.plan.socket_kw[:, 4].sum() == pytest.approx(7.0, rel=1e-5)
    assert later.reference.ev_short_kwh == pytest.approx(8.0, rel=1e-6)


def test_without_the_guard_a_vehicle_is_left_where_that_pays() -> None:
    mall, visit = [10.0] * 3, [(0, 0, 3, 0.5)]
    careless = {"co2": 0.9, "solar": 0.0, "cost": 0.0, "ev_service": 0.1, "grid_stability": 0.0}
    # 1.4 kWh short cost the whole 0.1; charging them costs 0.9 * 1.47 / 31.47 = 0.042.
    served = solve(plant([0.0] * 3, mall, visit, weights=careless, control={"departure_guard": False}))
    assert served.terms.ev_short_kwh == pytest.approx(0.0, abs=1e-6)
    hardly = careless | {"co2": 0.99, "ev_service": 0.01}
    left = solve(plant([0.0] * 3, mall, visit, weights=hardly, control={"departure_guard": False}))
    assert left.terms.ev_short_kwh == pytest.approx(1.4, rel=1e-5)
    assert left.j == pytest.approx(0.99 * 30.0 / (30.0 + NEED) + 0.01, abs=1e-6)


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
@pytest.mark.parametrize("seed", [1, 2])
def test_replay_and_bound_agree(mode: Mode, seed: int) -> None:
    data = course(28, seed, mode=mode)
    found = solve(data)
    replay = judged(data, PlannedController(found.plan), found.reference)
    assert found.bound <= replay <= found.bound * 1.005
    assert found.allowance < 1e-3 * found.j


@pytest.mark.parametrize("seed", range(6))
def test_grouping_sessions_loses_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_plant(seed)
    together = solve(data)

    def apart(first: np.ndarray, end: np.ndarray, need: np.ndarray, socket_kw: float) -> Groups:
        stay = end - first
        offset = np.cumsum(stay) - stay
        group = np.repeat(np.arange(first.size), stay)
        hour = np.arange(group.size) - offset[group] + first[group]
        limit = np.minimum(need, socket_kw)[group]
        return Groups(np.arange(first.size), np.ones(first.size, dtype=np.int64), need, end, stay, group, hour, limit,
                      offset)  # fmt: skip

    monkeypatch.setattr(stretch_program, "grouped", apart)
    assert solve(data).j == pytest.approx(together.j, abs=1e-7)


def test_alike_sessions_become_one_and_each_gets_its_own() -> None:
    # Three sessions of the hours 2 to 5: 2.0 and 3.0 kWh take part of an hour, 8.0 kWh two full hours and a part.
    first, end = np.array([2, 2, 2]), np.array([5, 5, 5])
    need = np.array([2.0, 3.0, 8.0])
    groups = grouped(first, end, need, 3.5)
    assert groups.count.tolist() == [2, 1]
    assert groups.need_kwh.tolist() == [5.0, 8.0]
    assert groups.limit_kwh.tolist() == [5.0] * 3 + [3.5] * 3
    shared = split(groups, np.array([1.0, 0.0, 4.0, 3.5, 1.0, 3.5]), need, 3.5)
    # 1 kWh in the first hour goes to the one that needs 3, down to the level of 2.
    assert shared[:2] == pytest.approx(np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0]]), abs=1e-9)
    assert shared[2] == pytest.approx([3.5, 1.0, 3.5], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_any_plan_of_a_group_can_be_shared(seed: int) -> None:
    rng = np.random.default_rng(seed)
    need = rng.uniform(0.1, 14.0, 40)
    first = np.zeros(40, dtype=np.int64)
    groups = grouped(first, first + 4, need, 3.5)
    energy = np.zeros(groups.group.size)
    for g in range(groups.count.size):
        # The last hours first, or the first: the corners of what the group may do.
        left, pairs = groups.need_kwh[g], np.flatnonzero(groups.group == g)
        for pair in rng.permutation(pairs):
            energy[pair] = min(left, groups.limit_kwh[pair])
            left -= energy[pair]
    shared = split(groups, energy, need, 3.5)
    assert shared.sum(axis=1) == pytest.approx(need, abs=1e-6)
    assert shared.min() >= 0.0
    assert shared.max() <= 3.5 + 1e-9


def test_any_duals_give_a_lower_bound() -> None:
    # Least 2 a + 3 b with a + b >= 4, a <= 3, b <= 5: 3 of a and 1 of b, 9 in all.
    b = Builder()
    a, c = b.columns(1, 0.0, 3.0, 2.0), b.columns(1, 0.0, 5.0, 3.0)
    row = b.rows(1, 4.0, 100.0)
    b.add(row, a, 1.0)
    b.add(row, c, 1.0)
    lp = b.build()
    solution = solve_lp(lp, "the example")
    assert solution.objective == pytest.approx(9.0)
    assert solution.bound == pytest.approx(9.0)
    assert all(dual_bound(lp, np.array([y]))[0] <= 9.0 + 1e-12 for y in np.linspace(-5.0, 10.0, 61))
    assert dual_bound(lp, np.array([3.0]))[0] == pytest.approx(9.0)


def test_slack_lowers_the_bound_by_what_it_allows() -> None:
    b = Builder()
    column = b.columns(1, 0.0, 10.0, 2.0, slack=0.0)
    row = b.rows(1, 4.0, 4.0, slack=0.5)
    b.add(row, column, 1.0)
    # 3.5 would do: 7 instead of 8.
    assert solve_lp(b.build(), "the example").bound == pytest.approx(7.0)


def test_the_reference_is_what_no_control_makes() -> None:
    data = random_plant(3, days=4)
    for start, hours in ((0, 96), (13, 40)):
        found = terms([rollout(Twin(data), NoControl(), start, hours)])
        computed = no_control_reference(data, start, hours)
        for name in ("co2_kg", "solar_kwh", "cost_pen", "ramping_kwh"):
            assert getattr(computed, name) == pytest.approx(getattr(found, name), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(
    ("sections", "word"),
    [
        ({"bess": {"power_efficiency_curve": ((0.0, 0.8), (1.0, 0.9))}}, "power_efficiency_curve"),
        ({"bess": {"capacity_power_curve": ((0.0, 1.0), (1.0, 0.2))}}, "capacity_power_curve"),
        ({"bess": {"loss_coefficient": 0.001}}, "loss_coefficient"),
        ({"bess": {"capacity_loss_coefficient": 0.001}}, "capacity_loss_coefficient"),
        ({"tariff": {"feed_in_price": 0.3}}, "feed_in_price"),
        ({"ev": {"socket_min_kw": 1.0}}, "socket_min_kw"),
    ],
)
def test_refused_with_the_reason(sections: dict[str, Any], word: str) -> None:
    if "ev" in sections:
        sections = {"ev": {"chargers": 2, "moto_chargers": 1, "source": "synthetic", "dwell_hours": 3} | sections["ev"]}
    with pytest.raises(ControllerError, match=word) as refused:
        solve(plant([0.0] * 3, [10.0] * 3, [(0, 0, 3, 0.5)], **sections))
    assert refused.value.hint is not None


def test_a_stretch_outside_the_year_is_refused() -> None:
    with pytest.raises(SimulationError, match="no episode of 4 h"):
        solve(plant([0.0] * 3, [10.0] * 3), start=0, hours=4)


def test_a_plan_is_followed_only_where_it_is_one() -> None:
    data = plant([0.0] * 6, [10.0] * 6)
    controller = PlannedController(solve(data, start=0, hours=3).plan)
    with pytest.raises(ControllerError, match="hour 3 is outside the plan, hours 0 to 2"):
        rollout(Twin(data), controller, 0, 4)


def test_a_plant_without_vehicles_or_battery_has_an_optimum() -> None:
    bare = plant([0.0, 50.0, 0.0], [10.0] * 3, bess={"capacity_kwh": 1e-3, "power_kw": 1e-3})
    assert solve(bare).j == pytest.approx(0.9, abs=1e-4)


ONLY_COST = {"co2": 0.0, "solar": 0.0, "cost": 1.0, "ev_service": 0.0, "grid_stability": 0.0}
FREE = {"energy": [{"name": "all", "pen_per_kwh": 0.01}], "source": "made up for a test"}
BATTERY = {"capacity_kwh": 1000.0, "power_kw": 1000.0, "efficiency": 1.0, "initial_soc": 0.5,
           "power_efficiency_curve": ((0.0, 1.0), (1.0, 1.0))}  # fmt: skip


def billed(mall: list[float], demand: list[dict[str, Any]], pv: list[float] | None = None, **tariff: Any) -> PlantData:
    """A plant without losses whose cost alone counts; 300 kWh are in the battery above its reserve."""
    return plant(pv or [0.0] * len(mall), mall, mode="bidirectional", weights=ONLY_COST, bess=BATTERY,
                 tariff=FREE | {"demand": demand} | tariff)  # fmt: skip


def test_a_maximum_on_paper() -> None:
    # Hour 0 is free of the charge and fills the 500 kWh that are empty; the 800 kWh above the reserve then leave 200 of
    # the 1,000 kWh in the band, 100 in each hour, at 10 PEN a kW.
    peak = {"name": "peak", "hours": [(1, 3)], "pen_per_kw_month": 10.0}
    data = billed([350.0, 500.0, 500.0], [peak], fee_pen_per_month=7.0)
    found = solve(data)
    assert found.terms.cost_pen == pytest.approx(7.0 + 0.01 * (350.0 + 500.0 + 200.0) + 10.0 * 100.0)
    assert found.reference.cost_pen == pytest.approx(7.0 + 0.01 * 1350.0 + 10.0 * 500.0)
    assert found.j == pytest.approx(found.terms.cost_pen / found.reference.cost_pen)
    assert judged(data, PlannedController(found.plan), found.reference) == pytest.approx(found.j, abs=1e-5)


def test_two_of_six_months_on_paper() -> None:
    # The months before stood at 100, 100, 100, 100, 400 kW: this one adds (x - 100) / 2 above 100, and 400 counts half.
    charge = {"name": "two", "pen_per_kw_month": 10.0, "basis": "two_of_six_months",
              "history_kw": [100.0, 100.0, 100.0, 100.0, 400.0]}  # fmt: skip
    found = solve(billed([400.0, 400.0, 400.0], [charge]))
    level = (1200.0 - 300.0) / 3
    assert found.terms.cost_pen == pytest.approx(0.01 * 900.0 + 10.0 * (400.0 + level) / 2)


def test_an_excess_on_paper() -> None:
    # 10 PEN a kW inside hour 2, 6 PEN for what hours 0 and 1 exceed it by. 1,600 kWh are needed, 300 of them are in the
    # battery. Outside u, inside d: 10 d + 6 (u - d) with 2 u + d = 1,300 is least at d = 0, u = 650.
    charges = [
        {"name": "inside", "hours": [(2, 3)], "pen_per_kw_month": 10.0},
        {"name": "outside", "hours": [(0, 2)], "pen_per_kw_month": 6.0, "basis": "excess", "over": "inside"},
    ]
    data = billed([300.0, 800.0, 500.0], charges)
    assert exact(data.tariff)
    found = solve(data)
    assert found.terms.cost_pen == pytest.approx(0.01 * 1300.0 + 6.0 * 650.0)
    assert found.j == pytest.approx(found.terms.cost_pen / found.reference.cost_pen)


def test_where_raising_the_demand_inside_pays_the_bound_is_valid_and_lower() -> None:
    charges = [
        {"name": "inside", "hours": [(2, 3)], "pen_per_kw_month": 1.0},
        {"name": "outside", "hours": [(0, 2)], "pen_per_kw_month": 6.0, "basis": "excess", "over": "inside"},
    ]
    data = billed([300.0, 800.0, 0.0], charges)
    assert not exact(data.tariff)
    found = solve(data)
    replay = judged(data, PlannedController(found.plan), found.reference)
    assert found.bound < found.j < replay


def test_export_is_limited_and_a_battery_wears_on_paper() -> None:
    # 1,000 kWh of sun, 100 of load, 100 may be sold at 0.005 PEN: 500 go into the battery, and 300 are curtailed. No
    # hour lacks anything, so a battery that wears at 0.001 PEN a kWh takes nothing where export earns nothing.
    tariff = {"export_limit_kw": 100.0, "feed_in_price": 0.005}
    weights = ONLY_COST | {"solar": 0.5, "cost": 0.5}
    data = plant([1000.0, 0.0], [100.0, 100.0], mode="bidirectional", weights=weights, bess=BATTERY,
                 tariff=FREE | tariff)  # fmt: skip
    found = solve(data)
    assert found.terms.solar_kwh == pytest.approx(400.0)
    assert found.terms.cost_pen == pytest.approx(-0.5)
    worn = replace(data, params=data.params._replace(wear_pen_per_kwh=1.0, w_solar=0.0, w_cost=1.0))
    assert solve(worn).terms.solar_kwh == pytest.approx(900.0)
    assert solve(worn).terms.cost_pen == pytest.approx(0.01 * 100.0 - 0.5)


def test_a_stretch_inside_a_month_carries_on_its_bill() -> None:
    # The rule has taken 500 kW before hour 2: up to there nothing more is billed, and no fee either.
    peak = {"name": "peak", "pen_per_kw_month": 10.0}
    data = billed([500.0, 500.0, 450.0, 400.0], [peak], fee_pen_per_month=7.0)
    data = data.with_rule_import(np.array([500.0, 500.0, 0.0, 0.0]))
    found = solve(data, start=2, hours=2)
    assert found.terms.cost_pen == pytest.approx(0.01 * 550.0)
    assert found.j == pytest.approx(550.0 / 850.0)


def test_an_unknown_basis_is_refused() -> None:
    data = billed([1.0], [{"name": "peak", "pen_per_kw_month": 1.0}])
    other = replace(data, tariff=data.tariff._replace(basis=np.array([7])))
    with pytest.raises(ControllerError, match="charge 1: no bound is known for its basis"):
        solve(other)


def test_without_demand_charges_there_is_not_one_column_more() -> None:
    data = course(3)
    program = stretch_program.StretchProgram(data, 0, data.hours, no_control_reference(data, 0, data.hours))
    groups, pairs = program.groups.count.size, program.groups.group.size
    assert program.lp.cost.size == 8 * data.hours + pairs
    assert program.fixed_pen == 0.0
    assert program.curtailed.size == 0
    assert groups > 0


def test_the_plan_of_dispatch_stores_no_surplus_that_vehicles_take() -> None:
    # 8 kWh of surplus at noon, and four mototaxis for two hours: each needs 5 / 0.95 kWh, so at least 5 / 0.95 - 3.5
    # of it at once, and 0.95 kWh are left for the battery. The chord from no vehicle to 14 kWh would leave 4 kWh.
    noon = np.arange(24) == 12
    demand = {"name": "peak", "hours": [(18, 23)], "pen_per_kw_month": 60.0}
    data = plant(
        np.where(noon, 66.0, 0.0), np.full(24, 58.0), [(k, 12, 14, 0.4) for k in range(4, 8)], "dispatch",
        tariff=two_prices(0.45, demand=[demand]), weights={"co2": 0.0, "solar": 0.0, "cost": 1.0, "ev_service": 0.0,
                                                           "grid_stability": 0.0},
    )  # fmt: skip
    found = solve(data)
    left = 8.0 - 4.0 * (5.0 / 0.95 - 3.5)
    assert found.plan.bess_kw[12] == pytest.approx(left, abs=1e-3)
    assert judged(data, PlannedController(found.plan), found.reference) == pytest.approx(found.j, abs=1e-5)
    # 0.9 of what the chord leaves lowers five hours of the peak: it is worth its price and that of their demand.
    chord = 0.9 * (4.0 - left) * (60.0 / 5.0 + 0.45)
    assert found.j - found.bound == pytest.approx(chord / found.reference.cost_pen, rel=0.15)
