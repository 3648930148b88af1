"""The dataset folder: whole, causal, and legal in every charger file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.dataset.build import build, citylearn_pv
from pvbesscar.dataset.charger_files import charger_frame, check_charger_frame
from pvbesscar.dataset.forecast import load_forecast, persistence_forecast, solar_forecast
from pvbesscar.dataset.reference import charge_on_arrival, infeasible, no_control_terms
from pvbesscar.oe2.calendar import day_types
from pvbesscar.oe2.weather import clear_sky
from pvbesscar.plant.data import hours_to_change, load_plant, sessions_from_columns
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.workspace import Workspace
from schemas.errors import SimulationError, StaleError
from schemas.settings import SiteSettings
from tests.builders import mini_dataset, scenario, session, write_canonical

FINDING = {
    "rule": "solar.all_zero", "severity": "error", "source": "pv.csv", "column": "pv_kwh",
    "observed": "0", "limit": "2",
    "message": "dark", "cause": "emptied", "fix": "export again", "hours": [], "n_hours": 8760,
}  # fmt: skip
SESSIONS = [session(0, 0, 3, 0.5), session(0, 3, 5, 0.2), session(1, 10, 12, 0.4), session(4, 8757, 8760, 0.3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_dataset(tmp_path_factory.mktemp("dataset"), SESSIONS, pv_kwh=50.0)


def test_every_file_is_in_the_manifest_and_every_charger_has_its_file(folder: Path) -> None:
    manifest = read_manifest(folder)
    schema = json.loads((folder / "schema.json").read_text())
    chargers = schema["buildings"]["Mall_Iquitos"]["chargers"]
    used = {c["charger_simulation"] for c in chargers.values()} | {
        "building.csv", "weather.csv", "pricing.csv", "carbon_intensity.csv",
    }  # fmt: skip
    own = {"schema.json", "plant.json", "hourly.parquet", "sessions.parquet", "scenarios.json", "scenarios.parquet"}
    assert len(chargers) == 8
    assert set(manifest.files) == used | own
    assert {p.name for p in folder.iterdir()} == used | own | {"manifest.json"}


def test_every_series_has_the_closing_row(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        assert len(pd.read_csv(path)) == 8761, path.name


@pytest.mark.parametrize("fault", ["missing", "orphan", "changed"])
def test_a_folder_that_is_not_its_manifest_is_named(tmp_path: Path, fault: str) -> None:
    folder = mini_dataset(tmp_path, SESSIONS)
    if fault == "missing":
        (folder / "weather.csv").unlink()
    elif fault == "orphan":
        (folder / "old.csv").write_text("x")
    else:
        (folder / "pricing.csv").write_text("x")
    with pytest.raises(StaleError, match=r"missing: weather\.csv|unknown: old\.csv|changed: pricing\.csv"):
        read_manifest(folder)


def test_same_input_same_digest(tmp_path: Path) -> None:
    first, second = (read_manifest(mini_dataset(tmp_path / name, SESSIONS)) for name in "ab")
    assert first.digest == second.digest


def test_year_facts(folder: Path) -> None:
    facts = read_manifest(folder).facts
    assert facts.hours == 8760
    assert facts.mall_kwh == pytest.approx(876_000.0)
    assert facts.pv_kwh == pytest.approx(50 * 8760, rel=1e-6)
    assert facts.sessions == 4
    assert facts.sessions_infeasible == 0
    assert facts.ev_kwh == pytest.approx((0.4 * 3.5 + 0.7 * 3.5 + 0.5 * 3.5 + 0.6 * 10) / 0.95, rel=1e-6)


def test_no_physical_parameter_is_left_to_chance(folder: Path) -> None:
    schema = json.loads((folder / "schema.json").read_text())
    building = schema["buildings"]["Mall_Iquitos"]
    batteries = [building["electrical_storage"], *(v["battery"] for v in schema["electric_vehicles_def"].values())]
    for battery in batteries:
        for name in ("capacity", "nominal_power", "efficiency", "depth_of_discharge", "initial_soc", "loss_coefficient",
                     "capacity_loss_coefficient", "power_efficiency_curve", "capacity_power_curve"):  # fmt: skip
            assert battery["attributes"][name] is not None
    assert building["noise_std"] == 0
    assert all(c["noise_std"] == 0 for c in building["chargers"].values())
    assert all(c["attributes"]["max_discharging_power"] == 0 for c in building["chargers"].values())


def test_charger_file_by_hand() -> None:
    frame = charger_frame(pd.DataFrame([session(1, 3, 5, 0.4), session(1, 5, 6, 0.2)]), 9, "moto_x")
    assert frame["electric_vehicle_charger_state"].tolist() == [3, 3, 2, 1, 1, 1, 3, 3, 3]
    assert frame["electric_vehicle_departure_time"].tolist()[3:6] == [2, 1, 1]
    assert frame["electric_vehicle_estimated_soc_arrival"].tolist()[2:6] == [0.4, 0.4, 0.4, 0.2]
    assert frame["electric_vehicle_session_id"].tolist()[3:6] == ["s001_0003", "s001_0003", "s001_0005"]
    check_charger_frame(frame, "charger")


@pytest.mark.parametrize(
    ("row", "column", "value", "what"),
    [
        (3, "electric_vehicle_charger_state", 4, "a state other"),
        (4, "electric_vehicle_departure_time", 3, "does not count down"),
        (3, "electric_vehicle_id", "", "without id"),
        (3, "electric_vehicle_session_id", "", "without session"),
        (3, "electric_vehicle_estimated_soc_arrival", 40.0, "no ratio"),
        (2, "electric_vehicle_charger_state", 3, "on an empty socket"),
        (5, "electric_vehicle_charger_state", 3, "before its hour|on an empty socket"),
        (8, "electric_vehicle_charger_state", 1, "without hours|closing row"),
    ],
)
def test_an_illegal_charger_file_is_refused(row: int, column: str, value: object, what: str) -> None:
    frame = charger_frame(pd.DataFrame([session(1, 3, 6, 0.4)]), 9, "moto_x")
    frame.loc[row, column] = value
    with pytest.raises(SimulationError, match=what):
        check_charger_frame(frame, "charger")


def test_forecasts_never_look_ahead() -> None:
    stamps = pd.date_range("2025-01-01", periods=24 * 40, freq="h", tz="America/Lima")
    clear = clear_sky(stamps, SiteSettings())["ghi"].to_numpy()
    kinds = day_types(stamps, ("01-06",))
    rng = np.random.default_rng(3)
    series = rng.uniform(50, 100, stamps.size)
    for known in (0, 5, 23, 24, 100, 505, 958):
        changed = series.copy()
        changed[known + 1 :] = rng.uniform(0, 1000, stamps.size - known - 1)
        for forecast in (
            lambda x: solar_forecast(x * (clear > 0), clear),
            lambda x: load_forecast(x, kinds),
            persistence_forecast,
        ):
            assert np.array_equal(forecast(series)[: known + 1], forecast(changed)[: known + 1])


def test_load_forecast_is_exact_for_a_week_that_repeats() -> None:
    stamps = pd.date_range("2025-01-06", periods=24 * 28, freq="h", tz="America/Lima")
    shape = np.where(np.arange(24) < 9, 50.0, 100.0)
    load = np.concatenate([shape * (0.5 if d % 7 >= 5 else 1.0) for d in range(28)])
    ahead = load_forecast(load, day_types(stamps, ()))
    for step in (1, 2, 3):
        assert ahead[24 * 14 : -step, step - 1] == pytest.approx(load[24 * 14 + step :])


def test_solar_forecast_follows_a_steady_sky() -> None:
    stamps = pd.date_range("2025-03-01", periods=24 * 10, freq="h", tz="America/Lima")
    clear = clear_sky(stamps, SiteSettings())["ghi"].to_numpy()
    ahead = solar_forecast(0.6 * clear, clear)
    assert ahead[48:-3, 0] == pytest.approx(0.6 * clear[49:-2], abs=1e-6)


def test_day_types_and_tariff_changes() -> None:
    stamps = pd.date_range("2025-04-14", periods=24 * 7, freq="h", tz="America/Lima")  # a Monday
    assert day_types(stamps, ("2025-04-17", "04-18"))[::24].tolist() == [1, 2, 3, 8, 8, 6, 7]
    price = np.where((stamps.hour >= 18) & (stamps.hour < 23), 0.45, 0.28)
    assert hours_to_change(price)[[0, 17, 18, 22, 23]].tolist() == [18, 1, 5, 1, 19]


def test_pv_is_what_citylearn_will_compute() -> None:
    values = np.random.default_rng(0).uniform(0, 3201.2, 1000)
    per_kw, back = citylearn_pv(values, 4162.0)
    assert back == pytest.approx(values, rel=2e-7)
    assert np.array_equal(back, (4162.0 * per_kw.astype(np.float32) / 1000.0).astype(np.float32))


def test_charge_on_arrival_and_feasibility(folder: Path) -> None:
    data = load_plant(folder)
    sessions = sessions_from_columns(pd.DataFrame([session(4, 5, 6, 0.1), session(5, 5, 9, 0.3)]))
    demand = charge_on_arrival(data.params, sessions, 12)
    assert demand[5:8] == pytest.approx([7.0, 6 / 0.95 - 3.5, 0.0], abs=1e-6)
    assert infeasible(data.params, sessions).tolist() == [True, False]
    # A stretch from hour 6 on finds the second vehicle as it arrived; the first has left.
    assert charge_on_arrival(data.params, sessions, 2, 6) == pytest.approx([3.5, 6 / 0.95 - 3.5], abs=1e-6)


def test_no_control_by_hand(folder: Path) -> None:
    # Hours 5 to 7: 10 kWh of mall, PV of 0, 20 and 0 kWh; two vehicles draw 7.0, 2.82 and 0 kWh.
    data, rest = load_plant(folder), 6 / 0.95 - 3.5
    sessions = sessions_from_columns(pd.DataFrame([session(4, 5, 6, 0.1), session(5, 5, 9, 0.3)]))
    pv, mall, price = np.array([0.0, 20.0, 0.0]), np.full(3, 10.0), np.array([0.28, 0.28, 0.45])
    found = no_control_terms(data.params, pv, mall, price, np.full(3, 0.5), sessions, data.tariff, start=5)
    assert found.co2_kg == pytest.approx(0.5 * 27.0, abs=1e-6)
    assert found.solar_kwh == pytest.approx(10.0 - rest, abs=1e-6)
    assert found.cost_pen == pytest.approx(17.0 * 0.28 + 10.0 * 0.45, abs=1e-6)
    assert found.ramping_kwh == pytest.approx(17.0 + 10.0, abs=1e-6)
    # Only the first departs within the stretch: it requires 0.8 of 10 kWh.
    assert found.ev_short_kwh == pytest.approx(8.0, abs=1e-6)


def test_nothing_is_built_from_a_year_that_the_gate_has_not_accepted(tmp_path: Path) -> None:
    folder = mini_dataset(tmp_path, SESSIONS)
    before = read_manifest(folder).digest
    settings = scenario(tmp_path)
    workspace = Workspace.of(settings)
    write_canonical(settings, SESSIONS, mall_kwh=50.0)
    report = workspace.quality / "quality_report.json"
    accepted = report.read_text()
    report.unlink()
    with pytest.raises(StaleError, match="have not been judged"):
        build(settings, workspace)
    refused = json.loads(accepted) | {"findings": [FINDING]}
    report.write_text(json.dumps(refused))
    with pytest.raises(StaleError, match="refused these canonical files"):
        build(settings, workspace)
    write_canonical(settings, SESSIONS, mall_kwh=60.0)
    report.write_text(accepted)
    with pytest.raises(StaleError, match="judges other canonical files"):
        build(settings, workspace)
    assert read_manifest(folder).digest == before
