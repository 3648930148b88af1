"""A weather file: irradiance, temperature, wind and humidity, by known or stated headers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.cells import Table, missing_column, named_column, plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.numbers import numbers
from pvbesscar.oe2.series import Series, file_series
from pvbesscar.oe2.timestamps import TimeAxis, time_axis
from pvbesscar.oe2.units import (
    HUMIDITY,
    IRRADIANCE,
    LINEAR,
    PER_WATT,
    TEMPERATURE,
    WIND,
    find_quantity,
    said_unit,
)
from pvbesscar.oe2.weather import decomposed
from schemas.errors import InputError
from schemas.settings import SiteSettings, WeatherSettings

IRRADIANCE_STEMS = {
    "ghi_w_m2": (
        "ghi", "irradiancia_ghi", "irradiancia_global", "g_h", "globhor", "shortwave_radiation", "allsky_sfc_sw_dwn",
    ),
    "dni_w_m2": (
        "dni", "bni", "irradiancia_dni", "irradiancia_directa", "gb_n", "beamnor", "direct_normal_irradiance",
        "allsky_sfc_sw_dni",
    ),
    "dhi_w_m2": (
        "dhi", "irradiancia_dhi", "irradiancia_difusa", "gd_h", "diffhor", "diffuse_radiation", "allsky_sfc_sw_diff",
    ),
}  # fmt: skip
WEATHER_HEADERS = {
    **{
        name: tuple(f"{stem}{ending}" for ending in ("_w_m2", "_wm2", "") for stem in stems)
        for name, stems in IRRADIANCE_STEMS.items()
    },
    "temp_air_c": (
        "temp_air_c", "temperatura_c", "temperature_c", "temp_c", "temp_air", "temperatura", "t2m", "t_amb",
        "temperature", "temperature_2m", "air_temp", "tdry", "dry_bulb_temperature",
    ),
    "wind_speed_m_s": (
        "wind_speed_m_s", "wind_speed_ms", "velocidad_viento_ms", "velocidad_viento_m_s", "velocidad_del_viento",
        "wind_speed", "viento_ms",
        "ws10m", "windvel", "wind_speed_10m", "wspd",
    ),
    "relative_humidity": (
        "relative_humidity", "humedad_relativa", "relative_humidity_pct", "humedad_relativa_pct", "rh",
        "relative_humidity_2m", "relhum",
    ),
}  # fmt: skip
QUANTITIES = {
    "ghi_w_m2": IRRADIANCE, "dni_w_m2": IRRADIANCE, "dhi_w_m2": IRRADIANCE, "temp_air_c": TEMPERATURE,
    "wind_speed_m_s": WIND, "relative_humidity": HUMIDITY,
}  # fmt: skip
WEATHER_KEYS = {
    "ghi_w_m2": "ghi", "dni_w_m2": "dni", "dhi_w_m2": "dhi", "temp_air_c": "temperature", "wind_speed_m_s": "wind",
    "relative_humidity": "humidity",
}  # fmt: skip
INCLINED = re.compile(r"g[bdr]?_i")
SLOPE = re.compile(r"\bslope\b\D{0,20}(\d+(?:\.\d+)?)", re.IGNORECASE)
MOST_KW_PER_M2 = 2.0
"""No hour of any site has more [kW/m2]; the sun's extraterrestrial irradiance is 1.41 at most."""
WEATHER_AS_DETECTED = WeatherSettings(source="file", file=Path("-"))


def read_weather(
    path: Path,
    key: str,
    site: SiteSettings,
    weather: WeatherSettings = WEATHER_AS_DETECTED,
    *,
    partial: bool = False,
) -> Series:
    """Read irradiance, temperature and wind.

    Parameters
    ----------
    path, key
        The file and the configuration key that names it.
    site
        Time zone and declared year.
    weather
        What the configuration says about the file.
    partial
        Whether global irradiance is enough: the columns that are there, for a file that is only judged.

    Returns
    -------
    Series
        `timestamp`, `ghi_w_m2`, `dni_w_m2`, `dhi_w_m2` [W/m2], `temp_air_c` [C], `wind_speed_m_s` [m/s] and, where the
        file has it, `relative_humidity` [%]; rows shorter than an hour averaged over it.

    Raises
    ------
    InputError
        The file can not be read as weather.
    """
    table = read_table(path, key, weather)
    headers = _weather_headers(table, weather, partial=partial)
    axis = time_axis(table, site)
    steps = [table.described, *axis.transformations]
    columns: dict[str, NDArray[np.float64]] = {}
    for name, header in headers.items():
        values, read = numbers(table, header)
        if name in IRRADIANCE_STEMS:
            factor, how = _irradiance(table, header, values, axis, weather)
            columns[name] = values if factor == 1.0 else values * factor
        else:
            columns[name], how = _converted(table, name, header, values, weather)
        steps += [*read, f"`{header}` is `{name}`, {how or 'unchanged'}"]
    index, columns, averaged = axis.hourly(table, columns, energies=False)
    series = file_series(
        "weather", "weather_csv", table, pd.DataFrame({"timestamp": index, **columns}), [*steps, *averaged]
    )
    return series if weather.decomposition is None or partial else decomposed(series, site, weather.decomposition)


def _weather_headers(table: Table, weather: WeatherSettings, *, partial: bool) -> dict[str, str]:
    """Header of each weather column that the file has; DNI and DHI only where they are not to be decomposed."""
    found: dict[str, str] = {}
    for name, known in WEATHER_HEADERS.items():
        key = WEATHER_KEYS[name]
        stated = getattr(weather.columns, key)
        header = named_column(table, stated, f"columns.{key}") if stated is not None else _only(table, name, known)
        if header is None and name == "ghi_w_m2" and _slope(table) == 0.0:
            header = table.find(("g_i",))
        if header is not None:
            found[name] = header
    _refuse_inclined(table, found)
    split = [name for name in ("dni_w_m2", "dhi_w_m2") if name in found]
    if weather.decomposition is not None:
        if split:
            raise InputError(
                f"{table.named}: `weather.decomposition` is set, and the file has "
                f"{', '.join(f'`{found[name]}`' for name in split)} already.",
                hint="remove `weather.decomposition`: what was measured is not replaced by a model.",
            )
        required = [name for name in WEATHER_KEYS if name not in {"dni_w_m2", "dhi_w_m2", "relative_humidity"}]
    else:
        required = [name for name in WEATHER_KEYS if name != "relative_humidity"]
    required = ["ghi_w_m2"] if partial else required
    missing = next((name for name in required if name not in found), None)
    if missing in {"dni_w_m2", "dhi_w_m2"} and "ghi_w_m2" in found and not split:
        raise InputError(
            f"{table.named}: no column holds `dni_w_m2` nor `dhi_w_m2`: the file has global "
            f"irradiance (`{found['ghi_w_m2']}`) only.{table.first_rows()}",
            hint="set `weather.decomposition` to `erbs` or `erbs_driesse` to have a model split it (the report says "
            "so), or name the columns with `weather.columns.dni` and `weather.columns.dhi`.",
        )
    if missing is not None:
        raise missing_column(
            table, f"`{missing}`", WEATHER_HEADERS[missing][:8], table.setting(f"columns.{WEATHER_KEYS[missing]}")
        )
    return found


def _slope(table: Table) -> float | None:
    """Slope of the plane [deg] that the lines above the header say, as PVGIS writes it."""
    return next((float(said[1]) for line in table.above if (said := SLOPE.search(line))), None)


def _refuse_inclined(table: Table, found: Mapping[str, str]) -> None:
    """Refuse the light on an inclined plane where that on the ground, or towards the sun, is asked for."""
    slope = _slope(table)
    for name, header in found.items():
        if slope and name in IRRADIANCE_STEMS and INCLINED.fullmatch(plain(header)):
            raise InputError(
                f"{table.named}: `{header}` is the irradiance on a plane of {slope:g} degrees, and no `{name}`.",
                hint="download the file for a slope of 0, or the typical year, which has `G(h)`, `Gb(n)` and `Gd(h)`.",
            )


def _only(table: Table, name: str, known: Sequence[str]) -> str | None:
    """Header of a weather quantity by its known names; two that differ are refused."""
    found = find_quantity(table, known, QUANTITIES[name])
    if len(found) > 1:
        first = table.columns[found[0]]
        differing = [header for header in found[1:] if table.columns[header] != first]
        if differing:
            raise InputError(
                f"{table.named}: `{found[0]}` and `{differing[0]}` both may be `{name}`, and they differ.",
                hint=f"set `{table.setting(f'columns.{WEATHER_KEYS[name]}')}` to the one that counts.",
            )
    return table.find(known) or next(iter(found), None)


def _irradiance(
    table: Table, header: str, values: NDArray[np.float64], axis: TimeAxis, weather: WeatherSettings
) -> tuple[float, str]:
    """Factor from a column's unit to mean W/m2, and how it is said."""
    key = table.setting("unit")
    unit: str | None = weather.unit
    why = f"`{key}` says so"
    if unit is None:
        unit, why = said_unit(table, header, IRRADIANCE)
    if unit is None:
        greatest = float(np.nanmax(values, initial=0.0))
        if 0.0 < greatest <= MOST_KW_PER_M2:
            raise InputError(
                f"{table.named}: the unit of `{header}` can not be known: its greatest value "
                f"is {greatest:g}, which may be kW/m2 as well as nearly dark W/m2.",
                hint=f"set `{key}` to one of {', '.join(IRRADIANCE.units)}.",
            )
        if axis.minutes != 60:
            raise InputError(
                f"{table.named}: `{header}` does not say whether it is a mean irradiance "
                f"(W/m2) or the energy of {axis.minutes} min (Wh/m2).",
                hint=f"set `{key}` to one of {', '.join(IRRADIANCE.units)}.",
            )
        unit, why = "W/m2", f"`{header}` reaches {greatest:g}: in kW/m2 more than the sun gives"
    table.decide("unit of irradiance", unit, why)
    # Energy of a short interval is less than the mean power by the share of the hour.
    factor = PER_WATT[unit] * (60 / axis.minutes if "Wh" in unit or "J" in unit else 1.0)
    return factor, "" if factor == 1.0 else f"times {factor:g} from {unit}"


def _converted(
    table: Table, name: str, header: str, values: NDArray[np.float64], weather: WeatherSettings
) -> tuple[NDArray[np.float64], str]:
    """Values of temperature, wind or humidity in their canonical unit, and how that is said."""
    quantity, canonical = QUANTITIES[name], next(iter(QUANTITIES[name].units))
    stated = {"temp_air_c": weather.temperature_unit, "wind_speed_m_s": weather.wind_unit}.get(name)
    unit, why = said_unit(table, header, quantity) if stated is None else (stated, "its key says so")
    if unit is None:
        return values, ""
    table.decide(f"unit of {quantity.name}", unit, why)
    if unit == canonical:
        return values, ""
    factor, summand = LINEAR[unit]
    return values * factor + summand, f"converted from {unit} to {canonical}"
