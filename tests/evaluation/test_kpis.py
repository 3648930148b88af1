"""Each key figure on one day worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pvbesscar.controllers.baselines import NoControl
from pvbesscar.evaluation.kpis import KPIS, ControllerRun, captured, kpi_values
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import Ledger, rollout
from schemas.results import ScoreTerms
from schemas.settings import WeightSettings
from tests.builders import mini_dataset, session

# Two days of two hours each that count; the other hours are zero. Import 100, 60 | 20, 0; export 0, 0 | 0, 40.
HOURS = {
    0: {
        "import_kwh": 100.0,
        "mall_kwh": 90.0,
        "ev_kwh": 20.0,
        "pv_kwh": 10.0,
        "co2_kg": 50.0,
        "cost_pen": 30.0,
        "reward": -2.0,
    },
    1: {
        "import_kwh": 60.0,
        "mall_kwh": 90.0,
        "pv_kwh": 10.0,
        "discharge_kwh": 20.0,
        "co2_kg": 30.0,
        "cost_pen": 18.0,
        "ramping_kwh": 40.0,
        "reward": -1.0,
    },
    24: {
        "import_kwh": 20.0,
        "mall_kwh": 20.0,
        "co2_kg": 10.0,
        "cost_pen": 6.0,
        "ramping_kwh": 20.0,
        "ev_short_kwh": 3.0,
        "departures": 4.0,
        "departures_met": 2.0,
        "departures_feasible": 3.0,
        "departures_met_feasible": 2.0,
        "reward": -1.0,
    },
    25: {
        "export_kwh": 40.0,
        "pv_kwh": 80.0,
        "charge_kwh": 40.0,
        "solar_kwh": 40.0,
        "ramping_kwh": 20.0,
    },
}
REFERENCE = ScoreTerms(co2_kg=180.0, solar_kwh=80.0, cost_pen=108.0, ev_short_kwh=30.0, ramping_kwh=160.0)
# 0.5 * 90/180 + 0.2 * 40/80 + 0.15 * 54/108 + 0.1 * 3/30 + 0.05 * 80/160
J = 0.25 + 0.10 + 0.075 + 0.01 + 0.025
BY_HAND = {
    "j": J,
    "gap_closed": (0.5 - J) / (0.5 - 0.4),
    "captured_share": (0.9 - J) / (0.9 - 0.4),
    "mean_reward": -4.0 / 48.0,
    "co2_kg": 90.0,
    "co2_net_kg": (180.0 - 40.0) * 0.5,
    "fuel_avoided_kg": 20.0 * 2.146,
    "cost_pen": 54.0,
    "solar_kwh": 40.0,
    "ev_short_kwh": 3.0,
    "ramping_kwh": 80.0,
    "import_kwh": 180.0,
    "export_kwh": 40.0,
    "self_consumption": 1.0 - 40.0 / 100.0,
    "self_sufficiency": 1.0 - 180.0 / (200.0 + 20.0),
    "peak_kw": 100.0,
    "mean_daily_peak_kw": (100.0 + 20.0) / 2.0,
    "load_factor": (180.0 / 48.0) / 100.0,
    "departures_met_share": 0.5,
    "met_when_feasible": 2.0 / 3.0,
    "mean_shortfall_kwh": 0.75,
    # Shares short 0.3 and 0.1 of the two sockets that were used: 0.1 from their mean of 0.2.
    "spread_over_sockets": 0.1,
    "equivalent_full_cycles": 60.0 / (2.0 * 300.0),
    "bess_throughput_kwh": 60.0,
}


def judged(optimum_j: float | None = 0.4) -> ControllerRun:
    columns = sorted({name for hour in HOURS.values() for name in hour})
    frame = pd.DataFrame([HOURS.get(t, {}) for t in range(48)], columns=columns).fillna(0.0)
    frame.insert(0, "timestamp", pd.date_range("2025-03-10", periods=48, freq="h", tz="America/Lima"))
    frame["carbon"] = 0.5
    served = np.array([[8.0, 6.0, 0.0], [2.4, 0.6, 0.0]])
    against = (0.9, optimum_j, 0.5, None if optimum_j is None else optimum_j + 1e-4)
    return ControllerRun([Ledger("x", frame, served)], REFERENCE, WeightSettings(), 300.0, 2.146, *against)


@pytest.mark.parametrize("name", [kpi.name for kpi in KPIS])
def test_on_a_day_worked_out_by_hand(name: str) -> None:
    assert kpi_values(judged())[name] == pytest.approx(BY_HAND[name])


def test_every_figure_has_unit_title_and_formula() -> None:
    assert [kpi.name for kpi in KPIS] == list(BY_HAND)
    assert all(kpi.unit and kpi.title and kpi.formula for kpi in KPIS)


def test_what_has_no_meaning_is_none_and_not_zero() -> None:
    own = judged(optimum_j=None)
    empty = pd.DataFrame(0.0, index=range(24), columns=own.ledgers[0].frame.columns.drop("timestamp"))
    empty.insert(0, "timestamp", pd.date_range("2025-03-10", periods=24, freq="h", tz="America/Lima"))
    none = kpi_values(ControllerRun([Ledger("x", empty)], REFERENCE, WeightSettings(), 300.0, 2.146, 0.9))
    for name in ("gap_closed", "captured_share", "self_consumption", "self_sufficiency", "load_factor",
                 "departures_met_share", "met_when_feasible", "mean_shortfall_kwh", "spread_over_sockets"):  # fmt: skip
        assert none[name] is None, name
    assert none["import_kwh"] == 0.0


def test_a_share_of_nothing_is_no_share() -> None:
    assert captured(0.9, 0.5, 0.4) == pytest.approx(0.8)
    assert captured(0.9, 0.9, 0.9) is None
    assert captured(0.9, 0.5, None) is None


def test_what_each_socket_was_served_is_counted_from_the_plant(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Socket 0 is met; socket 5 (10 kWh) needs 6 kWh in one hour and gets 3.5 x 0.95.
    sessions = [session(0, 10, 13, 0.3), session(5, 10, 11, 0.3)]
    data = load_plant(mini_dataset(tmp_path_factory.mktemp("served"), sessions))
    served = rollout(Twin(data), NoControl(), 0, 24).served
    assert served is not None
    assert served[:, 0] == pytest.approx([0.6 * 3.5, 0.0], abs=1e-6)
    assert served[:, 5] == pytest.approx([6.0, 6.0 - 3.5 * 0.95], rel=1e-6)
    assert served.sum() == pytest.approx(served[:, [0, 5]].sum())
