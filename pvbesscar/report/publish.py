"""The `publish` stage: one page that opens offline, its tables and figures as CSV files, from the results alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pvbesscar.evaluation.claims import nothing_open
from pvbesscar.remedies import in_full
from pvbesscar.report.bundle import library, packed_json, policy, script
from pvbesscar.report.inputs import ReportInputs, read_inputs
from pvbesscar.report.page import Page, page_of
from pvbesscar.store.files import published_folder, write_text
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in
from schemas.settings import Settings

PAGE_FILE = "index.html"
TEMPLATES = Path(__file__).parent


def publish(settings: Settings, workspace: Workspace, profile: str, failures: Mapping[str, str]) -> Path:
    """Write the report page of a run, and beside it its tables and figures as CSV; they replace the earlier ones.

    Whatever is missing or does not belong to this dataset is left out and named on the first screen: a page is made
    in any case.

    Parameters
    ----------
    profile
        The profile that was run.
    failures
        Stages or agents that failed in this run, with the reason.

    Returns
    -------
    Path
        The page, `outputs/report/index.html`.
    """
    files = render(read_inputs(settings, workspace, profile, failures), failures)
    with published_folder(workspace.report) as draft:
        for name, content in files.items():
            write_text(draft / name, content)
    return workspace.report / PAGE_FILE


def render(inputs: ReportInputs, failures: Mapping[str, str]) -> dict[str, str]:
    """Make the page and its CSV files, by name; the same inputs give the same bytes."""
    words = words_in(inputs.settings.report.language)
    page = page_of(inputs, words)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    evaluation = inputs.evaluation
    judged = set() if evaluation is None else {r.controller for r in evaluation.main.ranking if r.kind == "agent"}
    made = environment.get_template("index.html.j2").render(
        inputs=inputs,
        page=page,
        w=words,
        # Style sheet, script and library are the project's own files and a locked package, not data.
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script()),  # noqa: S704
        policy=policy(),
        library=library(),
        data=packed_json(_data(page)),
        nothing_open=evaluation is not None and nothing_open(evaluation.main),
        carried_over=failed_but_judged(failures, judged),
        files=inputs.files(),
        command=command(inputs.settings, inputs.profile),
        all_settings=inputs.settings.model_dump_json(indent=2),
    )
    frames = {one.key: one.frame() for one in page.tables()}
    frames |= {one.key: one.frame for one in page.figures() if one.frame is not None}
    return {PAGE_FILE: made} | {
        f"{key}.csv": own.to_csv(index=False, lineterminator="\n") for key, own in frames.items()
    }


def _data(page: Page) -> dict[str, Any]:
    """What the scripts draw and re-rank."""
    figures = {own.key: dict(own.live) for own in page.figures() if own.live}
    return {"figures": figures, "weeks": page.weeks, "ranking": page.reranked}


def failed_but_judged(failures: Mapping[str, str], judged: set[str]) -> list[str]:
    """Agents that failed in this run and are evaluated all the same, with a model of an earlier training."""
    named = {word for label in failures for word in label.lower().replace("-", " ").replace("_", " ").split()}
    return sorted(agent for agent in judged if agent in named)


def command(settings: Settings, profile: str) -> str:
    """Return the command that repeats the run; where nobody has said which file it is of, that of its name."""
    return in_full(f"`pvbesscar run --config config/{settings.name}.yaml --profile {profile}`").strip("`")
