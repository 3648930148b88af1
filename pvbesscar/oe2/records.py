"""JSON records, a list of objects, as the text that their CSV would be."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.limits import Shape, parsed_json, refuse_cells_beyond

OBJECTS = re.compile(r"\s*(?:\{|\[\s*\{)")
"""How a list of objects begins, alone or as one value of an object."""


def records_text(text: str, file: NamedFile) -> str | None:
    """Comma separated text of a JSON list of objects, or of an object with one such list, as ACN-Data gives it.

    Returns
    -------
    str or None
        A column for each name of the objects, its cell empty where an object lacks it or has `null`; None where the
        text is no JSON of records.

    Raises
    ------
    InputError
        The text begins as such JSON does, and is none; or it is a table of more cells than any input has.
    """
    if OBJECTS.match(text) is None:
        return None
    records = _records(parsed_json(text, file))
    if records is None:
        return None
    names = list(dict.fromkeys(name for record in records for name in record))
    refuse_cells_beyond(file, Shape(len(records), len(names)))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([" ".join(name.split()) for name in names])
    writer.writerows([_cell(record.get(name)) for name in names] for record in records)
    return stream.getvalue()


def _records(value: object) -> Sequence[Mapping[str, object]] | None:
    lists = list(value.values()) if isinstance(value, dict) else [value]
    found = [part for part in lists if isinstance(part, list) and part and all(isinstance(one, dict) for one in part)]
    return found[0] if len(found) == 1 else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)
