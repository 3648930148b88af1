"""Means of controllers over a set of scenarios, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pvbesscar.controllers.registry import NO_CONTROL, RULE
from pvbesscar.evaluation.kpis import captured, gap_closed
from pvbesscar.evaluation.samples import Sample
from pvbesscar.evaluation.score import TERM_FIELDS
from schemas.results import ScenarioResult, ScoreTerms, SetEntry, SetResult


def set_result(name: str, scenarios: Sequence[ScenarioResult], sample: Sample | None = None) -> SetResult:
    """Means of every controller over a set; each was evaluated on all its scenarios.

    Shares are ratios of these means: a mean of ratios would let a year in which little is open count for much.

    Parameters
    ----------
    sample
        What the days of these scenarios add to J; without it there are no intervals.
    """
    by_name = [{result.controller: result for result in scenario.ranking} for scenario in scenarios]
    score = {one: float(np.mean([own[one].score for own in by_name])) for one in by_name[0]}
    optima = [scenario.optimum for scenario in scenarios if scenario.optimum is not None]
    known = len(optima) == len(scenarios)
    bound = float(np.mean([own.bound for own in optima])) if known else None
    replay = float(np.mean([own.replay for own in optima])) if known else None

    def entry(controller: str) -> SetEntry:
        gap = gap_closed(score[RULE], score[controller], bound, replay)
        others = [other for other in (NO_CONTROL, RULE) if other != controller]
        return SetEntry(
            controller=controller,
            kind=by_name[0][controller].kind,
            mean_score=score[controller],
            score_interval=sample and sample.score(controller),
            gap_closed=gap,
            gap_interval=sample.gap(controller) if sample and gap is not None else None,
            captured_share=captured(score[NO_CONTROL], score[controller], bound),
            against_rule=score[controller] - score[RULE],
            against_rule_interval=sample and sample.difference(controller, RULE),
            mean_terms=_mean([own[controller].terms for own in by_name]),
            saving_intervals={other: sample.saving(controller, other) for other in others}
            if sample and sample.costs
            else {},
        )

    return SetResult(
        name=name,
        scenarios=tuple(scenario.scenario for scenario in scenarios),
        source_weeks=sample and sample.weeks.weeks,
        mean_bound=bound,
        mean_replay=replay,
        mean_reference=_mean([scenario.reference for scenario in scenarios]),
        entries=tuple(sorted(map(entry, score), key=lambda one: one.mean_score)),
    )


def _mean(totals: Sequence[ScoreTerms]) -> ScoreTerms:
    return totals[0].model_copy(
        update={name: float(np.mean([getattr(own, name) for own in totals])) for name in TERM_FIELDS}
    )
