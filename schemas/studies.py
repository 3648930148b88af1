"""A study: what several trainings of each agent are worth beside the other controllers, `study.json`."""

from __future__ import annotations

from typing import Literal

from schemas.results import ControllerKind, Interval
from schemas.settings import Agent, Mode
from schemas.terms import Result, ScoreTerms

Ingredient = Literal["imitation", "target", "regret", "warm-up", "best", "sockets", "forecast"]

WHOLE = "whole"
"""What an agent with an ingredient left out is compared with: the same agent of the study that leaves nothing out."""


def ensemble_of(agent: Agent) -> str:
    """Name of the mean of an agent's trainings, in tables and files."""
    return f"{agent}-ensemble"


class JudgedYear(Result):
    """One controller on one year."""

    scenario: str
    score: float
    """J; of the optimum its lower bound."""
    terms: ScoreTerms
    replay: float | None = None
    """J of the optimum's plan, replayed."""
    course: tuple[float, ...] = ()
    """What each day adds to J, for years that are resampled."""


class Judged(Result):
    """One controller on all years of a study."""

    digest: str
    """Of model, dataset, settings and code: with another one it is judged again."""
    controller: str
    kind: ControllerKind | Literal["bound"]
    seed: int | None
    years: tuple[JudgedYear, ...]
    refused: str | None = None
    """Why there is no optimum."""


class AgainstOther(Result):
    """A controller beside another on the same years, seed by seed where both have them."""

    other: str
    difference: float
    """Mean of J less the other's; below 0 it is better."""
    interval: Interval | None
    gap_points: float | None
    """Gap closed less the other's, a ratio of means."""
    gap_interval: Interval | None
    improvement: float
    """Share of (seed, year) pairs in which J is lower; where they can not be told apart, half of the pair."""


class StudyEntry(Result):
    """One controller on a set of years, over its seeds."""

    controller: str
    kind: ControllerKind
    foresight: bool
    """Whether it knows the day to come; such a controller wins nothing."""
    seeds: tuple[int, ...]
    """Empty where nothing is trained."""
    mean_score: float
    score_interval: Interval | None
    gap_closed: float | None
    """Ratio of means over seeds and years."""
    gap_interval: Interval | None
    gap_iqm: float | None
    """Interquartile mean of the gap closed over (seed, year) pairs."""
    gaps: tuple[tuple[float, ...], ...]
    """Gap closed by seed and year; empty where nothing is open."""
    against: tuple[AgainstOther, ...]

    def beside(self, other: str) -> AgainstOther | None:
        """Comparison with another controller, where there is one."""
        return next((one for one in self.against if one.other == other), None)


class StudySet(Result):
    """All controllers of a study on a set of years, the lowest mean J first."""

    name: str
    scenarios: tuple[str, ...]
    source_weeks: int | None
    """Weeks that the years are made of; without them there are no intervals."""
    mean_bound: float | None
    mean_replay: float | None
    entries: tuple[StudyEntry, ...]
    winner: str | None
    """First of those without foresight, where the interval of its distance from the next excludes zero."""
    runner_up: str | None
    margin: float | None
    margin_interval: Interval | None
    """J of the next less that of the first."""

    def entry(self, controller: str) -> StudyEntry | None:
        """Entry of a controller, where it was judged."""
        return next((one for one in self.entries if one.controller == controller), None)


class SeedLearning(Result):
    """One training on its validation years: gap closed where it began, at its best, and at its end."""

    seed: int
    begin: float | None
    best: float | None
    last: float | None
    best_steps: int | None
    begin_j: float | None
    best_j: float | None
    last_j: float | None
    duration_s: float
    steps_per_s: float

    @property
    def steps(self) -> int:
        """Environment steps that were done."""
        return round(self.duration_s * self.steps_per_s)


class Learning(Result):
    """All trainings of an agent; by J, for the gap may not be known."""

    agent: Agent
    trainings: tuple[SeedLearning, ...]
    best_less_begin: float | None
    """Mean over the seeds of the best J less that of the beginning, on the years that chose it: never above 0."""
    best_interval: Interval | None
    last_less_begin: float | None
    """The same of the last model, which nothing has chosen."""
    last_interval: Interval | None

    @property
    def steps(self) -> int:
        """Most environment steps of a training."""
        return max((one.steps for one in self.trainings), default=0)


class Study(Result):
    """`study.json`."""

    name: str
    scenario: str
    profile: str
    mode: Mode
    forecast: str
    without: tuple[Ingredient, ...]
    whole: str | None = None
    """Study of the same settings, dataset and seeds that leaves nothing out, where there was one."""
    overrides: tuple[str, ...]
    """Settings that were set by hand, those of the ingredients left out among them."""
    seeds: tuple[int, ...]
    agents: tuple[Agent, ...]
    steps: int
    """Steps that the profile asks of an agent; SAC may have a number of its own (`Learning.steps`)."""
    dataset_digest: str
    settings_digest: str
    code: str
    """Stamp of the code, as pages say it."""
    versions: dict[str, str]
    processor: str
    sets: tuple[StudySet, ...]
    learning: tuple[Learning, ...]
    failed: dict[str, str]
    """Trainings that did not end, `agent@seed`, with the reason."""
    not_judged: dict[str, str]

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the agents and of their ensembles, judged or not."""
        return (*self.agents, *map(ensemble_of, self.agents))

    def of_set(self, name: str) -> StudySet | None:
        """One of the sets, where it was judged."""
        return next((one for one in self.sets if one.name == name), None)
