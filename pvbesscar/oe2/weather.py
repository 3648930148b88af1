"""Sun and clear sky of the site, and the columns of canonical weather."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib

from pvbesscar.oe2.series import Series
from schemas.settings import SiteSettings

LINKE_TURBIDITY = 4.0
"""Linke turbidity of a humid tropical lowland [1], passed explicitly so that no climatology file is looked up.

Kasten (1996), doi:10.1016/0038-092X(95)00114-7; values of 3.5 to 4.5 in Remund et al. (2003), ISES.
"""

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
    position = pvlib.solarposition.get_solarposition(middle, site.latitude, site.longitude, altitude=site.altitude_m)
    return pd.DataFrame(
        {
            "apparent_zenith": position["apparent_zenith"].to_numpy(),
            "azimuth": position["azimuth"].to_numpy(),
            "dni_extra": pvlib.irradiance.get_extra_radiation(middle).to_numpy(),
        },
        index=index,
    )


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
    airmass = pvlib.atmosphere.get_relative_airmass(position["apparent_zenith"])
    pressure = pvlib.atmosphere.alt2pres(site.altitude_m)
    sky: pd.DataFrame = pvlib.clearsky.ineichen(
        position["apparent_zenith"],
        pvlib.atmosphere.get_absolute_airmass(airmass, pressure),
        LINKE_TURBIDITY,
        altitude=site.altitude_m,
        dni_extra=position["dni_extra"],
    )
    return sky[["ghi", "dni", "dhi"]]


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
    zenith = position["apparent_zenith"].to_numpy()
    ghi = frame["ghi_w_m2"].to_numpy(np.float64)
    split = getattr(pvlib.irradiance, model)
    # Both take the extraterrestrial irradiance of the hour, from the date or as a number, under different names.
    found = (
        split(ghi, zenith, index) if model == "erbs" else split(ghi, zenith, dni_extra=position["dni_extra"].to_numpy())
    )
    light = {
        name: np.where(np.isnan(ghi), np.nan, np.asarray(found[name], dtype=np.float64)) for name in ("dni", "dhi")
    }
    columns = {f"{name}_w_m2": values for name, values in light.items()}
    whole = pd.DataFrame({"timestamp": frame["timestamp"], "ghi_w_m2": frame["ghi_w_m2"], **columns})
    rest = frame.drop(columns=["timestamp", "ghi_w_m2"])
    step = f"`dni_w_m2` and `dhi_w_m2` decomposed from `ghi_w_m2` by pvlib's {model}: {DECOMPOSITIONS[model]}"
    note = (
        f"beam and diffuse irradiance are modelled ({model}), not measured: PV modelled on them has the model's error"
    )
    return weather.then(pd.concat([whole, rest], axis=1), step).noting(note)
