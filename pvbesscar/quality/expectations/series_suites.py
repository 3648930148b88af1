"""What must hold of the hourly series: building, weather, prices, carbon intensity."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pvbesscar.quality.expectations.dataset_files import (
    AHEAD,
    BUILDING,
    EDITED,
    FORECAST_LIMITS,
    PRICE,
    PV_SLACK,
    REBUILD,
    ROWS,
    SUM_TOLERANCE,
    WEATHER,
    WEATHER_LIMITS,
    DatasetFiles,
    as_word,
)
from pvbesscar.quality.expectations.suite import (
    Expectation,
    Suite,
    above,
    among,
    between,
    columns,
    empty,
    equal,
    filled,
    near,
    rows,
    total,
)
from schemas.settings import DAYS, HOURS_PER_YEAR


def stamps_due(first: str, last: str, timezone: str) -> pd.DatetimeIndex:
    """Hours from the first stamp on; where the last one is a day late for that, without 29 February in local time."""
    stamps = pd.date_range(first, periods=HOURS_PER_YEAR + 24, freq="h").tz_convert(timezone)
    if pd.Timestamp(last) == stamps[-1]:
        stamps = stamps[(stamps.month != 2) | (stamps.day != 29)]
    return stamps[:HOURS_PER_YEAR]


def calendar_due(dataset: DatasetFiles) -> pd.DataFrame:
    """Month, hour of the day, kind of day and price of each row, from two stamps and the settings alone."""
    settings, facts = dataset.settings, dataset.manifest.facts
    stamps = stamps_due(facts.first_stamp, facts.last_stamp, settings.site.timezone)
    days, dates = stamps.strftime("%m-%d"), stamps.strftime("%Y-%m-%d")
    holiday = days.isin(settings.site.holidays) | dates.isin(settings.site.holidays)
    day_type = np.where(holiday, 8, stamps.day_of_week + 1)
    price = np.full(HOURS_PER_YEAR, np.nan, np.float32)
    for band in settings.tariff.energy:
        kinds = [DAYS.index(day) + 1 for day in band.days]
        for first, end in band.hours:
            price[np.isin(day_type, kinds) & (stamps.hour >= first) & (stamps.hour < end)] = band.pen_per_kwh
    frame = pd.DataFrame(
        {
            "calendar_month": stamps.month,
            "calendar_hour": stamps.hour + 1,
            "calendar_day_type": day_type,
            "price_due": price,
            **{f"price_due_in_{step}": np.roll(price, -step) for step in AHEAD},
        }
    )
    return pd.concat([frame, frame.iloc[[0]]], ignore_index=True)


def _beside(table: pd.DataFrame, calendar: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Table with columns of the calendar, as many rows as the table has."""
    return table.join(calendar[list(names)])


def _sum_of_rows(table: pd.DataFrame, column: str, year: float) -> tuple[float, float]:
    """Interval for the sum of a column whose closing row counts once more."""
    first = float(table[column].iloc[0]) if column in table and len(table) else 0.0
    return near(year + (0.0 if np.isnan(first) else first), SUM_TOLERANCE)


def building_suite(dataset: DatasetFiles, file: str, table: pd.DataFrame, calendar: pd.DataFrame) -> Suite:
    """Calendar, demand and generation of the building."""
    settings, facts = dataset.settings, dataset.manifest.facts
    load, solar = "non_shiftable_load", "solar_generation"
    own = ("calendar_month", "calendar_hour", "calendar_day_type")
    most = 1000.0 * settings.pv.ac_kw / settings.pv.dc_kwp * (1.0 + PV_SLACK)
    # CityLearn's file holds W per kW of the rating; the manifest sums kWh.
    per_kw = 1000.0 / settings.pv.dc_kwp
    low, high = _sum_of_rows(table / per_kw, solar, facts.pv_kwh)
    return Suite(
        "building",
        file,
        _beside(table, calendar, own),
        (
            columns((*BUILDING, *own)),
            rows(ROWS),
            *filled("month", "hour", "day_type", load, solar),
            between("month", 1, 12),
            between("hour", 1, 24),
            among("day_type", range(1, 9)),
            equal("month", "calendar_month"),
            equal("hour", "calendar_hour"),
            equal("day_type", "calendar_day_type"),
            among("daylight_savings_status", [0]),
            empty("indoor_dry_bulb_temperature"),
            *(among(name, [0.0]) for name in ("dhw_demand", "cooling_demand", "heating_demand")),
            between(load, 0.0, None),
            between(solar, 0.0, most),
            total(load, *_sum_of_rows(table, load, facts.mall_kwh)),
            *dataset.declared(
                "energy.mall_declared",
                load,
                settings.mall.declared_kwh,
                "mall.declared_kwh",
                float(table[load].iloc[-1]) if load in table and len(table) == ROWS else 0.0,
            ),
            total(solar, per_kw * low, per_kw * high),
            total(
                solar,
                1.0,
                None,
                "light",
                cause="the generation is zero all year: its file was empty or missing",
                fix="export the generation again, then `pvbesscar ingest`",
            ),
        ),
        EDITED,
        REBUILD,
    )


def weather_suite(_: DatasetFiles, file: str, table: pd.DataFrame, _calendar: pd.DataFrame) -> Suite:
    """Weather and its forecasts."""
    ahead = [f"{name}_predicted_{step}" for name in WEATHER for step in AHEAD]
    # A forecast that scales the last days may go beyond what a meter shows.
    limits = {
        **dict(zip(WEATHER, WEATHER_LIMITS, strict=True)),
        **{name: FORECAST_LIMITS[name.partition("_predicted_")[0]] for name in ahead},
    }
    # Not every source of weather has humidity; nothing depends on it.
    dry = [name for name in (*WEATHER, *ahead) if "humidity" not in name]
    bounded = [between(name, *limits[name]) for name in (*WEATHER, *ahead)]
    return Suite(
        "weather",
        file,
        table,
        (
            columns((*WEATHER, *ahead)),
            rows(ROWS),
            *filled(*dry),
            *bounded,
        ),
        EDITED,
        REBUILD,
    )


def pricing_suite(dataset: DatasetFiles, file: str, table: pd.DataFrame, calendar: pd.DataFrame) -> Suite:
    """Prices, now and in the next hours, as the tariff has them."""
    due = {PRICE: "price_due", **{f"{PRICE}_predicted_{step}": f"price_due_in_{step}" for step in AHEAD}}
    least = dataset.settings.tariff.lowest_price
    # A tariff may give energy away in some hours; then only its own prices are asked for.
    positive = (above(PRICE, 0.0, None),) if least > 0.0 else (between(PRICE, 0.0, None),)
    return Suite(
        "pricing",
        file,
        _beside(table, calendar, due.values()),
        (
            columns((*due, *due.values())),
            rows(ROWS),
            *filled(*due),
            *positive,
            *(equal(column, price) for column, price in due.items()),
        ),
        "prices of another tariff, or hours that are shifted",
        REBUILD,
    )


MOST_CARBON = 1.3
"""Carbon intensity of lignite, the dirtiest generation [kgCO2/kWh]."""


def carbon_suite(dataset: DatasetFiles, file: str, table: pd.DataFrame, _calendar: pd.DataFrame) -> Suite:
    """Carbon intensity, as configured."""
    column, settings = "carbon_intensity", dataset.settings
    known = (columns((column,)), rows(ROWS), *filled(column))
    if settings.carbon.source == "file":
        expectations: tuple[Expectation, ...] = (*known, between(column, 0.0, MOST_CARBON))
    else:
        declared = float(np.float32(settings.constant_carbon_kg_per_kwh))
        # A grid without emissions can be configured; a zero that is not configured is a missing file.
        positive = (above(column, 0.0, None),) if declared > 0.0 else ()
        expectations = (*known, *positive, among(column, [declared]))
    return Suite("carbon_intensity", file, table, expectations, EDITED, REBUILD)


def closing_suite(dataset: DatasetFiles) -> Suite:
    """The closing row of each series, which repeats row 0 so that the last hour of the year has a successor."""
    keys = ("energy_simulation", "weather", "pricing", "carbon_intensity")
    tables = {name: dataset.tables[name] for key in keys if (name := str(dataset.building.get(key))) in dataset.tables}
    found = [
        {"file": name, "series": str(own), "first": as_word(table[own].iloc[0]), "last": as_word(table[own].iloc[-1])}
        for name, table in tables.items()
        if len(table)
        for own in table
    ]
    table = pd.DataFrame(found, columns=["file", "series", "first", "last"])
    return Suite("closing_rows", "*.csv", table, (equal("last", "first"),), EDITED, REBUILD, ("file", "series"))
