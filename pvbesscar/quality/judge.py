"""Apply the registry to a context: rules in, findings out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pvbesscar.quality.context import QualityContext
from pvbesscar.quality.hours import ranges
from pvbesscar.quality.registry import CONFIG, Rule, Violation, all_rules, find_rule
from pvbesscar.quality.rules.waivers import UNUSED, unmatched
from pvbesscar.quality.waivers import apply_waivers
from schemas.frames import HOURLY, SERIES, SESSIONS
from schemas.results import Finding, Severity

STRUCTURE = "structure.contract"
ORDER = (*SERIES, CONFIG)
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
FILE_KEYS = {
    "weather": "weather.file",
    "pv": "pv.file",
    "mall": "mall.file",
    "ev_profile": "ev.file",
    SESSIONS: "ev.file",
}


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
    findings = [_finding(rule, violation, context) for rule in all_rules() for violation in found.get(rule.id, ())]
    return tuple(sorted(_waived(findings, context), key=lambda finding: SEVERITIES.index(finding.severity)))


def violations(context: QualityContext) -> dict[str, list[Violation]]:
    """What each rule finds, by its id: structure first, the other rules on the series whose structure is sound."""
    broken = [*find_rule(STRUCTURE).check(context)]
    unsound = {violation.series for violation in broken}
    sound = context.only(tuple(name for name in context.frames if name not in unsound))
    others = {rule.id: violations_of(rule, sound) for rule in all_rules() if rule.id != STRUCTURE}
    return {STRUCTURE: broken, **others}


def _waived(findings: list[Finding], context: QualityContext) -> tuple[Finding, ...]:
    """Findings with the configuration's waivers on them, and one more for each waiver that nothing needs."""
    needless = unmatched(context, {finding.rule for finding in findings})
    return apply_waivers(
        [*findings, *(_finding(find_rule(UNUSED), violation, context) for violation in needless)], context.settings
    )


def apply(rule: Rule, context: QualityContext) -> Iterator[Finding]:
    """Findings of one rule on what it looks at."""
    for violation in violations_of(rule, context):
        yield _finding(rule, violation, context)


def violations_of(rule: Rule, context: QualityContext) -> list[Violation]:
    """What one rule finds in what it looks at; nothing where none of that is there."""
    if not rule.applies(context.frames):
        return []
    # Values such as 1e308 overflow in sums; the rules about limits name them, a warning of NumPy would not.
    with np.errstate(over="ignore", invalid="ignore"):
        found = [*rule.check(context.only(rule.series))]
    return sorted(found, key=lambda violation: ORDER.index(violation.series))


def _finding(rule: Rule, violation: Violation, context: QualityContext) -> Finding:
    raw = context.raw_column(violation.series, violation.column)
    return Finding(
        rule=rule.id,
        severity=severity_of(rule, violation, context),
        source=context.source_name(violation.series),
        column=raw,
        observed=violation.observed,
        limit=violation.limit,
        message=violation.message,
        cause=violation.cause or rule.cause,
        fix=_fix(rule, violation, context),
        hours=ranges(violation.hours, _stamps(violation.series, context)),
        n_hours=int(violation.hours.size),
    )


def severity_of(rule: Rule, violation: Violation, context: QualityContext) -> Severity:
    """Severity of a finding: an error in a column that nobody uses is a warning."""
    unused = not context.uses(violation.series, violation.column)
    return "warning" if unused and rule.severity == "error" else rule.severity


def _fix(rule: Rule, violation: Violation, context: QualityContext) -> str:
    fix = violation.fix or rule.fix
    entry = context.origin(violation.series)
    if entry is None or entry.source != "file":
        return fix
    return f"{fix} (the file is named by `{FILE_KEYS[violation.series]}`)"


def _stamps(series: str, context: QualityContext) -> pd.DatetimeIndex | None:
    """Stamps of a series; those of the first sound hourly series for sessions, whose hours count from its start."""
    candidates = (series,) if series in HOURLY else HOURLY
    for name in candidates:
        frame = context.frames.get(name)
        if frame is not None and "timestamp" in frame and isinstance(frame["timestamp"].dtype, pd.DatetimeTZDtype):
            return pd.DatetimeIndex(frame["timestamp"])
    return None
