"""`pvbesscar up`, `down`, `ui` and `schedule`: server, worker, deployments and their schedules on one machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, load, print_table
from pvbesscar.commands.rerun import prefect_for

PORT = 4200


class WhenBusy(StrEnum):
    """What a run does while another one is at work."""

    WAIT = "wait"
    REFUSE = "refuse"


class ScheduleAction(StrEnum):
    """What to do with schedules."""

    LIST = "list"
    ON = "on"
    OFF = "off"


PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the server and its UI.")]


def up(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    port: PortOption = PORT,
    when_busy: Annotated[
        WhenBusy, typer.Option("--when-busy", help="What a run does while another one is at work.")
    ] = WhenBusy.WAIT,
) -> None:
    """Start server, deployments and worker on this machine; the last line printed is the UI's address.

    The deployments run the scenario given here. Everything keeps running until `pvbesscar down`.

    Examples
    --------
      pvbesscar up

      pvbesscar up --port 4300 --config config/iquitos_oe2.yaml --set data.oe2_dir=../shared/oe2_measured
    """
    root = load(config, overrides or []).settings.data.root
    from flows import service

    options = service.ServiceOptions(
        root=root, port=port, config=config, overrides=tuple(overrides or []), when_busy=when_busy.value
    )
    typer.echo(service.up(options, _say))


def down(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Stop what `pvbesscar up` started, and nothing else; runs under way are ended at a checkpoint."""
    from flows.service import down as stop

    stop(_home(config, overrides), _say)


def ui(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None, port: PortOption = PORT) -> None:
    """Show all past runs in the Prefect UI, those made without a server too; Ctrl-C ends it.

    Where `pvbesscar up` runs, its address is printed.
    """
    root = load(config, overrides or []).settings.data.root
    from flows.service import serve_ui

    serve_ui(root, port, typer.echo)


def schedule(
    action: Annotated[ScheduleAction, typer.Argument(help="Show the schedules, or switch those of DEPLOYMENT.")],
    deployment: Annotated[str, typer.Argument(help="Name of a deployment.")] = "pipeline",
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
) -> None:
    """Show when deployments run by themselves, and switch that on or off; it stays so over `down` and `up`.

    Examples
    --------
      pvbesscar schedule list

      pvbesscar schedule on
    """
    with prefect_for(config, overrides or []):
        from flows.deployments import schedule_rows, switch_schedules

        if action is not ScheduleAction.LIST:
            switch_schedules(deployment.rpartition("/")[2], active=action is ScheduleAction.ON)
        rows = schedule_rows()
    print_table(("deployment", "schedule", "state"), rows)


def _home(config: Path, overrides: list[str] | None) -> Path:
    return load(config, overrides or []).settings.data.root.resolve() / ".prefect"


def _say(line: str) -> None:
    typer.echo(line, err=True)
