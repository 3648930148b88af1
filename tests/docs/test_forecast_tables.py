"""The tables that say which forecast serves the rolling program best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pvbesscar.controllers.forecast import (
    ForecastModel,
    clear_kwh,
    fit_forecast,
    perfect_outlook,
    plain_energies,
)
from pvbesscar.controllers.forecast_choice import QUANTILES
from pvbesscar.controllers.registry import fit_mpc
from pvbesscar.plant.data import PlantData
from tests.controllers.plants import course
from tools.docs import forecasts
from tools.docs.horizons import Judge
from tools.docs.pages import DOCS

HORIZON = 30
NOW = 24 * 9 + 7


@pytest.fixture(scope="module")
def training() -> list[PlantData]:
    return [course(28, seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def model(training: list[PlantData]) -> ForecastModel:
    return fit_forecast(training, HORIZON)


def usual(data: PlantData, model: ForecastModel) -> np.ndarray:
    return np.array(model.mall_shape_kwh)[data.calendar[:, 2] - 1, data.calendar[:, 0]]


def test_persistence_is_yesterday_again(model: ForecastModel) -> None:
    data = course(28, 7)
    pv, mall = plain_energies(data, forecasts.persistence(model))
    clear, mean = clear_kwh(data, np.array(model.pv_clear_kwh)), usual(data, model)
    day, ahead = np.arange(NOW - 23, NOW + 1), np.arange(NOW + 1, NOW + 25)
    assert mall[NOW, 1:25] == pytest.approx(mean[ahead] + (data.mall_kwh - mean)[day])
    assert pv[NOW, 1:25] == pytest.approx(np.minimum(clear[ahead] * data.pv_kwh[day].sum() / clear[day].sum(), 1500.0))
    assert (pv[NOW, 0], mall[NOW, 0]) == (data.pv_kwh[NOW], data.mall_kwh[NOW])


def test_climatology_is_the_mean_of_the_training_years(training: list[PlantData], model: ForecastModel) -> None:
    usual_day = forecasts.climatology(model, training)
    expected = [plain_energies(year, usual_day) for year in training]
    assert expected[0][1][NOW, 1:] == pytest.approx(usual(training[0], model)[NOW + 1 : NOW + HORIZON])
    # Over all training days an hour's sun comes to what it was.
    for hour in (9, 12, 16):
        at_six = slice(6, None, 24)
        found = sum(pv[at_six, hour - 6].sum() for pv, _ in expected)
        assert found == pytest.approx(sum(year.pv_kwh[hour::24].sum() for year in training))


def test_boosting_learns_and_does_not_look_ahead(training: list[PlantData]) -> None:
    model, data = fit_forecast(training, 7), course(28, 7)
    boosting = forecasts.Boosting(training, model)
    expected = boosting.energies(data)
    other = replace(data, pv_kwh=data.pv_kwh.copy(), mall_kwh=data.mall_kwh.copy())
    other.pv_kwh[NOW + 1 :] *= 0.3
    other.mall_kwh[NOW + 1 :] *= 2.0
    for ours, theirs in zip(expected, boosting.energies(other), strict=True):
        assert np.array_equal(ours[: NOW + 1], theirs[: NOW + 1])
        assert not np.array_equal(ours, theirs)
    # At ten the clouds of the day are seen.
    usual_day = plain_energies(data, forecasts.climatology(model, training))
    truth, ten = perfect_outlook(data, 7).pv_kwh, slice(10, -24, 24)
    assert np.abs(expected[0] - truth)[ten].mean() < 0.5 * np.abs(usual_day[0] - truth)[ten].mean()


def test_a_mean_lies_between(training: list[PlantData], model: ForecastModel) -> None:
    data, yesterday = course(28, 7), forecasts.persistence(model)
    parts = [plain_energies(data, one) for one in (yesterday, model)]
    for mean in (
        plain_energies(data, forecasts.average_model([yesterday, model])),
        forecasts.average(parts),
    ):
        for between, low, high in zip(mean, *parts, strict=True):
            assert np.all(between >= np.minimum(low, high) - 1e-9)
            assert np.all(between <= np.maximum(low, high) + 1e-9)
            assert not np.array_equal(between, high)


def test_errors_are_counted_over_a_day_of_leads() -> None:
    data = course(4, 3)
    truth = perfect_outlook(data, HORIZON)
    off = np.zeros((data.hours, HORIZON))
    off[:, 1:25] = 3.0
    # Neither the metered hour, nor what lies beyond a day, nor what a year's beginning is taken for.
    off[:, 0] = off[:, 25:] = off[-24:] = 1e6
    assert forecasts.rmse([data], [(truth.pv_kwh + off, truth.mall_kwh)]) == pytest.approx((3.0, 0.0))


def test_candidates_are_judged_as_the_product_is(monkeypatch: pytest.MonkeyPatch) -> None:
    training, year = [course(10, seed) for seed in (1, 2)], course(10, 4)
    linear = ((forecasts.REGRESSION,), (forecasts.CLIMATOLOGY,), (forecasts.REGRESSION, forecasts.CLIMATOLOGY))
    names = ((forecasts.PERSISTENCE,), *linear, (forecasts.REGRESSION, forecasts.BOOSTING))
    monkeypatch.setattr(forecasts, "CANDIDATES", names)
    monkeypatch.setitem(forecasts.TREES, "max_iter", 1)
    found = forecasts.measure(training, [year])
    fitted = fit_mpc(training, [year])
    product = Judge(year).run(fitted.controller(year))
    (used,) = [names for names, one in found.items() if one.used]
    assert " and ".join(used) in fitted.forecast.kind
    assert (found[used].j, found[used].gap_closed) == (product.j, product.gap_closed)
    assert found[used].quantile == fitted.forecast.surplus_quantile
    assert found[names[0]].quantile in QUANTILES
    assert found[names[-1]].quantile == found[forecasts.REGRESSION,].quantile
    written = forecasts.section(found, "ten days")
    rows = [line for line in written.splitlines() if f"{100.0 * product.gap_closed:.1f} %" in line]
    assert any(row.startswith(f"| {fitted.forecast.kind} (used) |") for row in rows)
    assert "| mean of regression and gradient boosting |" in written


def test_the_page_has_a_place_for_each_case() -> None:
    text = (DOCS / "controllers.md").read_text(encoding="utf-8")
    for case in forecasts.CASES:
        made = forecasts.page(text, case, "the table")
        assert made.count("the table") == 1
        assert forecasts.page(made, case, "the next").count("the table") == 0
        assert made.partition("## Demand charges")[2] == text.partition("## Demand charges")[2]
