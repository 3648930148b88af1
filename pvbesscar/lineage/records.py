"""What each stage left and what it had to do with: `outputs/lineage/STAGE.json`, written when its outputs are there.

A stage is stale where its result could differ from what its record says: another setting, module, package version or
input, or outputs that are not what it left.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.stage import SiteFile, Stage, values
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store.content import TableDigest, differences, first_of, json_digest, table_digest
from pvbesscar.store.files import RACY_S, read_parquet, read_stored, sha256_file, write_text
from pvbesscar.store.fingerprints import changed
from schemas.errors import PvbesscarError, StaleError
from schemas.results import Result

LINEAGE = "lineage"
_digests: dict[tuple[str, int, int, int, int], str] = {}
_tables: dict[str, TableDigest] = {}
"""By the digest of the Parquet file; several stages read the same ones."""


class InputRecord(Result):
    """An input as a stage found it: the digest of its bytes, and of its values where it is a table."""

    digest: str | None
    """`None`: it was not there."""
    table: TableDigest | None = None


class StageRecord(Result):
    """`outputs/lineage/STAGE.json`: everything that the stage's result depends on, and what it left."""

    stage: str
    profile: str
    settings: dict[str, Any]
    code: dict[str, str]
    packages: dict[str, str]
    inputs: dict[str, InputRecord]
    facts: dict[str, Any]
    outputs: dict[str, str]
    """SHA-256 of each file that it left, by its path below the project folder."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a stage is stale, in words.

    Attributes
    ----------
    own
        What lies with the stage itself: no record, settings, code, packages, outputs.
    inputs
        What lies with its inputs, which stages before it may change.
    """

    own: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both."""
        return (*self.own, *self.inputs)


def record_file(stage: str, run: RunContext) -> Path:
    """Where a stage's record is."""
    return run.workspace.lineage / f"{stage}.json"


@contextmanager
def recorded(stage: str, run: RunContext) -> Iterator[None]:
    """Record what a stage had to do with, as it was before the block, and what it left, once the block is done.

    The record comes last: a process that is killed before it leaves outputs without one, and the stage runs again. A
    block that raises leaves the earlier record, which still tells whether the outputs are those that it names.
    """
    own = STAGES[stage]
    before = _as_now(own, run)
    yield
    inputs = {name: _with_values(name, found, own, run) for name, found in before.inputs.items()}
    record = before.model_copy(update={"inputs": inputs, "outputs": _outputs(own, run)})
    write_text(record_file(stage, run), record.model_dump_json(indent=1) + "\n")


def why_stale(stage: str, run: RunContext) -> Reasons:
    """Why a stage's result could differ from what it left; no reason where it could not."""
    own = STAGES[stage]
    if not own.needed(run.settings):
        return Reasons((), ())
    record = _read(stage, run)
    if isinstance(record, str):
        return Reasons((record,), ())
    now = _as_now(own, run)
    reasons = (
        *_settings(record, now),
        *_code(record, now),
        *_packages(record, now),
        *_spoilt(record, own, run),
    )
    return Reasons(reasons, (*_inputs(record, now, own, run), *_facts(record.facts, now.facts)))


def has_record(stage: str, run: RunContext) -> bool:
    """Whether there is a record of a stage, readable or not."""
    return record_file(stage, run).is_file()


def why_spoilt(stage: str, run: RunContext) -> tuple[str, ...]:
    """What of a stage's record or outputs is not what it left; nothing where there is no record."""
    if not has_record(stage, run):
        return ()
    record = _read(stage, run)
    return (record,) if isinstance(record, str) else _spoilt(record, STAGES[stage], run)


def require_same_scenario(stage: Stage, run: RunContext) -> None:
    """Refuse to read what another scenario, or another profile, has left.

    The agents are left out: a model that was trained otherwise is no fault of the data, and `evaluate` names it.

    Raises
    ------
    StaleError
        Naming the stage before this one, both scenarios, and the settings in which they differ.
    """
    for name in (*stage.after, *stage.gated_by):
        before = STAGES[name]
        if before.agent is not None or not before.needed(run.settings):
            continue
        config = shlex.quote(str(run.config))
        again = f"run `pvbesscar rerun {before.group} --config {config}` first, with the same `--set`."
        record = _read(name, run)
        if isinstance(record, str):
            raise StaleError(f"`{stage.name}` reads what `{name}` leaves, and {record}.", hint=again)
        now = values(run.settings, before.settings(run))
        differ = _settings(record, record.model_copy(update={"settings": now, "profile": _profile(before, run)}))
        if differ:
            raise StaleError(
                f"`{stage.name}` reads what `{name}` left for the scenario `{record.settings.get('name', 'unknown')}`, "
                f"and was called with the scenario `{run.settings.name}`: {'; '.join(differ)}.",
                hint=again,
            )


def _profile(stage: Stage, run: RunContext) -> str:
    return run.profile if stage.profiled else "any"


def _read(stage: str, run: RunContext) -> StageRecord | str:
    """Record of a stage, or why there is none."""
    path = record_file(stage, run)
    try:
        record = StageRecord.model_validate_json(read_stored(path))
    except FileNotFoundError:
        return "there is no record of an earlier run"
    except (ValidationError, StaleError):
        return f"{_shown(path, run)} can not be read"
    return record if record.stage == stage else f"{_shown(path, run)} is of another stage"


def _as_now(stage: Stage, run: RunContext) -> StageRecord:
    """Everything that a stage depends on, as it is now; its inputs by their bytes."""
    files = [file for path in stage.files(run) for file in _files(path)]
    inputs = {_shown(path, run): InputRecord(digest=_digest(path)) for path in files}
    inputs |= {
        f"{_shown(part.path, run)} ({', '.join(part.names)})": InputRecord(digest=json_digest(part.path, part.names))
        for part in stage.parts(run)
    }
    inputs |= {raw.key: InputRecord(digest=_digest(raw.path)) for raw in stage.raw(run.settings)}
    return StageRecord(
        stage=stage.name,
        profile=_profile(stage, run),
        settings=values(run.settings, stage.settings(run)),
        code=stage.code(run.source),
        packages=stage.versions(),
        inputs=inputs,
        facts=stage.facts(run),
        outputs={},
    )


def _with_values(name: str, found: InputRecord, stage: Stage, run: RunContext) -> InputRecord:
    """Add the values of an input that is a table, unless it was changed meanwhile."""
    raw = next((raw for raw in stage.raw(run.settings) if raw.key == name), None)
    path = run.workspace.root / name if raw is None else raw.path
    if found.digest is None or _digest(path) != found.digest or (raw is None and not stage.by_column):
        return found
    return found.model_copy(update={"table": _table(raw, path, found.digest, run)})


def _table(raw: SiteFile | None, path: Path, digest: str, run: RunContext) -> TableDigest | None:
    """Values of a file; `None` where it holds no table.

    Raises
    ------
    InputError
        A file of the site can not be read as what the scenario declares it to be.
    """
    if raw is not None:
        from pvbesscar.oe2.fills import read_fill
        from pvbesscar.oe2.readers import READERS

        section, _, number = raw.key.removesuffix(".file").partition(".")
        if section == "fills":
            return table_digest(read_fill(int(number), run.settings).frame)
        return table_digest(READERS[raw.series].read(path, raw.key, run.settings).frame)
    if digest not in _tables and path.suffix == ".parquet":
        try:
            _tables[digest] = table_digest(read_parquet(path))
        except StaleError:
            return None
    return _tables.get(digest)


def _settings(record: StageRecord, now: StageRecord) -> tuple[str, ...]:
    if record.profile != now.profile:  # the settings of another profile have other names
        return (f"profile {record.profile} -> {now.profile}",)
    words = [
        f"setting `{key}` {_value(record.settings, key)} -> {_value(now.settings, key)}"
        for key in changed(record.settings, now.settings)
    ]
    return first_of(words, "settings")


def _value(values: Mapping[str, Any], key: str) -> str:
    text = repr(values[key]) if key in values else "not asked for"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _code(record: StageRecord, now: StageRecord) -> tuple[str, ...]:
    names = changed(record.code, now.code)
    words = [
        f"code of {name}" + (" is gone" if name not in now.code else " is new" if name not in record.code else "")
        for name in names
    ]
    return first_of(words, "modules")


def _packages(record: StageRecord, now: StageRecord) -> tuple[str, ...]:
    names = changed(record.packages, now.packages)
    return tuple(f"{name} {record.packages.get(name, 'none')} -> {now.packages.get(name, 'none')}" for name in names)


def _spoilt(record: StageRecord, stage: Stage, run: RunContext) -> tuple[str, ...]:
    """What is wrong with the outputs that a record names."""
    root = run.workspace.root
    expected = {_shown(path, run) for path in stage.outputs(run.workspace)}
    if not record.outputs:
        return ("it left no file",)
    if any(not any(name == one or name.startswith(f"{one}/") for one in expected) for name in record.outputs):
        return ("its outputs belong elsewhere now",)
    words = []
    for name, digest in record.outputs.items():
        found = _digest(root / name)
        if found != digest:
            words.append(f"output {name} is {'missing' if found is None else 'not what it left'}")
    if stage.whole:
        words += [f"output {name} is none that it left" for name in _outputs(stage, run).keys() - record.outputs.keys()]
    return first_of(words, "outputs")


def _inputs(record: StageRecord, now: StageRecord, stage: Stage, run: RunContext) -> tuple[str, ...]:
    raw = {one.key: one for one in stage.raw(run.settings)}
    words: list[str] = []
    for name in sorted(record.inputs.keys() | now.inputs.keys()):
        before, found = record.inputs.get(name), now.inputs.get(name)
        if before is None or before.digest is None:
            if found is not None and found.digest is not None:
                words.append(f"{name} is new")
        elif found is None:
            words.append(f"{name} is not read any more")
        elif found.digest is None:
            words.append(f"{name} is missing")
        elif before.digest != found.digest:
            words += [f"{name}: {what}" for what in _differences(before, found.digest, raw.get(name), name, run)]
    return first_of(words, "inputs")


def _differences(before: InputRecord, digest: str, raw: SiteFile | None, name: str, run: RunContext) -> tuple[str, ...]:
    """How an input whose bytes differ differs; a file of the site that has the same values does not."""
    path = run.workspace.root / name if raw is None else raw.path
    try:
        now = None if before.table is None else _table(raw, path, digest, run)
    except PvbesscarError as error:
        return (f"can not be read: {error.message.splitlines()[0]}",)
    if before.table is None or now is None:
        return ("other content",)
    found = differences(before.table, now)
    return found or (() if raw is not None else ("the same values, written otherwise",))


def _facts(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    words: list[str] = []
    for name in changed(before, now):
        old, new = before.get(name), now.get(name)
        if isinstance(old, list) and isinstance(new, list):
            signed = [f"-{one}" for one in old if one not in new] + [f"+{one}" for one in new if one not in old]
            words.append(f"{name}: {', '.join(first_of(signed, 'more')) or 'in another order'}")
        else:
            words.append(f"{name}: {_value(before, name)} -> {_value(now, name)}")
    return first_of(words, "facts")


def _outputs(stage: Stage, run: RunContext) -> dict[str, str]:
    files = [file for path in stage.outputs(run.workspace) for file in _files(path)]
    return {_shown(file, run): digest for file in files if (digest := _digest(file)) is not None}


def _files(path: Path) -> list[Path]:
    """Files below a folder, drafts left out; a file itself, also one that is not there."""
    if not path.is_dir():
        return [path]
    below = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _shown(path: Path, run: RunContext) -> str:
    """Return a path below the project folder; another one as it is."""
    root = run.workspace.root
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _digest(path: Path) -> str | None:
    """SHA-256 of a file, `None` where there is none; asked again, it is read again only where it was changed."""
    try:
        found = path.stat()
        key = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if key not in _digests:
            digest = sha256_file(path)
            if time.time() - max(found.st_mtime, found.st_ctime) < RACY_S:
                return digest
            _digests[key] = digest
        return _digests[key]
    except OSError:
        return None
