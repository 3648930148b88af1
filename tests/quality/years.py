"""Clean years for any site, made here and not by the project's own generator, and ways to spoil them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from pvbesscar.oe2.pv import ac_energy_kwh
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.store.files import published_folder, sha256_file, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import Finding, Provenance, SeriesProvenance
from schemas.settings import Settings

HOURS = 8760
SESSION_DAYS = 365


@dataclass(frozen=True)
class Place:
    """A site and the course of its clouds."""

    name: str
    latitude: float
    longitude: float
    timezone: str
    altitude_m: float = 100.0
    clearness: float = 0.70


IQUITOS = Place("iquitos", -3.75, -73.25, "America/Lima", 104.0, 0.60)


def settings_for(place: Place, root: Path = Path(), **sections: Any) -> Settings:
    """Scenario of the default plant at another place; modules face the equator, tilted by half of the latitude."""
    site = {"latitude": place.latitude, "longitude": place.longitude, "timezone": place.timezone}
    raw: dict[str, Any] = {
        "name": place.name,
        "data": {"root": str(root)},
        "site": site | {"altitude_m": place.altitude_m},
        "weather": {"source": "synthetic"},
        "pv": {
            "source": "synthetic",
            "tilt_deg": max(10.0, abs(place.latitude) / 2),
            "azimuth_deg": 180.0 if place.latitude > 0 else 0.0,
        },
        "mall": {"source": "synthetic"},
        "ev": {"source": "synthetic", "dwell_hours": 4},
        # The design's factor is one of the faults.
        "grid": {"carbon_kg_per_kwh": 0.7},
    }
    return Settings.model_validate(raw | sections)


def clean_weather(place: Place, year: int = 2025, seed: int = 0) -> pd.DataFrame:
    """Clear sky of pvlib under clouds with a memory of some hours; DNI and DHI after Erbs."""
    rng = np.random.default_rng(seed)
    stamps = pd.date_range(f"{year}-01-01", periods=HOURS, freq="h", tz=place.timezone)
    # In fixed local standard time, so that a summer clock shifts stamps but makes no gap.
    middle = stamps + pd.Timedelta(minutes=30)
    location = pvlib.location.Location(place.latitude, place.longitude, altitude=place.altitude_m)
    sky = location.get_clearsky(middle, linke_turbidity=3.5)
    zenith = location.get_solarposition(middle)["zenith"].to_numpy()
    memory = np.zeros(HOURS)
    for hour, kick in enumerate(rng.normal(0.0, 1.0, HOURS)):
        memory[hour] = 0.85 * memory[hour - 1] + 0.5 * kick
    clear_share = np.clip(place.clearness + 0.25 * memory, 0.12, 1.0)
    ghi = sky["ghi"].to_numpy() * clear_share
    parts = pvlib.irradiance.erbs(ghi, zenith, middle, min_cos_zenith=0.03, max_zenith=89.0)
    beam = np.where(zenith < 89.0, np.minimum(parts["dni"], sky["dni"].to_numpy()), 0.0)
    day = stamps.day_of_year.to_numpy()
    season = np.sin(np.radians(place.latitude)) * np.cos((day - 200) / 365 * 2 * np.pi)
    hour = stamps.hour.to_numpy()
    return pd.DataFrame(
        {
            "timestamp": stamps,
            "ghi_w_m2": ghi,
            "dni_w_m2": beam,
            "dhi_w_m2": np.maximum(ghi - beam * np.cos(np.radians(zenith)).clip(0.0), 0.0),
            "temp_air_c": 26 - abs(place.latitude) / 4 + 14 * season + 4 * np.sin((hour - 9) / 24 * 2 * np.pi),
            "wind_speed_m_s": np.abs(rng.normal(2.0, 1.0, HOURS)),
        }
    )


def clean_mall(settings: Settings, stamps: pd.Series, seed: int = 0) -> pd.DataFrame:
    """Demand with a daily course, noise, and the declared yearly energy."""
    rng = np.random.default_rng(seed + 1)
    hour, weekday = stamps.dt.hour.to_numpy(), stamps.dt.day_of_week.to_numpy()
    shape = np.where((hour >= 9) & (hour < 23), 1.0, 0.35) * np.where(weekday >= 5, 1.1, 1.0)
    load = shape * (1 + 0.08 * rng.standard_normal(shape.size)).clip(0.7)
    return pd.DataFrame({"timestamp": stamps, "mall_kwh": load * settings.mall.declared_kwh / load.sum()})


def clean_sessions(settings: Settings, seed: int = 0) -> pd.DataFrame:
    """Two sessions per socket and day, of four hours each, with the declared yearly energy."""
    rng, ev = np.random.default_rng(seed + 2), settings.ev
    halves = np.arange(2 * SESSION_DAYS)
    half, socket = (grid.ravel() for grid in np.meshgrid(halves, np.arange(ev.sockets), indexing="ij"))
    moto = socket // ev.sockets_per_charger < ev.moto_chargers
    battery = np.where(moto, ev.moto_battery_kwh, ev.mototaxi_battery_kwh)
    arrival = half * 12 + rng.integers(4, 8, half.size)
    wanted = rng.uniform(0.5, 1.0, half.size) * battery
    need = wanted * ev.declared_kwh / wanted.sum()
    frame = pd.DataFrame(
        {
            "session_id": [f"s{k:03d}_{h:03d}" for k, h in zip(socket, half, strict=True)],
            "socket": socket.astype(np.int64),
            "vehicle_class": np.where(moto, "moto", "mototaxi"),
            "arrival": arrival.astype(np.int64),
            "departure": (arrival + 4).astype(np.int64),
            "battery_kwh": battery,
            "arrival_soc": ev.required_soc - need * ev.charger_efficiency / battery,
            "required_soc": np.full(half.size, ev.required_soc),
        }
    )
    return frame.sort_values(["arrival", "socket"], ignore_index=True)


def clean_context(place: Place = IQUITOS, seed: int = 0, **sections: Any) -> QualityContext:
    """A whole clean year."""
    settings = settings_for(place, **sections)
    return context_of(settings, clean_weather(place, settings.site.year, seed), seed)


def context_of(settings: Settings, weather: pd.DataFrame, seed: int = 0) -> QualityContext:
    """A whole year around a weather frame."""
    stamps = weather["timestamp"]
    pv = pd.DataFrame({"timestamp": stamps, "pv_kwh": ac_energy_kwh(weather, settings.pv, settings.site)})
    frames = {
        "weather": weather,
        "pv": pv,
        "mall": clean_mall(settings, stamps, seed),
        "sessions": clean_sessions(settings, seed),
    }
    return QualityContext(settings, frames)


def spoil(context: QualityContext, series: str, rows: Any, **columns: Any) -> QualityContext:
    """Return the context with values put into the rows of one frame."""
    frame = context.frames[series].copy()
    for column, value in columns.items():
        frame.loc[frame.index[rows], column] = value
    return context.with_frame(series, frame)


def found(context: QualityContext, rule: str) -> list[Finding]:
    """Findings of one rule."""
    return [finding for finding in judge(context) if finding.rule == rule]


def only(context: QualityContext, rule: str) -> Finding:
    """The one finding of a rule."""
    findings = found(context, rule)
    assert len(findings) == 1, [finding.rule for finding in judge(context)]
    return findings[0]


def hours_of(finding: Finding) -> list[tuple[int, int]]:
    """Ranges of hours of a finding."""
    return [(one.first, one.last) for one in finding.hours]


def write_year(context: QualityContext, *series: SeriesProvenance) -> Workspace:
    """Write a year the way `ingest` does."""
    workspace = Workspace.of(context.settings)
    with published_folder(workspace.canonical) as folder:
        for name, frame in context.frames.items():
            write_parquet(folder / f"{name}.parquet", frame)
        files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
        provenance = Provenance(scenario=context.settings.name, seed=0, series=series, files=files)
        write_text(folder / "provenance.json", provenance.model_dump_json())
    return workspace


PLACES = (
    Place("helsinki", 60.17, 24.94, "Europe/Helsinki", 20.0, 0.55),
    Place("bergen", 60.39, 5.32, "Europe/Oslo", 10.0, 0.42),
    Place("london", 51.5, -0.12, "Europe/London", 20.0, 0.5),
    Place("denver", 39.74, -104.99, "America/Denver", 1650.0, 0.8),
    Place("delhi", 28.61, 77.21, "Asia/Kolkata", 216.0, 0.75),
    Place("dakar", 14.69, -17.45, "Africa/Dakar", 20.0, 0.85),
    Place("singapore", 1.35, 103.82, "Asia/Singapore", 15.0, 0.6),
    IQUITOS,
    Place("darwin", -12.46, 130.84, "Australia/Darwin", 30.0, 0.75),
    Place("calama", -22.46, -68.93, "America/Santiago", 2260.0, 0.95),
    Place("cape-town", -33.92, 18.42, "Africa/Johannesburg", 10.0, 0.8),
    Place("auckland", -36.85, 174.76, "Pacific/Auckland", 20.0, 0.65),
    Place("comodoro", -45.86, -67.48, "America/Argentina/Buenos_Aires", 50.0, 0.65),
)
"""Thirteen sites from 60 N to 45 S, with and without a summer clock, from the sea to 2,260 m."""


def typical_year(file: str, timezone: str) -> tuple[Place, pd.DataFrame]:
    """A typical meteorological year that ships inside pvlib, stamped at the start of the hour.

    TMY3 stamps the end of each hour in standard time, so its stamps are put back by one hour.
    """
    path = Path(pvlib.__file__).parent / "data" / file
    data, meta = pvlib.iotools.read_tmy3(path, coerce_year=2025, map_variables=True)
    place = Place(f"tmy-{path.stem}", meta["latitude"], meta["longitude"], timezone, meta["altitude"])
    stamps = pd.date_range("2025-01-01", periods=HOURS, freq="h", tz=timezone)
    columns = {
        "ghi_w_m2": "ghi",
        "dni_w_m2": "dni",
        "dhi_w_m2": "dhi",
        "temp_air_c": "temp_air",
        "wind_speed_m_s": "wind_speed",
    }
    return place, pd.DataFrame(
        {"timestamp": stamps, **{name: data[source].to_numpy(float) for name, source in columns.items()}}
    )


TYPICAL_YEARS = (("723170TYA.CSV", "Etc/GMT+5"), ("703165TY.csv", "Etc/GMT+9"))
"""Greensboro, 36 N, and Sand Point, 55 N: National Solar Radiation Data Base, TMY3."""
