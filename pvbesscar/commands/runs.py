"""`pvbesscar runs` and `pvbesscar verify`: what earlier runs did, and whether it is still there."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place, print_table

if TYPE_CHECKING:
    from pvbesscar.lineage.history import Entry
    from pvbesscar.lineage.verify import Verification
    from schemas.runs import RunManifest

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, the beginning of one, or `latest`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines: JSON in the place of tables.")]
runs_app = typer.Typer(no_args_is_help=True, help="Earlier runs: list, show, compare.")
NONE = "-"


@runs_app.command("list")
def list_runs(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List the runs of the project, the newest first.

    The figures are those of the run's own record, whatever later runs have replaced. A run without a record, or with
    one that can not be read, is in the list and says so.

    Examples
    --------
      pvbesscar runs list

      pvbesscar runs list --json
    """
    _, workspace = place(config, overrides)
    from pvbesscar.lineage.history import entries

    found = entries(workspace)
    if as_json:
        _print_json([_summary(entry) for entry in found])
        return
    # Scenario, profile and start (UTC) are in the name, which has to be whole on 80 columns.
    head = ("run", "outcome", "time", "best controller, or year", "size")
    print_table(head, [_row(entry) for entry in found])


@runs_app.command("show")
def show_run(
    run: RunArgument, config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Show a run: settings that are not the default, stages with their times and reasons, inputs, outputs, figures.

    Examples
    --------
      pvbesscar runs show latest

      pvbesscar runs show iquitos_mall-smoke-20260131 --json
    """
    _, workspace = place(config, overrides)
    from pvbesscar.lineage.history import find, not_default
    from pvbesscar.lineage.verify import verify

    verdict = verify(workspace, run)
    manifest = verdict.manifest
    settings = not_default(find(workspace, manifest.run))
    if as_json:
        changed = [asdict(change) for change in verdict.changes]
        _print_json(
            manifest.model_dump(mode="json") | {"settings": settings, "proven": verdict.proven, "changed": changed}
        )
        return
    _print_head(manifest)
    if settings:
        print_table(("setting", "value", "default"), [(key, *pair) for key, pair in settings.items()])
    _print_stages(verdict)
    if manifest.inputs:
        rows = [(file.key, file.path, file.sha256[:12], _size(file.bytes)) for file in manifest.inputs]
        print_table(("input", "file", "SHA-256", "size"), rows)
    if manifest.figures:
        print_table(("figure", "value"), [(name, _figure(value)) for name, value in manifest.figures.items()])
    print_table(("package", "version"), list(manifest.versions.items()))


@runs_app.command("diff")
def diff_runs(
    a: RunArgument,
    b: RunArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs: settings, versions, code, inputs, outputs and figures that differ.

    Examples
    --------
      pvbesscar runs diff iquitos_mall-smoke-20260131T0200 latest
    """
    _, workspace = place(config, overrides)
    from pvbesscar.lineage.history import differences

    found = differences(workspace, a, b)
    if as_json:
        _print_json([asdict(difference) for difference in found])
    elif not found:
        typer.echo("nothing differs")
    else:
        rows = [(d.what, d.name, _cell(d.what, d.a), _cell(d.what, d.b)) for d in found]
        print_table(("what", "name", a, b), rows)


def verify(
    run: RunArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Also make canonical year and dataset again, elsewhere, and compare.")
    ] = False,
    results: Annotated[
        bool,
        typer.Option("--results", help="Also judge again there who is no agent and needs no fit: a minute or more."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that what a run read and left is still what it was, or name the first thing that is not.

    Every digest of its record is computed anew. Exit code 0: all is proven. 1: a later run, which is named, has
    replaced something, or the configuration was edited since (the run has pinned its own settings); the rest is proven.
    2: the first file that nobody accounts for is named, with both digests and what to do.

    `--recompute` makes canonical year and dataset from the inputs with the pinned settings, in a temporary folder, and
    compares every file; `--results` goes on to the ledgers of the controllers that depend on the dataset alone.

    Examples
    --------
      pvbesscar verify latest

      pvbesscar verify iquitos_mall-smoke-20260131 --recompute
    """
    _, workspace = place(config, overrides)
    from pvbesscar.lineage.verify import require_proven
    from pvbesscar.lineage.verify import verify as check

    verdict = check(workspace, run)
    again: dict[str, int] | None = None
    if (recompute or results) and verdict.first is None:
        from pvbesscar.lineage.recompute import recompute as make_again

        again = make_again(workspace, run, lambda stage: typer.echo(f"{stage} again", err=True), results=results)
    if as_json:
        changed = [asdict(change) for change in verdict.changes]
        _print_json({"run": verdict.manifest.run, "proven": verdict.proven, "changed": changed, "recomputed": again})
    require_proven(verdict)
    if not as_json:
        _print_verdict(verdict, again)
    raise typer.Exit(1 if verdict.replaced else 0)


def _summary(entry: Entry) -> dict[str, Any]:
    manifest = entry.manifest
    if manifest is None:
        return {"run": entry.name, "fault": entry.fault, "touched": entry.began.isoformat()}
    return {
        "run": entry.name,
        "scenario": manifest.scenario,
        "profile": manifest.profile,
        "outcome": manifest.outcome,
        "started": manifest.started.isoformat(),
        "seconds": (manifest.finished - manifest.started).total_seconds(),
        "best": manifest.best,
        "J": manifest.figures.get(f"{manifest.best} J"),
        "bytes": manifest.bytes_left,
        "fault": None,
    }


def _row(entry: Entry) -> tuple[str, ...]:
    from pvbesscar.display import duration

    manifest = entry.manifest
    if manifest is None:
        return (entry.name, str(entry.fault), NONE, NONE, NONE)
    spent = duration((manifest.finished - manifest.started).total_seconds())
    return (entry.name, manifest.outcome, spent, _headline(manifest), _size(manifest.bytes_left))


def _headline(manifest: RunManifest) -> str:
    """Say what a run came to: its best controller, else the generation and demand of its year."""
    figures = manifest.figures
    if manifest.best is not None:
        return f"{manifest.best} (J {figures[f'{manifest.best} J']:.4f})"
    if "pv_kwh" in figures:
        return f"PV {figures['pv_kwh'] / 1000.0:,.0f} MWh, mall {figures['mall_kwh'] / 1000.0:,.0f} MWh"
    return NONE


def _print_head(manifest: RunManifest) -> None:
    from pvbesscar.display import duration

    spent = duration((manifest.finished - manifest.started).total_seconds())
    typer.echo(f"{manifest.run}: {manifest.outcome}")
    typer.echo(f"scenario {manifest.scenario} ({manifest.config}), profile {manifest.profile}, seed {manifest.seed}")
    typer.echo(f"{manifest.started:%Y-%m-%d %H:%M:%S} to {manifest.finished:%Y-%m-%d %H:%M:%S} UTC, {spent}")
    if manifest.error is not None:
        typer.echo(f"error: {manifest.error}")
    for agent, reason in manifest.failures.items():
        typer.echo(f"without {agent}: {reason}")


def _print_stages(verdict: Verification) -> None:
    from pvbesscar.display import duration

    rows: list[tuple[str, ...]] = [
        (
            name,
            stage.condition,
            NONE if stage.seconds is None else duration(stage.seconds),
            f"{verdict.proven[name]} of {len(stage.files)} files",
            _size(stage.bytes),
            (stage.reason or "").partition("\n")[0],
        )
        for name, stage in verdict.manifest.stages.items()
    ]
    if rows:
        print_table(("stage", "", "time", "still in place", "size", "why"), rows)


def _print_verdict(verdict: Verification, again: dict[str, int] | None) -> None:
    from pvbesscar.lineage.verify import in_words

    print_table(("what", "files proven"), [(group, f"{count:,}") for group, count in verdict.proven.items()])
    for stage, count in (again or {}).items():
        typer.echo(f"{stage}, made again: {count} files, all the same")
    for run in dict.fromkeys(change.by for change in verdict.replaced if change.by is not None):
        own = [change for change in verdict.replaced if change.by == run]
        groups = ", ".join(dict.fromkeys(change.group for change in own))
        typer.echo(f"{len(own)} files ({groups}) were replaced by the later run {run}")
    for change in verdict.replaced:
        if change.by is None:
            typer.echo(f"{in_words(change)}; the run has pinned its own settings")
    name, count = verdict.manifest.run, sum(verdict.proven.values())
    typer.echo(f"{name}: {count:,} files proven" if verdict.replaced else f"{name}: proven, {count:,} files")


def _cell(what: str, value: str | None) -> str:
    if value is None:
        return NONE
    return value[:12] if what in {"input", "output", "code"} else value


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4f}"


def _size(count: int | None) -> str:
    return NONE if count is None else f"{count / 1e6:,.2f} MB"


def _print_json(value: Any) -> None:  # noqa: ANN401
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
