"""Tables on the data: what the year adds up to, where each series comes from, and what the quality gate found."""

from __future__ import annotations

from pvbesscar.quality.report import in_words
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.origin import series_name
from pvbesscar.report.tables import Cell, Table, figure, table, text
from pvbesscar.words import Words
from schemas.results import Provenance, QualityReport


def year_table(inputs: ReportInputs, words: Words) -> Table:
    """What the dataset's year adds up to, beside what the settings declare."""
    settings, manifest = inputs.settings, inputs.manifest
    assert manifest is not None
    year, empty = manifest.facts, text("")
    rows: list[tuple[Cell, ...]] = [
        (text(words("year.hours")), figure(year.hours), empty, text(f"{year.first_stamp} - {year.last_stamp}")),
        (text(words("year.ev")), figure(year.ev_kwh), figure(settings.ev.declared_kwh), text("kWh")),
        (text(words("year.mall")), figure(year.mall_kwh), figure(settings.mall.declared_kwh), text("kWh")),
        (text(words("year.pv")), figure(year.pv_kwh), empty, text("kWh")),
        (text(words("year.yield")), figure(year.pv_yield_kwh_per_kwp, 1), empty, text("kWh/kWp")),
        (text(words("year.ghi")), figure(year.ghi_kwh_m2, 1), empty, text("kWh/m2")),
        (text(words("year.sessions")), figure(year.sessions), empty, text("")),
        (text(words("year.infeasible")), figure(year.sessions_infeasible), empty, text("")),
        (text(words("year.fuel")), figure(year.ev_kwh * settings.grid.avoided_fuel_kg_per_kwh), empty, text("kg CO2")),
    ]
    columns = [words(f"year.{name}") for name in ("what", "value", "declared", "unit")]
    return table("year", words("year.caption"), columns, rows)


def sources_table(provenance: Provenance, words: Words) -> Table:
    """Source of every series, and what has to be known of it."""
    rows = [
        (text(series_name(own.series, words)), text(words(f"source.{own.source}")), text(own.file or words("none")),
         text("; ".join(own.notes)))
        for own in provenance.series
    ]  # fmt: skip
    columns = [words(f"sources.{name}") for name in ("series", "source", "file", "notes")]
    return table("sources", words("sources.caption"), columns, rows)


def steps_table(provenance: Provenance, words: Words) -> Table:
    """Steps from each file to its canonical series, with reader and digest."""
    rows = [
        (text(series_name(own.series, words)), text(own.reader), text(own.sha256 or words("none")),
         text(" ".join(f"{i}. {step}" for i, step in enumerate(own.transformations, start=1))))
        for own in provenance.series
    ]  # fmt: skip
    columns = [words(f"steps.{name}") for name in ("series", "reader", "sha256", "steps")]
    return table("steps", words("steps.caption"), columns, rows)


def findings_table(report: QualityReport, words: Words) -> Table:
    """What the gate found, errors first."""
    rank = ("error", "warning", "info")
    spoken = (in_words(own, words) for own in report.findings)
    found = sorted(spoken, key=lambda own: rank.index(own.severity))
    rows = []
    for own in found:
        severity = words(f"severity.{own.severity}")
        if own.waiver is not None:
            severity += f" ({words('finding.waived', until=own.waiver.until, reason=own.waiver.reason)})"
        where = own.source + (f", {own.column}" if own.column else "")
        said = words("finding.said", message=own.message.rstrip("."), observed=own.observed, limit=own.limit)
        mend = words("finding.mend", cause=own.cause.rstrip("."), fix=own.fix.rstrip("."))
        rows.append(
            (text(own.rule), text(severity), text(where), text(said), text(mend),
             figure(own.n_hours))
        )  # fmt: skip
    columns = [words(f"findings.{name}") for name in ("rule", "severity", "where", "finding", "fix", "hours")]
    return table("findings", words("findings.caption"), columns, rows, [own.severity for own in found])
