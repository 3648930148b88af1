"""Sun and clear sky of the site, and the columns of canonical weather."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib

from pvbesscar.arithmetic.arrays import SameEverywhere, same_everywhere
from pvbesscar.oe2.series import Series
from schemas.settings import SiteSettings

LINKE_TURBIDITY = 4.0
"""Linke turbidity of a humid tropical lowland [1], passed explicitly so that no climatology file is looked up.

Kasten (1996), doi:10.1016/0038-092X(95)00114-7; values of 3.5 to 4.5 in Remund et al. (2003), ISES.
"""

AIR_C, EARTH_LATE_S, REFRACTION_DEG = 12.0, 67.0, 0.5667
"""Air's temperature, terrestrial less universal time, refraction at sunset: pvlib's own defaults."""

WEATHER_COLUMNS = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "temp_air_c", "wind_speed_m_s")


def sun(index: pd.DatetimeIndex, site: SiteSettings) -> pd.DataFrame:
    """Position of the sun in the middle of each hour.

    Parameters
    ----------
    index
        Starts of the hours, tz-aware, shape (N,).
    site
        Latitude, longitude and altitude.

    Returns
    -------
    DataFrame
        `apparent_zenith`, `azimuth` [deg] and `dni_extra` [W/m2], indexed by the starts of the hours, shape (N, 3).
    """
    # Stamps are interval starts: at the start, a morning hour would see too low a sun and an evening hour too high.
    middle = pd.DatetimeIndex(index + pd.Timedelta(minutes=30))
    seconds = middle.tz_convert("UTC").as_unit("ns").asi8 / 1e9
    place = (same_everywhere(one) for one in (site.latitude, site.longitude, site.altitude_m))
    # As pvlib.solarposition.get_solarposition asks for it, which takes no arrays of this kind.
    zenith, _, _, _, azimuth, _ = pvlib.spa.solar_position(
        same_everywhere(seconds), *place, _pressure(site) / 100.0, AIR_C, EARTH_LATE_S, REFRACTION_DEG, numthreads=1
    )
    return pd.DataFrame(
        {
            "apparent_zenith": zenith,
            "azimuth": azimuth,
            "dni_extra": pvlib.irradiance.get_extra_radiation(day_of_year(middle)),
        },
        index=index,
    )


def day_of_year(stamps: pd.DatetimeIndex) -> SameEverywhere:
    """Day of the year in UTC, 1 to 366, from which pvlib has the earth's distance from the sun; shape (N,)."""
    return same_everywhere(stamps.tz_convert("UTC").dayofyear)


def _pressure(site: SiteSettings) -> SameEverywhere:
    """Mean pressure of the air [Pa], from the altitude."""
    pressure: SameEverywhere = pvlib.atmosphere.alt2pres(same_everywhere(site.altitude_m))
    return pressure


def clear_sky(index: pd.DatetimeIndex, site: SiteSettings) -> pd.DataFrame:
    """Irradiance under a cloudless sky, in the middle of each hour.

    Ineichen and Perez (2002), doi:10.1016/S0038-092X(02)00045-2, with `LINKE_TURBIDITY`.

    Parameters
    ----------
    index
        Starts of the hours, tz-aware, shape (N,).
    site
        Latitude, longitude and altitude.

    Returns
    -------
    DataFrame
        `ghi`, `dni`, `dhi` [W/m2], indexed by the starts of the hours, shape (N, 3).
    """
    position = sun(index, site)
    zenith, extra = (same_everywhere(position[name]) for name in ("apparent_zenith", "dni_extra"))
    airmass = pvlib.atmosphere.get_absolute_airmass(pvlib.atmosphere.get_relative_airmass(zenith), _pressure(site))
    turbidity, altitude_m = same_everywhere(LINKE_TURBIDITY), same_everywhere(site.altitude_m)
    with np.errstate(divide="ignore"):  # pvlib divides by the cosine of the zenith, also at night
        sky = pvlib.clearsky.ineichen(zenith, airmass, turbidity, altitude=altitude_m, dni_extra=extra)
    return pd.DataFrame({name: np.asarray(sky[name]) for name in ("ghi", "dni", "dhi")}, index=index)


DECOMPOSITIONS = {
    "erbs": "Erbs, Klein and Duffie (1982), doi:10.1016/0038-092X(82)90302-4",
    "erbs_driesse": "Erbs as reformulated by Driesse, Jensen and Perez (2024), doi:10.1016/j.solener.2023.112093",
}


def decomposed(weather: Series, site: SiteSettings, model: str) -> Series:
    """Split global horizontal irradiance into beam and diffuse by a model of the clearness index.

    Parameters
    ----------
    weather
        Series with `timestamp` and `ghi_w_m2` [W/m2], shape (N, >= 2); a gap stays a gap.
    site
        Where the sun is seen from; its position is that of the middle of each hour.
    model
        One of `DECOMPOSITIONS`.

    Returns
    -------
    Series
        With `dni_w_m2` and `dhi_w_m2` [W/m2] after `ghi_w_m2`; GHI = DNI cos(zenith) + DHI in every hour.
    """
    frame = weather.frame
    index = pd.DatetimeIndex(frame["timestamp"])
    position = sun(index, site)
    zenith, extra = (same_everywhere(position[name]) for name in ("apparent_zenith", "dni_extra"))
    ghi = same_everywhere(frame["ghi_w_m2"])
    split = getattr(pvlib.irradiance, model)
    # Both take the extraterrestrial irradiance of the hour, from the date or as a number, under different names.
    found = split(ghi, zenith, day_of_year(index)) if model == "erbs" else split(ghi, zenith, dni_extra=extra)
    light = {name: np.where(np.isnan(ghi), np.nan, found[name]) for name in ("dni", "dhi")}
    columns = {f"{name}_w_m2": np.asarray(values) for name, values in light.items()}
    whole = pd.DataFrame({"timestamp": frame["timestamp"], "ghi_w_m2": frame["ghi_w_m2"], **columns})
    rest = frame.drop(columns=["timestamp", "ghi_w_m2"])
    step = f"`dni_w_m2` and `dhi_w_m2` decomposed from `ghi_w_m2` by pvlib's {model}: {DECOMPOSITIONS[model]}"
    note = (
        f"beam and diffuse irradiance are modelled ({model}), not measured: PV modelled on them has the model's error"
    )
    return weather.then(pd.concat([whole, rest], axis=1), step).noting(note)
