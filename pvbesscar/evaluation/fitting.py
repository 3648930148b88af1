"""Parameters of controllers that learn from training years, fitted once for a dataset and kept in a file."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.controllers import registry
from pvbesscar.controllers.kept import fitting_digest, mpc_for, read_kept, training_names, write_kept
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.store.workspace import Workspace
from schemas.progress import OnProgress
from schemas.settings import Settings


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
    mpc = mpc_for(workspace, store, on_progress)
    fitted = registry.fit([store.load(name) for name in names], settings.training.seed, on_progress, mpc)
    write_kept(workspace.fitted, fitting_digest(store, settings.training.seed), names, fitted)
    return fitted


def is_fitted(spec: ControllerSpec) -> bool:
    """Whether a controller is made from what was fitted on training years."""
    return spec.agent is None and registry.needs_fit(spec.name)


def kept_for(settings: Settings, workspace: Workspace, store: ScenarioStore) -> Fitted | None:
    """Parameters that an evaluation has fitted on this dataset with this code; `None` where there are none."""
    return read_kept(workspace.fitted, fitting_digest(store, settings.training.seed), Fitted)
