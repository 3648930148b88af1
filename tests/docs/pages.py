"""The tables of the docs that are made from the code: `python -m tests.docs.pages` writes them."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.config import configuration_table
from pvbesscar.quality.registry import all_rules

DOCS = Path(__file__).resolve().parents[2] / "docs"

CONFIGURATION = """# Configuration

One YAML file a scenario; what it leaves out has the default below. `--set key=value` overrides a key. Unknown keys are
errors that name the nearest known one. `pvbesscar config show --config FILE` prints the values of a scenario with unit
and origin. This table is made from `schemas/settings.py` (`python -m tests.docs.pages`).

{table}
"""
QUALITY = """# Quality rules

`validate` applies every rule to the canonical year. An *error* stops the run before anything downstream changes; a
*warning* is shown. An error in a column that the scenario does not use is a warning. Before it judges, the gate proves
that it is armed: a planted year of zeros must be refused. This table is made from the registry in `pvbesscar/quality`
(`python -m tests.docs.pages`).

{table}
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def quality_table() -> str:
    """Every rule of the registry as a Markdown table."""
    head = "| rule | severity | series | what | why | likely cause | fix |\n| --- | --- | --- | --- | --- | --- | --- |"
    rows = [
        (f"`{rule.id}`", rule.severity, ", ".join(rule.series), rule.title, f"{rule.rationale} ({rule.reference})",
         rule.cause, rule.fix)
        for rule in all_rules()
    ]  # fmt: skip
    return "\n".join([head, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)])


def pages() -> dict[Path, str]:
    """Text of each page that is made from the code."""
    return {
        DOCS / "configuration.md": CONFIGURATION.format(table=configuration_table().strip()),
        DOCS / "quality.md": QUALITY.format(table=quality_table()),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
