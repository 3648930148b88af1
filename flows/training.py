"""Training: each agent a child flow run in a process of its own, side by side or one after another."""

# No `from __future__ import annotations` here: the flow below travels to another process as a copy of its function, and
# Prefect, which reads the annotations there, could not resolve their names.

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.children import Child, Watcher, die_with_the_parent, ended, reason, run_children, show_kept
from pvbesscar import display
from pvbesscar.display import progress_text
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import decide
from pvbesscar.lineage.records import require_same_scenario
from pvbesscar.lineage.stages import STAGES
from pvbesscar.remedies import in_full
from schemas.progress import Progress
from schemas.settings import Agent, ProfileName
from tasks import artifacts
from tasks.stages import stage

LOG_EVERY_S = 30.0


@flow(name="trainer")
def train_agent(agent: Agent, profile: ProfileName, run_folder: Path) -> None:
    """Train one agent with the settings that its run has pinned in `run_folder`."""
    die_with_the_parent()
    name = f"train-{agent}"
    run = RunContext.reopened(run_folder, profile)
    # The parent has decided that it is trained.
    stage(name)(replace(run, forced=frozenset({name}), on_progress=_reporter(run)))


def train(
    run: RunContext, *after: State[Any], agents: Sequence[Agent] | None = None, sequential: bool = False
) -> tuple[State[Any], ...]:
    """Train agents; the reason for each one that could not be is kept in `run.failures`.

    An agent whose model is what training would make again is not trained.

    Parameters
    ----------
    after
        States of the stages before it.
    agents
        Which, `None`: those of the scenario.

    Returns
    -------
    tuple of State
        For each agent that its training is over, however it ended.
    """
    own = run.settings.training
    limit = None if own.timeout_h is None else 3600.0 * own.timeout_h
    children = [
        Child(f"train-{agent}", train_agent, _parameters(run, agent), _tags(run, agent), limit, after)
        for agent in (own.agents if agents is None else agents)
    ]
    kept = {child.name: show_kept(child, run.reasons[child.name]) for child in children if not _is_stale(run, child)}
    stale = [child for child in children if child.name not in kept]
    if not stale:
        return tuple(kept.values())
    at_once = 1 if sequential or own.sequential else len(stale)
    with run.timed("train"):
        states = run_children(stale, at_once=at_once, watcher=_Board(run))
    for name, state in states.items():
        if not state.is_completed():
            run.failures[name.removeprefix("train-")] = in_full(reason(state))
    return (*kept.values(), *(ended(state) for state in states.values()))


def _is_stale(run: RunContext, child: Child) -> bool:
    require_same_scenario(STAGES[child.name], run)
    decision = decide(child.name, run)
    get_run_logger().info("%s: %s, %s", child.name, decision.verdict, decision.why)
    run.reasons[child.name] = decision.why
    if decision.verdict == "FRESH":
        run.kept.append(child.name)
    return decision.verdict != "FRESH"


def _parameters(run: RunContext, agent: Agent) -> dict[str, Any]:
    return {"agent": agent, "profile": run.profile, "run_folder": run.folder}


def _tags(run: RunContext, agent: Agent) -> tuple[str, ...]:
    return (run.settings.name, run.profile, agent)


class _Board(Watcher):
    """Shows how far the children are, and times them."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._live: dict[str, artifacts.Live] = {}

    def begin(self, name: str) -> None:
        self._run.begin(name)
        self._live[name] = artifacts.Live(artifacts.key(self._run.settings.name, "progress", name))

    def look(self, name: str) -> None:
        progress, shown = self._run.read_progress(name), display.current()
        if progress is not None and shown is not None:
            shown.update(name, progress)
            self._live[name].show(progress, f"{name}: {progress_text(progress)}")

    def end(self, name: str, state: State[Any]) -> None:
        self._run.end(name, None if state.is_completed() else reason(state))
        if (progress := self._run.read_progress(name)) is not None:
            over = progress if not state.is_completed() else replace(progress, done=progress.total)
            words = "done" if state.is_completed() else reason(state).splitlines()[0]
            self._live[name].show(over, f"{name}: {words}", now=True)


def _reporter(run: RunContext) -> Callable[[str, Progress], None]:
    """Tell the parent process every time and the server now and then how far the training is."""
    logger, logged = get_run_logger(), -LOG_EVERY_S

    def report(name: str, progress: Progress) -> None:
        nonlocal logged
        run.write_progress(name, progress)
        if time.monotonic() - logged >= LOG_EVERY_S:
            logged = time.monotonic()
            logger.info("%s", progress_text(progress))

    return report
