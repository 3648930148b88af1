"""Which forecast the MPC plans with: that with the least J in closed loop, not that with the least error.

The candidates are fitted on training years and tried on a year that none of them has seen. Persistence and gradient
boosting are no candidates: measured in closed loop, they were never first (docs/controllers.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers.forecast import (
    ForecastModel,
    causal_outlook,
    clear_kwh,
    fit_forecast,
    hours_ahead,
    with_quantile,
    with_weights,
)
from pvbesscar.controllers.mpc import Mpc
from pvbesscar.controllers.reference import scale, simulated_terms
from pvbesscar.plant.data import PlantData
from schemas.results import ScoreTerms

FloatArray = NDArray[np.float64]

FIRST_QUANTILE = 0.65
"""Quantile of surplus that all candidates are compared at."""
QUANTILES = (0.5, 0.65, 0.8, 0.9)
"""Quantiles that the first of the candidates is tried with."""
TRIAL_HOURS = 4 * 168
"""Hours of each quarter of the year that a forecast is tried on."""
DAY = 24


def choose_forecast(
    training: Sequence[PlantData], trial: PlantData, horizon: int, scale_by: ScoreTerms
) -> ForecastModel:
    """Fit the candidates, and choose one and the quantile of surplus to plan for: least J on the twin.

    Four weeks of each quarter of the trial's year are run, for a whole year of each candidate would take minutes.

    Parameters
    ----------
    training
        Years of one plant and mode, to fit on.
    trial
        Year to choose by.
    horizon
        Hours to look ahead, the present one included.
    scale_by
        Totals of no control, as for `Mpc`.
    """
    first = _least(
        [with_quantile(one, training, FIRST_QUANTILE) for one in candidates(training, horizon)], trial, scale_by
    )
    return choose_quantile(training, trial, first, scale_by)


def choose_quantile(
    training: Sequence[PlantData], trial: PlantData, model: ForecastModel, scale_by: ScoreTerms
) -> ForecastModel:
    """Choose the quantile of surplus to plan for; see `choose_forecast`."""
    return _least([with_quantile(model, training, quantile) for quantile in QUANTILES], trial, scale_by)


def candidates(training: Sequence[PlantData], horizon: int) -> list[ForecastModel]:
    """Regression, climatology, and their mean."""
    regression = fit_forecast(training, horizon)
    usual = climatology(regression, training)
    return [regression, usual, average_model([regression, usual])]


def climatology(model: ForecastModel, training: Sequence[PlantData]) -> ForecastModel:
    """A usual day: the mean clearness of the hour of day, the mall's mean day."""
    envelope = np.array(model.pv_clear_kwh)
    hours = np.concatenate([year.calendar[:, 0] for year in training])
    metered = np.bincount(hours, np.concatenate([year.pv_kwh for year in training]), DAY)
    clear = np.bincount(hours, np.concatenate([clear_kwh(year, envelope) for year in training]), DAY)
    mean = np.divide(metered, clear, out=np.zeros(DAY), where=clear > 0.0)
    pv, mall = (np.zeros_like(np.array(weights)) for weights in (model.pv_weights, model.mall_weights))
    pv[:, :, 0] = mean[hours_ahead(DAY, model.horizon)]
    return with_weights(model, "climatology", pv, mall)


def average_model(models: Sequence[ForecastModel]) -> ForecastModel:
    """Mean of some forecasts that differ in their weights alone."""
    pv, mall = (np.mean([getattr(one, of) for one in models], axis=0) for of in ("pv_weights", "mall_weights"))
    return with_weights(models[0], f"mean of {' and '.join(one.kind for one in models)}", pv, mall)


def _least(models: Sequence[ForecastModel], trial: PlantData, scale_by: ScoreTerms) -> ForecastModel:
    scores = [_score(trial, Mpc("mpc", trial, causal_outlook(trial, one), scale_by), scale_by) for one in models]
    return models[int(np.argmin(scores))]


def _score(year: PlantData, controller: Mpc, scale_by: ScoreTerms) -> float:
    parts = [simulated_terms(year, controller, start, hours) for start, hours in _trials(year)]
    return dot(scale(year.params, scale_by), np.sum(parts, axis=0))


def _trials(year: PlantData) -> list[tuple[int, int]]:
    """First hour and length of what a forecast is tried on."""
    quarter = year.hours // 4
    if not year.tariff.price.size:
        return [(start, min(TRIAL_HOURS, quarter)) for start in range(0, 4 * quarter, quarter)]
    # A stretch inside a month finds the rule's demand, below which nothing is billed: whole months tell.
    begins = np.flatnonzero(np.diff(year.tariff.month, prepend=-1))
    months = list(zip(begins.tolist(), np.diff(begins, append=year.hours).tolist(), strict=True))
    return months[:: max(len(months) // 4, 1)]
