"""What data are, whatever they are stored as: digests of values by column and stretch of rows, and what differs.

The order of columns, the format of the file, the kind of number that holds the same value, the time zone in which the
same instant is written and the frequency of an index do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.results import Result

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

BLOCK = 24
"""Rows that are told apart: a day of hours."""
BLOCK_DIGITS = 8
"""Hex digits of a block's digest; it only says where a column differs, the column's own digest says whether."""
EXACT = 2**53
"""Whole numbers up to this one are 64-bit floats as well."""
SHOWN = 4
"""Columns and stretches that are named one by one."""


class ColumnDigest(Result):
    """Digest of a column's values, and of each block of them, one after another."""

    digest: str
    blocks: str


class TableDigest(Result):
    """Digest of a table's values by column."""

    rows: int
    hourly: bool
    """Whether a row is an hour of the year."""
    columns: dict[str, ColumnDigest]


def table_digest(frame: pd.DataFrame) -> TableDigest:
    """Digest of the values of a frame's columns, (N,) each; its index does not count."""
    return TableDigest(
        rows=len(frame),
        hourly="timestamp" in frame.columns,
        columns={str(name): _column(frame[name]) for name in sorted(frame.columns, key=str)},
    )


def differences(before: TableDigest, now: TableDigest) -> tuple[str, ...]:
    """In words, which columns differ and where; empty where the values are the same."""
    if before.rows != now.rows:
        return (f"{now.rows:,} rows, {before.rows:,} before",)
    gone = [f"column `{name}` is gone" for name in before.columns.keys() - now.columns.keys()]
    came = [f"column `{name}` is new" for name in now.columns.keys() - before.columns.keys()]
    both = sorted(before.columns.keys() & now.columns.keys())
    other = [name for name in both if before.columns[name].digest != now.columns[name].digest]
    row = "hours" if now.hourly else "rows"
    changed = [f"column `{name}`, {row} {_where(before.columns[name], now.columns[name], now.rows)}" for name in other]
    return first_of([*sorted(gone), *sorted(came), *changed], "columns")


def first_of(words: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the first few, and how many more there are."""
    more = len(words) - SHOWN
    return tuple(words) if more <= 0 else (*words[:SHOWN], f"{more} more {what}")


def json_digest(path: Path, names: Sequence[str]) -> str | None:
    """Digest of some entries of a JSON file's object, `None` where it is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, Mapping):
        return None
    return _hash(json.dumps({name: found.get(name) for name in names}, sort_keys=True).encode())


def _column(values: pd.Series) -> ColumnDigest:
    blocks = _blocks(values)
    return ColumnDigest(digest=_hash(b"".join(blocks)), blocks="".join(_hash(block)[:BLOCK_DIGITS] for block in blocks))


def _blocks(values: pd.Series) -> list[bytes]:
    """Canonical bytes of each block: instants in UTC, numbers as 64-bit floats where that is exact, text as JSON."""
    import numpy as np  # where no input has changed nothing needs them
    import pandas as pd

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _cut(values.to_numpy().astype("datetime64[ns]").astype("<i8"))
    if pd.api.types.is_float_dtype(values.dtype) or (
        pd.api.types.is_integer_dtype(values.dtype) and not (values.abs() > EXACT).any()
    ):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        return _cut(np.where(np.isnan(numbers), np.nan, numbers + 0.0).astype("<f8"))  # one NaN, one zero
    cells = [json.dumps(None if pd.isna(value) else value, default=str).encode() + b"\n" for value in values.tolist()]
    return [b"".join(cells[i : i + BLOCK]) for i in range(0, len(cells), BLOCK)]


def _cut(values: NDArray[np.generic]) -> list[bytes]:
    whole, size = values.tobytes(), BLOCK * values.dtype.itemsize
    return [whole[i : i + size] for i in range(0, len(whole), size)]


def _where(before: ColumnDigest, now: ColumnDigest, rows: int) -> str:
    """Stretches of rows in which two columns of equal length differ, to the block."""
    places = range(0, len(now.blocks), BLOCK_DIGITS)
    then, found = ([column.blocks[i : i + BLOCK_DIGITS] for i in places] for column in (before, now))
    other = [number for number, (a, b) in enumerate(zip(then, found, strict=True)) if a != b]
    starts = [b for a, b in pairwise([-2, *other]) if b != a + 1]
    ends = [a for a, b in pairwise([*other, -2]) if b != a + 1]
    shown = [f"{a * BLOCK:,} to {min((b + 1) * BLOCK, rows) - 1:,}" for a, b in zip(starts, ends, strict=True)]
    return ", ".join(first_of(shown, "stretches"))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
