"""CityLearn, our adapter and the twin on the same hours, all in one run: plant-hours a second, and memory.

Observation and reward are included everywhere. `make bench` runs it; it prints a table and writes
outputs/benchmarks/simulators.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.envs.twin_env import TwinEnv
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.lineage.files import write_json
from pvbesscar.lineage.workspace import Workspace
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.citylearn_sim import CityLearnSim, make_env
from pvbesscar.plant.data import load_plant
from pvbesscar.quality.gate import validate

SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One simulator's figures."""

    what: str
    plants: int
    plant_hours_per_s: float
    ratio_to_stock: float
    peak_memory_mib: float


def rate(step: Callable[[], object], plants: int, warmup: int = 3) -> float:
    """Plant-hours a second of `step`, over at least `SECONDS`."""
    for _ in range(warmup):
        step()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        step()
        done += 1
    return done * plants / (time.perf_counter() - began)


def memory_mib() -> float:
    """Peak memory of this process so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gym_step(env: PlantEnv, rng: np.random.Generator) -> Callable[[], object]:
    """One hour with a random action; begins a new episode where one ended."""
    env.reset(seed=0)

    def step() -> None:
        if env.step(rng.random(129, dtype=np.float32))[3]:
            env.reset()

    return step


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config/iquitos_mall.yaml"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/simulators.json"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as root:
        settings = load_settings(arguments.config, [f"data.root={root}"]).settings
        workspace = Workspace.of(settings)
        ingest(settings, workspace)
        validate(settings, workspace)
        build(settings, workspace)
        data = load_plant(workspace.dataset)

        def add(what: str, plants: int, found: float) -> None:
            stock = rows[0].plant_hours_per_s if rows else found
            rows.append(Row(what, plants, found, found / stock, memory_mib()))
            print(f"{what:32} {plants:7d} {found:14,.0f} {found / stock:10.1f} {memory_mib():10,.0f}", flush=True)

        print(f"{'simulator':32} {'plants':>7} {'plant-hours/s':>14} {'x stock':>10} {'peak MiB':>10}")
        env = make_env(workspace.dataset)
        env.reset()
        add("CityLearn, env.step", 1, rate(lambda: env.step([rng.random(129).tolist()]), 1))
        for what, lean in (("CityLearnSim, stock step", False), ("CityLearnSim, lean step", True)):
            simulator = CityLearnSim(workspace.dataset, lean=lean)
            add(what, 1, rate(gym_step(PlantEnv(simulator, episode_hours=8760, random_start=False), rng), 1))
        add("twin, single environment", 1, rate(gym_step(TwinEnv(data, episode_hours=8760), rng), 1))
        for plants in (16, 64, 256):
            batch = TwinVecEnv([data], plants=plants, episode_hours=168, seed=0)
            batch.reset()
            actions = rng.random((plants, 129), dtype=np.float32)
            add("twin, vector environment", plants, rate(lambda b=batch, a=actions: b.step(a), plants))
    write_json(
        arguments.out,
        {"machine": platform.machine(), "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]},
    )
    print(json.dumps({"written": str(arguments.out)}))


if __name__ == "__main__":
    main()
