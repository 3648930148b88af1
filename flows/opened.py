"""What every flow does around its stages: its name, its turn, its record, its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from prefect import get_client, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.turn import turn
from pvbesscar import display
from pvbesscar.lineage.run_manifest import write_manifest
from pvbesscar.lineage.runs import Job, new_run_id
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.store.fingerprints import keep
from tasks import lineage

DEFAULT_CONFIG = "config/iquitos_mall.yaml"
PARTIAL = "PARTIAL"
PIPELINE = "pipeline"
ProfileName = Literal["smoke", "full"]
Overrides = tuple[str, ...]


def run_name() -> str:
    """Name of a flow run, and of its folder under outputs/runs/."""
    parameters, flow = runtime.flow_run.parameters, runtime.flow_run.flow_name
    return new_run_id(Path(parameters["config"]), parameters["profile"] if flow == PIPELINE else flow)


@contextmanager
def opened(config: str, overrides: Overrides, profile: ProfileName = "smoke") -> Iterator[Job]:
    """Open the record of this flow run: settings pinned before the first stage, manifest written after the last."""
    settings = load_scenario(Path(config), overrides).settings
    job = Job(runtime.flow_run.name, settings, profile, Path(config))
    job.pin()
    _tag(job)
    with (
        nullcontext() if display.current() else display.showing(display.Lines(get_run_logger().info)),
        ExitStack() as project,
    ):
        # The project stays this run's own until its record is written: the next run would change what is recorded.
        try:
            project.enter_context(turn(job))
            yield job
        except Exception as error:
            write_manifest(job, "failed", str(error))
            lineage.show(job, lineage.after_run(job, next(reversed(job.seconds), None)))
            raise
        except BaseException:
            write_manifest(job, "interrupted")
            raise
        write_manifest(job, "partial" if job.failures else "completed")
        keep(job.workspace.modules)
        lineage.show(job, lineage.after_run(job))


def verdict(job: Job) -> State[Any]:
    """Final state of a run that reached its end: `Completed`, or `PARTIAL` (a failure) where an agent is missing."""
    if not job.failures:
        return Completed(message=f"report: {job.workspace.report / 'index.html'}")
    reasons = "; ".join(f"{agent}: {reason.splitlines()[0]}" for agent, reason in job.failures.items())
    return Failed(name=PARTIAL, message=f"published without {reasons}")


def _tag(job: Job) -> None:
    tags = {*runtime.flow_run.tags, job.settings.name, job.profile}
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))
