"""Layouts of the datasets that CityLearn publishes: what they do is done to a copy of a clean dataset of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.quality.folder_faults import ARRIVAL, BUILDING, LEFT, REQUIRED, SESSION, STATE, Plant, edit_schema

BEHIND = 767
"""Rows of charger files behind the last step, as in the Challenge 2022 with vehicles."""
Change = Callable[[pd.DataFrame], pd.DataFrame]


def chargers(change: Change) -> Plant:
    """Change every charger file."""

    def plant(folder: Path) -> None:
        for path in sorted(folder.glob("charger_*.csv")):
            change(pd.read_csv(path)).to_csv(path, index=False)

    return plant


def countdown_to_zero(frame: pd.DataFrame) -> pd.DataFrame:
    """Count down to 0, as all charger files of the Challenge 2022 with vehicles do."""
    return frame.assign(**{LEFT: frame[LEFT] - 1.0})


def percent(frame: pd.DataFrame) -> pd.DataFrame:
    """Write SOC in percent, one of them 1 %."""
    arrival = (frame[ARRIVAL] * 100.0).round()
    announced = np.flatnonzero((frame[STATE] == 2) & arrival.notna())
    arrival.iloc[announced[:1]] = 1.0
    return frame.assign(**{ARRIVAL: arrival, REQUIRED: (frame[REQUIRED] * 100.0).round()})


def behind(frame: pd.DataFrame) -> pd.DataFrame:
    """Go on behind the last step, with vehicles that nobody announced."""
    more = frame.iloc[[0] * BEHIND].assign(**{STATE: 1, LEFT: np.nan, REQUIRED: np.nan})
    return pd.concat([frame, more], ignore_index=True)


def battery(*named: str) -> Plant:
    """Keep only some attributes of the battery."""

    def change(schema: Any) -> None:
        storage = schema["buildings"][BUILDING]["electrical_storage"]
        storage["attributes"] = {name: storage["attributes"][name] for name in named}

    return edit_schema(change)


def silent_on_vehicles(schema: Any) -> None:
    """Leave all but capacity, power and a reserve of the vehicles to chance."""
    for vehicle in schema["electric_vehicles_def"].values():
        kept = {name: vehicle["battery"]["attributes"][name] for name in ("capacity", "nominal_power")}
        vehicle["battery"]["attributes"] = kept | {"depth_of_discharge": 0.85, "initial_soc": 0.25}


def of_2020(schema: Any) -> None:
    """Size devices that are not there, without prices."""
    building = schema["buildings"][BUILDING]
    tank = {"type": "citylearn.energy_model.StorageTank", "autosize": True, "attributes": {"loss_coefficient": 0.006}}
    building |= {"pricing": None, "cooling_storage": tank, "dhw_storage": tank}
    schema.pop("start_date")


def zero_carbon(folder: Path) -> None:
    """Let one hour be without emissions."""
    path = folder / "carbon_intensity.csv"
    frame = pd.read_csv(path)
    frame.loc[7, "carbon_intensity"] = 0.0
    frame.to_csv(path, index=False)


def as_parquet(folder: Path) -> None:
    """Write all files as Parquet, as the 15-second demonstration of CityLearn 3 has them."""
    path = folder / "schema.json"
    text = path.read_text(encoding="utf-8")
    for file in sorted(folder.glob("*.csv")):
        pd.read_csv(file).to_parquet(file.with_suffix(".parquet"))
        file.unlink()
        text = text.replace(f'"{file.name}"', f'"{file.stem}.parquet"')
    path.write_text(text, encoding="utf-8")


def all_of(*plants: Plant) -> Plant:
    """Plant one after another."""

    def plant(folder: Path) -> None:
        for one in plants:
            one(folder)

    return plant


PUBLISHED: Mapping[str, tuple[Plant, frozenset[str]]] = {
    "2020": (all_of(edit_schema(of_2020), battery("capacity", "nominal_power", "efficiency")), frozenset(
        {"physics.random", "physics.default", "physics.autosize", "files.silent_zero", "schema.start_date",
         "files.unused"})),
    "2021": (all_of(edit_schema(of_2020), zero_carbon), frozenset(
        {"physics.random", "physics.autosize", "files.silent_zero", "schema.start_date", "files.unused"})),
    "2022": (all_of(battery("capacity", "nominal_power", "efficiency", "loss_coefficient", "capacity_loss_coefficient"),
                    edit_schema(lambda schema: schema.pop("start_date"))), frozenset(
        {"physics.random", "physics.default", "schema.start_date"})),
    "2022 with vehicles": (all_of(chargers(countdown_to_zero), chargers(percent), chargers(behind),
                                  edit_schema(silent_on_vehicles)), frozenset(
        {"charger.countdown_to_zero", "files.length", "physics.random", "physics.reserve", "charger.soc_scale"})),
    "2023": (battery("capacity", "nominal_power", "efficiency", "depth_of_discharge", "loss_coefficient",
                     "capacity_loss_coefficient", "power_efficiency_curve"), frozenset(
        {"physics.random", "physics.default"})),
    "Parquet": (as_parquet, frozenset()),
}  # fmt: skip
"""What each layout does, and the rules that say so."""


def wide(folder: Path, sockets: int) -> None:
    """Give the building so many chargers, each with the vehicle and the countdown to 0 of the first."""
    path = folder / "schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    building = schema["buildings"][BUILDING]
    name, config = next(iter(building["chargers"].items()))
    vehicle = next(iter(schema["electric_vehicles_def"].values()))
    frame = countdown_to_zero(pd.read_csv(folder / config["charger_simulation"])).drop(columns=SESSION)
    building["chargers"], schema["electric_vehicles_def"] = {}, {}
    for k in range(sockets):
        building["chargers"][f"{name}{k}"] = config | {"charger_simulation": f"c{k}.csv"}
        schema["electric_vehicles_def"][f"v{k}"] = vehicle
        own = frame.assign(electric_vehicle_id=frame["electric_vehicle_id"].where(frame[STATE] == 3, f"v{k}"))
        own.to_csv(folder / f"c{k}.csv", index=False)
    path.write_text(json.dumps(schema), encoding="utf-8")
