"""The stage `ingest`: each series from the source that the scenario names, into canonical Parquet with provenance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pvbesscar.oe2.fills import FILLS_FILE, filled, hourly_marks
from pvbesscar.oe2.pv import MODEL, ac_energy_kwh
from pvbesscar.oe2.pvgis import with_origin
from pvbesscar.oe2.readers import read_series
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.sessions import sessions_from_profile
from pvbesscar.oe2.synthetic import synthetic_mall, synthetic_sessions, synthetic_weather
from pvbesscar.store.files import published_folder, sha256_file, write_json, write_parquet
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError
from schemas.frames import CARBON, EV_PROFILE, MALL, PV, SESSIONS, WEATHER
from schemas.results import Provenance
from schemas.settings import Settings

PROVENANCE_FILE = "provenance.json"


def ingest(settings: Settings, workspace: Workspace) -> Provenance:
    """Read or make the canonical year of a scenario and publish it whole.

    Parameters
    ----------
    settings
        The scenario; relative input files start from `data.oe2_dir`.
    workspace
        Where `canonical` is. What stood there stays until every series is read.

    Returns
    -------
    Provenance
        Source, steps and notes of each series, and the digest of each file; also `provenance.json`.

    Raises
    ------
    InputError
        A file can not be read as what the scenario declares it to be. No other data is used in its place.
    ConfigError
        The scenario asks a synthetic series for what it can not have.
    """
    everything = collect(settings)
    with published_folder(workspace.canonical) as folder:
        files = {}
        for series in everything:
            path = folder / f"{series.provenance.series}.parquet"
            write_parquet(path, series.frame)
            files[path.name] = sha256_file(path)
        marks = hourly_marks(everything)
        if len(marks):
            write_parquet(folder / FILLS_FILE, marks)
            files[FILLS_FILE] = sha256_file(folder / FILLS_FILE)
        provenance = Provenance(
            scenario=settings.name,
            seed=settings.seed,
            series=tuple(series.provenance for series in everything),
            files=files,
        )
        write_json(folder / PROVENANCE_FILE, provenance.model_dump(mode="json"))
    return provenance


def collect(settings: Settings) -> tuple[Series, ...]:
    """All canonical series of a scenario, in memory: weather, pv, mall, charger profile, sessions, carbon intensity."""
    weather = filled(weather_series(settings), settings)
    carbon = (read_series(CARBON, settings),) if settings.carbon.source == "file" else ()
    return (weather, pv_series(settings, weather), mall_series(settings), *ev_series(settings), *carbon)


def weather_series(settings: Settings) -> Series:
    """Canonical weather from the scenario's source."""
    if settings.weather.source == "synthetic":
        return synthetic_weather(settings)
    weather = read_series(WEATHER, settings)
    return with_origin(weather, Path(str(weather.provenance.file)))


def pv_series(settings: Settings, weather: Series) -> Series:
    """Canonical PV energy from the scenario's source; a model runs on `weather`."""
    pv, site = settings.pv, settings.site
    if pv.source == "file":
        return filled(read_series(PV, settings), settings, weather)
    energy = ac_energy_kwh(weather.frame, pv, site)
    plant = (
        f"{pv.dc_kwp:g} kWp DC, {pv.ac_kw:g} kW AC, tilt {pv.tilt_deg:g} deg, azimuth {pv.azimuth_deg:g} deg, "
        f"{pv.temperature_coefficient_per_k:g}/K, system losses {pv.system_losses:g}, "
        f"inverter {pv.inverter_efficiency:g}"
    )
    fills = weather.provenance.fills
    provenance = weather.provenance.model_copy(
        update={
            "series": "pv",
            "source": pv.source,
            "reader": "pvlib_model",
            "transformations": (
                "weather as canonical (see its own provenance)",
                MODEL,
                plant,
                "mean AC power over one hour taken as the energy of that hour",
            ),
            "notes": (
                f"yield {np.nansum(energy) / pv.dc_kwp:.1f} kWh/kWp, {np.nansum(energy):,.0f} kWh",
                *(f"{fill.hours} hours of its weather were filled, from {fill.first_stamp}" for fill in fills),
            ),
        }
    )
    return Series(pd.DataFrame({"timestamp": weather.frame["timestamp"], "pv_kwh": energy}), provenance)


def mall_series(settings: Settings) -> Series:
    """Canonical demand of the mall from the scenario's source, scaled where `mall.scale_to_declared` says so."""
    if settings.mall.source == "synthetic":
        return synthetic_mall(settings)
    measured = filled(read_series(MALL, settings), settings)
    return scaled(measured, settings.mall.declared_kwh) if settings.mall.scale_to_declared else measured


def scaled(measured: Series, declared_kwh: float) -> Series:
    """Return the mall's demand with its shape kept and its energy brought to `declared_kwh`.

    Raises
    ------
    InputError
        The file holds no energy to scale.
    """
    demand = measured.frame["mall_kwh"]
    gaps = int(demand.isna().sum())
    total = float(demand.sum())
    if not total > 0.0:
        raise InputError(
            f"{measured.provenance.file} (named by `mall.file`): the demand adds up to {total:g} kWh and can not be "
            f"scaled to the declared {declared_kwh:,.0f} kWh. Likely cause: an emptied column.",
            hint="export the file again, or set `mall.file` to another one.",
        )
    factor = declared_kwh / total
    step = (
        f"scaled by {factor:.6g} from {total:,.2f} kWh to the declared {declared_kwh:,.0f} kWh "
        "(`mall.scale_to_declared`)"
    )
    if gaps:
        step += f"; {gaps} hours without a number stay without one"
    return measured.then(measured.frame.assign(mall_kwh=demand * factor), step)


def ev_series(settings: Settings) -> tuple[Series, ...]:
    """Canonical sessions from the scenario's source, after the profile that they are derived from, if any."""
    ev = settings.ev
    if ev.source == "synthetic":
        return (synthetic_sessions(settings),)
    if ev.source == "sessions":
        return (read_series(SESSIONS, settings),)
    profile = filled(read_series(EV_PROFILE, settings), settings)
    return (profile, sessions_from_profile(profile, ev))
