"""The work pool and the deployments of prefect.yaml, adjusted to what `pvbesscar up` was asked for."""

from __future__ import annotations

from prefect import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

TAG = "pvbesscar"


def make_pool(name: str) -> None:
    """Create the process work pool, unless it is there."""
    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
        except ObjectAlreadyExists:
            return


def adjust(config: str, overrides: tuple[str, ...], when_busy: str) -> None:
    """Give the deployments their scenario and what becomes of a second run of the same deployment.

    Parameters
    ----------
    when_busy
        `wait` queues it, `refuse` cancels it.
    """
    strategy = ConcurrencyLimitStrategy.ENQUEUE if when_busy == "wait" else ConcurrencyLimitStrategy.CANCEL_NEW
    settings = [*overrides, f"runs.when_busy={when_busy}"]
    with get_client(sync_client=True) as client:
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
        for deployment in client.read_deployments(deployment_filter=ours):
            change = DeploymentUpdate(
                parameters={**deployment.parameters, "config": config, "overrides": settings},
                concurrency_limit=1,
                concurrency_options={"collision_strategy": strategy},
            )
            client.update_deployment(deployment.id, change)


def worker_online(pool: str) -> bool:
    """Whether a worker of the pool has reported."""
    with get_client(sync_client=True) as client:
        return any(worker.status == "ONLINE" for worker in client.read_workers_for_work_pool(pool))
