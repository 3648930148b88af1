"""All rules applied to a dataset folder."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.quality.engine import JudgedFile, apply, finding, worst_first
from pvbesscar.quality.folder.dataset_folder import DatasetFolder, printable, short_name
from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.folder.series import is_the_site, not_asked, series_findings
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.results import Finding
from schemas.settings import Settings

SHOWN_PLACES = 3
"""Findings of one rule that are shown one by one, and names that stand for more."""


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
        findings=worst_first(grouped([_printable(one) for one in findings])),
    )


def grouped(findings: list[Finding]) -> list[Finding]:
    """Findings with those of one rule and severity in many places made one, which shows the worst of them.

    Parameters
    ----------
    findings
        In the order of the rules.

    Returns
    -------
    list of Finding
        What one rule says of one column of several files, or in more than `SHOWN_PLACES` places, is one finding: the
        one with the most hours, which says in how many files or keys the others are, and names some.
    """
    together: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        together.setdefault((one.severity, one.rule), []).append(one)
    result: list[Finding] = []
    for many in together.values():
        alike = len({one.source for one in many}) > 1 and len({one.column for one in many}) == 1
        result += [_one_of(many)] if alike or len(many) > SHOWN_PLACES else many
    return result


def _one_of(many: list[Finding]) -> Finding:
    """Worst of many findings of a rule, in the name of all."""
    worst = max(many, key=lambda one: one.n_hours)
    files = list(dict.fromkeys(one.source for one in (worst, *many)))
    names = files if len(files) > 1 else list(dict.fromkeys(one.column for one in (worst, *many)))
    kind = "files" if len(files) > 1 else "places"
    more = f" and {len(names) - SHOWN_PLACES} more" if len(names) > SHOWN_PLACES else ""
    among = f"{len(many)} findings in " if len(names) < len(many) else ""
    said = f"{among}{len(names)} {kind}: {', '.join(names[:SHOWN_PLACES])}{more}"
    message = f"{worst.message} (the {'worst' if worst.n_hours else 'first'} of {len(many)})"
    return worst.model_copy(update={"message": message, "source" if len(files) > 1 else "column": said})


def _printable(found: Finding) -> Finding:
    """Names and cells come out of the folder, whoever filled it."""
    names = ("observed", "limit", "message")
    return found.model_copy(update={name: printable(getattr(found, name)) for name in names})


def _steps(folder: DatasetFolder) -> tuple[str, ...]:
    """What was read, and which rules were not asked."""
    read = sum(folder.columns(file) is not None for file in folder.named)
    first = next(iter(folder.too_large), None)
    unread = "" if first is None else f"; the others were not tried: `{short_name(first)}` is too large"
    known = any(is_the_site(folder, name) for name in folder.buildings)
    reasons: dict[str, list[str]] = {}
    for rule in YEAR_RULES.all():
        reason = not_asked(rule, at_site=known)
        if reason is not None:
            reasons.setdefault(reason, []).append(rule.id)
    return (
        f"read {read} of {len(folder.named)} files that the schema names{unread}",
        *(f"not asked: {', '.join(rules)}: {reason}" for reason, rules in reasons.items()),
    )
