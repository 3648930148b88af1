"""The runs that a project has seen: found by name, listed, compared."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvbesscar.config import as_yaml, known_keys
from pvbesscar.lineage.context import PINNED
from pvbesscar.lineage.run_manifest import MANIFEST, RunError, read_manifest
from pvbesscar.store.files import read_stored
from pvbesscar.store.locks import is_held, read_holder
from pvbesscar.store.workspace import Workspace
from schemas.runs import RunManifest

LATEST = "latest"
SHOWN = 5
"""Names that an error repeats."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
LIST = "`pvbesscar runs list` shows them."


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder of outputs/runs/.

    Attributes
    ----------
    name
        Name of the run.
    manifest
        Its record, if there is one that can be read.
    fault
        Why there is none.
    began
        When the run began; without a record, when something was last written to its folder.
    """

    name: str
    manifest: RunManifest | None
    fault: str | None
    began: dt.datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ; `None` where a run has no such thing."""

    what: str
    name: str
    a: str | None
    b: str | None


def entries(workspace: Workspace) -> list[Entry]:
    """All runs of a project, the newest first."""
    return sorted((_entry(workspace, folder) for folder in _folders(workspace)), key=lambda e: e.began, reverse=True)


def find(workspace: Workspace, name: str) -> Path:
    """Folder of a run.

    Parameters
    ----------
    name
        The run's name, the beginning of it that only one run has, or `latest`.

    Raises
    ------
    RunError
        No run or more than one has such a name, or it can be no name of a run.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            f"`{name[:60]!s}` is no name of a run: letters, digits, `_` and `-`.", hint=f"name a run; {LIST}"
        )
    if name == LATEST:
        return workspace.runs / _latest(workspace)
    names = sorted(folder.name for folder in _folders(workspace))
    if name in names:
        return workspace.runs / name
    begin = [one for one in names if one.startswith(name)]
    if not begin:
        raise RunError(f"there is no run `{name[:60]}` in {workspace.runs}.", hint=LIST)
    if len(begin) > 1:
        more = f" and {len(begin) - SHOWN} more" if len(begin) > SHOWN else ""
        raise RunError(
            f"`{name}` is the beginning of {len(begin)} runs: {', '.join(begin[:SHOWN])}{more}.",
            hint="give more of the name.",
        )
    return workspace.runs / begin[0]


def not_default(folder: Path) -> dict[str, tuple[str, str]]:
    """Value and default of each pinned setting that has not its default, by dotted key."""
    pairs = {
        name: (as_yaml(value), known_keys()[name].default if name in known_keys() else "no such setting now")
        for name, value in pinned_values(folder).items()
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def pinned_values(folder: Path) -> dict[str, Any]:
    """Settings that a run has pinned, by dotted key; read without a model, so that those of other versions can be.

    Raises
    ------
    RunError
        The file is missing or no JSON object.
    """
    path = folder / PINNED
    try:
        tree = json.loads(read_stored(path))
    except FileNotFoundError as error:
        raise RunError(f"{path}: the run has pinned no settings.", hint=LIST) from error
    except ValueError as error:
        raise RunError(
            f"{path}: no JSON ({error}).", hint="it is damaged; the run's results are as they were."
        ) from error
    if not isinstance(tree, dict):
        raise RunError(f"{path}: no mapping of settings.", hint="it is damaged; the run's results are as they were.")
    return dict(_flat(tree, ""))


def differences(workspace: Workspace, a: str, b: str) -> list[Difference]:
    """In what two runs differ: what they are, settings, versions, code, inputs, outputs, figures.

    Parameters
    ----------
    a, b
        As `find` takes them.

    Raises
    ------
    RunError
        One of them is not there or can not be read.
    """
    folders = find(workspace, a), find(workspace, b)
    one, two = (read_manifest(folder) for folder in folders)
    settings = [{key: as_yaml(value) for key, value in pinned_values(folder).items()} for folder in folders]
    return [
        *_apart("run", _facts(one), _facts(two)),
        *_apart("setting", *settings),
        *_apart("version", one.versions, two.versions),
        *_apart("code", one.code, two.code),
        *_apart("input", _inputs(one), _inputs(two)),
        *_apart("output", _outputs(one), _outputs(two)),
        *_apart("figure", _figures(one), _figures(two)),
    ]


def _folders(workspace: Workspace) -> list[Path]:
    if not workspace.runs.is_dir():
        return []
    return [path for path in workspace.runs.iterdir() if path.is_dir() and not path.is_symlink()]


def _entry(workspace: Workspace, folder: Path) -> Entry:
    try:
        manifest = read_manifest(folder)
    except RunError as error:
        touched = dt.datetime.fromtimestamp(folder.stat().st_mtime, dt.UTC)
        return Entry(folder.name, None, _fault(workspace, folder, error), touched)
    return Entry(folder.name, manifest, None, manifest.started)


def _fault(workspace: Workspace, folder: Path, error: RunError) -> str:
    if (folder / MANIFEST).exists():
        return error.message.removeprefix(f"{folder / MANIFEST}: ")
    lock = workspace.lock("run")
    holder = read_holder(lock) if is_held(lock) else None
    if holder is not None and holder.what == folder.name:
        return "at work"
    return "no record: it was killed, or waits for its turn"


def _latest(workspace: Workspace) -> str:
    found = next((entry.name for entry in entries(workspace) if entry.manifest is not None), None)
    if found is None:
        raise RunError(f"there is no run with a record in {workspace.runs}.", hint="`pvbesscar run` makes one.")
    return found


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _apart(what: str, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*a, *b)):
        if a.get(name) != b.get(name):
            yield Difference(what, name, a.get(name), b.get(name))


def _facts(manifest: RunManifest) -> dict[str, str]:
    return {"scenario": manifest.scenario, "profile": manifest.profile, "outcome": manifest.outcome} | {
        f"failure of {agent}": reason.splitlines()[0] for agent, reason in manifest.failures.items()
    }


def _inputs(manifest: RunManifest) -> dict[str, str]:
    return {f"{file.key} {file.path}": file.sha256 for file in manifest.inputs}


def _outputs(manifest: RunManifest) -> dict[str, str]:
    return {file.path: file.sha256 for stage in manifest.stages.values() for file in stage.files}


def _figures(manifest: RunManifest) -> dict[str, str]:
    best = {} if manifest.best is None else {"best controller": manifest.best}
    return best | {name: f"{value:.10g}" for name, value in manifest.figures.items()}
