"""CityLearn, our adapter and the twin on the same hours, all in one run: speed, memory, growth, start.

Observation and reward are included everywhere, actions are random. Every row is measured in a process of its own, so
that its memory is its own. Prints tables and writes simulators.json, simulators.md and simulators.svg to --out;
`make bench` runs it, `--out docs/benchmarks` renews what the documentation shows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 3.0
SOCKETS = (32, 64, 128, 256, 512)
PLANTS = (1, 4, 16, 64, 256)
HOURS = (24, 168, 2190, 8760)
YEARS = (1, 2, 5, 10)
STARTS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """What one process measures."""

    what: str
    sockets: int = 128
    plants: int = 1
    years: int = 1
    hours: int = 168
    threads: int = 0
    """Threads of the batch; 0: one a core."""
    beside: int = 0
    """Processes that take a core each meanwhile."""


@dataclass(frozen=True, slots=True)
class Row:
    """What it found; the ratio is to CityLearn's own step at 128 sockets in the same run."""

    case: Case
    plant_hours_per_s: float
    peak_memory_mib: float
    ratio: float = float("nan")


def rate(step: Callable[[], object], plants: int) -> float:
    """Plant-hours a second of `step`, over at least `SECONDS`."""
    for _ in range(3):
        step()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        step()
        done += 1
    return done * plants / (time.perf_counter() - began)


def stepper(case: Case, dataset: Path) -> Callable[[], object]:
    """One step of the case's simulator; imports only what it needs, as its memory is measured."""
    rng = np.random.default_rng(0)
    size = case.sockets + 1
    if case.what == "CityLearn, env.step":
        from pvbesscar.plant.citylearn_sim import make_env

        env = make_env(dataset)
        env.reset()
        return lambda: env.step([rng.random(size).tolist()])
    from pvbesscar.plant.data import load_plant

    if case.what == "twin, batch":
        import numba

        from pvbesscar.envs.twin_vec_env import TwinVecEnv

        if case.threads:
            numba.set_num_threads(case.threads)
        # Copies of one year take the memory of as many different ones.
        batch = TwinVecEnv([load_plant(dataset)] * case.years, plants=case.plants, episode_hours=case.hours, seed=0)
        batch.reset()
        actions = rng.random((case.plants, size), dtype=np.float32)
        return lambda: batch.step(actions)
    if case.what == "twin, single":
        from pvbesscar.envs.twin_env import TwinEnv

        gym_env: Any = TwinEnv(load_plant(dataset), episode_hours=case.hours)
    else:
        from pvbesscar.envs.plant_env import PlantEnv
        from pvbesscar.plant.citylearn_sim import CityLearnSim

        gym_env = PlantEnv(CityLearnSim(dataset, lean=case.what.endswith("lean step")), episode_hours=case.hours)
    gym_env.reset(seed=0)

    def step() -> None:
        if gym_env.step(rng.random(size, dtype=np.float32))[3]:
            gym_env.reset()

    return step


def measure(case: Case, dataset: Path) -> Row:
    """Measure a case in this process."""
    found = rate(stepper(case, dataset), case.plants)
    return Row(case, found, peak_memory_mib())


def peak_memory_mib() -> float:
    """Peak resident memory of this program; `ru_maxrss` would count what its parent held before it was started."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def apart(case: Case, dataset: Path) -> Row:
    """Measure a case in a process of its own."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case)), "--dataset", str(dataset)]
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(case.beside)]
    try:
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    finally:
        for other in others:
            other.kill()
            other.wait()
    found = json.loads(answer.splitlines()[-1])
    return Row(Case(**found["case"]), found["plant_hours_per_s"], found["peak_memory_mib"])


def first_step_s(dataset: Path) -> float:
    """Seconds from the start of a process to the twin's first step, compile cache warm; median of `STARTS`."""
    script = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from pvbesscar.plant.data import load_plant\nfrom pvbesscar.envs.twin_env import TwinEnv\n"
        "env = TwinEnv(load_plant(Path(sys.argv[1])), episode_hours=168); env.reset(seed=0)\n"
        "env.step(np.zeros(129, np.float32))"
    )
    command, found = [sys.executable, "-c", script, str(dataset)], []
    for _ in range(1 + STARTS):
        began = time.perf_counter()
        subprocess.run(command, check=True)
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def env_year_s(dataset: Path) -> float:
    """Seconds that the single environment takes for a year, compile cache warm; median of `STARTS`."""
    from pvbesscar.envs.twin_env import TwinEnv
    from pvbesscar.plant.data import load_plant

    env, found = TwinEnv(load_plant(dataset), episode_hours=8760), []
    actions = np.random.default_rng(0).random((8760, env.action_space.shape[0]), dtype=np.float32)
    for _ in range(1 + STARTS):
        env.reset(seed=0)
        began = time.perf_counter()
        for action in actions:
            env.step(action)
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def rule_year_s(dataset: Path) -> float:
    """Seconds that the rule takes for a year on the twin, ledger included, compile cache warm; median of `STARTS`."""
    from pvbesscar.controllers.baselines import Rule
    from pvbesscar.plant.data import load_plant
    from pvbesscar.plant.twin import Twin
    from pvbesscar.simulation.rollout import rollout

    twin, found = Twin(load_plant(dataset)), []
    for _ in range(1 + STARTS):
        began = time.perf_counter()
        rollout(twin, Rule())
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def make_dataset(config: Path, sockets: int, root: Path) -> Path:
    """Dataset of the scenario with so many sockets."""
    from shared.dataset import built

    from pvbesscar.config import load_settings

    chargers, per_socket = sockets // 4, 232_341.0 / 128
    overrides = [] if sockets == 128 else [
        f"ev.chargers={chargers}", f"ev.moto_chargers={chargers * 7 // 8}", f"ev.declared_kwh={per_socket * sockets}",
    ]  # fmt: skip
    return built(load_settings(config, [f"data.root={root / str(sockets)}", *overrides]).settings).dataset


def cases() -> dict[str, list[Case]]:
    """Cases by the table that they stand in; the first of all is what the others are compared with."""
    return {
        "Simulators": [
            Case("CityLearn, env.step"),
            Case("CityLearnSim, stock step"),
            Case("CityLearnSim, lean step"),
            Case("twin, single"),
            *(Case("twin, batch", plants=plants) for plants in PLANTS),
        ],
        "Sockets": [
            Case(what, sockets=sockets, plants=plants)
            for what, plants in (("CityLearnSim, lean step", 1), ("twin, single", 1), ("twin, batch", 64))
            for sockets in SOCKETS
            if sockets != 128
        ],
        "Length of the episode": [Case("twin, batch", plants=64, hours=hours) for hours in HOURS if hours != 168],
        "Scenario years": [Case("twin, batch", plants=64, years=years) for years in YEARS if years > 1],
        "Threads, and two other processes": [
            Case("twin, batch", plants=64, threads=threads, beside=beside) for beside in (0, 2) for threads in (1, 0)
        ],
    }


COLUMNS = ("sockets", "plants", "years", "episode h", "threads", "others", "plant-hours/s", "x", "MiB")
HEAD = (
    f"{'simulator':26} {'sockets':>7} {'plants':>6} {'years':>5} {'episode h':>9} {'threads':>7} {'others':>6} "
    f"{'plant-hours/s':>13} {'x':>8} {'MiB':>6}"
)


def line(row: Row) -> str:
    """One row as text."""
    c = row.case
    return (
        f"{c.what:26} {c.sockets:7d} {c.plants:6d} {c.years:5d} {c.hours:9d} {c.threads or 'all':>7} {c.beside:6d} "
        f"{row.plant_hours_per_s:13,.0f} "
        f"{row.ratio:8,.1f} {row.peak_memory_mib:6,.0f}"
    )


def markdown(tables: dict[str, list[Row]], once: dict[str, float], made_on: str) -> str:
    """Tables for the documentation."""
    lines = [
        f"Measured by `make bench` ({made_on}), all in one run. `x` is the ratio to CityLearn's own step at 128",
        "sockets; `MiB` is the peak memory of the process with all that it imports; `others` counts the processes",
        "that take a core each meanwhile.",
        "",
    ]
    for title, rows in tables.items():
        lines += [f"### {title}", "", f"| simulator | {' | '.join(COLUMNS)} |"]
        lines += [f"| --- {'| ---: ' * len(COLUMNS)}|"]
        for row in rows:
            c = row.case
            lines.append(
                f"| {c.what} | {c.sockets} | {c.plants} | {c.years} | {c.hours:,} | {c.threads or 'all'} | "
                f"{c.beside} | {row.plant_hours_per_s:,.0f} | {row.ratio:,.1f} | {row.peak_memory_mib:,.0f} |"
            )
        lines.append("")
    lines += ["### Waiting", "", "| what | s |", "| --- | ---: |"]
    lines += [f"| {what} | {seconds:.2f} |" for what, seconds in once.items()]
    return "\n".join(lines) + "\n"


def draw(tables: dict[str, list[Row]], path: Path) -> None:
    """Speed over plants and over sockets, both axes logarithmic."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from pvbesscar.store.files import write_text

    rows = [
        row
        for found in tables.values()
        for row in found
        if row.case == replace(row.case, years=1, hours=168, threads=0, beside=0)
    ]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "simulators", "font.size": 10}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        batch = sorted(
            (r.case.plants, r.plant_hours_per_s) for r in rows if r.case.what == "twin, batch" and r.case.sockets == 128
        )
        left.loglog(*zip(*batch, strict=True), "o-", color="#0072b2", label="twin, batch")
        for row in (r for r in rows if r.case.sockets == 128 and r.case.what != "twin, batch"):
            left.axhline(row.plant_hours_per_s, lw=1, ls=":", color="#666666")
            left.annotate(row.case.what, (1, row.plant_hours_per_s * 1.1), fontsize=8)
        left.set(xlabel="plants in the batch", ylabel="plant-hours a second, 128 sockets")
        for what, plants, colour in (
            ("twin, batch", 64, "#0072b2"), ("twin, single", 1, "#009e73"), ("CityLearnSim, lean step", 1, "#d55e00"),
        ):  # fmt: skip
            points = sorted(
                (r.case.sockets, r.plant_hours_per_s) for r in rows if (r.case.what, r.case.plants) == (what, plants)
            )
            right.loglog(
                *zip(*points, strict=True), "o-", color=colour, label=what if plants == 1 else f"{what} of {plants}"
            )
        right.set(xlabel="sockets", xticks=SOCKETS, xticklabels=SOCKETS)
        right.minorticks_off()
        right.legend(fontsize=8, frameon=False)
        with tempfile.TemporaryDirectory() as folder:
            figure.savefig(Path(folder) / "figure.svg", metadata={"Date": None})
            write_text(path, (Path(folder) / "figure.svg").read_text(encoding="utf-8"))


def main() -> None:
    """Measure all, print the tables, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("config/iquitos_mall.yaml"), help="scenario")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="folder of the results")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--dataset", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(asdict(measure(Case(**json.loads(arguments.case)), arguments.dataset))))
        return

    from pvbesscar.store.files import write_json, write_text
    from pvbesscar.store.stamps import machine, stamp

    tables: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as root:
        datasets = {sockets: make_dataset(arguments.config, sockets, Path(root)) for sockets in SOCKETS}
        stock = 0.0
        for title, planned in cases().items():
            print(f"\n{title}\n{HEAD}")
            tables[title] = []
            for case in planned:
                found = apart(case, datasets[case.sockets])
                stock = stock or found.plant_hours_per_s
                row = Row(case, found.plant_hours_per_s, found.peak_memory_mib, found.plant_hours_per_s / stock)
                tables[title].append(row)
                print(line(row), flush=True)
        once = {
            "a year on the single environment of the twin, observation and reward included": env_year_s(datasets[128]),
            "a year of the rule on the twin, hourly ledger and service of each socket included": rule_year_s(
                datasets[128]
            ),
            "from the start of a process to the first step of the twin, compile cache warm": first_step_s(
                datasets[128]
            ),
        }
    for what, seconds in once.items():
        print(f"{what}: {seconds:.2f} s")
    code = stamp("pvbesscar.plant", "pvbesscar.envs", "pvbesscar.simulation")
    body = {
        "machine": machine(),
        "code": code,
        "tables": {title: [asdict(row) for row in rows] for title, rows in tables.items()},
        "seconds": once,
    }
    write_json(arguments.out / "simulators.json", body)
    write_text(arguments.out / "simulators.md", markdown(tables, once, f"{machine()}; {code}"))
    draw(tables, arguments.out / "simulators.svg")
    print(f"written: {arguments.out}/simulators.json, .md, .svg")


if __name__ == "__main__":
    main()
