"""Stays of vehicles as the site reports them, in whole hours since 1970, read as any file of sessions is."""

from __future__ import annotations

import calendar
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import year_start
from pvbesscar.oe2.sessions_file import read_sessions
from pvbesscar.plant.data import Sessions
from pvbesscar.shadow.source import Snapshot
from pvbesscar.shadow.telemetry import HOUR_S
from schemas.errors import InputError, NothingLeftError
from schemas.settings import HOURS_PER_YEAR, Settings

COLUMNS = ("session_id", "socket", "arrival", "departure", "battery_kwh", "arrival_soc", "required_soc")

NONE = pd.DataFrame({name: pd.Series(dtype=object if name == "session_id" else float) for name in COLUMNS})


@dataclass(frozen=True, slots=True)
class Stays:
    """Stays of vehicles, one row each.

    Attributes
    ----------
    frame
        `session_id`, `socket`, `arrival` and `departure` (exclusive), `battery_kwh`, `arrival_soc`, `required_soc`;
        times are seconds since 1970 of full hours.
    """

    frame: pd.DataFrame

    def between(self, first: int, end: int, known_until: int | None = None) -> Self:
        """Stays that touch the hours from `first` to before `end`.

        Parameters
        ----------
        known_until
            Only those that had begun by then: nobody knows who will come.
        """
        own = self.frame
        inside = (own["arrival"] < end) & (own["departure"] > first)
        if known_until is not None:
            inside &= own["arrival"] <= known_until
        return type(self)(own[inside].reset_index(drop=True))

    def with_soc(self, soc: dict[str, float]) -> Self:
        """Return the same stays, some of them with another state of charge than that of their arrival."""
        there = self.frame["session_id"].map(soc)
        return type(self)(self.frame.assign(arrival_soc=there.fillna(self.frame["arrival_soc"])))

    def sessions(self, first: int) -> Sessions:
        """Sessions in hours from `first` on, those that were there before it from hour 0 on."""
        own = self.frame
        hours = {n: (own[n].to_numpy(np.int64) - first) // HOUR_S for n in ("arrival", "departure")}
        return Sessions(
            own["socket"].to_numpy(np.int64),
            np.maximum(hours["arrival"], 0),
            hours["departure"],
            own["battery_kwh"].to_numpy(np.float64),
            own["arrival_soc"].to_numpy(np.float32),
            own["required_soc"].to_numpy(np.float32),
        )


def read_stays(snapshot: Snapshot, settings: Settings, hours: NDArray[np.int64]) -> Stays:
    """Stays of the years that some hours lie in.

    Parameters
    ----------
    snapshot
        What the source held.
    hours
        Hours that will be looked at, seconds since 1970.

    Raises
    ------
    InputError
        It can not be read as sessions of this plant.
    """
    if len(snapshot.text.splitlines()) < 2:
        return Stays(NONE)
    stamps = pd.to_datetime(hours, unit="s", utc=True).tz_convert(settings.site.timezone)
    parts = [_of_year(snapshot, settings, year) for year in sorted(set(stamps.year))]
    # A stay over New Year is in both years, cut at its edge: it is one.
    merged = pd.concat(parts).groupby("session_id", sort=False)
    frame = merged.agg(dict.fromkeys(COLUMNS[1:], "first") | {"departure": "last"}).reset_index()
    return Stays(frame)


def _of_year(snapshot: Snapshot, settings: Settings, year: int) -> pd.DataFrame:
    """Stays that touch a calendar year."""
    leave_out = tuple({*settings.ev.leave_out, "outside"})
    own = settings.model_copy(
        update={
            "site": settings.site.model_copy(update={"year": year}),
            "ev": settings.ev.model_copy(update={"leave_out": leave_out, "source": "sessions"}),
        }
    )
    with tempfile.TemporaryDirectory(prefix="pvbesscar-shadow-") as folder:
        path = Path(folder) / "sessions.csv"
        path.write_text(snapshot.text, encoding="utf-8")
        try:
            frame = read_sessions(path, "shadow.sessions", own).frame
        except NothingLeftError:
            return NONE
        except InputError as error:
            # A person knows the source, not the copy of it.
            raise InputError(error.message.replace(str(path), snapshot.where), hint=error.hint) from error
    start = int(year_start(year, settings.site.timezone).timestamp())
    times = {name: start + HOUR_S * frame[name] for name in ("arrival", "departure")}
    return frame.assign(**times)[[*COLUMNS]]


def has_no_place(stamp: pd.Timestamp) -> bool:
    """Whether an hour is on the 366th day of a year, which no canonical year has: no stay can be read there.

    >>> has_no_place(pd.Timestamp("2028-12-31 10:00", tz="UTC")), has_no_place(pd.Timestamp("2025-12-31", tz="UTC"))
    (True, False)
    """
    day = stamp.timetuple().tm_yday
    return calendar.isleap(stamp.year) and (day - 1) * 24 >= HOURS_PER_YEAR
