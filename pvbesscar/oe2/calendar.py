"""The calendar at the site: where its years begin, and kinds of day."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from schemas.settings import SiteSettings


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


def year_start(year: int, timezone: str) -> pd.Timestamp:
    """First instant of a calendar year by the clock of a time zone.

    Where the clock is put forward at midnight of 1 January (Lima in 1990 and 1994) the year begins at 01:00; where it
    is put back then, at the first of the two midnights.

    >>> str(year_start(1990, "America/Lima")), str(year_start(2025, "America/Lima"))
    ('1990-01-01 01:00:00-04:00', '2025-01-01 00:00:00-05:00')
    """
    # The standard library reads a midnight that is skipped by the clock before the change, as the instant of it.
    midnight = dt.datetime(year, 1, 1, tzinfo=zoneinfo.ZoneInfo(timezone))
    return pd.Timestamp(midnight.astimezone(dt.UTC)).tz_convert(timezone)


def declared_year(site: SiteSettings, rows: int, minutes: int = 60) -> pd.DatetimeIndex:
    """Intervals of the declared year from 1 January 00:00 local time, each stamped at its start."""
    start = year_start(site.year, site.timezone)
    return pd.date_range(start, periods=rows, freq=f"{minutes}min", unit="us", name="timestamp")
