"""`pvbesscar evaluate`: any controllers on any scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    print_table,
    stage_run,
)
from pvbesscar.remedies import in_full

if TYPE_CHECKING:
    from schemas.results import EvaluationReport

ControllerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--controller",
        metavar="NAME",
        help="Judge only this one (no-control and rule are always judged); `all`; repeatable.",
    ),
]
ScenariosOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scenarios",
        metavar="SET",
        help="nominal, training, validation, test, perturbed, or one scenario such as test-03; repeatable.",
    ),
]


def evaluate(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    controller: ControllerOption = None,
    scenarios: ScenariosOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes that simulate; default 2.")
    ] = None,
    twin: Annotated[
        bool, typer.Option("--twin", help="Simulate the validated year on the certified twin too: a tenth of the time.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the results as Markdown tables.")] = False,
) -> None:
    """Judge controllers against the optimum, on the validated year and on years drawn from it.

    Without `--controller` and `--scenarios` it is the pipeline's stage: what the profile says. A profile `full` agent
    needs `--profile full`. Report, table and hourly ledgers replace those in outputs/evaluation/.

    Examples
    --------
      pvbesscar evaluate

      pvbesscar evaluate --controller rule --controller mpc --scenarios test

      pvbesscar evaluate --controller all --scenarios nominal --scenarios perturbed --twin --markdown
    """
    from pvbesscar.evaluation.evaluate import EvaluationRequest
    from pvbesscar.evaluation.specifications import known_names
    from pvbesscar.lineage.context import StageOptions
    from pvbesscar.lineage.runner import run_stage

    names = known_names() if controller and "all" in controller else tuple(controller) if controller else None
    request = EvaluationRequest(
        profile.value, names, tuple(scenarios) if scenarios else None, nominal_on="twin" if twin else None
    )
    # Without a wish of its own this is the pipeline's stage.
    own = None if request == EvaluationRequest(profile.value) else request
    options = StageOptions(request=own, workers=workers)
    with stage_run("evaluate", config, overrides, profile, forced=("evaluate",), options=options) as run:
        report = run_stage("evaluate", run).result
    _print(report, markdown=markdown)
    typer.echo(run.workspace.evaluation)


def _print(report: EvaluationReport, *, markdown: bool) -> None:
    from pvbesscar.evaluation.tables import as_markdown, gap_rows, ranking_rows, set_rows, set_title

    if markdown:
        typer.echo(as_markdown(report))
    else:
        for scenario in report.scenarios:
            typer.echo(f"{scenario.scenario}, on {scenario.simulator}: {', '.join(scenario.judged_on)}")
            print_table(*ranking_rows(scenario))
        for own in report.sets:
            typer.echo(set_title(own))
            print_table(*set_rows(own))
        if gap := gap_rows(report.main):
            typer.echo(f"where the gap from rule to J* comes from, {report.main.scenario}")
            print_table(*gap)
    for name, reason in report.missing.items():
        typer.echo(f"not judged: {name}: {in_full(reason)}", err=True)
    for verdict in report.verdicts:
        typer.echo(f"{verdict.agent}: {verdict.sentence}")
