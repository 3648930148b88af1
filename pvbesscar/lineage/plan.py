"""Which stages would run, and why: what `pvbesscar plan` prints, and what a run decides by."""

from __future__ import annotations

import statistics
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.records import why_stale
from pvbesscar.lineage.stage import Stage
from pvbesscar.lineage.stages import STAGES, stages_of
from pvbesscar.store.files import read_json
from pvbesscar.store.fingerprints import recall
from pvbesscar.store.workspace import Workspace

Verdict = Literal["FRESH", "STALE", "DEPENDS"]
"""FRESH: kept. STALE: runs. DEPENDS: runs if a stage before it, which will or may run, changes what it reads."""
HISTORY = 50
"""Runs that the expected time is taken from, the newest."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a stage, and why.

    Attributes
    ----------
    stage, verdict
        `build` is `STALE`.
    reasons
        In words: what its result could differ by; for DEPENDS the stages that may change its inputs.
    seconds
        How long it is expected to take, if it runs: the median of the runs that are on record, `None` without any [s].
    """

    stage: str
    verdict: Verdict
    reasons: tuple[str, ...]
    seconds: float | None = None

    @property
    def why(self) -> str:
        """The reasons as one line."""
        return "; ".join(self.reasons) or "nothing that it depends on has changed"


def decide(stage: str, run: RunContext) -> Decision:
    """Decide on a stage now that those before it have done what they had to."""
    if not STAGES[stage].needed(run.settings):
        return Decision(stage, "FRESH", ("not needed: agents train on CityLearn itself",))
    reasons = why_stale(stage, run).all
    if stage in run.forced and not reasons:
        reasons = ("forced",)
    return Decision(stage, "STALE" if reasons else "FRESH", reasons)


def plan(run: RunContext, *, stages: Collection[str] | None = None) -> tuple[Decision, ...]:
    """Decide on stages beforehand, in their order.

    STALE will run, FRESH will not, whatever the others give. A stage that DEPENDS has no reason of its own to run; a
    stage before it runs, or may, and what it leaves decides.

    Parameters
    ----------
    stages
        Those that take part, `None`: all of the scenario.
    """
    recall(run.workspace.modules)
    history, made = expected(run.workspace, run.profile), dict[str, Decision]()
    for stage in stages_of(run.settings) if stages is None else (STAGES[name] for name in STAGES if name in stages):
        made[stage.name] = _planned(stage, run, made, history.get(stage.name))
    return tuple(made.values())


def _planned(stage: Stage, run: RunContext, before: dict[str, Decision], seconds: float | None) -> Decision:
    if not stage.needed(run.settings):
        return decide(stage.name, run)
    reasons = why_stale(stage.name, run)
    moving = [name for name in stage.after if name in before and before[name].verdict != "FRESH"]
    if stage.name in run.forced:
        return Decision(stage.name, "STALE", reasons.all or ("forced",), seconds)
    if reasons.own:
        return Decision(stage.name, "STALE", reasons.all if not moving else reasons.own, seconds)
    if moving:
        return Decision(stage.name, "DEPENDS", (f"runs if {_either(moving)} changes what it reads",), seconds)
    return Decision(stage.name, "STALE" if reasons.inputs else "FRESH", reasons.inputs, seconds)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def expected(workspace: Workspace, profile: str) -> dict[str, float]:
    """Median time of each stage over the newest runs of a profile that came to their end [s]."""
    taken: dict[str, list[float]] = {}
    newest = sorted(workspace.runs.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest[:HISTORY]:
        try:
            run = read_json(path)
            ended = run["profile"] == profile and run["outcome"] in {"completed", "partial"}
            times = dict(run["stage_seconds"]) if ended else {}
        except (ValueError, KeyError, TypeError):  # of another version; an expectation can do without it
            continue
        for stage, seconds in times.items():
            taken.setdefault(stage, []).append(float(seconds))
    return {stage: statistics.median(times) for stage, times in taken.items()}
