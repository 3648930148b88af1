"""Means of controllers over a set of scenarios, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.registry import RULE
from schemas.results import ControllerResult, Interval, ScenarioResult, SetEntry, SetResult

RESAMPLES = 10_000
_QUANTILES = (0.025, 0.975)


def bootstrap_interval(values: NDArray[np.float64], seed: int = 0) -> Interval | None:
    """Interval (95 %) of the mean of one value a scenario, by the percentile bootstrap; `None` for a single one.

    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. Differences between two controllers are
    formed scenario by scenario first, so that what a year does to both is no part of the spread.
    """
    if values.size < 2:
        return None
    generator = np.random.default_rng(seed)  # a fixed seed: the same results give the same interval
    means = values[generator.integers(values.size, size=(RESAMPLES, values.size))].mean(axis=1)
    low, high = np.quantile(means, _QUANTILES)
    return float(low), float(high)


def set_result(name: str, scenarios: Sequence[ScenarioResult]) -> SetResult:
    """Means of every controller over a set; each was evaluated on all its scenarios."""
    by_name = [{result.controller: result for result in scenario.ranking} for scenario in scenarios]
    entries = [_entry([own[controller] for own in by_name], by_name) for controller in by_name[0]]
    ordered = sorted(entries, key=lambda entry: entry.mean_score)
    return SetResult(name=name, scenarios=tuple(s.scenario for s in scenarios), entries=tuple(ordered))


def _entry(results: Sequence[ControllerResult], by_name: Sequence[dict[str, ControllerResult]]) -> SetEntry:
    scores = np.array([result.score for result in results])
    shares = [result.captured_share for result in results]
    known = np.array([share for share in shares if share is not None])
    # Differences from the rule, scenario by scenario; none where the rule was not evaluated.
    rules = [own.get(RULE) for own in by_name]
    against = np.array([r.score - rule.score for r, rule in zip(results, rules, strict=True) if rule is not None])
    co2 = np.array([r.terms.co2_kg - rule.terms.co2_kg for r, rule in zip(results, rules, strict=True) if rule])
    return SetEntry(
        controller=results[0].controller,
        kind=results[0].kind,
        mean_score=float(scores.mean()),
        score_interval=bootstrap_interval(scores),
        mean_captured_share=float(known.mean()) if known.size else None,
        captured_interval=bootstrap_interval(known) if known.size else None,
        captured_of=known.size,
        mean_co2_kg=float(np.mean([result.terms.co2_kg for result in results])),
        against_rule=float(against.mean()) if against.size else None,
        against_rule_interval=bootstrap_interval(against) if against.size else None,
        co2_against_rule_kg=float(co2.mean()) if co2.size else None,
    )
