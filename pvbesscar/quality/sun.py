"""Position of the sun in each hour, and the greatest irradiance that it can give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import pvlib
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NIGHT_ELEVATION_DEG = -3.0
"""Below this the sky gives less than 1 W/m2: refraction lifts the sun by 0.6 deg, the rest is twilight."""

DAY_ELEVATION_DEG = 10.0
"""Above this even the darkest cloud lets some tens of W/m2 through."""

CLEAN_TURBIDITY = 2.0
"""Linke turbidity of very clean, dry air [1]; Kasten (1996), doi:10.1016/0038-092X(95)00114-7."""

_OFFSETS_MIN = (0, 15, 30, 45, 60)


@dataclass(frozen=True, slots=True)
class Sun:
    """The sun over N hours, seen at five instants of each (start, quarters, end).

    Attributes
    ----------
    highest, lowest
        Greatest and least true elevation within the hour [deg], shape (N,).
    mu, mu_max, mu_min
        Mean, greatest and least cosine of the zenith within the hour, 0 below the horizon, shape (N,).
    extra
        Extraterrestrial normal irradiance [W/m2], shape (N,).
    zenith, azimuth
        Apparent zenith and azimuth in the middle of the hour [deg], shape (N,).
    """

    highest: FloatArray
    lowest: FloatArray
    mu: FloatArray
    mu_max: FloatArray
    mu_min: FloatArray
    extra: FloatArray
    zenith: FloatArray
    azimuth: FloatArray

    @property
    def night(self) -> BoolArray:
        """Hours through which the sun stays below the horizon, twilight left out."""
        return self.highest < NIGHT_ELEVATION_DEG

    @property
    def day(self) -> BoolArray:
        """Hours through which the sun stands well above the horizon."""
        return self.lowest > DAY_ELEVATION_DEG

    @property
    def horizontal(self) -> FloatArray:
        """Extraterrestrial horizontal irradiance, mean of the hour [W/m2], shape (N,)."""
        return self.extra * self.mu


@lru_cache(maxsize=8)
def sun_over(starts: bytes, latitude: float, longitude: float, altitude_m: float) -> Sun:
    """Sun over hours, by NREL's algorithm in pvlib: Reda and Andreas (2004), doi:10.1016/j.solener.2003.12.003.

    Parameters
    ----------
    starts
        Starts of the hours, seconds since 1970 UTC, the bytes of an int64 array of shape (N,): bytes can be a cache's
        key, and the years judged in one run nearly always share their stamps.
    latitude, longitude
        Place [deg], north and east positive.
    altitude_m
        Height above the sea [m].
    """
    seconds = np.frombuffer(starts, dtype=np.int64)
    instants = np.concatenate([seconds + 60 * minutes for minutes in _OFFSETS_MIN])
    # One call for all distinct instants: each full hour is the end of one interval and the start of the next.
    unique, back = np.unique(instants, return_inverse=True)
    times = pd.DatetimeIndex(unique.view("M8[s]")).tz_localize("UTC")
    position = pvlib.solarposition.get_solarposition(times, latitude, longitude, altitude=altitude_m)
    elevation = position["elevation"].to_numpy()[back].reshape(len(_OFFSETS_MIN), -1)
    mu = np.sin(np.radians(elevation)).clip(0.0)
    middle = back.reshape(len(_OFFSETS_MIN), -1)[_OFFSETS_MIN.index(30)]
    return Sun(
        highest=elevation.max(axis=0),
        lowest=elevation.min(axis=0),
        # Simpson's rule over the quarters of the hour.
        mu=(mu[0] + 4 * mu[1] + 2 * mu[2] + 4 * mu[3] + mu[4]) / 12.0,
        mu_max=mu.max(axis=0),
        mu_min=mu.min(axis=0),
        extra=np.asarray(pvlib.irradiance.get_extra_radiation(times[back[: seconds.size]]), dtype=np.float64),
        zenith=position["apparent_zenith"].to_numpy()[middle],
        azimuth=position["azimuth"].to_numpy()[middle],
    )


def clean_sky_ghi(sun: Sun, altitude_m: float) -> FloatArray:
    """Global irradiance under a cloudless sky of very clean air [W/m2], shape (N,).

    Ineichen and Perez (2002), doi:10.1016/S0038-092X(02)00045-2, with `CLEAN_TURBIDITY`: few real hours and no real
    day exceed it.
    """
    zenith = np.degrees(np.arccos(sun.mu.clip(0.0, 1.0)))
    airmass = pvlib.atmosphere.get_relative_airmass(np.where(sun.mu > 0, zenith, np.nan))
    absolute = pvlib.atmosphere.get_absolute_airmass(airmass, pvlib.atmosphere.alt2pres(altitude_m))
    sky = pvlib.clearsky.ineichen(zenith, absolute, CLEAN_TURBIDITY, altitude=altitude_m, dni_extra=sun.extra)
    return np.nan_to_num(np.asarray(sky["ghi"], dtype=np.float64))
