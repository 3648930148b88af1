"""Which measured pages are older than the code that they speak of: `python -m tools.docs.stamps` says it.

`make docs` and `make bench` end with it. A page names the digest of its code (`pvbesscar.store.stamps`); measuring it
again is for whoever has the time, so an old page is told, and nothing fails.
"""

from __future__ import annotations

import re
from pathlib import Path

from pvbesscar.lineage.run_manifest import code_now
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store.files import sha256_json
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.stamps import DIGITS, NOT_RECORDED

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = DOCS / "benchmarks"
EVALUATION, RESULTS = DOCS / "evaluation.md", DOCS / "results.md"
BLOCKS = re.compile(r"<!-- (tables|weights|studies): ([^>]*) -->(.*?)<!-- end of \1 -->", re.DOTALL)
"""Parts of a page that are measured, with the command that makes them again."""
STAMP = re.compile(r"code `([0-9a-f]+)` of (all stages|`[a-z0-9_.]+`(?:, `[a-z0-9_.]+`)*)")
ALL_STAGES = "all stages"


def older(folder: Path = PAGES) -> dict[str, str]:
    """Pages of a folder that were made with other code than there is now, or do not say with which; and why."""
    reasons = {page.name: _reason(page.read_text(encoding="utf-8")) for page in sorted(folder.glob("*.md"))}
    return {name: why for name, why in reasons.items() if why is not None}


def older_parts(page: Path = EVALUATION) -> dict[str, str]:
    """Parts of a page of which the same holds, by the command that makes them again."""
    reasons = {command: _reason(text) for _, command, text in BLOCKS.findall(page.read_text(encoding="utf-8"))}
    return {command: why for command, why in reasons.items() if why is not None}


def _reason(text: str) -> str | None:
    """Why a text is older than the code that it speaks of; `None` where it is not."""
    stamps = STAMP.findall(text)
    changed = [what for digest, what in stamps if _now(what) != digest]
    if changed:
        return f"the code of {', '.join(dict.fromkeys(changed))} has changed since"
    if not stamps or NOT_RECORDED in text:
        return "it does not say with which code it was made"
    return None


def of_all_stages(code: dict[str, str]) -> str:
    """Stamp of a page about whole runs; `code` as the record of a run holds it."""
    return f"code `{sha256_json(code)[:DIGITS]}` of {ALL_STAGES}"


def _now(what: str) -> str:
    if what == ALL_STAGES:
        return sha256_json(code_now(STAGES))[:DIGITS]
    return code_digest(*re.findall(r"`([a-z0-9_.]+)`", what))[:DIGITS]


def tell() -> None:
    """Print the pages that are older than their code."""
    for name, why in older().items():
        print(f"docs/benchmarks/{name} is older than the code that it speaks of: {why}")
    for page in (EVALUATION, RESULTS):
        for command, why in older_parts(page).items():
            print(f"docs/{page.name}, the part of `{command}`, is older than the code that it speaks of: {why}")


if __name__ == "__main__":
    tell()
