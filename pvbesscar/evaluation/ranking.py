"""Ranking of controllers on the same hours, and whether training helped, in figures and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pvbesscar.controllers.registry import NO_CONTROL, RULE
from pvbesscar.evaluation.kpis import ControllerRun, kpi_values
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.simulation.rollout import Ledger
from schemas.results import (
    CityLearnCheck,
    ControllerKind,
    ControllerResult,
    Interval,
    ScoreTerms,
    TrainingOutcome,
    TrainingVerdict,
)
from schemas.settings import Agent, WeightSettings

CONFIDENCE = 0.95
_KINDS: tuple[ControllerKind, ...] = ("baseline", "constant", "untrained", "agent")
RESOLUTION = 1e-6
"""Differences of J below this are float32 of the simulator, not a controller's merit."""


def controller_result(
    spec: ControllerSpec, run: ControllerRun, ledger_sha256: str, citylearn: CityLearnCheck | None = None
) -> ControllerResult:
    """Figures of one controller, each a sum or mean over the hours of its ledgers."""
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


def verdict(
    agent: Agent,
    differences: NDArray[np.float64],
    co2_kg: float,
    judged_on: Sequence[str],
    what: Literal["windows", "test scenarios"] = "windows",
) -> TrainingVerdict:
    """Whether an agent is better after training than before it, on the same hours.

    It is where the whole interval of the difference in J lies below zero.

    Parameters
    ----------
    differences
        J(trained) - J(untrained) on each stretch of hours or scenario, shape (n,).
    co2_kg
        Difference of CO2: over all windows, or of the mean scenario.
    judged_on, what
        Their names, and what they are.
    """
    difference, interval = float(differences.mean()), t_interval(differences)
    outcome = _outcome(difference, interval)
    if interval is None:
        spread = "one stretch of hours shows no spread, so there is no interval"
    else:
        spread = f"95 % interval {signed(interval[0])} to {signed(interval[1])} over {len(differences)} {what}"
    worse = ", and made it worse" if interval is not None and interval[0] > RESOLUTION else ""
    change = f"J changed by {signed(difference)} against the untrained {agent.upper()}"
    mean = "on the mean " if what == "test scenarios" else ""
    return TrainingVerdict(
        agent=agent,
        outcome=outcome,
        difference=difference,
        interval=interval,
        co2_difference_kg=co2_kg,
        sentence=f"{outcome}{worse}: {change} ({spread}); {mean}{co2_words(co2_kg)}.",
        judged_on=tuple(judged_on),
    )


def _outcome(difference: float, interval: Interval | None) -> TrainingOutcome:
    if interval is None:
        # One stretch shows no spread: an agent that is no better there has shown nothing, a better one not enough.
        return "can not be told" if difference < -RESOLUTION else "training added nothing"
    return "training helped" if interval[1] < -RESOLUTION else "training added nothing"


def signed(difference: float) -> str:
    """Write a difference of J with its sign; one below what the simulator resolves is no difference."""
    if abs(difference) < RESOLUTION:
        return "0"
    return f"{difference:+.4f}" if abs(difference) >= 5e-5 else f"{difference:+.1e}"


def co2_words(difference_kg: float) -> str:
    """Say in words how much more or less CO2 it is."""
    if abs(difference_kg) < 0.05:
        return "its CO2 is equal"
    return f"its CO2 is {abs(difference_kg):,.1f} kg {'higher' if difference_kg > 0.0 else 'lower'}"


def compared(result: ControllerResult, other: ControllerResult) -> str:
    """Compare two controllers by J, with what that means for CO2 in the same sentence."""
    difference = result.score - other.score
    co2 = result.terms.co2_kg - other.terms.co2_kg
    if abs(difference) < RESOLUTION:
        return f"{result.controller} and {other.controller} are equal by J; {co2_words(co2)}."
    word = "better" if difference < 0.0 else "worse"
    caution = "but " if difference < 0.0 and co2 >= 0.05 else ""
    return (
        f"{result.controller} is {word} than {other.controller} by J ({signed(difference)}), {caution}{co2_words(co2)}."
    )


def comparisons(ranking: Sequence[ControllerResult]) -> list[str]:
    """Compare every trained agent, and every other baseline, with the rule and with no control, in sentences."""
    by_name = {result.controller: result for result in ranking}
    plain = [by_name[name] for name in (RULE, NO_CONTROL) if name in by_name]
    compare = [r for r in ranking if r.kind == "agent" or (r.kind == "baseline" and r not in plain)]
    return [compared(result, other) for result in compare for other in plain]
