"""What some runs took and found, for the documentation.

python -m tools.docs.runs NAME=FOLDER... --out docs/benchmarks/runs.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pvbesscar.display import duration
from pvbesscar.evaluation.evaluate import REPORT_FILE
from pvbesscar.evaluation.tables import as_markdown
from pvbesscar.store.files import read_json, write_text
from schemas.results import EvaluationReport
from tools.docs.stamps import of_all_stages


def newest(outputs: Path) -> dict[str, Any]:
    """Manifest of the last run that left one."""
    return read_json(max(outputs.glob("runs/*/manifest.json"), key=lambda path: path.stat().st_mtime))


def found(outputs: Path) -> str:
    """Rankings and verdicts of the evaluation that is there."""
    report = EvaluationReport.model_validate(read_json(outputs / "evaluation" / REPORT_FILE))
    verdicts = "\n".join(f"* {verdict.agent}: {verdict.sentence}" for verdict in report.verdicts)
    return f"{as_markdown(report)}\n\n{verdicts}\n"


def made_on(run: dict[str, Any]) -> str:
    """Processor and code of a run, as its record has them."""
    processor = run.get("processor") or {"processor": "not recorded"}
    return f"{', '.join(f'{name} {value}' for name, value in processor.items())}; {of_all_stages(run['code'])}"


def times(runs: dict[str, dict[str, Any]]) -> str:
    """One column a run; trainers stand below `train`, which they share side by side."""
    first = next(iter(runs.values()))
    versions = ", ".join(f"{name} {first['versions'][name]}" for name in ("python", "citylearn", "numpy", "torch"))
    lines = [
        "# Whole runs",
        "",
        "Made by `python -m tools.docs.runs` from what the runs left in `outputs/`: scenario",
        f"`{first['scenario']}`, profile `{first['profile']}`, seed {first['seed']}, two cores, {versions}.",
        "",
        *(f"{name}: {made_on(run)}." for name, run in runs.items()),
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
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER", help="heading and `outputs` folder of each run")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    arguments = parser.parse_args()
    folders = {name: Path(path) for name, path in (run.split("=", 1) for run in arguments.runs)}
    manifests = {name: newest(outputs) for name, outputs in folders.items()}
    results = (f"\n## What came out: {name}\n\n{found(outputs)}" for name, outputs in folders.items())
    write_text(arguments.out, times(manifests) + "".join(results))
    return 0 if all(manifest["outcome"] == "completed" for manifest in manifests.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
