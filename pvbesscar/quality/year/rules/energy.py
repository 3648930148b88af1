"""Demand: yearly energies as declared, and a mall that uses power."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import YEAR_RULES, QualityContext, rule
from schemas.frames import EV_PROFILE, MALL, SESSIONS

DECLARED = "docs/design.md, The plant: yearly energies that OE2 declares"
CONSERVED = 1e-6


def session_energy_kwh(context: QualityContext) -> np.ndarray:
    """Energy that each session needs at the charger [kWh], shape (n_sessions,)."""
    need = context.values(SESSIONS, "required_soc") - context.values(SESSIONS, "arrival_soc")
    energy: np.ndarray = need * context.values(SESSIONS, "battery_kwh") / context.settings.ev.charger_efficiency
    return energy


def _declared(context: QualityContext, series: str, column: str, found: float, declared: float) -> Iterator[Violation]:
    section = "mall" if series == MALL else "ev"
    otherwise = YEAR_RULES.find(f"energy.{section}_declared").fix.partition("to what is true")[2]
    tolerance = context.settings.quality.energy_tolerance
    off = found / declared - 1.0
    if abs(off) > tolerance:
        yield Violation(
            series,
            column,
            f"{found:,.1f} kWh",
            f"{declared:,.1f} kWh within {tolerance:.1%} (`quality.energy_tolerance`)",
            f"the year adds up to {found:,.1f} kWh, {off:+.1%} against the declared {declared:,.1f} kWh",
            fix=f"set `{section}.declared_kwh` to {found:.1f} if that is true{otherwise}",
        )


@rule(
    "energy.mall_declared",
    "error",
    "the mall's yearly energy is the declared one",
    looks_at=(MALL,),
    rationale="A plant is sized on the declared energy; a file with another total is another mall, another unit or "
    "another interval.",
    reference=DECLARED,
    cause="a file in another unit, a part of the mall, or a declared energy that was never updated",
    fix="set `mall.declared_kwh` to what is true, or `mall.scale_to_declared: true` to keep the file's shape only",
)
def mall_declared(context: QualityContext) -> Iterator[Violation]:
    """Compare the mall's total with `mall.declared_kwh`."""
    found = float(np.nan_to_num(context.values(MALL, "mall_kwh")).sum())
    yield from _declared(context, MALL, "mall_kwh", found, context.settings.mall.declared_kwh)


@rule(
    "energy.ev_declared",
    "error",
    "the vehicles' yearly energy is the declared one",
    looks_at=(SESSIONS,),
    rationale="The energy that all sessions need at the charger is what the chargers deliver in a year.",
    reference=DECLARED,
    cause="sessions of part of the year, states of charge in percent, or another battery capacity",
    fix="set `ev.declared_kwh` to what is true, or correct the sessions or profile file",
)
def ev_declared(context: QualityContext) -> Iterator[Violation]:
    """Compare what all sessions need with `ev.declared_kwh`."""
    found = float(np.nan_to_num(session_energy_kwh(context)).sum())
    yield from _declared(context, SESSIONS, "required_soc", found, context.settings.ev.declared_kwh)


@rule(
    "energy.ev_conserved",
    "error",
    "sessions need the energy of their profile",
    looks_at=(EV_PROFILE, SESSIONS),
    rationale="Sessions derived from an hourly profile must need exactly the energy that the profile holds.",
    reference="docs/inputs.md, charger profiles: sessions are derived by one rule, and no energy is lost",
    cause="sessions and profile are not of one ingest",
    fix="run `pvbesscar ingest` again",
    waivable=False,
    joint=True,
)
def ev_conserved(context: QualityContext) -> Iterator[Violation]:
    """Compare what all sessions need with the sum of the profile."""
    profile = float(sum(context.values(EV_PROFILE, name).sum() for name in context.columns(EV_PROFILE)))
    found = float(session_energy_kwh(context).sum())
    if abs(found - profile) > CONSERVED * max(profile, 1.0):
        yield Violation(
            SESSIONS,
            "required_soc",
            f"{found:,.6f} kWh",
            f"{profile:,.6f} kWh in the profile",
            f"the sessions need {found - profile:+,.6g} kWh against their profile",
        )


@rule(
    "mall.all_zero",
    "error",
    "the mall uses power",
    looks_at=(MALL,),
    rationale="A mall that draws nothing for a year is a missing file.",
    reference=DECLARED,
    cause="the file was emptied, or a failed export wrote zeros",
    fix="export the demand again from the meter",
    waivable=False,
)
def mall_all_zero(context: QualityContext) -> Iterator[Violation]:
    """Refuse a demand that is zero throughout."""
    values = context.values(MALL, "mall_kwh")
    if not (np.nan_to_num(values) > 0).any():
        yield Violation(
            MALL,
            "mall_kwh",
            f"{values.size} of {values.size} values are zero or missing",
            "demand above zero",
            "the mall draws nothing in the whole year",
            hours=np.arange(values.size),
        )


@rule(
    "mall.outage",
    "warning",
    "no outage of the mall",
    looks_at=(MALL,),
    rationale="Refrigeration and lighting draw power in every hour; an hour at zero is an outage of the supply or the "
    "meter, and a controller would learn it as demand.",
    reference="base load of commercial buildings, ASHRAE Guideline 14",
    cause="a blackout of the isolated grid, or the meter was off",
    fix="ask the mall's log; if only the meter was off, declare the fill: `fills` names its hours, source and reason",
)
def mall_outage(context: QualityContext) -> Iterator[Violation]:
    """Find hours below a hundredth of the median demand."""
    values = context.values(MALL, "mall_kwh")
    if not (np.nan_to_num(values) > 0).any():
        return  # mall.all_zero says it
    limit = 0.01 * float(np.nanmedian(values))
    out = np.flatnonzero(values <= limit)
    if out.size:
        yield Violation(
            MALL,
            "mall_kwh",
            f"{out.size} hours at or below {limit:.4g} kWh",
            f"more than {limit:.4g} kWh, a hundredth of the median",
            f"the mall draws almost nothing in {out.size} hours",
            hours=out,
        )


@rule(
    "mall.constant",
    "error",
    "the mall has a daily course",
    looks_at=(MALL,),
    rationale="A mall opens and closes; a demand that is the same in every hour was computed from a yearly total.",
    reference="docs/design.md, The plant: mall open [9, 23)",
    cause="a yearly or monthly total divided by its hours",
    fix="export hourly meter readings",
    waivable=False,
)
def mall_constant(context: QualityContext) -> Iterator[Violation]:
    """Refuse a demand without variation."""
    values = context.values(MALL, "mall_kwh")
    good = values[np.isfinite(values)]
    if good.size and good.max() > 0 and float(good.std()) < 1e-3 * float(good.mean()):
        yield Violation(
            MALL,
            "mall_kwh",
            f"every hour within {good.min():.6g} to {good.max():.6g} kWh",
            "a standard deviation above 0.1 % of the mean",
            "the demand is the same in every hour",
        )
