"""The rules that a year drawn from the validated one must keep, and why the others are not applied to it."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from pvbesscar.quality.engine import apply
from pvbesscar.quality.waivers import apply_waivers
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import YearRule
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.errors import QualityError
from schemas.frames import MALL, PV, SESSIONS
from schemas.settings import Settings

SERIES_OF_A_SCENARIO = (PV, MALL, SESSIONS)
OF_OTHER_SERIES = "it looks at a series that a scenario does not have: weather, charger profiles"
OF_THE_CONFIGURATION = "it judges the configuration, once, with the validated year"
NOT_ASKED = {
    "structure.contract": "it asks for weather too; a scenario's tables are made from tables that kept it",
    "solar.night": "a week's light keeps the sunrise of the week that it comes from, some minutes off its new date's",
    "solar.repeated_day": "weeks are drawn with replacement: the same days come again by construction",
    "mall.repeated_day": "weeks are drawn with replacement: the same days come again, each with its own factor",
    "solar.repeated_week": "weeks are drawn with replacement: the same weeks come again by construction",
    "mall.repeated_week": "weeks are drawn with replacement: the same weeks come again, each with its own factor",
    "energy.mall_declared": "a drawn year has the energy that chance drew; only the validated year has a declared one",
    "energy.ev_declared": "a drawn year has the energy that chance drew; only the validated year has a declared one",
}
"""Rules on a scenario's own series that can not be asked of it, with the reason."""


def not_asked(rule: YearRule) -> str | None:
    """Why a rule can not be asked of a drawn year; `None` where it can."""
    if rule.id in NOT_ASKED:
        return NOT_ASKED[rule.id]
    if not rule.looks_at:
        return OF_THE_CONFIGURATION
    return None if rule.applies(SERIES_OF_A_SCENARIO) else OF_OTHER_SERIES


def asked_rules() -> tuple[YearRule, ...]:
    """Rules of error severity that every drawn year must keep.

    Warnings are about what was measured, and are shown with the validated year.
    """
    return tuple(rule for rule in YEAR_RULES.all() if rule.severity == "error" and not_asked(rule) is None)


def require_plausible(
    name: str, hourly: pd.DataFrame, sessions: pd.DataFrame, settings: Settings, applied: Collection[str]
) -> None:
    """Refuse a drawn year that breaks a rule that no waiver in force accepts.

    Parameters
    ----------
    name
        The scenario.
    hourly, sessions
        Its tables, as a dataset holds them.
    applied
        Rules that the gate applied to the validated year; no other is asked.

    Raises
    ------
    QualityError
        A rule is broken.
    """
    frames = {
        PV: hourly[["timestamp", "pv_kwh"]],
        MALL: hourly[["timestamp", "mall_kwh"]],
        SESSIONS: sessions,
    }
    context = QualityContext(settings, frames)
    findings = [finding for rule in asked_rules() if rule.id in applied for finding in apply(rule, context)]
    # What the site has accepted of the validated year comes back in every year that is drawn from it.
    held = apply_waivers(findings, settings)
    errors = [finding for finding in held if finding.severity == "error" and finding.waiver is None]
    if errors:
        said = "; ".join(f"{finding.rule}: {finding.message}" for finding in errors)
        raise QualityError(
            f"scenario `{name}`, drawn from the validated year, breaks {len(errors)} rules: {said}.",
            hint="check `scenarios.load_noise` and `scenarios.wet_months`; where they are right this is a fault of the "
            "drawing: tell the maintainers, with the seed.",
        )
