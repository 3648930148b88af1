"""Weather of a calendar year from PVGIS, written as a file with its provenance; the pipeline itself stays offline."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from pvbesscar.arithmetic import functions
from pvbesscar.oe2.calendar import year_start
from pvbesscar.oe2.series import Series, provenance_file
from pvbesscar.oe2.weather import WEATHER_COLUMNS, sun
from pvbesscar.store.files import read_json, sha256_file, write_json, write_text
from schemas.errors import InputError
from schemas.settings import SiteSettings

COLUMNS = ("poa_direct", "poa_sky_diffuse", "temp_air", "wind_speed")
LEAST_COSINE = 0.065
"""Cosine of the zenith below which no beam is told apart from diffuse light (86.3 deg), as in pvlib's `erbs`."""
STEPS = (
    "stamps of PVGIS (UTC) taken as the hour that they lie in, and brought to the site's time",
    "beam on the horizontal and diffuse light added up to `ghi_w_m2`",
    "`dni_w_m2` is the beam over the cosine of the zenith in the middle of the hour",
    f"beam under a cosine of {LEAST_COSINE}, or beyond the extraterrestrial irradiance, counted as diffuse light",
)


@dataclass(frozen=True, slots=True)
class PvgisRequest:
    """What to ask PVGIS for.

    Attributes
    ----------
    year
        Calendar year in the site's time.
    leap_day
        Whether 29 February is kept. A canonical year has no place for all 8,784 hours of a leap year; a fill takes the
        hours that it names.
    database
        Radiation database; `PVGIS-ERA5` covers the whole world and stamps the middle of the hour.
    url
        Address of the service with a slash at its end; None for pvlib's.
    timeout_s
        How long to wait for an answer [s].
    """

    year: int
    database: str = "PVGIS-ERA5"
    url: str | None = None
    timeout_s: float = 60.0
    leap_day: bool = True


def fetch(site: SiteSettings, request: PvgisRequest, path: Path) -> Path:
    """Ask PVGIS for the weather of a calendar year and write it to `path`, its provenance beside it.

    Parameters
    ----------
    site
        Latitude, longitude and time zone.
    request
        Year, database and service.
    path
        File to write; its provenance is `path` with `.provenance.json` after it.

    Returns
    -------
    Path
        The provenance file.

    Raises
    ------
    InputError
        The service did not answer, refused, or its answer is not the year that was asked for.
    """
    hours = _hours(site, request)
    answer, inputs = _ask(site, request, hours)
    weather, minute = _weather(answer, hours, site)
    text = weather.assign(timestamp=[stamp.isoformat() for stamp in hours])[["timestamp", *WEATHER_COLUMNS]]
    write_text(path, text.to_csv(index=False, lineterminator="\n"))
    provenance = provenance_file(path)
    write_json(
        provenance,
        {
            "source": "PVGIS, hourly radiation (seriescalc), by pvlib.iotools.get_pvgis_hourly",
            "url": request.url or "as pvlib has it",
            "pvlib": pvlib.__version__,
            "year": request.year,
            "hours": len(hours),
            "database": request.database,
            "inputs": inputs,
            "stamps_at_minute": minute,
            "hours_reconstructed": int(answer["Int"].sum()) if "Int" in answer else None,
            "transformations": [*STEPS, *([] if request.leap_day else ["29 February left out"])],
            "fetched": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "sha256": sha256_file(path),
        },
    )
    return provenance


def with_origin(weather: Series, path: Path) -> Series:
    """Return a weather series that names PVGIS as its origin, where its file was fetched from there.

    Raises
    ------
    InputError
        The provenance beside the file is not one.
    """
    beside = provenance_file(path)
    if not beside.is_file():
        return weather
    try:
        said = read_json(beside)
        digest, year, database, fetched = (str(said[name])[:80] for name in ("sha256", "year", "database", "fetched"))
    except (ValueError, OSError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{beside}: no provenance of a fetched file ({type(error).__name__}).",
            hint="fetch the file again with `pvbesscar fetch pvgis`, or remove its provenance.",
        ) from error
    origin = f"fetched from PVGIS ({database}, {year}) at {fetched}: satellite or reanalysis data, not measured on site"
    if digest != weather.provenance.sha256:
        return weather.noting(f"{origin}; the file was changed since")
    return weather.noting(origin)


def _hours(site: SiteSettings, request: PvgisRequest) -> pd.DatetimeIndex:
    first, end = (year_start(year, site.timezone) for year in (request.year, request.year + 1))
    hours = pd.date_range(first, end, freq="h", inclusive="left")
    return hours if request.leap_day else hours[~((hours.month == 2) & (hours.day == 29))]


def _ask(site: SiteSettings, request: PvgisRequest, hours: pd.DatetimeIndex) -> tuple[pd.DataFrame, dict[str, Any]]:
    years = hours.tz_convert("UTC").year
    where = {} if request.url is None else {"url": request.url}
    try:
        answer, about = pvlib.iotools.get_pvgis_hourly(
            site.latitude, site.longitude, start=int(years[0]), end=int(years[-1]), raddatabase=request.database,
            components=True, surface_tilt=0, surface_azimuth=180, timeout=request.timeout_s, **where,
        )  # fmt: skip
        if not isinstance(answer.index, pd.DatetimeIndex):
            raise TypeError("no stamps")  # noqa: TRY301 (one place turns every kind of junk into words)
        inputs = {name: value for name, value in about["inputs"].items() if name != "descriptions"}
    except OSError as error:  # all of what `requests` raises is
        raise InputError(f"PVGIS did not give the weather of {request.year}: {_reason(error, request)}.", hint=(
            "check the network and `--url`; PVGIS holds some twenty past years, and a site west of Greenwich needs the "
            "first hours of the year after, too."
        )) from error  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _junk(f"{type(error).__name__}: {str(error)[:200]}") from error
    return answer, inputs


def _reason(error: OSError, request: PvgisRequest) -> str:
    kind = type(error).__name__
    if "Timeout" in kind:
        return f"no answer within {request.timeout_s:g} s"
    return f"{kind}: {str(error)[:300].rstrip('.')}"


def _weather(answer: pd.DataFrame, hours: pd.DatetimeIndex, site: SiteSettings) -> tuple[pd.DataFrame, int]:
    """Canonical weather of the hours, and the minute of the hour that PVGIS stamped."""
    missing = [name for name in COLUMNS if name not in answer]
    if missing:
        raise _junk(f"it has no {', '.join(missing)}")
    stamps = pd.DatetimeIndex(answer.index)
    minutes = np.unique(stamps.minute)
    here = stamps.floor("h").isin(hours)
    asked, begins = answer.loc[here], stamps[here].floor("h").as_unit("s")
    if len(minutes) != 1 or not begins.equals(hours.tz_convert("UTC").as_unit("s")):
        found = len(begins.unique())
        raise _junk(
            f"it holds {found:,} of the {len(hours):,} hours from {hours[0]} to {hours[-1]}, in {len(asked):,} rows "
            f"stamped at {len(minutes)} different minutes of the hour"
        )
    try:
        values = {name: asked[name].to_numpy(np.float64) for name in COLUMNS}
    except (ValueError, TypeError) as error:
        raise _junk(f"a value is no number ({str(error)[:100]})") from error
    bad = [name for name, column in values.items() if not np.isfinite(column).all()]
    if bad:
        raise _junk(f"values of {', '.join(bad)} are missing or infinite")
    beam, diffuse = values["poa_direct"], values["poa_sky_diffuse"]
    position = sun(hours, site)
    cosine = functions.cos(np.radians(position["apparent_zenith"].to_numpy()))
    high = cosine >= LEAST_COSINE
    dni = np.where(high, np.minimum(beam / np.where(high, cosine, 1.0), position["dni_extra"].to_numpy()), 0.0)
    ghi = beam + diffuse
    columns = (ghi, dni, ghi - dni * np.where(high, cosine, 0.0), values["temp_air"], values["wind_speed"])
    return pd.DataFrame(dict(zip(WEATHER_COLUMNS, columns, strict=True))), int(minutes[0])


def _junk(what: str) -> InputError:
    return InputError(
        f"the answer of PVGIS is not the weather that was asked for: {what}.",
        hint="ask again later, or for another `--year` or `--database`; nothing was written.",
    )
