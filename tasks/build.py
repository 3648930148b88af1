"""The `build` stage as a Prefect task."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from tasks import artifacts
from tasks.kept import place_of
from tasks.retry import IO_RETRY


@task(name="build", cache_policy=NO_CACHE, **IO_RETRY)
def build(job: Job) -> str:
    """Make the CityLearn dataset; return its digest."""
    from pvbesscar.dataset.build import build as make  # a stage loads its libraries when it runs

    with job.timed("build"), recorded("build", place_of(job)):
        manifest = make(job.settings, job.workspace)
    facts = [{"what": name, "value": value} for name, value in manifest.facts.model_dump(mode="json").items()]
    files = [{"what": name, "value": digest} for name, digest in manifest.files.items()]
    artifacts.table(
        artifacts.key(job.settings.name, "dataset-manifest"),
        [{"what": "digest", "value": manifest.digest}, {"what": "mode", "value": manifest.mode}, *facts, *files],
        f"CityLearn dataset in {job.workspace.dataset}.",
        str(job.workspace.dataset / "manifest.json"),
    )
    return manifest.digest
