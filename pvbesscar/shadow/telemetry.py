"""The site's hours as it reports them: one row an hour, mean powers; what a row must hold, and what becomes of others.

No row is mended. An hour whose row is missing, broken or contradicted by another one has no reading.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pvbesscar.shadow.source import Snapshot
from schemas.errors import InputError

FloatArray = NDArray[np.float64]

HOUR_S = 3600
EARLY_S = 300.0
"""How far the clock of the telemetry may be ahead of this machine's [s]."""
TIMESTAMP = "timestamp"
COLUMNS: Mapping[str, tuple[str, str]] = {
    TIMESTAMP: ("ISO 8601", "start of the hour, with an offset or in the site's time"),
    "pv_kw": ("kW", "generation, mean of the hour"),
    "mall_kw": ("kW", "demand of the mall without vehicles, mean of the hour"),
    "ev_kw": ("kW", "demand of all sockets, mean of the hour"),
    "battery_kw": ("kW", "battery at its terminals, mean of the hour; above zero charges"),
    "grid_kw": ("kW", "exchange with the grid, mean of the hour; above zero is bought"),
    "soc": ("1", "state of charge of the battery at the end of the hour, a ratio"),
}
"""Columns of telemetry, each with its unit and meaning; beside them there may be those of the sockets."""
NUMBERS = tuple(name for name in COLUMNS if name != TIMESTAMP)


def socket_column(socket: int) -> str:
    """Column of a socket's energy in the hour [kWh]; sockets are numbered from 0.

    >>> socket_column(0)
    'socket_000_kwh'
    """
    return f"socket_{socket:03d}_kwh"


@dataclass(frozen=True, slots=True)
class Reading:
    """One hour of the site. Powers are means of the hour [kW]; NaN where the cell is empty or no number.

    Attributes
    ----------
    soc
        State of charge at the end of the hour.
    socket_kwh
        Energy at each socket, shape (K,) [kWh]; None where the telemetry has no such columns.
    """

    pv_kw: float
    mall_kw: float
    ev_kw: float
    battery_kw: float
    grid_kw: float
    soc: float
    socket_kwh: tuple[float, ...] | None = None

    @property
    def left_over_kw(self) -> float:
        """What the hour's balance leaves over [kW]: import and PV against mall, vehicles and battery."""
        return self.grid_kw + self.pv_kw - self.mall_kw - self.ev_kw - self.battery_kw

    @property
    def greatest_kw(self) -> float:
        """Greatest flow of the hour [kW]."""
        return max(abs(kw) for kw in (self.pv_kw, self.mall_kw, self.ev_kw, self.battery_kw, self.grid_kw))

    def same_as(self, other: Reading) -> bool:
        """Whether two rows say the same, empty cells included."""
        own, others = (np.array([*(getattr(r, n) for n in NUMBERS), *(r.socket_kwh or ())]) for r in (self, other))
        return bool(np.array_equal(own, others, equal_nan=True))


@dataclass(slots=True)
class Telemetry:
    """What the site has told so far; hours are seconds since 1970 of their start.

    Attributes
    ----------
    readings
        The hours that have a reading.
    faults
        Hours whose rows can not be used, each with the quality rule that says so and the reason in words.
    repeated, late
        Hours whose row is there more than once, alike; and hours whose row stands behind a later one.
    unusable
        Rows that belong to no hour, in words.
    """

    readings: dict[int, Reading] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    unusable: list[str] = field(default_factory=list)

    @property
    def newest(self) -> int | None:
        """The last hour that has any row."""
        return max((*self.readings, *self.faults), default=None)

    def run_before(self, hour: int, hours: int) -> dict[int, Reading]:
        """Readings of the `hours` hours up to `hour`, it included, in order."""
        span = range(hour - (hours - 1) * HOUR_S, hour + 1, HOUR_S)
        return {one: self.readings[one] for one in span if one in self.readings}


def parse(snapshot: Snapshot, key: str, timezone: str, sockets: int, now_s: float = math.inf) -> Telemetry:
    """Telemetry of a comma separated text.

    Parameters
    ----------
    key
        Configuration key that names the source.
    timezone
        Of stamps without an offset.
    sockets
        Sockets of the plant; their columns are all there, or none is.
    now_s
        The present time, seconds since 1970: an hour that has not ended has no row. One wrong year would give up all
        hours until then.

    Raises
    ------
    InputError
        A column is missing or not known.
    """
    rows = csv.reader(io.StringIO(snapshot.text))
    header = [name.strip() for name in next(rows, [])]
    found = Telemetry()
    if not header:
        return found
    places = _places(header, snapshot, key, sockets)
    zone, newest = zoneinfo.ZoneInfo(timezone), -math.inf
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        cells = {name: row[at].strip() for name, at in places.items() if at < len(row)}
        hours, why = hours_of(cells.get(TIMESTAMP, ""), zone)
        if len(hours) != 1:
            found.unusable.append(f"line {line}: {why}")
            continue
        hour = hours[0]
        if hour + HOUR_S > now_s + EARLY_S:
            found.unusable.append(f"line {line}: the hour {cells[TIMESTAMP]} has not ended")
            continue
        if hour < newest:
            found.late.add(hour)
        newest = max(newest, hour)
        if len(row) != len(header):
            _broken(found, hour, f"its row has {len(row)} cells, the header {len(header)}")
            continue
        _take(found, hour, cells, sockets)
    return found


def _places(header: list[str], snapshot: Snapshot, key: str, sockets: int) -> dict[str, int]:
    missing = [name for name in COLUMNS if name not in header]
    own = [socket_column(k) for k in range(sockets)]
    known = {*COLUMNS, *own}
    foreign = [name for name in header if name not in known]
    some = [name for name in own if name in header]
    if missing or foreign or len(set(header)) < len(header) or len(some) not in {0, sockets}:
        what = (
            f"column `{missing[0]}` is missing" if missing
            else f"column `{foreign[0]}` is not known" if foreign
            else "a column is there twice" if len(set(header)) < len(header)
            else f"{len(some)} of {sockets} columns of sockets are there"
        )  # fmt: skip
        raise InputError(
            f"{snapshot.where} (named by `{key}`): {what}; telemetry has {', '.join(f'`{n}`' for n in COLUMNS)}, and "
            f"all of `{own[0]}` to `{own[-1]}` or none.",
            hint="see docs/shadow.md for the columns and their units; `pvbesscar shadow --example FOLDER` writes one.",
        )
    return {name: at for at, name in enumerate(header)}


def hours_of(cell: str, zone: zoneinfo.ZoneInfo) -> tuple[tuple[int, ...], str]:
    """Hours that a stamp may mean, one where it is a full hour's start, and else the reason in words."""
    try:
        stamp = dt.datetime.fromisoformat(cell)
    except ValueError:
        return (), f"`{cell[:40]}` is no time in ISO 8601"
    if stamp.tzinfo is None:
        both = [stamp.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
        if both[0].utcoffset() != both[1].utcoffset():
            twice = both[0].utcoffset() > both[1].utcoffset()  # type: ignore[operator]
            return (), f"{cell} is {'twice' if twice else 'never'} on a day of a clock change: write the offset"
        stamp = both[0]
    if stamp.astimezone(zone).minute or stamp.second or stamp.microsecond:
        return (), f"{cell} is no full hour (time.step)"
    return (int(stamp.timestamp()),), ""


def _broken(found: Telemetry, hour: int, why: str) -> None:
    # A row that is whole counts, whatever half of it was there before.
    if hour not in found.readings:
        found.faults.setdefault(hour, ("values.finite", why))


def _take(found: Telemetry, hour: int, cells: Mapping[str, str], sockets: int) -> None:
    numbers = {name: _number(cells[name]) for name in NUMBERS}
    own = None
    if socket_column(0) in cells:
        own = tuple(_number(cells[socket_column(k)]) for k in range(sockets))
    reading = Reading(**numbers, socket_kwh=own)
    before = found.readings.get(hour)
    if before is None and found.faults.get(hour, ("",))[0] != "time.duplicates":
        found.faults.pop(hour, None)
        found.readings[hour] = reading
    elif before is not None and before.same_as(reading):
        found.repeated.add(hour)
    else:
        found.readings.pop(hour, None)
        found.faults[hour] = ("time.duplicates", "two rows of this hour contradict each other")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
