"""Where benchmarks leave what they measured: JSON for machines, Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.store.files import write_json, write_text
from pvbesscar.store.stamps import machine, stamp


def write_results(
    out: Path,
    name: str,
    intro: str,
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]],
    body: dict[str, Any],
    packages: Sequence[str],
    measured_on: tuple[str, str] | None = None,
) -> None:
    """Write NAME.json and NAME.md, and say where they are.

    Parameters
    ----------
    intro
        What was measured, in a sentence; machine and code are added.
    tables
        Head and rows by title.
    body
        The same results for machines.
    packages
        Whose code the figures speak of.
    measured_on
        Machine and code of figures that were measured before; now and here, where it is not given.
    """
    where, code = measured_on or (machine(), stamp(*packages))
    write_json(out / f"{name}.json", {"machine": where, "code": code, **body})
    parts = [f"### {title}\n\n{markdown_table(head, rows)}\n" for title, (head, rows) in tables.items()]
    write_text(out / f"{name}.md", f"Measured by `make bench` ({where}; {code}). {intro}\n\n" + "\n".join(parts))
    print(f"written: {out / name}.json, .md")
