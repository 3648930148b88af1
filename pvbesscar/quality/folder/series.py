"""The rules for a canonical year, applied to a dataset folder as far as its files hold the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.quality.engine import Violation, violations_of
from pvbesscar.quality.folder.columns import FileColumns, FloatArray, Kind
from pvbesscar.quality.folder.dataset_folder import SCHEMA, DatasetFolder, NamedFile, mapping, number, short_name
from pvbesscar.quality.folder.rules.buildings import generation_kwh
from pvbesscar.quality.folder.rules.physics import STORAGE_SPANS, attributes
from pvbesscar.quality.sun import sun_over
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import YearRule, in_order
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.frames import MALL, PV, WEATHER
from schemas.results import Severity
from schemas.settings import HOURS_PER_YEAR, CarbonSettings, EnergyBand, Settings

ANYWHERE = (
    "solar.all_zero", "solar.repeated_day", "weather.range", "weather.flat_line", "pv.above_rating", "mall.all_zero",
    "mall.constant", "mall.flat_line", "mall.repeated_day",
)  # fmt: skip
"""Rules that hold for any building of any place."""

UNMISTAKABLE = ("solar.all_zero", "pv.above_rating", "mall.all_zero", "mall.constant")
"""Errors wherever a building is; how its author filled a gap is a warning where nobody knows the site."""

AT_THE_SITE = (
    "solar.mostly_zero", "solar.zero_month", "solar.zero_day", "solar.night", "solar.time_shift",
    "solar.physical_limit", "solar.clean_sky_day", "solar.yearly_clearness", "solar.flat_line",
    "weather.temperature_course", "pv.zero_day", "pv.yield", "pv.performance_ratio", "pv.energy_balance",
    "pv.time_shift", "pv.multiple", "pv.cut_off", "energy.mall_declared", "mall.time_shift", "mall.outage",
    "mall.spike", "solar.straight_line", "solar.repeated_week", "solar.other_season", "solar.clear_hours",
    "weather.straight_line", "pv.mixed_units", "mall.mixed_units", "mall.straight_line", "mall.repeated_week",
    "mall.season_shift", "mall.other_weekdays",
)  # fmt: skip
"""Rules that ask where the sun stands, or what the site is known for: asked of the scenario's own building only."""

OF_THE_SCHEMA = ("bess.c_rate", "bess.efficiency", "tariff.constant", "carbon.range")
"""Rules for a configuration that can be asked of the battery in the schema, of prices and of carbon intensities."""

NOT_ASKED = {
    "structure": "files.columns and files.readable judge the structure of these files",
    "time": "rows have no stamps; series.calendar and files.length judge their order",
    "values": "series.finite and series.negative ask the same of all columns",
    "solar": "CityLearn's weather has no global irradiance of its own that could be compared",
    "weather": "CityLearn's weather has no wind",
    "pv": "the schema knows no AC rating",
    "energy": "the schema declares no yearly energy",
    "sessions": "the rules of `charger` judge vehicles as CityLearn's files hold them",
    "ev": "the rules of `charger` judge vehicles as CityLearn's files hold them",
    "tariff": "the schema knows no feed-in",
    "carbon": "the schema does not say what the grid burns; carbon.range judges each hour",
    "fills": "a folder holds no declaration of what was filled",
    "waiver": "a folder is judged without waivers",
}
"""Why the other rules of a topic are not asked."""

CANONICAL = {
    "mall_kwh": (MALL, "non_shiftable_load"),
    "pv_kwh": (PV, "solar_generation"),
    "ghi_w_m2": (WEATHER, "direct_solar_irradiance, diffuse_solar_irradiance"),
    "dni_w_m2": (WEATHER, "direct_solar_irradiance"),
    "dhi_w_m2": (WEATHER, "diffuse_solar_irradiance"),
    "temp_air_c": (WEATHER, "outdoor_dry_bulb_temperature"),
}
"""What CityLearn calls the columns that rules look at; what is missing here is in no file."""


@dataclass(frozen=True, slots=True)
class SeriesFinding:
    """A canonical rule's violation, in a file of the folder."""

    rule: YearRule
    severity: Severity
    violation: Violation


def not_asked(rule: YearRule, *, at_site: bool) -> str | None:
    """Why a canonical rule is not asked of a folder; None where it is."""
    if rule.id in (*ANYWHERE, *OF_THE_SCHEMA) or (at_site and rule.id in AT_THE_SITE):
        return None
    if rule.id in AT_THE_SITE:
        return "the schema does not say where it is: name the building as `site.building`, and set `site` to its place"
    return NOT_ASKED[rule.topic]


def series_findings(folder: DatasetFolder) -> Iterator[SeriesFinding]:
    """What the rules for canonical series find in the files of each building."""
    for name in folder.buildings:
        at_site = is_the_site(folder, name)
        settings = _settings(folder, name)
        yield from _frames_judged(folder, name, settings, at_site=at_site)
        yield from _schema_judged(folder, name, settings)


def is_the_site(folder: DatasetFolder, building: str) -> bool:
    """Whether a building is the scenario's, so that its place and its plant are known."""
    return building == folder.settings.site.building


def _settings(folder: DatasetFolder, building: str) -> Settings:
    """Scenario with the ratings of the schema in the place of its own; the AC rating is known at the site only."""
    rating = number(attributes(mapping(folder.buildings[building].get("pv"))).get("nominal_power"))
    if not rating or not 0.0 < rating < np.inf:
        return folder.settings
    known = folder.settings.pv.ac_kw if is_the_site(folder, building) else rating
    pv = folder.settings.pv.model_copy(update={"dc_kwp": rating, "ac_kw": known})
    return folder.settings.model_copy(update={"pv": pv})


def _frames_judged(
    folder: DatasetFolder, building: str, settings: Settings, *, at_site: bool
) -> Iterator[SeriesFinding]:
    files = {file.kind: file for file in folder.named if file.building == building and file.charger is None}
    frames = dict(_frames(folder, files, settings))
    context = QualityContext(settings, frames)
    for rule in YEAR_RULES.all():
        if rule.id not in (*ANYWHERE, *AT_THE_SITE) or not_asked(rule, at_site=at_site) is not None:
            continue
        for violation in in_order(violations_of(rule, context)):
            if violation.column not in CANONICAL:
                continue  # a column that the rules know and these files do not have
            series, raw = CANONICAL[violation.column]
            file = files["weather" if series == WEATHER else "energy_simulation"]
            severity = context.severity_of(rule.severity, violation)
            if severity == "error" and not at_site and rule.id not in UNMISTAKABLE:
                severity = "warning"
            yield SeriesFinding(rule, severity, _moved(violation, file.name, raw))


def _moved(violation: Violation, name: object, column: str) -> Violation:
    """Violation of a canonical column as one of the file's."""
    return Violation(
        short_name(name),
        column,
        violation.observed,
        violation.limit,
        violation.message,
        violation.hours,
        violation.cause,
        violation.fix,
    )


def _frames(
    folder: DatasetFolder, files: Mapping[Kind, NamedFile], settings: Settings
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Canonical frames of a whole year of hours; none where the files hold another span."""
    stamps = folder.stamps(HOURS_PER_YEAR, settings.site.timezone)
    if stamps is None or folder.hours_per_row != 1.0:
        return
    energy = _year(folder, files.get("energy_simulation"))
    if energy is not None:
        file, columns = energy
        if "non_shiftable_load" in columns.numbers:
            load = columns.numbers["non_shiftable_load"][:HOURS_PER_YEAR]
            yield MALL, pd.DataFrame({"timestamp": stamps, "mall_kwh": load})
        made = generation_kwh(folder, file, columns)
        if made is not None:
            yield PV, pd.DataFrame({"timestamp": stamps, "pv_kwh": made[:HOURS_PER_YEAR]})
    weather = _year(folder, files.get("weather"))
    if weather is not None:
        yield from _weather(weather[1], stamps, settings)


def _year(folder: DatasetFolder, file: NamedFile | None) -> tuple[NamedFile, FileColumns] | None:
    """A file that holds a year of hours, with or without the closing row."""
    columns = None if file is None else folder.columns(file)
    if file is None or columns is None or columns.rows not in {HOURS_PER_YEAR, HOURS_PER_YEAR + 1}:
        return None
    return file, columns


def _weather(columns: FileColumns, stamps: pd.DatetimeIndex, settings: Settings) -> Iterator[tuple[str, pd.DataFrame]]:
    names = ("direct_solar_irradiance", "diffuse_solar_irradiance", "outdoor_dry_bulb_temperature")
    if not columns.has(*names):
        return
    dni, dhi, temperature = (columns.numbers[name][:HOURS_PER_YEAR] for name in names)
    site = settings.site
    sun = sun_over(stamps.tz_convert("UTC").as_unit("s").asi8.tobytes(), site.latitude, site.longitude, site.altitude_m)
    # Wind is in no file of CityLearn: its column stays empty, and what the rules say of it is left out.
    empty: FloatArray = np.full(len(stamps), np.nan)
    yield (
        WEATHER,
        pd.DataFrame(
            {
                "timestamp": stamps,
                "ghi_w_m2": dni * sun.mu + dhi,
                "dni_w_m2": dni,
                "dhi_w_m2": dhi,
                "temp_air_c": temperature,
                "wind_speed_m_s": empty,
            }
        ),
    )


def _schema_judged(folder: DatasetFolder, building: str, settings: Settings) -> Iterator[SeriesFinding]:
    """Ask the rules for a configuration of the battery, the prices and the carbon intensities of a building."""
    found = attributes(mapping(folder.buildings[building].get("electrical_storage")))
    values = {name: number(found.get(name)) for name in ("capacity", "nominal_power", "efficiency")}
    key = f"buildings.{building}.electrical_storage.attributes"
    if all(STORAGE_SPANS[name].holds(value) for name, value in values.items()):
        update = {"capacity_kwh": values["capacity"], "power_kw": values["nominal_power"]}
        bess = settings.bess.model_copy(update=update | {"efficiency": values["efficiency"]})
        changed = settings.model_copy(update={"bess": bess})
        yield from _configured("bess.c_rate", changed, SCHEMA, f"{key}.nominal_power")
        yield from _configured("bess.efficiency", changed, SCHEMA, f"{key}.efficiency")
    for file, columns in folder.of("pricing", "carbon_intensity"):
        if file.building != building:
            continue
        name = "electricity_pricing" if file.kind == "pricing" else "carbon_intensity"
        series = columns.numbers.get(name, np.zeros(0))
        series = series[np.isfinite(series)]
        if series.size == 0:
            continue
        low, high = float(series.min()), float(series.max())
        if file.kind == "pricing":
            prices = {"high": high, "low": low}
            # What a file holds may be no price at all: it is for the rules to say so.
            bands = tuple(EnergyBand.model_construct(name=name, pen_per_kwh=price) for name, price in prices.items())
            tariff = settings.tariff.model_copy(update={"energy": bands})
            changed = settings.model_copy(update={"tariff": tariff})
            yield from _configured("tariff.constant", changed, short_name(file.name), name)
            continue
        # Hours without any emission exist; a year without does not.
        for value in sorted({float(series.mean()), high}):
            grid = settings.grid.model_copy(update={"carbon_kg_per_kwh": value})
            changed = settings.model_copy(update={"grid": grid, "carbon": CarbonSettings()})
            yield from _configured("carbon.range", changed, short_name(file.name), name)


def _configured(rule_id: str, settings: Settings, file: str, column: str) -> Iterator[SeriesFinding]:
    rule = YEAR_RULES.find(rule_id)
    for violation in violations_of(rule, QualityContext(settings, {})):
        yield SeriesFinding(rule, rule.severity, _moved(violation, file, column))
