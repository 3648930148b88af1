"""Stays as they were recorded, brought to whole hours of the year; what is cut, kept or left out is counted."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pvbesscar.oe2.calendar import declared_year
from pvbesscar.oe2.cells import Table, cell_error, refuse_cells
from pvbesscar.oe2.numbers import NUMBER, numbers
from pvbesscar.oe2.session_columns import SessionTable, is_missing
from pvbesscar.oe2.timestamps import parse_stamps
from pvbesscar.oe2.zone_words import PAIRS
from schemas.settings import HOURS_PER_YEAR, EvSettings, Settings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

OWN_ZONE = re.compile(r".*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)", re.IGNORECASE)
UTC_WORDS = frozenset({"utc", "gmt", "z", "etc/utc"})
HALF = 0.5
ROUNDINGS: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "inner": (np.ceil, np.floor),
    "outer": (np.floor, np.ceil),
    "nearest": (lambda hours: np.floor(hours + HALF), lambda hours: np.floor(hours + HALF)),
}
"""What `ev.rounding` does to arrivals and to departures."""

_LESS, _MORE = "partly used hours do not count", "partly used hours count whole"
WAYS = {
    "inner": (f"up to the next full hour: {_LESS}", f"down to the last full hour: {_LESS}"),
    "outer": (f"down to the last full hour: {_MORE}", f"up to the next full hour: {_MORE}"),
    "nearest": ("to the nearest full hour", "to the nearest full hour"),
}


@dataclass(frozen=True, slots=True)
class Times:
    """Whole hours of the stays that are kept.

    Attributes
    ----------
    sessions
        The rows that are kept.
    arrival, departure
        Hours of the year, [arrival, departure), shape (rows,).
    short
        Stays that span no full hour and are kept in one, shape (rows,).
    minutes
        How long each was recorded [min], shape (rows,).
    steps, notes
        What was done, and what a reader of the result should know.
    """

    sessions: SessionTable
    arrival: IntArray
    departure: IntArray
    short: NDArray[np.bool_]
    minutes: FloatArray
    steps: tuple[str, ...]
    notes: tuple[str, ...]

    def only(self, rows: NDArray[np.bool_], *notes: str) -> Times:
        """Return some of the stays, with notes on the others."""
        return replace(
            self,
            sessions=self.sessions.only(rows),
            arrival=self.arrival[rows],
            departure=self.departure[rows],
            short=self.short[rows],
            minutes=self.minutes[rows],
            notes=(*self.notes, *notes),
        )


def times_of(sessions: SessionTable, settings: Settings) -> Times:
    """Bring arrivals and departures to whole hours, as `ev.rounding` and `ev.leave_out` say.

    Raises
    ------
    InputError
        A cell is empty or no time, a stay ends before it begins, or lies in another year.
    """
    ev, notes = settings.ev, list[str]()
    every = len(sessions.table.lines)
    ended = np.array([not is_missing(cell) for cell in sessions.table.columns[sessions.headers["departure"]]])
    if "open" in ev.leave_out and not ended.all():
        notes.append(_left_out(int((~ended).sum()), every, "without a departure", "open"))
        sessions = sessions.only(ended)
    arrival, steps = _exact(sessions, "arrival", settings)
    departure, more = _exact(sessions, "departure", settings)
    _refuse_backwards(sessions, arrival, departure, ev)
    inside = (departure > 0.0) & (arrival < HOURS_PER_YEAR)
    if "outside" in ev.leave_out and not inside.all():
        notes.append(_left_out(int((~inside).sum()), every, f"of another year than {settings.site.year}", "outside"))
        sessions, arrival, departure = sessions.only(inside), arrival[inside], departure[inside]
    else:
        _refuse_outside(sessions, inside, settings)
    over = (arrival < 0.0) | (departure > HOURS_PER_YEAR)
    if over.any():
        arrival, departure = arrival.clip(0.0), departure.clip(max=HOURS_PER_YEAR)
        notes.append(
            f"{int(over.sum())} stays over New Year are cut at the edge of the declared year {settings.site.year}; "
            "what they need is kept whole"
        )
    found = _whole_hours(sessions, (arrival, departure), (steps, more), ev)
    found = replace(found, notes=(*notes, *found.notes))
    if "short" in ev.leave_out and found.short.any():
        n = int(found.short.sum())
        return found.only(~found.short, _left_out(n, every, "that span no full hour", "short"))
    if found.short.any():
        kept = (
            f"{int(found.short.sum())} stays span no full hour and are kept in the one that holds most of them; "
            "`ev.leave_out: [short]` leaves them out"
        )
        return replace(found, notes=(*found.notes, kept))
    return found


def _left_out(n: int, every: int, which: str, name: str) -> str:
    return f"{n} of {every} sessions left out: those {which} (`ev.leave_out` names `{name}`)"


def _exact(sessions: SessionTable, name: str, settings: Settings) -> tuple[FloatArray, tuple[str, ...]]:
    """Hours from the start of the declared year, decimal, from numbers or from stamps."""
    table, header = sessions.table, sessions.headers[name]
    cells = table.columns[header]
    refuse_cells(
        table, header, [i for i, cell in enumerate(cells) if is_missing(cell)], what=f"no {name}",
        cause="a vehicle that was still there when the file was exported, or a record that was lost",
        hint=f"complete the {name}, or remove the row"
        + ("; `ev.leave_out: [open]` leaves such sessions out and counts them." if name == "departure" else "."),
    )  # fmt: skip
    if _are_hours(cells):
        values, steps = numbers(table, header)
        outside = np.flatnonzero(~((values >= 0.0) & (values <= HOURS_PER_YEAR)))
        refuse_cells(
            table, header, outside, what=f"no whole number of 0 to {HOURS_PER_YEAR}, nor a decimal one",
            cause="hours of another span than the year",
            hint="count hours from 1 January 00:00 of the declared year, or write stamps.",
        )  # fmt: skip
        return values, steps
    zoned, zone_step = _with_zone(sessions, header, settings)
    index, steps = parse_stamps(zoned, header, settings.site)
    start = declared_year(settings.site, 1)[0]
    hours = np.asarray((index - start) / dt.timedelta(hours=1), dtype=np.float64)
    _check_zone(sessions, header, index.strftime("%Z").tolist(), settings)
    return hours, (*steps, *zone_step, f"`{header}` counted in hours from {start:%Y-%m-%d %H:%M}")


def _are_hours(cells: list[str]) -> bool:
    """Whether most cells are numbers that hours of a year may be; on a tie the first one decides."""
    if "".join(cells).isdecimal():  # a hundred thousand whole hours are seen at once
        return max(map(len, cells)) < 5
    plain = [cell.replace(",", ".") for cell in cells]
    fits = [NUMBER.fullmatch(cell) is not None and len(cell.partition(".")[0]) < 5 for cell in plain]
    count = Counter(fits)
    return fits[0] if count[True] == count[False] else count[True] > count[False]


def _with_zone(sessions: SessionTable, header: str, settings: Settings) -> tuple[Table, tuple[str, ...]]:
    """Table whose stamps are in the zone that its own column says, where all rows say one and the same."""
    table = sessions.table
    zone = None if settings.ev.timezone is not None else _zone_of(_zone_words(sessions, header))
    if zone is None:
        return table, ()
    layout = table.layout.model_copy(update={"timezone": zone})
    return replace(table, layout=layout), (f"stamps in {zone} time, as `{sessions.headers['zone']}` says",)


def _zone_of(words: set[str]) -> str | None:
    """IANA zone of one name, or of the two that are one clock; None for any other."""
    if {word.casefold() for word in words} <= UTC_WORDS:
        return "UTC" if words else None
    place = next(iter(words)) if len(words) == 1 else ""
    return PAIRS.get(frozenset(words), place if place in zoneinfo.available_timezones() and "/" in place else None)


def _zone_words(sessions: SessionTable, header: str) -> set[str]:
    """What a column of zones says; nothing where there is none, or the stamps carry their zone themselves."""
    cells = sessions.table.columns[header]
    if not sessions.has("zone") or all(OWN_ZONE.fullmatch(cell) for cell in cells):
        return set()
    return {cell for cell in sessions.table.columns[sessions.headers["zone"]] if not is_missing(cell)}


def _check_zone(sessions: SessionTable, header: str, abbreviations: list[str], settings: Settings) -> None:
    """Refuse stamps of a zone that the file names and that is not the one they were taken in."""
    words = _zone_words(sessions, header)
    zone = settings.ev.timezone or settings.site.timezone
    if settings.ev.timezone is not None or not words or _zone_of(words) is not None:
        return
    cells = sessions.table.columns[sessions.headers["zone"]]
    against = [
        i
        for i, (cell, here) in enumerate(zip(cells, abbreviations, strict=True))
        if not is_missing(cell) and cell not in {here, zone}
    ]
    refuse_cells(
        sessions.table, sessions.headers["zone"], against, what=f"another time zone than {zone}",
        cause="sessions of another place", hint="set `ev.timezone` to the zone of the stamps.",
    )  # fmt: skip


def _refuse_backwards(sessions: SessionTable, arrival: FloatArray, departure: FloatArray, ev: EvSettings) -> None:
    backwards = departure < arrival if "short" in ev.leave_out else departure <= arrival
    refuse_cells(
        sessions.table, sessions.headers["departure"], np.flatnonzero(backwards), what="no full hour after the arrival",
        cause="swapped columns, a clock that was set back, or a plug that was pulled at once",
        hint="correct the stamps; `ev.leave_out: [short]` leaves out stays of no length and counts them.",
    )  # fmt: skip


def _refuse_outside(sessions: SessionTable, inside: NDArray[np.bool_], settings: Settings) -> None:
    if not inside.all():
        raise cell_error(
            sessions.table, sessions.headers["arrival"], np.flatnonzero(~inside),
            what=f"a stamp outside the {HOURS_PER_YEAR} hours of the declared year {settings.site.year}",
            cause="sessions of another year, or of several",
            hint="set `site.year` to the year of the sessions, or `ev.leave_out: [outside]`, which leaves out those of "
            "other years and counts them.",
        )  # fmt: skip


def _whole_hours(
    sessions: SessionTable,
    exact: tuple[FloatArray, FloatArray],
    read: tuple[tuple[str, ...], tuple[str, ...]],
    ev: EvSettings,
) -> Times:
    """Hours [arrival, departure) of stays whose two times are `exact`, after the steps by which each was `read`."""
    arrival, departure = exact
    first, last = (rounded(hours) for rounded, hours in zip(ROUNDINGS[ev.rounding], exact, strict=True))
    steps: list[str] = []
    moved = 0
    for name, one, hours, way, done in zip(
        ("arrival", "departure"), exact, (first, last), WAYS[ev.rounding], read, strict=True
    ):
        steps += done
        n = int((one != hours).sum())
        steps += [f"{n} stamps of `{sessions.headers[name]}` within an hour moved {way}"] if n else []
        moved += n
    short = last <= first
    # The hour of a short stay is the one that holds more of it; the earlier one where both hold as much.
    here = np.floor(arrival)
    here = np.where(here + 1.0 - arrival >= departure - here - 1.0, here, here + 1.0).clip(max=HOURS_PER_YEAR - 1.0)
    first, last = np.where(short, here, first), np.where(short, here + 1.0, last)
    notes = []
    if moved:
        recorded, counted = float((departure - arrival).sum()), float((last - first).sum())
        notes.append(
            f"stays last {recorded:.1f} h as recorded and {counted:.1f} h in whole hours (`ev.rounding: {ev.rounding}`)"
        )
    return Times(
        sessions, first.astype(np.int64), last.astype(np.int64), short, (departure - arrival) * 60.0, tuple(steps),
        tuple(notes),
    )  # fmt: skip
