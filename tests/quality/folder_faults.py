"""Faults of dataset folders: how each is planted in a copy of a clean one, and the rule that must find it."""

# ruff: noqa: E501 (one fault, one line)
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Plant = Callable[[Path], None]
BUILDING = "Mall_Iquitos"
CHARGER, OTHER = "charger_01_A", "charger_01_B"
VEHICLE = "moto_charger_01_A"
STATE = "electric_vehicle_charger_state"
ID = "electric_vehicle_id"
REQUIRED = "electric_vehicle_required_soc_departure"
ARRIVAL = "electric_vehicle_estimated_soc_arrival"
LEFT = "electric_vehicle_departure_time"
SESSION = "electric_vehicle_session_id"


@dataclass(frozen=True)
class FolderFault:
    """One kind of fault and the rule that must find it; `year` where it takes a whole year to see it."""

    kind: str
    rule: str
    plant: Plant
    year: bool = False


def edit_schema(change: Callable[[Any], object]) -> Plant:
    """Plant by changing the parsed schema in place."""

    def plant(folder: Path) -> None:
        path = folder / "schema.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        change(schema)
        path.write_text(json.dumps(schema), encoding="utf-8")

    return plant


def put(key: str, value: Any) -> Plant:
    """Plant a value under a key with dots."""

    def change(schema: Any) -> None:
        *path, last = key.split(".")
        for part in path:
            schema = schema[part]
        schema[last] = value

    return edit_schema(change)


def drop(key: str) -> Plant:
    """Leave out a key with dots."""

    def change(schema: Any) -> None:
        *path, last = key.split(".")
        for part in path:
            schema = schema[part]
        del schema[last]

    return edit_schema(change)


def edit(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Plant:
    """Plant by changing a file's table."""

    def plant(folder: Path) -> None:
        change(pd.read_csv(folder / name)).to_csv(folder / name, index=False)

    return plant


def set_rows(name: str, column: str, rows: Any, value: Any) -> Plant:
    """Plant a value into rows of a file."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[rows], column] = value
        return frame

    return edit(name, change)


def times(name: str, column: str, factor: float) -> Plant:
    """Plant another unit."""
    return edit(name, lambda f: f.assign(**{column: f[column] * factor}))


def text(name: str, content: str | bytes) -> Plant:
    """Put text in the place of a file."""
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(raw) and None


def remove(name: str) -> Plant:
    """Remove a file."""
    return lambda folder: (folder / name).unlink()


def _semicolons(folder: Path) -> None:
    path = folder / "pricing.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")


def _linked(name: str) -> Plant:
    def plant(folder: Path) -> None:
        outside = folder.parent / f"{folder.name}_{name}"
        (folder / name).replace(outside)
        (folder / name).symlink_to(outside)

    return plant


def _twice_the_name(folder: Path) -> None:
    path = folder / "schema.json"
    raw = path.read_text(encoding="utf-8")
    path.write_text(raw.replace(f'"{OTHER}": {{', f'"{CHARGER}": {{', 1), encoding="utf-8")


def _copied(folder: Path) -> None:
    (folder / f"{OTHER}.csv").write_bytes(
        (folder / f"{CHARGER}.csv").read_bytes().replace(VEHICLE.encode(), f"moto_{OTHER}".encode())
    )


def _connected(frame: pd.DataFrame) -> pd.Series:
    return frame[STATE] == 1


def _always(frame: pd.DataFrame) -> pd.DataFrame:
    here = {STATE: 1, ID: VEHICLE, REQUIRED: 0.9, ARRIVAL: 0.3, SESSION: "s"}
    return frame.assign(**here, **{LEFT: np.arange(len(frame), 0, -1)})


def _never(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{STATE: 3})


def _percent(frame: pd.DataFrame) -> pd.DataFrame:
    first = frame.index < len(frame) // 2
    return frame.assign(**{ARRIVAL: frame[ARRIVAL].where(first, frame[ARRIVAL] * 100.0)})


def _day_copied(frame: pd.DataFrame) -> pd.DataFrame:
    values = frame["solar_generation"].to_numpy(copy=True)
    values[100 * 24 : 101 * 24] = values[99 * 24 : 100 * 24]
    return frame.assign(solar_generation=values)


def _follow(frame: pd.DataFrame) -> pd.DataFrame:
    """Let the second stay begin where the first one ends, both without a session."""
    rows = np.flatnonzero(_connected(frame))
    ends = rows[np.flatnonzero(np.diff(rows) > 1)]
    gap = range(int(ends[0]) + 1, int(rows[rows > ends[0]][0]))
    frame.loc[[*gap], [STATE, ID, REQUIRED, ARRIVAL]] = [1, VEHICLE, 0.9, 0.3]
    frame.loc[[*gap], LEFT] = np.arange(len(gap), 0, -1) + frame[LEFT].iloc[rows[rows > ends[0]][0]]
    return frame.drop(columns=SESSION)


B = f"buildings.{BUILDING}"
BESS = f"{B}.electrical_storage.attributes"
PV = f"{B}.pv.attributes"
FIRST = f"{B}.chargers.{CHARGER}"
EV = f"electric_vehicles_def.{VEHICLE}.battery.attributes"
DAY = slice(30, 54)

FOLDER_FAULTS = (
    FolderFault("no schema", "schema.readable", remove("schema.json")),
    FolderFault("schema is a list", "schema.readable", text("schema.json", "[]")),
    FolderFault("schema is cut off", "schema.readable", text("schema.json", '{"buildings": {')),
    FolderFault("schema is binary", "schema.readable", text("schema.json", b"\x00\xff\xfe\x01")),
    FolderFault("schema of endless brackets", "schema.readable", text("schema.json", "[" * 100_000)),
    FolderFault("schema with a number of ten thousand digits", "schema.readable", text("schema.json", f'{{"a": {"9" * 10_000}}}')),
    FolderFault("schema is a link out of the folder", "schema.readable", _linked("schema.json")),
    FolderFault("two chargers of one name", "schema.repeated", _twice_the_name),
    FolderFault("no length of a step", "schema.shape", drop("seconds_per_time_step")),
    FolderFault("buildings are a list", "schema.shape", put("buildings", [1, 2])),
    FolderFault("no building included", "schema.shape", put(f"{B}.include", False)),
    FolderFault("chargers are text", "schema.shape", put(f"{B}.chargers", "two")),
    FolderFault("last step beyond the files", "schema.steps", put("simulation_end_time_step", 20_000)),
    FolderFault("ends before it starts", "schema.steps", put("simulation_start_time_step", 9_000)),
    FolderFault("last step of four hundred digits", "schema.steps", put("simulation_end_time_step", 10**400)),
    FolderFault("negative first step", "schema.steps", put("simulation_start_time_step", -1)),
    FolderFault("steps of no length", "schema.steps", put("seconds_per_time_step", 0)),
    FolderFault("no random seed", "schema.seed", drop("random_seed")),
    FolderFault("noise on the building", "schema.noise", put(f"{B}.noise_std", 0.1)),
    FolderFault("noise on a charger", "schema.noise", put(f"{FIRST}.noise_std", 1.0)),
    FolderFault("no start date", "schema.start_date", put("start_date", "soon")),
    FolderFault("files in another folder", "files.inside", put("root_directory", "/srv/data")),
    FolderFault("name with ..", "files.inside", put(f"{B}.weather", "../weather.csv")),
    FolderFault("absolute name", "files.inside", put(f"{B}.pricing", "/etc/passwd")),
    FolderFault("name that is no text", "files.inside", put(f"{B}.pricing", {"a": 1})),
    FolderFault("name that no encoding can write", "files.inside", put(f"{B}.pricing", "\ud800.csv")),
    FolderFault("name with a zero byte", "files.inside", put(f"{B}.pricing", "a\0.csv")),
    FolderFault("weather is a link out of the folder", "files.inside", _linked("weather.csv")),
    FolderFault("charger file missing", "files.missing", remove(f"{CHARGER}.csv")),
    FolderFault("weather file missing", "files.missing", remove("weather.csv")),
    FolderFault("building without demand", "files.unnamed", drop(f"{B}.energy_simulation")),
    FolderFault("charger without file", "files.unnamed", drop(f"{FIRST}.charger_simulation")),
    FolderFault("no prices", "files.silent_zero", drop(f"{B}.pricing")),
    FolderFault("no carbon intensity", "files.silent_zero", put(f"{B}.carbon_intensity", None)),
    FolderFault("weather is empty", "files.readable", text("weather.csv", "")),
    FolderFault("weather is a web page", "files.readable", text("weather.csv", '<html><body class="a,b">\n<p>,,,\n')),
    FolderFault("text among the prices", "files.readable", set_rows("pricing.csv", "electricity_pricing", 5, "n.d.")),
    FolderFault("infinite demand", "files.readable", set_rows("building.csv", "non_shiftable_load", 5, "inf")),
    FolderFault("prices without a row", "files.readable", text("pricing.csv", "electricity_pricing,electricity_pricing_predicted_1\n")),
    FolderFault("a folder for a file", "files.readable", put(f"{B}.pricing", ".")),
    FolderFault("semicolons", "files.format", _semicolons),
    FolderFault("column renamed", "files.columns", edit("building.csv", lambda f: f.rename(columns={"solar_generation": "solar"}))),
    FolderFault("index saved with the table", "files.columns", edit("weather.csv", lambda f: f.assign(id=f.index))),
    FolderFault("files exchanged", "files.columns", edit_schema(lambda s: s["buildings"][BUILDING].update(pricing="carbon_intensity.csv"))),
    FolderFault("weather cut short", "files.length", edit("weather.csv", lambda f: f.iloc[:-24])),
    FolderFault("two chargers, one file", "files.shared", put(f"{B}.chargers.{OTHER}.charger_simulation", f"{CHARGER}.csv")),
    FolderFault("a manifest that lists nothing", "files.unused", lambda folder: [
        text(name, content)(folder) for name, content in (("manifest.json", '{"files": 3}'), ("x.csv", "a\n1\n"))] and None),
    FolderFault("file that nobody names", "files.unused", text("Building_2.csv", "a,b\n1,2\n")),
    FolderFault("charger left out", "files.unused", drop(f"{B}.chargers.{OTHER}")),
    FolderFault("silent on the battery's losses", "physics.random", drop(f"{BESS}.loss_coefficient")),
    FolderFault("silent on all of the battery", "physics.random", put(BESS, {"capacity": 100.0, "nominal_power": 50.0})),
    FolderFault("silent on a vehicle's curve", "physics.random", put(f"{EV}.capacity_power_curve", None)),
    FolderFault("charger without ratings", "physics.default", put(f"{FIRST}.attributes", {})),
    FolderFault("no mode of generation", "physics.default", drop(f"{PV}.generation_mode")),
    FolderFault("battery sized at random", "physics.autosize", put(f"{B}.electrical_storage.autosize", True)),
    FolderFault("charger power in W", "physics.range", put(f"{FIRST}.attributes.max_charging_power", 3500.0)),
    FolderFault("vehicle in Wh", "physics.range", put(f"{EV}.capacity", 3500.0)),
    FolderFault("vehicle without capacity", "physics.range", put(f"{EV}.capacity", 0.0)),
    FolderFault("efficiency in percent", "physics.range", put(f"{BESS}.efficiency", 90.0)),
    FolderFault("efficiency as text", "physics.range", put(f"{BESS}.efficiency", "0.9")),
    FolderFault("initial SOC in percent", "physics.range", put(f"{BESS}.initial_soc", 20)),
    FolderFault("curve of powers", "physics.range", put(f"{BESS}.capacity_power_curve", [[0.0, 2712.0], [1.0, 2712.0]])),
    FolderFault("least power above the greatest", "physics.range", put(f"{FIRST}.attributes.min_charging_power", 7.0)),
    FolderFault("vehicle with a reserve", "physics.reserve", put(f"{EV}.depth_of_discharge", 0.8)),
    FolderFault("demand missing for a day", "series.finite", set_rows("building.csv", "non_shiftable_load", DAY, np.nan)),
    FolderFault("price missing for a day", "series.finite", set_rows("pricing.csv", "electricity_pricing", DAY, np.nan)),
    FolderFault("demand counted as export", "series.negative", times("building.csv", "non_shiftable_load", -1.0)),
    FolderFault("code -999 in the irradiance", "series.negative", set_rows("weather.csv", "diffuse_solar_irradiance", DAY, -999.0)),
    FolderFault("negative prices", "series.negative_price", set_rows("pricing.csv", "electricity_pricing", DAY, -0.1)),
    FolderFault("hour 25", "series.calendar", set_rows("building.csv", "hour", 3, 25)),
    FolderFault("a 12 hour clock", "series.calendar", edit("building.csv", lambda f: f.assign(hour=(f["hour"] - 1) % 12 + 1))),
    FolderFault("rows in another order", "series.calendar", edit("building.csv", lambda f: f.iloc[::-1])),
    FolderFault("weekdays from 0", "series.calendar", edit("building.csv", lambda f: f.assign(day_type=f["day_type"] % 7))),
    FolderFault("another start date", "series.calendar", put("start_date", "2025-07-01")),
    FolderFault("generation in kW per kW", "series.pv_unit", times("building.csv", "solar_generation", 0.001), year=True),
    FolderFault("generation of the plant as W per kW", "series.pv_unit", times("building.csv", "solar_generation", 4.162), year=True),
    FolderFault("another mode of generation", "series.pv_unit", put(f"{PV}.generation_mode", "absolute"), year=True),
    FolderFault("plant left out", "series.pv_unused", drop(f"{B}.pv")),
    FolderFault("demand in W", "series.energy_scale", times("building.csv", "non_shiftable_load", 1000.0), year=True),
    FolderFault("no demand", "series.idle", times("building.csv", "non_shiftable_load", 0.0)),
    FolderFault("one state missing", "charger.state", set_rows(f"{CHARGER}.csv", STATE, 7, np.nan)),
    FolderFault("states with decimals", "charger.state", edit(f"{CHARGER}.csv", lambda f: f.assign(**{STATE: f[STATE].astype(float)}))),
    FolderFault("state 0", "charger.state", edit(f"{CHARGER}.csv", lambda f: f.assign(**{STATE: f[STATE].replace(3, 0)}))),
    FolderFault("SOC in percent from the middle on", "charger.soc_scale", edit(f"{CHARGER}.csv", _percent)),
    FolderFault("SOC wanted in percent, brought in ratios", "charger.soc_scale", times(f"{CHARGER}.csv", REQUIRED, 100.0)),
    FolderFault("SOC of -5", "charger.soc_range", set_rows(f"{CHARGER}.csv", ARRIVAL, DAY, -5.0)),
    FolderFault("SOC in Wh", "charger.soc_range", times(f"{CHARGER}.csv", REQUIRED, 3500.0)),
    FolderFault("SOC wanted not said", "charger.soc_missing", set_rows(f"{CHARGER}.csv", REQUIRED, slice(0, 60), np.nan)),
    FolderFault("vehicle that is not defined", "charger.vehicle", edit(f"{CHARGER}.csv", lambda f: f.assign(**{ID: "nobody"}))),
    FolderFault("vehicle left out", "charger.vehicle", put(f"electric_vehicles_def.{VEHICLE}.include", False)),
    FolderFault("a vehicle at two chargers", "charger.twice", edit(f"{OTHER}.csv", lambda f: f.assign(**{ID: f[ID].replace(f"moto_{OTHER}", VEHICLE)}))),
    FolderFault("clock time for hours left", "charger.countdown", edit(f"{CHARGER}.csv", lambda f: f.assign(**{LEFT: f[LEFT].where(f[LEFT].isna(), 17)}))),
    FolderFault("countdown to 0", "charger.countdown_to_zero", edit(f"{CHARGER}.csv", lambda f: f.assign(**{LEFT: f[LEFT] - 1}))),
    FolderFault("charger never away", "charger.never_away", edit(f"{CHARGER}.csv", _always)),
    FolderFault("charger never used", "charger.never_used", edit(f"{CHARGER}.csv", _never)),
    FolderFault("SOC exchanged", "charger.soc_falls", edit(f"{CHARGER}.csv", lambda f: f.rename(columns={REQUIRED: ARRIVAL, ARRIVAL: REQUIRED}))),
    FolderFault("charger of 35 W", "charger.feasible", put(f"{FIRST}.attributes.max_charging_power", 0.035)),
    FolderFault("no session ids", "charger.sessions", edit(f"{CHARGER}.csv", _follow)),
    FolderFault("a course copied", "charger.copied", _copied),
    FolderFault("vehicle that comes nowhere", "charger.vehicle_unused", edit_schema(
        lambda s: s["electric_vehicles_def"].update(ghost=s["electric_vehicles_def"][VEHICLE]))),
    FolderFault("PV all zero", "solar.all_zero", times("building.csv", "solar_generation", 0.0), year=True),
    FolderFault("PV at night", "solar.night", edit("building.csv", lambda f: f.assign(solar_generation=f["solar_generation"] + 20.0)), year=True),
    FolderFault("weather in universal time", "solar.time_shift", edit("weather.csv", lambda f: f.apply(lambda c: np.roll(c, 5))), year=True),
    FolderFault("irradiance three times too large", "solar.clean_sky_day", times("weather.csv", "diffuse_solar_irradiance", 5.0), year=True),
    FolderFault("a day of PV copied", "solar.repeated_day", edit("building.csv", _day_copied), year=True),
    FolderFault("temperature in kelvin", "weather.range", edit("weather.csv", lambda f: f.assign(
        outdoor_dry_bulb_temperature=f["outdoor_dry_bulb_temperature"] + 273.15)), year=True),
    FolderFault("demand a yearly mean", "mall.constant", edit("building.csv", lambda f: f.assign(non_shiftable_load=383.4)), year=True),
    FolderFault("demand of another site", "energy.mall_declared", times("building.csv", "non_shiftable_load", 3.7), year=True),
    FolderFault("demand of an outage", "mall.outage", set_rows("building.csv", "non_shiftable_load", slice(3000, 3006), 0.0), year=True),
    FolderFault("carbon in grams", "carbon.range", times("carbon_intensity.csv", "carbon_intensity", 1000.0)),
    FolderFault("one price for all hours", "tariff.constant", edit("pricing.csv", lambda f: f.assign(electricity_pricing=0.28))),
    FolderFault("battery power in W", "bess.c_rate", put(f"{BESS}.nominal_power", 900_000.0)),
    FolderFault("battery that loses half", "bess.efficiency", put(f"{BESS}.efficiency", 0.45)),
)  # fmt: skip
