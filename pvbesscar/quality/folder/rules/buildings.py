"""Building files: numbers, a complete calendar, and units that fit the ratings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.columns import BoolArray, FileColumns, FloatArray, Kind
from pvbesscar.quality.folder.dataset_folder import CITYLEARN, DatasetFolder, NamedFile, folder_rule, mapping, number
from pvbesscar.quality.folder.dataset_folder import rows_of as at
from pvbesscar.quality.folder.rules.physics import attributes
from schemas.results import Severity

NUMBERS: tuple[Kind, ...] = ("energy_simulation", "weather", "pricing", "carbon_intensity")
DATA = f"{CITYLEARN}, data.py"
UNMEASURED = ("indoor_", "outdoor_relative_humidity", "average_unmet_", "occupant_", "comfort_")
"""FileColumns that may be empty where nothing depends on them: comfort indoors, and humidity."""

INDOORS = "indoor_dry_bulb_temperature"
SIGNED = ("temperature", "pricing", "average_unmet_")
"""FileColumns that may be negative; prices have a rule of their own."""

ABSOLUTE = frozenset({"absolute", "absolute_kwh", "kwh", "kwh_step", "energy"})
TOP_OF_RATING = (0.20, 1.20)
"""Greatest generation of a year as a share of the rating [1]: snow and dust leave more than a fifth, cold sunny hours
give some more than the rating."""
LEAST_OF_RATING = 0.10
"""What a roof in the shade leaves: 0.17 at a metered house of the CityLearn Challenge 2022, so a warning only."""
YEAR_HOURS = 7000
SEASONS = 4
"""Gaps of months that a file of seasons may have."""
ENERGY_RATIO = (0.002, 50.0)
"""Generation of a year over demand [1]; beyond, one of the two is in another unit."""


def generation_kwh(folder: DatasetFolder, file: NamedFile, columns: FileColumns) -> FloatArray | None:
    """Generation of a building as CityLearn simulates it [kWh per row], None where it has no PV."""
    pv = attributes(mapping(folder.buildings[file.building].get("pv")))
    rating, hours = number(pv.get("nominal_power")), folder.hours_per_row
    if not rating or hours is None or not columns.has("solar_generation"):
        return None
    values = columns.numbers["solar_generation"]
    return values if is_absolute(pv.get("generation_mode")) else values * rating / 1000.0 * hours


def is_absolute(mode: object) -> bool:
    """Whether `solar_generation` is energy [kWh per row] and not power per rating [W/kW]."""
    return str(mode).strip().lower().replace("-", "_") in ABSOLUTE


@folder_rule(
    "series.finite",
    "error",
    "no missing number",
    looks_at=("files of buildings",),
    rationale="An empty cell becomes NaN and spreads through every sum: rewards and figures turn NaN, or a comparison "
    "with it is false in silence. Comfort indoors and humidity may be empty where no model needs them.",
    reference=f"{DATA}: values are taken as they are",
    cause="hours lost at the logger",
    fix="have the hours measured or exported again, or mend the cells in the source and say how",
)
def finite(folder: DatasetFolder) -> Iterator[Violation]:
    """Find empty cells."""
    for file, columns in folder.of(*NUMBERS):
        heated = folder.buildings[file.building].get("dynamics") is not None
        for name, values in columns.numbers.items():
            bad = ~np.isfinite(values)
            if bad.any() and (not name.startswith(UNMEASURED) or (heated and name == INDOORS)):
                n = int(bad.sum())
                yield at(file.name, name, bad, observed=f"{n} of {bad.size} cells are empty",
                         limit="a number in every row", message=f"{n} of {bad.size} values are missing")  # fmt: skip


@folder_rule(
    "series.negative",
    "error",
    "no negative energy, irradiance or carbon",
    looks_at=("files of buildings",),
    rationale="Demand, generation, irradiance and emissions are magnitudes: the least they can be is zero.",
    reference="Long and Shi (2008), doi:10.2174/1874282300802010023, lower physical limits",
    cause="a net meter in the place of the demand, a code such as -999, or a pyranometer's night offset",
    fix="export demand and generation apart, as positive energies; remove codes for missing values",
)
def negative(folder: DatasetFolder) -> Iterator[Violation]:
    """Find values below zero."""
    for file, columns in folder.of(*NUMBERS):
        for name, values in columns.numbers.items():
            bad = values < 0.0
            if bad.any() and not any(part in name for part in SIGNED):
                n, least = int(bad.sum()), f"{values[bad].min():.6g}"
                yield at(file.name, name, bad, observed=f"least value {least}", limit="0 or more",
                         message=f"{n} values are below zero, the least {least}")  # fmt: skip


@folder_rule(
    "series.negative_price",
    "warning",
    "no negative price",
    looks_at=("pricing files",),
    rationale="Markets know negative prices, tariffs of a site do not; where they are real, using energy for nothing "
    "pays and a cost term rewards waste.",
    reference="EPEX SPOT, negative prices",
    cause="a spot price in the place of the tariff, or the feed-in with its sign",
    fix="use the price that the site pays for import",
)
def negative_price(folder: DatasetFolder) -> Iterator[Violation]:
    """Find prices below zero."""
    for file, columns in folder.of("pricing"):
        values = columns.numbers.get("electricity_pricing")
        bad = values < 0.0 if values is not None else np.zeros(0, dtype=np.bool_)
        if values is not None and bad.any():
            seen = f"{int(bad.sum())} prices below zero, the least {values[bad].min():.4g}"
            yield at(file.name, "electricity_pricing", bad, observed=seen, limit="0 or more", message=seen)


@folder_rule(
    "series.calendar",
    "error",
    "month, hour and kind of day run as a calendar does",
    looks_at=("files of buildings, schema.json",),
    rationale="Agents see the time of day by these columns only: hours run 0 to 23 or 1 to 24 in steps of a row, "
    "months 1 to 12, kinds of day 1 (Monday) to 8 (holiday), and each day has one month and one kind.",
    reference=f"{DATA}, EnergySimulation",
    cause="rows sorted otherwise, rows lost or doubled, a 12 hour clock, or weekdays counted from 0",
    fix="make the columns from the stamps of the rows again",
)
def calendar(folder: DatasetFolder) -> Iterator[Violation]:
    """Find rows that are not where their time is."""
    for file, columns in folder.of("energy_simulation"):
        for name, low, high in (("month", 1, 12), ("hour", 0, 24), ("day_type", 1, 8)):
            values = columns.numbers.get(name)
            if values is None:
                continue
            bad = np.isfinite(values) & ((values < low) | (values > high) | (values % 1 != 0))
            if bad.any():
                seen = f"{int(bad.sum())} values that are no whole number from {low} to {high}"
                yield at(file.name, name, bad, observed=seen, limit=f"{low} to {high}", message=f"`{name}`: {seen}")
        if columns.rows > 1 and columns.has("hour", "month") and folder.hours_per_row is not None:
            yield from _order(folder, file, columns)


def _order(folder: DatasetFolder, file: NamedFile, columns: FileColumns) -> Iterator[Violation]:
    hours, month = columns.numbers["hour"], columns.numbers["month"]
    step = folder.hours_per_row or 1.0
    advance = (hours[1:] - hours[:-1]) % 24.0
    expected = (advance == step % 24.0) if step >= 1.0 else (advance <= 1.0)
    # The closing row repeats row 0, so that the last hour is controlled too.
    closing = np.arange(1, hours.size) == hours.size - 1
    closing &= bool(columns.rows and hours[-1] == hours[0] and month[-1] == month[0])
    jumps = np.flatnonzero(~expected & ~closing) + 1
    if jumps.size:
        seen = f"{jumps.size} rows whose hour is not {step:g} h after the row before"
        yield at(file.name, "hour", jumps, observed=seen, limit=f"steps of {step:g} h", message=seen)
    back = np.flatnonzero(((month[1:] - month[:-1]) % 12.0 > 1.0) & ~closing) + 1
    if back.size:
        seen = f"{back.size} rows whose month does not follow on the row before"
        # Published winters of several years are such files: whole hours in order, and months left out.
        mild: Severity | None = "warning" if not jumps.size and back.size <= SEASONS else None
        yield at(
            file.name, "month", back, observed=seen, limit="one month after the other", message=seen, severity=mild
        )
    stamps = folder.stamps(columns.rows)
    if stamps is not None and not back.size:
        differ: BoolArray = month != stamps.month.to_numpy()
        differ[-1] = False
        if differ.mean() > 0.01:
            seen = f"{int(differ.sum())} rows are in another month than `start_date` says"
            yield at(
                file.name, "month", differ, observed=seen, limit=f"months from {stamps[0]:%Y-%m-%d} on", message=seen
            )


@folder_rule(
    "series.pv_unit",
    "error",
    "generation fits the rating",
    looks_at=("files of buildings, schema.json",),
    rationale="`solar_generation` is W per kW of rating, or kWh per row where `generation_mode` is `absolute`. The "
    "greatest hour of a year lies between a fifth of the rating and a fifth above it; down to a tenth, less is a "
    "warning.",
    reference=f"{CITYLEARN}, energy_model.py, PV.get_generation; IEC 61724-1",
    cause="kW for W per kW, energies of the plant read as W per kW, a rating in W or MW, or another `generation_mode`",
    fix="set `generation_mode`, or bring `solar_generation` to W per kW of `nominal_power`",
)
def pv_unit(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the greatest generation with the rating."""
    for file, columns in folder.of("energy_simulation"):
        energy = generation_kwh(folder, file, columns)
        rating = number(attributes(mapping(folder.buildings[file.building].get("pv"))).get("nominal_power"))
        hours = folder.hours_per_row
        if energy is None or not rating or hours is None or energy.size * hours < YEAR_HOURS:
            continue
        top = float(np.nanmax(energy, initial=0.0)) / (rating * hours)
        low, high = TOP_OF_RATING
        if top > 0.0 and not low <= top <= high:
            seen = f"{top:.3g} of the rating of {rating:g} kW in the greatest hour"
            limit = f"{low:g} to {high:g} of the rating"
            mild: Severity | None = "warning" if LEAST_OF_RATING <= top < low else None
            yield Violation(str(file.name), "solar_generation", seen, limit, f"the plant gives {seen}", severity=mild)


@folder_rule(
    "series.pv_unused",
    "warning",
    "generation has a plant, and a plant generation",
    looks_at=("files of buildings, schema.json",),
    rationale="Without `pv`, or with a rating of zero, CityLearn drops the generation of the file; a plant whose "
    "column is zero all year is a missing file.",
    reference=f"{CITYLEARN}, energy_model.py, PV.get_generation",
    cause="the plant left out of the schema, or a column never filled in",
    fix="add `pv` with its `nominal_power`, or export the generation",
)
def pv_unused(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the column with the plant."""
    for file, columns in folder.of("energy_simulation"):
        values = columns.numbers.get("solar_generation")
        if values is None or values.size == 0:
            continue
        has_plant = bool(number(attributes(mapping(folder.buildings[file.building].get("pv"))).get("nominal_power")))
        if not has_plant and np.nanmax(values, initial=0.0) > 0.0:
            seen = f"{np.nansum(values):.4g} in the file, no plant in the schema"
            yield Violation(str(file.name), "solar_generation", seen, "a plant", f"generation is dropped: {seen}")


@folder_rule(
    "series.energy_scale",
    "warning",
    "generation and demand are of one order",
    looks_at=("files of buildings, schema.json",),
    rationale="A building is given a plant for its demand: a year's generation is between a 500th and 50 times of it.",
    reference=f"{DATA}: demand is kWh per row",
    cause="demand in W or MW, or a plant's rating in W",
    fix="bring `non_shiftable_load` to kWh per row and `nominal_power` to kW",
)
def energy_scale(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the two energies."""
    for file, columns in folder.of("energy_simulation"):
        energy, load = generation_kwh(folder, file, columns), columns.numbers.get("non_shiftable_load")
        if energy is None or load is None or energy.size * (folder.hours_per_row or 0.0) < YEAR_HOURS:
            continue
        made, used = float(np.nansum(energy)), float(np.nansum(load))
        low, high = ENERGY_RATIO
        if made > 0.0 and used > 0.0 and not low <= made / used <= high:
            seen = f"{made:.4g} kWh generated, {used:.4g} kWh used"
            limit = f"{low:g} to {high:g} times the demand"
            message = f"generation is {made / used:.3g} times the demand"
            yield Violation(str(file.name), "non_shiftable_load", seen, limit, message)


@folder_rule(
    "series.idle",
    "error",
    "a building uses something",
    looks_at=("files of buildings",),
    rationale="A building without any demand all year is a file that was never filled in.",
    reference=f"{DATA}, EnergySimulation",
    cause="a failed export",
    fix="export the demand again",
)
def idle(folder: DatasetFolder) -> Iterator[Violation]:
    """Look for any demand."""
    demands = ("non_shiftable_load", "dhw_demand", "cooling_demand", "heating_demand")
    for file, columns in folder.of("energy_simulation"):
        if columns.has(*demands) and not any((columns.numbers[name] != 0.0).any() for name in demands):
            seen = "zero in every row of all demands"
            yield Violation(str(file.name), demands[0], seen, "a demand", "the building uses nothing all year")
