"""Demand charges, monthly fee and energy prices of a tariff, from `plant.json`, as docs/design.md, "The bill", says.

A demand is the greatest hourly import of a month in a band of hours; hours of a year are taken by plain pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday")
"""Kinds of day, numbered from 1."""
BEFORE = 5
"""Months before the present one that a look-back holds."""


@dataclass(frozen=True)
class Charge:
    """A demand charge: its price of a kW and month, how it is billed, its hours of the year, and where it looks.

    `over` is the number of the charge that an excess is counted from, `history` the demands of the months before the
    year, the last one last.
    """

    name: str
    price: float
    basis: str
    over: int
    inside: NDArray[np.bool_]
    history: tuple[float, ...]


@dataclass(frozen=True)
class Tariff:
    """What a year is billed by.

    Attributes
    ----------
    told
        What `plant.json` says of it.
    month
        Billing month of each hour, from 0.
    energy
        By name of the band: its hours of the year and what a kWh costs.
    charges, fee, feed_in, export_limit
        Demand charges [PEN/kW and month], the fee [PEN a month], the price of an exported kWh, and the most that is
        exported [kW].
    """

    told: Mapping[str, Any]
    month: NDArray[np.int64]
    energy: Mapping[str, tuple[NDArray[np.bool_], float]]
    charges: tuple[Charge, ...]
    fee: float
    feed_in: float
    export_limit: float

    def begins(self, t: int) -> bool:
        """Whether a billing month begins with an hour."""
        return t == 0 or self.month[t] != self.month[t - 1]


def read_tariff(stored: Mapping[str, Any], calendar: pd.DataFrame) -> Tariff:
    """Tariff of `plant.json` over hours with the columns `month`, `hour` (from 1) and `day_type`."""
    names = [charge["name"] for charge in stored["demand"]]
    charges = [
        Charge(
            own["name"],
            own["pen_per_kw_month"],
            own["basis"],
            names.index(own["over"]) if own["basis"] == "excess" else -1,
            _inside(own, calendar),
            tuple(own["history_kw"]),
        )
        for own in stored["demand"]
    ]
    limit = stored["export_limit_kw"]
    return Tariff(
        told=stored,
        month=(calendar["month"].diff().fillna(0.0) != 0.0).cumsum().to_numpy(np.int64),
        energy={own["name"]: (_inside(own, calendar), own["pen_per_kwh"]) for own in stored["energy"]},
        charges=tuple(charges),
        fee=stored["fee_pen_per_month"],
        feed_in=stored["feed_in_price"],
        export_limit=np.inf if limit is None else limit,
    )


def _inside(band: Mapping[str, Any], calendar: pd.DataFrame) -> NDArray[np.bool_]:
    hours = [hour for first, end in band["hours"] for hour in range(first, end)]
    days = [DAYS.index(day) + 1 for day in band["days"]]
    # The building's file numbers the hours of a day from 1.
    return ((calendar["hour"] - 1).isin(hours) & calendar["day_type"].isin(days)).to_numpy()


def billed_before(tariff: Tariff, start: int, rule_import: FloatArray) -> list[list[float]]:
    """Demands that each charge has seen when a stretch begins: the five months before that of `start`, and it so far.

    Within the year they are those of the rule; before it stands the history of the contract, or 0.
    """
    own_month = int(tariff.month[start])
    found = []
    for charge in tariff.charges:
        past = pd.Series(np.where(charge.inside[:start], rule_import[:start], 0.0))
        by_month = past.groupby(tariff.month[:start]).max().to_dict()
        months = [*(charge.history or (0.0,) * BEFORE), *(by_month.get(month, 0.0) for month in range(own_month))]
        found.append([*months[-BEFORE:], by_month.get(own_month, 0.0)])
    return found


def invoice_months(
    tariff: Tariff, imports: FloatArray, start: int, before: Sequence[Sequence[float]]
) -> list[list[float]]:
    """Sum of each demand charge [PEN] in each month that a stretch touches, from the greatest imports of the months."""
    stop = start + imports.size
    month = tariff.month[start:stop]
    greatest = []
    for charge, seen in zip(tariff.charges, before, strict=True):
        own = pd.Series(np.where(charge.inside[start:stop], imports, 0.0)).groupby(month).max().tolist()
        own[0] = max(own[0], seen[BEFORE])
        greatest.append([*seen[:BEFORE], *own])
    return [
        [charge.price * kw for kw in _billed(charge, greatest[place], greatest[charge.over])]
        for place, charge in enumerate(tariff.charges)
    ]


def _billed(charge: Charge, own: Sequence[float], other: Sequence[float]) -> list[float]:
    """Billed demand of each month after the first five of `own`."""
    months = range(BEFORE, len(own))
    if charge.basis == "month_maximum":
        return [own[month] for month in months]
    if charge.basis == "excess":
        return [max(own[month] - other[month], 0.0) for month in months]
    return [sum(sorted(own[month - BEFORE : month + 1])[-2:]) / 2.0 for month in months]


def added(tariff: Tariff, imports: FloatArray, start: int, rule_import: FloatArray) -> FloatArray:
    """What each hour of a stretch adds to demand charges and fee [PEN]: the bill up to it less the bill before it."""
    hours = imports.size
    if not tariff.charges and tariff.fee == 0.0:
        return np.zeros(hours)
    stop = start + hours
    month = tariff.month[start:stop]
    before = billed_before(tariff, start, rule_import)
    courses, earlier = [], []
    for charge, seen in zip(tariff.charges, before, strict=True):
        own = pd.Series(np.where(charge.inside[start:stop], imports, 0.0))
        own[month == month[0]] = own[month == month[0]].clip(lower=seen[BEFORE])
        courses.append(own.groupby(month).cummax().to_numpy())
        greatest = [*seen[:BEFORE], *own.groupby(month).max()]
        earlier.append(np.array([greatest[k : k + BEFORE] for k in range(len(greatest) - BEFORE)])[month - month[0]])
    so_far = np.zeros(hours)
    for place, charge in enumerate(tariff.charges):
        so_far += charge.price * _course(charge, courses[place], courses[charge.over], earlier[place])
    first = np.concatenate([[True], np.diff(month) != 0])
    previous = np.where(first, 0.0, np.concatenate([[0.0], so_far[:-1]]))
    fee = np.where(first, tariff.fee, 0.0)
    if not tariff.begins(start):  # the month of the first hour is billed as far as the rule brought it
        previous[0], fee[0] = spent(tariff, before), 0.0
    return np.asarray(so_far - previous + fee)


def _course(charge: Charge, own: FloatArray, other: FloatArray, earlier: FloatArray) -> FloatArray:
    """Billed demand as it stands after each hour."""
    if charge.basis == "month_maximum":
        return own
    if charge.basis == "excess":
        return (own - other).clip(min=0.0)
    return np.asarray(np.sort(np.column_stack([earlier, own]), axis=1)[:, -2:].mean(axis=1))


def spent(tariff: Tariff, before: Sequence[Sequence[float]]) -> float:
    """Demand charges of the month so far, by the demands seen [PEN]."""
    return sum(
        charge.price * _billed(charge, before[place], before[charge.over])[0]
        for place, charge in enumerate(tariff.charges)
    )
