"""What a request tells of the hours to come: as it says, or made from its history as in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.forecast import ForecastModel, expected_energies
from pvbesscar.dataset.forecast import forecast_columns
from pvbesscar.plant.data import FORECAST_COLUMNS, net_load_forecast
from pvbesscar.serving.live_year import LiveYear
from schemas.dispatch import DispatchRequest, History

FloatArray = NDArray[np.float64]

DAY = 24
NOTHING = (np.zeros(len(FORECAST_COLUMNS)), np.zeros(DAY))
"""For controllers that look at no forecast."""


def near_forecast(request: DispatchRequest, live: LiveYear, t: int) -> tuple[FloatArray, FloatArray]:
    """The observation's forecasts, shape (4,) and (24,) [kWh].

    From a history they are those of the dataset: `forecast_columns` and `net_load_forecast` over the days before the
    hour. Only days of the same year count, as in the years that controllers are trained and judged on; where the
    history is short they know as little as in a year's first days.
    """
    given = request.forecast
    if given is not None:
        near = (given.pv_next_kwh, given.pv_mean_3h_kwh, given.mall_next_kwh, given.mall_mean_3h_kwh)
        return np.array(near), np.array(given.net_load_kwh)
    assert request.history is not None
    hour = int(live.data.calendar[t, 0])
    # Whole days, as the forecasts of a year have them: those of the history, this one, and the next one's midnight.
    first = max(t - hour - (len(request.history.pv_kwh) - hour) // DAY * DAY, 0)
    around = slice(first, min(t - hour + 2 * DAY, live.data.hours))
    pv, mall = (_series(request, name, t - first, around.stop - first) for name in ("pv_kwh", "mall_kwh"))
    columns = forecast_columns(
        pv, mall, live.clear_ghi[around], live.data.calendar[around, 2], live.data.params.pv_ac_kw
    )
    matrix = np.column_stack([columns[f"{name}_kwh"] for name in FORECAST_COLUMNS])
    return matrix[t - first].copy(), net_load_forecast(pv, mall, matrix)[t - first].copy()


def _series(request: DispatchRequest, name: str, now: int, hours: int) -> FloatArray:
    """Hours of the history, the present one as the caller expects it, and unknown ones after it."""
    history: tuple[float, ...] = getattr(request.history, name)
    series = np.full(hours, np.nan)
    series[:now] = history[len(history) - now :] if now else ()
    series[now] = getattr(request, name)
    return series


def far_outlook(
    request: DispatchRequest, live: LiveYear, t: int, model: ForecastModel
) -> tuple[FloatArray, FloatArray]:
    """PV and demand of the mall that a rolling program plans with, the present hour first, shape (H,) each [kWh].

    A history counts from the year's first hour on: the program's forecasts were fitted and judged on single years.
    """
    if request.outlook is not None:
        given = request.outlook
        return (
            np.array([request.pv_kwh, *given.pv_kwh])[: model.horizon],
            np.array([request.mall_kwh, *given.mall_kwh])[: model.horizon],
        )
    assert request.history is not None
    pv_kwh, mall_kwh = (_in_year(request.history, request, name, t, live.data.hours) for name in ("pv_kwh", "mall_kwh"))
    year = replace(live.data, pv_kwh=pv_kwh, mall_kwh=mall_kwh)
    pv, mall = expected_energies(year, model, slice(t, t + 1))
    return pv[0], mall[0]


def _in_year(history: History, request: DispatchRequest, name: str, t: int, hours: int) -> FloatArray:
    before: tuple[float, ...] = getattr(history, name)
    known = min(len(before), t)
    series = np.zeros(hours)
    series[t - known : t] = before[len(before) - known :]
    series[t] = getattr(request, name)
    return series
