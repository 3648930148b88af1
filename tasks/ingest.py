"""The `ingest` stage as a Prefect task."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from pvbesscar.store.files import sha256_json
from tasks import artifacts
from tasks.kept import place_of
from tasks.retry import IO_RETRY


# Prefect's own cache keeps a result although a helper or a constant has changed.
@task(name="ingest", cache_policy=NO_CACHE, **IO_RETRY)
def ingest(job: Job) -> str:
    """Read the configured inputs into canonical Parquet; return the digest of its files."""
    from pvbesscar.oe2.ingest import ingest as read  # a stage loads its libraries when it runs

    with job.timed("ingest"), recorded("ingest", place_of(job)):
        provenance = read(job.settings, job.workspace)
    rows = [
        {
            "series": series.series,
            "source": series.source,
            "file": series.file or "",
            "reader": series.reader,
            "transformations": "; ".join(series.transformations),
            "notes": "; ".join(series.notes),
        }
        for series in provenance.series
    ]
    artifacts.table(
        artifacts.key(job.settings.name, "provenance"),
        rows,
        "Where each series comes from, and what was done to it.",
        str(job.workspace.canonical / "provenance.json"),
    )
    return sha256_json(provenance.files)
