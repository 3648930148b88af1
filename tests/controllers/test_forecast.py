"""Forecasts: known answers, and nothing of the future in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pvbesscar.controllers.forecast import (
    ForecastModel,
    arrival_energies,
    causal_outlook,
    fit_forecast,
    perfect_outlook,
    with_quantile,
)
from pvbesscar.plant.data import PlantData, Sessions, occupancy
from tests.controllers.plants import course, plant

HORIZON = 26


@pytest.fixture(scope="module")
def model() -> ForecastModel:
    return fit_forecast([course(28, seed) for seed in (1, 2)], HORIZON)


def other_future(data: PlantData, t: int) -> PlantData:
    """The same plant up to hour `t`; afterwards another sun, another mall, and nobody arrives any more."""
    rng = np.random.default_rng(99)
    pv, mall = data.pv_kwh.copy(), data.mall_kwh.copy()
    pv[t + 1 :] *= rng.uniform(0.0, 2.0, pv.size - t - 1)
    mall[t + 1 :] *= rng.uniform(0.2, 3.0, mall.size - t - 1)
    kept = data.sessions.arrival <= t
    sessions = Sessions(*(column[kept] for column in data.sessions))
    occupant, hours_left = occupancy(sessions, data.hours, data.params.sockets)
    return replace(data, pv_kwh=pv, mall_kwh=mall, sessions=sessions, occupant=occupant, hours_left=hours_left,
                   reference=np.full(5, 7.0), forecast=np.zeros_like(data.forecast))  # fmt: skip


@pytest.mark.parametrize("t", [0, 5, 100, 333])
def test_the_future_changes_no_forecast(model: ForecastModel, t: int) -> None:
    data = course(28, 7)
    ours, theirs = causal_outlook(data, model), causal_outlook(other_future(data, t), model)
    for name in ("pv_kwh", "mall_kwh", "early_kwh", "late_kwh"):
        assert np.array_equal(getattr(ours, name)[: t + 1], getattr(theirs, name)[: t + 1]), name
    assert not np.array_equal(ours.pv_kwh, theirs.pv_kwh)


def test_the_perfect_outlook_is_the_future() -> None:
    data = course(3)
    outlook = perfect_outlook(data, HORIZON)
    assert outlook.pv_kwh[10].tolist() == data.pv_kwh[10 : 10 + HORIZON].tolist()
    # After the year's end its beginning follows.
    assert outlook.mall_kwh[-1, 1] == data.mall_kwh[0]


def test_days_that_repeat_are_known(model: ForecastModel) -> None:
    hour = np.arange(24 * 28) % 24
    mall, pv = 100.0 + hour, np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 500.0
    data = plant(pv, mall)
    outlook = causal_outlook(data, fit_forecast([data], HORIZON))
    truth = perfect_outlook(data, HORIZON)
    settled = slice(24, 24 * 26)
    assert outlook.mall_kwh[settled] == pytest.approx(truth.mall_kwh[settled], abs=0.05)
    assert outlook.pv_kwh[settled] == pytest.approx(truth.pv_kwh[settled], abs=2.0)


def test_clouds_of_the_morning_lower_the_afternoon(model: ForecastModel) -> None:
    # Each day of the course has one clearness: three hours of it tell the rest of the day.
    data = course(28, 5)
    outlook, truth = causal_outlook(data, model), perfect_outlook(data, HORIZON)
    ten = np.arange(24 + 10, 24 * 27, 24)
    errors = outlook.pv_kwh[ten, 3] - truth.pv_kwh[ten, 3]
    assert np.abs(errors).mean() < 0.05 * truth.pv_kwh[ten, 3].mean()
    # At midnight nothing is known of the day: the error is that of the mean.
    midnight = outlook.pv_kwh[ten - 10, 13] - truth.pv_kwh[ten - 10, 13]
    assert np.abs(midnight).mean() > 3 * np.abs(errors).mean()


def test_arrivals_on_paper() -> None:
    # A mototaxi stays from 1 to 4 and needs 0.4 * 10 / 0.95 = 4.21 kWh: 3.5 + 0.71 at once, the reverse late.
    data = plant([0.0] * 24, [10.0] * 24, [(4, 1, 4, 0.5)])
    early, late = arrival_energies(data)
    need = 0.4 * 10 / 0.95
    assert early[1] == pytest.approx([3.5, need - 3.5, 0.0], abs=1e-5)
    assert late[1] == pytest.approx([0.0, need - 3.5, 3.5], abs=1e-5)
    assert early.sum() == late.sum() == pytest.approx(need, rel=1e-6)
    outlook = perfect_outlook(data, 6)
    assert outlook.early_kwh[0] == pytest.approx([0.0, 3.5, need - 3.5, 0.0, 0.0, 0.0], abs=1e-5)
    # Once it is there it is no longer to come.
    assert outlook.early_kwh[1].tolist() == [0.0] * 6


def test_a_higher_quantile_expects_more_sun_by_day_alone(model: ForecastModel) -> None:
    training, data = [course(28, seed) for seed in (1, 2)], course(28, 7)
    cautious = with_quantile(model, training, 0.8)
    more = causal_outlook(data, cautious).pv_kwh - causal_outlook(data, model).pv_kwh
    noon_tomorrow = np.arange(0, 24 * 27, 24), 12
    assert more[noon_tomorrow].mean() > 50.0
    assert np.abs(more[np.arange(0, 24 * 27, 24), 2]).max() == 0.0
    assert np.abs(more[:, 0]).max() == 0.0
    assert with_quantile(cautious, training, 0.5) == model


def test_a_model_survives_json(model: ForecastModel) -> None:
    assert ForecastModel.model_validate_json(model.model_dump_json()) == model
