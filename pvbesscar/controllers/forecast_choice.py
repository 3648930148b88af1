"""Which forecast the MPC plans with: that with the least J in closed loop, not that with the least error.

The candidates are fitted on training years and tried on years that none of them has seen. Persistence and gradient
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

CLIMATOLOGY = "climatology"
FIRST_QUANTILE = 0.65
"""Quantile of surplus that all candidates are compared at."""
QUANTILES = (0.5, 0.65, 0.8, 0.9)
"""Quantiles that the first of the candidates is tried with."""
DAY = 24


def choose_forecast(
    training: Sequence[PlantData],
    trials: Sequence[PlantData],
    horizon: int,
    scale_by: ScoreTerms,
    only: str | None = None,
) -> ForecastModel:
    """Fit the candidates, and choose one and the quantile of surplus to plan for: least J on the twin.

    Each month of the calendar is run, in the next of the years each: weeks of one year alone chose a quantile that cost
    three points of the gap on the others.

    Parameters
    ----------
    training
        Years of one plant and mode, to fit on.
    trials
        Years to choose by.
    horizon
        Hours to look ahead, the present one included.
    scale_by
        Totals of no control, as for `Mpc`.
    only
        Kind of the one candidate that is left; default: all.
    """
    models = [one for one in candidates(training, horizon) if only in {None, one.kind}]
    return choose(models, training, trials, scale_by)


def choose(
    models: Sequence[ForecastModel], training: Sequence[PlantData], trials: Sequence[PlantData], scale_by: ScoreTerms
) -> ForecastModel:
    """Choose one of some forecasts at the first quantile, then its quantile; see `choose_forecast`."""
    compared = [with_quantile(one, training, FIRST_QUANTILE) for one in models]
    scores = [_score(trials, one, scale_by) for one in compared]
    first = int(np.argmin(scores))
    others = [with_quantile(compared[first], training, one) for one in QUANTILES if one != FIRST_QUANTILE]
    tried = [scores[first], *(_score(trials, one, scale_by) for one in others)]
    return (compared[first], *others)[int(np.argmin(tried))]


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
    return with_weights(model, CLIMATOLOGY, pv, mall)


def average_model(models: Sequence[ForecastModel]) -> ForecastModel:
    """Mean of some forecasts that differ in their weights alone."""
    pv, mall = (np.mean([getattr(one, of) for one in models], axis=0) for of in ("pv_weights", "mall_weights"))
    return with_weights(models[0], f"mean of {' and '.join(one.kind for one in models)}", pv, mall)


def _score(trials: Sequence[PlantData], model: ForecastModel, scale_by: ScoreTerms) -> float:
    """J of the months of a year, each in the next of some years."""
    # A demand charge is of a month: a part of one would find the rule's demand, below which nothing is billed.
    month = trials[0].tariff.month
    months = np.unique(month)
    years = trials[: months.size]
    controllers = [Mpc("mpc", year, causal_outlook(year, model), scale_by) for year in years]
    total = np.zeros(len(ScoreTerms.model_fields))
    for turn, one in enumerate(months):
        hours, own = np.flatnonzero(month == one), turn % len(years)
        total += simulated_terms(years[own], controllers[own], int(hours[0]), hours.size)
    return dot(scale(trials[0].params, scale_by), total)
