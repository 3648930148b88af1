"""`pvbesscar shadow`: a controller beside the site, and what it would have saved."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place, print_table
from pvbesscar.remedies import in_full

if TYPE_CHECKING:
    from pvbesscar.shadow.loop import Pass
    from schemas.settings import Settings

AGAIN_S = 60.0


def shadow(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    telemetry: Annotated[
        str | None, typer.Option("--telemetry", metavar="SOURCE", help="The site's hours, a file or an address.")
    ] = None,
    sessions: Annotated[
        str | None, typer.Option("--sessions", metavar="SOURCE", help="Stays of vehicles, a file or an address.")
    ] = None,
    api: Annotated[str | None, typer.Option("--api", metavar="URL", help="Address of `pvbesscar serve`.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Look again every minute, until Ctrl-C.")] = False,
    example: Annotated[
        Path | None, typer.Option("--example", metavar="FOLDER", help="Write synthetic telemetry there, and end.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=2, max=365, help="Days of the example.")] = 10,
) -> None:
    """Decide each hour of a site from its telemetry, move nothing, and say what that would have saved.

    Takes in what has come since the last time, and ends; a deployment of the same name does it every hour. Decisions,
    hours and days are in outputs/shadow/NAME/, the days for people in days.md there.

    Examples
    --------
      pvbesscar shadow --example shadow-example

      pvbesscar shadow --telemetry site/telemetry.csv --sessions site/sessions.csv --follow
    """
    given = {"telemetry": telemetry, "sessions": sessions, "api": api}
    own = [*(overrides or []), *(f"shadow.{name}={value}" for name, value in given.items() if value is not None)]
    settings, workspace = place(config, own)
    if example is not None:
        from pvbesscar.plant.data import load_plant
        from pvbesscar.shadow.example import write_example

        for path in write_example(example, load_plant(workspace.dataset), 24 * days):
            typer.echo(path)
        return
    tell(settings, once(settings))
    while follow:
        time.sleep(AGAIN_S)
        _again(settings)


def once(settings: Settings) -> Pass:
    """Take in what has come since the last time."""
    from pvbesscar.shadow.client import Api
    from pvbesscar.shadow.loop import run_pass

    return run_pass(settings, Api.of(settings.shadow), typer.echo)


def _again(settings: Settings) -> None:
    from pvbesscar.shadow.source import AwayError

    try:
        done = once(settings)
    except AwayError as error:  # said, and asked again in a minute: the hour waits
        typer.echo(f"error: {in_full(str(error))}", err=True)
        return
    if done.accounted or done.decided:
        tell(settings, done)


def tell(settings: Settings, done: Pass) -> None:
    """Print what a pass has done: its days were told when they ended."""
    from pvbesscar.shadow.loop import book_of
    from pvbesscar.shadow.words import HEAD, course_rows, summary

    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    book = book_of(settings)
    days = book.days()
    if days:
        typer.echo("")
        print_table(HEAD, course_rows(days))
        typer.echo(summary(days))
    typer.echo(done.words)
    typer.echo(book.page if days else book.folder)
