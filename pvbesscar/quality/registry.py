"""Rules and the registry that holds them: a rule is written once, checks, report and docs are made from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.results import Severity

if TYPE_CHECKING:
    from pvbesscar.quality.context import QualityContext

Hours = NDArray[np.int64]
CONFIG = "config"
"""Series name of a violation in the configuration; its column is the key."""

NO_HOURS: Hours = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Violation:
    """One column that breaks a rule.

    Parameters
    ----------
    series, column
        Where, in canonical names.
    observed, limit
        What was seen, and what it was held against, both with units.
    message
        One sentence that says it whole, without the hours.
    hours
        Rows concerned, 0-based, shape (n,); empty where the fault is of the year as a whole.
    cause, fix
        A likelier cause or a nearer fix than the rule's own, where the check knows one.
    """

    series: str
    column: str
    observed: str
    limit: str
    message: str
    hours: Hours = field(default_factory=lambda: NO_HOURS)
    cause: str | None = None
    fix: str | None = None


Check = Callable[["QualityContext"], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that data must hold to.

    Parameters
    ----------
    id
        `topic.name`, stable: waivers and reports name it.
    severity
        Of a finding in a column that the configuration uses; an error elsewhere is shown as a warning.
    title
        What holds when the rule is kept, in a few words.
    series
        Canonical series the check looks at; it runs on those that are there and structurally sound.
        Empty for a rule about the configuration.
    rationale
        The physics or the convention behind the rule.
    reference
        Where that is written.
    cause, fix
        Likely cause of a violation, and the command or the key that mends it.
    waivable
        Whether a configuration may waive it.
    check
        Pure function of a context; yields a `Violation` for each column at fault.
    joint
        Whether the check compares its series, and so runs only when all of them are there.
    """

    id: str
    severity: Severity
    title: str
    series: tuple[str, ...]
    rationale: str
    reference: str
    cause: str
    fix: str
    waivable: bool
    check: Check
    joint: bool = False

    def applies(self, present: Collection[str]) -> bool:
        """Whether the rule has something to look at among the series present."""
        return not self.series or (all if self.joint else any)(name in present for name in self.series)

    @property
    def topic(self) -> str:
        """Part of the id before the dot."""
        return self.id.partition(".")[0]


_RULES: dict[str, Rule] = {}


def rule(
    id: str,  # noqa: A002
    severity: Severity,
    title: str,
    *,
    series: tuple[str, ...],
    rationale: str,
    reference: str,
    cause: str,
    fix: str,
    waivable: bool = True,
    joint: bool = False,
) -> Callable[[Check], Check]:
    """Register the decorated check as a rule; parameters as in `Rule`."""

    def register(check: Check) -> Check:
        if id in _RULES:
            raise ValueError(f"rule `{id}` is registered twice")
        _RULES[id] = Rule(
            id=id,
            severity=severity,
            title=title,
            series=series,
            rationale=rationale,
            reference=reference,
            cause=cause,
            fix=fix,
            waivable=waivable,
            check=check,
            joint=joint,
        )
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """All registered rules, in the order in which they are applied."""
    import pvbesscar.quality.rules  # noqa: F401, PLC0415 (its modules register themselves)

    return tuple(_RULES.values())


def find_rule(rule_id: str) -> Rule:
    """Rule by its id.

    Raises
    ------
    KeyError
        There is no such rule.
    """
    return {known.id: known for known in all_rules()}[rule_id]
