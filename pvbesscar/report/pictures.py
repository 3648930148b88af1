"""Figures of the report as addresses that carry the image themselves, for pages that show no inline drawing."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pvbesscar.report.figures import Figure
from pvbesscar.report.inputs import gather
from pvbesscar.report.publish import figures
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings

WANTED = {"Ranking": "kpi-chart", "A week": "key-figure"}
"""What each picture is called, by the first words of its figure's title."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in its own address.

    Attributes
    ----------
    address
        `data:image/svg+xml;base64,...`
    words
        What it shows.
    """

    address: str
    words: str


def pictures(settings: Settings, workspace: Workspace, profile: str) -> dict[str, Picture]:
    """Pictures of what the report shows of a run, by name: the ranking, and a week of its best controller."""
    found: dict[str, Picture] = {}
    for figure in figures(gather(settings, workspace, profile, {})):
        name = next((name for words, name in WANTED.items() if figure.title.startswith(words)), None)
        if name is not None:
            found.setdefault(name, as_picture(figure))
    return found


def as_picture(figure: Figure) -> Picture:
    """Make a figure stand alone: a size, a name space, black ink on white ground."""
    view_box = figure.svg.partition('viewBox="')[2].partition('"')[0]
    width, height = view_box.split()[2:]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" style="background:white" '
    )
    svg = head + str(figure.svg).removeprefix("<svg ")
    return Picture(f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}", figure.title)
