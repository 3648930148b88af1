"""What a stage is: everything that its result depends on, what it leaves, and its function."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Literal, get_args

from pvbesscar.lineage.context import RunContext
from pvbesscar.store.fingerprints import code_of
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

StageName = Literal["ingest", "validate", "build", "certify", "train", "evaluate", "publish"]
ORDER: tuple[StageName, ...] = get_args(StageName)
PYTHON = "python"
Include = dict[str, Any]
"""Part of the settings, as pydantic's `include` takes it."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site, which counts by the values that its reader gives.

    Attributes
    ----------
    key
        Configuration key that names it.
    series
        Canonical series that is read from it.
    path
        The file.
    """

    key: str
    series: str
    path: Path


@dataclass(frozen=True, slots=True)
class JsonEntries:
    """Some entries of a JSON file, which counts by them alone."""

    path: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage, declared once: tasks, flows, plan, commands and deployments are made from it.

    Attributes
    ----------
    name
        `build`, `train-sac`, ...
    does
        What it does, in one sentence for the Prefect UI.
    entry
        Module that holds its code.
    function
        Does its work and returns what the UI shows of it.
    after
        Stages whose results its own depends on.
    settings
        Settings that its result depends on.
    packages
        Distributions whose versions its result depends on, as they are imported by its modules.
    outputs
        Files and folders that it leaves.
    gated_by
        Stages that must have passed before it, without a say in what comes out.
    files
        Files and folders of earlier stages that it reads.
    raw, parts, facts
        Further inputs: files of the site, entries of JSON files, values.
    needed
        Whether a scenario needs it.
    profiled
        Whether its result depends on the profile.
    by_column
        Whether it is worth saying which column of an input differs, and where.
    whole
        Whether a file too many in its folder makes its result unusable.
    no_code
        Modules, by the last part of their names, whose code it imports and its result does not depend on.
    reproducible
        Whether its files depend on inputs, settings and code alone, so that making them again proves them.
    many_files
        Whether it reads or writes so many files that a passing fault of a network file system is likely.
    """

    name: str
    does: str
    entry: str
    function: Callable[[RunContext], Any]
    after: tuple[str, ...]
    settings: Callable[[RunContext], Include]
    packages: tuple[str, ...]
    outputs: Callable[[Workspace], tuple[Path, ...]]
    gated_by: tuple[str, ...] = ()
    files: Callable[[RunContext], tuple[Path, ...]] = lambda _: ()
    raw: Callable[[Settings], tuple[SiteFile, ...]] = lambda _: ()
    parts: Callable[[RunContext], tuple[JsonEntries, ...]] = lambda _: ()
    facts: Callable[[RunContext], dict[str, Any]] = lambda _: {}
    needed: Callable[[Settings], bool] = lambda _: True
    profiled: bool = False
    by_column: bool = True
    whole: bool = False
    no_code: frozenset[str] = frozenset()
    reproducible: bool = False
    many_files: bool = False

    @property
    def group(self) -> StageName:
        """What a person calls it: `train` for the training of each agent."""
        return next(name for name in ORDER if self.name in {name, f"{name}-{self.agent}"})

    @property
    def agent(self) -> str | None:
        """The agent that it trains."""
        return self.name.partition("-")[2] or None

    def code(self, source: Path) -> dict[str, str]:
        """Digest of each module and data file that its result depends on, by name."""
        code = code_of(self.entry, source)
        return {
            name: digest for name, digest in code.items() if not set(name.replace("/", ".").split(".")) & self.no_code
        }

    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages that its result depends on."""
        return {name: _version(name) for name in self.packages}


version = cache(metadata.version)
"""Of a distribution; a process goes on with the packages that it has loaded."""


def _version(name: str) -> str:
    try:
        return platform.python_version() if name == PYTHON else version(name)
    except PackageNotFoundError:
        return "none"


def values(settings: Settings, include: Include) -> dict[str, Any]:
    """Values of a part of the settings by dotted key."""
    return dict(_flat(settings.model_dump(mode="json", include=include), ""))


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
