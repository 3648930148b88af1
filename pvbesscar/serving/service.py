"""A controller ready to serve: proven to be the one that was evaluated, with the plant and calendar that it decides on."""

from __future__ import annotations

from dataclasses import dataclass

from pvbesscar.store.workspace import Workspace
from schemas.dispatch import ModelDescription
from schemas.settings import Settings


@dataclass
class DispatchService:
    """A controller, the plant, and what it was validated on."""

    description: ModelDescription


def open_service(settings: Settings, workspace: Workspace, name: str, limit_ms: float = 1000.0) -> DispatchService:
    """Load the controller `name` (`sac`, `mpc`, `rule`, ...) and prove what it was validated on.

    Raises
    ------
    StaleError
        Model, dataset, certificate and evaluation do not belong together.
    ControllerError
        No such controller, or one that needs hindsight.
    """
    raise NotImplementedError
