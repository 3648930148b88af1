"""Files that are whole or absent: atomic writes, published folders, content digests."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pvbesscar.store.drafts import draft_prefix
from schemas.errors import OutputError, PvbesscarError, StaleError

if TYPE_CHECKING:
    import pandas as pd

M = TypeVar("M", bound=BaseModel)
MAX_STORED_BYTES = 256 * 2**20
"""No JSON that a stage writes comes near it."""

RACY_S = 2.0
"""A file that was changed so lately may be changed again without its times telling it [s]."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LEAST_BYTES = 1_000_000
"""With less room than this, a write that failed without a reason failed for want of it."""


class StorageError(PvbesscarError):
    """A file could not be written."""

    @classmethod
    def no_room(cls, path: Path, free: int) -> StorageError:
        """Build the error for a disk without room."""
        return cls(
            f"{path}: no room to write it; {free / 1e6:,.1f} MB are free on its disk.",
            hint="make room (`du -sh checkpoints outputs data .prefect` shows where it went; a trainer keeps up to "
            "200 MB, SAC's replay buffer), then run the same command again: nothing is half written.",
        )


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:  # noqa: ANN401
    """SHA-256 of a JSON value in canonical form (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    """Say it in words when the disk is full; libraries that write by themselves may not even say so."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        free = shutil.disk_usage(path.parent).free
        full = error.errno in FULL if isinstance(error, OSError) else free < LEAST_BYTES
        if full:
            raise StorageError.no_room(path, free) from error
        raise


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place only if the block ends without an error."""
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _room_for(path):
            handle, name = tempfile.mkstemp(
                prefix=draft_prefix(path.stem), suffix=f".tmp{path.suffix}", dir=path.parent
            )
    os.close(handle)
    temporary = Path(name)
    temporary.chmod(0o644)
    try:
        with _room_for(path):
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        with _told(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write indented JSON atomically; NaN and infinity are errors, for JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_stored(path: Path) -> bytes:
    """Bytes of a file that a stage wrote; a pipe or a device in its place is refused before it is opened.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    StaleError
        It is no regular file, too large, or can not be read.
    """
    hint = "remove it, and run the stage that writes it again."
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StaleError(f"{path}: no regular file.", hint=hint)
        if found.st_size > MAX_STORED_BYTES:
            raise StaleError(f"{path}: {found.st_size:,} bytes; no stage writes so much there.", hint=hint)
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StaleError(f"{path}: {error.strerror}.", hint=hint) from error


def read_model(path: Path, model: type[M], *, missing: str, wrong: str, hint: str) -> M:
    """Content of a file that a stage wrote.

    Parameters
    ----------
    missing, wrong
        What to say where there is no file, and where it is something else: `no evaluation report`.
    hint
        What makes it again.

    Raises
    ------
    StaleError
        It is missing, or can not be read as what it is.
    """
    try:
        return model.model_validate_json(read_stored(path))
    except FileNotFoundError as error:
        raise StaleError(f"{path}: {missing}.", hint=hint) from error
    except ValidationError as error:
        raise StaleError(f"{path}: {wrong} ({error.error_count()} faults).", hint=hint) from error


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file that a stage wrote.

    Raises
    ------
    StaleError
        It is missing or no Parquet.
    """
    import pandas as pd  # a simulation reads JSON only; it need not wait for it

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # Arrow's errors are of these kinds
        said = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise StaleError(
            f"{path}: no Parquet file that can be read ({said}).",
            hint="run the stage that writes it again.",
        ) from error


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet atomically; the same frame gives the same bytes."""
    import pyarrow as pa  # a simulation reads JSON only; it need not wait for these
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), temporary, compression="zstd")


@contextmanager
def published_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; swap it in whole only if the block ends without an error.

    What stood at `path` stays until the swap and is removed after it.
    """
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise OutputError.in_the_way(path)
        draft = Path(tempfile.mkdtemp(prefix=draft_prefix(path.name), suffix=".tmp", dir=path.parent))
    draft.chmod(0o755)
    try:
        with _room_for(path):
            yield draft
            if path.exists():
                _exchange(draft, path)
            else:
                draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in words that `path` can not be written."""
    try:
        yield
    except OSError as error:
        raise OutputError.of(path, error) from error


def _exchange(a: Path, b: Path) -> None:
    # renameat2(RENAME_EXCHANGE) leaves no instant without a folder at `b`; Python does not wrap it.
    at_fdcwd, exchange = -100, 2
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None and renameat2(at_fdcwd, os.fsencode(a), at_fdcwd, os.fsencode(b), exchange) == 0:
        return
    aside = a.with_name(a.name + ".old")
    b.rename(aside)
    a.rename(b)
    aside.rename(a)
