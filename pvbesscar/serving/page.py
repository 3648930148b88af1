"""The page for people: what the site was told last, and the hours of the last day, drawn; it asks no other host."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pvbesscar.serving.page_words import Words, language_of, words_in
from pvbesscar.serving.service import SHOWN_HOURS, Answered, DispatchService

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720.0, 240.0, 52.0, 8.0, 10.0, 24.0
"""Drawing area and its margins, in units of the drawing."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a drawing."""

    name: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines over the hours of a day, with ticks: positions and their labels."""

    title: str
    lines: tuple[Line, ...]
    levels: tuple[tuple[float, str], ...]
    hours: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An hour of the table."""

    time: str
    decided_by: str
    bess_kw: str
    rule_kw: str
    sockets_kw: str
    pv_kw: str
    mall_kw: str
    soc: str


def draw(service: DispatchService, accept_language: str) -> str:
    """The page as HTML, in Spanish or English as a browser asks."""
    words, hours = words_in(language_of(accept_language)), service.history.last()
    described, zone = service.describe(), zoneinfo.ZoneInfo(service.years.validated.data.timezone)
    last = hours[-1] if hours else None
    return _template().render(
        w=words,
        model=described,
        last=None if last is None else _row(last, zone),
        last_answer=None if last is None else last.response,
        vehicles=0 if last is None else len(last.request.vehicles),
        drawings=_drawings(hours, zone, words),
        rows=[_row(one, zone) for one in reversed(hours)],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2")


def _row(one: Answered, zone: zoneinfo.ZoneInfo) -> Row:
    request, answer = one.request, one.response
    return Row(
        answer.time.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        answer.decided_by,
        f"{answer.bess_kw:,.1f}",
        f"{answer.rule.bess_kw:,.1f}",
        f"{sum(answer.socket_kw):,.1f}",
        f"{request.pv_kwh:,.1f}",
        f"{request.mall_kwh:,.1f}",
        f"{100.0 * request.bess_soc:.0f} %",
    )


Value = Callable[[Answered], float]
_POWERS: tuple[tuple[str, str, Value], ...] = (
    ("pv", "pv", lambda one: one.request.pv_kwh),
    ("mall", "mall", lambda one: one.request.mall_kwh),
    ("sockets", "ev", lambda one: sum(one.response.socket_kw)),
    ("battery", "bess", lambda one: one.response.bess_kw),
    ("battery_rule", "rule", lambda one: one.response.rule.bess_kw),
)


def _drawings(hours: Sequence[Answered], zone: zoneinfo.ZoneInfo, words: Words) -> tuple[Drawing, ...]:
    if not hours:
        return ()
    powers = [(words[name], kind, [value(one) for one in hours]) for name, kind, value in _POWERS]
    soc = [(words["soc"], "bess", [100.0 * one.request.bess_soc for one in hours])]
    return (
        _drawing(words["powers_title"], powers, hours, zone),
        _drawing(words["soc_title"], soc, hours, zone, (0.0, 100.0)),
    )


def _round_levels(low: float, high: float) -> list[float]:
    """Round numbers between two, three to seven of them."""
    tens = 10.0 ** math.floor(math.log10(high - low))
    step = next(tens * part for part in (0.2, 0.25, 0.5, 1.0, 2.0) if (high - low) / (tens * part) <= 6.0)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _drawing(
    title: str,
    series: Sequence[tuple[str, str, list[float]]],
    hours: Sequence[Answered],
    zone: zoneinfo.ZoneInfo,
    limits: tuple[float, float] | None = None,
) -> Drawing:
    end = hours[-1].response.time
    place = [SHOWN_HOURS - 1 - (end - one.response.time).total_seconds() / 3600.0 for one in hours]
    values = [value for _, _, own in series for value in own]
    low, high = limits or (min(*values, 0.0), max(*values, 1.0))
    step = (WIDTH - LEFT - RIGHT) / SHOWN_HOURS

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def path(own: list[float]) -> str:
        parts = []
        before = None
        for hour, value in zip(place, own, strict=True):
            x = LEFT + hour * step
            # An hour holds its power to its end; hours that nobody asked for leave a gap.
            parts.append(f"{'L' if before == hour - 1 else 'M'}{x:.1f} {y(value)}H{x + step:.1f}")
            before = hour
        return "".join(parts)

    levels = _round_levels(low, high)
    ticks = [
        (round(LEFT + hour * step, 1), one.response.time.astimezone(zone).strftime("%H"))
        for hour, one in zip(place, hours, strict=True)
        if one.response.time.astimezone(zone).hour % 3 == 0
    ]
    return Drawing(
        title,
        tuple(Line(name, kind, path(own)) for name, kind, own in series),
        tuple((y(level), f"{level:,.0f}") for level in levels),
        tuple(ticks),
    )
