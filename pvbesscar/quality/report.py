"""Findings as an HTML page without external addresses, as a plain table, and as the text of the error."""

from __future__ import annotations

import re
from importlib.resources import files

import jinja2

from pvbesscar.quality.hours import describe
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.quality.year.rules.fills import DECLARED
from pvbesscar.words import Words, words_in
from schemas.results import Finding, QualityReport


def where(finding: Finding) -> str:
    """File and column of a finding."""
    return f"{finding.source}, column `{finding.column}`" if finding.column else finding.source


def status(finding: Finding) -> str:
    """Severity of a finding, and that it is waived."""
    return finding.severity if finding.waiver is None else f"{finding.severity}, waived until {finding.waiver.until}"


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


def in_words(finding: Finding, words: Words) -> Finding:
    """A finding with its rule's cause and fix in the language of the reader; what the check itself said stays."""
    own, known = words.rules.get(finding.rule), {rule.id: rule for rule in YEAR_RULES.all()}.get(finding.rule)
    if own is None or known is None:
        return finding
    changes = {"cause": own["cause"]} if finding.cause == known.cause else {}
    where = finding.fix.removeprefix(known.fix)
    if where != finding.fix:
        key = re.fullmatch(re.escape(words_in("en")("qr.named_by", key="KEY")).replace("KEY", "(.+)"), where.strip())
        changes["fix"] = own["fix"] + (f" {words('qr.named_by', key=key[1])}" if key else where)
    return finding.model_copy(update=changes)


def counted(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number} {what}{'s' if number != 1 else ''}"


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


def as_table(report: QualityReport) -> str:
    """Plain-text table of all findings, one line each, for a terminal."""
    if not report.findings:
        return f"{report.scenario}: no finding from {len(report.rules)} rules"
    rows = [("severity", "rule", "where", "what", "hours")]
    rows += [(status(f), f.rule, where(f), f.message, str(f.n_hours or "all")) for f in report.findings]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(4)), row[4]]) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_html(report: QualityReport, context: QualityContext, words: Words) -> str:
    """Page of a quality report; everything it shows is in the file itself."""
    source = files("pvbesscar.quality").joinpath("report.html.j2").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(
        report=report,
        findings=[in_words(finding, words) for finding in report.findings],
        verdict=verdict(report, words),
        w=words,
        rules=YEAR_RULES.all(),
        broken={finding.rule for finding in report.findings},
        series=context.provenance.series if context.provenance else (),
        filled=[finding for finding in report.findings if finding.rule == DECLARED],
        describe=describe,
    )
