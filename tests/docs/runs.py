"""Table of the time that each stage of some runs took, for the documentation.

python -m tests.docs.runs NAME=MANIFEST... --out docs/benchmarks/runs.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pvbesscar.display import duration
from pvbesscar.lineage.files import read_json, write_text


def page(runs: dict[str, dict[str, Any]]) -> str:
    """One column a run; trainers stand below `train`, which they share side by side."""
    first = next(iter(runs.values()))
    versions = ", ".join(f"{name} {first['versions'][name]}" for name in ("python", "citylearn", "numpy", "torch"))
    lines = [
        "# Where the time of a run goes",
        "",
        "Made by `python -m tests.docs.runs` from the manifests that the runs left in `outputs/runs/`: scenario",
        f"`{first['scenario']}`, profile `{first['profile']}`, seed {first['seed']}, two cores, {versions}.",
        "",
        f"| stage | {' | '.join(runs)} |",
        f"| --- | {' | '.join(['---:'] * len(runs))} |",
    ]
    stages = dict.fromkeys(stage for run in runs.values() for stage in run["stage_seconds"])
    for stage in stages:
        cells = (run["stage_seconds"].get(stage) for run in runs.values())
        lines.append(f"| {stage} | {' | '.join('' if cell is None else duration(cell) for cell in cells)} |")
    totals = (sum(s for name, s in run["stage_seconds"].items() if "-" not in name) for run in runs.values())
    lines.append(f"| all stages | {' | '.join(duration(total) for total in totals)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page; 1 where a run did not complete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=MANIFEST", help="heading and manifest.json of each run")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    arguments = parser.parse_args()
    pairs = (run.split("=", 1) for run in arguments.runs)
    found = {name: read_json(Path(path)) for name, path in pairs}
    write_text(arguments.out, page(found))
    return 0 if all(run["outcome"] == "completed" for run in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
