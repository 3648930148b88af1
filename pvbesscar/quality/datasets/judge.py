"""The verdict on a dataset folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pvbesscar.quality.datasets.folder import DatasetFolder, printable
from pvbesscar.quality.datasets.registry import FolderRule, all_folder_rules
from pvbesscar.quality.datasets.series import is_the_site, not_asked, series_findings
from pvbesscar.quality.files import JudgedFile
from pvbesscar.quality.hours import ranges
from pvbesscar.quality.judge import SEVERITIES
from pvbesscar.quality.registry import Rule, Violation, all_rules
from schemas.results import Finding, Severity
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
    with np.errstate(over="ignore", invalid="ignore"):
        findings = [
            _finding(rule, rule.severity, violation, folder)
            for rule in all_folder_rules()
            for violation in rule.check(folder)
        ]
        findings += [_finding(one.rule, one.severity, one.violation, folder) for one in series_findings(folder)]
    return JudgedFile(
        path=str(path),
        kinds=("citylearn",),
        steps=_steps(folder),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _finding(rule: Rule | FolderRule, severity: Severity, violation: Violation, folder: DatasetFolder) -> Finding:
    last = int(violation.hours.max()) if violation.hours.size else -1
    return Finding(
        rule=rule.id,
        severity=severity,
        # Names and cells come out of the folder, whoever filled it.
        source=printable(violation.series),
        column=printable(violation.column),
        observed=printable(violation.observed),
        limit=printable(violation.limit),
        message=printable(violation.message),
        cause=violation.cause or rule.cause,
        fix=violation.fix or rule.fix,
        hours=ranges(violation.hours, folder.stamps(last + 1)),
        n_hours=int(violation.hours.size),
    )


def _steps(folder: DatasetFolder) -> tuple[str, ...]:
    """What was read, and which rules were not asked."""
    read = sum(folder.columns(file) is not None for file in folder.named)
    known = any(is_the_site(folder, name) for name in folder.buildings)
    reasons: dict[str, list[str]] = {}
    for rule in all_rules():
        reason = not_asked(rule, at_site=known)
        if reason is not None:
            reasons.setdefault(reason, []).append(rule.id)
    return (
        f"read {read} of {len(folder.named)} files that the schema names",
        *(f"not asked: {', '.join(rules)}: {reason}" for reason, rules in reasons.items()),
    )
