"""The forecast that the MPC plans with is the one with the least J, of a year that none was fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers.forecast import ForecastModel, causal_outlook, fit_forecast, with_quantile
from pvbesscar.controllers.forecast_choice import (
    FIRST_QUANTILE,
    QUANTILES,
    average_model,
    candidates,
    choose_forecast,
    climatology,
)
from pvbesscar.controllers.mpc import Mpc
from pvbesscar.controllers.reference import scale, simulated_terms
from pvbesscar.controllers.registry import fit, fit_mpc, mean_reference
from pvbesscar.plant.data import PlantData
from tests.controllers.plants import course

HORIZON = 12


@pytest.fixture(scope="module")
def training() -> list[PlantData]:
    return [course(28, seed, mode="bidirectional") for seed in (1, 2)]


def test_the_choice_has_the_least_j_of_all_that_are_tried(training: list[PlantData]) -> None:
    # January in one year, February in the other.
    trials = [course(35, seed, mode="bidirectional") for seed in (5, 6)]
    mean = mean_reference(training)
    weights = scale(trials[0].params, mean)

    def j(model: ForecastModel) -> float:
        parts = [
            simulated_terms(year, Mpc("mpc", year, causal_outlook(year, model), mean), start, hours)
            for year, start, hours in zip(trials, (0, 744), (744, 96), strict=True)
        ]
        return dot(weights, np.sum(parts, axis=0))

    chosen = choose_forecast(training, trials, HORIZON, mean)
    kinds = {one.kind: one for one in candidates(training, HORIZON)}
    first = {kind: j(with_quantile(one, training, FIRST_QUANTILE)) for kind, one in kinds.items()}
    assert chosen.kind == min(first, key=first.__getitem__)
    tried = {quantile: j(with_quantile(kinds[chosen.kind], training, quantile)) for quantile in QUANTILES}
    assert chosen.surplus_quantile == min(tried, key=tried.__getitem__)
    assert len(set(first.values())) == 3
    assert choose_forecast(training, trials, HORIZON, mean, only="climatology").kind == "climatology"


def test_a_mean_of_forecasts_says_what_it_is_of(training: list[PlantData]) -> None:
    regression = fit_forecast(training, HORIZON)
    usual = climatology(regression, training)
    mean = average_model([regression, usual])
    assert mean.kind == "mean of regression and climatology"
    weights = [np.array(one.pv_weights) for one in (regression, usual, mean)]
    assert np.allclose(weights[2], (weights[0] + weights[1]) / 2.0)
    assert climatology(with_quantile(regression, training, 0.9), training).surplus_quantile == 0.5


def test_what_is_fitted_for_the_mpc_is_the_mpc_s(training: list[PlantData]) -> None:
    mpc = fit_mpc(training, [course(28, 5, mode="bidirectional")], HORIZON)
    fitted = fit(training, 42, mpc=mpc)
    assert (fitted.forecast, fitted.demand, fitted.reference, fitted.years) == (
        mpc.forecast, mpc.demand, mpc.reference, tuple(year.digest for year in training),
    )  # fmt: skip
