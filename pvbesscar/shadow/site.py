"""The plant that the controller was validated on, as hours of live telemetry see it: windows that a simulator can run.

A window begins with hours that are never run: they carry what the months have seen so far into the tariff's arrays,
as a stretch inside a year finds it (`pvbesscar.plant.tariff.demand_at`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant.data import FORECAST_COLUMNS, PLANT_FILE, PlantData, load_plant, occupancy
from pvbesscar.plant.tariff import MONTHS, Tariff, energy_price, hours_to_change, tariff_of
from pvbesscar.shadow.stays import Stays
from pvbesscar.shadow.telemetry import HOUR_S
from pvbesscar.store.files import read_json
from schemas.settings import LOOK_BACK, SiteSettings, TariffSettings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Site:
    """The validated plant, its tariff, and where it stands.

    Attributes
    ----------
    plant
        A year of the validated dataset; only the plant itself is taken of it.
    tariff
        The tariff of that dataset.
    place
        Time zone and holidays.
    """

    plant: PlantData
    tariff: TariffSettings
    place: SiteSettings

    @property
    def charges(self) -> int:
        """Number of demand charges."""
        return len(self.tariff.demand)

    @property
    def lead(self) -> int:
        """Hours at the beginning of a window that are never run."""
        return max(self.charges, 1)

    def stock(self, kwh: float) -> tuple[float, float]:
        """Stored energy that can be given [kWh] and what it is worth: a kWh bought at the lowest price [PEN]."""
        return kwh, kwh * self.tariff.lowest_price

    def stamp(self, hour: int) -> pd.Timestamp:
        """Start of an hour in local time."""
        return pd.Timestamp(hour, unit="s", tz="UTC").tz_convert(self.place.timezone)

    def stamps(self, hours: IntArray) -> pd.DatetimeIndex:
        """Starts of hours in local time, shape (n,)."""
        return pd.to_datetime(np.asarray(hours, np.int64), unit="s", utc=True).tz_convert(self.place.timezone)

    def day(self, hour: int) -> str:
        """Local day of an hour, YYYY-MM-DD."""
        return f"{self.stamp(hour):%Y-%m-%d}"

    def begins_month(self, hour: int) -> bool:
        """Whether an hour is the first of a local month."""
        return self.stamp(hour).month != self.stamp(hour - HOUR_S).month


def load_site(dataset: Path, place: SiteSettings) -> Site:
    """Site of a dataset.

    Raises
    ------
    StaleError
        The dataset is missing or is not what its manifest says.
    """
    plant = load_plant(dataset)
    return Site(plant, TariffSettings.model_validate(read_json(dataset / PLANT_FILE)["tariff"]), place)


def window(
    site: Site, first: int, pv_kw: FloatArray, mall_kw: FloatArray, stays: Stays, seen_kw: FloatArray, bess_soc: float
) -> PlantData:
    """A few hours of the plant as arrays; a simulator begins them at hour `site.lead`, as their state is then.

    Parameters
    ----------
    first
        The first hour to run, seconds since 1970.
    pv_kw, mall_kw
        Mean powers of the hours to run, shape (H,) [kW].
    stays
        Stays that touch them; those that are there at the first hour with the state of charge that they have then.
    seen_kw
        Demand that each charge has seen when the first hour begins, shape (C, MONTHS) [kW]; column 0 is its month.
    bess_soc
        State of charge of the battery when the first hour begins.
    """
    lead, hours = site.lead, pv_kw.size
    sessions = stays.sessions(first - lead * HOUR_S)
    sessions = sessions._replace(arrival=np.maximum(sessions.arrival, lead))
    # Vehicles that stay on need hours of their own behind those that are run.
    total = max(lead + hours, int(sessions.departure.max(initial=0)))
    stamps_utc, calendar = _calendar(site.place, first - lead * HOUR_S, total)
    price = energy_price(site.tariff, calendar[:, 0], calendar[:, 2])
    occupant, hours_left = occupancy(sessions, total, site.plant.params.sockets)
    return replace(
        site.plant,
        params=site.plant.params._replace(bess_initial_soc=bess_soc),
        pv_kwh=_placed(pv_kw, lead, total),
        mall_kwh=_placed(mall_kw, lead, total),
        price=price,
        carbon=np.full(total, float(site.plant.carbon.mean())),
        forecast=np.zeros((total, len(FORECAST_COLUMNS))),
        net_forecast=np.zeros((total, 24)),
        calendar=calendar,
        price_next=np.roll(price, -1),
        hours_to_tariff_change=hours_to_change(price),
        tariff=_seen(site, calendar, seen_kw, turns=site.begins_month(first)),
        sessions=sessions,
        occupant=occupant,
        hours_left=hours_left,
        stamps_utc=stamps_utc,
    )


@lru_cache(maxsize=64)
def _calendar(place: SiteSettings, first: int, hours: int) -> tuple[NDArray[np.datetime64], IntArray]:
    """Starts in UTC of some hours, shape (n,), and their hour, month and day type, (n, 3); the plants share them."""
    utc = pd.to_datetime(first + HOUR_S * np.arange(hours), unit="s", utc=True)
    local = utc.tz_convert(place.timezone)
    calendar = np.column_stack([local.hour, local.month, day_types(local, place.holidays)]).astype(np.int64)
    return utc.tz_localize(None).to_numpy(), calendar


def _placed(values: FloatArray, lead: int, total: int) -> FloatArray:
    placed = np.zeros(total)
    # CityLearn holds energies as float32, and so do the years that controllers were validated on.
    placed[lead : lead + values.size] = values.astype(np.float32)
    return placed


def _seen(site: Site, calendar: IntArray, seen_kw: FloatArray, *, turns: bool) -> Tariff:
    """Tariff of a window whose charges have seen what `seen_kw` says when its first hour begins.

    Each charge has one hour of the lead to itself, with the demand of this month, or of the last one where the month
    turns; the months before are the tariff's history.
    """
    lead = site.lead
    own = tariff_of(site.tariff, calendar, np.zeros(len(calendar)))
    before = 1 if turns else 0
    month = np.zeros(len(calendar), np.int64)
    month[lead:] = before + np.concatenate([[0], np.cumsum(np.diff(calendar[lead:, 1]) != 0)])
    in_band, imported = own.in_band.copy(), np.zeros(len(calendar))
    history = np.zeros((site.charges, LOOK_BACK))
    for charge in range(site.charges):
        in_band[charge, :lead] = np.arange(lead) == charge
        imported[charge] = seen_kw[charge, before]
        for back in range(before + 1, MONTHS):
            history[charge, LOOK_BACK + before - back] = seen_kw[charge, back]
    return own._replace(month=month, in_band=in_band, rule_import_kwh=imported, history=history)
