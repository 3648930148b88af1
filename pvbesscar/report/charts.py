"""Figures of energy and money: heat maps of the year, load duration, bills by month, learning, and findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pvbesscar.evaluation.bill import Bill
from pvbesscar.report.drawing import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SKY, Figure, drawing, drawn
from pvbesscar.report.tables import number
from pvbesscar.words import Words
from schemas.results import Finding
from schemas.settings import Agent

LINES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
DAY = 24
POINTS = 200
"""Points of a load duration curve."""


def heat_figure(ledger: pd.DataFrame, column: str, controller: str, words: Words) -> Figure:
    """Hours of the day against days: the import [kW], or the state of charge [%]; hours that were not judged are blank.

    Parameters
    ----------
    column
        `import_kwh` or `bess_soc`.
    """
    key = {"import_kwh": "heat-import", "bess_soc": "heat-soc"}[column]
    stamps = pd.DatetimeIndex(ledger["timestamp"])
    values = ledger[column].to_numpy() * (100.0 if column == "bess_soc" else 1.0)
    grid = pd.DataFrame({"day": stamps.strftime("%Y-%m-%d"), "hour": stamps.hour, "value": values})
    wide = grid.pivot_table(index="hour", columns="day", values="value").reindex(range(DAY))
    scale, unit = words(f"heat.{column}"), "%" if column == "bess_soc" else "kW"
    with drawing(key):
        canvas = Canvas(figsize=(8.2, 2.9), layout="constrained")
        axes = canvas.subplots()
        shown = axes.imshow(
            wide.to_numpy(), aspect="auto", origin="lower", cmap="cividis", interpolation="nearest",
            extent=(0, wide.shape[1], 0, DAY),
        )  # fmt: skip
        at = np.linspace(0, wide.shape[1] - 1, min(8, wide.shape[1])).astype(int)
        axes.set_xticks(at + 0.5, [wide.columns[i][5:] for i in at])
        axes.set_yticks([0, 6, 12, 18, 24])
        axes.set_ylabel(words("axis.hour"))
        axes.grid(visible=False)
        canvas.colorbar(shown, ax=axes, label=scale)
    alt = words(
        "heat.alt", what=scale, controller=controller, low=f"{number(values.min())} {unit}",
        high=f"{number(values.max())} {unit}", mean=f"{number(values.mean())} {unit}",
    )  # fmt: skip
    cells = [[None if np.isnan(v) else round(float(v), 1) for v in row] for row in wide.to_numpy()]
    live = {
        "data": [{"type": "heatmap", "z": cells, "x": list(wide.columns), "y": list(range(DAY)),
                  "colorscale": "Cividis", "colorbar": {"title": {"text": unit}},
                  "hovertemplate": f"%{{x}} %{{y}}:00: %{{z}} {unit}<extra></extra>"}],
        "layout": {"yaxis": {"title": words("axis.hour"), "dtick": 6}, "xaxis": {"type": "category", "nticks": 8},
                   "height": 300},
    }  # fmt: skip
    title = words("heat.title", what=scale, controller=controller)
    return drawn(key, title, canvas, alt, live, wide.reset_index())


def duration_figure(ledgers: Mapping[str, pd.DataFrame], words: Words) -> Figure:
    """Load duration: the import that is reached in a share of the hours, by controller."""
    shares = np.linspace(0.0, 1.0, POINTS + 1)
    curves = {name: np.quantile(own["import_kwh"].to_numpy(), 1.0 - shares) for name, own in ledgers.items()}
    traces: list[dict[str, Any]] = []
    with drawing("duration"):
        canvas = Canvas(figsize=(8.2, 3.2), layout="constrained")
        axes = canvas.subplots()
        for (name, curve), colour in zip(curves.items(), LINES, strict=False):
            axes.plot(100.0 * shares, curve, color=colour, linewidth=1.4, label=name)
            traces.append(
                {"type": "scatter", "mode": "lines", "name": name, "line": {"color": colour},
                 "x": np.round(100.0 * shares, 2).tolist(), "y": np.round(curve, 1).tolist(),
                 "hovertemplate": "%{x:.1f} %: %{y:,.0f} kW"}
            )  # fmt: skip
        axes.set_xlabel(words("duration.axis"))
        axes.set_ylabel(words("axis.import_kw"))
        axes.legend()
    alt = words(
        "duration.alt",
        curves="; ".join(f"{n}: {number(c[0])} kW, {number(c[POINTS // 2])} kW" for n, c in curves.items()),
    )
    layout = {"xaxis": {"title": words("duration.axis")}, "yaxis": {"title": words("axis.import_kw")}, "height": 340}
    frame = pd.DataFrame({"share_of_hours": shares, **curves})
    return drawn("duration", words("duration.title"), canvas, alt, {"data": traces, "layout": layout}, frame)


def bills_figure(bills: Mapping[str, Bill], words: Words) -> Figure:
    """The bill of each month, by controller."""
    months = list(next(iter(bills.values())).months)
    sums = {name: [own.months[month] for month in months] for name, own in bills.items()}
    width = 0.8 / len(sums)
    traces: list[dict[str, Any]] = []
    with drawing("bills"):
        canvas = Canvas(figsize=(8.2, 3.0), layout="constrained")
        axes = canvas.subplots()
        for place, ((name, pen), colour) in enumerate(zip(sums.items(), LINES, strict=False)):
            axes.bar(np.arange(len(months)) + width * (place - (len(sums) - 1) / 2), pen, width, color=colour,
                     label=name)  # fmt: skip
            traces.append({"type": "bar", "name": name, "x": months, "y": pen, "marker": {"color": colour},
                           "hovertemplate": "%{x}: %{y:,.2f} PEN"})  # fmt: skip
        axes.set_xticks(np.arange(len(months)), [month[2:] for month in months])
        axes.set_ylabel(words("axis.bill"))
        axes.grid(visible=False, axis="x")
        canvas.legend(loc="outside upper center", ncols=len(sums))
    alt = words("bills.alt", sums="; ".join(f"{name} {number(sum(pen), 2)} PEN" for name, pen in sums.items()))
    layout = {"barmode": "group", "xaxis": {"type": "category"}, "yaxis": {"title": words("axis.bill")}, "height": 320}
    frame = pd.DataFrame({"month": months, **sums})
    return drawn("bills", words("bills.title"), canvas, alt, {"data": traces, "layout": layout}, frame)


def learning_figure(curves: Mapping[Agent, pd.DataFrame], lines: Mapping[str, float], words: Words) -> Figure:
    """Gap closed on the validation weeks against steps, with the rule, the MPC and the optimum as lines.

    Parameters
    ----------
    curves
        `steps` and `gap_closed` [1] of each agent.
    lines
        Gap closed of what stands beside them, by name.
    """
    traces: list[dict[str, Any]] = []
    most = max(float(curve["steps"].max()) for curve in curves.values())
    with drawing("learning"):
        canvas = Canvas(figsize=(8.2, 3.4), layout="constrained")
        axes = canvas.subplots()
        for (agent, curve), colour in zip(curves.items(), LINES, strict=False):
            gap = 100.0 * curve["gap_closed"]
            axes.plot(curve["steps"], gap, color=colour, marker="o", markersize=3, label=agent.upper())
            traces.append({"type": "scatter", "mode": "lines+markers", "name": agent.upper(),
                           "line": {"color": colour}, "x": curve["steps"].tolist(), "y": gap.tolist(),
                           "hovertemplate": "%{x:,}: %{y:.1f} %"})  # fmt: skip
        for name, gap_closed in lines.items():
            level = 100.0 * gap_closed
            axes.axhline(level, color=INK, linewidth=0.9, linestyle="--")
            axes.annotate(name, (most, level), ha="right", va="bottom", fontsize=8)
            traces.append({"type": "scatter", "mode": "lines", "name": name, "x": [0, most], "y": [level, level],
                           "line": {"dash": "dash", "width": 1}, "hovertemplate": "%{y:.1f} %"})  # fmt: skip
        axes.set_xlabel(words("learning.steps"))
        axes.set_ylabel(words("learning.gap"))
        axes.legend()
    last = (f"{a.upper()} {number(100.0 * c['gap_closed'].iloc[-1], 1)} %" for a, c in curves.items())
    alt = words("learning.alt", last="; ".join(last))
    layout = {"xaxis": {"title": words("learning.steps")}, "yaxis": {"title": words("learning.gap")}, "height": 360}
    return drawn("learning", words("learning.title"), canvas, alt, {"data": traces, "layout": layout})


def finding_figure(finding: Finding, series: pd.Series, stamps: pd.DatetimeIndex, words: Words) -> Figure:
    """The hours of a finding on the profile of its series, with a day before and after its first stretch."""
    first = finding.hours[0]
    start, end = max(first.first - DAY, 0), min(first.last + DAY + 1, first.first + 14 * DAY, len(series))
    key = f"finding-{finding.rule.replace('.', '-')}"
    hours = np.arange(start, end)
    with drawing(key):
        canvas = Canvas(figsize=(8.2, 2.4), layout="constrained")
        axes = canvas.subplots()
        axes.plot(hours, series.to_numpy()[start:end], color=BLUE, linewidth=1.2)
        for stretch in finding.hours:
            if stretch.first < end and stretch.last >= start:
                axes.axvspan(max(stretch.first - 0.5, start), min(stretch.last + 0.5, end - 1), color=RED, alpha=0.3)
        at = hours[:: max(DAY, (end - start) // 6 // DAY * DAY)]
        axes.set_xticks(at, [f"{stamps[i]:%m-%d %H:%M}" for i in at])
        axes.set_ylabel(str(series.name))
    alt = words("finding.alt", rule=finding.rule, hours=number(finding.n_hours), since=first.first_stamp[:16])
    return drawn(key, words("finding.title", rule=finding.rule), canvas, alt)
