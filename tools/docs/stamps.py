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
from pvbesscar.store.stamps import DIGITS

PAGES = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
STAMP = re.compile(r"code `([0-9a-f]+)` of (all stages|`[a-z_.]+`(?:, `[a-z_.]+`)*)")
ALL_STAGES = "all stages"


def older(folder: Path = PAGES) -> dict[str, str]:
    """Pages of a folder that were made with other code than there is now, or do not say with which; and why."""
    found = {}
    for page in sorted(folder.glob("*.md")):
        stamps = STAMP.findall(page.read_text(encoding="utf-8"))
        changed = [what for digest, what in stamps if _now(what) != digest]
        if not stamps:
            found[page.name] = "it does not say with which code it was made"
        elif changed:
            found[page.name] = f"the code of {', '.join(dict.fromkeys(changed))} has changed since"
    return found


def of_all_stages(code: dict[str, str]) -> str:
    """Stamp of a page about whole runs; `code` as the record of a run holds it."""
    return f"code `{sha256_json(code)[:DIGITS]}` of {ALL_STAGES}"


def _now(what: str) -> str:
    if what == ALL_STAGES:
        return sha256_json(code_now(STAGES))[:DIGITS]
    return code_digest(*re.findall(r"`([a-z_.]+)`", what))[:DIGITS]


def tell() -> None:
    """Print the pages that are older than their code."""
    for name, why in older().items():
        print(f"docs/benchmarks/{name} is older than the code that it speaks of: {why}")


if __name__ == "__main__":
    tell()
