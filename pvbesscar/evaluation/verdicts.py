"""Whether training helped an agent, and whether it beats the rule, in figures and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pvbesscar.controllers.registry import RULE
from pvbesscar.evaluation.claims import closes, price, signed
from pvbesscar.evaluation.resolution import RESOLUTION
from pvbesscar.evaluation.samples import Sample
from pvbesscar.evaluation.specifications import untrained_name
from schemas.results import Interval, ScenarioResult, ScoreTerms, SetResult, TrainingOutcome, TrainingVerdict
from schemas.settings import HOURS_PER_YEAR, Agent


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of J between two controllers, with its interval (95 %) where there is one."""

    value: float
    interval: Interval | None

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is, by more than the simulator resolves."""
        return self.interval is not None and self.interval[1] < -RESOLUTION

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is, by more than the simulator resolves."""
        return self.interval is not None and self.interval[0] > RESOLUTION


@dataclass(frozen=True, slots=True)
class JudgedTraining:
    """What the verdict on an agent's training is made of.

    Attributes
    ----------
    against_untrained, against_rule
        J(trained) less that of the untrained agent, and of the rule.
    trained, untrained, rule, scale
        Terms of these and of no control: over all windows, or of the mean year.
    hours
        Hours that these are of.
    closes
        How much of the gap it closes, in words.
    judged_on, what
        Names of the stretches or scenarios, and what the interval is over.
    """

    against_untrained: Difference
    against_rule: Difference
    trained: ScoreTerms
    untrained: ScoreTerms
    rule: ScoreTerms
    scale: ScoreTerms
    hours: int
    closes: str
    judged_on: Sequence[str]
    what: Literal["windows", "resampled weeks"] = "windows"


def judged_on_set(agent: Agent, own: SetResult, sample: Sample | None) -> JudgedTraining:
    """Judge an agent on the mean year of a set, with intervals over its resampled weeks."""
    by_name = {entry.controller: entry for entry in own.entries}
    trained, untrained = by_name[agent], by_name[untrained_name(agent)]
    between = None if sample is None else sample.difference(agent, untrained_name(agent))
    return JudgedTraining(
        against_untrained=Difference(trained.mean_score - untrained.mean_score, between),
        against_rule=Difference(trained.against_rule, trained.against_rule_interval),
        trained=trained.mean_terms,
        untrained=untrained.mean_terms,
        rule=by_name[RULE].mean_terms,
        scale=own.mean_reference,
        hours=HOURS_PER_YEAR,
        closes=closes(own, trained.gap_closed, trained.gap_interval),
        judged_on=own.scenarios,
        what="resampled weeks",
    )


def judged_on_stretches(agent: Agent, judged: ScenarioResult, differences: Sequence[Difference]) -> JudgedTraining:
    """Judge an agent on stretches of one year; `differences` are those from the untrained agent and from the rule."""
    by_name = {result.controller: result for result in judged.ranking}
    trained, untrained = by_name[agent], by_name[untrained_name(agent)]
    own, rule = differences
    return JudgedTraining(
        against_untrained=own,
        against_rule=rule,
        trained=trained.terms,
        untrained=untrained.terms,
        rule=by_name[RULE].terms,
        scale=judged.reference,
        hours=trained.hours,
        closes=closes(judged, trained.gap_closed, trained.gap_interval),
        judged_on=judged.judged_on,
    )


def verdict(agent: Agent, judged: JudgedTraining) -> TrainingVerdict:
    """Whether an agent is better after training than before it, and than the rule, on the same hours.

    It is where the whole interval of the difference in J lies below zero.
    """
    own, rule = judged.against_untrained, judged.against_rule
    outcome = _outcome(own)
    worse = ", and made it worse" if own.above_zero else ""
    said = f"J changed by {signed(own.value)} against the untrained {agent.upper()} ({_spread(own, judged)})"
    said += _price(own, judged, judged.untrained)
    beats = "it beats the rule" if rule.below_zero else "it does not beat the rule"
    against_rule = f"Against the rule J is {signed(rule.value)} ({_spread(rule, judged)}): {beats}"
    against_rule += f"{_price(rule, judged, judged.rule)}; {judged.closes}."
    return TrainingVerdict(
        agent=agent,
        outcome=outcome,
        difference=own.value,
        interval=own.interval,
        beats_rule=rule.below_zero,
        co2_difference_kg=judged.trained.co2_kg - judged.untrained.co2_kg,
        sentence=f"{outcome}{worse}: {said}. {against_rule}",
        judged_on=tuple(judged.judged_on),
    )


def _price(difference: Difference, judged: JudgedTraining, other: ScoreTerms) -> str:
    """What of the terms is worse where J is better, and the other way round; nothing where J is the same."""
    if abs(difference.value) < RESOLUTION:
        return ""
    return f"; {price(judged.trained, other, judged.scale, judged.hours, better=difference.value < 0.0)}"


def _spread(difference: Difference, judged: JudgedTraining) -> str:
    if difference.interval is None:
        few = "one stretch of hours shows no spread" if len(judged.judged_on) == 1 else "there are too few source weeks"
        return f"{few}, so there is no interval"
    low, high = map(signed, difference.interval)
    count = len(judged.judged_on)
    over = f"{count} windows" if judged.what == "windows" else f"the resampled weeks of {count} test years"
    return f"95 % interval {low} to {high} over {over}"


def _outcome(own: Difference) -> TrainingOutcome:
    if own.interval is None:
        # One stretch shows no spread: an agent that is no better there has shown nothing, a better one not enough.
        return "can not be told" if own.value < -RESOLUTION else "training added nothing"
    return "training helped" if own.below_zero else "training added nothing"
