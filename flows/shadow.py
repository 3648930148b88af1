"""The shadow as a flow: one pass each hour, its days and its next decision as artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.run import DEFAULT_CONFIG, Overrides
from flows.run_marks import sign
from pvbesscar.lineage.context import new_run_id
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.shadow.client import Api
from pvbesscar.shadow.loop import run_pass
from tasks import shadow_artifacts

SHADOW = "shadow"


def run_name() -> str:
    """Name of a flow run."""
    return new_run_id(Path(runtime.flow_run.parameters["config"]), SHADOW)


@flow(name=SHADOW, flow_run_name=run_name)
def shadow(config: str = DEFAULT_CONFIG, overrides: Overrides = ()) -> State[Any]:
    """Decide the site's next hour, and account for those that have ended.

    Args:
        config: scenario, a YAML file
        overrides: settings as key=value, e.g. shadow.telemetry=FILE
    """
    sign(runtime.flow_run.id)
    logger = get_run_logger()
    settings = load_scenario(Path(config), overrides).settings
    done = run_pass(settings, Api.of(settings.shadow), logger.info)
    for note in done.notes:
        logger.warning(note)
    shadow_artifacts.show(settings, done)
    return Completed(message=done.words)
