"""The tariff as arrays of a year: which hours are in which band, what a kWh costs, and what billed demand begins at."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.settings import DAYS, LOOK_BACK, Band, DemandCharge, TariffSettings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MONTH_MAXIMUM, TWO_OF_SIX_MONTHS, EXCESS = range(3)
BASES: Final = ("month_maximum", "two_of_six_months", "excess")
MONTHS: Final = LOOK_BACK + 1
"""Months that a demand charge can look at: the present one and those before it."""


class Tariff(NamedTuple):
    """Demand charges and fee of a year of N hours with C charges; a named tuple, so that kernels can take it whole.

    Attributes
    ----------
    month
        Billing month of each hour, 0 for the first of the year, shape (N,).
    in_band
        Whether each hour is in the band of each charge, shape (C, N).
    price
        Price of each charge, shape (C,) [PEN/kW each month].
    basis
        `MONTH_MAXIMUM`, `TWO_OF_SIX_MONTHS` or `EXCESS` of each charge, shape (C,).
    over
        For `EXCESS` the charge whose demand is subtracted, else -1, shape (C,).
    history
        Demands of the months before the year, the last one last, shape (C, LOOK_BACK) [kW].
    fee
        Fixed fee of each month [PEN].
    rule_import_kwh
        Import of the rule in each hour, shape (N,) [kWh]: a stretch that begins inside the year stands where the rule
        would have brought it.
    """

    month: IntArray
    in_band: NDArray[np.bool_]
    price: FloatArray
    basis: IntArray
    over: IntArray
    history: FloatArray
    fee: float
    rule_import_kwh: FloatArray


def in_band(band: Band, hour: IntArray, day_type: IntArray) -> NDArray[np.bool_]:
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


def energy_price(tariff: TariffSettings, hour: IntArray, day_type: IntArray) -> FloatArray:
    """Price of an imported kWh in each hour, shape (N,) [PEN/kWh], rounded to float32 as CityLearn holds it."""
    price = np.zeros(hour.size, np.float32)
    for band in tariff.energy:
        price[in_band(band, hour, day_type)] = band.pen_per_kwh
    return price.astype(np.float64)


def tariff_of(settings: TariffSettings, calendar: IntArray, rule_import_kwh: FloatArray) -> Tariff:
    """Arrays of a tariff over a year.

    Parameters
    ----------
    settings
        The tariff.
    calendar
        Hour of the day, month and day type of each hour, shape (N, 3).
    rule_import_kwh
        Import of the rule, shape (N,) [kWh].
    """
    hour, month, day_type = calendar.T
    charges = settings.demand
    names = [charge.name for charge in charges]
    return Tariff(
        month=np.concatenate([[0], np.cumsum(np.diff(month) != 0)]).astype(np.int64),
        in_band=np.array([in_band(charge, hour, day_type) for charge in charges]).reshape(len(charges), hour.size),
        price=np.array([charge.pen_per_kw_month for charge in charges]),
        basis=np.array([BASES.index(charge.basis) for charge in charges], np.int64),
        over=np.array([-1 if charge.over is None else names.index(charge.over) for charge in charges], np.int64),
        history=np.array([_history(charge) for charge in charges]).reshape(len(charges), LOOK_BACK),
        fee=settings.fee_pen_per_month,
        rule_import_kwh=rule_import_kwh,
    )


def _history(charge: DemandCharge) -> tuple[float, ...]:
    return charge.history_kw or (0.0,) * LOOK_BACK


def demand_at(tariff: Tariff, start: int) -> FloatArray:
    """Demand that each charge has seen when a stretch begins at hour `start`, shape (C, MONTHS) [kW].

    Column 0 is the month of `start` so far, column m the month m before it; all by the rule, and before the year by
    `history`. The first hour of the year begins at 0.
    """
    charges = tariff.price.size
    seen = np.zeros((charges, MONTHS))
    this = int(tariff.month[start])
    for charge in range(charges):
        billed = np.where(tariff.in_band[charge, :start], tariff.rule_import_kwh[:start], 0.0)
        for back in range(MONTHS):
            if this - back >= 0:
                seen[charge, back] = billed[tariff.month[:start] == this - back].max(initial=0.0)
            else:
                seen[charge, back] = tariff.history[charge, this - back]
    return seen
