"""What is told of a model that leaves the project it was trained in: `card.json` of its folder."""

from __future__ import annotations

from typing import Literal

from schemas.results import ControllerResult, SetEntry
from schemas.settings import Agent, Mode
from schemas.terms import Result


class JudgedYear(Result):
    """The model on one year, beside the rule on the same hours."""

    scenario: str
    simulator: str
    judged_on: tuple[str, ...]
    """Names of the stretches of hours; `year` is all of it."""
    optimum: float | None
    """J*; absent where it could not be computed."""
    model: ControllerResult
    rule: ControllerResult


class JudgedSet(Result):
    """The model over a set of years, beside the rule."""

    name: str
    scenarios: tuple[str, ...]
    model: SetEntry
    rule: SetEntry


class ModelFacts(Result):
    """What a model is, what it was judged by, and what it must not be used for."""

    format: Literal[1] = 1
    agent: Agent
    scenario: str
    profile: str
    mode: Mode
    guard: bool
    simulator: str
    """That it was trained on."""
    steps: int
    seed: int
    sockets: int
    observation: tuple[str, ...]
    """Names of what the policy sees, in order."""
    dataset_digest: str
    certificate_sha256: str
    evaluation_sha256: str
    model_sha256: str
    tariff: str
    tariff_digest: str
    plant_code: str
    training_code: str
    """Digest of the modules that training depends on, as they were at the promotion."""
    versions: dict[str, str]
    years: tuple[JudgedYear, ...]
    sets: tuple[JudgedSet, ...]
    worse: str | None
    """In which figures it is worse than the rule; absent where it is not."""
    reason: str | None
    """Why it was promoted, in the words of who did it."""
    not_for: tuple[str, ...]


class PromotedModel(Result):
    """`card.json`: the facts, and the digest of every other file of the folder."""

    facts: ModelFacts
    files: dict[str, str]
    """Digest (SHA-256) of each file but this one, by its path in the folder."""
    digest: str
    """Of the above, so that an edited card is known."""
