"""The invoice of a year: line by line and month by month, from the hours that one ledger holds, under any tariff.

Written from the tariff's settings, apart from the compiled kernel that adds it up hour by hour
(`pvbesscar.plant.tariff`); a test holds both to the same sums. Every line is rounded to the cent before it is added.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.plant.tariff import in_band
from schemas.errors import StaleError
from schemas.settings import LOOK_BACK, DemandCharge, TariffSettings

FloatArray = NDArray[np.float64]

ENERGY, DEMAND, FEE, EXPORT = "energy", "demand", "fee", "export"
KINDS = (ENERGY, DEMAND, FEE, EXPORT)
COLUMNS = ("timestamp", "day_type", "import_kwh", "export_kwh")
"""Columns of a ledger that a bill asks for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice.

    Attributes
    ----------
    month
        Billing month, YYYY-MM.
    kind
        One of `KINDS`.
    name
        Of the band, the charge, `fee` or `export`.
    quantity, unit, price
        What is billed, kWh or kW, and what one costs [PEN].
    cents
        The line's sum in hundredths of a PEN; export is below zero.
    set_by
        Hours that set a billed demand, or `before the year` where the contract's history does.
    """

    month: str
    kind: str
    name: str
    quantity: float
    unit: str
    price: float
    cents: int
    set_by: tuple[str, ...] = ()

    @property
    def pen(self) -> float:
        """The line's sum [PEN]."""
        return self.cents / 100.0


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of a year, in order of the months.

    `presence` is the mean import in the declared band of the peak over the greatest import, `None` where none is
    declared.
    """

    tariff: TariffSettings
    lines: tuple[Line, ...]
    presence: float | None = None

    def pen(self, *kinds: str) -> float:
        """Sum of the lines of some kinds, of all without one [PEN]."""
        return sum(line.cents for line in self.lines if not kinds or line.kind in kinds) / 100.0

    @property
    def months(self) -> dict[str, float]:
        """Sum of each month [PEN]."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.month] = sums.get(line.month, 0) + line.cents
        return {month: cents / 100.0 for month, cents in sums.items()}


@dataclass(frozen=True, slots=True)
class _Peak:
    """A month's greatest import in a band, and the hour of it."""

    kw: float
    hour: str


def bill_of(ledger: pd.DataFrame, tariff: TariffSettings) -> Bill:
    """Bill of the hours of a ledger, which begins with a billing month.

    Parameters
    ----------
    ledger
        Hourly, with `COLUMNS`; what it exports is what its own export limit let out.
    tariff
        Any tariff.

    Raises
    ------
    StaleError
        The ledger has no kind of day: it is of an earlier version.
    """
    missing = [name for name in COLUMNS if name not in ledger]
    if missing:
        raise StaleError(
            f"the ledger has no column `{missing[0]}`: no bill can be made of it.",
            hint="run `pvbesscar evaluate` again.",
        )
    stamps = pd.DatetimeIndex(ledger["timestamp"])
    hour, kind = stamps.hour.to_numpy(np.int64), ledger["day_type"].to_numpy(np.int64)
    month = stamps.strftime("%Y-%m").to_numpy()
    bought, sold = (ledger[name].to_numpy(np.float64) for name in ("import_kwh", "export_kwh"))
    names = list(dict.fromkeys(month))
    peaks = {
        charge.name: [_peak(bought, stamps, in_band(charge, hour, kind) & (month == own)) for own in names]
        for charge in tariff.demand
    }
    energy = [(band, in_band(band, hour, kind)) for band in tariff.energy]
    lines: list[Line] = []
    for index, own in enumerate(names):
        here = month == own
        for band, within in energy:
            kwh = float(bought[here & within].sum())
            lines.append(_line(own, ENERGY, band.name, kwh, "kWh", band.pen_per_kwh))
        lines += _demand_lines(tariff.demand, peaks, index, own)
        if tariff.fee_pen_per_month > 0.0:
            lines.append(_line(own, FEE, FEE, 1.0, "month", tariff.fee_pen_per_month))
        if tariff.feed_in_price > 0.0:
            lines.append(_line(own, EXPORT, EXPORT, float(sold[here].sum()), "kWh", -tariff.feed_in_price))
    return Bill(tariff, tuple(lines), _presence(bought, hour, kind, tariff))


def _line(
    month: str, kind: str, name: str, quantity: float, unit: str, price: float, set_by: tuple[str, ...] = ()
) -> Line:
    # Half a cent is rounded up, as on paper; what a float leaves of it is not half a cent less.
    exact = abs(quantity * price) * 100.0
    cents = math.floor(exact + 0.5 + 1e-6)
    return Line(month, kind, name, quantity, unit, price, cents if price >= 0.0 else -cents, set_by)


def _peak(bought: FloatArray, stamps: pd.DatetimeIndex, where: NDArray[np.bool_]) -> _Peak:
    inside = np.flatnonzero(where)
    if inside.size == 0:
        return _Peak(0.0, "")
    at = inside[np.argmax(bought[inside])]
    return _Peak(float(bought[at]), stamps[at].strftime("%Y-%m-%d %H:%M"))


def _demand_lines(
    charges: Sequence[DemandCharge], peaks: dict[str, list[_Peak]], index: int, month: str
) -> Iterator[Line]:
    for charge in charges:
        own = peaks[charge.name][index]
        billed = own.kw
        set_by: tuple[str, ...] = (own.hour,)
        if charge.basis == "excess" and charge.over is not None:
            other = peaks[charge.over][index]
            billed, set_by = max(own.kw - other.kw, 0.0), (own.hour, other.hour)
        elif charge.basis == "two_of_six_months":
            before = [_Peak(kw, "before the year") for kw in charge.history_kw]
            seen = [*before, *peaks[charge.name][: index + 1]][-LOOK_BACK - 1 :]
            two = sorted(seen, key=lambda peak: peak.kw, reverse=True)[:2]
            billed, set_by = sum(peak.kw for peak in two) / 2.0, tuple(peak.hour for peak in two)
        named = tuple(hour for hour in set_by if hour) if billed > 0.0 else ()
        yield _line(month, DEMAND, charge.name, billed, "kW", charge.pen_per_kw_month, named)


def _presence(
    bought: FloatArray, hour: NDArray[np.int64], kind: NDArray[np.int64], tariff: TariffSettings
) -> float | None:
    declared, greatest = tariff.classification, float(bought.max())
    if declared is None or greatest <= 0.0:
        return None
    band = next(band for band in tariff.energy if band.name == declared.band)
    within = bought[in_band(band, hour, kind)]
    return float(within.mean()) / greatest if within.size else None


def contradictions(bills: Mapping[str, Bill]) -> tuple[str, ...]:
    """Controllers whose year is not in the class of users that the tariff declares, in one sentence."""
    other = []
    for name, own in bills.items():
        declared = own.tariff.classification
        if declared is not None and own.presence is not None and declared.contradicted_by(own.presence):
            other.append(f"{name} ({own.presence:.2f})")
    if not other:
        return ()
    return (
        f"WARNING: by the ratio of its use in the peak the site is not in the declared class under {', '.join(other)}.",
    )


def caveats(tariff: TariffSettings) -> tuple[str, ...]:
    """What a reader of a bill under a tariff has to be told."""
    said = [f"Prices: {tariff.source}, valid from {tariff.valid_from}."]
    if tariff.example:
        said.insert(0, "EXAMPLE PRICES: the structure is real, the prices are to be replaced by those of the contract.")
    if tariff.demand:
        said.append("Power is billed by quarter hours; the greatest hourly mean understates it.")
    return tuple(said)


def worth(
    saving_pen: float, investment_pen: float, life_years: int, discount_rate: float
) -> tuple[float | None, float]:
    """Payback in years, `None` where nothing is saved, and net present value [PEN] of a yearly saving."""
    payback = investment_pen / saving_pen if saving_pen > 0.0 else None
    factor, value = 1.0, -investment_pen
    for _ in range(life_years):
        factor /= 1.0 + discount_rate
        value += saving_pen * factor
    return payback, value
