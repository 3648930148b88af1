"""Stays of vehicles as the site reports them, in whole hours since 1970, read as any file of sessions is."""

from __future__ import annotations

import calendar
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

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

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COLUMNS = ("session_id", "socket", "arrival", "departure", "battery_kwh", "arrival_soc", "required_soc")

NONE = pd.DataFrame({name: pd.Series(dtype=object if name == "session_id" else float) for name in COLUMNS})


class Stays(NamedTuple):
    """Stays of vehicles, one each, shape (n,); times are seconds since 1970 of full hours, `departure` is exclusive."""

    name: NDArray[np.object_]
    socket: IntArray
    arrival: IntArray
    departure: IntArray
    battery_kwh: FloatArray
    arrival_soc: FloatArray
    required_soc: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Stays of a table with `COLUMNS`."""
        whole, real = (
            {name: frame[name].to_numpy(kind) for name in names}
            for kind, names in ((np.int64, COLUMNS[1:4]), (np.float64, COLUMNS[4:]))
        )
        return cls(frame["session_id"].to_numpy(object), **whole, **real)

    def between(self, first: int, end: int, known_until: int | None = None) -> Self:
        """Stays that touch the hours from `first` to before `end`.

        Parameters
        ----------
        known_until
            Only those that had begun by then: nobody knows who will come.
        """
        inside = (self.arrival < end) & (self.departure > first)
        if known_until is not None:
            inside &= self.arrival <= known_until
        return type(self)._make(values[inside] for values in self)

    def with_soc(self, soc: Mapping[str, float]) -> Self:
        """Return the same stays, some of them with another state of charge than that of their arrival."""
        socs = [soc.get(name, float(own)) for name, own in zip(self.name, self.arrival_soc, strict=True)]
        return self._replace(arrival_soc=np.array(socs, np.float64))

    def sessions(self, first: int) -> Sessions:
        """Sessions in hours from `first` on, those that were there before it from hour 0 on."""
        return Sessions(
            self.socket,
            np.maximum((self.arrival - first) // HOUR_S, 0),
            (self.departure - first) // HOUR_S,
            self.battery_kwh,
            self.arrival_soc.astype(np.float32),
            self.required_soc.astype(np.float32),
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
        return Stays.of(NONE)
    stamps = pd.to_datetime(hours, unit="s", utc=True).tz_convert(settings.site.timezone)
    parts = [_of_year(snapshot, settings, year) for year in sorted(set(stamps.year))]
    # A stay over New Year is in both years, cut at its edge: it is one.
    merged = pd.concat(parts).groupby("session_id", sort=False)
    frame = merged.agg(dict.fromkeys(COLUMNS[1:], "first") | {"departure": "last"}).reset_index()
    return Stays.of(frame)


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
