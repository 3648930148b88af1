"""What a unit more is worth: known answers, duals against solving again, and a connection that is too small."""

from __future__ import annotations

from typing import Any

import pytest

from pvbesscar.controllers import registry
from pvbesscar.controllers.bill import cost_only, least_cost_pen, vehicles_at_once
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.sizing import Size, least_bill, marginal_values, mpc_values, resized
from pvbesscar.plant.data import PlantData
from schemas.errors import ControllerError
from tests.builders import two_prices
from tests.controllers.plants import course, plant

BESS = {"capacity_kwh": 1000.0, "power_kw": 1000.0, "efficiency": 1.0, "initial_soc": 0.2,
        "power_efficiency_curve": ((0.0, 1.0), (1.0, 1.0))}  # fmt: skip
CHARGE = {"name": "peak", "hours": [(2, 4)], "pen_per_kw_month": 8.0}


def two_hours_of_peak(**bess: Any) -> PlantData:
    """Free hours 0 and 1, then 1,000 kWh in each of two hours at 8 PEN a kW of their maximum; a kWh costs 0.1 PEN."""
    tariff = {"energy": [{"name": "all", "pen_per_kwh": 0.1}], "demand": [CHARGE], "source": "made up for a test"}
    return plant(
        [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1000.0, 1000.0], mode="bidirectional", bess=BESS | bess, tariff=tariff
    )


def test_a_kwh_of_battery_on_paper() -> None:
    # Of a kWh more 0.8 are usable; they come off the two hours by half, at 8 PEN a kW, and are bought at 0.1 PEN in
    # either case. What the battery holds at first is its reserve, which no purchase fills.
    data = two_hours_of_peak()
    least, worths = marginal_values(data, Size.of(data))
    assert least == pytest.approx(0.1 * 2000.0 + 8.0 * 600.0, rel=1e-6)
    by_part = {one.part: one for one in worths}
    assert set(by_part) == {"bess_kwh", "bess_kw", "pv_kwp"}
    assert by_part["bess_kwh"].by_duals == pytest.approx(0.4 * 8.0, rel=1e-4)
    assert by_part["bess_kwh"].solved_again == pytest.approx(0.4 * 8.0, rel=1e-4)
    assert by_part["bess_kw"].by_duals == pytest.approx(0.0, abs=1e-4)
    assert by_part["pv_kwp"].by_duals == pytest.approx(0.0, abs=1e-6)


def test_a_kw_of_battery_and_of_connection_on_paper() -> None:
    # 200 kW of battery take 200 kW off both hours: a kW more is worth 8 PEN. With 850 kW of connection nothing changes.
    data = two_hours_of_peak(power_kw=200.0)
    _, worths = marginal_values(data, Size.of(data, 850.0))
    by_part = {one.part: one.by_duals for one in worths}
    assert by_part["bess_kw"] == pytest.approx(8.0, rel=1e-4)
    assert by_part["grid_kw"] == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ControllerError, match="799 kW of connection do not carry") as refused:
        least_bill(data, Size.of(data, 799.0))
    assert "grid.import_limit_kw" in str(refused.value.hint)


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_duals_agree_with_solving_again(mode: str) -> None:
    tariff = two_prices(0.6) | {"demand": [CHARGE | {"hours": [(18, 23)]}], "source": "made up for a test"}
    data = course(14, 3, mode=mode, tariff=tariff, bess={"capacity_kwh": 2000.0, "power_kw": 400.0})
    _, worths = marginal_values(data, Size.of(data))
    assert max(one.by_duals for one in worths) > 0.0
    assert all(one.solved_again == pytest.approx(one.by_duals, rel=0.1, abs=1e-6) for one in worths)


def test_a_larger_plant_has_more_of_everything() -> None:
    data = course(2)
    larger = resized(data, Size(2.0, 3.0, 2.0 * data.params.pv_dc_kwp))
    assert larger.pv_kwh == pytest.approx(2.0 * data.pv_kwh)
    assert (larger.params.bess_kwh, larger.bess.capacity, larger.params.bess_kw, larger.bess.nominal_power) == (
        2,
        2,
        3,
        3,
    )
    assert larger.params.pv_ac_kw == 2.0 * data.params.pv_ac_kw


def test_the_mpc_wins_something_of_a_larger_battery() -> None:
    tariff = two_prices(0.9)
    years = [course(28, seed, mode="bidirectional", tariff=tariff, bess={"capacity_kwh": 500.0, "power_kw": 400.0})
             for seed in (1, 2)]  # fmt: skip
    fitted = registry.fit(years[1:], 1)
    worth = mpc_values(years[0], Size.of(years[0]), fitted)
    assert set(worth) == {"bess_kwh", "bess_kw", "pv_kwp"}
    assert worth["bess_kwh"] > 0.0
    assert worth["pv_kwp"] > 0.0


def test_the_least_cost_and_what_the_sockets_add() -> None:
    data = course(7, 3, mode="bidirectional", tariff=two_prices(0.9))
    plain = cost_only(data)
    assert least_cost_pen(data) == pytest.approx(solve(plain).terms.cost_pen, rel=1e-3)
    # But for the room that each leaves for rounding.
    assert least_cost_pen(vehicles_at_once(data)) >= least_cost_pen(data) * (1.0 - 1e-5)
