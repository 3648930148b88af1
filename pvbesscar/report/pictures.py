"""Figures of the report as `data:` addresses, for pages that show no inline SVG (the Prefect UI)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pvbesscar.report.drawing import Figure
from pvbesscar.report.figures import ranking_figure, week_figure
from pvbesscar.report.inputs import read_inputs
from pvbesscar.report.page import shown_ledgers
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in
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
    """Pictures of a run by name: the ranking, and a week of the controller that the report recommends."""
    inputs, words = read_inputs(settings, workspace, profile, {}), words_in(settings.report.language)
    if inputs.evaluation is None:
        return {}
    main = inputs.evaluation.main
    shown = [ranking_figure(main.ranking, main.reference, settings.weights, words)]
    shown += [week_figure(own, name, main.judged_on[0], words) for name, own in list(shown_ledgers(inputs).items())[:1]]
    return {PICTURE_NAMES[figure.key]: as_picture(figure) for figure in shown}


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
