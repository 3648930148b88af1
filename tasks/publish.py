"""The `publish` stage as a Prefect task."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from pvbesscar.store.files import sha256_file
from tasks import artifacts
from tasks.kept import place_of
from tasks.retry import IO_RETRY


@task(name="publish", cache_policy=NO_CACHE, **IO_RETRY)
def publish(job: Job) -> str:
    """Write the HTML report, saying what is missing; return its digest."""
    from pvbesscar.report.publish import publish as write  # a stage loads its libraries when it runs

    with job.timed("publish"), recorded("publish", place_of(job)):
        page = write(job.settings, job.workspace, job.profile, job.failures)
    missing = "".join(f"\n* **missing:** {agent}: {reason}" for agent, reason in job.failures.items())
    # A browser refuses file:// links from a page of the server, so the path is given as text.
    artifacts.markdown(
        artifacts.key(job.settings.name, "report"),
        f"# {job.settings.name}\n\nThe report is the file\n\n    {page}\n{missing}\n",
        "Where the published report is.",
    )
    _show_figures(job)
    return sha256_file(page)


def _show_figures(job: Job) -> None:
    from pvbesscar.report.pictures import pictures  # a stage loads its libraries when it runs

    for name, picture in pictures(job.settings, job.workspace, job.profile).items():
        artifacts.image(artifacts.key(job.settings.name, name), picture.address, picture.words)
