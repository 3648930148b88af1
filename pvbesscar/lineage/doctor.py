"""What is wrong with an installation, a project folder and its results, each with what mends it. Changes nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.records import Reasons, has_record, why_spoilt, why_stale
from pvbesscar.lineage.stages import STAGES, stages_of
from pvbesscar.store.files import read_json, read_stored
from pvbesscar.store.fingerprints import SOURCE, recall
from pvbesscar.store.locks import is_held, read_holder
from pvbesscar.store.processes import ProcessMark
from pvbesscar.store.workspace import SERVICE, SERVICE_LOCK
from schemas.certificates import Certificate
from schemas.errors import StaleError
from schemas.results import QualityReport

State = Literal["ok", "note", "wrong"]
"""ok: as it should be. note: good to know. wrong: a run would fail, or its results would not be what they seem."""
LOCK = "requirements.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
DISK_GIB, MEMORY_GIB = 1.0, 5.0
"""A whole run of the default scenario leaves 0.2 GiB, drafts beside what they replace come to as much again; it takes
5.0 GiB of memory while three agents train on two cores [GiB]."""
LOOPBACK = "127.0.0.1"
SERVER_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what is to be done about it.

    Attributes
    ----------
    subject
        `packages`, `disk`, `stage build`, ...
    state
        `ok`, `note` or `wrong`.
    seen
        In words.
    cure
        The command or the setting that mends it; empty where nothing is to be done.
    """

    subject: str
    state: State
    seen: str
    cure: str = ""


def examine_installation(folder: Path) -> Iterator[Finding]:
    """Look at what every scenario needs: packages, code, switches of the environment.

    Parameters
    ----------
    folder
        Where commands are called: the checkout.
    """
    for look in (_python, _packages, _code, _numba, _asserts, _bytecode, _torch, _proxy, _server):
        yield from look(folder)


def examine_project(run: RunContext) -> Iterator[Finding]:
    """Look at a scenario's folder, files and results, in the order of the pipeline."""
    looks: tuple[Callable[[RunContext], Iterator[Finding]], ...] = (
        _writable, _disk, _memory, _service, _busy, _site_files, _results, _gate, _certificate,
    )  # fmt: skip
    for look in looks:
        yield from look(run)


# The installation -----------------------------------------------------------------------------------------------


def _python(_folder: Path) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()}, pvbesscar {metadata.version('pvbesscar')}")


def _packages(folder: Path) -> Iterator[Finding]:
    lock = folder / LOCK
    if not lock.is_file():
        seen = f"there is no {LOCK} in {folder}: the packages can not be held to it"
        yield Finding("packages", "note", seen, "call it in the folder of the checkout")
        return
    pinned = {match[1]: match[2] for match in PINNED.finditer(lock.read_text(encoding="utf-8"))}
    apart = [f"{name} {_version(name)}, locked {locked}" for name, locked in pinned.items() if _version(name) != locked]
    if apart:
        more = f", and {len(apart) - 3} more" if len(apart) > 3 else ""
        yield Finding("packages", "wrong", f"{'; '.join(apart[:3])}{more}", "`touch requirements.lock && make install`")
    else:
        yield Finding("packages", "ok", f"all {len(pinned)} are those of {LOCK}")


def _version(name: str) -> str:
    """Version of a package, without the build that a processor asks for (`2.9.0+cpu`)."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "missing"


def _code(folder: Path) -> Iterator[Finding]:
    here = folder / "pvbesscar" / "__init__.py"
    if here.is_file() and SOURCE.resolve() != folder.resolve():
        seen = f"the pvbesscar that runs is that of {SOURCE}, not that of this folder"
        yield Finding("code", "wrong", seen, "`make install`, then `.venv/bin/pvbesscar` of this folder")


def _numba(_folder: Path) -> Iterator[Finding]:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        yield Finding("environment", "wrong", "NUMBA_DISABLE_JIT is set: the twin is not compiled, and slow",
                      "`unset NUMBA_DISABLE_JIT`")  # fmt: skip


def _asserts(_folder: Path) -> Iterator[Finding]:
    if os.environ.get("PYTHONOPTIMIZE", "") not in {"", "0"}:
        yield Finding("environment", "wrong", "PYTHONOPTIMIZE is set: checks inside the packages are left out",
                      "`unset PYTHONOPTIMIZE`")  # fmt: skip


def _bytecode(_folder: Path) -> Iterator[Finding]:
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield Finding("environment", "note", "PYTHONDONTWRITEBYTECODE is set: every process compiles all modules anew",
                      "`unset PYTHONDONTWRITEBYTECODE`")  # fmt: skip


def _torch(_folder: Path) -> Iterator[Finding]:
    if value := os.environ.get("ATEN_CPU_CAPABILITY"):
        yield Finding("environment", "note", f"ATEN_CPU_CAPABILITY={value}: models come out otherwise than without it",
                      "`unset ATEN_CPU_CAPABILITY`")  # fmt: skip


def _proxy(_folder: Path) -> Iterator[Finding]:
    if urllib.request.getproxies().get("http") and not urllib.request.proxy_bypass(LOOPBACK):
        seen = f"HTTP_PROXY is set and takes {LOOPBACK} too: runs can not reach their own server"
        yield Finding("environment", "wrong", seen, f"`export NO_PROXY={LOOPBACK},localhost`")


def _server(_folder: Path) -> Iterator[Finding]:
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        yield Finding("server", "ok", "none is configured: runs use that of `pvbesscar up`, or a temporary one")
        return
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=SERVER_S):  # noqa: S310, the user's own
            yield Finding("server", "ok", f"{address} answers")
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        yield Finding("server", "wrong", f"PREFECT_API_URL is {address}, and no server answers there ({reason})",
                      "`unset PREFECT_API_URL`")  # fmt: skip


# The project ----------------------------------------------------------------------------------------------------


def _writable(run: RunContext) -> Iterator[Finding]:
    root = run.workspace.root
    places = [root, *(root / name for name in ("data", "checkpoints", "outputs", ".prefect"))]
    there = [place for place in places if place.exists()]
    locked = [place for place in there if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK))]
    for place in locked:
        what = "can not be written" if place.is_dir() else "is no folder"
        yield Finding("folder", "wrong", f"{place} {what}", "make it a folder that you may write, or set `data.root`")
    if not locked:
        yield Finding("folder", "ok", f"{root} can be written")


def _disk(run: RunContext) -> Iterator[Finding]:
    there = next(path for path in (run.workspace.root, *run.workspace.root.parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    enough = free >= DISK_GIB
    seen = f"{free:.1f} GiB free at {there}" + ("" if enough else f"; a run may need {DISK_GIB:.0f}")
    cure = "" if enough else "free the disk (`make clean-runs` removes what runs wrote), or set `data.root`"
    yield Finding("disk", "ok" if enough else "wrong", seen, cure)


def _memory(_run: RunContext) -> Iterator[Finding]:
    table = Path("/proc/meminfo")
    if not table.is_file():  # only Linux tells it there
        return
    match = re.search(r"^MemAvailable:\s+(\d+) kB", table.read_text(encoding="ascii"), re.MULTILINE)
    if match is not None and (free := int(match[1]) / 2**20) < MEMORY_GIB:
        seen = f"{free:.1f} GiB of memory free; three agents at once take {MEMORY_GIB:.0f}"
        yield Finding("memory", "note", seen, "`pvbesscar run --sequential`")


def _service(run: RunContext) -> Iterator[Finding]:
    home = run.workspace.root / ".prefect"
    state = home / SERVICE
    if not state.is_file() or is_held(home / SERVICE_LOCK):
        return
    try:
        marks = dict(read_json(state).get("processes", {}))
    except (ValueError, AttributeError, StaleError):
        marks = {}
    alive = [name for name, raw in marks.items() if (mark := ProcessMark.read(raw)) is not None and mark.alive]
    if alive:
        seen = f"a killed `pvbesscar up` has left its {' and '.join(sorted(alive))} running"
        yield Finding("service", "wrong", seen, "`pvbesscar down`")


def _busy(run: RunContext) -> Iterator[Finding]:
    lock = run.workspace.lock("run")
    if is_held(lock):
        yield Finding("runs", "note", f"at work now: {read_holder(lock) or 'a run'}", "wait for its end")


def _site_files(run: RunContext) -> Iterator[Finding]:
    files = STAGES["ingest"].raw(run.settings)
    missing = [file for file in files if not file.path.is_file()]
    for file in missing:
        yield Finding("OE2 files", "wrong", f"{file.path} is missing (named by `{file.key}`)",
                      f"put the file there, or set `{file.key}`; `data.oe2_dir` is the folder of them all")  # fmt: skip
    if files and not missing:
        yield Finding("OE2 files", "ok", f"all {len(files)} are there")


def _results(run: RunContext) -> Iterator[Finding]:
    recall(run.workspace.modules)
    stages = [stage for stage in stages_of(run.settings) if stage.needed(run.settings)]
    if missing := [stage.name for stage in stages if not has_record(stage.name, run)]:
        yield Finding("results", "note", f"not made yet: {', '.join(missing)}", "`pvbesscar run`")
    for stage in stages:
        cure = f"`pvbesscar rerun {stage.group}`"
        if stage.name in missing:
            continue
        if spoilt := why_spoilt(stage.name, run):
            yield Finding(f"stage {stage.name}", "wrong", "; ".join(spoilt), cure)
        else:
            yield _current(stage.name, why_stale(stage.name, run), cure)


def _current(stage: str, reasons: Reasons, cure: str) -> Finding:
    if not reasons.all:
        return Finding(f"stage {stage}", "ok", "current")
    return Finding(f"stage {stage}", "note", f"out of date: {'; '.join(reasons.all)}", cure)


def _gate(run: RunContext) -> Iterator[Finding]:
    report = run.workspace.quality / "quality_report.json"
    try:
        errors = len(QualityReport.model_validate_json(read_stored(report)).errors)
    except FileNotFoundError:
        return
    except (ValidationError, StaleError):
        yield Finding("quality gate", "wrong", f"{report} can not be read", "`pvbesscar rerun validate`")
        return
    if errors:
        seen = f"it refused this year: {errors} error{'s' if errors > 1 else ''}"
        cure = f"see {report.with_suffix('.html')}, mend the files, then `pvbesscar run`"
        yield Finding("quality gate", "wrong", seen, cure)
    else:
        yield Finding("quality gate", "ok", "it accepted this year")


def _certificate(run: RunContext) -> Iterator[Finding]:
    try:
        certificate = Certificate.model_validate_json(read_stored(run.workspace.certificate))
    except FileNotFoundError:
        return
    except (ValidationError, StaleError):
        seen = f"{run.workspace.certificate} can not be read"
        yield Finding("certificate", "wrong", seen, "`pvbesscar certify --force`")
        return
    if certificate.verdict == "equal":
        yield Finding("certificate", "ok", "the twin is equal to CityLearn, bit for bit")
    else:
        yield Finding("certificate", "wrong", "the twin is not equal to CityLearn on this dataset",
                      "set `training.simulator: citylearn`, and tell the maintainers")  # fmt: skip
