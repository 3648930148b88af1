"""The account of a day: what the site paid, what the simulated plants would have paid, and the least that was possible.

A day's bill is what it adds to the bill of the months that have been seen: the bill with the day less that without it
(`pvbesscar.evaluation.bill`), so that a demand that the month had already costs nothing again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.controllers.bill import NO_SCALE, cost_only
from pvbesscar.controllers.optimum import refusals
from pvbesscar.controllers.program import solve_lp
from pvbesscar.controllers.stretch_program import StretchProgram
from pvbesscar.evaluation.bill import DEMAND, ENERGY, EXPORT, FEE, bill_of
from pvbesscar.oe2.calendar import day_types
from pvbesscar.shadow.course import demand_array, seen_before
from pvbesscar.shadow.site import Site, window
from pvbesscar.shadow.stays import Stays
from pvbesscar.shadow.telemetry import HOUR_S
from pvbesscar.shadow.words import day_line
from schemas.shadow import COURSES, CourseDay, DayRow, Demand, HourOfCourse, HourRow, PlantNow

SITE, OPTIMUM = "site", "optimum"
ROUNDING_SOC = 1e-5
"""Room for states of charge that the simulators round."""
TIE = 1e-6
"""Share by which stored energy counts for more than it is worth, to decide between courses of the same cost."""
KINDS = (ENERGY, DEMAND, FEE, EXPORT)
Exchange = tuple[int, float, float]
"""Hour, import and export [kWh]."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was before a day.

    Attributes
    ----------
    peaks
        Hours of the site before the shadow began, with their imports.
    rows
        Hours of the shadow up to the day's beginning, those of the months that the tariff looks back at.
    """

    peaks: Mapping[int, float]
    rows: Sequence[HourRow]

    def exchanges(self, course: str) -> list[Exchange]:
        """Exchanges of the site or a simulated plant before the day."""
        before = [(hour, kwh, 0.0) for hour, kwh in sorted(self.peaks.items())]
        return before + [_exchange(row, course) for row in self.rows if row.counted]


@dataclass(frozen=True, slots=True)
class Started:
    """A simulated plant, and what the site's battery held, when a run of counted hours begins."""

    plants: Mapping[str, PlantNow]
    site_soc: float

    def of(self, course: str) -> tuple[PlantNow, float]:
        """State of a simulated plant or of the site, and by how much its battery is ahead of the site's.

        The vehicles of the site are taken to be as far as those of the shadow.
        """
        if course == SITE:
            return self.plants["shadow"].model_copy(update={"soc": self.site_soc}), 0.0
        return self.plants[course], self.plants[course].soc - self.site_soc


def counted_rows(rows: Sequence[HourRow], stuck: Mapping[int, tuple[str, str]]) -> list[HourRow]:
    """Rows of a day with those hours taken out that turned out to be of a sensor that stood still."""
    return [
        row.model_copy(update={"rule": stuck[row.hour][0], "why": stuck[row.hour][1]})
        if row.counted and row.hour in stuck
        else row
        for row in rows
    ]


def close_day(
    site: Site, day: str, rows: Sequence[HourRow], past: Past, starts: Mapping[int, Started], stays: Stays
) -> DayRow:
    """Account of a day.

    Parameters
    ----------
    rows
        The hours of the day, in order, as `counted_rows` gives them.
    past
        What was before it.
    starts
        By counted hour, what it began with.
    """
    counted = [row for row in rows if row.counted]
    stretches = _stretches(counted)
    paid = {name: _added(site, past.exchanges(name), [_exchange(row, name) for row in counted]) for name in
            (SITE, *COURSES)}  # fmt: skip
    courses = {SITE: _course(paid[SITE], [_hour(row, SITE) for row in counted], paid[SITE].total, (0.0, 0.0))}
    for name in COURSES:
        stock = sum(
            _stock_kwh(site, part, starts[part[0].hour].of(name)[1], _hour(part[-1], name)) for part in stretches
        )
        courses[name] = _course(paid[name], [_hour(row, name) for row in counted], paid[SITE].total, site.stock(stock))
    refused = "; ".join(refusals(site.plant)) or None
    if refused is None and stretches:
        courses[OPTIMUM] = _optimum(site, past, stretches, starts, stays, paid[SITE].total)
    row = DayRow(
        day=day,
        hours=len(rows),
        counted=len(counted),
        in_time=sum(row.in_time for row in counted),
        replaced=sum(row.replaced for row in counted),
        not_counted=dict(Counter(f"{row.why} [{row.rule}]" for row in rows if not row.counted)),
        stretches=len(stretches),
        models=tuple(dict.fromkeys(row.model for row in counted)),
        courses=courses,
        optimum_refused=refused,
        line="",
    )
    return row.model_copy(update={"line": day_line(row)})


@dataclass(frozen=True, slots=True)
class _Paid:
    """What some hours add to a bill, by kind [PEN]."""

    by_kind: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.by_kind.values())


def _added(site: Site, before: Sequence[Exchange], hours: Sequence[Exchange]) -> _Paid:
    """What hours add to the bill of those before them."""
    with_them, without = (_by_kind(site, one) for one in ([*before, *hours], before))
    return _Paid({kind: round(with_them[kind] - without[kind], 2) for kind in KINDS})


def _by_kind(site: Site, exchanges: Sequence[Exchange]) -> dict[str, float]:
    if not exchanges:
        return dict.fromkeys(KINDS, 0.0)
    stamps = site.stamps(np.array([hour for hour, _, _ in exchanges], np.int64))
    frame = pd.DataFrame(
        {
            "timestamp": stamps,
            "day_type": day_types(stamps, site.place.holidays),
            "import_kwh": [bought for _, bought, _ in exchanges],
            "export_kwh": [sold for _, _, sold in exchanges],
        }
    )
    bill = bill_of(frame, site.tariff)
    return {kind: bill.pen(kind) for kind in KINDS}


def _exchange(row: HourRow, course: str) -> Exchange:
    own = _hour(row, course)
    return row.hour, own.import_kwh, own.export_kwh


def _hour(row: HourRow, course: str) -> HourOfCourse:
    own = row.site if course == SITE else row.courses[course]
    assert own is not None  # only hours that are counted are asked
    return own


def _stretches(counted: Sequence[HourRow]) -> list[list[HourRow]]:
    """Runs of hours without a gap."""
    runs: list[list[HourRow]] = []
    for row in counted:
        if runs and row.hour == runs[-1][-1].hour + HOUR_S:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _stock_kwh(site: Site, part: Sequence[HourRow], ahead: float, last: HourOfCourse) -> float:
    """What a battery has gained over the site's in a run of hours, as energy that it can give [kWh].

    `ahead` is by how much its state of charge was above the site's when they began.
    """
    p = site.plant.params
    return (last.soc - _hour(part[-1], SITE).soc - ahead) * p.bess_kwh * math.sqrt(p.bess_efficiency)


def _course(paid: _Paid, hours: Iterable[HourOfCourse], site_pen: float, stock: tuple[float, float]) -> CourseDay:
    own = list(hours)
    return CourseDay(
        **{f"{kind}_pen": pen for kind, pen in paid.by_kind.items()},
        import_kwh=sum(one.import_kwh for one in own),
        export_kwh=sum(one.export_kwh for one in own),
        ev_kwh=sum(one.ev_kw for one in own),
        battery_in_kwh=sum(max(one.battery_kw, 0.0) for one in own),
        ev_short_kwh=sum(one.ev_short_kwh for one in own),
        departures=sum(one.departures for one in own),
        departures_met=sum(one.departures_met for one in own),
        saved_pen=round(site_pen - paid.total + stock[1], 2),
        stock_kwh=stock[0],
        stock_pen=stock[1],
    )


def _optimum(
    site: Site,
    past: Past,
    stretches: Sequence[Sequence[HourRow]],
    starts: Mapping[int, Started],
    stays: Stays,
    site_pen: float,
) -> CourseDay:
    """The most that perfect foresight could have saved in the counted hours, from the site's state or the shadow's.

    The site's own course and the shadow's are among those that were possible: neither has saved more.
    """
    found = [
        _best_from(site, past, stretches, {hour: one.of(name) for hour, one in starts.items()}, stays, name, site_pen)
        for name in (SITE, "shadow")
    ]
    return max(found, key=lambda course: course.saved_pen)


def _best_from(
    site: Site,
    past: Past,
    stretches: Sequence[Sequence[HourRow]],
    starts: Mapping[int, tuple[PlantNow, float]],
    stays: Stays,
    course: str,
    site_pen: float,
) -> CourseDay:
    """Course of least cost, what the battery holds at the end deducted, from the states of the site or of a plant."""
    exchanges, hours, stock = past.exchanges(course), list[HourOfCourse](), 0.0
    before = len(exchanges)
    for part in stretches:
        plant, ahead = starts[part[0].hour]
        seen = seen_before(site, part[0].hour, {hour: bought for hour, bought, _ in exchanges})
        own = _least(site, part, plant, seen, stays, course)
        stock += _stock_kwh(site, part, ahead, own[-1])
        hours += own
        exchanges += [(row.hour, one.import_kwh, one.export_kwh) for row, one in zip(part, own, strict=True)]
    paid = _added(site, exchanges[:before], exchanges[before:])
    return _course(paid, hours, site_pen, site.stock(stock))


def _least(
    site: Site, part: Sequence[HourRow], plant: PlantNow, seen: Demand, stays: Stays, course: str
) -> list[HourOfCourse]:
    """Course of least cost of a run of hours, which ends no fuller than it began or `course` ended."""
    first, end = part[0].hour, part[-1].hour + HOUR_S
    pv, mall = (np.array([getattr(row, name) for row in part], np.float64) for name in ("pv_kw", "mall_kw"))
    there = stays.between(first, end).with_soc(plant.vehicles)
    data = cost_only(window(site, first, pv, mall, there, demand_array(site, seen), plant.soc))
    program = StretchProgram(data, site.lead, len(part), NO_SCALE)
    site_columns, kwh = program.site, data.params.bess_kwh
    # Nobody fills a battery with what can be bought later at the same price.
    last = site_columns.stored[-1]
    most = (max(_hour(part[-1], course).soc, plant.soc) + ROUNDING_SOC) * kwh
    program.lp.upper[last] = max(min(program.lp.upper[last], most), program.lp.lower[last])
    # A breath more than it is worth: where it pays nothing to use what is stored, it stays where it is.
    worth = site.tariff.lowest_price * math.sqrt(data.params.bess_efficiency) * (1.0 + TIE)
    program.lp.cost[last] -= worth * len(part)
    x = solve_lp(program.lp, f"the least cost of {part[0].time}").x
    return [
        HourOfCourse(
            soc=x[site_columns.stored[i]] / kwh if kwh else 0.0,
            battery_kw=x[site_columns.charged[i]] - x[site_columns.discharged[i]],
            ev_kw=x[site_columns.vehicles[i]] + program.forced_kwh[i],
            import_kwh=max(x[site_columns.imported[i]], 0.0),
            export_kwh=max(x[site_columns.exported[i]], 0.0),
        )
        for i in range(len(part))
    ]
