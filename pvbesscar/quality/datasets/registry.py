"""Rules for a dataset folder; each is written once, the verdict, the list and the docs are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvbesscar.quality.registry import Violation
from schemas.results import Severity

if TYPE_CHECKING:
    from pvbesscar.quality.datasets.folder import DatasetFolder

SCHEMA = "schema.json"
"""File name of a violation in the schema; its column is the key, with dots."""

CITYLEARN = "CityLearn 3.0.2"

FolderCheck = Callable[["DatasetFolder"], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class FolderRule:
    """One thing that a dataset folder must hold to.

    Parameters
    ----------
    id
        `topic.name`, stable.
    severity
        Of its findings.
    title
        What holds when the rule is kept, in a few words.
    looks_at
        Files that the check looks at, in words.
    rationale
        What CityLearn, or the physics, makes of a violation.
    reference
        Where that is written.
    cause, fix
        Likely cause of a violation, and what mends it.
    check
        Pure function of a folder; the series of its violations is a file's name.
    """

    id: str
    severity: Severity
    title: str
    looks_at: str
    rationale: str
    reference: str
    cause: str
    fix: str
    check: FolderCheck

    @property
    def topic(self) -> str:
        """Part of the id before the dot."""
        return self.id.partition(".")[0]


_RULES: dict[str, FolderRule] = {}


def folder_rule(
    id: str,  # noqa: A002
    severity: Severity,
    title: str,
    *,
    looks_at: str,
    rationale: str,
    reference: str,
    cause: str,
    fix: str,
) -> Callable[[FolderCheck], FolderCheck]:
    """Register the decorated check as a rule; parameters as in `FolderRule`."""

    def register(check: FolderCheck) -> FolderCheck:
        if id in _RULES:
            raise ValueError(f"folder rule `{id}` is registered twice")
        _RULES[id] = FolderRule(id, severity, title, looks_at, rationale, reference, cause, fix, check)
        return check

    return register


def all_folder_rules() -> tuple[FolderRule, ...]:
    """All registered rules, in the order in which they are applied."""
    import pvbesscar.quality.datasets.rules  # noqa: F401, PLC0415 (its modules register themselves)

    return tuple(_RULES.values())
