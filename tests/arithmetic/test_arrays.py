"""pvlib's formulas on arrays that are the same everywhere: its own values to rounding, and only known functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib
import pytest

from pvbesscar.arithmetic.arrays import SameEverywhere, same_everywhere
from pvbesscar.oe2.weather import LINKE_TURBIDITY, clear_sky, sun
from schemas.settings import SiteSettings

SITE = SiteSettings()


@pytest.fixture(scope="module")
def index() -> pd.DatetimeIndex:
    return pd.date_range("2025-01-01", periods=8760, freq="h", tz=SITE.timezone)


def test_the_sun_stands_where_pvlib_sees_it(index: pd.DatetimeIndex) -> None:
    middle = index + pd.Timedelta(minutes=30)
    expected = pvlib.solarposition.get_solarposition(middle, SITE.latitude, SITE.longitude, altitude=SITE.altitude_m)
    found = sun(index, SITE)
    for name in ("apparent_zenith", "azimuth"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-12), name
    assert found["dni_extra"].to_numpy() == pytest.approx(
        pvlib.irradiance.get_extra_radiation(middle).to_numpy(), rel=1e-14
    )


def test_the_clear_sky_is_pvlibs(index: pd.DatetimeIndex) -> None:
    place = pvlib.location.Location(SITE.latitude, SITE.longitude, SITE.timezone, SITE.altitude_m)
    expected = place.get_clearsky(index + pd.Timedelta(minutes=30), linke_turbidity=LINKE_TURBIDITY)
    found = clear_sky(index, SITE)
    for name in ("ghi", "dni", "dhi"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-11, abs=1e-10), name


def test_all_that_is_computed_stays_of_this_kind() -> None:
    x = same_everywhere([0.1, 0.2])
    for result in (np.cos(x), x**-1.6, 1.0 - x, np.where(x > 0.15, x, 0.0), np.clip(x, 0.0, 0.15), x[:1], -x):
        assert isinstance(result, SameEverywhere)
    x *= 2.0
    assert isinstance(x, SameEverywhere)
    assert x.tolist() == [0.2, 0.4]


def test_a_function_that_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match=r"np\.sinh is not known to give the same digits on every processor"):
        np.sinh(same_everywhere([0.1, 0.2]))
