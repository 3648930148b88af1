"""Start the pipeline from the command line and hand back what a person wants to know of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect import Flow
from prefect.client.schemas.objects import State

from flows.pipeline import pipeline
from flows.run import PARTIAL, close_cancelled
from flows.server import ServerError
from pvbesscar import display
from pvbesscar.lineage.context import new_run_id
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.lineage.stage import StageName
from pvbesscar.store.files import read_json
from pvbesscar.store.workspace import Workspace
from schemas.errors import PvbesscarError
from schemas.settings import ProfileName


class CancelledError(PvbesscarError):
    """Somebody cancelled the run on the server."""

    exit_code = 128 + signal.SIGTERM

    @classmethod
    def of(cls, run: str) -> CancelledError:
        """Build the error for a run."""
        return cls(
            f"{run} was cancelled.",
            hint="finished stages and checkpoints are kept; the same command goes on from there.",
        )


@dataclass(frozen=True, slots=True)
class Launched:
    """A run that reached its end.

    Attributes
    ----------
    report
        The published page.
    seconds
        Wall time of each stage that was executed [s].
    kept
        Stages whose results were current.
    failures
        Reason for each agent that the report is without.
    """

    report: Path
    seconds: dict[str, float]
    kept: tuple[str, ...]
    failures: dict[str, str]


def launch(
    what: StageName | Literal["pipeline"],
    config: Path,
    overrides: tuple[str, ...],
    profile: ProfileName,
    **options: str | bool,
) -> Launched:
    """Run the pipeline, or one stage, in this process, showing the stages on standard error.

    Parameters
    ----------
    options
        What the flow takes beside the scenario: `sequential`, `agent`, `downstream`, `force`.

    Raises
    ------
    PvbesscarError
        Whatever stopped it.
    """
    workspace = Workspace.of(load_scenario(config, overrides).settings)
    own = _flow(what)
    run_id = new_run_id(config, profile if what == "pipeline" else what)
    named = own.with_options(flow_run_name=run_id)
    with display.showing(display.for_terminal()):
        try:
            state: State[Any] = named(str(config), overrides, profile, **options, return_state=True)
        except BaseException:
            if close_cancelled():
                raise CancelledError.of(run_id) from None
            raise
    if not state.is_completed() and state.name != PARTIAL:
        raise _error(state)
    manifest = read_json(workspace.runs / run_id / "manifest.json")
    return Launched(
        workspace.report / "index.html", manifest["stage_seconds"], tuple(manifest["kept"]), manifest["failures"]
    )  # fmt: skip


def _flow(what: StageName | Literal["pipeline"]) -> Flow[..., State[Any]]:
    if what == "pipeline":
        return pipeline
    from flows.stages import FLOWS  # seven flows more, which the pipeline does without

    return FLOWS[what]


def _error(state: State[Any]) -> BaseException:
    error = state.result(raise_on_failure=False)
    return error if isinstance(error, BaseException) else ServerError(state.message or state.name or "the run ended")
