"""What each hour adds to the bill: the kernel by hand, its sum, and the reward that is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.controllers import optimum
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import ConstantAction, NoControl, Rule
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.evaluation.bound import reference_of
from pvbesscar.evaluation.score import left_out, score, terms
from pvbesscar.plant.data import PlantData, net_load_forecast
from pvbesscar.plant.observation import observation_names
from pvbesscar.plant.rule import rule_import
from pvbesscar.plant.state import observation
from pvbesscar.plant.tariff import bill_hour, demand_at, free_kw, stretch_pen, tariff_of
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from pvbesscar.simulation.windows import Stretch
from schemas.errors import ConfigError
from schemas.settings import TariffSettings
from tests.builders import two_prices
from tests.controllers.plants import plant, settings

PEAK, REST = [[18, 23]], [[0, 18], [23, 24]]
CHARGES: list[dict[str, Any]] = [
    {"name": "peak", "hours": PEAK, "pen_per_kw_month": 60.0},
    {
        "name": "network", "hours": PEAK, "basis": "two_of_six_months", "history_kw": (0, 0, 0, 40, 50),
        "pen_per_kw_month": 10.0,
    },
    {"name": "excess", "hours": REST, "basis": "excess", "over": "peak", "pen_per_kw_month": 20.0},
]  # fmt: skip
TARIFF: dict[str, Any] = {"demand": CHARGES, "fee_pen_per_month": 7.0}
MONTH_STARTS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]) * 24


def year_calendar(hours: int = 8760) -> np.ndarray:
    stamps = pd.date_range("2025-01-01", periods=hours, freq="h")
    return np.column_stack([stamps.hour, stamps.month, stamps.day_of_week + 1]).astype(np.int64)


def test_hours_by_hand() -> None:
    tariff = tariff_of(TariffSettings.model_validate(TARIFF), year_calendar(48), np.zeros(48))
    demand = demand_at(tariff, 0)
    # The year begins with the fee and with what the network's months before it make: (50 + 40) / 2 = 45 kW.
    assert bill_hour(tariff, 0, 30.0, demand) == 7.0 + 45.0 * 10.0 + 30.0 * 20.0
    assert bill_hour(tariff, 1, 30.0, demand) == 0.0
    assert free_kw(tariff, demand, 1) == 40.0
    # In the peak 44 kW: billed at 60; the network's second greatest rises from 40 to 44; the excess, 30 - 44, is gone.
    assert bill_hour(tariff, 18, 44.0, demand) == pytest.approx(44.0 * 60.0 + 2.0 * 10.0 - 30.0 * 20.0)
    assert [free_kw(tariff, demand, charge) for charge in range(3)] == [44.0, 44.0, 44.0]
    # Outside 50 kW: 6 kW above the peak's.
    assert bill_hour(tariff, 23, 50.0, demand) == pytest.approx(6.0 * 20.0)


@pytest.mark.parametrize("start", [0, 12, MONTH_STARTS[1], MONTH_STARTS[6] + 500])
def test_hours_add_up_to_the_bill_of_each_month(start: int) -> None:
    rng = np.random.default_rng(3)
    rule, own = rng.uniform(0.0, 90.0, (2, 8760))
    tariff = tariff_of(TariffSettings.model_validate(TARIFF), year_calendar(), rule)
    whole = np.concatenate([rule[:start], own[start:]])

    def bill(import_kwh: np.ndarray, end: int) -> float:
        """Demand charges and fees until hour `end`, month by month."""
        peaks, total = [50.0, 40.0, 0.0, 0.0, 0.0], 0.0
        for month, first in enumerate(MONTH_STARTS):
            last = min(end, *MONTH_STARTS[month + 1 :], 8760)
            if first >= end:
                break
            hours = np.arange(first, last)
            inside = (hours % 24 >= 18) & (hours % 24 < 23)
            peak, rest = import_kwh[hours[inside]].max(initial=0.0), import_kwh[hours[~inside]].max(initial=0.0)
            two = sorted([peak, *peaks[:5]])[-2:]
            total += 60.0 * peak + 10.0 * sum(two) / 2.0 + 20.0 * max(rest - peak, 0.0) + 7.0
            peaks.insert(0, peak)
        return total

    hourly = stretch_pen(tariff, start, own[start:])
    for end in (start + 1, start + 30, 8760):
        added = bill(whole, end) - bill(rule, start)
        assert hourly[: end - start].sum() == pytest.approx(added, rel=1e-12, abs=1e-8)


def bright_year(mode: str = "bidirectional", **sections: Any) -> PlantData:
    """A year of a mall of 60 to 100 kW under 300 kWp of sun, with two vehicles a day."""
    hour = np.arange(8760) % 24
    rng = np.random.default_rng(1)
    pv = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 300.0 * rng.uniform(0.3, 1.0, 8760)
    mall = 60.0 + 40.0 * rng.random(8760)
    visits = [(k, 24 * day + 17, 24 * day + 21, 0.3) for day in range(365) for k in (0, 4)]
    bess = {"capacity_kwh": 300.0, "power_kw": 100.0, "wear_pen_per_kwh": 0.03}
    return plant(pv, mall, visits, mode, bess=bess, **sections)


LIMITED = two_prices(**TARIFF, feed_in_price=0.1, export_limit_kw=50.0)


YEAR, STRETCH = (0, 8760), (1000, 900)


@pytest.mark.parametrize(
    ("controller", "tariff", "hours"),
    [
        (NoControl(), LIMITED, YEAR),
        (ConstantAction(0.3), LIMITED, YEAR),
        (Rule(), two_prices(), YEAR),
        (Rule(), LIMITED, STRETCH),
        (ConstantAction(0.3), two_prices(fee_pen_per_month=100.0), STRETCH),
    ],
)
def test_mean_reward_is_minus_j_under_every_tariff(
    controller: Controller, tariff: dict[str, Any], hours: tuple[int, int]
) -> None:
    data = bright_year(tariff=tariff)
    reference = no_control_reference(data, *hours)
    scaled = replace(data, reference=np.array(list(reference.model_dump().values())))
    ledger = rollout(Twin(scaled), controller, *hours)
    j = score(terms([ledger]), reference, settings().weights)
    # N is the year's; over a stretch the sum of the rewards is that of N x J.
    assert -ledger.frame["reward"].sum() / 8760 == pytest.approx(j, abs=1e-9)


def test_a_ledger_under_a_limit_a_feed_in_and_wear() -> None:
    data = bright_year(tariff=LIMITED)
    frame = rollout(Twin(data), Rule()).frame
    assert frame["export_kwh"].max() == 50.0
    assert frame["curtailed_kwh"].sum() > 1000.0
    surplus = (
        frame["pv_kwh"] + frame["discharge_kwh"] - frame["mall_kwh"] - frame["ev_kwh"] - frame["charge_kwh"]
    ).clip(lower=0.0)
    assert np.allclose(frame["export_kwh"] + frame["curtailed_kwh"], surplus, atol=1e-9)
    assert np.array_equal(frame["solar_kwh"], frame["export_kwh"] + frame["curtailed_kwh"])
    due = frame["import_kwh"] * frame["price"] - 0.1 * frame["export_kwh"] + frame["demand_pen"] + frame["wear_pen"]
    assert np.allclose(frame["cost_pen"], due, atol=1e-9)
    assert np.allclose(frame["wear_pen"], 0.03 * (frame["charge_kwh"] + frame["discharge_kwh"]), atol=1e-12)


def test_the_rule_continued_from_where_it_stands_pays_what_it_pays_in_the_year() -> None:
    data = bright_year(tariff=LIMITED)
    year = rollout(Twin(data), Rule()).frame
    assert np.allclose(data.tariff.rule_import_kwh, year["import_kwh"], atol=1e-6)
    # From midnight on the battery is empty in both, so the hours are the same, and so is what they add.
    start = 24 * 40
    stretch = rollout(Twin(data), Rule(), start, 24 * 30).frame
    same = slice(start, start + 24 * 30)
    assert np.allclose(stretch["import_kwh"], year["import_kwh"][same], atol=1e-6)
    assert np.allclose(stretch["demand_pen"], year["demand_pen"][same], atol=1e-3)


def test_a_stretch_in_which_an_excess_falls_has_no_scale_of_its_cost() -> None:
    # No sun: 60 kW all day and 90 kW in the first peak hour, the battery empty. 60 kW of excess end there.
    hour = np.arange(48) % 24
    excess = {"name": "excess", "hours": REST, "basis": "excess", "over": "peak", "pen_per_kw_month": 90.0}
    tariff = two_prices(demand=[{"name": "peak", "hours": PEAK, "pen_per_kw_month": 1.0}, excess])
    data = plant(np.zeros(48), np.where(hour == 18, 90.0, 60.0), [], tariff=tariff)
    falls = no_control_reference(data, 18, 1)
    # 90 kWh at 0.45, 90 kW at 1, and 60 kW of excess at 90 are gone.
    assert falls.cost_pen == pytest.approx(90.0 * 0.45 + 90.0 - 60.0 * 90.0, rel=1e-6)
    assert left_out(falls) == ("solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh")
    found = optimum.solve(data, start=18, hours=1)
    ledger = rollout(Twin(data), NoControl(), 18, 1)
    assert score(terms([ledger]), falls, settings().weights) == pytest.approx(settings().weights.co2)
    assert found.bound == pytest.approx(settings().weights.co2, abs=1e-3)
    # Together with the hours before it the stretch has a scale again.
    assert reference_of(data, [Stretch("rest", 0, 18), Stretch("peak", 18, 1)]).cost_pen > 0.0


def test_no_control_is_scaled_by_its_bill_before_export() -> None:
    dear = bright_year(tariff=two_prices(feed_in_price=0.27))
    plain = bright_year(tariff=two_prices())
    terms_of = [no_control_reference(data, 0, 8760) for data in (dear, plain)]
    assert terms_of[0] == terms_of[1]
    billed = no_control_reference(bright_year(tariff=LIMITED), 0, 8760)
    assert billed.cost_pen > terms_of[1].cost_pen + 12 * 7.0
    free = bright_year(tariff=two_prices(0.0, 0.0))
    with pytest.raises(ConfigError, match=r"the cost has the weight 0\.15 and no scale"):
        no_control_reference(free, 0, 8760)


def test_observation_of_the_bill() -> None:
    data = bright_year(tariff=LIMITED)
    twin = Twin(data)
    twin.reset(0, 30)
    for _ in range(19):
        twin.step(Rule().decide(twin.state))
    state = twin.state
    o = dict(zip(observation_names(8, 4), observation(state), strict=True))
    load_kw = data.params.mall_scale_kw + 8 * 3.5
    assert state.demand_kw[:, 0].tolist() == [twin_import(data, 18), twin_import(data, 18), state.demand_kw[2, 0]]
    assert o["demand_charge_1_billed_kw"] == pytest.approx(state.demand_kw[0, 0] / load_kw, rel=1e-6)
    assert o["demand_charge_1_in_band"] == 1.0
    assert o["demand_charge_1_hours_to_band_change"] == pytest.approx(4 / 24)
    assert o["demand_charge_3_in_band"] == 0.0
    assert o["demand_charge_2_price_share"] == pytest.approx(10.0 / 90.0)
    assert o["demand_charge_4_billed_kw"] == 0.0
    assert o["hours_left_in_month"] == pytest.approx((744 - 19) / 744)


def twin_import(data: PlantData, t: int) -> float:
    return float(rule_import(data)[t])


def test_net_load_ahead_uses_the_past_alone() -> None:
    rng = np.random.default_rng(2)
    pv, mall = rng.uniform(0.0, 50.0, (2, 96))
    forecast = rng.uniform(0.0, 50.0, (96, 4))
    found = net_load_forecast(pv, mall, forecast)
    changed = net_load_forecast(np.append(pv[:60], 0.0 * pv[60:]), np.append(mall[:60], 9.0 + mall[60:]), forecast)
    assert np.array_equal(found[:60], changed[:60])
    assert found[50, 0] == pytest.approx(forecast[50, 2] - forecast[50, 0], rel=1e-6)
    # The 24th hour ahead is yesterday's same hour: the present one.
    assert found[50, 23] == pytest.approx(mall[50] - pv[50], rel=1e-5)
    ratio = min(3.0 * forecast[50, 1] / pv[27:30].sum(), 2.0)
    assert found[50, 1] == pytest.approx(mall[28] + forecast[50, 3] - mall[27:30].mean() - pv[28] * ratio, rel=1e-5)
