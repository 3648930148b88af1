"""The configured plant: battery, tariff, carbon and ratings within what exists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import CONFIG, Violation
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import CARBON
from schemas.settings import FUEL_KG_PER_TJ, TJ_PER_KWH

C_RATE_LIMITS = (0.05, 4.0)
EFFICIENCY_LIMITS = (0.60, 0.98)
DC_AC_LIMITS = (0.7, 2.0)
CARBON_LIMITS = (0.005, 1.3)
EFFICIENCY_OF_FUEL = {"residual_fuel_oil": (0.20, 0.55), "diesel": (0.20, 0.55), "natural_gas": (0.20, 0.64)}
"""Efficiencies with which a fuel is turned into electricity, from old engines to the best plants that are built."""


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
