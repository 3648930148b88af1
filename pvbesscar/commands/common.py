"""What the commands share: their options, the settings they load, progress and tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar import remedies
from pvbesscar.remedies import remember_config, remember_overrides, remember_profile

if TYPE_CHECKING:
    from pvbesscar.config import LoadedSettings
    from pvbesscar.lineage.context import RunContext, StageOptions
    from pvbesscar.store.locks import Holder
    from pvbesscar.store.workspace import Workspace
    from schemas.settings import Settings

DEFAULT_CONFIG = remedies.DEFAULT_CONFIG


class Profile(StrEnum):
    """How long agents train and on what they are judged."""

    SMOKE = "smoke"
    FULL = "full"
    LONG = "long"
    REFERENCE = "reference"


class AgentName(StrEnum):
    """The agents."""

    SAC = "sac"
    PPO = "ppo"
    A2C = "a2c"


ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="Scenario, a YAML file.", callback=remember_config)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", callback=remember_overrides,
        help="Override a setting, e.g. training.smoke.steps=200; repeatable.",
    ),
]  # fmt: skip
ProfileOption = Annotated[
    Profile,
    typer.Option(
        "--profile", callback=remember_profile,
        help="smoke: 5,000 steps, judged on three weeks; full: 100,000, on the year; long: until more adds nothing; "
        "reference: 100,000 steps by the settings of the original specification.",
    ),
]  # fmt: skip
AgentOption = Annotated[list[AgentName] | None, typer.Option("--agent", help="Train only this agent; repeatable.")]


def load(config: Path, overrides: list[str]) -> LoadedSettings:
    """Settings of a scenario with overrides."""
    from pvbesscar.lineage.scenario import load_scenario

    return load_scenario(config, overrides)


def place(config: Path, overrides: list[str] | None) -> tuple[Settings, Workspace]:
    """Settings of a scenario and the folders it works in."""
    from pvbesscar.store.workspace import Workspace

    settings = load(config, overrides or []).settings
    return settings, Workspace.of(settings)


def only(agents: list[AgentName] | None) -> list[str]:
    """Override that names the agents to train."""
    return [f"training.agents=[{', '.join(dict.fromkeys(agents))}]"] if agents else []


@contextmanager
def stage_run(
    what: str,
    config: Path,
    overrides: list[str] | None,
    profile: Profile,
    *,
    forced: Sequence[str] = (),
    options: StageOptions | None = None,
) -> Iterator[RunContext]:
    """Open a run of single stages without Prefect: recorded, alone in its project, its progress shown."""
    from pvbesscar import display
    from pvbesscar.lineage.context import RunContext, StageOptions, new_run_id
    from pvbesscar.lineage.runner import recorded_run

    run = RunContext(
        load(config, overrides or []).settings, profile.value, config, new_run_id(config, what), frozenset(forced),
        options or StageOptions(),
    )  # fmt: skip

    def wait(holder: Holder | None) -> None:
        typer.echo(f"waits for {holder or 'another run'}", err=True)

    with display.showing(display.for_terminal()), recorded_run(run, wait):
        yield run


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; a pipe gets whole lines."""
    from rich.console import Console
    from rich.table import Column, Table

    # A pipe gets whole lines, whatever the width of the terminal that the command was started from.
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 240)
    # Names are whole in every width, to be copied; the other columns make room.
    table = Table(Column(head[0], no_wrap=True), *head[1:], box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)
