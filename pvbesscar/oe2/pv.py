"""AC energy of the PV plant from weather: one chain of published models, each with its source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib
from numpy.typing import NDArray

from pvbesscar.arithmetic.arrays import same_everywhere
from pvbesscar.oe2.weather import sun
from schemas.settings import PvSettings, SiteSettings

ALBEDO = 0.2
"""Reflectance of the ground [1]; pvlib's and PVWatts' default."""

GLASS = {"n": 1.526, "K": 4.0, "L": 0.002}
"""Index of refraction, extinction [1/m] and thickness [m] of the modules' glass: pvlib's defaults, De Soto et al."""

MODEL = (
    "pvlib: Hay-Davies transposition at mid-hour, physical incidence-angle loss on the beam, Faiman cell temperature, "
    "PVWatts DC, PVWatts inverter"
)


def plane_of_array(weather: pd.DataFrame, pv: PvSettings, site: SiteSettings) -> NDArray[np.float64]:
    """Irradiance that the modules absorb [W/m2], shape (N,).

    Hay and Davies (1980) as in Loutzenhiser et al. (2007), doi:10.1016/j.solener.2006.03.009; the beam is lessened by
    its angle of incidence, De Soto et al. (2006), doi:10.1016/j.solener.2005.06.010.

    Parameters
    ----------
    weather
        Canonical weather with `timestamp`, `ghi_w_m2`, `dni_w_m2`, `dhi_w_m2`, shape (N, >= 4).
    pv
        Tilt and azimuth.
    site
        Where the modules stand.
    """
    index = pd.DatetimeIndex(weather["timestamp"])
    position = sun(index, site)
    zenith, azimuth, extra = (same_everywhere(position[name]) for name in ("apparent_zenith", "azimuth", "dni_extra"))
    ghi, dni, dhi = (same_everywhere(weather[f"{name}_w_m2"]) for name in ("ghi", "dni", "dhi"))
    tilt, faces = same_everywhere(pv.tilt_deg), same_everywhere(pv.azimuth_deg)
    poa = pvlib.irradiance.get_total_irradiance(
        tilt, faces, zenith, azimuth, dni, ghi, dhi, dni_extra=extra, albedo=ALBEDO, model="haydavies"
    )
    glass = {name: same_everywhere(value) for name, value in GLASS.items()}
    iam = pvlib.iam.physical(pvlib.irradiance.aoi(tilt, faces, zenith, azimuth), **glass)
    absorbed: NDArray[np.float64] = np.asarray(poa["poa_direct"] * iam + poa["poa_diffuse"])
    return absorbed


def ac_energy_kwh(weather: pd.DataFrame, pv: PvSettings, site: SiteSettings) -> NDArray[np.float64]:
    """AC energy of each hour at the plant's terminals [kWh], shape (N,); a gap in the weather stays a gap.

    Cell temperature by Faiman (2008), doi:10.1002/pip.813; DC, losses and inverter by PVWatts version 5, Dobos (2014),
    NREL/TP-6A20-62641. The inverter clips at `pv.ac_kw`.

    Parameters
    ----------
    weather
        Canonical weather: `timestamp`, GHI, DNI, DHI [W/m2], `temp_air_c` [C], `wind_speed_m_s` [m/s], shape (N, >= 6).
    pv
        The plant.
    site
        Where it stands.
    """
    absorbed = plane_of_array(weather, pv, site)
    cell = pvlib.temperature.faiman(
        absorbed, weather["temp_air_c"].to_numpy(np.float64), weather["wind_speed_m_s"].to_numpy(np.float64)
    )
    dc_kw = pvlib.pvsystem.pvwatts_dc(absorbed, cell, pv.dc_kwp, pv.temperature_coefficient_per_k)
    dc_kw = dc_kw * (1.0 - pv.system_losses)
    # PVWatts rates an inverter by its DC input: the AC limit over the nominal efficiency.
    ac_kw: NDArray[np.float64] = np.asarray(
        pvlib.inverter.pvwatts(dc_kw, pv.ac_kw / pv.inverter_efficiency, pv.inverter_efficiency), dtype=np.float64
    )
    return ac_kw
