"""Time of the whole quality gate, reading included, and how it grows with sockets and years.

The time beyond imports of `pvbesscar ingest` and `pvbesscar validate` on 8,760 hours: the inputs are written as
CSV files first (weather, mall, charger profiles), then read, judged and reported on as a scenario reads them. Prints a
table and writes quality.json and quality.md to --out; `make bench` runs it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from shared.results import write_results

from pvbesscar.config import load_settings
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace

SOCKETS = (32, 64, 128, 256, 512)
YEARS = (1, 2, 4)


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


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="folder of the results")
    arguments = parser.parse_args()
    measure(32, 1)  # imports and caches
    print(f"{'sockets':>7} {'years':>5} {'read s':>8} {'judge s':>8} {'whole s':>8}")
    rows = []
    for sockets, years in [*((sockets, 1) for sockets in SOCKETS), *((128, years) for years in YEARS if years > 1)]:
        row = measure(sockets, years)
        rows.append(row)
        print(f"{row.sockets:7d} {row.years:5d} {row.read_s:8.2f} {row.judge_s:8.2f} {row.whole_s:8.2f}", flush=True)
    write_results(
        arguments.out,
        "quality",
        "Files of one year after another, read, judged and reported on, beyond imports.",
        {
            "The quality gate": (
                ("sockets", "years", "read, s", "judge, s", "whole, s"),
                [
                    (str(r.sockets), str(r.years), f"{r.read_s:.2f}", f"{r.judge_s:.2f}", f"{r.whole_s:.2f}")
                    for r in rows
                ],
            )
        },
        {"rows": [asdict(row) for row in rows]},
        ("pvbesscar.quality", "pvbesscar.oe2"),
    )


if __name__ == "__main__":
    main()
