"""What the commands share: their options, the settings they load, progress and tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pvbesscar.config import LoadedSettings
    from pvbesscar.store.workspace import Workspace
    from schemas.settings import Settings

DEFAULT_CONFIG = Path("config/iquitos_mall.yaml")


class Profile(StrEnum):
    """How long agents train and on what they are judged."""

    SMOKE = "smoke"
    FULL = "full"


class AgentName(StrEnum):
    """The agents."""

    SAC = "sac"
    PPO = "ppo"
    A2C = "a2c"


ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="Scenario, a YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. training.smoke.steps=200; repeatable."),
]
ProfileOption = Annotated[
    Profile, typer.Option("--profile", help="smoke: 5,000 steps, judged on three weeks; full: 100,000, on the year.")
]
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


def recording(
    stage: str, settings: Settings, workspace: Workspace, profile: str = Profile.SMOKE.value
) -> AbstractContextManager[None]:
    """Record what a stage left, for the next decision on it, when the block is done."""
    from pvbesscar.lineage.records import recorded
    from pvbesscar.lineage.stages import Place

    return recorded(stage, Place(settings, workspace, profile))


def only(agents: list[AgentName] | None) -> list[str]:
    """Override that names the agents to train."""
    return [f"training.agents=[{', '.join(dict.fromkeys(agents))}]"] if agents else []


def with_progress(stage: str, work: Callable[[Callable[[Any], None]], object]) -> None:
    """Do the work of a stage while its progress is with_progress."""
    import time

    from pvbesscar import display

    began = time.monotonic()
    with display.showing(display.for_terminal()) as screen:
        screen.begin(stage)
        work(lambda progress: screen.update(stage, progress))
        screen.end(stage, time.monotonic() - began)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; a pipe gets whole lines."""
    from rich.console import Console
    from rich.table import Table

    # A pipe gets whole lines, whatever the width of the terminal that the command was started from.
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 240)
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)
