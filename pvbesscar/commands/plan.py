"""`pvbesscar plan`: which stages a run would execute, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    AgentOption,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    load,
    only,
    print_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pvbesscar.lineage.plan import Decision


def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    agent: AgentOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say which stages `pvbesscar run` would execute now, why, and how long each took before; changes nothing.

    STALE runs: its result could differ from what is there. FRESH is kept. DEPENDS runs if a stage before it changes
    what it reads.

    Examples
    --------
      pvbesscar plan

      pvbesscar plan --set bess.capacity_kwh=5000 --json
    """
    settings = load(config, [*(overrides or []), *only(agent)]).settings
    from pvbesscar.lineage.context import RunContext
    from pvbesscar.lineage.plan import plan as decide

    show(decide(RunContext(settings, profile.value, config)), as_json=as_json)


def show(decisions: Sequence[Decision], *, as_json: bool = False) -> None:
    """Print decisions, one stage a line."""
    from dataclasses import asdict

    from pvbesscar.display import duration

    if as_json:
        typer.echo(json.dumps([asdict(decision) for decision in decisions], indent=2, ensure_ascii=False))
        return
    rows: list[tuple[str, ...]] = [
        (one.stage, one.verdict, "" if one.seconds is None else duration(one.seconds), one.why) for one in decisions
    ]
    print_table(("stage", "verdict", "takes about", "why"), rows)
