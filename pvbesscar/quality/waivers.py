"""Waivers: findings that a site has looked at and accepts for a while, never false solar."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence

from pvbesscar.quality.registry import Rule, all_rules
from schemas.errors import ConfigError
from schemas.results import AcceptedUntil, Finding
from schemas.settings import Settings, Waiver


def check_waivers(waivers: Sequence[Waiver]) -> None:
    """Refuse waivers that could never hold.

    Raises
    ------
    ConfigError
        A waiver names no rule, one that can not be waived, or one that another waiver names already.
    """
    rules = {known.id: known for known in all_rules()}
    named: set[str] = set()
    for number, waiver in enumerate(waivers):
        where = f"`quality.waivers.{number}`"
        if waiver.rule not in rules:
            near = difflib.get_close_matches(waiver.rule, rules, n=1)
            meant = f"; did you mean `{near[0]}`?" if near else ""
            raise ConfigError(
                f"{where}: `{waiver.rule}` is no rule of the quality gate{meant}",
                hint="`pvbesscar quality rules` lists them all, and says which of them can be waived.",
            )
        if not rules[waiver.rule].waivable:
            raise _never(where, rules[waiver.rule])
        if waiver.rule in named:
            raise ConfigError(
                f"{where}: rule `{waiver.rule}` is waived a second time.", hint="keep one of the waivers."
            )
        named.add(waiver.rule)


def _never(where: str, rule: Rule) -> ConfigError:
    return ConfigError(
        f"{where}: rule `{rule.id}` ({rule.title}) can not be waived: data that breaks it is false, and nothing that "
        "is built on it would be true.",
        hint=f"remove the waiver and mend the data: {rule.fix}.",
    )


def day_of(settings: Settings) -> dt.date:
    """Day that waivers are held against: the declared date of the run, else the day on which it runs (UTC)."""
    return settings.date or dt.datetime.now(dt.UTC).date()


def apply_waivers(findings: Sequence[Finding], settings: Settings) -> tuple[Finding, ...]:
    """Mark the findings that a waiver in force accepts; their severity stays what it is.

    Parameters
    ----------
    findings
        Everything that the rules found.
    settings
        Waivers and the declared date of the run.
    """
    today = day_of(settings)
    held = {waiver.rule: waiver for waiver in settings.quality.waivers if today <= waiver.until}
    return tuple(
        finding.model_copy(
            update={"waiver": AcceptedUntil(reason=held[finding.rule].reason, until=held[finding.rule].until)}
        )
        if finding.rule in held
        else finding
        for finding in findings
    )
