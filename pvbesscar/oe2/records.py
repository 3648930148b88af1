"""JSON records, a list of objects, as the table that their CSV would be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from pvbesscar.oe2.cells import NamedFile, Table
from pvbesscar.oe2.limits import parsed_json


def record_table(text: str, data: bytes, encoding: str, file: NamedFile) -> Table | None:
    """Table of a JSON list of objects, or of an object with one such list; its lines are the numbers of the records.

    Parameters
    ----------
    text, data, encoding
        The file's text, its bytes and how they were decoded.
    file
        The file.

    Returns
    -------
    Table or None
        A column for each name of the objects, its cell empty where an object lacks it or has `null`; None where the
        text is no JSON of records.

    Raises
    ------
    InputError
        The text begins as JSON does, and is none.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    records = _records(parsed_json(text, file))
    if records is None:
        return None
    names = list(dict.fromkeys(name.strip() for record in records for name in record))
    file.decide("layout", "JSON records", "the file is one list of objects")
    return Table(
        path=file.path,
        key=file.key,
        layout=file.layout,
        decisions=file.decisions,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=f"JSON in {encoding}",
        separator=",",
        columns={name: [_cell(record.get(name)) for record in records] for name in names},
        lines=list(range(1, len(records) + 1)),
    )


def _records(value: object) -> Sequence[Mapping[str, object]] | None:
    lists = list(value.values()) if isinstance(value, dict) else [value]
    found = [part for part in lists if isinstance(part, list) and part and all(isinstance(one, dict) for one in part)]
    return found[0] if len(found) == 1 else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)
