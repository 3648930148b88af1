"""J day by day, on ledgers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.evaluation.bound import Bound
from pvbesscar.evaluation.courses import daily_course, factors, gap_parts, yearly_courses
from pvbesscar.evaluation.intervals import SourceWeeks
from pvbesscar.evaluation.samples import Sample
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.simulation.rollout import Ledger
from schemas.results import OptimumResult, ScoreTerms
from tests.evaluation.hand_made import COLUMNS, REFERENCE, WEIGHTS

DAYS = 3


def days(name: str, **columns: Any) -> Ledger:
    """Three days, what is given of each in its first hour."""
    frame = pd.DataFrame(0.0, index=range(24 * DAYS), columns=list(COLUMNS))
    for column, values in columns.items():
        frame.loc[[0, 24, 48], column] = values
    return Ledger(name, frame)


# Half of no control's CO2 is on the first day, and a half of its bill on the last.
IDLE = days(
    "no-control", co2_kg=[150.0, 75.0, 75.0], solar_kwh=[20.0, 20.0, 20.0], ramping_kwh=[5.0, 5.0, 5.0],
    cost_pen=[22.5, 22.5, 45.0], import_kwh=[100.0, 50.0, 100.0], price=[0.225, 0.45, 0.45],
)  # fmt: skip
OWN = days("own", co2_kg=[60.0, 30.0, 60.0], cost_pen=[10.0, 10.0, 25.0], ev_short_kwh=[0.0, 3.0, 0.0])


def test_one_unit_of_a_term_adds_its_weight_over_its_scale() -> None:
    unit = factors(REFERENCE, WEIGHTS)
    assert unit == pytest.approx(
        {"co2_kg": 0.5 / 300, "solar_kwh": 0.2 / 60, "cost_pen": 0.15 / 90, "ev_short_kwh": 0.1 / 30,
         "ramping_kwh": 0.05 / 15}
    )  # fmt: skip
    left_out = factors(REFERENCE.model_copy(update={"solar_kwh": 0.0}), WEIGHTS)
    assert left_out["solar_kwh"] == 0.0


def test_the_days_add_up_to_j() -> None:
    course = daily_course(OWN, IDLE, REFERENCE, WEIGHTS)
    assert course.sum() == pytest.approx(score(terms([OWN]), REFERENCE, WEIGHTS), rel=1e-12)
    # The first day by hand. CO2: 60, less 150 x (its half of the scale - 1/3). The bill of no control by import x price
    # is 22.5, 22.5 and 45, so cost is 10, less 45 x (1/4 - 1/3). EV service has nothing on this day.
    co2 = 0.5 / 300 * (60.0 - 150.0 * (0.5 - 1 / 3))
    cost = 0.15 / 90 * (10.0 - 45.0 * (0.25 - 1 / 3))
    assert course[0] == pytest.approx(co2 + cost)
    assert course[1] == pytest.approx(
        0.5 / 300 * (30.0 - 150.0 * (0.25 - 1 / 3)) + 0.15 / 90 * (10.0 - 45.0 * (0.25 - 1 / 3)) + 0.1 / 30 * 3.0
    )


def test_no_control_is_its_own_scale_on_every_day() -> None:
    assert daily_course(IDLE, IDLE, REFERENCE, WEIGHTS) == pytest.approx(np.full(DAYS, 0.9 / DAYS))


def test_the_bound_has_the_course_of_its_replayed_plan() -> None:
    plan = days("optimum", co2_kg=[30.0, 30.0, 30.0])
    optimum = OptimumResult(mode="dispatch", bound=0.144, replay=0.15, terms=terms([plan]), peak_kw=1234.5)
    made = yearly_courses({"no-control": IDLE, "own": OWN}, Bound(optimum, (plan,)), REFERENCE, WEIGHTS)
    assert set(made) == {"no-control", "own", "optimum"}
    assert made["optimum"].sum() == pytest.approx(0.144, rel=1e-12)
    replayed = daily_course(plan, IDLE, REFERENCE, WEIGHTS)
    assert replayed - made["optimum"] == pytest.approx(np.full(DAYS, 0.002))
    refused = yearly_courses({"no-control": IDLE}, Bound(None, refused="why"), REFERENCE, WEIGHTS)
    assert set(refused) == {"no-control"}


def test_the_parts_of_the_gap_add_up_to_it() -> None:
    plan = ScoreTerms(co2_kg=90.0, solar_kwh=5.0, cost_pen=50.0, ev_short_kwh=0.0, ramping_kwh=1.0)
    parts = gap_parts(terms([OWN]), plan, REFERENCE, WEIGHTS)
    difference = score(terms([OWN]), REFERENCE, WEIGHTS) - score(plan, REFERENCE, WEIGHTS)
    assert sum(part.contribution for part in parts) == pytest.approx(difference, abs=1e-15)
    assert [part.term for part in parts] == list(TERM_FIELDS)
    cost = parts[2]
    assert (cost.rule, cost.plan, cost.contribution) == (45.0, 50.0, pytest.approx(-5.0 * 0.15 / 90))


def test_the_gap_of_a_sample_is_a_ratio_of_means() -> None:
    # Two years of six weeks; what is open is 0.02 and 0.01, of which 0.01 and 0 are closed: a third in the mean.
    own = np.arange(6)[None].repeat(2, 0)
    weeks = SourceWeeks(own, own, np.zeros(6, dtype=np.int64))
    even = np.ones((2, 6)) / 6
    rule, closed, bound = (
        even * np.array(j)[:, None] for j in ((0.30, 0.30), (0.29, 0.30), (0.28, 0.29))
    )  # fmt: skip
    sample = Sample.of(
        weeks, [{"rule": rule[k], "sac": closed[k], "optimum": bound[k], "no-control": rule[k]} for k in (0, 1)]
    )
    assert sample.gap("sac") == pytest.approx((1 / 3, 1 / 3))
    assert sample.difference("sac", "rule") == pytest.approx((-0.005, -0.005))
    assert sample.score("rule") == pytest.approx((0.3, 0.3))
