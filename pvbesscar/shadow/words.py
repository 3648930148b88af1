"""A day and a month of days in plain words: one sentence a day, a small table, and a page of them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pvbesscar.evaluation.tables import markdown_table
from schemas.shadow import CourseDay, DayRow

TITLES = {
    "site": "site", "shadow": "shadow", "hindsight": "shadow, hour known", "optimum": "least possible",
}  # fmt: skip
HEAD = (
    "course", "energy PEN", "power PEN", "bill PEN", "battery kWh", "saved PEN", "%", "bought kWh", "vehicles kWh",
    "short kWh",
)  # fmt: skip


def day_line(row: DayRow) -> str:
    """The day in one sentence or two."""
    when = f"{pd.Timestamp(row.day):%a %d %b %Y}"
    if not row.counted:
        return f"{when}: no hour is counted ({reasons(row)})."
    site, shadow, hindsight = (row.courses[name] for name in ("site", "shadow", "hindsight"))
    model = " and ".join(row.models)
    parts = [f"{when}: the site paid {site.bill_pen:,.2f} PEN; {model} would have {_saved(shadow, site)}"]
    if "optimum" in row.courses:
        parts.append(f"; at most {row.courses['optimum'].saved_pen:,.2f} could have been saved")
    price = hindsight.saved_pen - shadow.saved_pen
    parts.append(f". Not to know the hour {'cost' if price >= 0.0 else 'won'} it {abs(price):,.2f}")
    if shadow.departures_met < shadow.departures:
        parts.append(f"; {shadow.departures - shadow.departures_met} of {shadow.departures} vehicles left short")
    if row.counted < row.hours:
        parts.append(f". Only {row.counted} of {row.hours} hours are counted ({reasons(row)})")
    if row.replaced:
        parts.append(f". In {row.replaced} hours the rule stood in")
    return "".join(parts) + "."


def reasons(row: DayRow) -> str:
    """Why hours of a day are not counted."""
    return "; ".join(f"{count} h: {why}" for why, count in row.not_counted.items())


def _saved(course: CourseDay, site: CourseDay) -> str:
    share = f", {100 * abs(course.saved_pen) / site.bill_pen:.1f} %" if site.bill_pen > 0.0 else ""
    stock = ""
    if abs(course.stock_kwh) >= 1.0:
        than = "fuller" if course.stock_kwh > 0 else "emptier"
        stock = f" (a bill of {course.bill_pen:,.2f}, the battery {abs(course.stock_kwh):,.0f} kWh {than})"
    word = "saved" if course.saved_pen >= 0.0 else "lost"
    return f"{word} {abs(course.saved_pen):,.2f}{share}{stock}"


def course_rows(days: Sequence[DayRow]) -> list[tuple[str, ...]]:
    """Rows of the table of some days: the site, the simulated plants and the least possible, each summed."""
    rows: list[tuple[str, ...]] = []
    for name, title in TITLES.items():
        own = [day.courses[name] for day in days if name in day.courses]
        # A course that is not there on every day can not be compared.
        if not own or len(own) < sum("site" in day.courses for day in days if day.counted):
            continue
        site = [day.courses["site"] for day in days if name in day.courses]
        paid, against = sum(one.bill_pen for one in own), sum(one.bill_pen for one in site)
        stock, worth = sum(one.stock_kwh for one in own), sum(one.stock_pen for one in own)
        saved = against - paid + worth
        rows.append((
            title,
            f"{sum(one.energy_pen for one in own):,.2f}",
            f"{sum(one.demand_pen for one in own):,.2f}",
            f"{paid:,.2f}",
            "" if name == "site" else f"{stock:+,.0f}",
            "" if name == "site" else f"{saved:,.2f}",
            "" if name == "site" or against <= 0.0 else f"{100 * saved / against:.1f}",
            f"{sum(one.import_kwh for one in own):,.0f}",
            f"{sum(one.ev_kwh for one in own):,.0f}",
            "" if name in {"site", "optimum"} else f"{sum(one.ev_short_kwh for one in own):,.1f}",
        ))  # fmt: skip
    return rows


def summary(days: Sequence[DayRow]) -> str:
    """Days taken together, in one sentence."""
    counted, hours = sum(day.counted for day in days), sum(day.hours for day in days)
    in_time = sum(day.in_time for day in days)
    return (
        f"{len(days)} days, {counted} of {hours} hours counted; {in_time} of them were decided before the hour had "
        f"ended, the others in retrospect, from the hours before each."
    )


def page(title: str, days: Sequence[DayRow]) -> str:
    """The days as a page of Markdown, the newest first."""
    parts = [f"# {title}", "", summary(days), "", markdown_table(HEAD, course_rows(days)), ""]
    months = sorted({day.day[:7] for day in days}, reverse=True)
    for month in months:
        parts += [f"## {month}", ""]
        parts += [f"* {day.line}" for day in reversed(days) if day.day.startswith(month)]
        parts.append("")
    return "\n".join(parts)
