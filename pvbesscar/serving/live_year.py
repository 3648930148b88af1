"""The calendar that a live hour lies in: tariff, prices and kinds of day of the validated year, or of another."""

from __future__ import annotations

import datetime as dt
import threading
import zoneinfo
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import day_types, year_start
from pvbesscar.oe2.weather import clear_sky
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.tariff import energy_price, hours_to_change, tariff_of
from schemas.errors import RequestError
from schemas.settings import Settings

FloatArray = NDArray[np.float64]

HOUR = dt.timedelta(hours=1)
YEARS = range(2000, 2101)
KEPT = 4
"""Years that are held at once: requests hop between two at New Year, and a stranger's between all."""


@dataclass
class LiveYear:
    """A year's calendar and tariff as the controllers read them, without a site's energies.

    Attributes
    ----------
    data
        The year; PV, mall and sessions in it are those of the validated year or zero, and no decision reads them.
    settings
        The scenario.
    hour_of
        Hour of the year by its start, in seconds since 1970.
    """

    data: PlantData
    settings: Settings
    hour_of: dict[int, int]

    @cached_property
    def clear_ghi(self) -> FloatArray:
        """Irradiance under a cloudless sky in each hour, shape (N,) [W/m2]."""
        return np.asarray(clear_sky(self.data.stamps, self.settings.site)["ghi"], np.float64)


class LiveYears:
    """The years that requests fall into, made when one is asked for.

    Parameters
    ----------
    data
        The validated year.
    """

    def __init__(self, data: PlantData, settings: Settings) -> None:
        self._settings, self._zone = settings, zoneinfo.ZoneInfo(data.timezone)
        self.validated = _live(data, settings)
        self._made: dict[int, LiveYear] = {}
        self._lock = threading.Lock()

    def prepare(self, today: dt.date) -> None:
        """Make what takes seconds, for the validated year and that of `today`, before an hour is asked for."""
        times = (self.validated.data.stamps[0].to_pydatetime(), dt.datetime(today.year, 1, 2, tzinfo=self._zone))
        for time in times:
            with suppress(RequestError):  # a year whose carbon intensity nobody knows is refused when it is asked for
                _ = self.at(time)[0].clear_ghi

    def at(self, time: dt.datetime) -> tuple[LiveYear, int]:
        """Year and hour of the year that begins at `time`.

        Raises
        ------
        RequestError
            No full hour, a year far away, or a year whose carbon intensity nobody knows.
        """
        seconds = time.timestamp()
        # Clocks of some zones strike on the half hour of UTC.
        if (seconds - next(iter(self.validated.hour_of))) % 3600.0:
            raise _refused(f"{time.isoformat()} is not the start of a full hour", "round down to the hour")
        if (t := self.validated.hour_of.get(int(seconds))) is not None:
            return self.validated, t
        year = time.astimezone(self._zone).year if dt.MINYEAR < time.year < dt.MAXYEAR else time.year
        if year not in YEARS:
            raise _refused(f"the year {year} is none of {YEARS[0]} to {YEARS[-1]}", "send the hour that is to come")
        if np.ptp(self.validated.data.carbon) > 0.0:
            raise _refused(
                f"the carbon intensity of {year} is not known: the dataset holds that of its own year, hour by hour",
                "build the dataset with the intensity of this year, or with a constant one",
            )
        with self._lock:
            live = self._made.get(year)
            if live is None:
                if len(self._made) >= KEPT:
                    self._made.pop(next(iter(self._made)))
                live = self._made[year] = _made(year, self.validated.data, self._settings)
        if int(seconds) not in live.hour_of:
            raise _refused(f"{time.isoformat()} is not the start of an hour in {self._zone}", "send full hours")
        return live, live.hour_of[int(seconds)]


def _refused(problem: str, remedy: str) -> RequestError:
    return RequestError(f"`time`: {problem}.", hint=f"{remedy}.", faults=(("time", problem),))


def _live(data: PlantData, settings: Settings) -> LiveYear:
    seconds = data.stamps_utc.astype("datetime64[s]").astype(np.int64)
    return LiveYear(data, settings, {second: t for t, second in enumerate(seconds.tolist())})


def _made(year: int, like: PlantData, settings: Settings) -> LiveYear:
    """Calendar of a year that no dataset holds, for the same plant and tariff."""
    start, end = year_start(year, like.timezone), year_start(year + 1, like.timezone)
    stamps = pd.date_range(start, end, freq="h", inclusive="left", unit="us")
    calendar = np.column_stack([stamps.hour, stamps.month, day_types(stamps, settings.site.holidays)]).astype(np.int64)
    price = energy_price(settings.tariff, calendar[:, 0], calendar[:, 2])
    none = np.zeros(len(stamps))
    data = replace(
        like,
        pv_kwh=none,
        mall_kwh=none,
        price=price,
        carbon=np.full(len(stamps), like.carbon[0]),
        calendar=calendar,
        price_next=np.roll(price, -1),
        hours_to_tariff_change=hours_to_change(price),
        tariff=tariff_of(settings.tariff, calendar, none),
        stamps_utc=stamps.tz_convert("UTC").tz_localize(None).to_numpy(),
    )
    return _live(data, settings)
