"""The work pool, its worker, and the deployments of prefect.yaml with their schedules.

`python -m flows.deployments` is the worker that `pvbesscar up` starts.
"""

from __future__ import annotations

import runpy
import socket
import sys
from pathlib import Path

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker
from pydantic import BaseModel, TypeAdapter

from flows.run_marks import TAG
from flows.server import die_with_parent
from pvbesscar.store.files import write_text
from schemas.errors import ConfigError

POOL = "pvbesscar"
AT_ONCE = 3
"""Runs that the worker starts at a time: one works, the others say for whom they wait."""


class _Kept(BaseModel):
    """What a person may have set on a deployment, and `prefect deploy` would replace by what prefect.yaml says."""

    paused: bool
    schedules: list[DeploymentScheduleCreate]


KEPT = TypeAdapter(dict[str, _Kept])


def make_pool() -> None:
    """Create the process work pool, unless it is there."""
    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
        except ObjectAlreadyExists:
            return


def work() -> None:
    """Run what is ordered of the deployments, until told to stop."""
    die_with_parent()
    words = f"worker start --pool {POOL} --limit {AT_ONCE} --name pvbesscar-{socket.gethostname()}"
    sys.argv = ["prefect", *words.split()]
    runpy.run_module("prefect", run_name="__main__")


def worker_online() -> bool:
    """Whether a worker of the pool has reported."""
    with get_client(sync_client=True) as client:
        return any(worker.status == "ONLINE" for worker in client.read_workers_for_work_pool(POOL))


def save_schedules(path: Path) -> None:
    """Write down the schedules of the server, by deployment, before `prefect deploy`.

    A file that is there already stays: it is of a deploy that did not come to its end.
    """
    if path.exists():
        return
    with get_client(sync_client=True) as client:
        kept = {
            one.name: _Kept(paused=one.paused, schedules=[_copy(schedule) for schedule in one.schedules])
            for one in _ours(client)
        }
    write_text(path, KEPT.dump_json(kept, indent=2).decode())


def adjust(config: str, overrides: tuple[str, ...], when_busy: str, schedules: Path) -> None:
    """Give the deployments their scenario, what becomes of a second run of each, and the schedules that they had.

    Parameters
    ----------
    when_busy
        `wait` queues it, `refuse` cancels it.
    schedules
        What `save_schedules` has written; removed afterwards. A deployment that is not in it is new and has the
        schedules of prefect.yaml.
    """
    strategy = ConcurrencyLimitStrategy.ENQUEUE if when_busy == "wait" else ConcurrencyLimitStrategy.CANCEL_NEW
    settings = [*overrides, f"runs.when_busy={when_busy}"]
    kept = KEPT.validate_json(schedules.read_bytes())
    with get_client(sync_client=True) as client:
        for deployment in _ours(client):
            change = DeploymentUpdate(
                parameters={**deployment.parameters, "config": config, "overrides": settings},
                paused=deployment.name in kept and kept[deployment.name].paused,
                concurrency_limit=1,
                concurrency_options={"collision_strategy": strategy},
            )
            client.update_deployment(deployment.id, change)
            if deployment.name in kept:
                for schedule in deployment.schedules:
                    client.delete_deployment_schedule(deployment.id, schedule.id)
                client.create_deployment_schedules(deployment.id, kept[deployment.name].schedules)
    schedules.unlink()


def schedule_rows() -> list[tuple[str, str, str]]:
    """Deployment, time, and `on` or `off` of each schedule."""
    with get_client(sync_client=True) as client:
        return sorted(
            (one.name, _time(schedule), "on" if schedule.active and not one.paused else "off")
            for one in _ours(client)
            for schedule in one.schedules
        )


def switch_schedules(name: str, *, active: bool) -> None:
    """Switch the schedules of a deployment on or off.

    Raises
    ------
    ConfigError
        There is no such deployment, or it has no schedule.
    """
    with get_client(sync_client=True) as client:
        scheduled = {one.name: one for one in _ours(client) if one.schedules}
        if name not in scheduled:
            known = f"those with a schedule: {', '.join(sorted(scheduled))}." if scheduled else ""
            raise ConfigError(
                f"there is no deployment `{name}` with a schedule.",
                hint=known or "`pvbesscar up` makes the deployments; a schedule is added in the UI.",
            )
        deployment = scheduled[name]
        for schedule in deployment.schedules:
            client.update_deployment_schedule(deployment.id, schedule.id, active=active)
        if active:  # the UI may have paused the deployment as a whole
            client.update_deployment(deployment.id, DeploymentUpdate(paused=False))


def _ours(client: SyncPrefectClient) -> list[DeploymentResponse]:
    return client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))


def _copy(schedule: DeploymentSchedule) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(**schedule.model_dump(include=set(DeploymentScheduleCreate.model_fields)))


def _time(schedule: DeploymentSchedule) -> str:
    own = schedule.schedule
    return f"{own.cron} ({own.timezone or 'UTC'})" if isinstance(own, CronSchedule) else str(own)


if __name__ == "__main__":
    work()
