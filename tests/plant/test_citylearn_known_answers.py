"""Hours computed by hand, run on the real CityLearn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pvbesscar.controllers.baselines import NoControl, Rule
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.state import Setpoints, setpoints
from pvbesscar.simulation.rollout import rollout
from tests.builders import mini_dataset, session

ONE_WAY = math.sqrt(0.9)
SOCKETS = 8
NO_VEHICLE = np.zeros(SOCKETS)
# Hour 10: a moto with 0.5 and a mototaxi with 0.3; hour 40: one session after another on one socket.
SESSIONS = [
    session(0, 10, 12, 0.5),
    session(4, 10, 14, 0.3),
    session(1, 40, 42, 0.8),
    session(1, 42, 44, 0.2),
    session(5, 60, 61, 0.2),
    session(2, 8758, 8760, 0.4),
]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> CityLearnSim:
    pv = np.zeros(8760)
    pv[11] = 500.0
    return CityLearnSim(mini_dataset(tmp_path_factory.mktemp("known"), SESSIONS, pv_kwh=pv, mall_kwh=100.0))


def test_bess_discharges_what_was_asked_and_loses_the_root_of_its_round_trip(simulator: CityLearnSim) -> None:
    simulator.reset(0, 24)
    charged = simulator.step(Setpoints(NO_VEHICLE, 1000.0))
    # 1,000 kWh at the terminals store 1,000 * sqrt(0.9) above the reserve of 0.2 * 4,520 kWh.
    expected = 0.2 + 1000.0 * ONE_WAY / 4520.0
    assert charged.row[7] == pytest.approx(expected, abs=1e-6)
    assert charged.row[3] == pytest.approx(1000.0, abs=1e-3)
    discharged = simulator.step(Setpoints(NO_VEHICLE, -90.0))
    assert discharged.row[4] == pytest.approx(90.0, abs=1e-3)
    assert discharged.row[7] == pytest.approx(expected - 90.0 / ONE_WAY / 4520.0, abs=1e-6)
    assert discharged.row[5] == pytest.approx(10.0, abs=1e-3)  # 100 kWh of mall demand less 90


def test_bess_stops_at_its_reserve(simulator: CityLearnSim) -> None:
    simulator.reset(0, 24)
    hour = simulator.step(Setpoints(NO_VEHICLE, -2712.0))
    assert hour.row[4] == 0.0
    assert hour.row[7] == pytest.approx(0.2, abs=1e-7)


def test_moto_hour(simulator: CityLearnSim) -> None:
    simulator.reset(10, 24)
    asked = setpoints(simulator.state, np.concatenate([[0.0], np.ones(SOCKETS)]))
    hour = simulator.step(asked)
    # 0.4 * 3.5 kWh are missing; at 0.95 that is 1.4737 kWh at the charger, less than the socket's 3.5 kW.
    assert hour.socket_kwh[0] == pytest.approx(0.4 * 3.5 / 0.95, abs=1e-6)
    assert simulator.state.soc[0] == pytest.approx(0.9, abs=1e-7)


def test_mototaxi_hours(simulator: CityLearnSim) -> None:
    simulator.reset(10, 24)
    full = np.concatenate([[0.0], np.ones(SOCKETS)])
    energies = [simulator.step(setpoints(simulator.state, full)).socket_kwh[4] for _ in range(3)]
    # 6 kWh are missing, 6.3158 at the charger: a full hour at 3.5 kW, then the rest, then nothing.
    assert energies == pytest.approx([3.5, 0.6 * 10 / 0.95 - 3.5, 0.0], abs=1e-6)
    assert simulator.state.soc[4] == pytest.approx(0.9, abs=1e-6)


def test_guard_charges_as_late_as_it_may_and_still_meets_the_departure(simulator: CityLearnSim) -> None:
    simulator.reset(10, 24)
    idle = np.zeros(1 + SOCKETS)
    energies = np.array([simulator.step(setpoints(simulator.state, idle)).socket_kwh for _ in range(4)])
    # Two full hours before the mototaxi's departure at 14; the moto, due at 12, needs only the last hour.
    assert energies[:, 4] == pytest.approx([0.0, 0.0, 0.6 * 10 / 0.95 - 3.5, 3.5], abs=1e-5)
    assert energies[:, 0] == pytest.approx([0.0, 1.4 / 0.95, 0.0, 0.0], abs=1e-5)


def test_back_to_back_session_starts_at_its_own_soc(simulator: CityLearnSim) -> None:
    simulator.reset(40, 24)
    assert simulator.state.soc[1] == np.float32(0.8)
    full = np.concatenate([[0.0], np.ones(SOCKETS)])
    simulator.step(setpoints(simulator.state, full))
    simulator.step(setpoints(simulator.state, full))
    assert simulator.state.soc[1] == np.float32(0.2)


def test_infeasible_session_is_counted_by_socket_and_hour_and_its_shortfall_is_known(simulator: CityLearnSim) -> None:
    ledger = rollout(simulator, NoControl(), 48, 24).frame
    hour = ledger[ledger["t"] == 60].iloc[0]
    assert hour["infeasible_sockets"] == 1
    assert hour["departures"] == 1
    assert hour["departures_met"] == hour["departures_feasible"] == 0
    # 0.7 * 10 kWh missing, one hour of 3.5 kW at 0.95.
    assert hour["ev_short_kwh"] == pytest.approx(7.0 - 3.5 * 0.95, abs=1e-5)
    assert ledger["infeasible_sockets"].sum() == 1


def test_surplus_is_exported_without_control_and_stored_by_the_rule(simulator: CityLearnSim) -> None:
    idle = rollout(simulator, NoControl(), 0, 24).frame
    rule = rollout(simulator, Rule(), 0, 24).frame
    moto, taxi = 1.4 / 0.95, 0.6 * 10 / 0.95 - 3.5
    assert idle["export_kwh"].sum() == pytest.approx(500.0 - 100.0 - taxi, abs=1e-3)
    assert rule["export_kwh"].sum() == pytest.approx(0.0, abs=1e-3)
    stored = 500.0 - 100.0 - taxi
    assert rule["discharge_kwh"].sum() == pytest.approx(stored * 0.9, abs=1e-3)
    assert idle["ev_kwh"].sum() == pytest.approx(moto + taxi + 3.5, abs=1e-3)


def test_ramping_is_free_in_the_first_hour(simulator: CityLearnSim) -> None:
    ledger = rollout(simulator, NoControl(), 8, 3).frame
    assert ledger["ramping_kwh"].iloc[0] == 0.0
    assert ledger["ramping_kwh"].iloc[2] == pytest.approx(1.4 / 0.95 + 3.5, abs=1e-3)


def test_no_hour_of_the_year_is_left_out_and_the_last_departure_counts(simulator: CityLearnSim) -> None:
    ledger = rollout(simulator, NoControl(), 8736, None).frame
    assert list(ledger["t"]) == list(range(8736, 8760))
    assert ledger["departures_met"].iloc[-1] == 1


def test_an_episode_within_a_session_finds_the_vehicle_at_its_arrival_soc(simulator: CityLearnSim) -> None:
    simulator.reset(11, 24)
    assert simulator.state.soc[0] == np.float32(0.5)


def test_episode_outside_the_year_is_refused(simulator: CityLearnSim) -> None:
    with pytest.raises(Exception, match="the year has 8760 h"):
        simulator.reset(8700, 100)


def test_a_changed_dataset_is_refused(tmp_path: Path) -> None:
    folder = mini_dataset(tmp_path, SESSIONS)
    path = folder / "charger_01_A.csv"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(Exception, match=r"changed: charger_01_A\.csv"):
        CityLearnSim(folder)


def test_two_seeds_give_identical_physics(tmp_path: Path) -> None:
    action = np.random.default_rng(1).random((48, 1 + SOCKETS))
    rows, pv = [], np.where(np.arange(8760) % 24 < 12, 300.0, 0.0)
    for seed in (1, 2):
        simulator = CityLearnSim(mini_dataset(tmp_path / str(seed), SESSIONS, pv_kwh=pv, seed=seed))
        simulator.reset(0, 48)
        rows.append(np.vstack([simulator.step(setpoints(simulator.state, a)).row for a in action]))
    assert np.array_equal(rows[0], rows[1])
