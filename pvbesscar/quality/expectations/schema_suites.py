"""What must hold of `schema.json`, and of which files there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pvbesscar.quality.expectations.dataset_files import (
    CONFIGURED,
    REBUILD,
    ROWS,
    DatasetFiles,
    as_declared,
    as_word,
    value_at,
    values_of,
    vehicles_due,
)
from pvbesscar.quality.expectations.suite import (
    Suite,
    equal,
    exactly,
    unique,
)
from schemas.settings import HOURS_PER_YEAR


def files_suite(dataset: DatasetFiles) -> Suite:
    """The CSV files of the folder are those that the schema names."""
    found = sorted(path.name for path in dataset.folder.glob("*.csv"))
    named = [dataset.building.get(key) for key in ("energy_simulation", "weather", "pricing", "carbon_intensity")]
    return Suite(
        "files", "*.csv", pd.DataFrame({"file": found}),
        (exactly("file", [*(name for name in named if name is not None), *dataset.chargers.values()]),),
        "a file was removed, renamed or left from another dataset", REBUILD, ("file",),
    )  # fmt: skip


def _battery(path: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{path}.autosize": False, **{f"{path}.attributes.{name}": value for name, value in attributes.items()}}


def schema_suite(dataset: DatasetFiles) -> Suite:
    """Calendar, actions, PV and battery in the schema are those that are configured."""
    settings, site = dataset.settings, f"buildings.{dataset.settings.site.building}"
    bess = settings.bess
    declared = {
        "random_seed": settings.seed,
        "central_agent": True,
        "simulation_start_time_step": 0,
        "simulation_end_time_step": HOURS_PER_YEAR,
        "episode_time_steps": ROWS,
        "seconds_per_time_step": 3600,
        "start_date": f"{settings.site.year}-01-01",
        "actions.electrical_storage.active": True,
        "actions.electric_vehicle_storage.active": True,
        f"{site}.noise_std": 0.0,
        f"{site}.pv.attributes.nominal_power": settings.pv.dc_kwp,
        f"{site}.pv.attributes.generation_mode": "per_kw",
        **_battery(f"{site}.electrical_storage", {
            "capacity": bess.capacity_kwh,
            "nominal_power": bess.power_kw,
            "efficiency": bess.efficiency,
            "depth_of_discharge": bess.depth_of_discharge,
            "initial_soc": bess.initial_soc,
            "loss_coefficient": bess.loss_coefficient,
            "capacity_loss_coefficient": bess.capacity_loss_coefficient,
            "power_efficiency_curve": bess.power_efficiency_curve,
            "capacity_power_curve": bess.capacity_power_curve,
        }),
    }  # fmt: skip
    table = pd.DataFrame([values_of(dataset.schema, declared)])
    return Suite("schema", "schema.json", table, as_declared(declared), CONFIGURED, REBUILD)


def chargers_suite(dataset: DatasetFiles) -> Suite:
    """The schema has the configured sockets, each with a file and a vehicle of its own."""
    ev = dataset.settings.ev
    declared = {
        "noise_std": 0.0,
        "attributes.nominal_power": ev.socket_kw,
        "attributes.max_charging_power": ev.socket_kw,
        "attributes.min_charging_power": ev.socket_min_kw,
        "attributes.max_discharging_power": 0.0,
        "attributes.min_discharging_power": 0.0,
        "attributes.efficiency": ev.charger_efficiency,
    }
    found = dataset.building.get("chargers", {})
    table = pd.DataFrame(
        [{"charger": name, "charger_simulation": as_word(value_at(one, "charger_simulation")), "file": f"{name}.csv",
          **values_of(one, declared)} for name, one in found.items()],
        columns=["charger", "charger_simulation", "file", *declared],
    )  # fmt: skip
    expectations = (
        exactly("charger", [ev.socket_name(socket) for socket in range(ev.sockets)]),
        unique("charger_simulation"),
        equal("charger_simulation", "file"),
        *as_declared(declared),
    )
    return Suite("schema_chargers", "schema.json", table, expectations, CONFIGURED, REBUILD, ("charger",))


def vehicles_suite(dataset: DatasetFiles) -> Suite:
    """The schema defines the vehicle of each socket, with the battery of its class."""
    declared = {"include": True, **_battery("battery", {
        "nominal_power": dataset.settings.ev.socket_kw,
        "efficiency": 1.0,
        "depth_of_discharge": 1.0,
        "loss_coefficient": 0.0,
        "capacity_loss_coefficient": 0.0,
    })}  # fmt: skip
    due = vehicles_due(dataset.settings)
    found = dataset.schema.get("electric_vehicles_def", {})
    table = pd.DataFrame(
        [{"vehicle": name, "capacity": as_word(value_at(one, "battery.attributes.capacity")),
          "capacity_due": as_word(due[name]) if name in due else None, **values_of(one, declared)}
         for name, one in found.items()],
        columns=["vehicle", "capacity", "capacity_due", *declared],
    )  # fmt: skip
    expectations = (exactly("vehicle", due), equal("capacity", "capacity_due"), *as_declared(declared))
    return Suite("schema_vehicles", "schema.json", table, expectations, CONFIGURED, REBUILD, ("vehicle",))
