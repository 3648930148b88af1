"""The one way in which a stage is run, and the record around all stages of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import Decision, decide
from pvbesscar.lineage.records import recorded, require_same_scenario
from pvbesscar.lineage.run_manifest import write_manifest
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store import fingerprints
from pvbesscar.store.drafts import sweep
from pvbesscar.store.locks import Holder, held


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What became of a stage.

    Attributes
    ----------
    decision
        Whether it was executed, and why.
    result
        What its function returned; `None` where an earlier result was kept.
    """

    decision: Decision
    result: Any

    @property
    def kept(self) -> bool:
        """Whether an earlier result is used as it is."""
        return self.decision.verdict == "FRESH"


def run_stage(name: str, run: RunContext) -> StageOutcome:
    """Execute a stage where its result could differ from what is there, record it, or keep what is there.

    Raises
    ------
    StaleError
        What the stage would read was made for another scenario or profile.
    PvbesscarError
        The stage refuses.
    """
    stage = STAGES[name]
    require_same_scenario(stage, run)
    decision = decide(name, run)
    run.reasons[name] = decision.why
    run.say(f"{name}: {decision.verdict}, {decision.why}")
    if decision.verdict == "FRESH":
        run.kept.append(name)
        return StageOutcome(decision, None)
    # An evaluation that somebody asked for leaves what the stage's record does not know: the next run judges again.
    is_stage = name != "evaluate" or run.options.request is None
    with run.timed(name), recorded(name, run) if is_stage else nullcontext():
        return StageOutcome(decision, stage.function(run))


@contextmanager
def recorded_run(run: RunContext, on_wait: Callable[[Holder | None], None] | None = None) -> Iterator[None]:
    """Have the project folder for one run alone, pin its settings, and write its record when it ends, however it does.

    Parameters
    ----------
    on_wait
        Told once who is waited for.

    Raises
    ------
    BusyError
        Another run is at work and `runs.when_busy` is `refuse`.
    """
    run.pin()
    # The record is written while the folder is still this run's own: the next run would change what is recorded.
    with held(run.workspace.lock("run"), run.id, when_busy=run.settings.runs.when_busy, on_wait=on_wait):
        for path in sweep(run.workspace.root):
            run.say(f"removed {path}, the draft of a process that is gone")
        try:
            yield
        except Exception as error:
            write_manifest(run, "failed", str(error))
            raise
        except BaseException:
            write_manifest(run, "interrupted")
            raise
        write_manifest(run, "partial" if run.failures else "completed")
        fingerprints.keep(run.workspace.modules)
