"""Training: each agent a child flow run in a process of its own, side by side or one after another."""

# No `from __future__ import annotations` here: the flow below travels to another process as a copy of its function, and
# Prefect, which reads the annotations there, could not resolve their names.

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.children import Child, Watcher, die_with_the_parent, reason, run_children, show_kept
from flows.opened import ProfileName
from pvbesscar import display
from pvbesscar.display import progress_text
from pvbesscar.lineage.plan import decide
from pvbesscar.lineage.runs import Job
from schemas.settings import Agent
from tasks import artifacts
from tasks.kept import place_of
from tasks.train import train as train_task


@flow(name="trainer")
def train_agent(agent: Agent, profile: ProfileName, run_folder: Path) -> None:
    """Train one agent with the settings that its run has pinned in `run_folder`."""
    die_with_the_parent()
    train_task(Job.reopened(run_folder, profile), agent)


def train(job: Job, *, agents: Sequence[Agent] | None = None, sequential: bool = False, force: bool = False) -> None:
    """Train agents; the reason for each one that could not be is kept in `job.failures`.

    An agent whose model is what training would make again is not trained, unless `force`.

    Parameters
    ----------
    agents
        Which, `None`: those of the scenario.
    """
    own = job.settings.training
    stale = _to_train(job, own.agents if agents is None else agents, force=force)
    if not stale:
        return
    limit = None if own.timeout_h is None else 3600.0 * own.timeout_h
    children = [
        Child(f"train-{agent}", train_agent, _parameters(job, agent), _tags(job, agent), limit) for agent in stale
    ]
    at_once = 1 if sequential or own.sequential else len(children)
    with job.timed("train"):
        states = run_children(children, at_once=at_once, watcher=_Board(job))
    job.failures.update(
        {agent: reason(states[f"train-{agent}"]) for agent in stale if not states[f"train-{agent}"].is_completed()}
    )


def _to_train(job: Job, agents: Sequence[Agent], *, force: bool) -> list[Agent]:
    """Agents whose models training would not make again as they are; the others are shown as cached."""
    stale = list[Agent]()
    for agent in agents:
        name = f"train-{agent}"
        decision = decide(name, place_of(job), force=force)
        get_run_logger().info("%s: %s, %s", name, decision.verdict, decision.why)
        job.reasons[name] = decision.why
        if decision.verdict == "FRESH":
            job.kept.append(name)
            show_kept(Child(name, train_agent, _parameters(job, agent), _tags(job, agent)), decision.why)
        else:
            stale.append(agent)
    return stale


def _parameters(job: Job, agent: Agent) -> dict[str, Any]:
    return {"agent": agent, "profile": job.profile, "run_folder": job.folder}


def _tags(job: Job, agent: Agent) -> tuple[str, ...]:
    return (job.settings.name, job.profile, agent)


class _Board(Watcher):
    """Shows how far the children are, and times them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._live: dict[str, artifacts.Live] = {}

    def begin(self, name: str) -> None:
        self._job.begin(name)
        self._live[name] = artifacts.Live(artifacts.key(self._job.settings.name, "progress", name))

    def look(self, name: str) -> None:
        progress, shown = self._job.read_progress(name), display.current()
        if progress is not None and shown is not None:
            shown.update(name, progress)
            self._live[name].show(progress, f"{name}: {progress_text(progress)}")

    def end(self, name: str, state: State[Any]) -> None:
        self._job.end(name, None if state.is_completed() else reason(state))
        if (progress := self._job.read_progress(name)) is not None:
            over = progress if not state.is_completed() else replace(progress, done=progress.total)
            words = "done" if state.is_completed() else reason(state).splitlines()[0]
            self._live[name].show(over, f"{name}: {words}", now=True)
