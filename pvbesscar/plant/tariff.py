"""The tariff as arrays of a year: which hours are in which band, and what a kWh costs in each hour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.settings import DAYS, Band, TariffSettings


def in_band(band: Band, hour: NDArray[np.int64], day_type: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each hour is in a band.

    Parameters
    ----------
    hour
        Hour of the day, shape (N,).
    day_type
        1 Monday ... 7 Sunday, 8 holiday, shape (N,).
    """
    table = np.array([[band.covers(h, day) for h in range(24)] for day in DAYS])
    result: NDArray[np.bool_] = table[day_type - 1, hour]
    return result


def energy_price(tariff: TariffSettings, hour: NDArray[np.int64], day_type: NDArray[np.int64]) -> NDArray[np.float64]:
    """Price of an imported kWh in each hour, shape (N,) [PEN/kWh], rounded to float32 as CityLearn holds it."""
    price = np.zeros(hour.size, np.float32)
    for band in tariff.energy:
        price[in_band(band, hour, day_type)] = band.pen_per_kwh
    return price.astype(np.float64)
