"""Rules about waivers: one that has ended, and one that matches no finding."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pvbesscar.quality.engine import CONFIG, Violation
from pvbesscar.quality.waivers import day_of
from pvbesscar.quality.year.context import QualityContext, rule

UNUSED = "waiver.unused"
SOURCE = "docs/quality.md, waivers: a reason and a last day, judged against the run's declared date"


@rule(
    "waiver.expired",
    "warning",
    "waivers are in force",
    looks_at=(),
    rationale="A waiver is a decision for a while. After its last day the finding counts again, and stops the run "
    "where it is an error.",
    reference=SOURCE,
    cause="the day has passed and nobody has looked at the finding again",
    fix="look at the finding again; remove the waiver, or give it a new reason and a new `until`",
    waivable=False,
)
def expired(context: QualityContext) -> Iterator[Violation]:
    """Compare the last day of each waiver with the day of the run."""
    today = day_of(context.settings)
    for waiver in context.settings.quality.waivers:
        if waiver.until < today:
            yield Violation(
                CONFIG,
                "quality.waivers",
                f"until {waiver.until}, judged on {today}",
                f"a last day on or after {today}",
                f"the waiver of `{waiver.rule}` ended on {waiver.until}",
            )


@rule(
    UNUSED,
    "info",
    "waivers have something to waive",
    looks_at=(),
    rationale="A waiver that matches no finding hides the next one of its kind before anybody has seen it.",
    reference=SOURCE,
    cause="the data was mended, or the waiver names another rule than was meant",
    fix="remove the waiver from `quality.waivers`",
    waivable=False,
)
def unused(_: QualityContext) -> Iterator[Violation]:
    """Yield nothing: what no finding matched is known after all rules, see `unmatched`."""
    yield from ()


def unmatched(context: QualityContext, found: Collection[str]) -> Iterator[Violation]:
    """Waivers in force whose rule is in none of the findings.

    Parameters
    ----------
    context
        The year.
    found
        Rules that found something.
    """
    today = day_of(context.settings)
    for waiver in context.settings.quality.waivers:
        if waiver.until >= today and waiver.rule not in found:
            yield Violation(
                CONFIG,
                "quality.waivers",
                f"no finding of `{waiver.rule}`",
                "at least one finding",
                f"the waiver of `{waiver.rule}` matches nothing",
            )
