"""What orchestration costs: a second run with nothing changed, its share of a run, trainers side by side.

`make bench` runs it; it prints a table and writes orchestration.json and orchestration.md to --out. All runs are those
of `pvbesscar run` on a server that is up already, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.results import write_results

from flows.server import ENVIRONMENT, prefect_api, prepare
from pvbesscar.store.files import sha256_file
from pvbesscar.store.stamps import NOT_RECORDED
from pvbesscar.store.workspace import Workspace
from schemas.settings import AGENTS

LIMIT_S = 2.0
"""What a second run with nothing changed may take on a server that is up [s]."""
REPEATS = 5
"""Second runs; the median counts."""
LIMIT_SHARE = 0.03
"""What orchestration may take of a full run."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `pvbesscar run`: its wall time, that of its stages, and the digests of the models.

    The time of the training stages has the start of the trainers' processes in it.
    """

    what: str
    seconds: float
    stages: dict[str, float]
    models: dict[str, str]

    @property
    def executed_s(self) -> float:
        """Time within stages; the trainers count once, however many run side by side."""
        return sum(seconds for stage, seconds in self.stages.items() if not stage.startswith("train-"))

    @property
    def orchestration_s(self) -> float:
        """The rest: imports, decisions, records, talk with the server."""
        return self.seconds - self.executed_s

    @property
    def share(self) -> float:
        """Share of orchestration in the whole."""
        return self.orchestration_s / self.seconds


def run(what: str, root: Path, config: Path, overrides: list[str], *options: str) -> Run:
    settings = [argument for override in (f"data.root={root}", *overrides) for argument in ("--set", override)]
    command = [sys.executable, "-m", "pvbesscar.cli", "run", "--config", str(config), *settings, *options]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    seconds = time.perf_counter() - began
    newest = max(root.glob("outputs/runs/*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    manifest: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    places = {agent: Workspace(root, "").final_model(agent) for agent in AGENTS}
    models = {agent: sha256_file(path) for agent, path in places.items()}
    return Run(what, seconds, manifest["stage_seconds"], models)


def _missed(measured: float, limit: float) -> str:
    return ", MISSED" if measured > limit else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config/iquitos_mall.yaml"))
    parser.add_argument("--steps", type=int, default=1000, help="environment steps of each agent")
    parser.add_argument("--full", action="store_true", help="also a run of the profile `full`, a quarter of an hour")
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="settings as key=value")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"))
    parser.add_argument(
        "--again", type=Path, help="orchestration.json whose page is written again; nothing is measured"
    )
    words = parser.parse_args()
    if words.again is not None:
        past = json.loads(words.again.read_text(encoding="utf-8"))
        measured = [Run(**one) for one in past["runs"]]
        show(words.out, words.config, past["steps"], measured, (past["machine"], past.get("code", NOT_RECORDED)))
        return
    overrides = [f"training.smoke.steps={words.steps}", *words.overrides]
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "parallel", Path(folder) / "sequential"
        os.environ.update(ENVIRONMENT)
        prepare(Path(folder), quiet=True)
        with prefect_api():
            parallel = run("first run, trainers side by side", one, words.config, overrides)
            again = sorted(
                (run("second run, nothing changed", one, words.config, overrides) for _ in range(REPEATS)),
                key=lambda one: one.seconds,
            )[REPEATS // 2]
            sequential = run("first run, one trainer after another", other, words.config, overrides, "--sequential")
            runs = [parallel, again, sequential]
            if words.full:
                runs.append(run("run of the profile full", one, words.config, words.overrides, "--profile", "full"))
    show(words.out, words.config, words.steps, runs)


def show(out: Path, config: Path, steps: int, runs: list[Run], measured_on: tuple[str, str] | None = None) -> None:
    """Print and write what was measured, and mark what misses its limit; a fourth run is that of the profile `full`."""
    parallel, again, sequential = runs[:3]
    ratio = sequential.stages["train"] / parallel.stages["train"]
    equal = parallel.models == sequential.models
    rows = [(r.what, f"{r.seconds:.1f}", f"{r.executed_s:.1f}", f"{r.orchestration_s:.1f}") for r in runs]
    facts = [
        ("stages executed in the second run", f"{len(again.stages)}{_missed(len(again.stages), 0)}", "0"),
        (
            f"seconds of the second run (median of {REPEATS})",
            f"{again.seconds:.2f}{_missed(again.seconds, LIMIT_S)}",
            f"{LIMIT_S:g}",
        ),
        ("sequential / parallel, training", f"{ratio:.2f}", ""),
        ("models of both the same", "yes" if equal else "NO", "yes"),
    ]
    if len(runs) > 3:
        share = runs[-1].share
        facts.append(
            (
                "share of orchestration in the full run",
                f"{share:.1%}{_missed(share, LIMIT_SHARE)}",
                f"{LIMIT_SHARE:.0%}",
            )
        )
    head, fact_head = ("run", "s", "in stages [s]", "orchestration [s]"), ("what", "measured", "limit")
    for row in (head, *rows, fact_head, *facts):
        print("  ".join(f"{cell:>20}" if k else f"{cell:<48}" for k, cell in enumerate(row)))
    write_results(
        out,
        "orchestration",
        f"Runs of `{config}`, {steps:,} steps an agent; the server is up.",
        {"Runs": (head, rows), "Orchestration": (fact_head, facts)},
        {
            "steps": steps,
            "runs": [asdict(r) for r in runs],
            "ratio": ratio,
            "models_equal": equal,
        },
        ("pvbesscar.lineage", "pvbesscar.store", "pvbesscar.commands"),
        measured_on,
    )


if __name__ == "__main__":
    main()
