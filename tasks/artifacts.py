"""What a run shows in the Prefect UI: small tables and links, under keys that stay the same from run to run."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from pvbesscar.remedies import in_full
from schemas.progress import Progress

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
    create_table_artifact(fitting(rows, rest), key=name, description=in_full(description))


def markdown(name: str, text: str, description: str) -> None:
    """Show Markdown, as much of it as the size limit allows."""
    kept = in_full(text).encode()[:MAX_BYTES].decode(errors="ignore")
    create_markdown_artifact(kept, key=name, description=description)


def image(name: str, address: str, description: str) -> None:
    """Show an image that travels inside its own address (`data:`), for the page may ask nobody.

    One that is too large for the UI is left out; the report has it.
    """
    if len(address) <= MAX_BYTES:
        create_image_artifact(image_url=address, key=name, description=description)


def link(name: str, address: str, text: str, description: str) -> None:
    """Show a link."""
    create_link_artifact(link=address, link_text=text, key=name, description=description)


class Live:
    """A progress artifact of this run for something that goes on in another process.

    Parameters
    ----------
    name
        Its key.
    every_s
        Least time between two updates [s].
    """

    def __init__(self, name: str, every_s: float = 5.0) -> None:
        self._name, self._every_s, self._last = name, every_s, -every_s
        self._id: UUID | None = None

    def show(self, progress: Progress, words: str, *, now: bool = False) -> None:
        """Show how far it is, unless that was shown just now."""
        if not now and time.monotonic() - self._last < self._every_s:
            return
        self._last = time.monotonic()
        share = min(100.0, 100.0 * progress.done / max(1, progress.total))
        if self._id is None:
            made = create_progress_artifact(progress=share, key=self._name, description=words)
            self._id = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._id, progress=share, description=words)


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
