"""Environment steps a second of each agent's training, one after another, one thread each.

The agents learn with their default settings on the training years of the default scenario, without imitation, for that
is made once for all; rollouts, updates and their callbacks are counted. Each row is a process of its own. Prints a
table and writes training.json and training.md to --out; `make bench` runs it, `--out docs/benchmarks` renews what the
documentation shows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from shared.dataset import built, settings_of
from shared.results import write_results

STEPS = {"sac": 40_000, "ppo": 150_000, "a2c": 150_000}
LEAST = {"sac": 1_500, "ppo": 5_000, "a2c": 15_000}
"""Steps a second that each is held to on two cores."""
UNITS = (0, 16)
"""Hidden units of the sockets' network; with 0 there is none."""


def measure(agent: str, units: int, root: Path) -> float:
    """Steps a second of a training, in this process."""
    from pvbesscar.agents.train import train_on
    from pvbesscar.dataset.scenarios import ScenarioStore
    from pvbesscar.plant.data import load_plant
    from pvbesscar.plant.twin import Twin

    with tempfile.TemporaryDirectory() as models:
        settings = settings_of(
            root, f"training.full.steps={STEPS[agent]}", "training.imitation=false", "training.keep=last",
            "training.reward=score", f"training.socket_units={units}",
        )  # fmt: skip
        workspace = built(settings)
        store = ScenarioStore(workspace.dataset)
        years = tuple(store.load(name) for name in store.names("training")[: settings.training.full.training_years])
        twin, own = Twin(load_plant(workspace.dataset)), workspace.with_models(Path(models))
        return train_on(twin, agent, settings, own, "full", years=years).steps_per_s  # type: ignore[arg-type]


def apart(agent: str, units: int, root: Path) -> float:
    """Steps a second, measured in a process of its own."""
    command = [sys.executable, __file__, "--agent", agent, "--units", str(units), "--root", str(root)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure all, print the table, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"))
    parser.add_argument("--root", type=Path, help="project folder with the default scenario's dataset; built if empty")
    parser.add_argument("--agent", help=argparse.SUPPRESS)
    parser.add_argument("--units", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.agent:
        print(json.dumps(measure(asked.agent, asked.units, asked.root)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = asked.root or Path(folder)
        built(settings_of(root))
        for units in UNITS:
            for agent, steps in STEPS.items():
                rate = apart(agent, units, root)
                rows.append({"agent": agent, "socket_units": units, "steps": steps, "steps_per_s": rate})
                print(f"{agent}, {units} units for the sockets: {rate:,.0f} steps/s", flush=True)
    head = ("agent", "units of the sockets' network", "steps", "steps/s", "wanted")
    table = [
        (
            f"`{row['agent']}`", str(row["socket_units"]), f"{row['steps']:,}", f"{row['steps_per_s']:,.0f}",
            _wanted(str(row["agent"]), int(row["socket_units"]), float(row["steps_per_s"])),
        )
        for row in rows
    ]  # fmt: skip
    intro = "Environment steps a second, one training at a time on one thread, 64 plants, without imitation."
    packages = ("pvbesscar.agents", "pvbesscar.envs", "pvbesscar.plant")
    write_results(asked.out, "training", intro, {"Training": (head, table)}, {"rows": rows}, packages)


def _wanted(agent: str, units: int, rate: float) -> str:
    """What is asked of the default policy, and whether it is missed."""
    if units:
        return ""
    return f"{LEAST[agent]:,}" + ("" if rate >= LEAST[agent] else ", MISSED")


if __name__ == "__main__":
    main()
