"""Each stage as a flow of its own, alone or with what is stale behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from prefect import Flow, flow
from prefect.client.schemas.objects import State

from flows.opened import DEFAULT_CONFIG, Overrides, ProfileName, opened, run_name, verdict
from flows.order import go_through
from pvbesscar.lineage.stages import StageName, from_stage
from schemas.errors import TrainingError
from schemas.settings import Agent

Agents = Literal["sac", "ppo", "a2c", "all"]


def _run(
    stage: StageName,
    config: str,
    overrides: Overrides,
    profile: ProfileName,
    *,
    downstream: bool,
    force: bool,
    agents: Sequence[Agent] | None = None,
) -> State[Any]:
    """Run a stage, and those behind it if they are asked for; only the stage itself is forced."""
    with opened(config, overrides, profile) as job:
        go_through(job, (stage,), force=(stage,) if force else (), agents=agents)
        if job.failures:
            raise TrainingError("; ".join(job.failures.values()))
        if downstream:
            go_through(job, from_stage(stage, downstream=True)[1:])
    return verdict(job)


@flow(name="ingest", flow_run_name=run_name)
def ingest_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Read the configured OE2 files, or make the synthetic year, into canonical Parquet.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("ingest", config, overrides, profile, downstream=downstream, force=force)


@flow(name="validate", flow_run_name=run_name)
def validate_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Judge the canonical year; an error-level finding fails the run.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("validate", config, overrides, profile, downstream=downstream, force=force)


@flow(name="build", flow_run_name=run_name)
def build_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Make the CityLearn dataset.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("build", config, overrides, profile, downstream=downstream, force=force)


@flow(name="certify", flow_run_name=run_name)
def certify_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Prove the twin equal to CityLearn on the dataset.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("certify", config, overrides, profile, downstream=downstream, force=force)


@flow(name="train", flow_run_name=run_name)
def train_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    agent: Agents = "sac",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Train an agent, from the checkpoint where it was left if there is one.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. training.smoke.steps=200
        profile: smoke takes minutes, full hours
        agent: which agent, or all of the scenario
        downstream: afterwards also the stages behind it, as far as they are stale
        force: train even if the model is current
    """
    return _run(
        "train",
        config,
        overrides,
        profile,
        downstream=downstream,
        force=force,
        agents=None if agent == "all" else (agent,),
    )


@flow(name="evaluate", flow_run_name=run_name)
def evaluate_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Judge the trained agents against the baselines.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("evaluate", config, overrides, profile, downstream=downstream, force=force)


@flow(name="publish", flow_run_name=run_name)
def publish_stage(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    downstream: bool = False,
    force: bool = False,
) -> State[Any]:
    """Write the HTML report.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: smoke takes minutes, full hours
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return _run("publish", config, overrides, profile, downstream=downstream, force=force)


FLOWS: dict[StageName, Flow[..., State[Any]]] = {
    "ingest": ingest_stage,
    "validate": validate_stage,
    "build": build_stage,
    "certify": certify_stage,
    "train": train_stage,
    "evaluate": evaluate_stage,
    "publish": publish_stage,
}
