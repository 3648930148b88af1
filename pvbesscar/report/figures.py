"""Figures as inline SVG without scripts or links; texts have the colour of the page, in its dark mode too."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.report.sentences import TERM_NAMES, number
from schemas.results import ControllerResult, ScoreTerms, TrainingMetrics
from schemas.settings import Agent, WeightSettings
from schemas.trade_offs import OptimumUnder, TradeOffs

INK = "#010203"
"""Stands for the page's text colour until the SVG is on the page."""
# After Okabe and Ito (2008): told apart by colour-blind readers, and on light and dark ground.
ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#e69f00", "#56b4e9", "#009e73", "#c9b400", "#3a86c8", "#d55e00", "#cc79a7",
)  # fmt: skip
TERM_COLOURS = (RED, YELLOW, BLUE, PURPLE, GREEN)
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "legend.frameon": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), INK
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the page: its key, a heading, a description in words, and the drawing."""

    key: str
    title: str
    alt: str
    svg: Markup


def week_figure(ledger: pd.DataFrame, controller: str, window: str) -> Figure:
    """Power flows of the first week of a window: demand, PV, battery, grid, and the battery's state of charge.

    Parameters
    ----------
    ledger
        Hourly ledger, columns `plant.ledger.LEDGER_COLUMNS` and `timestamp`; kWh per hour are mean kW.
    """
    week = ledger.iloc[:168]
    hours = np.arange(len(week))
    with _drawing("week"):
        canvas = Canvas(figsize=(8.2, 5.4), layout="constrained")
        power, soc = canvas.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        demand = week["mall_kwh"] + week["ev_kwh"]
        power.fill_between(hours, 0, week["pv_kwh"], color=YELLOW, alpha=0.45, label="PV", linewidth=0)
        power.plot(hours, demand, color=INK, linewidth=1.4, label="mall + vehicles")
        power.plot(hours, week["ev_kwh"], color=PURPLE, linewidth=1.2, label="vehicles")
        power.plot(hours, week["import_kwh"], color=RED, linewidth=1.2, label="import")
        battery = week["discharge_kwh"] - week["charge_kwh"]
        power.plot(hours, battery, color=BLUE, linewidth=1.2, label="battery (+ discharges)")
        power.set_ylabel("kW (mean of the hour)")
        power.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.14), columnspacing=1.0, handlelength=1.4)
        soc.plot(hours, 100.0 * week["bess_soc"], color=BLUE, linewidth=1.2)
        soc.set_ylim(0, 100)
        soc.set_ylabel("battery, %")
        _day_ticks(soc, pd.DatetimeIndex(week["timestamp"]))
    alt = (
        f"{len(week)} hours of {controller} from {week['timestamp'].iloc[0]:%Y-%m-%d}: "
        f"PV {week['pv_kwh'].sum():,.0f} kWh, "
        f"mall and vehicles {demand.sum():,.0f} kWh, import {week['import_kwh'].sum():,.0f} kWh, "
        f"export {week['export_kwh'].sum():,.0f} kWh, discharged {week['discharge_kwh'].sum():,.0f} kWh."
    )
    return _figure("week", f"A week of {controller} ({window})", canvas, alt)


def _drawing(key: str) -> AbstractContextManager[None]:
    # The salt makes ids the same in every run, and different between figures of one page.
    return mpl.rc_context(STYLE | {"svg.hashsalt": key})


def _day_ticks(axes: Axes, stamps: pd.DatetimeIndex) -> None:
    midnights = np.flatnonzero(stamps.hour == 0)
    axes.set_xticks(midnights, stamps[midnights].strftime("%a %d %b").tolist())


def ranking_figure(ranking: Sequence[ControllerResult], reference: ScoreTerms, weights: WeightSettings) -> Figure:
    """J of each controller as the sum of its five weighted terms."""
    by_term = (weights.co2, weights.solar, weights.cost, weights.ev_service, weights.grid_stability)
    names = [result.controller for result in ranking]
    with _drawing("ranking"):
        canvas = Canvas(figsize=(8.2, 1.3 + 0.36 * len(names)), layout="constrained")
        axes = canvas.subplots()
        left = np.zeros(len(names))
        for field, weight, colour in zip(TERM_FIELDS, by_term, TERM_COLOURS, strict=True):
            scale = getattr(reference, field)
            if scale <= 0.0:
                continue
            part = np.array([weight * getattr(result.terms, field) / scale for result in ranking])
            axes.barh(names, part, left=np.maximum(left, 0.0), color=colour, label=TERM_NAMES[field], height=0.7)
            left += part
        for row, result in enumerate(ranking):
            axes.text(max(left[row], 0.0) + 0.008, row, f"{result.score:.4f}", va="center")
        axes.invert_yaxis()
        axes.set_xlim(0, max(1.0, float(left.max()) * 1.12))
        axes.set_xlabel("J, the sum of weighted terms over those of no control; lower is better")
        axes.grid(visible=False, axis="y")
        canvas.legend(loc="outside upper center", ncols=5, columnspacing=1.0, handlelength=1.2)
    alt = "J by controller, best first: " + "; ".join(f"{r.controller} {r.score:.4f}" for r in ranking) + "."
    return _figure("ranking", "Ranking by J and its terms", canvas, alt)


def trade_off_figure(trade_offs: TradeOffs, controllers: Mapping[str, ScoreTerms]) -> Figure:
    """Cost, and CO2, against ramping: what perfect foresight can reach, and each controller beside it."""
    panels: tuple[tuple[Literal["cost", "co2"], str, str], ...] = (("cost", "cost_pen", "PEN"), ("co2", "co2_kg", "kg"))
    told: list[str] = []
    with _drawing("weights"):
        canvas = Canvas(figsize=(8.2, 3.9), layout="constrained")
        for axes, (sweep, field, unit) in zip(canvas.subplots(1, 2), panels, strict=True):
            told.append(_trade_off_panel(axes, trade_offs.front(sweep), controllers, field, unit))
    return _figure("weights", "Cost and CO2 against ramping", canvas, " ".join(told))


def _trade_off_panel(
    axes: Axes, front: Sequence[OptimumUnder], controllers: Mapping[str, ScoreTerms], field: str, unit: str
) -> str:
    """Draw a front and the controllers; say it in words, with those that are too far off to be drawn."""
    name = TERM_NAMES[field]
    reach = [(getattr(point.terms, field), point.terms.ramping_kwh) for point in front]
    axes.plot(
        [x / 1000.0 for x, _ in reach], [y / 1000.0 for _, y in reach],
        color=BLUE, marker="o", markersize=4, linewidth=1.2, label="perfect foresight",
    )  # fmt: skip
    # Controllers that can not be told apart share a point, and its label.
    points: dict[tuple[float, float], list[str]] = {}
    for controller, terms in controllers.items():
        at = (round(getattr(terms, field), 1), round(terms.ramping_kwh, 1))
        points.setdefault(at, []).append(controller)
    far = 2.0 * min((x for x, _ in points), default=0.0)
    drawn = {at: names for at, names in points.items() if at[0] <= far}
    for (x, y), names in drawn.items():
        axes.plot([x / 1000.0], [y / 1000.0], color=RED, marker="s", markersize=5, linestyle="none")
        axes.annotate(", ".join(names), (x / 1000.0, y / 1000.0), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.margins(x=0.25, y=0.12)
    axes.set_xlabel(f"{name}, 1,000 {unit}")
    axes.set_ylabel("ramping, MWh")
    axes.set_title(f"{name} against ramping")
    axes.legend(loc="upper right", fontsize=8)
    words = [f"{', '.join(names)} {number(x)} {unit}, {number(y)} kWh" for (x, y), names in drawn.items()]
    outside = [f"{', '.join(names)} {number(x)} {unit}, {number(y)} kWh" for at, names in points.items()
               if at not in drawn for x, y in [at]]  # fmt: skip
    ends = "; ".join(f"{number(x)} {unit}, {number(y)} kWh" for x, y in reach) or "none"
    beyond = f"; too far off to be drawn: {'; '.join(outside)}" if outside else ""
    return f"{name} against ramping. Perfect foresight: {ends}. Controllers: {'; '.join(words)}{beyond}."


def curves_figure(training: Mapping[Agent, TrainingMetrics], curves: Mapping[Agent, pd.DataFrame]) -> Figure:
    """Mean hourly reward of each week of training, and validation before and after it."""
    with _drawing("curves"):
        canvas = Canvas(figsize=(8.2, 3.2), layout="constrained")
        panels = canvas.subplots(1, len(training), sharey=True, squeeze=False)[0]
        for axes, (agent, metrics) in zip(panels, training.items(), strict=True):
            _curve_panel(axes, agent, metrics, curves.get(agent))
        panels[0].set_ylabel("mean reward per hour")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=2)
    alt = "Validation reward per hour before and after training: " + "; ".join(
        f"{agent.upper()} {np.mean(m.untrained_validation_rewards):.4f} to {m.validation_mean:.4f} "
        f"after {m.steps:,} steps"
        for agent, m in training.items()
    )
    return _figure("curves", "Training curves", canvas, alt + ".")


def _curve_panel(axes: Axes, agent: Agent, metrics: TrainingMetrics, curve: pd.DataFrame | None) -> None:
    if curve is not None:
        axes.plot(curve["steps"], curve["mean_reward"], color=SKY, label="training, exploring (168 steps each)")
    before, after = metrics.untrained_validation_rewards, metrics.validation_rewards
    axes.errorbar(
        [0, metrics.steps],
        [np.mean(before), np.mean(after)],
        yerr=[_deviation(before), _deviation(after)],
        fmt="o", markersize=5, capsize=4, color=RED, label="validation, mean and spread",
    )  # fmt: skip
    axes.set_title(agent.upper())
    axes.set_xlabel("steps")
    axes.locator_params(axis="x", nbins=4)


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def monthly_figure(hourly: pd.DataFrame, sessions: pd.DataFrame, charger_efficiency: float) -> Figure:
    """Energy of each month: PV, mall, and what the vehicles that arrive in it need at the charger."""
    months = pd.DatetimeIndex(hourly["timestamp"]).month.to_numpy()
    missing = (sessions["required_soc"] - sessions["arrival_soc"]).clip(lower=0.0)
    need = (missing * sessions["battery_kwh"] / charger_efficiency).to_numpy()
    at = np.arange(12)
    series = {
        "PV": (_by_month(months, hourly["pv_kwh"].to_numpy()), YELLOW),
        "mall": (_by_month(months, hourly["mall_kwh"].to_numpy()), BLUE),
        "vehicles": (_by_month(months[sessions["arrival"].to_numpy()], need), PURPLE),
    }
    with _drawing("monthly"):
        canvas = Canvas(figsize=(8.2, 3.2), layout="constrained")
        axes = canvas.subplots()
        for column, (name, (energy, colour)) in enumerate(series.items()):
            axes.bar(at + 0.28 * (column - 1), energy / 1000.0, width=0.26, color=colour, label=name)
        axes.set_xticks(at, ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])
        axes.set_ylabel("MWh")
        axes.grid(visible=False, axis="x")
        canvas.legend(loc="outside upper center", ncols=3)
    alt = "Energy of the year: " + "; ".join(
        f"{name} {number(energy.sum() / 1000.0)} MWh, "
        f"{number(energy.min() / 1000.0)} to {number(energy.max() / 1000.0)} a month"
        for name, (energy, _) in series.items()
    )
    return _figure("monthly", "Energy by month", canvas, alt + ".")


def _by_month(months: np.ndarray, energy: np.ndarray) -> np.ndarray:
    return np.bincount(months - 1, weights=energy, minlength=12)


def _figure(key: str, title: str, canvas: Canvas, alt: str) -> Figure:
    """Render a drawing as an SVG element of the page; it keeps only the ids that it refers to."""
    buffer = io.StringIO()
    with _drawing(key):  # ids and the kind of text are decided when it is written
        canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    view_box = re.search(r'viewBox="([^"]+)"', body)
    assert view_box is not None
    inner = body[body.index(">") + 1 :]
    inner = re.sub(r"<metadata>.*?</metadata>", "", inner, flags=re.DOTALL).replace(INK, "currentColor")
    referred = set(re.findall(r'#([\w.-]+)[")]', inner))
    inner = re.sub(r' id="([\w.-]+)"', lambda found: found.group(0) if found.group(1) in referred else "", inner)
    opening = Markup('<svg role="img" aria-label="{}" viewBox="{}">').format(alt, view_box.group(1))
    # Matplotlib's writer escapes every text that it draws.
    return Figure(key, title, alt, opening + Markup(inner))  # noqa: S704
