"""`pvbesscar validate` and `pvbesscar quality`: the gate on a scenario or on files alone, and its rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    load,
    print_table,
    stage_run,
)

if TYPE_CHECKING:
    from pvbesscar.quality.engine import JudgedFile
    from pvbesscar.words import Words

JsonOption = Annotated[bool, typer.Option("--json", help="For machines: JSON in the place of tables.")]
quality_app = typer.Typer(no_args_is_help=True, help="The quality gate's rules.")


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Files or dataset folders to judge on their own; none: the scenario's canonical year.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the canonical year, or the files and dataset folders named; exit code 2 on any error-level finding.

    A file is read as `ingest` reads it, with the keys of the scenario (columns, units, layout, scaling, fills); what it
    is these keys say, else its headers. All that is in it is judged: weather, generation, demand, charger profiles,
    sessions; what is not judged is named with the reason. A folder is judged as a dataset of CityLearn, by its
    schema.json; the scenario's site counts for the building of its name. The worst file is shown first; nothing is
    written.

    Examples
    --------
      pvbesscar validate

      pvbesscar validate data/interim/oe2/weather.csv --json

      pvbesscar validate data/processed/citylearn/iquitos_ev_mall
    """
    if paths:
        _judge_files(paths, config, overrides, as_json=as_json)
        return
    from pvbesscar.lineage.runner import run_stage

    with stage_run("validate", config, overrides, profile, forced=("validate",)) as run:
        report = run_stage("validate", run).result
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
        return
    from pvbesscar.quality.gate import HTML_FILE
    from pvbesscar.quality.report import verdict
    from pvbesscar.words import words_in

    words = words_in(run.settings.report.language)
    typer.echo(f"{verdict(report, words)} {words('qr.all', page=run.workspace.quality / HTML_FILE)}")


def _judge_files(paths: list[Path], config: Path, overrides: list[str] | None, *, as_json: bool) -> None:
    settings = load(config, overrides or []).settings
    from pvbesscar.quality.folder.judge import judge_folder  # the rules load pandera and pvlib
    from pvbesscar.quality.year.files import judge_file
    from pvbesscar.words import words_in

    judged = [judge_folder(path, settings) if path.is_dir() else judge_file(path, settings) for path in paths]
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in judged], indent=2, ensure_ascii=False))
    else:
        for one in sorted(judged, key=lambda one: -one.errors):
            _print_file(one, words_in(settings.report.language))
    raise typer.Exit(2 if any(one.errors for one in judged) else 0)


def _print_file(judged: JudgedFile, words: Words) -> None:
    from pvbesscar.quality.folder.rules import FOLDER_RULES
    from pvbesscar.quality.hours import describe
    from pvbesscar.quality.report import in_words, status

    kinds = words.listed(list(judged.kinds)) if judged.kinds else words("file.not_read")
    counts = words.counted("errors", judged.errors), words.counted("others", len(judged.findings) - judged.errors)
    typer.echo(f"{judged.path}: {kinds}; {', '.join(counts)}")
    for step in judged.steps if judged.kinds == ("citylearn",) else ():
        typer.echo(f"  {words.sentences(step)}")
    for what in judged.judged:
        typer.echo(f"  {words('file.judged')}: {words.sentences(what)}")
    for what in judged.not_judged:
        typer.echo(f"  {words('file.not_judged')}: {words.sentences(what)}")
    if judged.findings:
        head = ("severity", "rule", "where", "what", "seen_limit", "hours", "fix")
        rows: list[tuple[str, ...]] = [
            (status(f, words), f.rule, f.column, f.message, f"{f.observed}; {words('qr.limit')} {f.limit}",
             describe(f.hours, f.n_hours, words), f.fix)
            for f in (in_words(one, words, FOLDER_RULES.all()) for one in judged.findings)
        ]  # fmt: skip
        print_table(tuple(words(f"file.{name}") for name in head), rows)


@quality_app.command("rules")
def rules(as_json: JsonOption = False) -> None:
    """List every rule: severity, whether it can be waived, what it looks at, what holds; then those for folders.

    Examples
    --------
      pvbesscar quality rules

      pvbesscar quality rules --json
    """
    from pvbesscar.quality.folder.rules import FOLDER_RULES
    from pvbesscar.quality.year.rules import YEAR_RULES

    fields = ("id", "severity", "title", "rationale", "reference", "cause", "fix")
    if as_json:
        table: list[dict[str, Any]] = [
            {name: getattr(rule, name) for name in fields} | {"waivable": rule.waivable, "series": list(rule.looks_at)}
            for rule in YEAR_RULES.all()
        ]
        table += [
            {name: getattr(rule, name) for name in fields} | {"waivable": False, "folder": ", ".join(rule.looks_at)}
            for rule in FOLDER_RULES.all()
        ]
        typer.echo(json.dumps(table, indent=2, ensure_ascii=False))
        return
    head = ("rule", "severity", "waivable", "looks at", "what holds")
    rows: list[tuple[str, ...]] = [
        (r.id, r.severity, "yes" if r.waivable else "no", ", ".join(r.looks_at) or "configuration", r.title)
        for r in YEAR_RULES.all()
    ]
    rows += [(r.id, r.severity, "no", f"folder: {', '.join(r.looks_at)}", r.title) for r in FOLDER_RULES.all()]
    print_table(head, rows)
