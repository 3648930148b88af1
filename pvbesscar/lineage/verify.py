"""Whether what a run read and left is still what it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pvbesscar.lineage.context import PINNED
from pvbesscar.lineage.history import Entry, entries, find
from pvbesscar.lineage.run_manifest import RunError, files_of, read_manifest
from pvbesscar.store.files import sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.runs import FileRecord, RunManifest

PER_DATASET = frozenset({"ingest", "build"})
"""Stages whose folder bears the name of the dataset; the others have one place in a project."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is not what the run read or left.

    Attributes
    ----------
    group
        `inputs`, `record` or the stage that it belongs to.
    path
        As the record has it.
    key
        For an input the setting that names it, or `config`.
    recorded, now
        Digests (SHA-256), `None` where there is no such file.
    by
        The later run that this is the work of; `None`: nobody recorded it.
    """

    group: str
    path: str
    recorded: str | None
    now: str | None
    key: str = ""
    by: str | None = None

    @property
    def explained(self) -> bool:
        """Whether it is no fault: a later run wrote it, or the configuration that the run has pinned was edited."""
        return self.by is not None or self.key == "config"


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found of a run.

    Attributes
    ----------
    proven
        Number of files that are what they were, by group.
    changes
        Files that are not, in the order of the pipeline.
    silent
        Later runs that left no record, and may have changed something.
    """

    manifest: RunManifest
    proven: Mapping[str, int]
    changes: tuple[Change, ...]
    silent: tuple[str, ...]

    @property
    def first(self) -> Change | None:
        """The first change that nothing explains."""
        return next((change for change in self.changes if not change.explained), None)

    @property
    def replaced(self) -> tuple[Change, ...]:
        """Changes that are explained."""
        return tuple(change for change in self.changes if change.explained)


def verify(workspace: Workspace, name: str) -> Verification:
    """Compute every digest of a run's record anew.

    Parameters
    ----------
    workspace
        The project; the run's own dataset name counts.
    name
        As `find` takes it.

    Raises
    ------
    RunError
        No such run, or its record can not be read or was edited.
    """
    folder = find(workspace, name)
    manifest = read_manifest(folder)
    own = Workspace(workspace.root, manifest.dataset_name)
    others = [entry for entry in entries(workspace) if entry.name != manifest.run]
    # By their ends: a run may have waited for this one since before it began.
    later = [entry for entry in others if entry.manifest is not None and entry.manifest.finished >= manifest.finished]
    keys = {file.path: file.key for file in manifest.inputs}
    proven: dict[str, int] = {}
    changes: list[Change] = []
    for group, recorded, now in _groups(folder, manifest, own):
        apart = _apart(group, recorded, now, keys)
        proven[group] = len(recorded) - sum(change.recorded is not None for change in apart)
        changes += [_explained(change, manifest, later) for change in apart]
    silent = tuple(entry.name for entry in others if entry.manifest is None and entry.began >= manifest.finished)
    return Verification(manifest, proven, tuple(changes), silent)


def require_proven(verdict: Verification) -> None:
    """Refuse a run of which something is not what it was, unless a later run explains it.

    Raises
    ------
    RunError
        Naming the first such thing, its digests, and what to do.
    """
    change = verdict.first
    if change is None:
        return
    others = sum(not one.explained for one in verdict.changes) - 1
    more = f" {others} more files are not what they were." if others else ""
    raise RunError(f"{verdict.manifest.run}: {in_words(change)}.{more}", hint=_hint(change, verdict.silent))


def in_words(change: Change) -> str:
    """Say of a file what it was and what it is."""
    where = {"inputs": f"the input {change.path}", "record": f"the run's own {change.path}"}.get(
        change.group, f"{change.path} of {change.group}"
    )
    if change.recorded is None:
        return f"{where} is no file of the run (SHA-256 now {change.now})"
    if change.now is None:
        return f"{where} is missing (SHA-256 was {change.recorded})"
    return f"{where} is not what it was (SHA-256 was {change.recorded}, now {change.now})"


def _hint(change: Change, silent: tuple[str, ...]) -> str:
    if change.group == "record":
        return "the run's settings were edited after it; they prove nothing any more."
    if change.group == "inputs":
        return (
            f"put back the file that the run has read (`{change.key}`), or run the pipeline again: what the run left "
            "was not made from this one."
        )
    command = f"pvbesscar {change.group.replace('-', ' ')}"
    killed = f" It may be the work of {', '.join(silent)}, which left no record." if silent else ""
    if change.recorded is None:
        return f"remove the file, or run the stage again: `{command}`.{killed}"
    return (
        f"no later run has recorded this: somebody changed the file, or called `{command}` alone. "
        f"`pvbesscar run` makes and records it again.{killed}"
    )


def _groups(
    folder: Path, manifest: RunManifest, workspace: Workspace
) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Digests by name as recorded and as they are now: the run's own settings, the inputs, each stage."""
    pinned = {} if manifest.pinned_sha256 is None else {PINNED: manifest.pinned_sha256}
    yield "record", pinned, _now({name: folder / name for name in pinned})
    read = {file.path: file.sha256 for file in manifest.inputs}
    yield "inputs", read, _now({path: Path(manifest.oe2_dir) / path for path in read})
    for stage, left in manifest.stages.items():
        yield stage, _digests(left.files), _digests(files_of(workspace, stage))


def _digests(files: tuple[FileRecord, ...]) -> dict[str, str]:
    return {file.path: file.sha256 for file in files}


def _now(paths: Mapping[str, Path]) -> dict[str, str]:
    return {name: sha256_file(path) for name, path in paths.items() if path.is_file()}


def _apart(group: str, recorded: Mapping[str, str], now: Mapping[str, str], keys: Mapping[str, str]) -> list[Change]:
    names = [*recorded, *(path for path in now if path not in recorded)]
    return [
        Change(group, path, recorded.get(path), now.get(path), keys.get(path, ""))
        for path in names
        if recorded.get(path) != now.get(path)
    ]


def _explained(change: Change, manifest: RunManifest, later: Iterable[Entry]) -> Change:
    """Name the later run whose record has the file as it is now."""
    for entry in later:
        if entry.manifest is not None and _accounts_for(entry.manifest, change, manifest):
            return replace(change, by=entry.name)
    return change


def _accounts_for(other: RunManifest, change: Change, manifest: RunManifest) -> bool:
    if change.group == "inputs":
        return change.now is not None and change.now in {
            file.sha256 for file in other.inputs if file.path == change.path and other.oe2_dir == manifest.oe2_dir
        }
    stage = other.stages.get(change.group)
    if stage is None or stage.condition not in {"made", "stopped"}:
        return False
    if change.group in PER_DATASET and other.dataset_name != manifest.dataset_name:
        return False
    return _digests(stage.files).get(change.path) == change.now
