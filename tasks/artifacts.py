"""What a run shows in the Prefect UI: small tables and links, under keys that stay the same from run to run."""

from __future__ import annotations

import json
import re
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

MAX_BYTES = 400_000
"""The UI is quick up to about 500 kB."""

Rows = list[dict[str, Any]]


def key(*parts: str) -> str:
    """Artifact key of `[a-z0-9-]`, e.g. `iquitos-mall-ranking`."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def table(name: str, rows: Rows, description: str, rest: str) -> None:
    """Show rows as a table.

    Parameters
    ----------
    rest
        Where the rows are that the size limit leaves out.
    """
    create_table_artifact(fitting(rows, rest), key=name, description=description)


def markdown(name: str, text: str, description: str) -> None:
    """Show Markdown."""
    create_markdown_artifact(text, key=name, description=description)


def fitting(rows: Rows, rest: str) -> Rows:
    """Return the first rows that fit the size limit, and a last one that says how many do not."""
    size, kept = 0, list[dict[str, Any]]()
    for row in rows:
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if size > MAX_BYTES:
            first = next(iter(rows[0]))
            return [*kept, {first: f"... {len(rows) - len(kept)} more rows in {rest}"}]
        kept.append(row)
    return kept
