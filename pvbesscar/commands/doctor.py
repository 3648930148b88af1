"""`pvbesscar doctor`: what is wrong, and what mends it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, Profile, ProfileOption, SetOption, load, print_table
from pvbesscar.remedies import in_full
from schemas.errors import PvbesscarError

if TYPE_CHECKING:
    from pvbesscar.lineage.doctor import Finding


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Look at installation, environment, files and results; say what is wrong and what mends it. Changes nothing.

    Exit code 1 where something is wrong. A note is good to know, and no fault.

    Examples
    --------
      pvbesscar doctor

      pvbesscar doctor --config config/iquitos_oe2.yaml --set data.oe2_dir=../shared/oe2_measured
    """
    from pvbesscar.lineage.context import RunContext
    from pvbesscar.lineage.doctor import Finding, examine_installation, examine_project

    findings = list(examine_installation(Path.cwd()))
    try:
        run = RunContext(load(config, overrides or []).settings, profile.value, config)
        findings += examine_project(run)
    except PvbesscarError as error:
        findings.append(Finding("scenario", "wrong", error.message, error.hint or ""))
    findings = [replace(one, cure=in_full(one.cure)) for one in findings]
    wrong = sum(one.state == "wrong" for one in findings)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=2, ensure_ascii=False))
    else:
        _show(findings)
        typer.echo("nothing is wrong" if not wrong else f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong")
    raise typer.Exit(1 if wrong else 0)


def _show(findings: list[Finding]) -> None:
    order = ("wrong", "note", "ok")
    rows = sorted(findings, key=lambda one: order.index(one.state))
    print_table(("", "what", "seen"), [(one.state, one.subject, one.seen) for one in rows])
    cures = {one.cure: one for one in reversed(rows) if one.cure}
    for cure in reversed(cures):
        typer.echo(f"{cures[cure].subject}: {cure}")
