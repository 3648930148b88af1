"""Forecasts that use only what is known at the hour they are made.

PV follows the clear sky scaled by the clearness of the present hour, drawn towards that of the last 24 hours; the mall
follows the mean of its last four days of the same type, shifted by the present deviation. Neither looks ahead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant.data import FORECAST_COLUMNS

FloatArray = NDArray[np.float64]

STEPS = (1, 2, 3)
_SUNLIT_W_M2 = 50.0
# Powers by the C library hang on the processor; products do not.
_CLEARNESS_KEPT = np.cumprod(np.full(len(STEPS), 0.8))
_DEVIATION_KEPT = np.cumprod(np.full(len(STEPS), 0.7))
"""Share of the present clearness, and of the mall's deviation, that lasts 1, 2 and 3 hours."""
_SAME_DAYS = 4


def trailing_sum(values: FloatArray, hours: int) -> FloatArray:
    """Sum over the last `hours` hours, the present one included (fewer at the beginning), shape (N,)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(1, values.size + 1)
    result: FloatArray = total[index] - total[np.maximum(index - hours, 0)]
    return result


def solar_forecast(values: FloatArray, clear: FloatArray) -> FloatArray:
    """Forecast a series that follows the sun for 1, 2 and 3 hours ahead; shape (N, 3), unit of `values`.

    Beyond the year's end the clear sky continues with its first hours.
    """
    lit = trailing_sum(clear, 24)
    day = np.divide(trailing_sum(values, 24), lit, out=np.zeros_like(values), where=lit > 0.0)
    now = np.divide(values, clear, out=day.copy(), where=clear > _SUNLIT_W_M2)
    # The present clearness counts less with every hour ahead, that of the last day more.
    columns = [
        np.roll(clear, -step) * (kept * now + (1.0 - kept) * day)
        for step, kept in zip(STEPS, _CLEARNESS_KEPT, strict=True)
    ]
    return np.column_stack(columns)


def _same_type_mean(values: FloatArray, kind: NDArray[np.int64]) -> FloatArray:
    """Mean of the last four days of each day type, known before that day begins; shape (days, 24), NaN if none."""
    days = values.size // 24
    daily = values[: days * 24].reshape(days, 24)
    result = np.full((days, 24), np.nan)
    for day in range(days):
        past = [d for d in range(day) if kind[d] == kind[day]][-_SAME_DAYS:]
        if past:
            result[day] = daily[past].mean(axis=0)
    return result


def load_forecast(values: FloatArray, day_type: NDArray[np.int64]) -> FloatArray:
    """Forecast a load for 1, 2 and 3 hours ahead; shape (N, 3), unit of `values`.

    Parameters
    ----------
    values
        Load of each hour, shape (N,), N a multiple of 24, starting at midnight.
    day_type
        1 Monday ... 7 Sunday, 8 holiday, of each hour; shape (N,).
    """
    kinds = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2])  # working day, Saturday, Sunday and holiday
    kind = kinds[day_type]
    shape = _same_type_mean(values, kind[::24]).ravel()
    yesterday = np.concatenate([np.full(24, np.nan), values[:-24]])
    shape = np.where(np.isnan(shape), yesterday, shape)
    columns = []
    for step, kept in zip(STEPS, _DEVIATION_KEPT, strict=True):
        later = np.roll(shape, -step)
        # The hour ahead may belong to a day whose shape is not known yet, or to next year: then persist.
        later[-step:] = shape[-24 : -24 + step]
        deviation = values - shape
        guess = later + kept * deviation
        columns.append(np.where(np.isnan(guess), values, np.maximum(guess, 0.0)))
    return np.column_stack(columns)


def forecast_columns(
    pv_kwh: FloatArray, mall_kwh: FloatArray, clear_ghi: FloatArray, day_type: NDArray[np.int64], ac_kw: float
) -> dict[str, FloatArray]:
    """Forecasts as `hourly.parquet` holds them: next hour and mean of the next three, of PV and mall [kWh].

    Parameters
    ----------
    pv_kwh, mall_kwh
        Energies of each hour, shape (N,).
    clear_ghi
        Irradiance under a cloudless sky [W/m2], shape (N,).
    day_type
        See `load_forecast`.
    ac_kw
        AC rating, which no forecast passes.
    """
    pv = np.minimum(solar_forecast(pv_kwh, clear_ghi), ac_kw)
    mall = load_forecast(mall_kwh, day_type)
    columns = (pv[:, 0], pv.mean(axis=1), mall[:, 0], mall.mean(axis=1))
    return {f"{name}_kwh": column for name, column in zip(FORECAST_COLUMNS, columns, strict=True)}


def persistence_forecast(values: FloatArray) -> FloatArray:
    """Forecast 1, 2 and 3 hours ahead from yesterday's course and today's deviation from it; shape (N, 3)."""
    columns = []
    for step in STEPS:
        yesterday_now = np.concatenate([np.full(24, np.nan), values[:-24]])
        yesterday_then = np.concatenate([np.full(24 - step, np.nan), values[: -(24 - step)]])
        guess = yesterday_then + (values - yesterday_now)
        columns.append(np.where(np.isnan(guess), values, guess))
    return np.column_stack(columns)
