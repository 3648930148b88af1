"""Tables on training: what was trained, whether it helped, and how validation went on while it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pvbesscar.report.tables import Table, figure, share, table, text
from pvbesscar.words import Words
from schemas.results import Interval, TrainingMetrics, TrainingVerdict
from schemas.settings import Agent

OUTCOMES = {
    "training helped": "helped",
    "training added nothing": "nothing",
    "can not be told": "untold",
}


def verdicts_table(verdicts: Sequence[TrainingVerdict], words: Words) -> Table:
    """Whether each agent is better after training than before it, and than the rule, by J on the same hours."""
    rows = [
        (text(own.agent.upper()), text(words(f"outcome.{OUTCOMES[own.outcome]}")), figure(own.difference, 5),
         text(_interval(own.interval, words)), figure(own.co2_difference_kg, 1),
         text(words("yes" if own.beats_rule else "no")))
        for own in verdicts
    ]  # fmt: skip
    columns = [words(f"verdict.{name}") for name in ("agent", "outcome", "difference", "interval", "co2", "beats")]
    return table("verdicts", words("verdict.caption"), columns, rows)


def _interval(interval: Interval | None, words: Words) -> str:
    return "" if interval is None else f"{interval[0]:+.5f} {words('to')} {interval[1]:+.5f}"


def metrics_table(training: Mapping[Agent, TrainingMetrics], words: Words) -> Table:
    """What each agent was trained for, and its mean hourly reward on the validation weeks before and after."""
    rows = [
        (text(agent.upper()), figure(own.steps), figure(own.steps if own.best_steps is None else own.best_steps),
         figure(own.duration_s), figure(own.steps_per_s, 1),
         figure(float(np.mean(own.untrained_validation_rewards)), 4), figure(own.validation_mean, 4),
         figure(own.parameters), figure(own.seed))
        for agent, own in training.items()
    ]  # fmt: skip
    heads = ("agent", "steps", "kept", "duration", "speed", "before", "after", "parameters", "seed")
    return table("trainings", words("metrics.caption"), [words(f"metrics.{name}") for name in heads], rows)


def validation_table(curves: Mapping[Agent, pd.DataFrame], words: Words) -> Table:
    """J and gap closed on validation, by agent and steps."""
    rows = [
        (text(agent.upper()), figure(row["steps"]), figure(row["j"], 5),
         share(None if pd.isna(row["gap_closed"]) else row["gap_closed"]))
        for agent, curve in curves.items()
        for _, row in curve.iterrows()
    ]  # fmt: skip
    columns = [words(f"validation.{name}") for name in ("agent", "steps", "j", "gap")]
    return table("validation", words("validation.caption"), columns, rows)
