"""Runs suites in Great Expectations: the only module that knows its types, and the only one that imports it.

The import takes some 6 s, so it is paid where suites are judged and nowhere else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pvbesscar.quality.expectations.data_docs import INDEX, write_pages
from pvbesscar.quality.expectations.suite import Expectation, Suite
from pvbesscar.store.files import published_folder, write_text
from schemas.errors import QualityError
from schemas.expectations import ExpectationFault, ExpectationReport, ExpectationSuite

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext

REPORT_FILE = "expectations.json"
SHOWN = 5
"""Rows, values or faults that a message shows; it says how many there are."""
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": SHOWN}


def judge_suites(
    subject: Literal["dataset", "results"], digest: str, suites: Sequence[Suite], docs: Path | None
) -> ExpectationReport:
    """Judge every suite and publish the Data Docs.

    Parameters
    ----------
    digest
        Digest of what is judged, which the report names.
    docs
        Folder of the pages and the report; what was there is replaced. Where an expectation does not hold they go to
        `refused_docs(docs)`, for what was there belongs to files that stay. `None`: no pages.
    """
    with tempfile.TemporaryDirectory(prefix="pvbesscar-expectations-") as raw:
        site = _context(Path(raw))
        source = site.data_sources.add_pandas("files")
        judged, faults = [], []
        for suite in suites:
            outcome = _run(site, source, suite)
            own = [fault for result in outcome.results if (fault := _fault(suite, result)) is not None]
            count = len(outcome.results)
            judged.append(
                ExpectationSuite(
                    name=suite.name,
                    file=suite.file,
                    rows=len(suite.table),
                    expectations=count,
                    met=count - len(own),
                )
            )
            faults += own
        report = ExpectationReport(subject=subject, digest=digest, suites=tuple(judged), faults=tuple(faults))
        if docs is not None:
            site.build_data_docs()
            with published_folder(refused_docs(docs) if faults else docs) as draft:
                write_pages(report, Path(raw), draft)
                write_text(draft / REPORT_FILE, report.model_dump_json(indent=2) + "\n")
            if not faults:
                shutil.rmtree(refused_docs(docs), ignore_errors=True)
    return report


def refused_docs(docs: Path) -> Path:
    """Folder of the Data Docs of files that were refused."""
    return docs.with_name(f"{docs.name}_refused")


def require_met(report: ExpectationReport, docs: Path) -> None:
    """Refuse what does not meet every expectation.

    Parameters
    ----------
    docs
        Folder that `judge_suites` was called with.

    Raises
    ------
    QualityError
        At least one expectation does not hold; file, column, expectation, rows, cause and remedy of each.
    """
    if not report.faults:
        return
    lines = [f"{len(report.faults)} of {report.expectations} expectations on the files of the {report.subject} fail:"]
    lines += [_told(fault) for fault in report.faults[: 2 * SHOWN]]
    if len(report.faults) > 2 * SHOWN:
        lines.append(f"and {len(report.faults) - 2 * SHOWN} more")
    raise QualityError(
        "\n".join(lines),
        hint=f"what was there before is as it was; all expectations are in {refused_docs(docs) / INDEX}.",
    )


def _told(fault: ExpectationFault) -> str:
    where = f"{fault.file}{f', column `{fault.column}`' if fault.column else ''}: `{fault.suite}:{fault.expectation}`"
    rows = "" if fault.rows is None else f"; {fault.rows:,} rows, first: {'; '.join(fault.first)}"
    return f"{where}: {fault.message}{rows}. Likely cause: {fault.cause}. What to do: {fault.fix}."


def _context(raw: Path) -> EphemeralDataContext:
    """Context of Great Expectations in memory, without telemetry and progress bars, its pages below `raw`."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the library is imported
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    site = gx.get_context(mode="ephemeral")
    site.variables.progress_bars = ProgressBarsConfig(globally=False)
    for name in site.get_site_names():
        site.delete_data_docs_site(name)
    parts: Any = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(raw)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    site.add_data_docs_site("pvbesscar", parts)
    return site


def _run(site: EphemeralDataContext, source: Any, suite: Suite) -> ExpectationSuiteValidationResult:
    import great_expectations as gx
    from great_expectations.expectations.metadata_types import FailureSeverity

    native = [
        getattr(gx.expectations, f"Expect{one.kind}")(
            **one.arguments, severity=FailureSeverity.CRITICAL, meta={"name": one.name}
        )
        for one in suite.expectations
    ]
    batch = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("files")
    own = site.suites.add(gx.ExpectationSuite(name=suite.name, expectations=native))
    check = site.validation_definitions.add(gx.ValidationDefinition(name=suite.name, data=batch, suite=own))
    return check.run(batch_parameters={"dataframe": suite.table}, result_format=RESULT_FORMAT)


def _fault(suite: Suite, outcome: Any) -> ExpectationFault | None:
    if outcome.success:
        return None
    name = outcome.expectation_config.meta["name"]
    expectation = next(one for one in suite.expectations if one.name == name)
    result: Mapping[str, Any] = outcome.result
    count = result.get("unexpected_count")
    return ExpectationFault(
        suite=suite.name,
        file=suite.file,
        column=expectation.column,
        expectation=name,
        message=_message(suite, expectation, outcome),
        rows=None if count is None else int(count),
        first=_first(suite, result),
        cause=expectation.cause or suite.cause,
        fix=expectation.fix or suite.fix,
    )


def _message(suite: Suite, expectation: Expectation, outcome: Any) -> str:
    """What was expected and, of a table or a column as a whole, what was found."""
    arguments = {key: value for key, value in expectation.arguments.items() if key not in _NOT_TOLD}
    told = ", ".join(f"{key} {_short(value)}" for key, value in arguments.items() if value is not None)
    expected = f"expected {expectation.kind}{f' ({told})' if told else ''}"
    raised = [info for info in _raised(outcome.exception_info) if info]
    if raised:
        return f"{expected}; it could not be judged: {_short(raised[0])}"
    if "observed_value" not in outcome.result:
        return expected
    found, wanted = outcome.result["observed_value"], arguments.get("value_set", arguments.get("column_list"))
    if found is None and wanted is not None:  # the library leaves out what occurs where it is not what is wanted
        found = suite.table[expectation.column].dropna().unique().tolist()
    if wanted is None:
        return f"{expected}; found {_short(found)}"
    missing = [one for one in wanted if one not in found]
    unknown = [one for one in found if one not in wanted]
    parts = [f"{what}: {_short(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
    return f"expected {expectation.kind}; {'; '.join(parts) or 'in another order'}"


_NOT_TOLD = frozenset({"column", "column_A", "strict_min", "ignore_row_if"})


def _raised(info: Mapping[str, Any]) -> list[str]:
    """Messages of exceptions; Great Expectations keeps one, or one by metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return [str(entry["exception_message"]) for entry in entries if entry["raised_exception"]]


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(_short(one) for one in value[:SHOWN])
        return f"{shown} and {len(value) - SHOWN:,} more" if len(value) > SHOWN else shown
    if isinstance(value, float):
        return f"{value:.10g}"
    text = " ".join(str(value).split())
    return f"{text[:117]}..." if len(text) > 120 else text


def _first(suite: Suite, result: Mapping[str, Any]) -> tuple[str, ...]:
    places = result.get("partial_unexpected_index_list") or []
    values = result.get("partial_unexpected_list") or []
    return tuple(
        f"{_row(suite.table, suite.keys, place)} ({_short(value)})"
        for place, value in zip(places[:SHOWN], values[:SHOWN], strict=False)
    )


def _row(table: pd.DataFrame, keys: tuple[str, ...], place: int) -> str:
    if not keys:
        return f"row {place}"
    found = table.loc[place]
    return " ".join(f"row {found[key]}" if key == "row" else str(found[key]) for key in keys)
