"""Each stage as a flow of its own, alone or with what is stale behind it; all made by one factory."""

from __future__ import annotations

from typing import Any, Literal

from prefect import Flow, flow
from prefect.client.schemas.objects import State

from flows.run import DEFAULT_CONFIG, Overrides, final_state, run_name, run_of
from flows.training import train as train_agents
from pvbesscar.lineage.stage import ORDER, StageName
from pvbesscar.lineage.stages import STAGES, from_stage, names_of
from schemas.errors import TrainingError
from schemas.settings import AGENTS, ProfileName
from tasks import stages as steps

Agents = Literal["sac", "ppo", "a2c", "all"]
StageFlow = Flow[..., State[Any]]


def stage_flow(stage: StageName) -> StageFlow:
    """Flow that runs one stage, and the stale ones behind it if they are asked for."""

    def run_stages(
        config: str = DEFAULT_CONFIG,
        overrides: Overrides = (),
        profile: ProfileName = "full",
        agent: Agents = "all",
        downstream: bool = False,
        force: bool = False,
    ) -> State[Any]:
        chosen = AGENTS if agent == "all" else (agent,)
        forced = frozenset(names_of(stage, chosen)) if force else frozenset[str]()
        with run_of(config, overrides, profile, forced) as run:
            for name in from_stage(stage, downstream=downstream):
                if name == "train":
                    # Behind a stage of its own, the training takes every agent of the scenario.
                    train_agents(run, agents=chosen if stage == "train" and agent != "all" else None)
                else:
                    getattr(steps, name)(run)
                if name == stage and run.failures:
                    raise TrainingError("; ".join(run.failures.values()))
        return final_state(run)

    does = (
        STAGES[names_of(stage, AGENTS)[0]].does if stage != "train" else "Train agents, each in a process of its own."
    )
    run_stages.__doc__ = f"""{does}

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. bess.capacity_kwh=5000
        profile: steps an agent: smoke 5,000, full 100,000, long 1,500,000; reference: as first specified
        agent: with the stage train: which one, or all of the scenario
        downstream: afterwards also the stages behind it, as far as they are stale
        force: execute it even if its result is current
    """
    return flow(name=stage, flow_run_name=run_name)(run_stages)


FLOWS: dict[StageName, StageFlow] = {stage: stage_flow(stage) for stage in ORDER}
# A deployment names its flow by an attribute of this module.
ingest, validate, build, certify, train, evaluate, publish = (FLOWS[stage] for stage in ORDER)
