"""Studies that can be counted on paper: two seeds, two years of 364 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pvbesscar.evaluation.intervals import SourceWeeks
from pvbesscar.study.figures import study_set
from schemas.results import ControllerKind, ScoreTerms
from schemas.studies import Judged, JudgedYear, Study, StudySet

YEARS = ("test-01", "test-02")
DAYS = 364
NO_TERMS = ScoreTerms(co2_kg=0.0, cost_pen=0.0, solar_kwh=0.0, ev_short_kwh=0.0, ramping_kwh=0.0)


def weeks(count: int = 12) -> SourceWeeks:
    """Both years of the same source weeks, each day of weather and demand of the same week."""
    own = np.tile(np.arange(DAYS) // 7 % count, (2, 1))
    return SourceWeeks(own, own, np.zeros(count, np.int64))


def judged(controller: str, years: Sequence[float], seed: int | None = None, *, spread: float = 0.0) -> Judged:
    """A controller with these J, the same each day; weeks differ by `spread` to either side in turn."""
    kind: ControllerKind | str = "agent" if controller in ("ppo", "sac", "a2c", "imitation") else "baseline"
    sides = spread * (-1.0) ** (np.arange(DAYS) // 7) / DAYS
    made = tuple(
        JudgedYear(
            scenario=name, score=j, terms=NO_TERMS, replay=j if controller == "optimum" else None,
            course=tuple((j / DAYS + sides).tolist()),
        )
        for name, j in zip(YEARS, years, strict=True)
    )  # fmt: skip
    own: Any = "bound" if controller == "optimum" else kind
    return Judged(digest="0", controller=controller, kind=own, seed=seed, years=made)


BySeed = Mapping[str, Sequence[Sequence[float]]]
"""J of agents by seed and year."""


def on_tests(agents: BySeed, *, whole: BySeed | None = None, spread: float = 0.0) -> StudySet:
    """Set of the rule (J 0.8 and 0.6), tuned rule (0.7, 0.5), MPC (0.5, 0.3), J* (0.4, 0.2) and agents by seed."""
    others = [
        judged("rule", (0.8, 0.6)), judged("tuned-rule", (0.7, 0.5)), judged("mpc", (0.5, 0.3)),
        judged("mpc-perfect-day", (0.41, 0.21)), judged("no-control", (1.0, 1.0)), judged("optimum", (0.4, 0.2)),
    ]  # fmt: skip
    trained, beside = (
        [judged(name, j, seed, spread=spread) for name, seeds in own.items() for seed, j in enumerate(seeds, 42)]
        for own in (agents, whole or {})
    )
    return study_set("test", YEARS, [*others, *trained], weeks(), beside)


def study(own: StudySet, **changes: Any) -> Study:
    """Record of a study of PPO with this set."""
    values: dict[str, Any] = {
        "name": "hand-made", "scenario": "mall", "profile": "full", "mode": "dispatch", "forecast": "causal",
        "without": (), "overrides": (), "seeds": (42, 43), "agents": ("ppo",), "steps": 1000,
        "dataset_digest": "d" * 64, "settings_digest": "s" * 64,
        "code": "code `0123456789ab` of `pvbesscar.plant`", "versions": {},
        "processor": "a processor", "sets": (own,), "learning": (), "failed": {}, "not_judged": {},
    }  # fmt: skip
    return Study(**values | changes)
