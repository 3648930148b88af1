"""One run of the pipeline: its settings, pinned, and the record it leaves in outputs/runs/<id>/ while it is at work."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pvbesscar import display
from pvbesscar.config import pinned
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.store.files import read_json, sha256_json, write_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from schemas.settings import Settings

PINNED = "settings.json"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the pipeline over one scenario.

    Attributes
    ----------
    id
        Name of the run and of its folder.
    settings, profile
        What it runs; `profile` is `smoke` or `full`.
    config
        The configuration file that the settings come from.
    seconds
        Wall time of each stage so far [s].
    failures
        Reason for each agent that could not be trained.
    kept
        Stages whose results were current and are used as they are.
    started
        When it began (UTC).
    done
        Stages that reached their end.
    reasons
        Why each stage was executed, or kept.
    """

    id: str
    settings: Settings
    profile: str
    config: Path
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    done: set[str] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)

    @classmethod
    def reopened(cls, folder: Path, profile: str) -> Job:
        """Job of a run that another process began, from the settings that it pinned."""
        config = folder / PINNED
        return cls(folder.name, load_scenario(config).settings, profile, config)

    @property
    def workspace(self) -> Workspace:
        """Where the run reads and writes."""
        return Workspace.of(self.settings)

    @property
    def folder(self) -> Path:
        """Folder of the run's own record."""
        return self.workspace.runs / self.id

    def write_progress(self, stage: str, progress: Progress) -> None:
        """Say how far a stage is, for a parent in another process to read."""
        write_json(self._progress_file(stage), asdict(progress))

    def read_progress(self, stage: str) -> Progress | None:
        """How far a stage in a child process is, `None` before it has said anything."""
        path = self._progress_file(stage)
        return Progress(**read_json(path)) if path.is_file() else None

    def _progress_file(self, stage: str) -> Path:
        return self.folder / "progress" / f"{stage}.json"

    def pin(self) -> None:
        """Write the settings where child processes read them, so that an edit meanwhile changes nothing."""
        write_text(self.folder / PINNED, pinned(self.settings))

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


def settings_digest(settings: Settings) -> str:
    """SHA-256 of every setting that can change a result; where files lie is not one."""
    return sha256_json(settings.model_dump(mode="json", exclude={"data": {"root"}}))
