"""Waivers: findings that a site accepts until a day, with a reason; false solar can not be waived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from schemas.results import AcceptedUntil, Finding
from schemas.settings import Settings


def day_of(settings: Settings) -> dt.date:
    """Day that waivers are held against: the declared date of the run, else the day that it is at the site.

    A waiver ends with a day of those who gave it: in Lima's evening it is tomorrow already in UTC.
    """
    return settings.date or now().astimezone(ZoneInfo(settings.site.timezone)).date()


def now() -> dt.datetime:
    """Instant at which it is asked (UTC)."""
    return dt.datetime.now(dt.UTC)


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
