"""Demand charges in a linear program: the greatest import of each month and band, and what it is billed at.

Source: docs/design.md, "The optimum".
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.program import UNLIMITED, Builder
from pvbesscar.plant.tariff import EXCESS, MONTH_MAXIMUM, MONTHS, TWO_OF_SIX_MONTHS, Tariff, demand_at, demand_pen

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BOUNDED = (MONTH_MAXIMUM, TWO_OF_SIX_MONTHS, EXCESS)
"""Bases that a linear program can bound from below."""


class Bands(NamedTuple):
    """The different hours of the charges: D bands of N hours, and the band of each of C charges.

    Attributes
    ----------
    hours
        Whether each hour is in the band, shape (D, N).
    of_charge
        Band of each charge, shape (C,).
    """

    hours: NDArray[np.bool_]
    of_charge: IntArray


def bands_of(tariff: Tariff) -> Bands:
    """Bands of a tariff: charges of the same hours share one, for they see the same demand."""
    hours, of_charge = np.unique(tariff.in_band, axis=0, return_inverse=True)
    return Bands(hours, of_charge.reshape(-1).astype(np.int64))


def unbounded(tariff: Tariff) -> tuple[str, ...]:
    """Why demand charges have no lower bound in a linear program; empty where all have."""
    return tuple(
        f"`tariff.demand`, charge {number}: no bound is known for its basis ({basis})"
        for number, basis in enumerate(tariff.basis.tolist(), start=1)
        if basis not in BOUNDED
    )


def exact(tariff: Tariff) -> bool:
    """Whether the program bills an excess as the invoice does: nowhere does a higher demand inside the band pay.

    A kW more inside costs the price of the charge `over` and saves at most the prices of what exceeds it.
    """
    saved = np.zeros(tariff.price.size)
    excess = tariff.basis == EXCESS
    np.add.at(saved, tariff.over[excess], tariff.price[excess])
    return bool((saved <= tariff.price).all())


def fixed_pen(tariff: Tariff, start: int, hours: int) -> float:
    """What nothing in a stretch can change: fees of the months that begin in it, less what was billed before it [PEN].

    A stretch that begins inside a month carries on that month's bill.
    """
    fees = float(np.unique(tariff.month[start : start + hours]).size)
    if start > 0 and tariff.month[start] == tariff.month[start - 1]:
        return tariff.fee * (fees - 1.0) - float(demand_pen(tariff, demand_at(tariff, start)))
    return tariff.fee * fees


def write_demand(
    b: Builder,
    tariff: Tariff,
    hours: slice,
    imported: IntArray,
    import_most: FloatArray,
    per_pen: float,
    slack: float,
) -> list[IntArray]:
    """Write the demand charges of a stretch: columns of demand, of billed demand, and their rows.

    Parameters
    ----------
    hours
        The stretch.
    imported, import_most
        Columns of the import of each hour, and the most that it can be, shape (H,) [kWh].
    per_pen
        What a PEN adds to the objective.
    slack
        By how much the simulators may pass the most that an hour imports [kWh].

    Returns
    -------
    list of arrays
        Of each band the rows that hold the import of its hours below its demand.
    """
    seen = demand_at(tariff, hours.start)
    bands, month = bands_of(tariff), tariff.month[hours] - tariff.month[hours.start]
    months = int(month[-1]) + 1
    demand, most = np.empty((len(bands.hours), months), np.int64), np.empty((len(bands.hours), months))
    below: list[IntArray] = []
    for band, inside in enumerate(bands.hours[:, hours]):
        floor = np.zeros(months)
        floor[0] = seen[np.flatnonzero(bands.of_charge == band)[0], 0]
        most[band] = floor
        np.maximum.at(most[band], month[inside], import_most[inside])
        demand[band] = b.columns(months, floor, most[band], slack=slack)
        rows = b.rows(int(inside.sum()), 0.0, UNLIMITED)
        b.add(rows, demand[band][month[inside]], 1.0)
        b.add(rows, imported[inside], -1.0)
        below.append(rows)
    for charge, (price, basis, over) in enumerate(zip(tariff.price, tariff.basis, tariff.over, strict=True)):
        own = bands.of_charge[charge]
        cost = float(price) * per_pen
        if basis == MONTH_MAXIMUM:
            b.price(demand[own], cost)
        elif basis == EXCESS:
            exceeds = b.columns(months, 0.0, most[own], cost, slack=slack)
            rows = b.rows(months, 0.0, UNLIMITED)
            for columns, sign in ((exceeds, 1.0), (demand[own], -1.0), (demand[bands.of_charge[over]], 1.0)):
                b.add(rows, columns, sign)
        else:
            _two_of_six(
                b, demand[own], seen[charge], max(float(most[own].max()), float(seen[charge].max())), cost, slack
            )
    return below


def _two_of_six(b: Builder, demand: IntArray, seen: FloatArray, most: float, cost: float, slack: float) -> None:
    """Mean of the two greatest of six months: at least that of every pair of them."""
    billed = b.columns(demand.size, 0.0, most, cost, slack=slack)
    for month, column in enumerate(billed):
        for pair in combinations(range(month - MONTHS + 1, month + 1), 2):
            # A month before the stretch is what has been seen of it.
            known = sum(float(seen[-one]) for one in pair if one < 0)
            row = b.rows(1, known / 2.0, UNLIMITED)
            b.add(row, np.array([column]), 1.0)
            for one in pair:
                if one >= 0:
                    b.add(row, demand[[one]], -0.5)
