"""The split of the weeks: no day of a window or of a training year is a day of a test week, by content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.dataset.scenarios import INDEX_FILE, Calendar, ScenarioStore, validation_weeks, week_pools, windows_of
from pvbesscar.dataset.years import WEEK, read_nominal
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.simulation.windows import window_stretches
from pvbesscar.store.files import read_json
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings
from tests.builders import scenario, session, write_canonical

ROOT = Path(__file__).resolve().parents[2]
HOURLY = ["pv_kwh", "mall_kwh", "day_type"]
SESSION = ["socket", "battery_kwh", "arrival_soc", "required_soc"]


def day_hashes(hourly: pd.DataFrame, sessions: pd.DataFrame) -> list[str]:
    """Hash of what each day of a year is: its PV, its demand, and the sessions that arrive on it."""
    values = hourly[HOURLY].to_numpy(np.float64).reshape(-1, 24 * len(HOURLY))
    ordered = sessions.sort_values(["arrival", "socket"])
    stay = ordered["departure"] - ordered["arrival"]
    own = ordered[SESSION].assign(hour=ordered["arrival"] % 24, stay=stay).to_numpy(np.float64)
    days = ordered["arrival"].to_numpy() // 24
    return [
        hashlib.sha256(values[day].tobytes() + own[days == day].tobytes()).hexdigest() for day in range(len(values))
    ]


def days_of(weeks: np.ndarray | list[int]) -> list[int]:
    return [WEEK * int(week) + day for week in weeks for day in range(WEEK)]


def require_no_test_day(dataset: Path) -> None:
    """No day of a window, and none that training or validation years are made of, is a day of a test week."""
    store, nominal = ScenarioStore(dataset), read_nominal(dataset)
    hashes = day_hashes(nominal.hourly, nominal.sessions)
    pools = read_json(dataset / INDEX_FILE)["pools"]
    test = {hashes[day] for day in days_of(pools["test"])}
    assert len(test) == WEEK * len(pools["test"])
    for stretch in window_stretches(windows_of(dataset), 168):
        days = range(stretch.start // 24, (stretch.start + stretch.hours) // 24)
        assert len(days) == WEEK
        assert {hashes[day] for day in days} & test == set(), stretch.name
        assert {day // WEEK for day in days} <= set(pools["validation"])
    for pool, other in (("training", "validation"), ("validation", "training")):
        for name in store.names(pool):
            recipe = store.recipe(name)
            used = {hashes[day] for day in (*recipe.weather_day, *recipe.demand_day)}
            assert used & (test | {hashes[day] for day in days_of(pools[other])}) == set(), name


def test_no_window_of_the_default_holds_a_day_of_the_test(site_workspace: Workspace) -> None:
    require_no_test_day(site_workspace.dataset)
    assert windows_of(site_workspace.dataset).keys() == {"validation-dry", "validation-wet", "validation-holiday"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iquitos_oe2", "iquitos_metered"])
def test_no_window_of_the_measured_years_holds_a_day_of_the_test(name: str, oe2_dir: Path, tmp_path: Path) -> None:
    places = [f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}", "quality.second_reading=false"]
    settings = load_settings(ROOT / "config" / f"{name}.yaml", places).settings
    workspace = Workspace.of(settings)
    for stage in (ingest, validate, build):
        stage(settings, workspace)
    require_no_test_day(workspace.dataset)


def test_windows_are_of_their_kind_and_the_middle_one_of_it() -> None:
    wet, holiday = np.arange(52) < 30, np.isin(np.arange(52), [5, 40])
    calendar = Calendar(wet, holiday, last_day_wet=True)
    validation = np.array([1, 5, 9, 20, 33, 35, 38, 50])
    assert validation_weeks(calendar, validation) == {
        "validation-dry": 35, "validation-wet": 9, "validation-holiday": 5,
    }  # fmt: skip
    # Where the pool has no week of a kind there is no window of it.
    assert validation_weeks(calendar, np.array([33])) == {"validation-dry": 33}


def year_with(settings: Settings, weeks: np.ndarray, factor: float) -> ScenarioStore:
    """Dataset of a year in which PV and demand of some weeks are others; its highest demand is not touched."""
    hour, day = np.arange(8760) % 24, np.arange(8760) // 24
    changed = np.where(np.isin(day // WEEK, weeks), factor, 1.0)
    pv = np.where((hour >= 7) & (hour < 17), 1000.0 + day, 0.0) * changed
    sessions = [session(0, 24 * d + 9, 24 * d + 12, 0.5 if changed[24 * d] == 1.0 else 0.2) for d in range(365)]
    write_canonical(settings, sessions, pv_kwh=pv, mall_kwh=np.where(day == 364, 900.0, (200.0 + day) * changed))
    build(settings, Workspace.of(settings))
    return ScenarioStore(Workspace.of(settings).dataset)


def test_what_learns_and_what_chooses_reads_no_test_week(tmp_path: Path) -> None:
    """Fits, imitation and training read the training years, choices the windows: none moves with the test weeks."""
    counts = {"training": 2, "validation": 1, "test": 1}
    first, second = (scenario(tmp_path / name, scenarios=counts) for name in ("one", "two"))
    one = year_with(first, np.array([], dtype=np.int64), 1.0)
    test = week_pools(Calendar.of(read_nominal(one.dataset).hourly, first.scenarios), first.scenarios.split_seed)[
        "test"
    ]
    two = year_with(second, test, 0.5)
    assert one.windows() == two.windows()
    assert one.load("test-01").digest != two.load("test-01").digest
    for name in (*one.names("training"), *one.names("validation")):
        assert one.load(name).digest == two.load(name).digest, name
    for stretch in window_stretches(one.windows(), 168):
        hours = slice(stretch.start, stretch.start + stretch.hours)
        for series in ("pv_kwh", "mall_kwh", "price", "carbon"):
            ours, theirs = (getattr(store.load("nominal"), series)[hours] for store in (one, two))
            assert np.array_equal(ours, theirs)


def test_the_split_has_a_seed_of_its_own(site_workspace: Workspace, site_settings: Settings) -> None:
    calendar = Calendar.of(read_nominal(site_workspace.dataset).hourly, site_settings.scenarios)
    built = read_json(site_workspace.dataset / INDEX_FILE)["pools"]
    own = week_pools(calendar, site_settings.scenarios.split_seed)
    assert {pool: weeks.tolist() for pool, weeks in own.items()} == built
    # The split that was looked at while methods were sought: its test weeks are not those of today.
    assert set(week_pools(calendar, site_settings.seed)["test"].tolist()) != set(built["test"])
