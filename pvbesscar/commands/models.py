"""`pvbesscar models`: what was trained, and what may leave the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, AgentName, ConfigOption, SetOption, place, print_table

models_app = typer.Typer(no_args_is_help=True, help="Models that may leave the project: list, show, promote.")


@models_app.command("list")
def list_models(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """List trained and promoted models: current, stale and why, not evaluated, or worse than the rule.

    Examples
    --------
      pvbesscar models list
    """
    settings, workspace = place(config, overrides)
    from pvbesscar.lineage.models import states

    rows = [(one.name, one.agent, one.state, one.why) for one in states(settings, workspace, config)]
    print_table(("model", "agent", "state", "why"), rows)


@models_app.command("show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="FOLDER|NAME", help="A promoted model.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
) -> None:
    """Print the card of a promoted model, after proving its files.

    Examples
    --------
      pvbesscar models show ppo
    """
    _, workspace = place(config, overrides)
    from pvbesscar.lineage.models import card_page

    typer.echo(card_page(model, workspace), nl=False)


@models_app.command("promote")
def promote_model(
    agent: Annotated[AgentName, typer.Argument(metavar="AGENT", help="sac, ppo or a2c.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="FOLDER", help="Default: checkpoints/promoted/AGENT.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why a model worse than the rule is promoted.")
    ] = None,
) -> None:
    """Put a model that was evaluated into a folder that can leave the project, with all that proves it.

    The evaluation must be current, and the model no worse than the rule unless `--reason` says why.

    Examples
    --------
      pvbesscar models promote ppo

      pvbesscar models promote sac --into ../handover/sac --reason "a trial beside the rule"
    """
    settings, workspace = place(config, overrides)
    from pvbesscar.lineage.models import promote

    typer.echo(promote(agent.value, settings, workspace, config, into or workspace.promoted / agent.value, reason))
