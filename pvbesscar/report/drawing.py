"""Figures as inline SVG without links, with the data behind them and the same figure for the plotting library."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure as Canvas

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
    """A figure of the page.

    Attributes
    ----------
    key, title, alt
        Id, heading, and a description in words.
    svg
        The drawing.
    live
        The same figure as traces and layout of plotly.js; empty where there is only the drawing.
    frame
        What is drawn, for a CSV file; `None` where a table of the page holds it.
    """

    key: str
    title: str
    alt: str
    svg: Markup
    live: Mapping[str, Any] = field(default_factory=dict)
    frame: pd.DataFrame | None = None


def drawing(key: str) -> AbstractContextManager[None]:
    """Style of a figure; its ids are the same in every run, and different between figures of one page."""
    return mpl.rc_context(STYLE | {"svg.hashsalt": key})


def drawn(
    key: str,
    title: str,
    canvas: Canvas,
    alt: str,
    live: Mapping[str, Any] | None = None,
    frame: pd.DataFrame | None = None,
) -> Figure:
    """Render a drawing as an SVG element of the page; it keeps only the ids that it refers to."""
    buffer = io.StringIO()
    with drawing(key):  # ids and the kind of text are decided when it is written
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
    return Figure(key, title, alt, opening + Markup(inner), live or {}, frame)  # noqa: S704
