"""The record of a run, `manifest.json` in its folder: what it read, what it left, with what, and when."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from schemas.results import Result
from schemas.settings import PlainName

FORMAT: Literal[2] = 2
"""Runs of format 1 have a handful of digests, no inputs and no times."""

Outcome = Literal["completed", "partial", "failed", "interrupted"]
Condition = Literal["made", "kept", "found", "stopped"]
"""Of a stage's files: made by the run; kept by it, for they were current; found, left by an earlier run or command;
there when the stage stopped before its end."""


class FileRecord(Result):
    """One file as it was when the run ended."""

    path: str
    """Below `data.root`, with `/`."""
    sha256: str
    bytes: int


class InputFile(Result):
    """One file that was read and is not the project's own."""

    key: str
    """The setting that names it, or `config` for the configuration itself."""
    path: str
    """Below `data.oe2_dir` where it is there, else absolute."""
    sha256: str
    """Of the bytes that were read."""
    bytes: int | None
    """Absent where the file was another one already when the run ended."""


class StageFiles(Result):
    """The files of one stage when the run ended."""

    condition: Condition
    reason: str | None = None
    """Why it ran, or why it stopped, where that is known."""
    seconds: float | None = None
    files: tuple[FileRecord, ...]

    @property
    def bytes(self) -> int:
        """Sum of the files' sizes."""
        return sum(file.bytes for file in self.files)


class RunManifest(Result):
    """`manifest.json` of a run; written last, and whole or not at all."""

    format: Literal[2] = FORMAT
    run: str
    scenario: str
    profile: str
    outcome: Outcome
    error: str | None
    failures: dict[str, str]
    """Reason for each agent that could not be trained."""
    kept: tuple[str, ...]
    """Stages whose results were current and were used as they are."""
    started: dt.datetime
    finished: dt.datetime
    stage_seconds: dict[str, float]
    """In the order in which the stages began."""
    config: str
    oe2_dir: str
    """Folder that relative input files start from, absolute."""
    dataset_name: PlainName
    settings_digest: str
    """Of every setting that can change a result."""
    pinned_sha256: str | None
    """Of `settings.json` beside this file."""
    seed: int
    versions: dict[str, str]
    processor: dict[str, str] | None = None
    """Code that NumPy, the C library, BLAS and Numba chose; absent in records of before there was this entry."""
    code: dict[str, str]
    """Digest of the syntax tree of each module that a stage of the run imports, and of each data file beside one."""
    inputs: tuple[InputFile, ...]
    stages: dict[str, StageFiles]
    """The stages that the run came to and those before them, in order."""
    figures: dict[str, float]
    """Sums of the dataset's year; J, gap closed and CO2 of each controller on the scenario judged first."""
    best: str | None
    """The controller with the lowest J."""
    digest: str
    """Of everything above."""

    @property
    def bytes_left(self) -> int:
        """Size of the files that the run made [bytes]."""
        return sum(stage.bytes for stage in self.stages.values() if stage.condition in {"made", "stopped"})
