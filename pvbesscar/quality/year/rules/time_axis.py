"""Time axis: 8,760 hours in order, none missing, none twice, in the site's own time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pvbesscar.oe2.calendar import year_start
from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import CARBON, EV_PROFILE, MALL, PV, WEATHER
from schemas.settings import HOURS_PER_YEAR

CALENDAR = "docs/design.md, Calendar: a canonical year is 8,760 rows stamped at the start of the interval, local time"
ANY_HOURLY = (WEATHER, PV, MALL, EV_PROFILE, CARBON)


def _steps_h(stamps: pd.DatetimeIndex) -> np.ndarray:
    return np.diff(stamps.tz_convert("UTC").as_unit("s").asi8) / 3600.0


@rule(
    "time.length",
    "error",
    "8,760 hours",
    looks_at=ANY_HOURLY,
    rationale="Every controller decides and is judged on 8,760 hours; a short year would be repeated or padded.",
    reference=CALENDAR,
    cause="the file holds part of a year, a leap year of 8,784 rows, or another resolution",
    fix="export the whole year as 8,760 hourly rows, 29 February left out",
    waivable=False,
)
def length(context: QualityContext) -> Iterator[Violation]:
    """Check the number of rows."""
    for series in context.hourly:
        rows = len(context.frames[series])
        if rows != HOURS_PER_YEAR:
            first, last = context.stamps(series)[[0, -1]]
            yield Violation(
                series,
                "timestamp",
                f"{rows} rows, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
                f"{HOURS_PER_YEAR} rows",
                f"{rows} rows instead of {HOURS_PER_YEAR}",
                cause="quarter- or half-hourly rows" if rows in {2 * 8760, 4 * 8760} else None,
            )


@rule(
    "time.zone",
    "error",
    "stamps in the site's time zone",
    looks_at=ANY_HOURLY,
    rationale="Tariff, opening hours and sun are matched to stamps by local time.",
    reference=CALENDAR,
    cause="the frame was stamped in another zone",
    fix="run `pvbesscar ingest` again with the right `site.timezone`",
    waivable=False,
)
def zone(context: QualityContext) -> Iterator[Violation]:
    """Check the name of the zone."""
    expected = context.settings.site.timezone
    for series in context.hourly:
        found = str(context.stamps(series).tz)
        if found != expected:
            yield Violation(
                series, "timestamp", found, expected, f"stamps are in {found}, the site's time is {expected}"
            )


@rule(
    "time.order",
    "error",
    "stamps in order",
    looks_at=ANY_HOURLY,
    rationale="Rows are hours of a simulation that runs forward.",
    reference=CALENDAR,
    cause="rows pasted together from several exports, or day and month read in the wrong order",
    fix="sort the file by time; check that dates are day first or year first throughout",
    waivable=False,
)
def order(context: QualityContext) -> Iterator[Violation]:
    """Find rows stamped before the row above them."""
    for series in context.hourly:
        back = np.flatnonzero(_steps_h(context.stamps(series)) < 0) + 1
        if back.size:
            yield Violation(
                series,
                "timestamp",
                f"{back.size} rows earlier than the row before",
                "each row later than the row before",
                f"the stamps run backwards {back.size} times",
                hours=back,
            )


@rule(
    "time.duplicates",
    "error",
    "no hour twice",
    looks_at=ANY_HOURLY,
    rationale="An hour that is there twice is counted twice in every yearly energy.",
    reference=CALENDAR,
    cause="two exports that overlap, or a clock change that this zone does not have",
    fix="remove the repeated rows in the source",
    waivable=False,
)
def duplicates(context: QualityContext) -> Iterator[Violation]:
    """Find stamps that were there before."""
    for series in context.hourly:
        twice = np.flatnonzero(context.stamps(series).duplicated())
        if twice.size:
            yield Violation(
                series,
                "timestamp",
                f"{twice.size} repeated stamps",
                "each stamp once",
                f"{twice.size} hours are there more than once",
                hours=twice,
            )


def _leap_day_left_out(stamps: pd.DatetimeIndex, after: Hours) -> np.ndarray:
    """Whether the gap before each row is 29 February, whole and alone: the year that `time.calendar` asks for."""
    before, behind = stamps[after - 1], stamps[after]
    last_hour = (before.month == 2) & (before.day == 28) & (before.hour == 23)
    return np.asarray(before.is_leap_year & last_hour & ((behind - before) == pd.Timedelta(hours=25)))


@rule(
    "time.gaps",
    "error",
    "no hour missing",
    looks_at=ANY_HOURLY,
    rationale="A missing hour shifts all later ones against tariff, sun and vehicles. 29 February, whole, may be left "
    "out.",
    reference=CALENDAR,
    cause="hours lost at the logger or dropped in a spreadsheet",
    fix="export the missing hours, or have them measured again; what can not be measured any more is filled by a "
    "declared fill (`fills`: hours, source and reason), and by nothing else",
    waivable=False,
)
def gaps(context: QualityContext) -> Iterator[Violation]:
    """Find steps of more than an hour."""
    for series in context.hourly:
        steps = _steps_h(context.stamps(series))
        after = np.flatnonzero(steps > 1.0) + 1
        after = after[~_leap_day_left_out(context.stamps(series), after)]
        if after.size:
            missing = float((steps[after - 1] - 1.0).sum())
            yield Violation(
                series,
                "timestamp",
                f"{missing:.4g} hours missing in {after.size} places",
                "steps of 1 h",
                f"{missing:.4g} hours are missing before the rows named",
                hours=after,
            )


@rule(
    "time.step",
    "error",
    "one row per hour, on the hour",
    looks_at=ANY_HOURLY,
    rationale="Energies are per hour; a row of 15 minutes read as an hour is four times too much.",
    reference=CALENDAR,
    cause="a file of 15 or 30 minutes, or stamps at the middle of the interval",
    fix="resample the file to hours, stamped at their start",
    waivable=False,
)
def step(context: QualityContext) -> Iterator[Violation]:
    """Find steps shorter than an hour and stamps off the hour."""
    for series in context.hourly:
        stamps = context.stamps(series)
        steps = _steps_h(stamps)
        short = np.flatnonzero((steps > 0) & (steps < 1.0)) + 1
        off: Hours = np.flatnonzero((stamps.minute != 0) | (stamps.second != 0))
        rows = np.union1d(short, off)
        if rows.size:
            usual = f"; the usual step is {np.median(steps):.4g} h" if steps.size else ""
            yield Violation(
                series,
                "timestamp",
                f"{rows.size} rows off the hour{usual}",
                "one row at each full hour",
                f"{rows.size} rows do not begin at a full hour",
                hours=rows,
            )


@rule(
    "time.common_axis",
    "error",
    "all series share the same hours",
    looks_at=ANY_HOURLY,
    rationale="Hour t of PV, mall and vehicles must be the same hour, or net load is invented.",
    reference=CALENDAR,
    cause="files of different years, or one of them shifted or cut",
    fix="use files of one year; `site.year` declares the year of files without stamps",
    waivable=False,
)
def common_axis(context: QualityContext) -> Iterator[Violation]:
    """Compare the stamps of each series with those of the first."""
    first, *others = context.hourly
    reference = context.stamps(first)
    for series in others:
        stamps = context.stamps(series)
        if len(stamps) != len(reference):
            continue  # time.length says it
        differ = np.flatnonzero(stamps.asi8 != reference.as_unit(stamps.unit).asi8)
        if differ.size:
            at = differ[0]
            yield Violation(
                series,
                "timestamp",
                f"row {at} is {stamps[at]:%Y-%m-%d %H:%M}",
                f"{reference[at]:%Y-%m-%d %H:%M}, as in {context.source_name(first)}",
                f"{differ.size} rows are stamped otherwise than in {context.source_name(first)}",
                hours=differ,
            )


@rule(
    "time.calendar",
    "warning",
    "1 January to 31 December, no leap day",
    looks_at=ANY_HOURLY,
    rationale="8,760 rows of a leap year that hold 29 February end on 30 December: New Year's Eve is missing, and the "
    "rows do not match a common year's calendar.",
    reference=CALENDAR,
    cause="a leap year cut at 8,760 rows",
    fix="leave out 29 February in the source and keep 31 December, or accept the year as it is (stamps are kept)",
)
def calendar(context: QualityContext) -> Iterator[Violation]:
    """Look for 29 February and for the first and last hour of the year."""
    for series in context.hourly:
        stamps = context.stamps(series)
        leap = np.flatnonzero((stamps.month == 2) & (stamps.day == 29))
        first, last = stamps[0], stamps[-1]
        zone, end = str(stamps.tz), last + pd.Timedelta(hours=1)
        whole = first == year_start(first.year, zone) and end == year_start(first.year + 1, zone)
        if leap.size or not whole:
            span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
            yield Violation(
                series,
                "timestamp",
                f"{span}, {leap.size} hours on 29 February",
                "1 January 00:00 to 31 December 23:00 without 29 February",
                f"the year runs from {span} and holds 29 February" if leap.size else f"the year runs from {span}",
                hours=leap,
                cause=None if leap.size else "a year that does not begin in January, or another time zone",
                fix=None if leap.size else "export the calendar year in local time",
            )
