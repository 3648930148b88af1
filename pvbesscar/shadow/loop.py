"""A pass of the shadow: every hour that can be decided is, every hour that has ended is accounted for, once.

What is written first is the decision, then the hour, then the day. A pass that is killed between two of them is taken
up by the next one where it ended: each has its hour, or its day, as its key.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pvbesscar.shadow import judge
from pvbesscar.shadow.client import Adviser, require_same_site
from pvbesscar.shadow.day import Past, Started, close_day, counted_rows
from pvbesscar.shadow.hours import GAP, Hours, Seen, hours_needed, peaks_before, site_hour
from pvbesscar.shadow.site import Site, load_site
from pvbesscar.shadow.source import read_source
from pvbesscar.shadow.stays import Stays, read_stays
from pvbesscar.shadow.store import Book
from pvbesscar.shadow.telemetry import HOUR_S, Telemetry, parse
from pvbesscar.shadow.words import page
from pvbesscar.store.locks import BusyError, held
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import HISTORY_DAYS, ModelDescription
from schemas.errors import ConfigError, StaleError
from schemas.settings import LOOK_BACK, Settings
from schemas.shadow import Begin, DayRow, Decision, HourRow

TELEMETRY_TOKEN = "PVBESSCAR_TELEMETRY_TOKEN"  # noqa: S105 (the name of a variable)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass has done.

    Attributes
    ----------
    decided, accounted, counted
        Hours decided, hours that have ended and are written down, and those of them that are counted.
    days
        Days that it has closed.
    next
        The decision for the hour that has not ended yet; None where there is none.
    notes
        What was odd about the telemetry, in words.
    """

    decided: int
    accounted: int
    counted: int
    days: tuple[DayRow, ...]
    next: Decision | None
    notes: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it has done, in one line."""
        done = f"{self.decided} hours decided, {self.accounted} accounted for, {self.counted} of them counted"
        return done if self.next is None else f"{done}; {self.next.words}"


def run_pass(
    settings: Settings,
    adviser: Adviser,
    say: Say = lambda _: None,
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Pass:
    """Take in what the site has told since the last pass.

    Parameters
    ----------
    settings
        The scenario; `shadow` names the sources.
    adviser
        Who decides.
    say
        Told of each day that ends.
    clock
        The present time.

    Raises
    ------
    BusyError
        Another loop holds the shadow.
    InputError
        A source is no telemetry, or no sessions.
    AwayError
        A source or the service does not answer.
    StaleError
        The shadow was begun on another dataset.
    """
    for key in ("telemetry", "sessions"):
        if getattr(settings.shadow, key) is None:
            raise ConfigError(
                f"`shadow.{key}` is not set: the shadow does not know where the site's hours come from.",
                hint=f"set `shadow.{key}` to a file or an address; `pvbesscar shadow --example FOLDER` writes both.",
            )
    book = book_of(settings)
    try:
        with held(book.lock, f"shadow {settings.shadow.name}", when_busy="refuse"):
            site = load_site(Workspace.of(settings).dataset, settings.site)
            return _Pass(settings, site, book, adviser, say, clock).run()
    except BusyError as error:
        raise BusyError(
            f"{error.message.partition(' is at work')[0]} is at work on this shadow already.",
            hint="one loop is enough; give another one its own `shadow.name`.",
        ) from error


def book_of(settings: Settings) -> Book:
    """What the shadow of a scenario has written down."""
    return Book(Workspace.of(settings).shadow(settings.shadow.name))


@dataclass
class _Pass:
    settings: Settings
    site: Site
    book: Book
    adviser: Adviser
    say: Say
    clock: Callable[[], dt.datetime]

    def run(self) -> Pass:
        token, where = os.environ.get(TELEMETRY_TOKEN), self.settings.shadow
        told = read_source(str(where.telemetry), "shadow.telemetry", where, token)
        zone, sockets = self.settings.site.timezone, self.site.plant.params.sockets
        telemetry = parse(told, "shadow.telemetry", zone, sockets, self.clock().timestamp())
        begin = self._begin(telemetry)
        notes = [f"{told.where}: the last line is still being written"] if told.cut else []
        notes += telemetry.unusable
        newest = telemetry.newest
        if begin is None or newest is None:
            return Pass(0, 0, 0, (), None, (*notes, "the shadow waits for a first day of telemetry"))
        rows = self._rows()
        first = rows[-1].hour + HOUR_S if rows else begin.hour
        stays = self._stays(first, newest, token)
        seen = Seen(telemetry, stays, judge.row_refusals(self.settings, self.site, telemetry))
        if self.book.begin() is None:
            begin = begin.model_copy(update={"peaks": peaks_before(self.site, begin.hour, seen)})
            self.book.write_begin(begin)
        hours = Hours(self.settings, self.site, self.adviser, lambda: self.description, seen, begin, rows, self.clock)
        done = self._through(hours, first, newest)
        return Pass(done.decided, done.accounted, done.counted, done.days, done.next, (*notes, *self._odd(hours)))

    @cached_property
    def description(self) -> ModelDescription:
        """What the service says of itself, asked once a pass."""
        description = self.adviser.describe()
        require_same_site(self.site, description)
        return description

    def _begin(self, telemetry: Telemetry) -> Begin | None:
        """Where the shadow began, or begins; None while it can not yet."""
        digest, begun = self.site.plant.digest, self.book.begin()
        if begun is not None:
            if begun.dataset_digest != digest:
                raise StaleError(
                    f"{self.book.folder}: this shadow began on dataset {begun.dataset_digest[:12]}, the present one is "
                    f"{digest[:12]}: their savings can not be added.",
                    hint="give the shadow of the new dataset another `shadow.name`.",
                )
            return begun
        if not telemetry.readings:
            return None
        day = self.settings.shadow.begin
        if day is None:
            before = hours_needed(self.description)
            earliest = self.site.stamp(min(telemetry.readings) + before * HOUR_S - 1)
            day = (earliest + pd.Timedelta(days=1)).date()
        midnight = pd.Timestamp(dt.datetime.combine(day, dt.time())).tz_localize(
            self.settings.site.timezone, ambiguous=True, nonexistent="shift_forward"
        )
        hour = int(midnight.timestamp())
        newest = telemetry.newest
        if newest is None or hour > newest + HOUR_S:
            return None
        return Begin(hour=hour, dataset_digest=digest, peaks={})

    def _rows(self) -> list[HourRow]:
        """Hours that a decision or a bill may look back at."""
        last = self.book.last_hour()
        if last is None:
            return []
        stamp = self.site.stamp(last.hour)
        month = (stamp.tz_localize(None).normalize().replace(day=1)) - pd.DateOffset(
            months=LOOK_BACK if self.site.charges else 0
        )
        earliest = min(month, stamp.tz_localize(None) - pd.Timedelta(days=HISTORY_DAYS))
        return list(self.book.hours_since(f"{earliest:%Y-%m-%d}"))

    def _stays(self, first: int, newest: int, token: str | None) -> Stays:
        where = self.settings.shadow
        told = read_source(str(where.sessions), "shadow.sessions", where, token)
        # A day is closed with the stays of its beginning.
        needed = np.arange(first - 25 * HOUR_S, newest + 2 * HOUR_S, HOUR_S, dtype=np.int64)
        return read_stays(told, self.settings, needed)

    def _through(self, hours: Hours, first: int, newest: int) -> Pass:
        """Decide and account for the hours from `first` on, as far as the telemetry goes."""
        decided = accounted = counted = 0
        days = list(self._closed(hours))
        give_up = (self.settings.shadow.late_hours + 1) * HOUR_S
        hour, decision = first, None
        while hour <= newest + HOUR_S:
            day = self.site.day(hour)
            decision = self.book.decision(day, hour)
            if decision is None:
                decision = hours.decide(hour)
                if decision is not None:
                    self.book.write_decision(day, decision)
                    decided += 1
            known = hour in hours.seen.telemetry.readings or hour in hours.seen.refused
            if not known and newest < hour + give_up:
                break  # it may still come
            row = hours.account(hour, decision)
            self.book.write_hour(day, row)
            accounted, counted = accounted + 1, counted + row.counted
            days += self._closed(hours)
            hour, decision = hour + HOUR_S, None
        return Pass(decided, accounted, counted, tuple(days), decision, ())

    def _closed(self, hours: Hours) -> Iterator[DayRow]:
        """Close the days that have ended and are not closed yet."""
        if not hours.rows:
            return
        closed = {row.day for row in self.book.days()}
        ended = dict.fromkeys(self.site.day(row.hour) for row in hours.rows[-49:])
        for day in (own for own in ended if own not in closed):
            rows = self.book.hours(day)
            if not rows or self.site.day(rows[-1].hour + HOUR_S) == day:
                continue
            row = self._account_of_day(hours, day, rows)
            self.book.write_day(row)
            self.book.write_page(page(f"Shadow `{self.settings.shadow.name}`", self.book.days()))
            self.say(row.line)
            yield row

    def _account_of_day(self, hours: Hours, day: str, rows: list[HourRow]) -> DayRow:
        stuck = judge.stuck_hours(self.settings, self.site, hours.seen.telemetry, rows[-1].hour)
        before = [row for row in hours.rows if row.hour < rows[0].hour]
        starts = dict[int, Started]()
        last = before[-1] if before else None
        for row in rows:
            if row.counted:
                starts[row.hour] = _start(last, row)
            last = row
        past = Past(hours.begin.peaks, before)
        return close_day(self.site, day, counted_rows(rows, stuck), past, starts, hours.seen.stays)

    def _odd(self, hours: Hours) -> Iterator[str]:
        """What the telemetry says of hours that are written down already, and how it came."""
        telemetry = hours.seen.telemetry
        for name, own in (("there more than once, alike, and counted once", telemetry.repeated),
                          ("behind a later hour, and counted", telemetry.late)):  # fmt: skip
            lately = sorted(one for one in own if hours.rows and one >= hours.rows[-1].hour - 48 * HOUR_S)
            if lately:
                yield f"{len(lately)} hours are {name}: {', '.join(self._times(lately))}"
        for row in hours.rows[-48 * 7 :]:
            reading = telemetry.readings.get(row.hour)
            if row.rule == GAP and reading is not None:
                yield f"{row.time}: its row came after the hour was given up; it is not counted"
            elif row.counted and reading is not None and row.site != site_hour(reading):
                yield f"{row.time}: its row has changed since it was counted; what was counted stays"

    def _times(self, hours: list[int]) -> list[str]:
        return [f"{self.site.stamp(one):%Y-%m-%d %H:%M}" for one in hours[:5]] + (["..."] if len(hours) > 5 else [])


def _start(last: HourRow | None, row: HourRow) -> Started:
    """What a counted hour began with."""
    if row.began and row.site_soc_before is not None:
        return Started(row.began, row.site_soc_before)
    assert last is not None  # an hour without a beginning of its own goes on from the one before
    assert last.site is not None
    return Started(last.plants, last.site.soc)
