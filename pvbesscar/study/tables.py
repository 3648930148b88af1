"""A study as tables for a terminal and for Markdown."""

from __future__ import annotations

from pvbesscar.controllers.registry import MPC, RULE, TUNED
from pvbesscar.evaluation.claims import NOTHING_OPEN, percent, percent_interval
from pvbesscar.evaluation.tables import Row
from schemas.studies import AgainstOther, Study, StudyEntry, StudySet

HEAD = (
    "controller", "seeds", "mean J", "gap closed", "95 %", "interquartile mean", "over tuned rule, points",
    "over MPC, points", "better than rule", "than tuned rule", "than MPC",
)  # fmt: skip
LEARNING_HEAD = ("agent", "seed", "gap closed at 0 steps", "best", "at steps", "last", "s", "steps/s")


def set_title(own: StudySet) -> str:
    """What a set is: years of resampled weeks, or several plants."""
    weeks = "" if own.source_weeks is None else f", resampled from {own.source_weeks} source weeks"
    bound = "" if own.mean_bound is None else f"; mean J* {own.mean_bound:.5f}"
    return f"{len(own.scenarios)} {own.name} years{weeks}{bound}"


def set_rows(own: StudySet) -> tuple[Row, list[Row]]:
    """Head and rows of a set; `better than` is the share of (seed, year) pairs."""
    return HEAD, [_row(entry, own) for entry in own.entries]


def _row(entry: StudyEntry, own: StudySet) -> Row:
    nothing = own.mean_bound is not None and entry.gap_closed is None
    others = {one.other: one for one in entry.against}
    apart = [others.get(name) for name in (TUNED, MPC)]
    better = [others.get(name) for name in (RULE, TUNED, MPC)]
    return (
        entry.controller,
        str(len(entry.seeds) or ""),
        f"{entry.mean_score:.5f}",
        NOTHING_OPEN if nothing else percent(entry.gap_closed),
        "" if entry.gap_interval is None else percent_interval(entry.gap_interval),
        "" if entry.gap_iqm is None else percent(entry.gap_iqm),
        *("" if one is None else apart_by(one) for one in apart),
        *("" if one is None else percent(one.improvement, 0) for one in better),
    )


def apart_by(beside: AgainstOther) -> str:
    """Write by how many points of the gap a controller closes more than another, and the interval."""
    value, interval = beside.gap_points, beside.gap_interval
    if value is None:
        return ""
    return points(value) if interval is None else f"{points(value)} ({points(interval[0])} to {points(interval[1])})"


def points(share: float) -> str:
    """Write a difference of shares in percentage points."""
    return f"{round(100.0 * share, 1) + 0.0:+.1f}"


def learning_rows(study: Study) -> tuple[Row, list[Row]]:
    """Head and rows of the trainings on their validation years."""
    return LEARNING_HEAD, [
        (
            own.agent,
            str(one.seed),
            percent(one.begin),
            percent(one.best),
            "" if one.best_steps is None else f"{one.best_steps:,}",
            percent(one.last),
            f"{one.duration_s:,.0f}",
            f"{one.steps_per_s:,.0f}",
        )
        for own in study.learning
        for one in own.trainings
    ]
