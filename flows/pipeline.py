"""The pipeline: its stages by name, in order."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.opened import DEFAULT_CONFIG, PIPELINE, Overrides, ProfileName, opened, run_name, verdict
from flows.order import go_through
from pvbesscar.lineage.stages import ORDER


@flow(name=PIPELINE, flow_run_name=run_name)
def pipeline(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    sequential: bool = False,
    force: bool = False,
) -> State[Any]:
    """From OE2 files to a published report on the trained agents.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. training.smoke.steps=200
        profile: smoke takes minutes, full hours
        sequential: train the agents one after another instead of side by side
        force: execute every stage, even those whose results are current
    """
    with opened(config, overrides, profile) as job:
        go_through(job, ORDER, force=ORDER if force else (), sequential=sequential)
    return verdict(job)
