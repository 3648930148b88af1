"""Kinds of day at the site."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def day_types(stamps: pd.DatetimeIndex, holidays: tuple[str, ...]) -> NDArray[np.int64]:
    """CityLearn's day type of each hour: 1 Monday ... 7 Sunday, 8 holiday; shape (N,).

    Parameters
    ----------
    stamps
        Starts of the hours, local time.
    holidays
        MM-DD each year, or YYYY-MM-DD once.
    """
    dates = stamps.strftime("%Y-%m-%d")
    is_holiday = dates.isin(holidays) | dates.str[5:].isin(holidays)
    return np.where(is_holiday, 8, stamps.day_of_week + 1).astype(np.int64)
