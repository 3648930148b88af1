"""Time of the whole quality gate, reading included, how it grows with sockets and years, and what a refusal costs.

The time beyond imports of `pvbesscar ingest` and `pvbesscar validate` on 8,760 hours: the inputs are written as
CSV files first (weather, mall, charger profiles), then read, judged and reported on as a scenario reads them. Then
files and a folder that no input is, each refused by `pvbesscar validate PATH` in a process of its own. Prints two
tables and writes quality.json and quality.md to --out; `make bench` runs it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from shared.large_files import LARGE_FILES, parquet
from shared.results import write_results

from pvbesscar.config import load_settings
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace

SOCKETS = (32, 64, 128, 256, 512)
YEARS = (1, 2, 4)
FOLDER = "a folder of four Parquet files of 15 s"
DATASET_FILES = ("energy_simulation", "weather", "pricing", "carbon_intensity")


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one measurement: reading the files, judging them, both."""

    sockets: int
    years: int
    read_s: float
    judge_s: float
    whole_s: float


def inputs(root: Path, sockets: int) -> list[str]:
    """Write a synthetic year as the files that a site would deliver; settings that read them."""
    chargers = sockets // 4
    energy = [f"ev.declared_kwh={232_341.0 * sockets / 128}"]
    size = [f"ev.chargers={chargers}", f"ev.moto_chargers={chargers * 7 // 8}", *energy] if sockets != 128 else []
    settings = load_settings(Path("config/iquitos_mall.yaml"), [f"data.root={root / 'made'}", *size]).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    folder = root / "files"
    folder.mkdir()
    for name in ("weather", "mall", "sessions"):
        frame = pd.read_parquet(workspace.canonical / f"{name}.parquet")
        if "timestamp" in frame:
            frame["timestamp"] = frame["timestamp"].dt.tz_localize(None).dt.strftime("%Y-%m-%d %H:%M")
        frame.to_csv(folder / f"{name}.csv", index=False)
    return [
        f"data.root={root / 'run'}", f"data.oe2_dir={folder}", *size,
        "weather.source=file", "weather.file=weather.csv", "pv.source=model",
        "mall.source=file", "mall.file=mall.csv", "ev.source=sessions", "ev.file=sessions.csv",
    ]  # fmt: skip


def measure(sockets: int, years: int) -> Row:
    """Read and judge `years` years of a site with so many sockets, one after another."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path("config/iquitos_mall.yaml"), inputs(Path(folder), sockets)).settings
        workspace = Workspace.of(settings)
        read = judged = 0.0
        for _ in range(years):
            began = time.perf_counter()
            ingest(settings, workspace)
            middle = time.perf_counter()
            validate(settings, workspace)
            read, judged = read + middle - began, judged + time.perf_counter() - middle
    return Row(sockets, years, read, judged, read + judged)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Seconds beyond imports and peak memory [MB], imports included, of refusing what is named."""

    name: str
    seconds: float
    peak_mb: float
    said: str


def refused(path: Path) -> dict[str, object]:
    """Refuse a file or a folder in this process, and say what that cost."""
    from pvbesscar.quality.folder.judge import judge_folder
    from pvbesscar.quality.year.files import judge_file

    settings = load_settings(Path("config/iquitos_mall.yaml"), []).settings
    began = time.perf_counter()
    judged = judge_folder(path, settings) if path.is_dir() else judge_file(path, settings)
    seconds = time.perf_counter() - began
    if not judged.errors:
        raise SystemExit(f"{path} was accepted")
    said = next(one.observed for one in judged.findings if one.rule.endswith(".readable"))
    status = Path("/proc/self/status").read_text()  # the peak of getrusage is the parent's where that is greater
    peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
    return {"seconds": seconds, "peak_mb": peak, "said": said.replace(f"{path} (named by `PATH`)", "it")}


def four_parquet_files(folder: Path) -> None:
    """Dataset of 2,102,400 rows of 15 s."""
    folder.mkdir()
    for kind in DATASET_FILES:
        parquet(8760 * 240, 9)(folder / f"{kind}.parquet")
    building = {kind: f"{kind}.parquet" for kind in DATASET_FILES}
    schema = {"seconds_per_time_step": 15, "buildings": {"Building_1": building}}
    (folder / "schema.json").write_text(json.dumps(schema))


def refusals() -> list[Refusal]:
    """Refuse each of the files, and the folder."""
    found = []
    for name, make in {**LARGE_FILES, FOLDER: four_parquet_files}.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input"
            make(path)
            command = [sys.executable, __file__, "--refuse", str(path)]
            answer = subprocess.run(command, capture_output=True, check=True, text=True)
        found.append(Refusal(name=name, **json.loads(answer.stdout)))
        print(f"{name:45} {found[-1].seconds:6.2f} s {found[-1].peak_mb:6.0f} MB", flush=True)
    return found


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="folder of the results")
    parser.add_argument("--refuse", type=Path, help="refuse this file or folder, and print what that cost")
    arguments = parser.parse_args()
    if arguments.refuse is not None:
        print(json.dumps(refused(arguments.refuse)))
        return
    measure(32, 1)  # imports and caches
    print(f"{'sockets':>7} {'years':>5} {'read s':>8} {'judge s':>8} {'whole s':>8}")
    rows = []
    for sockets, years in [*((sockets, 1) for sockets in SOCKETS), *((128, years) for years in YEARS if years > 1)]:
        row = measure(sockets, years)
        rows.append(row)
        print(f"{row.sockets:7d} {row.years:5d} {row.read_s:8.2f} {row.judge_s:8.2f} {row.whole_s:8.2f}", flush=True)
    costs = refusals()
    write_results(
        arguments.out,
        "quality",
        "Files of one year after another, read, judged and reported on, beyond imports; and what no input is, refused, "
        "each in a process of its own, whose memory holds the imports too.",
        {
            "The quality gate": (
                ("sockets", "years", "read, s", "judge, s", "whole, s"),
                [
                    (str(r.sockets), str(r.years), f"{r.read_s:.2f}", f"{r.judge_s:.2f}", f"{r.whole_s:.2f}")
                    for r in rows
                ],
            ),
            "What a refusal costs": (
                ("file", "time, s", "peak memory, MB"),
                [(c.name, f"{c.seconds:.2f}", f"{c.peak_mb:.0f}") for c in costs],
            ),
        },
        {"rows": [asdict(row) for row in rows], "refusals": [asdict(cost) for cost in costs]},
        ("pvbesscar.quality", "pvbesscar.oe2"),
    )


if __name__ == "__main__":
    main()
