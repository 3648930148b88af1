"""The certificate of a dataset: read, and proven to be of this dataset, this plant code and these packages."""

from __future__ import annotations

from importlib.metadata import version

from pydantic import ValidationError

from pvbesscar import plant
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import read_model, read_stored
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate
from schemas.errors import StaleError

PACKAGES = ("citylearn", "numpy", "numba")
"""Packages whose versions the energies depend on, down to the last bit."""
_MEND = "run `pvbesscar certify --config CONFIG`."


def require_certificate(workspace: Workspace) -> Certificate:
    """Certificate of the dataset, proven current.

    Raises
    ------
    StaleError
        There is none, it can not be read, its verdict is not `equal`, or it is of another dataset, other sources of
        `pvbesscar.plant`, or another version of CityLearn, NumPy or Numba; the message names each of these.
    """
    path = workspace.certificate
    certificate = read_model(
        path, Certificate, missing="there is no certificate that the twin equals CityLearn on this dataset",
        wrong="not a certificate", hint=_MEND,
    )  # fmt: skip
    outdated = outdated_parts(certificate, read_manifest(workspace.dataset).digest)
    if outdated:
        raise StaleError(f"{path}: the certificate is out of date; {'; '.join(outdated)}.", hint=_MEND)
    if certificate.verdict != "equal":
        first = next((run for run in certificate.runs if run.first_difference is not None), None)
        where = "" if first is None else f" First seen with policy `{first.policy}`, {first.first_difference}."
        raise StaleError(
            f"{path}: the twin is not equal to CityLearn on this dataset.{where}",
            hint="train with `training.simulator: citylearn` and `training.scenarios: nominal`, and report the "
            "difference; it is a fault of the twin.",
        )
    return certificate


def outdated_parts(certificate: Certificate, dataset_digest: str) -> tuple[str, ...]:
    """Texts that name what has changed since a certificate was written."""
    parts = [
        ("dataset", certificate.dataset_digest[:12], dataset_digest[:12]),
        ("code of pvbesscar.plant", certificate.plant_code_digest[:12], plant.code_digest()[:12]),
        *((name, certificate.versions.get(name, "none"), found) for name, found in package_versions().items()),
    ]
    return tuple(f"{what}: certified {then}, now {now}" for what, then, now in parts if then != now)


def package_versions() -> dict[str, str]:
    """Versions that the energies depend on, by package."""
    return {name: version(name) for name in PACKAGES}


def of_windows_only(workspace: Workspace) -> bool:
    """Whether the certificate that is there, if there is one, was not issued over the whole year."""
    try:
        return Certificate.model_validate_json(read_stored(workspace.certificate)).scope != "year"
    except (FileNotFoundError, ValidationError):
        return True
