"""The validate stage: a finding of error severity that is not waived stops the run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pvbesscar.oe2.calendar import declared_year
from pvbesscar.quality.pandera_checks import failures
from pvbesscar.quality.report import as_html, error_text
from pvbesscar.quality.stage_contracts import contract
from pvbesscar.quality.waivers import day_of
from pvbesscar.quality.year.context import IRRADIANCE, QualityContext
from pvbesscar.quality.year.judge import YearRule, judge
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.files import read_model, read_parquet, sha256_file, sha256_json, write_json, write_text
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in
from schemas.errors import ConfigError, QualityError, StaleError
from schemas.frames import PV, SERIES, WEATHER, structure
from schemas.results import Provenance, QualityReport
from schemas.settings import HOURS_PER_YEAR, Settings, Waiver

PROVENANCE_FILE = "provenance.json"
JSON_FILE = "quality_report.json"
HTML_FILE = "quality_report.html"
_INGEST_AGAIN = "run `pvbesscar ingest --config CONFIG` again; it replaces the whole folder."


def validate(settings: Settings, workspace: Workspace) -> QualityReport:
    """Judge the canonical year and write the quality report.

    Parameters
    ----------
    settings
        The scenario.
    workspace
        Where the canonical files are and the report goes.

    Returns
    -------
    QualityReport
        All findings; none of them is an error that is not waived.

    Raises
    ------
    ConfigError
        A waiver names a rule that can not be waived, or none.
    StaleError
        The canonical files are missing or not those of their provenance.
    QualityError
        At least one rule of error severity is broken and not waived (the report is written first), or the gate is
        disarmed.
    """
    check_waivers(settings.quality.waivers)
    refuse_planted_zeros(settings)
    context, digest = _read(settings, workspace)
    report = QualityReport(
        scenario=settings.name,
        canonical_digest=digest,
        rules=tuple(rule.id for rule in YEAR_RULES.all()),
        findings=judge(context),
        judged_on=day_of(settings),
    )
    html, words = workspace.quality / HTML_FILE, words_in(settings.report.language)
    write_text(html, as_html(report, context, words))
    write_json(workspace.quality / JSON_FILE, report.model_dump(mode="json"))
    if report.errors:
        # The hint is part of the message: an error says `Hint` in English.
        raise QualityError(f"{error_text(report, words)}\n\n{words('qr.hint', page=html)}")
    return report


def refuse_planted_zeros(settings: Settings) -> None:
    """Prove in each run that the gate refuses the fault that it exists for: a year of zeros, and a missing column.

    Raises
    ------
    QualityError
        pandera or the rules accept a planted fault.
    """
    stamps = declared_year(settings.site, HOURS_PER_YEAR)
    dark = pd.DataFrame(0.0, index=stamps, columns=[*IRRADIANCE, "temp_air_c", "wind_speed_m_s"]).reset_index()
    planted = QualityContext(settings, {WEATHER: dark, PV: dark[["timestamp"]].assign(pv_kwh=0.0)})
    found = [failures(contract(series, planted), planted.frames[series]) for series in (WEATHER, PV)]
    by_contract = all(cases is not None and cases["check"].eq("solar.all_zero").any() for cases in found)
    by_structure = failures(structure(WEATHER), dark.drop(columns="ghi_w_m2")) is not None
    by_rules = any(one.rule == "solar.all_zero" and one.severity == "error" for one in judge(planted))
    if not (by_contract and by_structure and by_rules):
        raise QualityError(
            "the quality gate is disarmed: a planted year of zeros passed it.",
            hint="install the project again (`make clean-venv install`): pandera, or its rules in pvbesscar/quality, "
            "were changed.",
        )


def accepted(workspace: Workspace) -> QualityReport:
    """Report on the canonical files, proven to be those that this gate accepted.

    Raises
    ------
    StaleError
        The canonical files are missing or changed, or the gate has not judged them, or refused them.
    """
    _, digest = _proven(workspace)
    path = workspace.quality / JSON_FILE
    hint = "run `pvbesscar validate --config CONFIG`."
    report = read_model(
        path, QualityReport, missing="these canonical files have not been judged", wrong="no quality report", hint=hint
    )
    if report.canonical_digest != digest:
        raise StaleError(f"{path}: judges other canonical files than those in {workspace.canonical}.", hint=hint)
    if report.errors:
        raise StaleError(f"{path}: the gate refused these canonical files ({len(report.errors)} errors).", hint=hint)
    return report


def _proven(workspace: Workspace) -> tuple[Provenance, str]:
    """Provenance of the canonical files, which are proven to be those it names, and the digest of them all."""
    folder = workspace.canonical
    path = folder / PROVENANCE_FILE
    provenance = read_model(
        path, Provenance, missing="there are no canonical files here", wrong="no provenance", hint=_INGEST_AGAIN
    )
    for name, digest in provenance.files.items():
        if Path(name).name != name:
            raise StaleError(f"{path}: names `{name[:60]}`, which is no file of this folder.", hint=_INGEST_AGAIN)
        file = folder / name
        if not file.is_file() or sha256_file(file) != digest:
            raise StaleError(f"{file}: missing, or not the file that was ingested.", hint=_INGEST_AGAIN)
    return provenance, sha256_json(provenance.files)


def _read(settings: Settings, workspace: Workspace) -> tuple[QualityContext, str]:
    """Canonical frames, proven against their provenance, and the digest of them all."""
    folder = workspace.canonical
    provenance, digest = _proven(workspace)
    # Only files whose digest was proven are read: a stray Parquet file beside them is not part of the year.
    frames = {
        name: read_parquet(folder / f"{name}.parquet") for name in SERIES if f"{name}.parquet" in provenance.files
    }
    return QualityContext(settings, frames, provenance), digest


def check_waivers(waivers: Sequence[Waiver]) -> None:
    """Refuse waivers that could never hold.

    Raises
    ------
    ConfigError
        A waiver names no rule, one that can not be waived, or one that another waiver names already.
    """
    rules = {known.id: known for known in YEAR_RULES.all()}
    named: set[str] = set()
    for number, waiver in enumerate(waivers):
        where = f"`quality.waivers.{number}`"
        if waiver.rule not in rules:
            near = difflib.get_close_matches(waiver.rule, rules, n=1)
            meant = f"; did you mean `{near[0]}`?" if near else ""
            raise ConfigError(
                f"{where}: `{waiver.rule}` is no rule of the quality gate{meant}",
                hint="`pvbesscar quality rules` lists them all, and says which of them can be waived.",
            )
        if not rules[waiver.rule].waivable:
            raise _never(where, rules[waiver.rule])
        if waiver.rule in named:
            raise ConfigError(
                f"{where}: rule `{waiver.rule}` is waived a second time.", hint="keep one of the waivers."
            )
        named.add(waiver.rule)


def _never(where: str, rule: YearRule) -> ConfigError:
    return ConfigError(
        f"{where}: rule `{rule.id}` ({rule.title}) can not be waived: data that breaks it is false, and nothing that "
        "is built on it would be true.",
        hint=f"remove the waiver and mend the data: {rule.fix}.",
    )
