"""The pipeline: its seven stages, in their order, each behind those that it needs."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.run import DEFAULT_CONFIG, PIPELINE, Overrides, final_state, run_name, run_of
from flows.training import train
from pvbesscar.lineage.stages import STAGES
from schemas.settings import ProfileName
from tasks.stages import build, certify, evaluate, ingest, publish, validate


@flow(name=PIPELINE, flow_run_name=run_name)
def pipeline(
    config: str = DEFAULT_CONFIG,
    overrides: Overrides = (),
    profile: ProfileName = "full",
    sequential: bool = False,
    force: bool = False,
) -> State[Any]:
    """From OE2 files to a published report on the trained agents.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. training.smoke.steps=200
        profile: steps an agent: smoke 5,000, full 100,000, long 1,500,000; reference: as first specified
        sequential: train the agents one after another instead of side by side
        force: execute every stage, even those whose results are current
    """
    with run_of(config, overrides, profile, frozenset(STAGES) if force else frozenset()) as run:
        canonical_year = ingest(run)
        accepted = validate(run, canonical_year)
        dataset = build(run, accepted)
        certificate = certify(run, dataset)
        agents = train(run, certificate, sequential=sequential)  # SAC, PPO and A2C, each a flow run of its own
        results = evaluate(run, *agents)
        publish(run, results)
    return final_state(run)
