"""A file of arrays with a card that says what they are of: whoever reads it gets the arrays of that card, or none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.store.files import atomic_path
from schemas.results import Result

CARD = "card.json"
Arrays = dict[str, NDArray[Any]]


def write_arrays(path: Path, card: Result, arrays: Arrays) -> None:
    """Write arrays and their card; a kill leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **{CARD: np.array(card.model_dump_json())}, **arrays)


def read_arrays(path: Path, card: Result) -> Arrays | None:
    """Arrays of a file; `None` where there is none, one of another card, or one that a kill or a person has damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = dict(stored)
        found = type(card).model_validate_json(str(arrays.pop(CARD)))
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError):
        return None
    return arrays if found == card else None
