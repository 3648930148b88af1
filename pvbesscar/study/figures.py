"""Figures of a study: means, intervals and probabilities over seeds and years, by set of years.

Probability of improvement and interquartile mean as Agarwal et al. 2021 recommend them for few training seeds (Deep
reinforcement learning at the edge of the statistical precipice, arXiv:2108.13264); intervals of means over seeds and
source weeks as `pvbesscar.evaluation.intervals` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pvbesscar.controllers.registry import MPC, MPC_PERFECT_DAY, OPTIMUM, RULE, TUNED
from pvbesscar.evaluation.intervals import SourceWeeks, interval
from pvbesscar.evaluation.ranking import t_interval
from pvbesscar.evaluation.resolution import RESOLUTION, gap_open
from pvbesscar.study.jobs import IMITATION
from schemas.results import ControllerKind, Interval, TrainingMetrics
from schemas.settings import Agent
from schemas.studies import WHOLE, AgainstOther, Judged, JudgedYear, Learning, SeedLearning, StudyEntry, StudySet

FloatArray = NDArray[np.float64]
OTHERS = (RULE, TUNED, MPC, IMITATION)
"""Whom every controller is compared with."""
FORESIGHT = frozenset({MPC_PERFECT_DAY, OPTIMUM})
TRIMMED = 0.25
"""Share that an interquartile mean leaves out at either end."""


@dataclass(frozen=True, slots=True)
class _Scores:
    """One controller on a set of years: J, shape (seeds, years), and by day, shape (seeds, years, days)."""

    kind: ControllerKind
    seeds: tuple[int, ...]
    j: FloatArray
    courses: FloatArray | None


@dataclass(frozen=True, slots=True)
class _Set:
    """What the years of a set are compared by."""

    scores: Mapping[str, _Scores]
    whole: Mapping[str, _Scores]
    weeks: SourceWeeks | None
    bound: FloatArray | None
    replay: FloatArray | None
    bound_course: FloatArray | None

    def of_mean(self, values: FloatArray | None, over: FloatArray | None = None) -> Interval | None:
        """Interval of a mean of days, or of a ratio of means; `None` where the years are no sample."""
        if self.weeks is None or values is None:
            return None
        return interval(self.weeks, values, over)

    @property
    def open_year(self) -> float | None:
        """What is open of J between rule and bound in the mean year."""
        if self.bound is None or self.replay is None:
            return None
        return gap_open(float(self.scores[RULE].j.mean()), float(self.bound.mean()), float(self.replay.mean()))

    @property
    def open_course(self) -> FloatArray | None:
        """The same by day, shape (1, years, days)."""
        rule = self.scores[RULE].courses
        return None if rule is None or self.bound_course is None else rule - self.bound_course


def study_set(
    name: str,
    names: Sequence[str],
    judged: Sequence[Judged],
    weeks: SourceWeeks | None,
    whole: Sequence[Judged] = (),
) -> StudySet:
    """Figures of all controllers on a set of years.

    Parameters
    ----------
    names
        The years.
    judged
        Every controller with every seed, and the optimum; each on all these years.
    weeks
        Source weeks of the years, `None` where they are no sample.
    whole
        The same agents, with what is left out of those.
    """
    by_name = _by_name(judged)
    best = by_name.pop(OPTIMUM, [])
    solved = [_years(best[0], names)] if best and not best[0].refused else []
    bounds = np.array([[year.score for year in own] for own in solved])
    replays = np.array([[year.replay for year in own] for own in solved], np.float64)
    own = _Set(
        {controller: _scores(group, names) for controller, group in by_name.items()},
        {controller: _scores(group, names) for controller, group in _by_name(whole).items()},
        weeks,
        bounds if solved else None,
        replays if solved else None,
        _courses(solved) if solved else None,
    )
    entries = sorted((_entry(controller, own) for controller in own.scores), key=lambda entry: entry.mean_score)
    return StudySet(
        name=name,
        scenarios=tuple(names),
        source_weeks=None if weeks is None else weeks.weeks,
        mean_bound=float(bounds.mean()) if solved else None,
        mean_replay=float(replays.mean()) if solved else None,
        entries=tuple(entries),
        **_winner(entries, own),
    )


def _by_name(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = {}
    for one in judged:
        found.setdefault(one.controller, []).append(one)
    return found


def _years(one: Judged, names: Sequence[str]) -> list[JudgedYear]:
    by_name = {year.scenario: year for year in one.years}
    return [by_name[name] for name in names]


def _courses(seeds: Sequence[Sequence[JudgedYear]]) -> FloatArray | None:
    """Course of each seed and year, `None` where years have none."""
    if not all(year.course for years in seeds for year in years):
        return None
    return np.array([[year.course for year in years] for years in seeds])


def _scores(group: Sequence[Judged], names: Sequence[str]) -> _Scores:
    ordered = sorted(group, key=lambda one: one.seed or 0)
    years = [_years(one, names) for one in ordered]
    kind = ordered[0].kind
    assert kind != "bound"
    seeds = tuple(one.seed for one in ordered if one.seed is not None)
    return _Scores(kind, seeds, np.array([[year.score for year in own] for own in years]), _courses(years))


def _entry(controller: str, own: _Set) -> StudyEntry:
    scores, is_open = own.scores[controller], own.open_year
    rule = own.scores[RULE]
    gaps = _gaps(scores.j, own)
    gained = None if rule.courses is None or scores.courses is None else rule.courses - scores.courses
    others = {name: own.scores[name] for name in OTHERS if name in own.scores and name != controller}
    if controller in own.whole:
        others[WHOLE] = own.whole[controller]
    return StudyEntry(
        controller=controller,
        kind=scores.kind,
        foresight=controller in FORESIGHT,
        seeds=scores.seeds,
        mean_score=float(scores.j.mean()),
        score_interval=own.of_mean(scores.courses),
        gap_closed=None if is_open is None else float((rule.j.mean() - scores.j.mean()) / is_open),
        gap_interval=None if is_open is None else own.of_mean(gained, own.open_course),
        gap_iqm=None if gaps is None else float(stats.trim_mean(gaps.ravel(), TRIMMED)),
        gaps=() if gaps is None else tuple(tuple(seed) for seed in gaps.tolist()),
        # Two that were trained are compared seed by seed.
        against=tuple(
            _against(name, scores, other, own)
            for name, other in others.items()
            if not scores.seeds or not other.seeds or scores.seeds == other.seeds
        ),
    )


def _gaps(j: FloatArray, own: _Set) -> FloatArray | None:
    """Gap closed by seed and year; `None` where in one of the years nothing is open."""
    if own.bound is None or own.replay is None:
        return None
    rule = own.scores[RULE].j
    years = zip(rule[0].tolist(), own.bound[0].tolist(), own.replay[0].tolist(), strict=True)
    is_open = [gap_open(*year) for year in years]
    if any(one is None for one in is_open):
        return None
    result: FloatArray = (rule - j) / np.array(is_open, np.float64)
    return result


def _against(name: str, first: _Scores, second: _Scores, own: _Set) -> AgainstOther:
    difference = first.j - second.j
    by_day = None if first.courses is None or second.courses is None else first.courses - second.courses
    is_open = own.open_year
    tied = np.abs(difference) < RESOLUTION
    return AgainstOther(
        other=name,
        difference=float(difference.mean()),
        interval=own.of_mean(by_day),
        gap_points=None if is_open is None else float(-difference.mean() / is_open),
        gap_interval=None if is_open is None or by_day is None else own.of_mean(-by_day, own.open_course),
        improvement=float(np.where(tied, 0.5, difference < 0.0).mean()),
    )


def _winner(entries: Sequence[StudyEntry], own: _Set) -> dict[str, object]:
    """First and next of those without foresight, and whether the interval of their distance excludes zero."""
    able = [entry.controller for entry in entries if not entry.foresight]
    if len(able) < 2:
        return {"winner": None, "runner_up": None, "margin": None, "margin_interval": None}
    first, second = (own.scores[name] for name in able[:2])
    margin = float(second.j.mean() - first.j.mean())
    by_day = None
    if first.courses is not None and second.courses is not None:
        # Seed by seed where both were trained with the same; else each by its mean over the seeds.
        paired = len({first.seeds, second.seeds} - {()}) < 2
        days = [one if paired else one.mean(axis=0)[None] for one in (first.courses, second.courses)]
        by_day = days[1] - days[0]
    found = own.of_mean(by_day)
    clear = found is not None and found[0] > RESOLUTION
    return {
        "winner": able[0] if clear else None,
        "runner_up": able[1],
        "margin": margin,
        "margin_interval": found,
    }


def learning(agent: Agent, metrics: Mapping[int, TrainingMetrics]) -> Learning:
    """What the trainings of an agent saw on their validation years, by seed.

    The intervals are Student's, over the seeds.
    """
    rows = tuple(_seed_learning(seed, own) for seed, own in sorted(metrics.items()))
    best = np.array([one.best_j - one.begin_j for one in rows if one.best_j is not None and one.begin_j is not None])
    last = np.array([one.last_j - one.begin_j for one in rows if one.last_j is not None and one.begin_j is not None])
    return Learning(
        agent=agent,
        trainings=rows,
        best_less_begin=float(best.mean()) if best.size else None,
        best_interval=t_interval(best),
        last_less_begin=float(last.mean()) if last.size else None,
        last_interval=t_interval(last),
    )


def _seed_learning(seed: int, metrics: TrainingMetrics) -> SeedLearning:
    looks = metrics.validations
    begin, last = (looks[0], looks[-1]) if looks else (None, None)
    best = min(looks, key=lambda look: look.j) if looks else None
    return SeedLearning(
        seed=seed,
        begin=begin and begin.gap_closed,
        best=best and best.gap_closed,
        last=last and last.gap_closed,
        best_steps=metrics.best_steps,
        begin_j=begin and begin.j,
        best_j=best and best.j,
        last_j=last and last.j,
        duration_s=metrics.duration_s,
        steps_per_s=metrics.steps_per_s,
    )
