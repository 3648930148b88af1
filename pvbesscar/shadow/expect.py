"""What the hour to be decided is expected to bring, from the hours before it alone: the forecasts of the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.dataset.forecast import load_forecast, solar_forecast
from pvbesscar.oe2.calendar import day_types
from pvbesscar.oe2.weather import clear_sky
from pvbesscar.shadow.site import Site
from pvbesscar.shadow.telemetry import HOUR_S
from schemas.settings import SiteSettings

FloatArray = NDArray[np.float64]

DAY_S = 86_400
LEAST_HOURS = 24
"""Hours without a gap that an expectation needs."""


@dataclass(frozen=True, slots=True)
class History:
    """Metered hours before the one to be decided, without a gap; shape (H,) [kWh].

    Attributes
    ----------
    hour
        The hour to be decided, seconds since 1970.
    """

    hour: int
    pv_kwh: FloatArray
    mall_kwh: FloatArray


def expected(site: Site, history: History) -> tuple[float, float]:
    """PV and mall demand that are expected of the hour behind a history [kWh].

    The forecast of one hour of `pvbesscar.dataset.forecast`, made in the hour before. Days are counted in the offset
    from UTC that holds now: in the weeks after a clock change they are an hour off.
    """
    clear = np.concatenate(
        [_clear_ghi(site.place, history.hour // DAY_S - back, history.hour % HOUR_S) for back in (2, 1, 0)]
    )
    # The forecast looks back a day: the last 24 hours, and the one that is to come.
    last = (history.hour % DAY_S) // HOUR_S + 48
    pv = solar_forecast(np.append(history.pv_kwh[-24:], 0.0), clear[last - 24 : last + 1])[-2, 0]
    return min(max(float(pv), 0.0), site.plant.params.pv_ac_kw), _expected_mall(site, history)


@lru_cache(maxsize=8)
def _clear_ghi(place: SiteSettings, day: int, past: int) -> FloatArray:
    """Irradiance under a cloudless sky in the hours of a day in UTC, counted from 1970, shape (24,) [W/m2].

    `past` is how long after full hours in UTC those of the site begin [s].
    """
    hours = pd.date_range(pd.Timestamp(day * DAY_S + past, unit="s", tz="UTC"), periods=24, freq="h")
    return clear_sky(hours.tz_convert(place.timezone), place)["ghi"].to_numpy(np.float64)


def _expected_mall(site: Site, history: History) -> float:
    hour = history.hour
    offset = site.stamp(hour).utcoffset()
    assert offset is not None  # stamps have a time zone
    local = (hour + int(offset.total_seconds())) // HOUR_S
    first = -(-(local - history.mall_kwh.size) // 24) * 24
    if local - first < LEAST_HOURS:
        # Less than a whole day from midnight on: the hour before is all that is known.
        return float(history.mall_kwh[-1])
    values = np.full((local // 24 + 1) * 24 - first, np.nan)
    values[: local - first] = history.mall_kwh[first - local :]
    middle = site.stamps(hour + HOUR_S * (first - local + 12 + 24 * np.arange(values.size // 24)))
    kinds = np.repeat(day_types(middle, site.place.holidays), 24)
    # The forecast made in the last metered hour; where nothing tells the next one it persists.
    return float(load_forecast(values, kinds)[local - first - 1, 0])
