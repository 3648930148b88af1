"""`pvbesscar rerun`: one stage, and what is stale behind it, under Prefect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    AgentName,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    load,
    print_table,
)
from pvbesscar.commands.plan import show
from pvbesscar.remedies import in_full
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from flows.launch import Launched
    from pvbesscar.lineage.plan import Decision


class StageChoice(StrEnum):
    """The stages, in their order."""

    INGEST = "ingest"
    VALIDATE = "validate"
    BUILD = "build"
    CERTIFY = "certify"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PUBLISH = "publish"


def rerun(
    stage: Annotated[StageChoice, typer.Argument(help="Stage to begin with.")],
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    downstream: Annotated[
        bool, typer.Option("--downstream/--only", help="Go on with the stages behind it, or do this one alone.")
    ] = True,
    agent: Annotated[AgentName | None, typer.Option("--agent", help="With `train`: only this agent.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Execute STAGE even if its result is current.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be executed, and why.")] = False,
) -> None:
    """Execute one stage if its result could differ now, then what is stale behind it; stages before it are not touched.

    Stages whose results are current stay cached, also behind a stage that has run: what is rebuilt to the same values
    ends there. --force concerns STAGE alone.

    Examples
    --------
      pvbesscar rerun ingest                        after a data fix: everything that it changes

      pvbesscar rerun train --agent sac --force     SAC anew, then evaluate and publish

      pvbesscar rerun publish --only

      pvbesscar rerun build --dry-run
    """
    if agent is not None and stage is not StageChoice.TRAIN:
        raise ConfigError(
            "`--agent` belongs to `pvbesscar rerun train`.", hint="leave it out, or name the stage `train`."
        )
    settings = list(overrides or [])
    before, concerned = _planned(stage, config, settings, profile, agent, downstream=downstream, force=force)
    for decision in before:
        if decision.verdict != "FRESH":
            typer.echo(f"note: {decision.stage} is {decision.verdict} and not touched: {decision.why}", err=True)
    if dry_run:
        show(concerned)
        return
    with prefect_for(config, settings):
        from flows.launch import launch

        launched = launch(
            stage.value, config, tuple(settings), profile.value,
            agent="all" if agent is None else agent.value, downstream=downstream, force=force,
        )  # fmt: skip
    tell(launched, with_report=downstream or stage is StageChoice.PUBLISH)


def _planned(
    stage: StageChoice,
    config: Path,
    overrides: list[str],
    profile: Profile,
    agent: AgentName | None,
    *,
    downstream: bool,
    force: bool,
) -> tuple[Sequence[Decision], Sequence[Decision]]:
    """Decisions on the stages before a stage, and on those that it concerns."""
    from pvbesscar.lineage.context import RunContext
    from pvbesscar.lineage.plan import plan
    from pvbesscar.lineage.stage import ORDER
    from pvbesscar.lineage.stages import from_stage, names_of

    run = RunContext(load(config, overrides).settings, profile.value, config)
    every = run.settings.training.agents
    begin = names_of(stage.value, every if agent is None else (agent.value,))
    behind = [name for one in from_stage(stage.value, downstream=downstream)[1:] for name in names_of(one, every)]
    before = [name for one in ORDER[: ORDER.index(stage.value)] for name in names_of(one, every)]
    run.forced = frozenset(begin) if force else frozenset()
    return plan(run, stages=before), plan(run, stages=[*begin, *behind])


@contextmanager
def prefect_for(config: Path, overrides: list[str]) -> Iterator[None]:
    """Let the block use Prefect, on a server of its own where none is configured."""
    loaded = load(config, overrides)
    from flows.server import prefect_api, prepare

    prepare(loaded.settings.data.root, quiet=True)
    with prefect_api():
        yield


def tell(launched: Launched, *, with_report: bool = True) -> None:
    """Print what a run did, and where its report is; exit with 1 where an agent is missing from it."""
    from pvbesscar.display import duration
    from pvbesscar.lineage.stages import STAGES

    rows = {stage: duration(seconds) for stage, seconds in launched.seconds.items()}
    rows |= dict.fromkeys(launched.kept, "cached")
    order = {name: number for number, name in enumerate(STAGES)} | {"train": list(STAGES).index("certify") + 0.5}
    print_table(("stage", "time"), sorted(rows.items(), key=lambda row: order[row[0]]))
    for name, reason in launched.failures.items():
        typer.echo(f"error: {name} is missing from the report: {in_full(reason)}", err=True)
    if with_report:
        typer.echo(launched.report)
    raise typer.Exit(1 if launched.failures else 0)
