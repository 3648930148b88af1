"""J day by day: what each day of a year adds to it, so that differences can be laid to the weeks of the days."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.registry import NO_CONTROL, OPTIMUM
from pvbesscar.evaluation.bound import Bound
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.simulation.rollout import Ledger
from schemas.results import GapPart, ScoreTerms
from schemas.settings import WeightSettings

FloatArray = NDArray[np.float64]
HOURS = 24


def factors(reference: ScoreTerms, weights: WeightSettings) -> dict[str, float]:
    """What one unit of each term adds to J."""
    nothing = dict.fromkeys(TERM_FIELDS, 0.0)
    return {name: score(reference.model_copy(update=nothing | {name: 1.0}), reference, weights) for name in TERM_FIELDS}


def gap_parts(
    rule: ScoreTerms, plan: ScoreTerms, reference: ScoreTerms, weights: WeightSettings
) -> tuple[GapPart, ...]:
    """J(rule) - J(plan) term by term, `plan` being the optimum's, replayed; together they are that difference."""
    unit = factors(reference, weights)
    return tuple(
        GapPart(
            term=name,
            rule=getattr(rule, name),
            plan=getattr(plan, name),
            contribution=unit[name] * (getattr(rule, name) - getattr(plan, name)),
        )
        for name in TERM_FIELDS
    )


def daily_course(ledger: Ledger, no_control: Ledger, reference: ScoreTerms, weights: WeightSettings) -> FloatArray:
    """What each day of a whole year adds to J, shape (days,); the sum is J.

    J divides by totals of no control on the same hours. Another draw of weeks would change these too, so each day also
    carries what it does to them: `sum_i f_i (x_i,day - x_i (s_i,day - 1 / days))`, with `f` the term's factor, `x` its
    total and `s` the day's share of the total under no control. To first order that is what J does when the day weighs
    more. The scale of EV service, the energy required, is spread evenly.
    """
    totals, days = terms([ledger]), ledger.hours // HOURS
    course = np.zeros(days)
    for name, unit in factors(reference, weights).items():
        own = by_day(ledger.frame[name].to_numpy(np.float64))
        course += unit * (own - getattr(totals, name) * (_share_of_scale(no_control, name, days) - 1.0 / days))
    return course


def _share_of_scale(no_control: Ledger, term: str, days: int) -> FloatArray:
    if term == "ev_short_kwh":
        return np.full(days, 1.0 / days)
    frame = no_control.frame
    hourly = frame["import_kwh"] * frame["price"] if term == "cost_pen" else frame[term]
    scale = by_day(hourly.to_numpy(np.float64))
    total = float(scale.sum())
    return scale / total if total > 0.0 else np.full(days, 1.0 / days)


def yearly_courses(
    ledgers: Mapping[str, Ledger], bound: Bound, reference: ScoreTerms, weights: WeightSettings
) -> dict[str, FloatArray]:
    """What each day of a whole year adds to J, by controller; `optimum` is the bound J*.

    The bound has no ledger: it takes that of its replayed plan, less the distance between them spread evenly.
    """
    idle = ledgers[NO_CONTROL]
    own = {name: daily_course(ledger, idle, reference, weights) for name, ledger in ledgers.items()}
    if bound.result is not None:
        replayed = daily_course(bound.ledgers[0], idle, reference, weights)
        own[OPTIMUM] = replayed - (bound.result.replay - bound.result.bound) / replayed.size
    return own


def by_day(hourly: FloatArray) -> FloatArray:
    """Sums of whole days, shape (days,)."""
    result: FloatArray = hourly.reshape(-1, HOURS).sum(axis=1)
    return result
