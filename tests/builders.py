"""Small years with values that can be checked on paper, written the way `ingest` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.dataset.build import build
from pvbesscar.store.files import published_folder, sha256_file, sha256_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import Provenance, QualityReport
from schemas.settings import HOURS_PER_YEAR, Settings

MINI_EV = {"chargers": 2, "moto_chargers": 1, "source": "synthetic", "dwell_hours": 3}


def scenario(root: Path, **sections: Any) -> Settings:
    """Settings of a synthetic scenario under `root`; `sections` replace whole keys."""
    raw: dict[str, Any] = {
        "name": "test",
        "data": {"root": str(root)},
        "weather": {"source": "synthetic"},
        "pv": {"source": "synthetic"},
        "mall": {"source": "synthetic"},
        "ev": MINI_EV,
        # Drawing years takes longer than building these; tests of scenarios ask for them.
        "scenarios": {"training": 0, "validation": 0, "test": 0},
        # Great Expectations takes seconds; `quality={}` asks for it.
        "quality": {"second_reading": False},
    }
    return Settings.model_validate(raw | sections)


def two_prices(
    peak: float = 0.45, base: float = 0.28, hours: tuple[int, int] = (18, 23), **others: Any
) -> dict[str, Any]:
    """A tariff of two energy prices, the dear one in `hours`; `others` are further keys of it."""
    first, end = hours
    rest = [pair for pair in ((0, first), (end, 24)) if pair[0] < pair[1]]
    bands = [
        {"name": "peak", "hours": [hours], "pen_per_kwh": peak},
        {"name": "base", "hours": rest, "pen_per_kwh": base},
    ]
    return {"energy": bands} | others


def session(socket: int, arrival: int, departure: int, arrival_soc: float, **changes: Any) -> dict[str, Any]:
    """One canonical session; sockets 0-3 of the mini site are motos, 4-7 mototaxis."""
    moto = socket < 4
    return {
        "session_id": f"s{socket:03d}_{arrival:04d}",
        "socket": socket,
        "vehicle_class": "moto" if moto else "mototaxi",
        "arrival": arrival,
        "departure": departure,
        "battery_kwh": 3.5 if moto else 10.0,
        "arrival_soc": arrival_soc,
        "required_soc": 0.9,
    } | changes


def write_canonical(
    settings: Settings,
    sessions: list[dict[str, Any]],
    pv_kwh: np.ndarray | float = 0.0,
    mall_kwh: np.ndarray | float = 100.0,
    stamps: pd.DatetimeIndex | None = None,
) -> None:
    """Write canonical files with the series given, of the hours from 1 January on where no stamps are."""
    if stamps is None:
        first, zone = f"{settings.site.year}-01-01", settings.site.timezone
        stamps = pd.date_range(first, periods=HOURS_PER_YEAR, freq="h", tz=zone)
    flat = {"dni_w_m2": 0.0, "dhi_w_m2": 0.0, "temp_air_c": 26.0, "wind_speed_m_s": 1.0}
    columns = list(session(0, 0, 1, 0.5))
    frames = {
        "weather": pd.DataFrame({"timestamp": stamps, "ghi_w_m2": np.broadcast_to(0.0, len(stamps)), **flat}),
        "pv": pd.DataFrame({"timestamp": stamps, "pv_kwh": np.broadcast_to(pv_kwh, len(stamps)).astype(float)}),
        "mall": pd.DataFrame({"timestamp": stamps, "mall_kwh": np.broadcast_to(mall_kwh, len(stamps)).astype(float)}),
        "sessions": pd.DataFrame(sessions, columns=columns).sort_values(["arrival", "socket"]),
    }
    with published_folder(Workspace.of(settings).canonical) as folder:
        for name, frame in frames.items():
            write_parquet(folder / f"{name}.parquet", frame)
        files = {path.name: sha256_file(path) for path in folder.iterdir()}
        provenance = Provenance(scenario=settings.name, seed=settings.seed, series=(), files=files)
        write_text(folder / "provenance.json", provenance.model_dump_json())
    # These years are made to be counted on paper, not to pass for weather: the gate's word is written for them.
    report = QualityReport(scenario=settings.name, canonical_digest=sha256_json(files), rules=(), findings=())
    write_text(Workspace.of(settings).quality / "quality_report.json", report.model_dump_json())


def mini_dataset(root: Path, sessions: list[dict[str, Any]], **series: Any) -> Path:
    """Build the dataset of a mini site (two chargers, eight sockets) and return its folder."""
    sections = {key: series.pop(key) for key in list(series) if key in Settings.model_fields}
    settings = scenario(root, **sections)
    write_canonical(settings, sessions, **series)
    build(settings, Workspace.of(settings))
    return Workspace.of(settings).dataset
