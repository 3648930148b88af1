"""Ranking of controllers on the same hours, and differences of J between them by stretch of hours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pvbesscar.evaluation.kpis import ControllerRun, kpi_values
from pvbesscar.evaluation.resolution import RESOLUTION
from pvbesscar.evaluation.samples import Sample
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.simulation.rollout import Ledger
from schemas.results import (
    CityLearnCheck,
    ControllerKind,
    ControllerResult,
    Interval,
    ScoreTerms,
)
from schemas.settings import WeightSettings

CONFIDENCE = 0.95
_KINDS: tuple[ControllerKind, ...] = ("baseline", "constant", "random", "untrained", "agent")


def controller_result(
    spec: ControllerSpec,
    run: ControllerRun,
    ledger_sha256: str,
    citylearn: CityLearnCheck | None = None,
    sample: Sample | None = None,
) -> ControllerResult:
    """Figures of one controller, each a sum or mean over the hours of its ledgers.

    Parameters
    ----------
    sample
        What the days of the year add to J, for an interval of the gap closed.
    """
    rewards = tuple(ledger.total("reward") / ledger.hours for ledger in run.ledgers)
    figures = kpi_values(run)
    return ControllerResult(
        controller=spec.name,
        kind=spec.kind,
        hours=run.hours,
        score=run.j,
        mean_reward=run.total("reward") / run.hours,
        reward_std=float(np.std(rewards, ddof=1)) if len(rewards) > 1 else 0.0,
        terms=terms(run.ledgers),
        gap_closed=figures["gap_closed"],
        gap_interval=sample.gap(spec.name) if sample and figures["gap_closed"] is not None else None,
        captured_share=figures["captured_share"],
        kpis=figures,
        ev_kwh=run.total("ev_kwh"),
        charge_kwh=run.total("charge_kwh"),
        discharge_kwh=run.total("discharge_kwh"),
        departures=round(run.total("departures")),
        departures_met=round(run.total("departures_met")),
        infeasible=round(run.total("departures") - run.total("departures_feasible")),
        ledger_sha256=ledger_sha256,
        window_rewards=rewards,
        citylearn=citylearn,
    )


def ranked(results: Sequence[ControllerResult]) -> tuple[ControllerResult, ...]:
    """Order results by J, the lowest first; among equal ones those that learned nothing come first."""
    by_score = sorted(results, key=lambda result: result.score)
    keyed = zip(ranks(by_score), by_score, strict=True)
    # Within a rank: baselines, constants, untrained agents, trained agents.
    return tuple(
        result
        for _, result in sorted(keyed, key=lambda pair: (pair[0], _KINDS.index(pair[1].kind), pair[1].controller))
    )


def ranks(results: Sequence[ControllerResult]) -> list[int]:
    """Rank of each of some ordered results, from 1; those that the simulator can not tell apart share one."""
    shared: list[int] = []
    best = float("-inf")
    for place, result in enumerate(results, start=1):
        # Within a tie the order is by kind, so a later result may be the lower one by a hair.
        if abs(result.score - best) < RESOLUTION:
            shared.append(shared[-1])
        else:
            shared.append(place)
            best = result.score
    return shared


def paired_differences(
    first: Sequence[Ledger], second: Sequence[Ledger], reference: ScoreTerms, weights: WeightSettings
) -> NDArray[np.float64]:
    """Difference of J between two controllers, by stretch of hours, shape (n,).

    Each stretch is scaled by the mean stretch of no control, so that the mean of the differences is exactly
    J(first) - J(second) over all stretches.
    """
    mean_stretch = ScoreTerms(**{name: getattr(reference, name) / len(first) for name in TERM_FIELDS})
    return np.array(
        [
            score(terms([a]), mean_stretch, weights) - score(terms([b]), mean_stretch, weights)
            for a, b in zip(first, second, strict=True)
        ]
    )


def t_interval(values: NDArray[np.float64]) -> Interval | None:
    """Student's interval (95 %) of the mean of at least two values; `None` for a single one."""
    if values.size < 2:
        return None
    half = stats.t.ppf(0.5 + CONFIDENCE / 2.0, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return float(values.mean() - half), float(values.mean() + half)
