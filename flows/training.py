"""Training: each agent a child flow run in a process of its own, side by side or one after another."""

# No `from __future__ import annotations` here: the flow below travels to another process as a copy of its function, and
# Prefect, which reads the annotations there, could not resolve their names.

from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.children import Child, Watcher, die_with_the_parent, reason, run_children
from flows.stages import DEFAULT_CONFIG, Overrides, ProfileName, opened, run_name
from pvbesscar import display
from pvbesscar.agents.artifacts import why_train
from pvbesscar.display import progress_text
from pvbesscar.lineage.runs import Job
from schemas.errors import TrainingError
from schemas.settings import Agent
from tasks import artifacts
from tasks.train import train as train_task


@flow(name="trainer")
def train_agent(agent: Agent, profile: ProfileName, run_folder: Path) -> None:
    """Train one agent with the settings that its run has pinned in `run_folder`."""
    die_with_the_parent()
    train_task(Job.reopened(run_folder, profile), agent)


def train(job: Job, *, sequential: bool = False, anew: bool = False) -> None:
    """Train the configured agents; the reason for each one that could not be is kept in `job.failures`.

    An agent whose model is what training would make again is not trained, unless `anew`.
    """
    agents, hours = _to_train(job, anew=anew), job.settings.training.timeout_h
    children = [
        Child(
            name=f"train-{agent}",
            flow=train_agent,
            parameters={"agent": agent, "profile": job.profile, "run_folder": job.folder},
            tags=(job.settings.name, job.profile, agent),
            timeout_s=None if hours is None else 3600.0 * hours,
        )
        for agent in agents
    ]
    at_once = 1 if sequential or job.settings.training.sequential else len(children)
    if not children:
        return
    with job.timed("train"):
        states = run_children(children, at_once=at_once, watcher=_Board(job))
    job.failures.update(
        {agent: reason(states[f"train-{agent}"]) for agent in agents if not states[f"train-{agent}"].is_completed()}
    )


@flow(name="train", flow_run_name=run_name)
def train_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    agent: Agent = "sac",
) -> None:
    """Train one agent, from the checkpoint where it was left if there is one.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. training.smoke.steps=200
        profile: smoke takes minutes, full hours
        agent: which agent
    """
    with opened(config, (*overrides, f"training.agents=[{agent}]"), profile) as job:
        train(job, anew=True)
        if job.failures:
            raise TrainingError(job.failures[agent])


def _to_train(job: Job, *, anew: bool) -> tuple[Agent, ...]:
    agents = job.settings.training.agents
    why = {agent: why_train(agent, job.settings, job.workspace, job.profile) for agent in agents}
    for agent, reason_to_train in why.items():
        get_run_logger().info("train-%s: %s", agent, reason_to_train or "its model is current")
    if anew:
        return agents
    job.reasons.update({f"train-{agent}": text for agent, text in why.items() if text is not None})
    job.kept.extend(f"train-{agent}" for agent in agents if why[agent] is None)
    return tuple(agent for agent in agents if why[agent] is not None)


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
