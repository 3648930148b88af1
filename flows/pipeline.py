"""The pipeline: its stages by name, in order."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.stages import DEFAULT_CONFIG, Overrides, ProfileName, opened, run_name, verdict
from flows.training import train
from tasks.build import build
from tasks.certify import certify
from tasks.evaluate import evaluate
from tasks.ingest import ingest
from tasks.publish import publish
from tasks.validate import validate


@flow(name="pipeline", flow_run_name=run_name)
def pipeline(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "smoke",
    sequential: bool = False,
) -> State[Any]:
    """From OE2 files to a published report on the trained agents.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. training.smoke.steps=200
        profile: smoke takes minutes, full hours
        sequential: train the agents one after another instead of side by side
    """
    with opened(config, overrides, profile) as job:
        ingest(job)
        validate(job)
        build(job)
        certify(job)
        train(job, sequential=sequential)
        evaluate(job)
        publish(job)
    return verdict(job)
