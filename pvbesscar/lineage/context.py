"""What a stage runs in: its scenario, its folders, and the record of the run that it belongs to."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pvbesscar import display
from pvbesscar.config import pinned
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.store.files import read_json, write_json, write_text
from pvbesscar.store.fingerprints import SOURCE
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.progress import OnProgress, Progress
from schemas.settings import Settings

if TYPE_CHECKING:
    from pvbesscar.evaluation.evaluate import EvaluationRequest

PINNED = "settings.json"


@dataclass(frozen=True, slots=True)
class StageOptions:
    """What a person can ask of single stages beyond the settings of the scenario.

    Attributes
    ----------
    full_certificate
        `certify` takes the whole year and the trained agents.
    request
        What `evaluate` judges in the place of what the profile says; its result is then not the stage's.
    workers
        Processes of `evaluate`, `None`: its default.
    """

    full_certificate: bool = False
    request: EvaluationRequest | None = None
    workers: int | None = None


@dataclass(slots=True)
class RunContext:
    """One run over one scenario: what stages are decided, executed and recorded with.

    Attributes
    ----------
    settings, profile
        The scenario, and `smoke` or `full`.
    config
        The configuration file that the settings come from.
    id
        Name of the run and of its folder below `outputs/runs/`; empty where nothing is run, as in `plan`.
    forced
        Stages that are executed in any case.
    options
        What a person has asked of single stages.
    source
        Folder that holds the project's packages.
    say
        Takes a line about what is decided.
    on_progress
        Takes the progress of a stage; `None`: what is being shown does, or the run's folder where nothing is shown.
    workspace
        Where the run reads and writes.
    seconds
        Wall time of each stage so far [s], in the order in which they began.
    failures
        Reason for each agent that could not be trained; the report names them.
    refusal
        What the quality gate has refused the run with.
    kept
        Stages whose results were current and are used as they are.
    done
        Stages that reached their end.
    reasons
        Why each stage was executed, or kept.
    started
        When the run began (UTC).
    """

    settings: Settings
    profile: str
    config: Path = Path()
    id: str = ""
    forced: frozenset[str] = frozenset()
    options: StageOptions = StageOptions()
    source: Path = SOURCE
    say: Callable[[str], None] = lambda _: None
    on_progress: Callable[[str, Progress], None] | None = None
    workspace: Workspace = field(init=False)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    refusal: QualityError | None = None
    kept: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    _began: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = Workspace.of(self.settings)

    @classmethod
    def reopened(cls, folder: Path, profile: str) -> RunContext:
        """Context of a run that another process began, from the settings that it pinned."""
        config = folder / PINNED
        return cls(load_scenario(config).settings, profile, config, folder.name)

    @property
    def folder(self) -> Path:
        """Folder of the run's own record."""
        return self.workspace.runs / self.id

    def pin(self) -> None:
        """Write the settings where child processes read them, so that an edit meanwhile changes nothing."""
        write_text(self.folder / PINNED, pinned(self.settings))

    def progress_of(self, stage: str) -> OnProgress:
        """What a stage tells how far it is."""

        def report(progress: Progress) -> None:
            if self.on_progress is not None:
                self.on_progress(stage, progress)
            elif shown := display.current():
                shown.update(stage, progress)

        return report

    def write_progress(self, stage: str, progress: Progress) -> None:
        """Say how far a stage is, for a parent in another process to read."""
        write_json(self._progress_file(stage), asdict(progress))

    def read_progress(self, stage: str) -> Progress | None:
        """How far a stage in a child process is, `None` before it has said anything."""
        path = self._progress_file(stage)
        return Progress(**read_json(path)) if path.is_file() else None

    def _progress_file(self, stage: str) -> Path:
        return self.folder / "progress" / f"{stage}.json"

    def begin(self, stage: str) -> None:
        """Start the clock of a stage and show that it begins."""
        self._began[stage] = time.monotonic()
        self.done.discard(stage)
        self.seconds[stage] = 0.0  # keeps the order in which stages began
        if shown := display.current():
            shown.begin(stage)

    def end(self, stage: str, failure: str | None = None) -> None:
        """Stop the clock of a stage and show that it is over."""
        self.seconds[stage] = time.monotonic() - self._began[stage]
        if failure is None:
            self.done.add(stage)
        if shown := display.current():
            shown.end(stage, self.seconds[stage], failure)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Show and time a stage."""
        self.begin(stage)
        try:
            yield
        except BaseException as error:
            self.end(stage, type(error).__name__)
            raise
        self.end(stage)


def new_run_id(config: Path, what: str) -> str:
    """Name of a run for a person to read: scenario file, profile or stage, time (UTC), four characters of chance."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", config.stem)
    return f"{stem}-{what}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
