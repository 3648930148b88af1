"""Scenarios: disjoint pools, the same draws for the same seed, and years that CityLearn simulates as the twin does."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.controllers.baselines import ConstantAction, Rule
from pvbesscar.dataset.build import YearTables, build, write_manifest, write_year
from pvbesscar.dataset.perturb import PERTURBATIONS
from pvbesscar.dataset.scenarios import (
    INDEX_FILE,
    POOLS,
    Calendar,
    Recipe,
    ScenarioStore,
    _load_factors,
    _sessions,
    drawn_year,
    week_pools,
)
from pvbesscar.dataset.years import named, read_nominal
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.quality.year.drawn_years import NOT_ASKED, asked_rules, not_asked, require_plausible
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.simulation.rollout import rollout
from pvbesscar.store.files import read_json, sha256_json, write_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError, QualityError, StaleError
from schemas.results import DatasetManifest
from schemas.settings import DAYS, ScenarioSettings, Settings, TariffSettings, Waiver
from tests.builders import scenario, session, write_canonical

COUNTS = {"training": 3, "validation": 1, "test": 2}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A site of eight sockets whose PV, demand and sessions tell from which day they come."""
    settings = scenario(tmp_path_factory.mktemp("scenarios"), scenarios=COUNTS)
    hour, day = np.arange(8760) % 24, np.arange(8760) // 24
    pv = np.where((hour >= 7) & (hour < 17), 1000.0 + day, 0.0)
    sessions = [
        session(k, 24 * d + 9 + k % 3, 24 * d + 12 + k % 3, 0.2 + d / 1000)
        for d in range(365) for k in range(8) if (d + k) % 3
    ]  # fmt: skip
    write_canonical(settings, sessions, pv_kwh=pv, mall_kwh=200.0 + day)
    build(settings, Workspace.of(settings))
    return settings


@pytest.fixture(scope="module")
def store(settings: Settings) -> ScenarioStore:
    return ScenarioStore(Workspace.of(settings).dataset)


def weeks_of(store: ScenarioStore, pool: str) -> set[int]:
    days = [np.concatenate([store.recipe(n).weather_day, store.recipe(n).demand_day]) for n in store.names(pool)]
    return set((np.concatenate(days) // 7).tolist())


def test_no_week_of_one_set_is_in_another(store: ScenarioStore, settings: Settings) -> None:
    index = read_json(Workspace.of(settings).dataset / INDEX_FILE)
    assert sorted(week for pool in POOLS for week in index["pools"][pool]) == list(range(52))
    for pool in POOLS:
        assert weeks_of(store, pool) <= set(index["pools"][pool])
    assert weeks_of(store, "test") & (weeks_of(store, "training") | weeks_of(store, "validation")) == set()


def test_pools_share_each_stratum_60_15_25() -> None:
    # 30 ordinary and 4 holiday weeks of the wet season, 16 ordinary and 2 of the dry one: too few for three pools.
    wet = np.arange(52) < 34
    holiday = np.isin(np.arange(52), [0, 8, 16, 24, 40, 50])
    calendar = Calendar(wet, holiday, last_day_wet=True)
    assert np.bincount(calendar.strata()).tolist() == [18, 30, 0, 4]
    pools = week_pools(calendar, seed=3)
    strata = {pool: np.bincount(calendar.strata()[weeks], minlength=4).tolist() for pool, weeks in pools.items()}
    # 18: 10.8, 2.7, 4.5; 30: 18, 4.5, 7.5; 4: 2.4, 0.6, 1 by the largest remainder, at least one each.
    assert strata == {"training": [11, 18, 0, 2], "validation": [3, 5, 0, 1], "test": [4, 7, 0, 1]}
    assert {pool: weeks.tolist() for pool, weeks in week_pools(calendar, seed=3).items()} == {
        pool: weeks.tolist() for pool, weeks in pools.items()
    }


def test_a_season_of_two_weeks_is_refused() -> None:
    with pytest.raises(ConfigError, match="too few to share"):
        week_pools(Calendar(np.arange(52) < 2, np.zeros(52, np.bool_), last_day_wet=False), seed=1)


def test_each_day_is_the_one_that_the_recipe_names(store: ScenarioStore) -> None:
    recipe, data, nominal = store.recipe("test-01"), store.load("test-01"), store.load("nominal")
    assert np.array_equal(recipe.weather_day % 7, np.arange(365) % 7)
    assert data.pv_kwh[12::24] == pytest.approx(1000.0 + recipe.weather_day, rel=1e-6)
    assert data.mall_kwh[::24] == pytest.approx((200.0 + recipe.demand_day) * recipe.load_factor, rel=1e-6)
    assert np.array_equal(data.calendar[::24, 2], nominal.calendar[::24, 2][recipe.demand_day])
    arrived = data.sessions.arrival // 24
    assert data.sessions.arrival_soc == pytest.approx(0.2 + recipe.demand_day[arrived] / 1000, rel=1e-5)
    assert data.sessions.socket.size == sum((d + k) % 3 > 0 for d in recipe.demand_day for k in range(8))


def test_prices_go_with_the_kinds_of_day(settings: Settings) -> None:
    """A tariff that is cheap on holidays is so on the holidays that were drawn, for energy as for power and invoice."""
    bands = [
        {"name": "work", "days": DAYS[:-1], "pen_per_kwh": 0.5},
        {"name": "rest", "days": DAYS[-1:], "pen_per_kwh": 0.25},
    ]
    nominal = read_nominal(Workspace.of(settings).dataset)
    kinds = nominal.hourly["day_type"].to_numpy()
    with_holiday = int(np.flatnonzero(kinds[:8736].reshape(52, 168).max(axis=1) == 8)[0])
    recipe = recipe_of([with_holiday] * 53)
    own = replace(nominal, tariff=TariffSettings.model_validate({"energy": bands}))
    year = drawn_year(recipe, own).hourly
    holidays = year["day_type"].to_numpy() == 8
    assert holidays.sum() > (kinds == 8).sum()
    assert np.array_equal(year["price"], np.where(holidays, 0.25, 0.5))
    # Where it tells no days apart, prices are those of the calendar, and the digests of drawn years stay.
    assert np.array_equal(drawn_year(recipe, nominal).hourly["price"], nominal.hourly["price"])


def test_weeks_keep_their_season_and_holidays(store: ScenarioStore, settings: Settings) -> None:
    calendar = Calendar.of(store._nominal.hourly, settings.scenarios)
    for name in store.names("training"):
        recipe = store.recipe(name)
        assert np.array_equal(calendar.wet[recipe.weather_day[:364:7] // 7], calendar.wet)
        assert np.array_equal(calendar.strata()[recipe.demand_day[:364:7] // 7], calendar.strata())


def test_load_factors_have_mean_one_the_spread_asked_for_and_a_memory() -> None:
    asked = ScenarioSettings(load_noise=0.05, load_memory=0.8)
    factors = np.concatenate([_load_factors(asked, np.random.default_rng(seed)) for seed in range(200)])
    assert factors.mean() == pytest.approx(1.0, abs=0.003)
    assert factors.std() == pytest.approx(0.05, rel=0.05)
    assert np.corrcoef(factors[:-1], factors[1:])[0, 1] == pytest.approx(0.8, abs=0.02)


def recipe_of(weeks: list[int]) -> Recipe:
    days = np.repeat(weeks, 7)[:365] * 7 + np.arange(365) % 7
    return Recipe("by-hand", days, days, np.ones(365))


def test_a_stay_over_the_edge_of_a_week_keeps_its_end_and_the_next_vehicle_is_left_out() -> None:
    edge = 7 * 24
    frame = pd.DataFrame(
        [
            session(0, edge - 2, edge + 2, 0.5),  # week 0, reaches two hours into the next
            session(1, edge - 2, edge, 0.5),  # leaves at the edge
            session(0, edge + 1, edge + 3, 0.4),  # week 1: collides where it follows week 0, as no data could tell
            session(1, edge + 1, edge + 3, 0.4),
            session(0, edge + 5, edge + 6, 0.4),
            session(0, 3 * edge - 1, 3 * edge + 4, 0.3),  # week 2, the last hour
        ]
    ).drop(index=2)
    frame = pd.concat([frame, pd.DataFrame([session(0, 4 * edge + 1, 4 * edge + 3, 0.6)])], ignore_index=True)
    # Week 4 follows week 0 here; then week 2 stands where no week follows it: the last, and week 51's place.
    drawn, left_out = _sessions(recipe_of([0, 4] + [1] * 49 + [2] * 2), frame)
    assert left_out == 1
    first = drawn[drawn["arrival"] < 2 * edge]
    assert first[["socket", "arrival", "departure"]].to_numpy().tolist() == [
        [0, edge - 2, edge + 2], [1, edge - 2, edge],
    ]  # fmt: skip
    assert drawn["departure"].max() <= 8760


def test_a_stay_past_the_end_of_the_year_is_left_out() -> None:
    # Only the first day of week 0 stands in the year's last place.
    frame = pd.DataFrame([session(0, 20, 24, 0.5), session(1, 22, 26, 0.5)])
    drawn, left_out = _sessions(recipe_of([1] * 52 + [0]), frame)
    assert left_out == 1
    assert drawn[["socket", "arrival", "departure"]].to_numpy().tolist() == [[0, 8756, 8760]]


def test_the_same_seed_gives_the_same_digests_and_another_seed_others(settings: Settings, store: ScenarioStore) -> None:
    index = read_json(Workspace.of(settings).dataset / INDEX_FILE)
    build(settings, Workspace.of(settings))
    assert read_json(Workspace.of(settings).dataset / INDEX_FILE) == index
    assert len(set(index["digests"].values())) == sum(COUNTS.values()) + len(PERTURBATIONS)
    manifest = DatasetManifest.model_validate_json((Workspace.of(settings).dataset / "manifest.json").read_text())
    assert {"scenarios.json", "scenarios.parquet"} <= manifest.files.keys()


def test_more_training_years_change_no_test_year(settings: Settings, tmp_path: Path) -> None:
    more = scenario(tmp_path, scenarios=COUNTS | {"training": 4})
    for name in Workspace.of(settings).canonical.iterdir():
        target = Workspace.of(more).canonical / name.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(name.read_bytes())
    quality = Workspace.of(more).quality / "quality_report.json"
    write_text(quality, (Workspace.of(settings).quality / "quality_report.json").read_text())
    build(more, Workspace.of(more))
    before, after = (read_json(Workspace.of(s).dataset / INDEX_FILE)["digests"] for s in (settings, more))
    assert {name: after[name] for name in before} == before


def test_unknown_names_and_changed_recipes_are_refused(
    settings: Settings, store: ScenarioStore, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="neither a set of scenarios nor a scenario"):
        store.names("test-99")
    assert [store.set_of(name) for name in ("nominal", "test-02", "battery-out")] == ["nominal", "test", "perturbed"]
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in Workspace.of(settings).dataset.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "scenarios.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(StaleError, match="changed"):
        ScenarioStore(folder).load("test-01")
    # A recipe that was exchanged together with its digest in the manifest is found by what it gives.
    frame = pd.read_parquet(Workspace.of(settings).dataset / "scenarios.parquet")
    write_parquet(folder / "scenarios.parquet", frame.assign(load_factor=frame["load_factor"] * 1.01))
    from pvbesscar.store.dataset_manifest import file_digests

    manifest = read_json(folder / "manifest.json")
    files = file_digests(folder)
    write_json(folder / "manifest.json", manifest | {"files": files, "digest": sha256_json(files)})
    with pytest.raises(StaleError, match="is not the one that was built"):
        ScenarioStore(folder).load("test-01")


def test_a_scenario_written_for_citylearn_is_simulated_bit_for_bit_as_the_twin_does(
    settings: Settings, store: ScenarioStore, tmp_path: Path
) -> None:
    name = "test-02"
    year, params = store.drawn_year(name)
    nominal_weather = pd.read_parquet(Workspace.of(settings).canonical / "weather.parquet")
    rows = (store.recipe(name).weather_day[:, None] * 24 + np.arange(24)).ravel()
    weather = nominal_weather.iloc[rows].assign(timestamp=nominal_weather["timestamp"].to_numpy())
    weather = weather.reset_index(drop=True)
    tables = YearTables(year.hourly, named(year.sessions), weather)
    reference = write_year(tmp_path, settings, tables, params)
    write_manifest(tmp_path, settings, tables, params, reference, "0" * 64)
    theirs, data = CityLearnSim(tmp_path), store.load(name)
    assert np.array_equal(load_plant(tmp_path).reference, data.reference)
    for controller in (Rule(), ConstantAction(0.3)):
        for start in (6 * 24, 8760 - 48):  # over the edge of a week, and the last two days
            expected = rollout(theirs, controller, start, 48)
            assert rollout(Twin(data), controller, start, 48).frame.equals(expected.frame)


def perturbed(store: ScenarioStore, name: str) -> Any:
    return store.load(name), store.load("test-01")


def test_forecast_errors_are_on_what_is_seen_only(store: ScenarioStore) -> None:
    wrong, base = perturbed(store, "forecast-error")
    assert np.array_equal(wrong.pv_kwh, base.pv_kwh)
    assert np.array_equal(wrong.mall_kwh, base.mall_kwh)
    factor = wrong.forecast[:, 2] / base.forecast[:, 2]
    assert factor.std() == pytest.approx(0.2, rel=0.15)
    assert wrong.forecast[:, 0].max() <= wrong.params.pv_ac_kw


def test_chargers_out_take_no_vehicles(store: ScenarioStore) -> None:
    out, base = perturbed(store, "chargers-out")
    # One of two chargers, four of eight sockets.
    (left,) = np.unique(out.sessions.socket // 4)
    assert out.sessions.socket.size == (base.sessions.socket // 4 == left).sum()


def test_a_battery_that_is_out_exchanges_nothing(store: ScenarioStore) -> None:
    out, base = perturbed(store, "battery-out")
    ledger = rollout(Twin(out), Rule(), 0, 24 * 7)
    assert ledger.total("charge_kwh") == ledger.total("discharge_kwh") == 0.0
    assert ledger.frame["bess_soc"].unique() == pytest.approx([0.2])
    assert rollout(Twin(base), Rule(), 0, 24 * 7).total("charge_kwh") > 1000.0
    assert np.array_equal(out.reference, base.reference)


def test_arrivals_change_by_the_share_asked_for(store: ScenarioStore) -> None:
    more, base = perturbed(store, "arrivals-plus")
    fewer, _ = perturbed(store, "arrivals-minus")
    assert fewer.sessions.socket.size == round(0.8 * base.sessions.socket.size)
    assert base.sessions.socket.size < more.sessions.socket.size <= round(1.2 * base.sessions.socket.size)
    stays = (more.sessions.departure - more.sessions.arrival).sum()
    assert (more.occupant >= 0).sum() == stays  # nobody shares a socket


def test_a_cloudy_month_has_the_cloudiest_week(store: ScenarioStore) -> None:
    cloudy, base = perturbed(store, "cloudy-month")
    august = base.calendar[:, 1] == 8
    assert np.array_equal(cloudy.pv_kwh[~august], base.pv_kwh[~august])
    worst = base.pv_kwh[: 364 * 24].reshape(52, 168).sum(axis=1).min()
    assert cloudy.pv_kwh[august][:168].sum() == pytest.approx(worst, rel=1e-3)


def test_a_perturbation_is_drawn_by_its_name_and_not_by_its_place(
    store: ScenarioStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.load("arrivals-minus").sessions.arrival
    turned = dict(reversed(PERTURBATIONS.items()))
    monkeypatch.setattr("pvbesscar.dataset.perturb.PERTURBATIONS", turned)
    assert np.array_equal(store.load("arrivals-minus").sessions.arrival, before)


def test_short_stays_last_one_hour(store: ScenarioStore) -> None:
    short, base = perturbed(store, "short-stays")
    assert np.array_equal(short.sessions.departure, base.sessions.arrival + 1)
    assert short.reference[3] == pytest.approx(base.reference[3])


def test_every_rule_is_asked_or_its_reason_is_known() -> None:
    asked = {rule.id for rule in asked_rules()}
    for rule in YEAR_RULES.all():
        assert (rule.id in asked) == (rule.severity == "error" and not_asked(rule) is None)
    assert set(NOT_ASKED) <= {rule.id for rule in YEAR_RULES.all()}
    assert {"sessions.overlap", "sessions.window", "values.finite", "pv.above_rating", "time.length"} <= asked
    assert {"solar.night", "energy.mall_declared", "weather.range"} & asked == set()


def test_a_drawn_year_that_breaks_a_rule_is_refused(settings: Settings, store: ScenarioStore) -> None:
    year, _ = store.drawn_year("test-01")
    applied = [rule.id for rule in asked_rules()]
    doubled = pd.concat([named(year.sessions), named(year.sessions).iloc[:3]])
    with pytest.raises(QualityError, match=r"scenario `x`.*sessions.unique"):
        require_plausible("x", year.hourly, doubled, settings, applied)
    above = year.hourly.assign(pv_kwh=year.hourly["pv_kwh"] * 4.0)
    with pytest.raises(QualityError, match=r"pv\.above_rating"):
        require_plausible("x", above, named(year.sessions), settings, ["pv.above_rating"])


def test_what_is_waived_in_the_validated_year_is_accepted_in_drawn_years(
    settings: Settings, store: ScenarioStore
) -> None:
    year, _ = store.drawn_year("test-01")
    nightly = year.hourly.assign(mall_kwh=np.roll(year.hourly["mall_kwh"].to_numpy(), 12))
    asked = ("x", nightly, named(year.sessions))
    with pytest.raises(QualityError, match=r"mall\.time_shift"):
        require_plausible(*asked, settings, ["mall.time_shift"])
    waiver = Waiver(rule="mall.time_shift", reason="a casino, open at night", until=dt.date(2030, 1, 1))
    waived = settings.model_copy(
        update={"date": dt.date(2029, 12, 31), "quality": settings.quality.model_copy(update={"waivers": (waiver,)})}
    )
    require_plausible(*asked, waived, ["mall.time_shift"])
    with pytest.raises(QualityError, match=r"mall\.time_shift"):
        require_plausible(*asked, waived.model_copy(update={"date": dt.date(2030, 1, 2)}), ["mall.time_shift"])
