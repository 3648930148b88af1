"""Straight lines: gaps that somebody closed with a ruler, in series that never run straight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours, fold
from pvbesscar.quality.sun import BoolArray, FloatArray
from pvbesscar.quality.year.context import QualityContext, rule
from pvbesscar.quality.year.rules.patterns import at_the_inverters_limit
from schemas.frames import EV_PROFILE, MALL, PV, WEATHER

LIGHT_ROWS = 7
"""Rows of daylight that never lie on one line: five that were filled, between two that were measured."""

LIGHT_OFF_LINE = 0.002
"""How far light may be off its line, of its greatest value in those rows, and still lie on it [1]."""

DEMAND_ROWS = 10
"""Rows of demand that never lie on one line."""

AIR_ROWS = 12
"""Rows of air temperature; it is smooth by nature, so that more of them are asked for."""

OFF_LINE = 0.02
"""How far rows may be off their line, of what is usual at that hour of the day, and still lie on it [1].

Real and made-up years stay above 0.04.
"""

MEND = (
    "export the hours again from the meter or sensor, or declare the fill: `fills` names its hours, source and reason"
)


def off_line(values: FloatArray, rows: int) -> FloatArray:
    """Greatest distance of `rows` rows from the line between their first and last, by first row; shape (N - rows + 1,).

    >>> off_line(np.array([0.0, 1.0, 2.0, 9.0]), 3)
    array([0. , 3. ])
    """
    count = values.size - rows + 1
    first, last = values[:count], values[rows - 1 :]
    farthest = np.zeros(max(count, 0))
    for row in range(1, rows - 1):
        chord = first + (last - first) * (row / (rows - 1))
        farthest = np.maximum(farthest, np.abs(values[row : row + count] - chord))
    return farthest


def _extremes(values: FloatArray, rows: int) -> tuple[FloatArray, FloatArray]:
    """Least and greatest value of `rows` rows, by first row."""
    count = values.size - rows + 1
    shifted = [values[row : row + count] for row in range(rows)]
    return np.minimum.reduce(shifted), np.maximum.reduce(shifted)


def _covered(starts: BoolArray, rows: int, size: int) -> Hours:
    """Rows that lie in a window that begins at one of the starts."""
    inside = np.zeros(size, dtype=bool)
    for row in range(rows):
        inside[row : row + starts.size] |= starts
    return np.flatnonzero(inside)


def straight_rows(values: FloatArray, rows: int) -> Hours:
    """Rows on lines that are `rows` long or longer and neither level nor usual at their hour of the day.

    Parameters
    ----------
    values
        An hourly series of whole days, shape (N,).
    rows
        Least length of a line.

    Returns
    -------
    array of int
        0-based rows, shape (n,). What lies on a line every night, as a base load does, is no finding: distances are
        compared with their median at the same hour of the day.
    """
    if values.size < 2 * rows:
        return np.empty(0, dtype=np.int64)
    off = off_line(values, rows)
    least, most = _extremes(values, rows)
    moves = most > least
    hour = np.arange(off.size) % 24
    usual = np.zeros(24)
    for one in range(24):
        here = off[(hour == one) & moves]
        usual[one] = float(np.median(here)) if here.size else 0.0
    return _covered(moves & (off < OFF_LINE * usual[hour]), rows, values.size)


def straight_light(values: FloatArray, judged: BoolArray) -> Hours:
    """Rows of light on lines of `LIGHT_ROWS` or more among those judged, level ones left to `solar.flat_line`."""
    if values.size < LIGHT_ROWS:
        return np.empty(0, dtype=np.int64)
    off = off_line(values, LIGHT_ROWS)
    least, most = _extremes(values, LIGHT_ROWS)
    lit, _ = _extremes((judged & (values > 0)).astype(np.float64), LIGHT_ROWS)
    return _covered((lit > 0) & (most > least) & (off < LIGHT_OFF_LINE * most), LIGHT_ROWS, values.size)


def _violation(series: str, column: str, rows: Hours, least: int, which: str = "values are") -> Iterator[Violation]:
    if rows.size:
        runs = fold(rows)
        longest = max(last - first + 1 for first, last in runs)
        yield Violation(
            series,
            column,
            f"{len(runs)} lines, the longest of {longest} h",
            f"fewer than {least} h on one line",
            f"{which} on straight lines in {rows.size} hours, up to {longest} h on one",
            hours=rows,
        )


@rule(
    "solar.straight_line",
    "error",
    "light and generation run on no straight line",
    looks_at=(WEATHER, PV),
    rationale="The sun's path is a curve and clouds break it: seven hours of daylight whose irradiance or generation "
    "lies within 0.2 % of one line were interpolated.",
    reference=f"solar position; {LIGHT_ROWS} hours of daylight on one line",
    cause="a gap filled by a straight line between the last value before it and the first after it",
    fix=MEND,
    waivable=False,
)
def light_on_a_line(context: QualityContext) -> Iterator[Violation]:
    """Find hours of daylight on one line."""
    if WEATHER in context.frames:
        ghi = context.values(WEATHER, "ghi_w_m2")
        yield from _violation(
            WEATHER, "ghi_w_m2", straight_light(ghi, context.sun(WEATHER).lowest > 0), LIGHT_ROWS, "the irradiance is"
        )
    if PV in context.frames:
        pv = context.values(PV, "pv_kwh")
        judged = (context.sun(PV).lowest > 0) & ~at_the_inverters_limit(context, pv)
        yield from _violation(PV, "pv_kwh", straight_light(pv, judged), LIGHT_ROWS, "the generation is")


@rule(
    "mall.straight_line",
    "error",
    "demand runs on no straight line",
    looks_at=(MALL,),
    rationale="Ten hours of demand that lie fifty times nearer to one line than is usual at those hours of the day "
    "were interpolated, through opening and closing alike.",
    reference=f"the series itself: the median distance from a line of {DEMAND_ROWS} hours, by hour of the day",
    cause="a gap filled by a straight line between the last value before it and the first after it",
    fix=MEND,
)
def demand_on_a_line(context: QualityContext) -> Iterator[Violation]:
    """Find hours of demand on one line."""
    values = context.values(MALL, "mall_kwh")
    yield from _violation(MALL, "mall_kwh", straight_rows(values, DEMAND_ROWS), DEMAND_ROWS, "the demand is")


@rule(
    "weather.straight_line",
    "warning",
    "air temperature runs on no straight line",
    looks_at=(WEATHER,),
    rationale="Twelve hours of temperature that lie fifty times nearer to one line than is usual at those hours of the "
    "day were interpolated.",
    reference=f"the series itself: the median distance from a line of {AIR_ROWS} hours, by hour of the day",
    cause="a gap filled by a straight line, or a typical year, whose months are joined by lines of some hours",
    fix=MEND,
)
def air_on_a_line(context: QualityContext) -> Iterator[Violation]:
    """Find hours of air temperature on one line."""
    values = context.values(WEATHER, "temp_air_c")
    yield from _violation(WEATHER, "temp_air_c", straight_rows(values, AIR_ROWS), AIR_ROWS, "the temperature is")


@rule(
    "ev.straight_line",
    "warning",
    "charging runs on no straight line",
    looks_at=(EV_PROFILE,),
    rationale="Vehicles come one by one: ten hours of charging on one line were interpolated.",
    reference=f"the series itself: the median distance from a line of {DEMAND_ROWS} hours, by hour of the day",
    cause="a gap filled by a straight line between the last value before it and the first after it",
    fix=MEND,
)
def charging_on_a_line(context: QualityContext) -> Iterator[Violation]:
    """Find chargers whose energies lie on one line; those with one course are told once."""
    found: dict[bytes, tuple[list[str], Hours]] = {}
    known: dict[bytes, Hours] = {}
    for column in context.columns(EV_PROFILE):
        values = context.values(EV_PROFILE, column)
        same = values.tobytes()
        if same not in known:
            known[same] = straight_rows(values, DEMAND_ROWS)
        rows = known[same]
        if rows.size:
            found.setdefault(rows.tobytes(), ([], rows))[0].append(column)
    for columns, rows in found.values():
        more = f"`{columns[0]}`" if len(columns) == 1 else f"{len(columns)} chargers, `{columns[0]}` the first,"
        yield from _violation(EV_PROFILE, columns[0], rows, DEMAND_ROWS, f"the energies of {more} are")
