"""Stages of a run made once more, elsewhere: the same inputs, settings and code give the same files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pandas.api.types import is_float_dtype

from pvbesscar.arithmetic.processor import features
from pvbesscar.lineage.context import PINNED, RunContext, StageOptions
from pvbesscar.lineage.history import find
from pvbesscar.lineage.run_manifest import RunError, code_now, files_of, read_manifest, versions
from pvbesscar.lineage.runner import run_stage
from pvbesscar.lineage.scenario import load_scenario
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store.files import read_parquet, sha256_file
from pvbesscar.store.fingerprints import changed
from pvbesscar.store.workspace import Workspace
from schemas.runs import RunManifest
from schemas.settings import Settings

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {".parquet": read_parquet, ".csv": pd.read_csv}
SHOWN = 6
LEDGER = re.compile(r"outputs/evaluation/ledgers/[^/]+/(?P<controller>[^/]+)\.parquet")


def recompute(workspace: Workspace, name: str, say: Callable[[str], None], *, results: bool = False) -> dict[str, int]:
    """Make the canonical year and the dataset of a run in a temporary folder and compare digests.

    Parameters
    ----------
    workspace
        The project; nothing in it is changed.
    name
        As `find` takes it.
    say
        Told which stage begins.
    results
        Also judge again, on that dataset, the controllers that are no agents and need no fit; compare their ledgers.

    Returns
    -------
    dict
        Number of files, all of them the same, by stage.

    Raises
    ------
    RunError
        A file comes out different, or the run came to no such stage.
    PvbesscarError
        A stage refuses, e.g. an input file is gone.
    """
    folder = find(workspace, name)
    manifest = read_manifest(folder)
    able = [stage.name for stage in STAGES.values() if stage.reproducible]
    stages = [name for name in able if name in manifest.stages and manifest.stages[name].condition != "stopped"]
    if not stages:
        raise RunError(f"{manifest.run} came to no stage that can be made again.", hint=f"{' and '.join(able)} can.")
    controllers = _controllers(manifest) if results else ()
    settings = load_scenario(folder / PINNED).settings
    here = settings.data.oe2_dir.resolve().as_posix()
    if here != manifest.oe2_dir:
        raise RunError(
            f"`data.oe2_dir` of {manifest.run} was {manifest.oe2_dir}, and would be {here} here.",
            hint="call this in the folder in which the run was started.",
        )
    with tempfile.TemporaryDirectory(prefix="pvbesscar-recompute-") as elsewhere:
        again = RunContext(_settings_for(settings, manifest, Path(elsewhere)), manifest.profile, folder / PINNED)
        _again(again, stages, controllers, say)
        equal = {stage: _compared(manifest, stage, workspace, again.workspace) for stage in stages}
        if controllers:
            equal["evaluate"] = _compared(manifest, "evaluate", workspace, again.workspace, controllers)
        return equal


def _controllers(manifest: RunManifest) -> tuple[str, ...]:
    """Controllers that the run judged and that depend on the dataset alone.

    Raises
    ------
    RunError
        The run judged none.
    """
    from pvbesscar.controllers.registry import NO_CONTROL, OPTIMUM, names, needs_fit

    stage = manifest.stages.get("evaluate")
    judged = {_controller(file.path) for file in stage.files} if stage and stage.condition == "made" else set()
    found = tuple(one for one in names() if one in judged and one != OPTIMUM and not needs_fit(one))
    if NO_CONTROL not in found or "build" not in manifest.stages:
        raise RunError(f"{manifest.run} has judged nothing that can be judged again.", hint="leave out --results.")
    return found


def _controller(path: str) -> str | None:
    match = LEDGER.fullmatch(path)
    return match["controller"] if match else None


def _again(run: RunContext, stages: list[str], controllers: tuple[str, ...], say: Callable[[str], None]) -> None:
    """Run the stages up to the last one that is compared, and the evaluation of some controllers if it is asked for."""
    last = list(STAGES).index(stages[-1])
    for name in list(STAGES)[: last + 1]:
        say(name)
        run_stage(name, run)
    if controllers:
        from pvbesscar.evaluation.evaluate import EvaluationRequest

        say("evaluate")
        # In this process: it shall not be in the way of a run at work.
        request = EvaluationRequest(run.profile, controllers)
        run_stage("evaluate", replace(run, options=StageOptions(request=request, workers=1)))


def _settings_for(settings: Settings, manifest: RunManifest, root: Path) -> Settings:
    """Settings of the run for another folder, on the day of the run; waivers end on a day."""
    return settings.model_copy(
        update={
            "data": settings.data.model_copy(update={"root": root}),
            "date": settings.date or manifest.started.date(),
            "quality": settings.quality.model_copy(update={"second_reading": False}),
        }
    )


def _compared(
    manifest: RunManifest, stage: str, project: Workspace, own: Workspace, controllers: Container[str | None] = ()
) -> int:
    """Compare the files of a stage, or the ledgers of controllers; return how many are the same."""
    pairs = [(file.path, file.sha256) for file in manifest.stages[stage].files]
    made = [(file.path, file.sha256) for file in files_of(own, stage)]
    if controllers:
        pairs, made = ([pair for pair in one if _controller(pair[0]) in controllers] for one in (pairs, made))
    recorded, again = dict(pairs), dict(made)
    apart = [path for path in dict.fromkeys((*recorded, *again)) if recorded.get(path) != again.get(path)]
    if not apart:
        return len(recorded)
    tables = [path for path in apart if Path(path).suffix in READERS and path in recorded and path in again]
    path = (tables or apart)[0]
    was = project.root / path
    # The project may hold another run's file by now; then only digests are left of this one's.
    seen = was.is_file() and sha256_file(was) == recorded.get(path) and path in tables
    what = f": {first_difference(was, own.root / path)}" if seen else ""
    raise RunError(
        f"{manifest.run}: made again, {path} of {stage} comes out different{what} (SHA-256 was "
        f"{recorded.get(path, 'none')}, now {again.get(path, 'none')}; {len(apart)} of {len(recorded)} files).",
        hint=_why(manifest),
    )


def first_difference(before: Path, now: Path) -> str:
    """In words, the first column in which two tables differ, and by how much at most."""
    then, found = (READERS[path.suffix](path) for path in (before, now))
    if list(then.columns) != list(found.columns) or len(then) != len(found):
        return f"{len(found):,} rows of {found.shape[1]} columns, {len(then):,} of {then.shape[1]} before"
    for name in then.columns:
        if found[name].equals(then[name]):
            continue
        if not is_float_dtype(then[name]) or not is_float_dtype(found[name]):
            return f"column `{name}`, in {int((found[name] != then[name]).sum()):,} rows"
        apart = (found[name] - then[name]).abs()
        most, largest = float(apart.max()), float(then[name].abs().max())
        share = f", {most / largest:.1g} of its largest value" if largest else ""
        return f"column `{name}`, in {int((apart > 0.0).sum()):,} rows, by at most {most:.1g}{share}"
    return "the same values, written otherwise"


def _why(manifest: RunManifest) -> str:
    """Say what has changed since the run that could be the reason."""
    then, here = manifest.processor or {}, features()
    processor = [f"the processor ({name}: {then[name]}, now {here.get(name, 'none')})" for name in changed(then, here)
                 if name in then]  # fmt: skip
    packages = [f"{name} {manifest.versions.get(name, 'none')}, now {now}" for name, now in versions().items()
                if manifest.versions.get(name) != now]  # fmt: skip
    since = [*processor, *packages, *changed(manifest.code, code_now(manifest.stages))]
    if not since:
        return "neither processor, packages nor code have changed since: an input has (`pvbesscar verify` names it)."
    more = f" and {len(since) - SHOWN} more" if len(since) > SHOWN else ""
    return f"changed since the run: {'; '.join(since[:SHOWN])}{more}."
