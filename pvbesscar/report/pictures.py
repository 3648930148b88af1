"""Figures of the report as `data:` addresses, for pages that show no inline SVG (the Prefect UI)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pvbesscar.report.figures import Figure
from pvbesscar.report.inputs import read_inputs
from pvbesscar.report.publish import figures
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

PICTURE_NAMES = {"ranking": "kpi-chart", "week": "key-figure"}
"""Name of each picture, by the key of its figure."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as a `data:` address.

    Attributes
    ----------
    address
        `data:image/svg+xml;base64,...`
    words
        What it shows, in words.
    """

    address: str
    words: str


def pictures(settings: Settings, workspace: Workspace, profile: str) -> dict[str, Picture]:
    """Pictures of a run by name: the ranking, and a week of the best controller."""
    shown = figures(read_inputs(settings, workspace, profile, {}))
    return {PICTURE_NAMES[figure.key]: as_picture(figure) for figure in shown if figure.key in PICTURE_NAMES}


def as_picture(figure: Figure) -> Picture:
    """Make a figure an image of its own."""
    return Picture(f"data:image/svg+xml;base64,{base64.b64encode(as_file(figure).encode()).decode()}", figure.title)


def as_file(figure: Figure) -> str:
    """Text of a figure as a file of its own: with a size and a name space, on white ground."""
    view_box = figure.svg.partition('viewBox="')[2].partition('"')[0]
    width, height = view_box.split()[2:]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" style="background:white" '
    )
    return head + str(figure.svg).removeprefix("<svg ")
