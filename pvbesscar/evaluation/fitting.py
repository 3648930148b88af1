"""Parameters of controllers that learn from training years, fitted once for a dataset and kept in a file."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from pvbesscar.controllers import registry
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.store.files import read_stored, sha256_json, write_json
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError, StaleError
from schemas.progress import OnProgress
from schemas.results import Result
from schemas.settings import Settings

FITTING_CODE = ("pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.plant")
"""Packages whose code fits."""


class FittedFile(Result):
    """`fitted.json`: the parameters, and what they were fitted on."""

    digest: str
    """Of the dataset, the seed and the code that fits."""
    training: tuple[str, ...]
    fitted: Fitted
    sha256: str
    """Of `fitted`: parameters that somebody changed are not used."""


def fitted_for(
    specs: Sequence[ControllerSpec],
    settings: Settings,
    workspace: Workspace,
    store: ScenarioStore,
    on_progress: OnProgress | None = None,
) -> Fitted | None:
    """Parameters that the controllers need, fitted on the training scenarios now unless the file holds them.

    `None` where no controller needs any.

    Raises
    ------
    ControllerError
        Something must be fitted and the dataset has no training scenarios.
    """
    if not any(is_fitted(spec) for spec in specs):
        return None
    names = training_names(store)
    kept = kept_for(settings, workspace, store)
    if kept is not None:
        return kept
    digest = _digest(settings, store)
    fitted = registry.fit([store.load(name) for name in names], settings.training.seed, on_progress)
    content = FittedFile(digest=digest, training=names, fitted=fitted, sha256=_sha256(fitted))
    write_json(workspace.fitted, content.model_dump(mode="json"))
    return fitted


def is_fitted(spec: ControllerSpec) -> bool:
    """Whether a controller is made from what was fitted on training years."""
    return spec.agent is None and registry.needs_fit(spec.name)


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


def kept_for(settings: Settings, workspace: Workspace, store: ScenarioStore) -> Fitted | None:
    """Parameters that an evaluation has fitted on this dataset with this code; `None` where there are none."""
    try:
        kept = FittedFile.model_validate_json(read_stored(workspace.fitted))
    except (FileNotFoundError, StaleError, ValidationError):
        # Missing, damaged or of another version: the parameters are fitted again, and the file is replaced.
        return None
    return kept.fitted if kept.digest == _digest(settings, store) and kept.sha256 == _sha256(kept.fitted) else None


def _digest(settings: Settings, store: ScenarioStore) -> str:
    return sha256_json([store.digest, settings.training.seed, code_digest(*FITTING_CODE)])


def _sha256(fitted: Fitted) -> str:
    return sha256_json(fitted.model_dump(mode="json"))
