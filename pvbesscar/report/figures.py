"""Figures of how controllers run and compare: a week, the terms of J, and what perfect foresight can trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.report.drawing import BLUE, GREEN, INK, PURPLE, RED, YELLOW, Figure, drawing, drawn
from pvbesscar.report.tables import number
from pvbesscar.words import Words
from schemas.results import ControllerResult, ScoreTerms
from schemas.settings import WeightSettings
from schemas.trade_offs import OptimumUnder, TradeOffs

TERM_COLOURS = (RED, YELLOW, BLUE, PURPLE, GREEN)
WEEK = 168


def week_figure(ledger: pd.DataFrame, controller: str, window: str, words: Words) -> Figure:
    """Power flows of the first week of a window: demand, PV, battery, grid, and the battery's state of charge.

    Parameters
    ----------
    ledger
        Hourly ledger, columns `plant.ledger.LEDGER_COLUMNS` and `timestamp`; kWh per hour are mean kW.
    """
    week = ledger.iloc[:WEEK]
    hours = np.arange(len(week))
    with drawing("week"):
        canvas = Canvas(figsize=(8.2, 5.4), layout="constrained")
        power, soc = canvas.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        demand = week["mall_kwh"] + week["ev_kwh"]
        power.fill_between(hours, 0, week["pv_kwh"], color=YELLOW, alpha=0.45, label=words("week.pv"), linewidth=0)
        power.plot(hours, demand, color=INK, linewidth=1.4, label=words("week.demand"))
        power.plot(hours, week["ev_kwh"], color=PURPLE, linewidth=1.2, label=words("week.ev"))
        power.plot(hours, week["import_kwh"], color=RED, linewidth=1.2, label=words("week.import"))
        battery = week["discharge_kwh"] - week["charge_kwh"]
        power.plot(hours, battery, color=BLUE, linewidth=1.2, label=words("week.battery"))
        power.set_ylabel(words("axis.kw"))
        power.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.14), columnspacing=1.0, handlelength=1.4)
        soc.plot(hours, 100.0 * week["bess_soc"], color=BLUE, linewidth=1.2)
        soc.set_ylim(0, 100)
        soc.set_ylabel(words("axis.soc"))
        _day_ticks(soc, pd.DatetimeIndex(week["timestamp"]), words)
    alt = words(
        "week.alt", hours=len(week), controller=controller, since=f"{week['timestamp'].iloc[0]:%Y-%m-%d}",
        pv=number(week["pv_kwh"].sum()), demand=number(demand.sum()), bought=number(week["import_kwh"].sum()),
        sold=number(week["export_kwh"].sum()), discharged=number(week["discharge_kwh"].sum()),
    )  # fmt: skip
    return drawn("week", words("week.title", controller=controller, window=window), canvas, alt)


def _day_ticks(axes: Axes, stamps: pd.DatetimeIndex, words: Words) -> None:
    midnights = np.flatnonzero(stamps.hour == 0)
    days, months = words("days").split(), words("months").split()
    named = [f"{days[at.weekday()]} {at.day} {months[at.month - 1]}" for at in stamps[midnights]]
    axes.set_xticks(midnights, named)


def ranking_figure(
    ranking: Sequence[ControllerResult], reference: ScoreTerms, weights: WeightSettings, words: Words
) -> Figure:
    """J of each controller as the sum of its five weighted terms."""
    by_term = tuple(weights.model_dump().values())
    names = [result.controller for result in ranking]
    parts: dict[str, list[float]] = {}
    with drawing("ranking"):
        canvas = Canvas(figsize=(8.2, 1.3 + 0.36 * len(names)), layout="constrained")
        axes = canvas.subplots()
        left = np.zeros(len(names))
        for field, weight, colour in zip(TERM_FIELDS, by_term, TERM_COLOURS, strict=True):
            scale = getattr(reference, field)
            if scale <= 0.0:
                continue
            part = np.array([weight * getattr(result.terms, field) / scale for result in ranking])
            parts[words(f"term.{field}")] = part.tolist()
            axes.barh(
                names, part, left=np.maximum(left, 0.0), color=colour, label=words(f"term.{field}"), height=0.7
            )  # fmt: skip
            left += part
        for row, result in enumerate(ranking):
            axes.text(max(left[row], 0.0) + 0.008, row, f"{result.score:.4f}", va="center")
        axes.invert_yaxis()
        axes.set_xlim(0, max(1.0, float(left.max()) * 1.12))
        axes.set_xlabel(words("ranking.axis"))
        axes.grid(visible=False, axis="y")
        canvas.legend(loc="outside upper center", ncols=5, columnspacing=1.0, handlelength=1.2)
    alt = words("ranking.alt", scores="; ".join(f"{r.controller} {r.score:.4f}" for r in ranking))
    frame = pd.DataFrame({words("column.controller"): names, **parts, "J": [r.score for r in ranking]})
    traces = [
        {"type": "bar", "orientation": "h", "name": name, "x": part, "y": names, "marker": {"color": colour},
         "hovertemplate": "%{y}: %{x:.5f}"}
        for (name, part), colour in zip(parts.items(), TERM_COLOURS, strict=False)
    ]  # fmt: skip
    layout = {
        "barmode": "relative", "yaxis": {"autorange": "reversed"}, "xaxis": {"title": words("ranking.axis")},
        "height": 130 + 26 * len(names),
    }  # fmt: skip
    return drawn("ranking", words("ranking.title"), canvas, alt, {"data": traces, "layout": layout}, frame)


def trade_off_figure(trade_offs: TradeOffs, controllers: Mapping[str, ScoreTerms], words: Words) -> Figure:
    """Cost, and CO2, against ramping: what perfect foresight can reach, and each controller beside it."""
    panels: tuple[tuple[Literal["cost", "co2"], str, str], ...] = (("cost", "cost_pen", "PEN"), ("co2", "co2_kg", "kg"))
    told: list[str] = []
    with drawing("weights"):
        canvas = Canvas(figsize=(8.2, 3.9), layout="constrained")
        for axes, (sweep, field, unit) in zip(canvas.subplots(1, 2), panels, strict=True):
            told.append(_trade_off_panel(axes, trade_offs.front(sweep), controllers, field, unit, words))
    rows = [
        {"point": name, **terms.model_dump()}
        for name, terms in [*((own.name, own.terms) for own in trade_offs.optima), *controllers.items()]
    ]
    live = _trade_off_live(trade_offs, controllers, words)
    return drawn("weights", words("trade.title"), canvas, " ".join(told), live, pd.DataFrame(rows))


def _trade_off_live(trade_offs: TradeOffs, controllers: Mapping[str, ScoreTerms], words: Words) -> dict[str, Any]:
    """The panel of cost as a figure of the plotting library; axes are zoomed to those that are near."""
    front = trade_offs.front("cost")
    near = {name: own for name, own in controllers.items()
            if own.cost_pen <= 2.0 * min(other.cost_pen for other in controllers.values())}  # fmt: skip
    traces = [
        {"type": "scatter", "mode": "lines+markers", "name": words("trade.foresight"), "line": {"color": BLUE},
         "x": [own.terms.cost_pen for own in front], "y": [own.terms.ramping_kwh for own in front],
         "text": [own.name for own in front], "hovertemplate": "%{text}: %{x:,.0f} PEN, %{y:,.0f} kWh"},
        *(
            {"type": "scatter", "mode": "markers", "name": name, "marker": {"size": 9, "symbol": "square"},
             "x": [own.cost_pen], "y": [own.ramping_kwh], "hovertemplate": "%{x:,.0f} PEN, %{y:,.0f} kWh"}
            for name, own in near.items()
        ),
    ]  # fmt: skip
    axes = {"xaxis": {"title": words("axis.cost_pen")}, "yaxis": {"title": words("axis.ramping_kwh")}}
    return {"data": traces, "layout": axes | {"height": 420}}


def _trade_off_panel(
    axes: Axes, front: Sequence[OptimumUnder], controllers: Mapping[str, ScoreTerms], field: str, unit: str,
    words: Words,
) -> str:  # fmt: skip
    """Draw a front and the controllers; say it in words, with those that are too far off to be drawn."""
    name = words(f"term.{field}")
    reach = [(getattr(point.terms, field), point.terms.ramping_kwh) for point in front]
    axes.plot(
        [x / 1000.0 for x, _ in reach], [y / 1000.0 for _, y in reach],
        color=BLUE, marker="o", markersize=4, linewidth=1.2, label=words("trade.foresight"),
    )  # fmt: skip
    # Controllers that can not be told apart share a point, and its label.
    points: dict[tuple[float, float], list[str]] = {}
    for controller, terms in controllers.items():
        at = (round(getattr(terms, field), 1), round(terms.ramping_kwh, 1))
        points.setdefault(at, []).append(controller)
    far = 2.0 * min((x for x, _ in points), default=0.0)
    near = {at: names for at, names in points.items() if at[0] <= far}
    for (x, y), names in near.items():
        axes.plot([x / 1000.0], [y / 1000.0], color=RED, marker="s", markersize=5, linestyle="none")
        axes.annotate(", ".join(names), (x / 1000.0, y / 1000.0), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.margins(x=0.25, y=0.12)
    axes.set_xlabel(words("trade.axis", term=name, unit=unit))
    axes.set_ylabel(words("trade.ramping"))
    axes.set_title(words("trade.against", term=name))
    axes.legend(loc="upper right", fontsize=8)
    here = [f"{', '.join(names)} {number(x)} {unit}, {number(y)} kWh" for (x, y), names in near.items()]
    outside = [f"{', '.join(names)} {number(x)} {unit}, {number(y)} kWh" for at, names in points.items()
               if at not in near for x, y in [at]]  # fmt: skip
    ends = "; ".join(f"{number(x)} {unit}, {number(y)} kWh" for x, y in reach) or words("none")
    beyond = words("trade.beyond", names="; ".join(outside)) if outside else ""
    return words("trade.alt", term=name, ends=ends, names="; ".join(here), beyond=beyond)
