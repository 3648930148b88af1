"""Every kind of fault is found by its rule at every site, and clean years give nothing."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.quality.year.rules.copies import copied_weeks, repeated_days
from pvbesscar.quality.year.rules.levels import day_levels, other_level
from pvbesscar.quality.year.rules.lines import straight_rows
from pvbesscar.quality.year.rules.patterns import flat_runs
from pvbesscar.quality.year.rules.time_shift import shift_against_sky
from schemas.results import Finding
from tests.quality.faults import FAULTS, Fault, copied_week, exchanged_months
from tests.quality.spanish import check_spanish
from tests.quality.years import (
    IQUITOS,
    PLACES,
    TYPICAL_YEARS,
    Place,
    clean_context,
    context_of,
    found,
    settings_for,
    typical_year,
)

SAMPLE = (PLACES[0], PLACES[5], PLACES[-1])
"""60 N, 15 N and 46 S: each kind of fault is planted at one of them; the slow test takes all sites."""

WAIVERS = ("waiver.expired", "waiver.unused")
"""Of the configuration's waivers, not of data: tests/quality/test_quality_waivers.py."""

BY_KIND = {fault.kind: fault for fault in FAULTS}


@functools.lru_cache(maxsize=4)
def clean_at(place: Place, seed: int) -> QualityContext:
    return clean_context(place, seed)


def planted(fault: Fault, place: Place, seed: int) -> tuple[Finding, ...]:
    rng = np.random.default_rng([seed, *fault.kind.encode()])
    return judge(fault.inject(clean_at(place, seed), rng))


def rules_found(fault: Fault, place: Place, seed: int) -> set[str]:
    return {finding.rule for finding in planted(fault, place, seed)}


def test_the_catalogue_is_large_and_every_rule_is_in_it_or_tested_alone() -> None:
    assert len(BY_KIND) == len(FAULTS) >= 75
    # An hourly carbon intensity is in no clean year: tests/oe2/test_oe2_carbon.py.
    alone = {
        "carbon.hourly", "weather.negative_wind", "sessions.none", "pv.yield", "pv.energy_balance",
        "solar.other_season", *WAIVERS,
    }  # fmt: skip
    assert {rule.id for rule in YEAR_RULES.all()} == {fault.rule for fault in FAULTS} | alone


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: FAULTS[number].kind)
def test_each_kind_of_fault_is_found_by_its_rule(number: int) -> None:
    fault = FAULTS[number]
    place = SAMPLE[number * len(SAMPLE) // len(FAULTS)]
    findings = planted(fault, place, seed=3)
    assert fault.rule in {finding.rule for finding in findings}
    for finding in findings:
        check_spanish(finding)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_each_kind_of_fault_is_found_at_every_site(place: Place) -> None:
    missed = [
        (fault.kind, seed, sorted(found))
        for seed in (0, 1)
        for fault in FAULTS
        if fault.rule not in (found := rules_found(fault, place, seed))
    ]
    assert missed == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_clean_year_has_no_finding_anywhere(place: Place) -> None:
    assert judge(clean_context(place, seed=5)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_clean_years_of_many_seeds_have_no_finding(place: Place) -> None:
    assert [judge(clean_context(place, seed)) for seed in range(10, 20)] == [()] * 10


@pytest.mark.parametrize(("file", "timezone"), TYPICAL_YEARS)
def test_measured_years_that_ship_with_pvlib_have_no_finding(file: str, timezone: str) -> None:
    place, weather = typical_year(file, timezone)
    assert judge(context_of(settings_for(place), weather)) == ()


def test_a_typical_year_left_at_the_end_of_its_intervals_is_an_hour_late() -> None:
    place, weather = typical_year(*TYPICAL_YEARS[0])
    columns = ["ghi_w_m2", "dni_w_m2", "dhi_w_m2"]
    weather[columns] = np.roll(weather[columns].to_numpy(), 1, axis=0)
    finding = next(f for f in judge(context_of(settings_for(place), weather)) if f.rule == "solar.time_shift")
    assert finding.message == "the irradiance is 1 h late against the sun"


def test_flat_runs_are_runs_of_equal_values_among_the_rows_judged() -> None:
    values = np.array([1.0, 2, 2, 2, 3, 3, 4, 4, 4, 4])
    judged = np.ones(10, dtype=bool)
    assert flat_runs(values, judged, 3).tolist() == [1, 2, 3, 6, 7, 8, 9]
    judged[8] = False
    assert flat_runs(values, judged, 3).tolist() == [1, 2, 3]


def test_repeated_days_are_all_that_are_equal_the_genuine_one_too() -> None:
    days = np.repeat(np.arange(4), 24)
    values = np.arange(96.0)
    values[72:] = values[24:48]
    assert repeated_days(days, values).tolist() == [*range(24, 48), *range(72, 96)]
    assert repeated_days(days, np.zeros(96)).size == 0


@pytest.mark.parametrize("late", [-7, -1, 0, 1, 12])
def test_the_shift_is_the_one_planted(late: int) -> None:
    sky = np.tile(np.sin((np.arange(24) - 6) / 12 * np.pi).clip(0) * 900, 10)
    best, excess, left = shift_against_sky(np.roll(0.9 * sky, late), sky)
    assert (best, left) == (late, 0.0)
    assert (excess > 0) == (late != 0)


def test_acopied_week_is_told_with_its_number_and_both_places() -> None:
    rng = np.random.default_rng(1)
    values = (1.0 + 0.1 * rng.standard_normal(8760)) * np.tile(1.0 + np.arange(24.0), 365)
    assert copied_weeks(values) == []
    values[4800:4968] = 0.985 * values[2400:2568]
    (copy,) = copied_weeks(values)
    assert (copy.first, copy.second, copy.rows, round(copy.factor, 9)) == (2400, 4800, 168, 0.985)
    assert copy.apart < 1e-6


def test_the_level_of_days_is_the_factor_that_was_planted() -> None:
    rng = np.random.default_rng(1)
    values = (1.0 + 0.05 * rng.standard_normal((365, 24))) * (1.0 + np.arange(24.0))
    kind = np.arange(365) % 7
    growing = values * np.linspace(1.0, 3.0, 365)[:, None]
    assert other_level(day_levels(growing, kind))[0].size == 0
    values[100:130] *= 60.0
    days, factor = other_level(day_levels(values, kind))
    assert days.tolist() == list(range(100, 130))
    assert round(factor) == 60


def test_a_level_stretch_or_a_steady_night_is_no_straight_line() -> None:
    rng = np.random.default_rng(1)
    values = np.tile(np.where(np.arange(24) < 9, 5.0, 20.0), 60) * (1.0 + 0.05 * rng.standard_normal(1440))
    values.reshape(60, 24)[:, :9] = 5.0
    assert straight_rows(values, 10).size == 0
    values[500:514] = np.linspace(values[500], values[513], 14)
    assert straight_rows(values, 10).tolist() == list(range(500, 514))


@pytest.mark.parametrize("place", [PLACES[0], PLACES[3], PLACES[-1]], ids=lambda place: place.name)
def test_months_of_light_exchanged_are_found_away_from_the_equator(place: Place) -> None:
    year = clean_at(place, 3)
    fault = exchanged_months("weather", 4, 7, "ghi_w_m2", "dni_w_m2", "dhi_w_m2")
    assert found(fault(year, np.random.default_rng(0)), "solar.other_season")


@pytest.mark.parametrize(("rule_id", "right"), [("pv", 1), ("weather", 1)])
def test_the_copy_is_named_by_what_was_metered_beside_it(rule_id: str, right: int) -> None:
    year = clean_context(
        IQUITOS, 3, weather={"source": "file", "file": "w.csv"}, pv={"source": "file", "file": "p.csv"}
    )
    columns = ("pv_kwh",) if rule_id == "pv" else ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")
    spoilt = copied_week(rule_id, *columns)(year, np.random.default_rng(0))
    finding = next(one for one in found(spoilt, "solar.repeated_week") if one.source.startswith(rule_id))
    assert f"the {('first', 'second')[right]} is the copy" in finding.message
    assert "times 0.985" in finding.message
