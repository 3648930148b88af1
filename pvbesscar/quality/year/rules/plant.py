"""The configured plant: battery, tariff, carbon and ratings within what exists."""

from __future__ import annotations

from collections.abc import Iterator

from pvbesscar.quality.engine import CONFIG, Violation
from pvbesscar.quality.year.context import QualityContext, rule

C_RATE_LIMITS = (0.05, 4.0)
EFFICIENCY_LIMITS = (0.60, 0.98)
DC_AC_LIMITS = (0.7, 2.0)
CARBON_LIMITS = (0.005, 1.3)


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
    found = context.settings.grid.carbon_kg_per_kwh
    low, high = CARBON_LIMITS
    if not low <= found <= high:
        yield Violation(
            CONFIG,
            "grid.carbon_kg_per_kwh",
            f"{found:g} kgCO2/kWh",
            f"{low:g} to {high:g} kgCO2/kWh",
            f"a carbon intensity of {found:g} kgCO2/kWh",
        )
