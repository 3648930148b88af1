"""What is said of a controller: by how much it is better, and every term that is worse for it, cost first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pvbesscar.controllers.registry import NO_CONTROL, RULE
from pvbesscar.evaluation.resolution import RESOLUTION, differs, gap_open, term_differs
from schemas.results import ControllerResult, Interval, ScenarioResult, ScoreTerms, SetEntry, SetResult
from schemas.settings import HOURS_PER_YEAR

TERM_WORDS = {
    "cost_pen": ("cost", "PEN"),
    "co2_kg": ("CO2", "kg"),
    "solar_kwh": ("unused PV", "kWh"),
    "ev_short_kwh": ("energy short at departure", "kWh"),
    "ramping_kwh": ("ramping", "kWh"),
}
"""Name and unit of each term in a sentence, in the order in which they are named."""
NOTHING_OPEN = "nothing open"
R = TypeVar("R", ControllerResult, SetEntry)


def signed(difference: float) -> str:
    """Write a difference of J with its sign; one below what the simulator resolves is no difference."""
    if abs(difference) < RESOLUTION:
        return "0"
    return f"{difference:+.4f}" if abs(difference) >= 5e-5 else f"{difference:+.1e}"


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share in percent; where there is none, say so."""
    return "none" if value is None else f"{round(100.0 * value, digits) + 0.0:.{digits}f} %"


def percent_interval(interval: Interval, digits: int = 1) -> str:
    """Write an interval of a share."""
    return f"{percent(interval[0], digits).removesuffix(' %')} to {percent(interval[1], digits)}"


def open_of(judged: ScenarioResult | SetResult) -> float | None:
    """What is open of J between the rule and J*; `None` where that is nothing, or one of them is not there."""
    measured = _measured(judged)
    return None if measured is None else gap_open(*measured)


def nothing_open(judged: ScenarioResult | SetResult) -> bool:
    """Whether rule and J* are known, and nothing is open between them."""
    return _measured(judged) is not None and open_of(judged) is None


def _measured(judged: ScenarioResult | SetResult) -> tuple[float, float, float] | None:
    """J of the rule, of the bound and of the replayed plan, over a set the means."""
    if isinstance(judged, SetResult):
        rule_j = next((entry.mean_score for entry in judged.entries if entry.controller == RULE), None)
        bound, replay = judged.mean_bound, judged.mean_replay
    else:
        rule = rule_of(judged)
        rule_j = None if rule is None else rule.score
        bound, replay = (None, None) if judged.optimum is None else (judged.optimum.bound, judged.optimum.replay)
    return None if rule_j is None or bound is None or replay is None else (rule_j, bound, replay)


def rule_of(scenario: ScenarioResult) -> ControllerResult | None:
    """Result of the rule, where it was judged."""
    return next((result for result in scenario.ranking if result.controller == RULE), None)


def gap_words(judged: ScenarioResult | SetResult, gap: float | None) -> str:
    """Gap closed in a table: the share, *nothing open*, or *none* where there is no optimum to measure it by."""
    return NOTHING_OPEN if nothing_open(judged) else percent(gap)


def closes(judged: ScenarioResult | SetResult, gap: float | None, interval: Interval | None) -> str:
    """Say how much of the gap a controller closes."""
    if nothing_open(judged):
        return "nothing is open between the rule and J*"
    if gap is None:
        return "there is no optimum to measure it by"
    spread = f" (95 % interval {percent_interval(interval)})" if interval is not None else ""
    return f"it closes {percent(gap)}{spread} of the gap from rule to J*"


def changes(own: ScoreTerms, other: ScoreTerms, scale: ScoreTerms, hours: int, *, worse: bool) -> list[str]:
    """Terms that are worse (or better) than another's, cost first, each with amount and percent.

    Parameters
    ----------
    scale
        Terms of no control: what can not be told apart on that scale is not named.
    hours
        Hours that the totals are of.
    """
    per = "a year" if hours == HOURS_PER_YEAR else f"in {hours:,} h"
    said = []
    for field, (name, unit) in TERM_WORDS.items():
        ours, theirs = getattr(own, field), getattr(other, field)
        if (ours > theirs) is worse and term_differs(ours, theirs, getattr(scale, field)):
            share = f" ({_signed_percent((ours - theirs) / theirs)})" if theirs > 0.0 else ""
            said.append(f"{name} {_amount(ours - theirs)} {unit} {per}{share}")
    return said


def _amount(difference: float) -> str:
    size = abs(difference)
    return f"{difference:+,.0f}" if size >= 100.0 else f"{difference:+.1f}" if size >= 1.0 else f"{difference:+.2g}"


def _signed_percent(share: float) -> str:
    value = 100.0 * share
    return f"{value:+,.1f} %" if abs(value) >= 0.05 else f"{value:+.1g} %"


def price(own: ScoreTerms, other: ScoreTerms, scale: ScoreTerms, hours: int, *, better: bool) -> str:
    """Say what a controller that is better by J does worse; of one that is worse, what it does better."""
    said = changes(own, other, scale, hours, worse=better)
    if not said:
        return f"{'worse' if better else 'better'} in no term"
    return f"{'worse' if better else 'better'}: {', '.join(said)}"


def compared(result: ControllerResult, other: ControllerResult, scale: ScoreTerms) -> str | None:
    """Compare two controllers by J, with every term that is worse for the better one; `None` where they are equal."""
    difference = result.score - other.score
    if not differs(result.score, other.score):
        return None
    better = difference < 0.0
    return (
        f"{result.controller} is {'better' if better else 'worse'} than {other.controller} by J "
        f"({signed(difference)}); "
        f"{price(result.terms, other.terms, scale, result.hours, better=better)}"
    )


def judged_beside(results: Sequence[R]) -> list[R]:
    """Controllers that sentences speak of: trained agents, and the baselines but the rule and no control."""
    beside = [own for own in results if own.kind == "baseline" and own.controller not in (RULE, NO_CONTROL)]
    return [own for own in results if own.kind == "agent" or own in beside]


def comparisons(scenario: ScenarioResult) -> list[str]:
    """Compare every trained agent, and every other baseline, with the rule, in sentences."""
    rule = rule_of(scenario)
    if rule is None:
        return []
    pairs = [(own, compared(own, rule, scenario.reference)) for own in judged_beside(scenario.ranking)]
    return [f"{said}; {closes(scenario, own.gap_closed, own.gap_interval)}." for own, said in pairs if said is not None]
