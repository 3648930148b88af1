"""All rules applied to a canonical year, and the waivers of its scenario."""

from __future__ import annotations

from pvbesscar.quality.engine import CONFIG, QualityRule, Violation, finding, violations_of, worst_first
from pvbesscar.quality.waivers import apply_waivers
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.quality.year.rules.waivers import UNUSED, unmatched
from schemas.frames import SERIES
from schemas.results import Finding

YearRule = QualityRule[QualityContext]
STRUCTURE = "structure.contract"
ORDER = (*SERIES, CONFIG)


def judge(context: QualityContext) -> tuple[Finding, ...]:
    """Apply all rules.

    Parameters
    ----------
    context
        The year, as it was read.

    Returns
    -------
    tuple of Finding
        Errors first; among them, causes (weather) before effects (PV), then the registry's order. Findings that the
        configuration waives carry the waiver.
    """
    found = violations(context)
    findings = [finding(rule, one, context) for rule in YEAR_RULES.all() for one in found.get(rule.id, ())]
    # A waiver that nothing needs is a finding as well.
    needless = unmatched(context, {one.rule for one in findings})
    findings += [finding(YEAR_RULES.find(UNUSED), one, context) for one in needless]
    return worst_first(apply_waivers(findings, context.settings))


def violations(context: QualityContext) -> dict[str, list[Violation]]:
    """What each rule finds, by its id: structure first, the other rules on the series whose structure is sound."""
    broken = [*YEAR_RULES.find(STRUCTURE).check(context)]
    unsound = {one.series for one in broken}
    sound = context.only(tuple(name for name in context.frames if name not in unsound))
    others = {rule.id: in_order(violations_of(rule, sound)) for rule in YEAR_RULES.all() if rule.id != STRUCTURE}
    return {STRUCTURE: broken, **others}


def in_order(found: list[Violation]) -> list[Violation]:
    """What a rule has found, causes (weather) before effects (PV)."""
    return sorted(found, key=lambda one: ORDER.index(one.series))
