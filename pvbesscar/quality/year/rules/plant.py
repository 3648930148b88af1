"""The configured plant: battery, tariff, carbon and ratings within what exists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pvbesscar.oe2.calendar import day_types
from pvbesscar.quality.engine import CONFIG, Violation
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import CARBON, MALL, PV
from schemas.settings import DAYS, FUEL_KG_PER_TJ, TJ_PER_KWH

C_RATE_LIMITS = (0.05, 4.0)
EFFICIENCY_LIMITS = (0.60, 0.98)
DC_AC_LIMITS = (0.7, 2.0)
CARBON_LIMITS = (0.005, 1.3)
EFFICIENCY_OF_FUEL = {"residual_fuel_oil": (0.20, 0.55), "diesel": (0.20, 0.55), "natural_gas": (0.20, 0.64)}
"""Efficiencies with which a fuel is turned into electricity, from old engines to the best plants that are built."""
PRICE_RATIO = 10.0
DEMAND_PRICE_LIMITS = (1.0, 500.0)


@rule(
    "bess.c_rate",
    "error",
    "battery power fits its capacity",
    looks_at=(),
    rationale="Stationary batteries are built for discharge in a quarter of an hour to twenty hours.",
    reference="IEC 62933-2-1, unit parameters of storage systems",
    cause="power and capacity exchanged, or MW and kW mixed",
    fix="check `bess.power_kw` and `bess.capacity_kwh`",
)
def c_rate(context: QualityContext) -> Iterator[Violation]:
    """Compare power with capacity."""
    rate = context.settings.bess.power_kw / context.settings.bess.capacity_kwh
    low, high = C_RATE_LIMITS
    if not low <= rate <= high:
        yield Violation(
            CONFIG, "bess.power_kw", f"{rate:.4g} 1/h", f"{low:g} to {high:g} 1/h", f"a C-rate of {rate:.4g} 1/h"
        )


@rule(
    "bess.efficiency",
    "error",
    "round-trip efficiency physical",
    looks_at=(),
    rationale="Lithium batteries with their inverters return 80 to 92 % of what they take, other chemistries 60 % and "
    "more; 98 % and above is not built. CityLearn's `efficiency` is the round trip.",
    reference="IEC 62933-2-1; CityLearn 3.0.2, energy_model.py, Battery",
    cause="a one-way or a cell efficiency in the place of the round trip, or percent for ratio",
    fix="set `bess.efficiency` to the round trip from AC to AC",
)
def bess_efficiency(context: QualityContext) -> Iterator[Violation]:
    """Compare the round trip with what is built."""
    found, (low, high) = context.settings.bess.efficiency, EFFICIENCY_LIMITS
    if not low <= found <= high:
        yield Violation(
            CONFIG, "bess.efficiency", f"{found:g}", f"{low:g} to {high:g}", f"a round-trip efficiency of {found:g}"
        )


@rule(
    "pv.dc_ac_ratio",
    "error",
    "DC rating fits the inverters",
    looks_at=(),
    rationale="Plants are built with 0.7 to 2 kWp of modules per kW of inverter.",
    reference="IEC 62548-1, array to inverter ratio in practice",
    cause="kW and MW mixed, or the two ratings exchanged",
    fix="check `pv.dc_kwp` and `pv.ac_kw`",
)
def dc_ac_ratio(context: QualityContext) -> Iterator[Violation]:
    """Compare the two ratings."""
    ratio, (low, high) = context.settings.pv.dc_kwp / context.settings.pv.ac_kw, DC_AC_LIMITS
    if not low <= ratio <= high:
        yield Violation(CONFIG, "pv.dc_kwp", f"{ratio:.4g}", f"{low:g} to {high:g}", f"{ratio:.4g} kWp per kW AC")


@rule(
    "tariff.constant",
    "warning",
    "the price differs between the energy bands",
    looks_at=(),
    rationale="With one price for all hours the cost term can not tell when energy is used.",
    reference="docs/design.md, The plant: 0.45 PEN/kWh in the tariff peak, 0.28 otherwise",
    cause="a mean price entered twice",
    fix="set `tariff.energy` to the bands of the contract and their prices",
)
def tariff_constant(context: QualityContext) -> Iterator[Violation]:
    """Compare the prices of the bands; power that is billed tells hours apart too."""
    tariff = context.settings.tariff
    if tariff.highest_price == tariff.lowest_price and not tariff.demand:
        seen = f"{tariff.highest_price:g} PEN/kWh in all hours"
        yield Violation(CONFIG, "tariff.energy", seen, "two prices", "the price is the same in all hours")


@rule(
    "tariff.feed_in",
    "warning",
    "export earns less than import costs",
    looks_at=(),
    rationale="With a feed-in above the price, buying to sell pays, and the optimum's bound does not hold.",
    reference="docs/design.md, The optimum: holds for a feed-in below the price",
    cause="centimos for soles, or the two prices exchanged",
    fix="check `tariff.feed_in_price`",
)
def feed_in(context: QualityContext) -> Iterator[Violation]:
    """Compare what export earns with the lower price."""
    tariff = context.settings.tariff
    lower = tariff.lowest_price
    if tariff.feed_in_price > lower:
        yield Violation(
            CONFIG,
            "tariff.feed_in_price",
            f"{tariff.feed_in_price:g} PEN/kWh",
            f"at most {lower:g} PEN/kWh",
            "export earns more than import costs",
        )


@rule(
    "tariff.price_ratio",
    "error",
    "no energy price ten times another",
    looks_at=(),
    rationale="Between the bands of a contract energy differs by tenths to a few times, never by a power of ten.",
    reference="Osinergmin, published price sheets: 0.2769 in the peak and 0.2376 PEN/kWh outside (MT2)",
    cause="centimos for soles in one band, or a misplaced decimal mark",
    fix="set `pen_per_kwh` of every band of `tariff.energy` in PEN per kWh",
)
def price_ratio(context: QualityContext) -> Iterator[Violation]:
    """Compare the dearest band with the cheapest that costs anything."""
    prices = [band.pen_per_kwh for band in context.settings.tariff.energy if band.pen_per_kwh > 0.0]
    ratio = max(prices) / min(prices) if prices else 1.0
    if ratio >= PRICE_RATIO:
        words = f"{max(prices):g} and {min(prices):g} PEN/kWh"
        yield Violation(CONFIG, "tariff.energy", words, f"below {PRICE_RATIO:g} times", f"energy prices of {words}")


@rule(
    "tariff.demand_price",
    "error",
    "demand charges in PEN per kW and month",
    looks_at=(),
    rationale="Published prices of a kW of demand lie between some 10 and some 100 PEN a month.",
    reference="Osinergmin, published price sheets: 15.13 to 61.35 PEN per kW and month (MT2, MT3)",
    cause="a price in PEN per W or per MW",
    fix="set `pen_per_kw_month` of the charge in PEN per kW and month; 0 where it only stands for `over`",
)
def demand_price(context: QualityContext) -> Iterator[Violation]:
    """Compare the price of each charge with what power costs."""
    low, high = DEMAND_PRICE_LIMITS
    for charge in context.settings.tariff.demand:
        found = charge.pen_per_kw_month
        if found > 0.0 and not low <= found <= high:
            words = f"{found:g} PEN/kW a month"
            limit = f"{low:g} to {high:g} PEN/kW a month"
            yield Violation(CONFIG, f"tariff.demand {charge.name}", words, limit, f"`{charge.name}` costs {words}")


@rule(
    "tariff.demand_bands",
    "warning",
    "no demand charged twice",
    looks_at=(),
    rationale="An excess is of one band over another: where their hours overlap, the same hour counts on both sides. "
    "Two charges of the same hours, basis and price are one that was entered twice.",
    reference="Osinergmin, Norma de opciones tarifarias: excess of the demand outside the peak over that in it",
    cause="hours of the peak entered for the hours outside it, or a charge entered twice",
    fix="check `hours` and `days` of the charges of `tariff.demand`",
)
def demand_bands(context: QualityContext) -> Iterator[Violation]:
    """Compare the bands of the charges with each other."""
    charges = context.settings.tariff.demand
    hours = {c.name: {(hour, day) for day in DAYS for hour in range(24) if c.covers(hour, day)} for c in charges}
    for index, charge in enumerate(charges):
        shared = hours[charge.name] & hours[charge.over] if charge.over is not None else set()
        if shared:
            found = f"{len({hour for hour, _ in shared})} hours of the day in both"
            text = f"`{charge.name}` is an excess over `{charge.over}` with {found}"
            yield Violation(CONFIG, f"tariff.demand {charge.name}", found, "none", text)
        for other in charges[:index]:
            same = (charge.basis, charge.over, charge.pen_per_kw_month) == (
                other.basis,
                other.over,
                other.pen_per_kw_month,
            )
            if same and hours[charge.name] == hours[other.name]:
                text = f"`{charge.name}` is `{other.name}` once more"
                yield Violation(CONFIG, f"tariff.demand {charge.name}", "the same charge twice", "once", text)


@rule(
    "tariff.classification",
    "warning",
    "the declared class of the tariff is that of the year",
    looks_at=(MALL, PV),
    rationale="Whether power is billed as present in the peak or outside it follows from how the site uses power: mean "
    "import in the peak over the year's greatest. Here without vehicles and battery, which the gate does not know.",
    reference="Osinergmin, Norma de opciones tarifarias: present at 0.5 and above",
    cause="the contract is older than the PV plant, or of another supply",
    fix="set `tariff.classification` to what the bill says, and ask for a new classification where it differs",
)
def classification(context: QualityContext) -> Iterator[Violation]:
    """Compare the class with mall less PV."""
    tariff = context.settings.tariff
    declared = tariff.classification
    if declared is None:
        return
    mall, pv = context.frames[MALL], context.frames[PV]
    stamps = pd.DatetimeIndex(mall["timestamp"])
    bought = np.maximum(mall["mall_kwh"].to_numpy(np.float64) - pv["pv_kwh"].to_numpy(np.float64), 0.0)
    band = next(band for band in tariff.energy if band.name == declared.band)
    kinds = day_types(stamps, context.settings.site.holidays)
    within = np.array([band.covers(hour, DAYS[kind - 1]) for hour, kind in zip(stamps.hour, kinds, strict=True)])
    greatest = float(bought.max())
    ratio = float(bought[within].mean()) / greatest if within.any() and greatest > 0.0 else 0.0
    if declared.contradicted_by(ratio):
        text = f"declared `{declared.declared}`, but the year uses {ratio:.2f} of its greatest import in the peak"
        limit = f"present at {declared.limit:g} and above"
        yield Violation(CONFIG, "tariff.classification.declared", f"{ratio:.2f}", limit, text)


@rule(
    "carbon.range",
    "error",
    "carbon intensity of a real grid",
    looks_at=(),
    rationale="The dirtiest generation, lignite, emits 1.1 to 1.3 kg per kWh, diesel sets 0.6 to 0.9; the "
    "cleanest, wind and water, some 0.01 over their lives.",
    reference="IPCC (2014), AR5 WG3 Annex III, table A.III.2",
    cause="grams or tonnes for kilograms, or kg per MWh",
    fix="set `grid.carbon_kg_per_kwh` in kg per kWh",
)
def carbon_range(context: QualityContext) -> Iterator[Violation]:
    """Compare the intensity with what generation emits."""
    if context.settings.carbon.source == "file":
        return
    found = context.settings.constant_carbon_kg_per_kwh
    low, high = CARBON_LIMITS
    if not low <= found <= high:
        yield Violation(
            CONFIG,
            "grid.carbon_kg_per_kwh",
            f"{found:g} kgCO2/kWh",
            f"{low:g} to {high:g} kgCO2/kWh",
            f"a carbon intensity of {found:g} kgCO2/kWh",
        )


@rule(
    "carbon.hourly",
    "error",
    "carbon intensity of a real grid in every hour",
    looks_at=(CARBON,),
    rationale="No generation emits more than lignite, 1.3 kg per kWh; the next kWh of water or wind emits nothing. An "
    "average intensity that is zero all day was never filled in.",
    reference="IPCC (2014), AR5 WG3 Annex III, table A.III.2",
    cause="grams for kilograms, or hours that were never filled in",
    fix="check `carbon.unit` and the file",
)
def carbon_hourly(context: QualityContext) -> Iterator[Violation]:
    """Compare the intensity of each hour with what generation emits."""
    column, most = "carbon_kg_per_kwh", CARBON_LIMITS[1]
    least = 0.0 if context.settings.carbon.measure == "marginal" else CARBON_LIMITS[0]
    values = context.values(CARBON, column)
    bad = np.flatnonzero((values < least) | (values > most))
    if bad.size:
        seen = f"{values[bad].min():g} to {values[bad].max():g} kgCO2/kWh"
        limit = f"{least:g} to {most:g} kgCO2/kWh"
        yield Violation(CARBON, column, seen, limit, f"{bad.size} hours with {seen}", hours=bad)


@rule(
    "carbon.fuel",
    "warning",
    "carbon intensity possible with the declared grid and fuel",
    looks_at=(),
    rationale="What an isolated grid emits is the CO2 of its fuel over the efficiency of its plants. No engine turns "
    "more than 55 % of oil into electricity, no combined cycle more than 64 % of gas, and old engines some 20 %.",
    reference="IPCC (2006), Guidelines, volume 2, table 2.2: 77.4, 74.1 and 56.1 kgCO2/GJ",
    cause="the factor of an interconnected grid in the place of the site's own",
    fix="set `carbon.source: fuel`, or `grid.carbon_kg_per_kwh` to what this grid emits; or say in `grid.kind` and "
    "`grid.fuel` what grid it is",
)
def carbon_fuel(context: QualityContext) -> Iterator[Violation]:
    """Compare the efficiency that the intensity would need with what plants of that fuel have."""
    grid = context.settings.grid
    found = context.settings.constant_carbon_kg_per_kwh
    if context.settings.carbon.source == "file" or grid.kind != "isolated" or found <= 0.0:
        return
    low, high = EFFICIENCY_OF_FUEL[grid.fuel]
    heat = FUEL_KG_PER_TJ[grid.fuel] * TJ_PER_KWH
    if not low <= heat / found <= high:
        key = "grid.generation_efficiency" if context.settings.carbon.source == "fuel" else "grid.carbon_kg_per_kwh"
        fuel = grid.fuel.replace("_", " ")
        yield Violation(
            CONFIG,
            key,
            f"{found:.4g} kgCO2/kWh",
            f"{heat / high:.3f} to {heat / low:.3f} kgCO2/kWh",
            f"{found:.4g} kgCO2/kWh of {fuel} ask for an efficiency of {heat / found:.0%}",
        )
