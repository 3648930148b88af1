"""The canonical year as the subject of rules: its frames, its settings and the sun over them; and its rule set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pvlib
from numpy.typing import NDArray

from pvbesscar.quality.engine import CONFIG, QualityRule, RuleSet, Violation
from pvbesscar.quality.sun import FloatArray, Sun, clean_sky_ghi, sun_over
from schemas.frames import CARBON, EV_PROFILE, HOURLY, MALL, PV, SESSIONS, WEATHER
from schemas.results import Provenance, SeriesProvenance, Severity
from schemas.settings import Settings

FILE_KEYS = {
    WEATHER: "weather.file", PV: "pv.file", MALL: "mall.file", EV_PROFILE: "ev.file", SESSIONS: "ev.file",
    CARBON: "carbon.file",
}  # fmt: skip
"""Key that names the file of each series."""

IRRADIANCE = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")
_READ_AS = re.compile(r"`(?P<raw>[^`]+)` is `(?P<canonical>[^`]+)`")


def source_name(entry: SeriesProvenance) -> str:
    """What a person knows a series by: its raw file where there is one."""
    if entry.source == "file" and entry.file is not None:
        return entry.file
    if entry.source == "model":
        return f"{entry.series} (modelled{f' from {entry.file}' if entry.file else ''})"
    return f"{entry.series} ({entry.source})"


def column_name(entry: SeriesProvenance, column: str) -> str:
    """Name of a column in the raw file, as ingest recorded it; the canonical name where there is none."""
    read = (_READ_AS.search(step) for step in entry.transformations) if entry.source == "file" else ()
    return next((match["raw"] for match in read if match and match["canonical"] == column), column)


@dataclass(frozen=True)
class QualityContext:
    """The canonical year of one scenario.

    Parameters
    ----------
    settings
        The scenario.
    frames
        Canonical frames by series name; a rule sees only series whose structure is sound.
    provenance
        Where they come from; None where frames are judged on their own.
    """

    settings: Settings
    frames: Mapping[str, pd.DataFrame]
    provenance: Provenance | None = None

    def with_frame(self, series: str, frame: pd.DataFrame) -> QualityContext:
        """Return the context with one frame put in the place of another."""
        return replace(self, frames={**self.frames, series: frame})

    def only(self, series: tuple[str, ...]) -> QualityContext:
        """Return the context without the frames that are not named."""
        return replace(self, frames={name: frame for name, frame in self.frames.items() if name in series})

    def can_be_asked(self, rule: QualityRule[QualityContext]) -> bool:
        """Whether the series that a rule looks at are here."""
        return rule.applies(self.frames)

    @property
    def hourly(self) -> tuple[str, ...]:
        """Hourly series that are here."""
        return tuple(name for name in HOURLY if name in self.frames)

    def columns(self, series: str) -> tuple[str, ...]:
        """Columns with numbers of an hourly series."""
        return tuple(str(name) for name in self.frames[series].columns if name != "timestamp")

    def values(self, series: str, column: str) -> FloatArray:
        """Values of a column, shape (rows,)."""
        return self.frames[series][column].to_numpy(np.float64)

    def measured(self, series: str, column: str) -> FloatArray:
        """Values of a column without those that a declared fill took from the series itself (NaN), shape (rows,)."""
        values, entry = self.values(series, column), self.origin(series)
        own = [fill for fill in entry.fills if fill.file is None and column in fill.columns] if entry else []
        if not own:
            return values
        stamps, values = self.stamps(series), values.copy()
        for fill in own:
            first, last = (pd.Timestamp(stamp) for stamp in (fill.first_stamp, fill.last_stamp))
            values[(stamps >= first) & (stamps <= last)] = np.nan
        return values

    def stamps(self, series: str) -> pd.DatetimeIndex:
        """Stamps of an hourly series, shape (rows,)."""
        return pd.DatetimeIndex(self.frames[series]["timestamp"])

    def local_days(self, series: str) -> NDArray[np.int64]:
        """Local calendar day of each row, as days since 1970, shape (rows,)."""
        naive = self.stamps(series).tz_localize(None)
        return naive.normalize().to_numpy("datetime64[D]").astype(np.int64)

    def local_months(self, series: str) -> NDArray[np.int64]:
        """Local calendar month of each row, as months since 1970, shape (rows,)."""
        return self.stamps(series).tz_localize(None).to_numpy("datetime64[M]").astype(np.int64)

    def sun(self, series: str) -> Sun:
        """Sun of the site over the rows of an hourly series; computed once for series that share their stamps."""
        stamps = self.stamps(series).tz_convert("UTC").as_unit("s")
        site = self.settings.site
        return sun_over(stamps.asi8.tobytes(), site.latitude, site.longitude, site.altitude_m)

    @cached_property
    def clean_sky(self) -> FloatArray:
        """Global irradiance of very clean, cloudless air over the weather's rows [W/m2]."""
        return clean_sky_ghi(self.sun(WEATHER), self.settings.site.altitude_m)

    @cached_property
    def plane_of_array(self) -> FloatArray:
        """Irradiance in the plane of the modules [W/m2], no reflection loss, shape (rows,).

        Hay and Davies (1980) as in Loutzenhiser et al. (2007), doi:10.1016/j.solener.2006.03.009, in the middle of the
        hour.
        """
        sun, pv = self.sun(WEATHER), self.settings.pv
        ghi, dni, dhi = (np.nan_to_num(self.values(WEATHER, name)) for name in IRRADIANCE)
        poa = pvlib.irradiance.get_total_irradiance(
            pv.tilt_deg, pv.azimuth_deg, sun.zenith, sun.azimuth, dni, ghi, dhi, dni_extra=sun.extra, model="haydavies"
        )
        return np.nan_to_num(np.asarray(poa["poa_global"], dtype=np.float64))

    def shares_axis(self, first: str, second: str) -> bool:
        """Whether two hourly series are here with the same stamps."""
        if first not in self.frames or second not in self.frames:
            return False
        return self.stamps(first).equals(self.stamps(second))

    def origin(self, series: str) -> SeriesProvenance | None:
        """Provenance of a series."""
        if self.provenance is None:
            return None
        return next((entry for entry in self.provenance.series if entry.series == series), None)

    def source_name(self, series: str) -> str:
        """What a person knows a series by: its raw file where there is one."""
        if series == CONFIG:
            return f"configuration `{self.settings.name}`"
        entry = self.origin(series)
        return f"{series}.parquet" if entry is None else source_name(entry)

    def column_name(self, series: str, column: str) -> str:
        """Name of a column in the raw file, as ingest recorded it; the canonical name where there is none."""
        entry = self.origin(series)
        return column if entry is None else column_name(entry, column)

    def severity_of(self, severity: Severity, violation: Violation) -> Severity:
        """Severity of a finding: the milder one that it says; an error in a column that nobody uses is a warning."""
        stated, unused = violation.severity or severity, not self.uses(violation.series, violation.column)
        return "warning" if unused and stated == "error" else stated

    def where_to_fix(self, series: str) -> str:
        """Name the key of the file, where a series was read from one."""
        entry = self.origin(series)
        return f" (the file is named by `{FILE_KEYS[series]}`)" if entry and entry.source == "file" else ""

    def stamps_of(self, series: str, _rows: int = 0) -> pd.DatetimeIndex | None:
        """Stamps of a series; of the first sound hourly series for sessions, whose hours count from its start."""
        for name in (series,) if series in HOURLY else HOURLY:
            frame = self.frames.get(name)
            if frame is not None and "timestamp" in frame and isinstance(frame["timestamp"].dtype, pd.DatetimeTZDtype):
                return pd.DatetimeIndex(frame["timestamp"])
        return None

    def uses(self, series: str, column: str) -> bool:
        """Whether the configuration builds anything on a column.

        Irradiance, temperature and wind matter where PV is modelled from them; humidity never does; an hourly EV
        profile matters because sessions are derived from it.
        """
        if series == WEATHER:
            return column != "relative_humidity" and self.settings.pv.source != "file"
        return series in {PV, MALL, EV_PROFILE, SESSIONS, CARBON, CONFIG}


YEAR_RULES = RuleSet[QualityContext]()
"""Filled when `pvbesscar.quality.year.rules` is imported: import it from there to have all rules."""

rule = YEAR_RULES.rule
"""Decorator of a check of `pvbesscar.quality.year.rules`."""
