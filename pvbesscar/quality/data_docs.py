"""Data Docs: the registry's rules as Great Expectations expectations, on pages that open without a network."""

from __future__ import annotations

import html
import os
import re
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from pvbesscar.quality.engine import CONFIG, Violation
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import YearRule, violations
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.files import published_folder, write_text
from schemas.frames import HOURLY, REQUIRED, SERIES, SESSIONS
from schemas.results import QualityReport

FOLDER = "data_docs"
INDEX = "index.html"
SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}
QUIET = {"GX_ANALYTICS_ENABLED": "false"}
"""Great Expectations reports its use to a host of its own otherwise."""

Faults = Mapping[str, list[Violation]]


def write_data_docs(report: QualityReport, context: QualityContext, folder: Path) -> Path:
    """Check each series with one expectation per rule and publish the pages whole.

    Importing Great Expectations takes some 7 s, so it is imported here and nowhere else.

    Parameters
    ----------
    report
        The verdict that the pages stand beside.
    context
        The year that was judged.
    folder
        Folder of the quality report; the pages go to `data_docs` in it.

    Returns
    -------
    Path
        Start page, `data_docs/index.html`.
    """
    found = violations(context)
    tables = {series: fault_table(series, context, found) for series in (*SERIES, CONFIG) if _judged(series, context)}
    with tempfile.TemporaryDirectory() as raw, published_folder(folder / FOLDER) as draft:
        results = _run(tables, context, found, Path(raw))
        for page in sorted(Path(raw).rglob("*.html")):
            name = _flat_name(page.relative_to(raw))
            if name is not None:
                write_text(draft / name, offline(page.read_text(encoding="utf-8")))
        write_text(draft / INDEX, _index(report, results))
    return folder / FOLDER / INDEX


def rules_of(series: str) -> tuple[YearRule, ...]:
    """Rules that look at a series; those of the configuration for `config`."""
    return tuple(
        rule for rule in YEAR_RULES.all() if (series in rule.looks_at if series != CONFIG else not rule.looks_at)
    )


def _judged(series: str, context: QualityContext) -> bool:
    return series == CONFIG or series in context.frames or series in REQUIRED


def fault_table(series: str, context: QualityContext, found: Faults) -> pd.DataFrame:
    """Which rows break which rule: one column per rule, 1 where a row is at fault, shape (rows, rules).

    A fault of the year as a whole is a fault of every row. The configuration, and a series that is missing, is one row.
    """
    frame = context.frames.get(series)
    rows = 1 if frame is None else max(len(frame), 1)
    table = {rule.id: np.zeros(rows, dtype=np.int64) for rule in rules_of(series)}
    for rule_id, column in table.items():
        for violation in found.get(rule_id, ()):
            if violation.series == series:
                column[_rows(violation, series, frame)] = 1
    return pd.DataFrame(table)


def _rows(violation: Violation, series: str, frame: pd.DataFrame | None) -> Any:  # noqa: ANN401, whatever NumPy indexes with
    if frame is None or violation.hours.size == 0:
        return slice(None)
    if series in HOURLY:
        return violation.hours[violation.hours < len(frame)]
    # Hours of sessions are those of their arrival.
    return np.isin(frame["arrival"].to_numpy(), violation.hours) if "arrival" in frame else slice(None)


def _run(
    tables: Mapping[str, pd.DataFrame], context: QualityContext, found: Faults, folder: Path
) -> dict[str, tuple[int, int]]:
    """Validate every table and build the site; expectations that held and all of them, by series."""
    os.environ.update(QUIET)
    import great_expectations as gx  # noqa: PLC0415, takes some 7 s
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (  # noqa: PLC0415
        ExpectColumnValuesToBeInSet,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity  # noqa: PLC0415

    site = gx.get_context(mode="ephemeral")
    site.variables.progress_bars = ProgressBarsConfig(globally=False)
    for name in site.get_site_names():
        site.delete_data_docs_site(name)
    parts: Any = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    site.add_data_docs_site("pvbesscar", parts)
    source = site.data_sources.add_pandas("canonical")
    results = {}
    for series, table in tables.items():
        batch = source.add_dataframe_asset(series).add_batch_definition_whole_dataframe("year")
        expectations = [
            ExpectColumnValuesToBeInSet(
                column=rule.id,
                value_set=[0],
                severity=FailureSeverity(SEVERITY[rule.severity]),
                description=_described(rule, [v for v in found.get(rule.id, ()) if v.series == series], context),
            )
            for rule in rules_of(series)
        ]
        suite = site.suites.add(gx.ExpectationSuite(name=series, expectations=expectations))
        check = site.validation_definitions.add(gx.ValidationDefinition(name=series, data=batch, suite=suite))
        outcome = check.run(batch_parameters={"dataframe": table})
        results[series] = (sum(bool(result.success) for result in outcome.results), len(outcome.results))
    site.build_data_docs()
    return results


def _described(rule: YearRule, found: list[Violation], context: QualityContext) -> str:
    """What an expectation says; Great Expectations shows it as HTML, so everything is escaped here."""
    waived = {waiver.rule for waiver in context.settings.quality.waivers}
    lines = [
        f"<b>{html.escape(rule.title)}</b> ({rule.severity}{', waived' if found and rule.id in waived else ''})",
        html.escape(rule.rationale),
        f"<i>{html.escape(rule.reference)}</i>",
        *(
            f"<b>{html.escape(v.column)}</b>: {html.escape(v.message)}. Seen: {html.escape(v.observed)}; limit: "
            f"{html.escape(v.limit)}. Likely cause: {html.escape(v.cause or rule.cause)}. Fix: "
            f"{html.escape(v.fix or rule.fix)}."
            for v in found
        ),
    ]
    return "<br>".join(lines)


def _flat_name(path: Path) -> str | None:
    """Name of a page in our folder: `weather.html` for results, `weather_rules.html` for the suite alone."""
    if path.parts[0] == "validations":
        return f"{path.parts[1]}.html"
    return f"{path.stem}_rules.html" if path.parts[0] == "expectations" else None


_REMOVED = (
    r"<script\b[^>]*>.*?</script>",
    r"<style\b[^>]*>.*?</style>",
    r"<footer\b[^>]*>.*?</footer>",
    r"<link\b[^>]*>",
    r"<img\b[^>]*>",
    # Buttons that filter by a script that is no longer there.
    r"<label\b[^>]*onclick[^>]*>.*?</label>",
)
_LINKS = (
    (re.compile(r'href="(?:\.\./)*index\.html"'), f'href="{INDEX}"'),
    (re.compile(r'href="(?:\.\./)*expectations/([a-z_]+)\.html"'), r'href="\1_rules.html"'),
)


def offline(page: str) -> str:
    """Page of Great Expectations without scripts, pictures and styles of other hosts, and with a style of its own.

    Its tables are plain HTML; what the scripts did (sorting, filters, folding) is left out, so everything is shown.
    """
    for pattern in _REMOVED:
        page = re.sub(pattern, "", page, flags=re.DOTALL | re.IGNORECASE)
    for link, target in _LINKS:
        page = link.sub(target, page)
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return page.replace("</head>", f"{policy}\n<style>\n{_resource('data_docs.css')}</style>\n</head>", 1)


def _index(report: QualityReport, results: Mapping[str, tuple[int, int]]) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_resource("data_docs.html.j2")).render(
        report=report, results=results, style=_resource("data_docs.css"), sessions=SESSIONS, config=CONFIG
    )


def _resource(name: str) -> str:
    return files("pvbesscar.quality").joinpath(name).read_text(encoding="utf-8")
