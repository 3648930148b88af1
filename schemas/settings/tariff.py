"""The tariff: what a kWh, a kW of billed demand and a month cost, and what may be exported."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import Frozen, PlainName, quantity

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday"]
DAYS: tuple[Day, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday")
"""Kinds of day in the order of `day_type`, 1 to 8."""

Hours = tuple[tuple[int, int], ...]
Basis = Literal["month_maximum", "two_of_six_months", "excess"]
LOOK_BACK = 5
"""Months before the present one that `two_of_six_months` looks at."""


class Band(Frozen):
    """Hours of some days."""

    name: PlainName = quantity(..., "", "name of the line on the invoice")
    hours: Hours = quantity(((0, 24),), "h", "half open intervals within [0, 24]", "the whole day")
    days: tuple[Day, ...] = quantity(DAYS, "", "kinds of day; a holiday is no weekday", "every day")

    @model_validator(mode="after")
    def _check_hours(self) -> Band:
        ends = [end for pair in self.hours for end in pair]
        if not self.hours or ends != sorted(ends) or ends[0] < 0 or ends[-1] > 24 or any(a == b for a, b in self.hours):
            raise ValueError(f"`hours` of `{self.name}` are no half open intervals in order within [0, 24]")
        if not self.days or len(set(self.days)) != len(self.days):
            raise ValueError(f"`days` of `{self.name}` are none, or name a day twice")
        return self

    def covers(self, hour: int, day: Day) -> bool:
        """Whether the hour of such a day is in the band."""
        return day in self.days and any(start <= hour < end for start, end in self.hours)


class EnergyBand(Band):
    """What an imported kWh costs in the band."""

    pen_per_kwh: float = quantity(..., "PEN/kWh", "price", ge=0.0)


class DemandCharge(Band):
    """What a kW of demand in the band costs each month; hourly means, which understate billing by quarter hours."""

    pen_per_kw_month: float = quantity(..., "PEN/kW", "price of a kW of billed demand, each month", ge=0.0)
    basis: Basis = quantity(
        "month_maximum",
        "",
        "month_maximum: greatest import of the month in the band; two_of_six_months: mean of the two greatest of "
        "those of the month and the five before; excess: what that of the month exceeds that of the charge `over` by",
        "the plainest",
    )
    over: PlainName | None = quantity(None, "", "for `basis: excess`: name of the other charge", "none")
    history_kw: tuple[float, ...] = quantity(
        (), "kW", "for `basis: two_of_six_months`: the five months before the year, the last one last", "none"
    )

    @model_validator(mode="after")
    def _check_basis(self) -> DemandCharge:
        if (self.basis == "excess") != (self.over is not None):
            raise ValueError(f"`over` of `{self.name}` belongs to `basis: excess`, and must be given there")
        wanted = LOOK_BACK if self.basis == "two_of_six_months" else 0
        if len(self.history_kw) != wanted or min(self.history_kw, default=0.0) < 0.0:
            raise ValueError(
                f"`history_kw` of `{self.name}` must hold {wanted} demands of at least 0 kW for `basis: {self.basis}`"
            )
        return self


class Classification(Frozen):
    """Which of two prices of power the site is billed by; declared, for it depends on how the site uses power."""

    declared: Literal["present_in_peak", "outside_peak"] = quantity(..., "", "what the contract says")
    band: PlainName = quantity(..., "", "energy band of the peak")
    limit: float = quantity(
        0.5, "1", "mean import in the band over the year's greatest: present at this ratio and above",
        "Osinergmin, Norma de opciones tarifarias", gt=0.0, lt=1.0,
    )  # fmt: skip

    def contradicted_by(self, presence: float) -> bool:
        """Whether a year of another class was used: `presence` is mean import in the band over the year's greatest."""
        return (presence >= self.limit) != (self.declared == "present_in_peak")


class TariffSettings(Frozen):
    """The tariff of the site; `tariff: FILE` in a scenario takes it from a file (config/tariffs/)."""

    name: PlainName = quantity("energy_only", "", "name of the tariff", "config/tariffs/energy_only.yaml")
    source: str = quantity(
        "OE2 design of the Iquitos mall", "", "where the prices are from", "no tariff without one", min_length=8
    )
    valid_from: dt.date = quantity(dt.date(2025, 1, 1), "date", "day from which the prices hold", "the declared year")
    example: bool = quantity(
        False, "", "prices are an example to be replaced; every page that shows them says so", "off"
    )
    energy: tuple[EnergyBand, ...] = quantity(
        (
            EnergyBand(name="peak", hours=((18, 23),), pen_per_kwh=0.45),
            EnergyBand(name="base", hours=((0, 18), (23, 24)), pen_per_kwh=0.28),
        ),
        "", "energy bands: name, hours, days, pen_per_kwh; together every hour once", "OE2 design of the Iquitos mall",
        min_length=1, max_length=12,
    )  # fmt: skip
    demand: tuple[DemandCharge, ...] = quantity(
        (), "", "demand charges: name, hours, days, pen_per_kw_month, basis, over, history_kw", "none", max_length=4
    )
    fee_pen_per_month: float = quantity(0.0, "PEN", "fixed monthly fee", ge=0.0)
    feed_in_price: float = quantity(0.0, "PEN/kWh", "what an exported kWh earns", ge=0.0)
    export_limit_kw: float | None = quantity(
        None, "kW", "greatest export; PV beyond it is curtailed and earns nothing", "no limit", ge=0.0
    )
    classification: Classification | None = quantity(
        None, "", "declared classification: declared, band, limit; a year that contradicts it is a warning", "none"
    )

    @model_validator(mode="after")
    def _check(self) -> TariffSettings:
        for what, bands in (("energy", self.energy), ("demand", self.demand)):
            if len({band.name for band in bands}) != len(bands):
                raise ValueError(f"`tariff.{what}` names a band twice")
        for number, day in enumerate(DAYS, start=1):
            for hour in range(24):
                names = [band.name for band in self.energy if band.covers(hour, day)]
                if len(names) != 1:
                    found = "no energy band" if not names else f"the energy bands {', '.join(names)}"
                    raise ValueError(
                        f"`tariff.energy`: hour {hour} of a {day} (day type {number}) is in {found}; it must be in one"
                    )
        plain = {charge.name for charge in self.demand if charge.basis == "month_maximum"}
        for charge in self.demand:
            if charge.over is not None and charge.over not in plain:
                raise ValueError(
                    f"`over: {charge.over}` of `{charge.name}` is no demand charge with `basis: month_maximum`; "
                    "its price may be 0"
                )
        if self.classification is not None and self.classification.band not in {band.name for band in self.energy}:
            raise ValueError(f"`tariff.classification.band`: `{self.classification.band}` is no energy band")
        return self

    @property
    def highest_price(self) -> float:
        """Price of the dearest energy band [PEN/kWh]."""
        return max(band.pen_per_kwh for band in self.energy)

    @property
    def lowest_price(self) -> float:
        """Price of the cheapest energy band [PEN/kWh]."""
        return min(band.pen_per_kwh for band in self.energy)


class EconomicsSettings(Frozen):
    """What the battery and its control cost; payback and net present value are shown where all three are declared."""

    investment_pen: float | None = quantity(
        None, "PEN", "investment, against a battery that is never used", "none: no payback", gt=0.0
    )
    life_years: int | None = quantity(None, "a", "years that it serves", "none", ge=1, le=60)
    discount_rate: float | None = quantity(None, "1", "discount rate of a year", "none", ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> EconomicsSettings:
        given = [value is not None for value in (self.investment_pen, self.life_years, self.discount_rate)]
        if any(given) and not all(given):
            raise ValueError("`economics` needs `investment_pen`, `life_years` and `discount_rate` together")
        return self
