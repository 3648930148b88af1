"""The one implementation of actions, guard, reward and observation, checked on states made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvbesscar.plant.actions import bess_action, bess_power, can_be_met, compiled_guard_kw, guard_kw, storage_action
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.ledger import LEDGER_COLUMNS, reward
from pvbesscar.plant.observation import observation_names
from pvbesscar.plant.simulator import feasible_now
from pvbesscar.plant.state import PlantState, observation, setpoints
from pvbesscar.plant.tariff import demand_at
from tests.builders import mini_dataset, session

K = 8
SESSIONS = [session(0, 10, 14, 0.5), session(4, 10, 12, 0.3), session(5, 11, 12, 0.1)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PlantData:
    hours = np.arange(8760) % 24
    pv = np.where((hours >= 6) & (hours < 18), 900.0, 0.0)
    return load_plant(mini_dataset(tmp_path_factory.mktemp("obs"), SESSIONS, pv_kwh=pv, mall_kwh=400.0))


def state(data: PlantData, t: int, soc: dict[int, float], bess_soc: float = 0.5) -> PlantState:
    socs = np.zeros(K, dtype=np.float32)
    for k, value in soc.items():
        socs[k] = value
    return PlantState(data, t, first=False, soc=socs, bess_soc=bess_soc, delivered_kwh=np.zeros(K),
                      last_import_kwh=0.0, last_net_kwh=0.0, feasible=feasible_now(data, t, socs),
                      demand_kw=demand_at(data.tariff, t))  # fmt: skip


def test_observation_of_the_site_has_394_entries_all_named_once() -> None:
    names = observation_names(128, 4)
    assert len(names) == len(set(names)) == 394
    assert names[:4] == ("hour", "month", "day_type", "position_in_year")
    assert names[4] == "sockets_A_connected"
    assert names[4 + 17] == "sockets_A_energy_due_within_24h_kwh"
    assert names[76] == "demand_charge_1_billed_kw"
    assert names[96:98] == ("hours_left_in_month", "net_load_forecast_1h_kwh")
    assert names[123] == "net_load_forecast_least_kwh"
    assert names[124] == "pv_kwh"
    assert names[138] == "charger_01_A_presence"
    assert names[393] == "charger_32_D_urgency"


def test_observation_values_by_hand(data: PlantData) -> None:
    names = observation_names(K, 4)
    o = dict(zip(names, observation(state(data, 10, {0: 0.5, 4: 0.3})), strict=True))
    need_moto, need_taxi = 0.4 * 3.5 / 0.95, 0.6 * 10 / 0.95
    group = 2 * 3.5
    assert o["hour"] == pytest.approx(10 / 11.5 - 1)
    assert o["sockets_A_connected"] == 1.0
    assert o["sockets_A_energy_required_kwh"] == pytest.approx((need_moto + need_taxi) / group, rel=1e-6)
    assert o["sockets_A_average_power_required_kw"] == pytest.approx((need_moto / 4 + need_taxi / 2) / group, rel=1e-6)
    assert o["sockets_A_mean_soc"] == pytest.approx(0.4)
    assert o["sockets_A_energy_due_within_1h_kwh"] == 0.0
    assert o["sockets_A_energy_due_within_2h_kwh"] == pytest.approx(need_taxi / group, rel=1e-6)
    assert o["sockets_A_energy_due_within_4h_kwh"] == pytest.approx((need_moto + need_taxi) / group, rel=1e-6)
    assert o["sockets_B_connected"] == 0.0
    assert o["pv_kwh"] == pytest.approx(900 / 3201.2, rel=1e-6)
    assert o["mall_kwh"] == 1.0
    assert o["hours_left_in_month"] == pytest.approx((744 - 10) / 744)
    assert o["net_load_kwh"] == pytest.approx(-500 / 3201.2, rel=1e-6)
    assert o["demand_charge_1_billed_kw"] == 0.0
    assert o["bess_soc"] == 0.5
    assert o["bess_can_deliver_kw"] == pytest.approx(0.3 * 4520 * np.sqrt(0.9) / 2712, rel=1e-6)
    assert o["bess_can_take_kw"] == pytest.approx(0.5 * 4520 / np.sqrt(0.9) / 2712, rel=1e-6)
    assert o["hours_to_tariff_change"] == pytest.approx(8 / 24)
    assert o["price_pen_per_kwh"] == pytest.approx(0.28 / 0.45, rel=1e-6)
    assert o["charger_01_A_presence"] == pytest.approx(0.4, rel=1e-6)
    assert o["charger_02_A_urgency"] == pytest.approx(need_taxi / 2 / 3.5, rel=1e-6)
    assert o["charger_01_B_presence"] == -1.0
    assert o["charger_01_B_urgency"] == 0.0


def test_dispatch_charges_surplus_by_itself_and_discharges_no_more_than_the_deficit(data: PlantData) -> None:
    action = np.zeros(1 + K)
    at_noon = setpoints(state(data, 12, {0: 0.9}), action)
    assert at_noon.bess_kw == pytest.approx(500.0)
    action[0] = 1.0
    at_night = setpoints(state(data, 20, {}), action)
    assert at_night.bess_kw == pytest.approx(-400.0)
    action[0] = 0.1
    assert setpoints(state(data, 20, {}), action).bess_kw == pytest.approx(-271.2)


def test_bidirectional_charges_from_the_grid_and_never_exports_from_the_battery(data: PlantData) -> None:
    both = data.with_mode("bidirectional")
    action = np.zeros(1 + K)
    assert setpoints(state(both, 20, {}), action).bess_kw == pytest.approx(2712.0)
    action[0] = 0.5
    assert setpoints(state(both, 20, {}), action).bess_kw == 0.0
    action[0] = 1.0
    assert setpoints(state(both, 20, {}), action).bess_kw == pytest.approx(-400.0)
    assert setpoints(state(both, 12, {0: 0.9}), action).bess_kw == 0.0


def test_the_guard_by_hand() -> None:
    # 8 kWh with 3 h left: two full hours of 3.5 kW hold 7 kWh, so 1 kWh can not wait. 7 kWh can, 20 kWh take all.
    assert guard_kw(np.array([8.0, 7.0, 20.0, 2.0]), np.array([3, 3, 3, 1]), 3.5).tolist() == [1.0, 0.0, 3.5, 2.0]
    assert can_be_met(np.array([8.0, 10.5, 10.6]), np.array([3, 3, 3]), 3.5).tolist() == [True, True, False]
    assert compiled_guard_kw(8.0, 3, 3.5) == 1.0


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_the_batterys_action_by_hand_and_back(data: PlantData, mode: Literal["dispatch", "bidirectional"]) -> None:
    p = data.with_mode(mode).params
    # A quarter of 2,712 kW: in `dispatch` it discharges, in `bidirectional` (2 * 0.25 - 1) * 2,712 kW charges half.
    assert bess_power(p, 0.25) == (-678.0 if mode == "dispatch" else 1356.0)
    assert storage_action(p, bess_power(p, 0.25)) == (-0.25 if mode == "dispatch" else 0.5)
    assert [bess_action(p, bess_power(p, a)) for a in (0.0, 0.25, 1.0)] == [0.0, 0.25, 1.0]
    without = p._replace(bess_kw=0.0)
    assert storage_action(without, bess_power(without, 1.0)) == 0.0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1 + K, max_size=1 + K),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
    st.booleans(),
)
def test_no_setpoint_breaks_the_contract(
    data: PlantData, action: list[float], moto: float, taxi: float, both: bool
) -> None:
    plant = data.with_mode("bidirectional") if both else data
    now = state(plant, 10, {0: moto, 4: taxi})
    asked = setpoints(now, np.array(action))
    need = now.need_kwh()
    assert (asked.socket_kw >= 0).all()
    assert (asked.socket_kw <= np.minimum(need, 3.5) + 1e-12).all()
    assert (asked.socket_kw[now.occupant < 0] == 0).all()
    # The guard: what is left fits into the hours left, wherever it did before.
    left = need - asked.socket_kw
    fits = need <= 3.5 * now.hours_left + 1e-9
    assert (left[fits] <= 3.5 * np.maximum(now.hours_left - 1, 0)[fits] + 1e-9).all()
    deficit = 400.0 + asked.socket_kw.sum() - 900.0
    assert -asked.bess_kw <= max(deficit, 0.0) + 1e-9
    assert abs(asked.bess_kw) <= 2712.0


def test_without_guard_an_idle_action_leaves_vehicles_uncharged(data: PlantData) -> None:
    unguarded = state(data, 11, {0: 0.5, 4: 0.3, 5: 0.1})
    guarded = setpoints(unguarded, np.zeros(1 + K))
    assert guarded.socket_kw[5] == 3.5
    free = PlantData(
        **{f: getattr(data, f) for f in data.__dataclass_fields__}
        | {"params": data.params._replace(departure_guard=False)}
    )
    assert setpoints(state(free, 11, {0: 0.5, 4: 0.3, 5: 0.1}), np.zeros(1 + K)).socket_kw.sum() == 0.0


def test_reward_by_hand(data: PlantData) -> None:
    row = np.zeros(len(LEDGER_COLUMNS))
    row[8:13] = (10.0, 4.0, 6.0, 2.0, 8.0)
    reference = np.array([1000.0, 0.0, 500.0, 400.0, 300.0])
    # The solar term has no scale (no export without control) and is left out.
    expected = -8760 * (0.5 * 10 / 1000 + 0.15 * 6 / 500 + 0.10 * 2 / 400 + 0.05 * 8 / 300)
    assert reward(data.params, row, reference) == pytest.approx(expected, rel=1e-12)


def test_forecast_columns_reach_the_observation(data: PlantData, tmp_path: Path) -> None:
    names = observation_names(K, 4)
    perfect = load_plant(
        mini_dataset(tmp_path, SESSIONS, pv_kwh=np.arange(8760) % 7 * 10.0, control={"forecast": "perfect"})
    )
    o = dict(zip(names, observation(state(perfect, 8, {})), strict=True))
    assert o["pv_forecast_1h_kwh"] == pytest.approx(20 / 3201.2, rel=1e-5)
    assert o["pv_forecast_mean_3h_kwh"] == pytest.approx(30 / 3201.2, rel=1e-5)
    assert perfect.forecast_kind == "perfect"
