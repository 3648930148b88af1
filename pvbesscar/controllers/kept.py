"""What controllers learned from a dataset's training years: fitted once, and kept in a file for as long as it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pvbesscar.controllers.registry import MpcFit, fit_mpc
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.store.files import read_stored, sha256_json, write_json
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError, StaleError
from schemas.progress import OnProgress, Progress
from schemas.results import Result

Parameters = TypeVar("Parameters", bound=MpcFit)

FITTING_CODE = ("pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.plant")
"""Packages whose code fits."""


class KeptFile(Result):
    """Parameters, and what they were fitted on."""

    digest: str
    """Of the dataset, the code that fits, and what else the parameters hang on."""
    training: tuple[str, ...]
    fitted: dict[str, Any]
    sha256: str
    """Of `fitted`: parameters that somebody changed are not used."""


def fitting_digest(store: ScenarioStore, *others: object) -> str:
    """Digest of what parameters hang on."""
    return sha256_json([store.digest, code_digest(*FITTING_CODE), *others])


def read_kept(path: Path, digest: str, kind: type[Parameters]) -> Parameters | None:
    """Parameters of a file; `None` where it is missing, damaged, or of another dataset or code."""
    try:
        kept = KeptFile.model_validate_json(read_stored(path))
        if kept.digest != digest or kept.sha256 != sha256_json(kept.fitted):
            return None
        return kind.model_validate(kept.fitted)
    except (FileNotFoundError, StaleError, ValidationError):
        return None


def write_kept(path: Path, digest: str, training: tuple[str, ...], fitted: MpcFit) -> None:
    """Keep parameters in a file."""
    values = fitted.model_dump(mode="json")
    content = KeptFile(digest=digest, training=training, fitted=values, sha256=sha256_json(values))
    write_json(path, content.model_dump(mode="json"))


def training_names(store: ScenarioStore) -> tuple[str, ...]:
    """Names of the training scenarios.

    Raises
    ------
    ControllerError
        The dataset has none.
    """
    names = store.names("training")
    if not names:
        raise ControllerError(
            "a controller learns from training scenarios, and the dataset has none.",
            hint="set `scenarios.training` above 0 and build again, or leave the tuned controllers out.",
        )
    return names


def mpc_for(
    workspace: Workspace, store: ScenarioStore, on_progress: OnProgress | None = None, only: str | None = None
) -> MpcFit:
    """MPC of a dataset, the one that is judged and that agents imitate.

    It is fitted on all training scenarios, and its forecast is chosen on the validation scenarios, or on the
    training scenarios where there are none. Others that need it wait meanwhile.

    Parameters
    ----------
    on_progress
        Told where it is fitted now, which takes half a minute.
    only
        Kind of forecast that it has to plan with, for comparison; default: what is chosen.

    Raises
    ------
    ControllerError
        The dataset has no training scenarios.
    """
    names, digest = training_names(store), fitting_digest(store)
    path = workspace.mpc if only is None else workspace.mpc.with_stem(f"mpc-{only}")
    with held(workspace.shared_lock("mpc"), "the fit of the mpc"):
        kept = read_kept(path, digest, MpcFit)
        if kept is not None:
            return kept
        if on_progress is not None:
            on_progress(Progress(0, 1, 0.0, "forecasts", "choosing that of the mpc in closed loop"))
        training, trials = ([store.load(name) for name in own] for own in (names, store.names("validation")))
        fitted = fit_mpc(training, trials, only=only)
        write_kept(path, digest, names, fitted)
    return fitted
