"""The schema: valid JSON with the keys that CityLearn needs, and simulation steps that the files hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.columns import KINDS
from pvbesscar.quality.folder.dataset_folder import (
    CITYLEARN,
    SCHEMA,
    DatasetFolder,
    folder_rule,
    included,
    mapping,
    number,
    short_name,
)

LOADING = f"{CITYLEARN}, internal/loading.py"
ASKED_FOR = (
    "root_directory", "central_agent", "simulation_start_time_step", "simulation_end_time_step",
    "seconds_per_time_step", "observations", "actions", "reward_function", "buildings",
)  # fmt: skip
"""Keys without which CityLearn stops with a KeyError."""

OBJECTS = ("observations", "actions", "reward_function", "buildings", "electric_vehicles_def")
SHOWN = 6


def said(column: str, observed: str, limit: str, message: str) -> Violation:
    """Violation of the schema; its column is the key."""
    return Violation(SCHEMA, short_name(column), observed, limit, message)


def listed(names: list[str]) -> str:
    """First names of a list, and the count of the rest."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{short_name(name)}`" for name in names[:SHOWN]) + more


@folder_rule(
    "schema.readable",
    "error",
    "`schema.json` is a JSON object in the folder",
    looks_at=(SCHEMA,),
    rationale="A dataset is what its schema names; without it the folder is a heap of files. It is read from the "
    "folder itself, never through a link out of it.",
    reference=f"{CITYLEARN}, citylearn.py, schema",
    cause="another folder, a file cut off while it was copied, or a page saved in the place of a download",
    fix="point at the folder that holds the dataset's `schema.json`, or fetch the dataset again",
)
def readable(folder: DatasetFolder) -> Iterator[Violation]:
    """Say what the schema is in the place of an object."""
    if folder.unreadable is not None:
        yield said("", folder.unreadable, "an object of JSON", f"`{SCHEMA}` is no schema: {folder.unreadable}")


@folder_rule(
    "schema.repeated",
    "error",
    "no name twice in one object",
    looks_at=(SCHEMA,),
    rationale="Of a name that stands twice in an object of JSON readers keep the last and drop the first in silence: "
    "two buildings, chargers or vehicles of one name are one.",
    reference="RFC 8259, section 4: names within an object should be unique",
    cause="a block copied by hand, and its name left as it was",
    fix="give every building, charger and vehicle a name of its own",
)
def repeated(folder: DatasetFolder) -> Iterator[Violation]:
    """Find names that stand twice."""
    if folder.repeated:
        names = listed(folder.repeated)
        yield said(folder.repeated[0], f"twice: {names}", "each name once", f"names stand twice in one object: {names}")


@folder_rule(
    "schema.shape",
    "error",
    "every key that CityLearn asks for, each of its type",
    looks_at=(SCHEMA,),
    rationale="CityLearn asks for these keys without a default and stops in the middle of loading.",
    reference=LOADING,
    cause="a schema written by hand, or for another version",
    fix="add the keys named, with their type; `docs/inputs.md` names an example",
)
def shape(folder: DatasetFolder) -> Iterator[Violation]:
    """Look for the keys and their types."""
    if folder.unreadable is not None:
        return  # schema.readable says it
    absent = [key for key in ASKED_FOR if key not in folder.schema]
    if absent:
        names = listed(absent)
        yield said(
            absent[0], f"absent: {names}", "all of the keys that CityLearn asks for", f"keys are absent: {names}"
        )
    wrong = [(key, value) for key, value in _objects(folder) if not isinstance(value, dict)]
    if wrong:
        names = listed([key for key, _ in wrong])
        kind = type(wrong[0][1]).__name__
        yield said(wrong[0][0], f"a {kind} where an object is meant", "objects", f"no objects: {names}")
    if not folder.buildings and isinstance(folder.schema.get("buildings"), dict):
        yield said("buildings", "none", "a building or more", "no building is included")


def _objects(folder: DatasetFolder) -> Iterator[tuple[str, Any]]:
    """Every part of the schema that has to be an object, by its key."""
    schema = folder.schema
    yield from ((key, schema[key]) for key in OBJECTS if key in schema)
    for name, vehicle in mapping(schema.get("electric_vehicles_def")).items():
        yield f"electric_vehicles_def.{name}", vehicle
        if included(vehicle):
            battery = mapping(vehicle).get("battery")
            yield f"electric_vehicles_def.{name}.battery", battery
            yield f"electric_vehicles_def.{name}.battery.attributes", mapping(battery).get("attributes")
    for name, building in mapping(schema.get("buildings")).items():
        yield f"buildings.{name}", building
        for part in ("pv", "electrical_storage", "chargers"):
            if mapping(building).get(part) is not None:
                yield f"buildings.{name}.{part}", building[part]
        for charger, config in mapping(mapping(building).get("chargers")).items():
            yield f"buildings.{name}.chargers.{charger}", config


@folder_rule(
    "schema.steps",
    "error",
    "first and last step exist in the files",
    looks_at=("schema.json, all files",),
    rationale="CityLearn reads rows `simulation_start_time_step` to `simulation_end_time_step`, both included, and as "
    "many as there are: steps beyond the last row end an episode with an IndexError, or short of what the schema says.",
    reference=f"{LOADING}, _read_timeseries_dataframe",
    cause="a schema of another year or resolution, or steps counted from 1",
    fix="set the last step to the number of rows less one, or export all rows",
)
def steps(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the steps with one another and with the rows."""
    if not folder.schema:
        return
    for key in ("simulation_start_time_step", "simulation_end_time_step"):
        value = folder.schema.get(key)
        step = number(value)
        if key in folder.schema and (step is None or step < 0 or step % 1 != 0):
            yield said(key, short_name(value), "a whole number, 0 or more", f"`{key}` is {short_name(value)}")
    seconds = folder.schema.get("seconds_per_time_step")
    if "seconds_per_time_step" in folder.schema and folder.hours_per_row is None:
        limit = "seconds, above 0"
        yield said("seconds_per_time_step", short_name(seconds), limit, f"a step is {short_name(seconds)} seconds long")
    if folder.window is None:
        first, last = (number(folder.schema.get(f"simulation_{end}_time_step")) for end in ("start", "end"))
        if first is not None and last is not None and last < first:
            seen = f"from {first:g} to {last:g}"
            yield said("simulation_end_time_step", seen, "an end after the start", f"the simulation runs {seen}")
        return
    start, end = folder.window
    rows = min((columns.rows for _, columns in folder.of(*KINDS)), default=None)
    # A padded closing row is made by CityLearn itself.
    padded = str(folder.schema.get("terminal_observation_padding", False)).lower() in {"true", "1"}
    if rows is not None and end >= rows + padded:
        yield said(
            "simulation_end_time_step",
            f"steps {start} to {end}, {rows} rows in the shortest file",
            f"at most {rows - 1}",
            f"the last step, {end}, is beyond the last row, {rows - 1}",
        )


@folder_rule(
    "schema.seed",
    "warning",
    "the schema holds its random seed",
    looks_at=(SCHEMA,),
    rationale="Without `random_seed` CityLearn draws one: vehicles that are away drift otherwise in every run, and so "
    "does all that the schema leaves to chance.",
    reference=f"{CITYLEARN}, base.py, random_seed",
    cause="a schema that relies on the caller to set it",
    fix="set `random_seed` to a whole number",
)
def seed(folder: DatasetFolder) -> Iterator[Violation]:
    """Look for the seed."""
    if folder.schema and number(folder.schema.get("random_seed")) is None:
        seen = short_name(folder.schema.get("random_seed"))
        yield said("random_seed", seen, "a whole number", "no random seed is set: no two runs are alike")


@folder_rule(
    "schema.noise",
    "warning",
    "no noise is added to the data",
    looks_at=(SCHEMA,),
    rationale="`noise_std` above zero adds noise to every series of a building (light at night, demand below zero) "
    "or to the SOC of a charger while the files are loaded; what was checked is not what is simulated.",
    reference=f"{CITYLEARN}, data.py, NoiseUtils",
    cause="left over from an experiment on robustness",
    fix="set `noise_std` to 0.0",
)
def noise(folder: DatasetFolder) -> Iterator[Violation]:
    """Look for noise on buildings and chargers."""
    owners = {f"buildings.{name}": building for name, building in folder.buildings.items()}
    for name in folder.buildings:
        chargers = folder.chargers(name).items()
        owners |= {f"buildings.{name}.chargers.{charger}": config for charger, config in chargers}
    noisy = {key: value for key, one in owners.items() if (value := one.get("noise_std", 0.0)) not in (0, None)}
    if noisy:
        key, value = next(iter(noisy.items()))
        names = listed([*noisy])
        yield said(f"{key}.noise_std", short_name(value), "0", f"noise is added at {len(noisy)} places: {names}")


@folder_rule(
    "schema.start_date",
    "warning",
    "the schema says on which day it begins",
    looks_at=(SCHEMA,),
    rationale="Rows have no stamps: without `start_date` hours can not be matched to sun, tariff and calendar by "
    "anyone but the author.",
    reference="CSV files of CityLearn hold month, hour and kind of day, no date",
    cause="a schema of an older version",
    fix="set `start_date` to the day of the first row, as YYYY-MM-DD",
)
def start_date(folder: DatasetFolder) -> Iterator[Violation]:
    """Look for a date."""
    if folder.schema and folder.hours_per_row is not None and folder.stamps(1) is None:
        seen = short_name(folder.schema.get("start_date"))
        yield said("start_date", seen, "a date, YYYY-MM-DD", "the day of the first row is not said")
