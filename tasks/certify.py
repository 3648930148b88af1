"""The `certify` stage as a Prefect task."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from pvbesscar import display
from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.runs import Job
from pvbesscar.store.files import sha256_json
from schemas.progress import Progress
from schemas.results import Certificate
from tasks import artifacts
from tasks.kept import place_of


@task(name="certify", cache_policy=NO_CACHE)
def certify(job: Job) -> str:
    """Prove the twin equal to CityLearn on the dataset; return the digest of the certificate.

    Where agents train on CityLearn itself there is nothing to prove.
    """
    # A stage loads its libraries when it runs.
    from pvbesscar.certify.certificate import certify as prove
    from pvbesscar.plant.certificate import require_certificate

    if job.settings.training.simulator != "twin":
        return "not needed"

    def show(progress: Progress) -> None:
        if shown := display.current():
            shown.update("certify", progress)

    with job.timed("certify"), recorded("certify", place_of(job)):
        certificate = prove(job.settings, job.workspace, force=True, on_progress=show)
        _show(job, certificate)
        require_certificate(job.workspace)
    return sha256_json(certificate.model_dump(mode="json", exclude={"seconds"}))


def _show(job: Job, certificate: Certificate) -> None:
    rows = [
        {
            "quantity": difference.quantity,
            "equal": difference.equal,
            "largest difference": difference.max_abs,
            "unit": difference.unit,
            "hours that differ": difference.hours,
        }
        for difference in certificate.differences
    ]
    artifacts.table(
        artifacts.key(job.settings.name, "certificate"),
        rows,
        f"Twin against CityLearn {certificate.versions['citylearn']} over {certificate.hours:,} hours of "
        f"{len(certificate.policies)} policies: {certificate.verdict}.",
        str(job.workspace.certificate),
    )
