"""The rule engine: what a rule is, how rules are registered, and how what they find becomes findings.

A rule is written once; checks, reports and docs are made from it. There are two sets of rules, each for a subject of
its own: `pvbesscar.quality.year` for the canonical year, `pvbesscar.quality.folder` for a folder in CityLearn's format.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from pvbesscar.quality.hours import Hours, ranges
from schemas.results import Finding, Result, Severity

CONFIG = "config"
"""Series name of a violation in the configuration; its column is the key."""

NO_HOURS: Hours = np.empty(0, dtype=np.int64)
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Violation:
    """One column that breaks a rule.

    Parameters
    ----------
    series, column
        Where: canonical names, or a file and what is in it.
    observed, limit
        What was seen, and what it was held against, both with units.
    message
        One sentence that says it whole, without the hours.
    hours
        Rows concerned, 0-based, shape (n,); empty where the fault is of the year as a whole.
    cause, fix
        A likelier cause or a nearer fix than the rule's own, where the check knows one.
    severity
        A milder one than the rule's own, where what was seen is less than the rule is about.
    """

    series: str
    column: str
    observed: str
    limit: str
    message: str
    hours: Hours = field(default_factory=lambda: NO_HOURS)
    cause: str | None = None
    fix: str | None = None
    severity: Severity | None = None


class Subject(Protocol):
    """What the rules of one set look at."""

    def can_be_asked(self, rule: QualityRule[Self]) -> bool:
        """Whether what the rule looks at is there."""

    def only(self, parts: tuple[str, ...]) -> Self:
        """The subject without the parts that are not named."""

    def source_name(self, series: str) -> str:
        """What a person knows a part by."""

    def column_name(self, series: str, column: str) -> str:
        """What a person knows a column by."""

    def severity_of(self, severity: Severity, violation: Violation) -> Severity:
        """Severity of a finding, where the rule itself has `severity`."""

    def where_to_fix(self, series: str) -> str:
        """Words behind a fix that say where it is applied; empty where nothing is to be said."""

    def stamps_of(self, series: str, rows: int) -> pd.DatetimeIndex | None:
        """Stamps of at least the first `rows` rows of a part."""


S = TypeVar("S", bound=Subject)
Check = Callable[[S], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class QualityRule(Generic[S]):
    """One thing that data must hold to.

    Parameters
    ----------
    id
        `topic.name`, stable: waivers and reports name it.
    severity
        Of a finding in a column that the configuration uses; an error elsewhere is shown as a warning.
    title
        What holds when the rule is kept, in a few words.
    looks_at
        Parts of the subject that the check looks at; it runs on those that are there and structurally sound. Empty for
        a rule about the configuration.
    rationale
        The physics or the convention behind the rule.
    reference
        Where that is written.
    cause, fix
        Likely cause of a violation, and the command or the key that mends it.
    check
        Pure function of a subject; yields a `Violation` for each column at fault.
    waivable
        Whether a configuration may waive it.
    joint
        Whether the check compares its parts, and so runs only when all of them are there.
    """

    id: str
    severity: Severity
    title: str
    looks_at: tuple[str, ...]
    rationale: str
    reference: str
    cause: str
    fix: str
    check: Check[S]
    waivable: bool
    joint: bool

    def applies(self, present: Collection[str]) -> bool:
        """Whether the rule has something to look at among the parts present."""
        return not self.looks_at or (all if self.joint else any)(name in present for name in self.looks_at)

    @property
    def topic(self) -> str:
        """Part of the id before the dot."""
        return self.id.partition(".")[0]


class RuleSet(Generic[S]):
    """Rules for one kind of subject, in the order in which they are applied."""

    def __init__(self) -> None:
        self._rules: dict[str, QualityRule[S]] = {}

    def rule(
        self,
        rule_id: str,
        severity: Severity,
        title: str,
        *,
        looks_at: tuple[str, ...],
        rationale: str,
        reference: str,
        cause: str,
        fix: str,
        waivable: bool = True,
        joint: bool = False,
    ) -> Callable[[Check[S]], Check[S]]:
        """Register the decorated check as a rule; parameters as in `QualityRule`."""

        def register(check: Check[S]) -> Check[S]:
            if rule_id in self._rules:
                raise ValueError(f"rule `{rule_id}` is registered twice")
            self._rules[rule_id] = QualityRule(
                rule_id, severity, title, looks_at, rationale, reference, cause, fix, check, waivable, joint
            )
            return check

        return register

    def all(self) -> tuple[QualityRule[S], ...]:
        """All registered rules."""
        return tuple(self._rules.values())

    def find(self, rule_id: str) -> QualityRule[S]:
        """Rule by its id.

        Raises
        ------
        KeyError
            There is no such rule.
        """
        return self._rules[rule_id]


class JudgedFile(Result):
    """A file or folder judged on its own: what it was taken for, how it was read, and what was found.

    `judged` says what of it was judged, `not_judged` what was not, and why.
    """

    path: str
    kinds: tuple[str, ...]
    steps: tuple[str, ...]
    findings: tuple[Finding, ...]
    judged: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """Number of findings of error severity."""
        return sum(finding.severity == "error" for finding in self.findings)


def violations_of(rule: QualityRule[S], subject: S) -> list[Violation]:
    """What one rule finds in what it looks at; nothing where none of that is there."""
    if not subject.can_be_asked(rule):
        return []
    # Values such as 1e308 overflow in sums; the rules about limits name them, a warning of NumPy would not.
    with np.errstate(over="ignore", invalid="ignore"):
        return [*rule.check(subject.only(rule.looks_at))]


def apply(rule: QualityRule[S], subject: S) -> Iterator[Finding]:
    """Findings of one rule on what it looks at."""
    for violation in violations_of(rule, subject):
        yield finding(rule, violation, subject)


def finding(rule: QualityRule[S], violation: Violation, subject: Subject, severity: Severity | None = None) -> Finding:
    """Finding that a person reads, from what a rule has found.

    Parameters
    ----------
    severity
        In the place of the one that the subject gives it.
    """
    rows = int(violation.hours.max()) + 1 if violation.hours.size else 0
    return Finding(
        rule=rule.id,
        severity=severity or subject.severity_of(rule.severity, violation),
        source=subject.source_name(violation.series),
        column=subject.column_name(violation.series, violation.column),
        observed=violation.observed,
        limit=violation.limit,
        message=violation.message,
        cause=violation.cause or rule.cause,
        fix=f"{violation.fix or rule.fix}{subject.where_to_fix(violation.series)}",
        hours=ranges(violation.hours, subject.stamps_of(violation.series, rows)),
        n_hours=int(violation.hours.size),
    )


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with the errors first, else in their order."""
    return tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity)))
