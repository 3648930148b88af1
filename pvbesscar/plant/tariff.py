"""The tariff as arrays of a year: which hours are in which band, what a kWh costs, and what an hour adds to the bill.

An hour carries `Bill(0..t) - Bill(0..t-1)` of demand charges and fee, a fall included, so that the hours of a year add
up to its bill. Source: docs/design.md, "Reward and score".
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numba import njit
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
    month_left
        Hours of the billing month that are left, this hour included, shape (N,).
    in_band
        Whether each hour is in the band of each charge, shape (C, N).
    band_change
        Hours until the band of each charge begins or ends, at most 24, shape (C, N).
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
    month_left: IntArray
    in_band: NDArray[np.bool_]
    band_change: IntArray
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
    hour, calendar_month, day_type = calendar.T
    charges = settings.demand
    names = [charge.name for charge in charges]
    month = np.concatenate([[0], np.cumsum(np.diff(calendar_month) != 0)]).astype(np.int64)
    within = np.array([in_band(charge, hour, day_type) for charge in charges], np.bool_)
    within = within.reshape(len(charges), hour.size)
    return Tariff(
        month=month,
        month_left=np.searchsorted(month, month, side="right") - np.arange(hour.size),
        in_band=within,
        band_change=np.array([hours_to_change(row) for row in within], np.int64).reshape(within.shape),
        price=np.array([charge.pen_per_kw_month for charge in charges]),
        basis=np.array([BASES.index(charge.basis) for charge in charges], np.int64),
        over=np.array([-1 if charge.over is None else names.index(charge.over) for charge in charges], np.int64),
        history=np.array([_history(charge) for charge in charges]).reshape(len(charges), LOOK_BACK),
        fee=settings.fee_pen_per_month,
        rule_import_kwh=rule_import_kwh,
    )


def _history(charge: DemandCharge) -> tuple[float, ...]:
    return charge.history_kw or (0.0,) * LOOK_BACK


def hours_to_change(values: NDArray[np.generic]) -> IntArray:
    """Hours until a series differs from now, at most 24, shape (N,); the year is taken as a ring."""
    result = np.full(values.size, 24, dtype=np.int64)
    # From the farthest hour on, so that the nearest change is written last.
    for ahead in range(24, 0, -1):
        result[np.roll(values, -ahead) != values] = ahead
    return result


def billing_months(tariff: Tariff) -> list[tuple[int, int]]:
    """First hour of each billing month of the year, and its hours."""
    starts = np.flatnonzero(np.diff(tariff.month, prepend=-1))
    return [(int(start), int(end - start)) for start, end in pairwise([*starts, tariff.month.size])]


@njit(cache=True)
def demand_at(tariff, start):
    """Demand that each charge has seen when a stretch begins at hour `start`, shape (C, MONTHS) [kW].

    Column 0 is the month of `start` so far, column m the month m before it; all by the rule, and before the year by
    `history`. The first hour of the year begins at 0.
    """
    charges = tariff.price.size
    seen = np.zeros((charges, MONTHS))
    this = tariff.month[start]
    for charge in range(charges):
        for back in range(this + 1, MONTHS):
            seen[charge, back] = tariff.history[charge, LOOK_BACK + this - back]
        t = start - 1
        while t >= 0 and this - tariff.month[t] < MONTHS:
            if tariff.in_band[charge, t]:
                back = this - tariff.month[t]
                seen[charge, back] = max(seen[charge, back], tariff.rule_import_kwh[t])
            t -= 1
    return seen


@njit(cache=True)
def _two_greatest(months):
    """The two greatest demands of some months, 0 where there are fewer [kW]."""
    greatest = second = 0.0
    for value in months:
        if value > greatest:
            greatest, second = value, greatest
        elif value > second:
            second = value
    return greatest, second


@njit(cache=True)
def billed_kw(tariff, demand, charge):
    """Demand that a charge bills for the present month, by what its months (C, MONTHS) have seen [kW]."""
    own = demand[charge, 0]
    if tariff.basis[charge] == EXCESS:
        return max(own - demand[tariff.over[charge], 0], 0.0)
    if tariff.basis[charge] == TWO_OF_SIX_MONTHS:
        greatest, second = _two_greatest(demand[charge])
        return (greatest + second) / 2.0
    return own


@njit(cache=True)
def free_kw(tariff, demand, charge):
    """Import in the band of a charge up to which the present month costs no more than it does [kW]."""
    own = demand[charge, 0]
    if tariff.basis[charge] == EXCESS:
        return max(own, demand[tariff.over[charge], 0])
    if tariff.basis[charge] == TWO_OF_SIX_MONTHS:
        return max(own, _two_greatest(demand[charge, 1:])[1])
    return own


@njit(cache=True)
def demand_pen(tariff, demand):
    """What the demand charges of the present month come to so far [PEN]."""
    total = 0.0
    for charge in range(tariff.price.size):
        total += tariff.price[charge] * billed_kw(tariff, demand, charge)
    return total


@njit(cache=True)
def bill_hour(tariff, t, import_kwh, demand):
    """What hour t adds to demand charges and fee [PEN]; its import goes into `demand` (C, MONTHS).

    The first hour of a month brings the fee, and what the months before it make the charges of this one begin with.
    """
    begins = t == 0 or tariff.month[t] != tariff.month[t - 1]
    before = 0.0 if begins else demand_pen(tariff, demand)
    for charge in range(tariff.price.size):
        if tariff.in_band[charge, t]:
            demand[charge, 0] = max(demand[charge, 0], import_kwh)
    return demand_pen(tariff, demand) - before + (tariff.fee if begins else 0.0)


@njit(cache=True)
def turn_month(tariff, t, demand):
    """Move the months of `demand` (C, MONTHS) on where hour t begins one."""
    if t == 0 or tariff.month[t] == tariff.month[t - 1]:
        return
    for charge in range(tariff.price.size):
        for back in range(MONTHS - 1, 0, -1):
            demand[charge, back] = demand[charge, back - 1]
        demand[charge, 0] = 0.0


@njit(cache=True)
def stretch_pen(tariff, start, import_kwh):
    """What a stretch of hours from `start` on adds to demand charges and fee, hour by hour, shape (hours,) [PEN]."""
    demand = demand_at(tariff, start)
    added = np.zeros(import_kwh.size)
    for hour in range(import_kwh.size):
        turn_month(tariff, start + hour, demand)
        added[hour] = bill_hour(tariff, start + hour, import_kwh[hour], demand)
    return added
