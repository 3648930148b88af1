"""The command line. Libraries are imported by the command that needs them: `pvbesscar --help` answers at once."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from pvbesscar.commands import fetch, service
from pvbesscar.commands.bill import bill
from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    AgentName,
    AgentOption,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    load,
    only,
    print_table,
    stage_run,
)
from pvbesscar.commands.doctor import doctor
from pvbesscar.commands.evaluate import evaluate
from pvbesscar.commands.models import models_app
from pvbesscar.commands.plan import plan
from pvbesscar.commands.quality import quality_app, validate
from pvbesscar.commands.rerun import prefect_for, rerun, tell
from pvbesscar.commands.runs import runs_app, verify
from pvbesscar.commands.serve import serve
from pvbesscar.commands.shadow import shadow
from pvbesscar.commands.size import size
from pvbesscar.commands.study import study
from pvbesscar.remedies import calling, in_full
from schemas.errors import PvbesscarError

if TYPE_CHECKING:
    from pvbesscar.lineage.context import RunContext
    from schemas.certificates import Certificate

INTACT = (
    "interrupted: nothing is half written. Finished stages and checkpoints of earlier runs are as they were; "
    "run the same command again."
)


COLLECT_AFTER = 50_000
"""Objects made between two collections of garbage."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM, unwinding as Ctrl-C does."""


class _Commands(TyperGroup):
    """Commands whose errors are words for a person, and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401, typer's own signature
        before = signal.signal(signal.SIGTERM, _terminate)
        try:
            with calling():
                try:
                    return super().invoke(ctx)
                except PvbesscarError as error:
                    _refuse(error)
        except _Terminated:
            typer.echo(INTACT, err=True)
            raise typer.Exit(128 + signal.SIGTERM) from None
        except KeyboardInterrupt:
            typer.echo(INTACT, err=True)
            raise typer.Exit(128 + signal.SIGINT) from None
        finally:
            signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _refuse(error: PvbesscarError) -> NoReturn:
    typer.echo(f"error: {in_full(str(error))}", err=True)
    raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="pvbesscar",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Data and training pipeline for EV charging with PV and a battery at the Iquitos mall.

    From OE2 files to a published report on trained agents:
    [bold]ingest -> validate -> build -> certify -> train {SAC, PPO, A2C} -> evaluate -> publish[/bold]

    [bold]Examples[/bold]

      pvbesscar run                  the synthetic year, 100,000 steps an agent

      pvbesscar plan                 what a run would execute, and why

      pvbesscar run --config config/iquitos_oe2.yaml --set data.oe2_dir=DIR

      pvbesscar run --profile smoke  5,000 steps an agent, some minutes

      pvbesscar config show --set training.smoke.steps=200

      pvbesscar rerun build          one stage, and what is stale behind it

      pvbesscar train sac            one stage, without Prefect

      pvbesscar runs list            earlier runs and their figures

      pvbesscar verify latest        prove what a run has left

      pvbesscar doctor               what is wrong here, and what mends it

    Exit codes: 0 done; 1 failed, or published without an agent; 2 bad input or configuration; 130 interrupted.""",
)
config_app = typer.Typer(no_args_is_help=True, help="What the settings are, and where each value comes from.")


def main() -> None:
    """Entry point of the console script."""
    # What the imports make lives to the end: at Python's threshold of 700 the collector looks at it again and again.
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    app()


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pvbesscar {version('pvbesscar')}")
        raise typer.Exit


@app.callback()
def _options(
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    agent: AgentOption = None,
    sequential: Annotated[bool, typer.Option("--sequential", help="Train one agent after another.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Execute every stage, current or not.")] = False,
) -> None:
    """Run the whole pipeline under Prefect; the last line printed is the path of the report.

    Stages whose results are current are kept and shown as cached; `pvbesscar plan` says which and why.
    Uses the server of PREFECT_API_URL where one is configured, else a temporary one in .prefect/.

    Examples
    --------
      pvbesscar run

      pvbesscar run --set training.smoke.steps=200 --agent ppo --agent a2c

      pvbesscar run --config config/iquitos_oe2.yaml --set data.oe2_dir=../shared/oe2_measured
    """
    settings = [*(overrides or []), *only(agent)]
    with prefect_for(config, settings):
        from flows.launch import launch

        launched = launch("pipeline", config, tuple(settings), profile.value, sequential=sequential, force=force)
    tell(launched)


@config_app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Print every setting with its unit, where its value comes from, and what it means.

    Examples
    --------
      pvbesscar config show

      pvbesscar config show --config config/iquitos_oe2.yaml --set bess.capacity_kwh=5000
    """
    from pvbesscar.config import describe

    rows = describe(load(config, overrides or []))
    head = ("key", "value", "unit", "origin", "meaning")
    print_table(head, [(row.key, row.value, row.unit, row.origin, row.description) for row in rows])


def ingest(
    config: ConfigOption = DEFAULT_CONFIG, profile: ProfileOption = Profile.FULL, overrides: SetOption = None
) -> None:
    """Read the configured OE2 files, or make the synthetic year, into canonical Parquet."""
    typer.echo(_one_stage("ingest", config, overrides, profile).workspace.canonical)


def build(
    config: ConfigOption = DEFAULT_CONFIG, profile: ProfileOption = Profile.FULL, overrides: SetOption = None
) -> None:
    """Make the CityLearn dataset from the canonical year."""
    typer.echo(_one_stage("build", config, overrides, profile).workspace.dataset)


def certify(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="The whole year and the trained agents, some 15 minutes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Certify again even if the certificate is current.")] = False,
) -> None:
    """Prove the twin equal to CityLearn on the dataset; training on the twin asks for this certificate."""
    from pvbesscar.lineage.context import StageOptions
    from pvbesscar.lineage.runner import run_stage
    from pvbesscar.plant.certificate import of_windows_only, require_certificate

    options = StageOptions(full_certificate=full)
    with stage_run("certify", config, overrides, profile, options=options) as run:
        if force or (full and of_windows_only(run.workspace)):
            run.forced = frozenset({"certify"})
        run_stage("certify", run)
    _print_certificate(require_certificate(run.workspace))
    typer.echo(run.workspace.certificate)


def train(
    agents: Annotated[
        list[AgentName] | None, typer.Argument(metavar="[AGENT]...", help="sac, ppo, a2c; default: all.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    agent: AgentOption = None,
) -> None:
    """Train agents one after another, without Prefect.

    Examples
    --------
      pvbesscar train sac

      pvbesscar train ppo a2c --profile smoke
    """
    from pvbesscar.lineage.runner import run_stage

    settings = [*(overrides or []), *only([*(agents or []), *(agent or [])])]
    with stage_run("train", config, settings, profile) as run:
        names = run.settings.training.agents
        run.forced = frozenset(f"train-{name}" for name in names)
        for name in names:
            run_stage(f"train-{name}", run)
            typer.echo(run.workspace.final_model(name))


def publish(
    config: ConfigOption = DEFAULT_CONFIG, profile: ProfileOption = Profile.FULL, overrides: SetOption = None
) -> None:
    """Write the HTML report."""
    typer.echo(_one_stage("publish", config, overrides, profile).workspace.report / "index.html")


def _one_stage(stage: str, config: Path, overrides: list[str] | None, profile: Profile) -> RunContext:
    """Execute one stage, current or not."""
    from pvbesscar.lineage.runner import run_stage

    with stage_run(stage, config, overrides, profile, forced=(stage,)) as run:
        run_stage(stage, run)
    return run


def _print_certificate(certificate: Certificate) -> None:
    rows: list[tuple[str, ...]] = [
        (d.quantity, d.unit, "equal" if d.equal else f"{d.hours:,} hours differ") for d in certificate.differences
    ]
    print_table(("quantity", "unit", "bit for bit"), rows)
    scope = f"{certificate.hours:,} hours of {len(certificate.policies)} policies: {', '.join(certificate.policies)}"
    typer.echo(f"{certificate.verdict} to CityLearn {certificate.versions['citylearn']} over {scope}")


PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Runs, under Prefect": (run, plan, rerun, service.up, service.down, service.ui, service.schedule),
    "Single stages, in their order": (ingest, validate, build, certify, train, evaluate, publish),
    "What the results say": (bill, size, study, verify),
    "At the site": (serve, shadow),
    "When something is wrong": (doctor,),
}
"""The commands in the order of work, as `--help` shows them."""
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(runs_app, name="runs", rich_help_panel="What the results say")
app.add_typer(models_app, name="models", rich_help_panel="At the site")
app.add_typer(quality_app, name="quality", rich_help_panel="When something is wrong")
app.add_typer(config_app, name="config", rich_help_panel="Settings and files")
app.add_typer(fetch.app, name="fetch", rich_help_panel="Settings and files")


if __name__ == "__main__":
    main()
