"""`manifest.json` of a run: written when it ends, read again by those who ask what it was."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pvbesscar.arithmetic.processor import features
from pvbesscar.lineage.context import PINNED, RunContext
from pvbesscar.lineage.stage import PYTHON
from pvbesscar.lineage.stages import STAGES, stages_of
from pvbesscar.oe2.series import provenance_file
from pvbesscar.store.drafts import PATTERN
from pvbesscar.store.files import read_stored, sha256_file, sha256_json, write_json
from pvbesscar.store.fingerprints import code_of
from pvbesscar.store.workspace import Workspace
from schemas.errors import PvbesscarError, StaleError
from schemas.results import DatasetManifest, EvaluationReport, Provenance
from schemas.runs import FORMAT, Condition, FileRecord, InputFile, Outcome, RunManifest, StageFiles
from schemas.settings import Settings

MANIFEST = "manifest.json"
M = TypeVar("M", bound=BaseModel)
FACTS = ("pv_kwh", "mall_kwh", "ev_kwh", "ghi_kwh_m2", "sessions")


class RunError(PvbesscarError):
    """A run, or its record, can not be used."""

    exit_code = 2


def write_manifest(run: RunContext, outcome: Outcome, error: str | None = None) -> Path:
    """Write the record of a run that has ended, however it did; nobody else may be at work in the project meanwhile."""
    workspace = run.workspace
    stages = {stage: _stage(run, stage) for stage in _reached(run)}
    figures, best = _figures(workspace, {name for name, stage in stages.items() if stage.condition != "stopped"})
    pinned = run.folder / PINNED
    content = {
        "format": FORMAT,
        "run": run.id,
        "scenario": run.settings.name,
        "profile": run.profile,
        "outcome": outcome,
        "error": error,
        "failures": run.failures,
        "kept": run.kept,
        "started": run.started,
        "finished": dt.datetime.now(dt.UTC),
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in run.seconds.items()},
        "config": str(run.config),
        "oe2_dir": run.settings.data.oe2_dir.resolve().as_posix(),
        "dataset_name": run.settings.data.dataset_name,
        # Every setting that can change a result; where files lie is not one.
        "settings_digest": sha256_json(run.settings.model_dump(mode="json", exclude={"data": {"root"}})),
        "pinned_sha256": sha256_file(pinned) if pinned.is_file() else None,
        "seed": run.settings.seed,
        "versions": versions(),
        "processor": features(),
        "code": code_now(stages),
        "inputs": _inputs(run) if "ingest" in stages else (),
        "stages": stages,
        "figures": figures,
        "best": best,
        "digest": "",
    }
    manifest = RunManifest.model_validate(content)
    manifest = manifest.model_copy(update={"digest": _digest(manifest)})
    path = run.folder / MANIFEST
    write_json(path, manifest.model_dump(mode="json"))
    return path


def read_manifest(folder: Path) -> RunManifest:
    """Record of a run, proven to be as it was written.

    Raises
    ------
    RunError
        It is missing, of another version, no record, or was edited.
    """
    path = folder / MANIFEST
    try:
        text = read_stored(path)
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: the run left no record: it was killed, or is still at work.",
            hint="`pvbesscar runs list` shows which; run the same command again.",
        ) from error
    except StaleError as error:
        raise RunError(error.message, hint="what the run left is as it was.") from error
    try:
        manifest = RunManifest.model_validate_json(text)
    except ValidationError as error:
        raise RunError(
            f"{path}: no record of a run that this version can read ({error.error_count()} faults, the first: "
            f"{_first(error)}).",
            hint="it is damaged or of another version; what the run left is as it was.",
        ) from error
    if manifest.digest != _digest(manifest):
        raise RunError(
            f"{path}: its digest is not that of its content: {manifest.digest[:12]}, now {_digest(manifest)[:12]}.",
            hint="somebody has edited it; it proves nothing any more.",
        )
    if manifest.run != folder.name:
        raise RunError(
            f"{path}: the record of another run, {manifest.run}.", hint="give the folder its own name again."
        )
    return manifest


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a run depends on."""
    counted = {name for stage in STAGES.values() for name in stage.packages} - {PYTHON}
    names = sorted({"prefect", "pvbesscar", *counted})
    return {PYTHON: platform.python_version(), **{name: version(name) for name in names}}


def code_now(stages: Iterable[str]) -> dict[str, str]:
    """Digest of each module that these stages import, however far."""
    modules = dict.fromkeys(STAGES[stage].entry for stage in stages)
    return dict(sorted({name: digest for module in modules for name, digest in code_of(module).items()}.items()))


def files_of(workspace: Workspace, stage: str) -> tuple[FileRecord, ...]:
    """Every file of a stage as it is now, drafts and links left out."""
    found = sorted(path for place in STAGES[stage].outputs(workspace) for path in _regular_files(place))
    return tuple(record_of(path, workspace.root) for path in found)


def record_of(path: Path, root: Path) -> FileRecord:
    """Digest and size of a file as it is now."""
    return FileRecord(path=path.relative_to(root).as_posix(), sha256=sha256_file(path), bytes=path.stat().st_size)


def _regular_files(place: Path) -> Iterator[Path]:
    for path in (place, *place.rglob("*")):
        parts = path.relative_to(place.parent).parts
        if path.is_file() and not path.is_symlink() and not any(PATTERN.fullmatch(part) for part in parts):
            yield path


def _reached(run: RunContext) -> list[str]:
    """Stages of a run up to the last one that it came to."""
    stages = [stage.name for stage in stages_of(run.settings) if stage.needed(run.settings)]
    touched = {*run.seconds, *run.kept, *(f"train-{agent}" for agent in run.failures)}
    return stages[: max((n for n, stage in enumerate(stages, start=1) if stage in touched), default=0)]


def _stage(run: RunContext, stage: str) -> StageFiles:
    condition: Condition = (
        "made" if stage in run.done
        else "stopped" if stage in run.seconds
        else "kept" if stage in run.kept
        else "found"
    )  # fmt: skip
    seconds = run.seconds.get(stage)
    return StageFiles(
        condition=condition,
        reason=run.failures.get(stage.removeprefix("train-"), run.reasons.get(stage)),
        seconds=None if seconds is None else round(seconds, 3),
        files=files_of(run.workspace, stage),
    )


def _inputs(run: RunContext) -> tuple[InputFile, ...]:
    """The configuration, and the raw files that the canonical year in place was read from."""
    found = {}
    if run.config.is_file():
        found[run.config.resolve()] = ("config", sha256_file(run.config))
    provenance = _read(Provenance, run.workspace.canonical / "provenance.json")
    for series in provenance.series if provenance else ():
        if series.file is not None and series.sha256 is not None:
            path = Path(series.file).resolve()
            found.setdefault(path, (_key(series.series), series.sha256))
            origin = provenance_file(path)
            if series.series == "weather" and origin.is_file():
                found[origin] = ("weather.file", sha256_file(origin))
    return tuple(_input(key, path, digest, run.settings) for path, (key, digest) in found.items())


def _key(series: str) -> str:
    return f"{'ev' if series in {'ev_profile', 'sessions'} else series}.file"


def _input(key: str, path: Path, digest: str, settings: Settings) -> InputFile:
    folder = settings.data.oe2_dir.resolve()
    same = path.is_file() and sha256_file(path) == digest
    return InputFile(
        key=key,
        path=(path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix(),
        sha256=digest,
        bytes=path.stat().st_size if same else None,
    )


def _figures(workspace: Workspace, stages: set[str]) -> tuple[dict[str, float], str | None]:
    """Key figures of what is in place, and the best controller."""
    figures: dict[str, float] = {}
    dataset = _read(DatasetManifest, workspace.dataset / "manifest.json") if "build" in stages else None
    if dataset is not None:
        figures |= {name: getattr(dataset.facts, name) for name in FACTS}
    report = _read(EvaluationReport, workspace.evaluation / "evaluation_report.json") if "evaluate" in stages else None
    if report is None:
        return figures, None
    main = report.main
    if main.optimum is not None:
        figures["J*"] = main.optimum.bound
    for result in main.ranking:
        figures[f"{result.controller} J"] = result.score
        figures[f"{result.controller} CO2 kg"] = result.terms.co2_kg
        if result.gap_closed is not None:
            figures[f"{result.controller} gap closed"] = result.gap_closed
    return figures, main.ranking[0].controller if main.ranking else None


def _read(model: type[M], path: Path) -> M | None:
    """Content of a stage's own record, `None` where there is none; its bytes are recorded as they are."""
    try:
        return model.model_validate_json(read_stored(path))
    except (FileNotFoundError, StaleError, ValidationError):
        return None


def _digest(manifest: RunManifest) -> str:
    # A record of before the processor was recorded keeps the digest that it has.
    later = {"processor"} if manifest.processor is None else set()
    return sha256_json(manifest.model_dump(mode="json", exclude={"digest", *later}))


def _first(error: ValidationError) -> str:
    fault = error.errors()[0]
    return f"`{'.'.join(str(part) for part in fault['loc'])[:60]}`: {fault['msg'][:100]}"
