"""Where benchmarks leave what they measured: JSON for machines, Markdown for the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.store.files import write_json, write_text


def machine() -> str:
    """Name of the processor, and how many cores are ours."""
    names = [x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def write_results(
    out: Path,
    name: str,
    intro: str,
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]],
    body: dict[str, Any],
) -> None:
    """Write NAME.json and NAME.md, and say where they are.

    Parameters
    ----------
    intro
        What was measured, in a sentence; the machine is added.
    tables
        Head and rows by title.
    body
        The same results for machines.
    """
    write_json(out / f"{name}.json", {"machine": machine(), **body})
    parts = [f"### {title}\n\n{markdown_table(head, rows)}\n" for title, (head, rows) in tables.items()]
    write_text(out / f"{name}.md", f"Measured by `make bench` ({machine()}). {intro}\n\n" + "\n".join(parts))
    print(f"written: {out / name}.json, .md")
