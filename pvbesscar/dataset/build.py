"""The `build` stage: the CityLearn dataset of a canonical year, written as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.dataset.charger_files import charger_frame, check_charger_frame
from pvbesscar.dataset.draw import write_scenarios
from pvbesscar.dataset.forecast import forecast_columns, persistence_forecast, solar_forecast
from pvbesscar.dataset.reference import infeasible
from pvbesscar.dataset.schema import (
    BUILDING_FILE,
    CARBON_FILE,
    PRICING_FILE,
    WEATHER_FILE,
    charger_file,
    citylearn_schema,
    vehicle_name,
)
from pvbesscar.dataset.settings import dataset_settings_digest
from pvbesscar.dataset.years import DrawnYear, Nominal, plant_of
from pvbesscar.oe2.calendar import day_types
from pvbesscar.oe2.sessions import session_energy_kwh
from pvbesscar.oe2.weather import clear_sky
from pvbesscar.plant.data import HOURLY_FILE, PLANT_FILE, RULE_IMPORT_COLUMN, SESSIONS_FILE, sessions_from_columns
from pvbesscar.plant.params import PlantParams, plant_params
from pvbesscar.plant.tariff import energy_price
from pvbesscar.quality.expectations.dataset import require_dataset_files
from pvbesscar.quality.gate import accepted
from pvbesscar.quality.stage_contracts import require_canonical
from pvbesscar.store.dataset_manifest import MANIFEST_FILE, file_digests
from pvbesscar.store.files import published_folder, read_parquet, sha256_json, write_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.frames import CARBON, MALL, PV, SESSIONS, WEATHER
from schemas.results import DatasetManifest, ScoreTerms, YearFacts
from schemas.settings import HOURS_PER_YEAR, Settings

FloatArray = NDArray[np.float64]


def build(settings: Settings, workspace: Workspace) -> DatasetManifest:
    """Build the CityLearn dataset of a year that the quality gate has accepted.

    Raises
    ------
    StaleError
        Canonical files are missing or not those of their provenance, or the quality gate has not accepted them.
    SimulationError
        A charger file has states that CityLearn does not know.
    """
    report = accepted(workspace)
    needed = (WEATHER, PV, MALL, SESSIONS, *((CARBON,) if settings.carbon.source == "file" else ()))
    frames = {name: read_parquet(workspace.canonical / f"{name}.parquet") for name in needed}
    require_canonical(frames, settings, report)
    hourly = hourly_frame(settings, frames[PV], frames[MALL], frames.get(CARBON))
    sessions = frames[SESSIONS].reset_index(drop=True)
    tables = YearTables(hourly, sessions, frames[WEATHER])
    with published_folder(workspace.dataset) as draft:
        scales = {"mall_scale_kw": float(hourly["mall_kwh"].max())}
        if CARBON in frames:
            scales["carbon_scale"] = float(hourly["carbon"].max())
        params = plant_params(settings, **scales)
        reference = write_year(draft, settings, tables, params)
        write_scenarios(draft, settings, report.rules)
        manifest = write_manifest(draft, settings, tables, params, reference, report.canonical_digest)
        if settings.quality.second_reading:
            waived = {finding.rule for finding in report.waived}
            require_dataset_files(draft, settings, workspace.data_docs("dataset"), waived)
        return manifest


@dataclass(frozen=True, slots=True)
class YearTables:
    """A year to write as a dataset: `hourly` as `hourly_frame` gives it, canonical sessions and weather."""

    hourly: pd.DataFrame
    sessions: pd.DataFrame
    weather: pd.DataFrame


def citylearn_pv(pv_kwh: FloatArray, dc_kwp: float) -> tuple[FloatArray, FloatArray]:
    """PV as CityLearn's file holds it [W/kW] and as CityLearn computes it back, in float32 [kWh]; both (N,)."""
    per_kw = pv_kwh * 1000.0 / dc_kwp
    back = dc_kwp * per_kw.astype(np.float32) / 1000.0
    return per_kw, back.astype(np.float32).astype(np.float64)


def hourly_frame(
    settings: Settings, pv: pd.DataFrame, mall: pd.DataFrame, carbon: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Everything hourly that a simulator needs, N rows, energies as CityLearn holds them (float32 values)."""
    stamps = pd.DatetimeIndex(mall["timestamp"])
    calendar = day_types(stamps, settings.site.holidays)
    pv_w_per_kw, pv_kwh = citylearn_pv(pv["pv_kwh"].to_numpy(np.float64), settings.pv.dc_kwp)
    mall_kwh = mall["mall_kwh"].to_numpy(np.float32).astype(np.float64)
    clear = clear_sky(stamps, settings.site)["ghi"].to_numpy(np.float64)
    constant = settings.constant_carbon_kg_per_kwh
    intensity = np.full(len(stamps), constant) if carbon is None else carbon["carbon_kg_per_kwh"].to_numpy()
    return pd.DataFrame(
        {
            "timestamp": stamps,
            "pv_kwh": pv_kwh,
            "pv_w_per_kw": pv_w_per_kw,
            "mall_kwh": mall_kwh,
            "price": energy_price(settings.tariff, stamps.hour.to_numpy(np.int64), calendar),
            "carbon": intensity.astype(np.float32).astype(np.float64),
            "hour": stamps.hour,
            "month": stamps.month,
            "day_type": calendar,
            "clear_ghi_w_m2": clear,
            **forecast_columns(pv_kwh, mall_kwh, clear, calendar, settings.pv.ac_kw),
        }
    )


def _csv(path: Path, frame: pd.DataFrame) -> None:
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def _closed(frame: pd.DataFrame) -> pd.DataFrame:
    """Append row 0 once more: CityLearn makes N transitions of N + 1 rows, so every hour is controlled."""
    return pd.concat([frame, frame.iloc[[0]]], ignore_index=True)


def _write_series(folder: Path, settings: Settings, hourly: pd.DataFrame, weather: pd.DataFrame) -> None:
    building = pd.DataFrame(
        {
            "month": hourly["month"],
            "hour": hourly["hour"] + 1,  # CityLearn counts hours 1 to 24
            "day_type": hourly["day_type"],
            "daylight_savings_status": 0,
            "indoor_dry_bulb_temperature": np.nan,  # not measured, and nothing depends on it
            "non_shiftable_load": hourly["mall_kwh"],
            "dhw_demand": 0.0,  # all demand of the mall is electric and in non_shiftable_load
            "cooling_demand": 0.0,
            "heating_demand": 0.0,
            "solar_generation": hourly["pv_w_per_kw"],
        }
    )
    _csv(folder / BUILDING_FILE, _closed(building))
    _csv(folder / WEATHER_FILE, _closed(weather_frame(settings, weather)))
    price = hourly["price"].to_numpy()
    ahead = {f"electricity_pricing_predicted_{step}": np.roll(price, -step) for step in (1, 2, 3)}
    _csv(folder / PRICING_FILE, _closed(pd.DataFrame({"electricity_pricing": price, **ahead})))
    _csv(folder / CARBON_FILE, _closed(pd.DataFrame({"carbon_intensity": hourly["carbon"]})))


def weather_frame(settings: Settings, weather: pd.DataFrame) -> pd.DataFrame:
    """CityLearn's weather file, forecasts made of the past only; a humidity that nobody measured stays empty."""
    clear = clear_sky(pd.DatetimeIndex(weather["timestamp"]), settings.site)["ghi"].to_numpy(np.float64)
    humidity = weather["relative_humidity"] if "relative_humidity" in weather else pd.Series(np.nan, weather.index)
    sources = {
        "outdoor_dry_bulb_temperature": weather["temp_air_c"],
        "outdoor_relative_humidity": humidity,
        "diffuse_solar_irradiance": weather["dhi_w_m2"],
        "direct_solar_irradiance": weather["dni_w_m2"],
    }
    now = {name: np.asarray(values, dtype=np.float64) for name, values in sources.items()}
    columns = dict(now)
    for name, values in now.items():
        ahead = solar_forecast(values, clear) if "irradiance" in name else persistence_forecast(values)
        columns |= {f"{name}_predicted_{step}": ahead[:, step - 1] for step in (1, 2, 3)}
    return pd.DataFrame(columns)


def _write_chargers(folder: Path, settings: Settings, sessions: pd.DataFrame) -> None:
    by_socket = dict(tuple(sessions.groupby("socket", sort=True)))
    for socket in range(settings.ev.sockets):
        own = by_socket.get(socket, sessions.iloc[:0]).sort_values("arrival")
        frame = charger_frame(own, HOURS_PER_YEAR + 1, vehicle_name(settings.ev, socket))
        check_charger_frame(frame, charger_file(settings.ev, socket))
        _csv(folder / charger_file(settings.ev, socket), frame)


def write_year(folder: Path, settings: Settings, tables: YearTables, params: PlantParams) -> ScoreTerms:
    """Write a year as a dataset for CityLearn and for the twin; return its totals under no control.

    Parameters
    ----------
    folder
        Empty folder; its manifest is written last, by `write_manifest`.
    params
        The plant that lives through the year.
    """
    hourly, sessions = tables.hourly, tables.sessions
    _write_series(folder, settings, hourly, tables.weather)
    _write_chargers(folder, settings, sessions)
    write_json(folder / "schema.json", citylearn_schema(settings))
    batteries = {
        "ev_kwh": [settings.ev.battery_kwh(settings.ev.vehicle_class(k)) for k in range(settings.ev.sockets)],
        "power_efficiency_curve": settings.bess.power_efficiency_curve,
        "capacity_power_curve": settings.bess.capacity_power_curve,
    }
    nominal = Nominal(params, batteries, settings.control.forecast, settings.tariff, hourly, sessions)
    data = plant_of(DrawnYear(hourly, sessions, 0), nominal, params, "")
    reference = ScoreTerms.of(data.reference.tolist())
    write_parquet(folder / HOURLY_FILE, hourly.assign(**{RULE_IMPORT_COLUMN: data.tariff.rule_import_kwh}))
    write_parquet(folder / SESSIONS_FILE, sessions)
    write_json(
        folder / PLANT_FILE,
        {
            "params": params.as_json(),
            "batteries": batteries,
            "reference": reference.model_dump(),
            "forecast": settings.control.forecast,
            "tariff": settings.tariff.model_dump(mode="json"),
        },
    )
    return reference


def write_manifest(
    folder: Path,
    settings: Settings,
    tables: YearTables,
    params: PlantParams,
    reference: ScoreTerms,
    canonical_digest: str,
) -> DatasetManifest:
    """Write the manifest of a folder that is complete but for it."""
    hourly, sessions = tables.hourly, tables.sessions
    pv_kwh = float(hourly["pv_kwh"].sum())
    facts = YearFacts(
        hours=len(hourly),
        pv_kwh=pv_kwh,
        pv_yield_kwh_per_kwp=pv_kwh / settings.pv.dc_kwp,
        mall_kwh=float(hourly["mall_kwh"].sum()),
        ev_kwh=float(session_energy_kwh(sessions, settings.ev).sum()),
        ghi_kwh_m2=float(tables.weather["ghi_w_m2"].sum()) / 1000.0,
        sessions=len(sessions),
        sessions_infeasible=int(infeasible(params, sessions_from_columns(sessions)).sum()),
        first_stamp=str(hourly["timestamp"].iloc[0]),
        last_stamp=str(hourly["timestamp"].iloc[-1]),
    )
    files = file_digests(folder)
    manifest = DatasetManifest(
        scenario=settings.name,
        mode=settings.control.mode,
        citylearn_version=version("citylearn"),
        settings_digest=dataset_settings_digest(settings),
        canonical_digest=canonical_digest,
        facts=facts,
        no_control=reference,
        files=files,
        digest=sha256_json(files),
    )
    write_text(folder / MANIFEST_FILE, manifest.model_dump_json(indent=2) + "\n")
    return manifest
