"""Findings as an HTML page without external addresses, as a plain table, and as the text of the error."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import jinja2

from pvbesscar.quality.engine import QualityRule
from pvbesscar.quality.hours import describe
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.quality.year.rules.fills import DECLARED
from pvbesscar.remedies import in_full
from pvbesscar.words import Words
from schemas.results import Finding, QualityReport

SPOKEN = ("source", "column", "observed", "limit", "message", "cause", "fix")
"""Parts of a finding that are sentences, or names with words about them."""


def status(finding: Finding, words: Words) -> str:
    """Severity of a finding, and until when it is waived."""
    severity = words(f"severity.{finding.severity}")
    return f"{severity}, {words('qr.waived_until', day=finding.waiver.until)}" if finding.waiver else severity


def verdict(report: QualityReport, words: Words) -> str:
    """One line: whether the year is accepted, how many errors and other findings there are, and the first fix."""
    errors = report.errors
    others = words.counted("others", len(report.findings) - len(errors))
    if not errors:
        but = f" {words('qr.but_waived')}" if report.waived else ""
        return words("qr.accepted", but=but, rules=len(report.rules), others=others)
    first = in_words(errors[0], words)
    count = words.counted("errors", len(errors))
    return words("qr.refused", errors=count, others=others, where=_place(first, words), fix=first.fix)


def _place(finding: Finding, words: Words) -> str:
    """File and column of a finding, in words."""
    return words("qr.column", source=finding.source, column=finding.column) if finding.column else finding.source


def in_words(finding: Finding, words: Words, others: Iterable[QualityRule[Any]] = ()) -> Finding:
    """A finding in the language of the reader: what was seen, its limit, cause and fix; names and figures stay.

    Commands in the fix are those of the scenario under way.

    Parameters
    ----------
    others
        Rules beside those of the year that may have found it.
    """
    said = {part: getattr(finding, part) for part in SPOKEN}
    if words.rules:
        rules = (*YEAR_RULES.all(), *others)
        known = {getattr(rule, part): words.rules[rule.id][part] for rule in rules for part in ("cause", "fix")}
        said = {part: words.sentences(text, known) for part, text in said.items()}
    return finding.model_copy(update=said | {"fix": in_full(said["fix"])})


def error_text(report: QualityReport, words: Words) -> str:
    """All errors of a report: where, what, limit, hours, cause and fix of each."""
    others = words.counted("others", len(report.findings) - len(report.errors))
    head = words("qr.head", scenario=report.scenario, errors=words.counted("errors", len(report.errors)), others=others)
    errors = (in_words(finding, words) for finding in report.errors)
    return "\n\n".join([head, *(_paragraph(i, finding, words) for i, finding in enumerate(errors, start=1))])


def _paragraph(number: int, finding: Finding, words: Words) -> str:
    return "\n".join(
        (
            f"{number}. {_place(finding, words)}: {finding.message}. [{finding.rule}]",
            f"   {words('qr.seen')}: {finding.observed}; {words('qr.limit')}: {finding.limit}",
            f"   {words('qr.hours')}: {describe(finding.hours, finding.n_hours, words)}",
            f"   {words('qr.likely_cause')}: {finding.cause}",
            f"   {words('qr.fix')}: {finding.fix}",
        )
    )


def as_html(report: QualityReport, context: QualityContext, words: Words) -> str:
    """Page of a quality report; everything it shows is in the file itself."""
    source = files("pvbesscar.quality").joinpath("report.html.j2").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    findings = [in_words(finding, words) for finding in report.findings]
    return template.render(
        report=report,
        findings=findings,
        status=status,
        verdict=verdict(report, words),
        w=words,
        rules=YEAR_RULES.all(),
        broken={finding.rule for finding in report.findings},
        series=context.provenance.series if context.provenance else (),
        waived=[finding for finding in findings if finding.waiver],
        filled=[finding for finding in findings if finding.rule == DECLARED],
        describe=describe,
    )
