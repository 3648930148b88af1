"""All rules applied to a dataset folder."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.quality.engine import JudgedFile, apply, finding, worst_first
from pvbesscar.quality.folder.dataset_folder import DatasetFolder, printable
from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.folder.series import is_the_site, not_asked, series_findings
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.results import Finding
from schemas.settings import Settings


def judge_folder(path: Path, settings: Settings) -> JudgedFile:
    """Apply the folder rules, and the rules for series as far as they can be asked, to a dataset in CityLearn's format.

    Nothing is written, and nothing outside the folder is read.

    Parameters
    ----------
    path
        Folder with a `schema.json`.
    settings
        Scenario whose place and demand count for the building that is called `site.building`.

    Returns
    -------
    JudgedFile
        What was found, errors first, and in `steps` which rules could not be asked, and why.
    """
    folder = DatasetFolder(path, settings)
    findings = [one for rule in FOLDER_RULES.all() for one in apply(rule, folder)]
    findings += [finding(one.rule, one.violation, folder, one.severity) for one in series_findings(folder)]
    return JudgedFile(
        path=str(path),
        kinds=("citylearn",),
        steps=_steps(folder),
        findings=worst_first([_printable(one) for one in findings]),
    )


def _printable(found: Finding) -> Finding:
    """Names and cells come out of the folder, whoever filled it."""
    names = ("observed", "limit", "message")
    return found.model_copy(update={name: printable(getattr(found, name)) for name in names})


def _steps(folder: DatasetFolder) -> tuple[str, ...]:
    """What was read, and which rules were not asked."""
    read = sum(folder.columns(file) is not None for file in folder.named)
    known = any(is_the_site(folder, name) for name in folder.buildings)
    reasons: dict[str, list[str]] = {}
    for rule in YEAR_RULES.all():
        reason = not_asked(rule, at_site=known)
        if reason is not None:
            reasons.setdefault(reason, []).append(rule.id)
    return (
        f"read {read} of {len(folder.named)} files that the schema names",
        *(f"not asked: {', '.join(rules)}: {reason}" for reason, rules in reasons.items()),
    )
