"""Stamps of pages with measured figures: the processor and the code that they were made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from pvbesscar.store.fingerprints import code_digest

DIGITS = 12
"""Digits of a digest that a page shows."""
NOT_RECORDED = "code not recorded"
"""What a page says that was measured before pages named their code."""


def machine() -> str:
    """Name of the processor, and how many cores are ours."""
    names = [x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def stamp(*packages: str) -> str:
    """Digest of the code of some packages, as a page says it: ``code `1f0c...` of `pvbesscar.plant` ``."""
    return f"code `{code_digest(*packages)[:DIGITS]}` of {', '.join(f'`{name}`' for name in packages)}"
