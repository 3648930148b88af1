"""Everything that the page shows, made from the results: one object for the template and the files beside the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from pvbesscar.controllers.registry import MPC, NO_CONTROL, OPTIMUM, RULE
from pvbesscar.evaluation.bill import Bill
from pvbesscar.evaluation.evaluate import REPORT_FILE
from pvbesscar.quality.year.context import column_name, source_name
from pvbesscar.report.caveats import NEAR, contradiction
from pvbesscar.report.charts import bills_figure, duration_figure, finding_figure, heat_figure, learning_figure
from pvbesscar.report.comparison import controllers_table, gap_table, oracles_table, reranking, terms_table
from pvbesscar.report.decision import Decision, decision, judged_on
from pvbesscar.report.drawing import Figure
from pvbesscar.report.energy import balance_table, months_table
from pvbesscar.report.figures import WEEK, ranking_figure, trade_off_figure, week_figure
from pvbesscar.report.findings import findings_table, sources_table, steps_table, year_table
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.learning import metrics_table, validation_table, verdicts_table
from pvbesscar.report.money import bills_of, bills_table, invoice_table, worth_sentence
from pvbesscar.report.standings import deciding, standings
from pvbesscar.report.tables import Table
from pvbesscar.report.weights import Section, service_section, terms_of, weights_section
from pvbesscar.store.files import read_stored, sha256_file
from pvbesscar.words import Words
from schemas.expectations import ExpectationReport
from schemas.results import Finding, Provenance

DRAWN_FINDINGS = 3
SHARED = ("pv_kwh", "mall_kwh")


@dataclass(frozen=True, slots=True)
class Compared:
    """The controllers on one scenario or set."""

    name: str
    title: str
    controllers: Table
    oracles: Table | None
    terms: Table
    bound: float | None
    replay: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of the page; a part without results is `None` or empty.

    Attributes
    ----------
    weeks, reranked
        What the scripts of the page draw weeks from, and re-rank.
    second_readings
        What Great Expectations found: of what, in words, link to its pages.
    """

    decision: Decision
    compared: tuple[Compared, ...] = ()
    gap: Table | None = None
    ranking: Figure | None = None
    trade_off: Figure | None = None
    weighting: Section | None = None
    service: Section | None = None
    near: str = ""
    week: Figure | None = None
    weeks: Mapping[str, Any] | None = None
    reranked: Mapping[str, Any] | None = None
    worth: str = ""
    contradiction: str = ""
    bills: Table | None = None
    bills_drawn: Figure | None = None
    invoice: Table | None = None
    balance: Table | None = None
    months: Table | None = None
    duration: Figure | None = None
    heats: tuple[Figure, ...] = ()
    year: Table | None = None
    sources: Table | None = None
    steps: Table | None = None
    findings: Table | None = None
    findings_drawn: tuple[Figure, ...] = ()
    second_readings: tuple[tuple[str, str, str | None], ...] = ()
    learning: Figure | None = None
    validation: Table | None = None
    verdicts: Table | None = None
    metrics: Table | None = None

    def tables(self) -> Iterator[Table]:
        """Every table of the page."""
        for part in self.compared:
            yield from (one for one in (part.controllers, part.oracles, part.terms) if one is not None)
        yield from (value for own in fields(self) if isinstance(value := getattr(self, own.name), Table))
        for section in (self.weighting, self.service):
            yield from () if section is None else section.tables

    def figures(self) -> Iterator[Figure]:
        """Every figure of the page."""
        for own in fields(self):
            value = getattr(self, own.name)
            yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Figure))


def page_of(inputs: ReportInputs, words: Words) -> Page:
    """Make every part of the page for which there are results."""
    return Page(
        decision(inputs, words),
        **_controllers(inputs, words),
        **_hours(inputs, words),
        **_quality(inputs, words),
        **_training(inputs, words),
    )


def _controllers(inputs: ReportInputs, words: Words) -> dict[str, Any]:
    report = inputs.evaluation
    if report is None:
        return {}
    made = standings(report)
    # What decides comes first: the test years, where they were judged.
    ordered = sorted(made, key=lambda standing: standing.name != deciding(report).name)
    parts = tuple(
        Compared(
            own.name, judged_on(own, words), controllers_table(own, words), oracles_table(own, words),
            terms_table(own, words), own.bound, own.replay,
        )
        for own in ordered
    )  # fmt: skip
    near = ", ".join(f"{words(f'near.{n}')} {100.0 * own['median']:.2f} %" for n, own in report.nearness.items())
    found = report.trade_offs
    return {
        "compared": parts,
        "gap": gap_table(report.main, words),
        "ranking": ranking_figure(report.main.ranking, report.main.reference, inputs.settings.weights, words),
        "reranked": reranking(ordered[0], inputs.settings.weights),
        "trade_off": trade_off_figure(found, terms_of(report), words) if found is not None and found.optima else None,
        "weighting": weights_section(found, terms_of(report), words),
        "service": service_section(report.ev_term, inputs.settings.weights, words),
        "near": words("near.said", shares=near, limit=f"{100.0 * NEAR:g} %") if near else "",
    }


def shown_ledgers(inputs: ReportInputs) -> dict[str, pd.DataFrame]:
    """Ledgers that money and energy are of: the recommended controller, the rule, no control, the optimum."""
    report = inputs.evaluation
    best = None if report is None else deciding(report).best
    if report is None or best is None:
        return {}
    names = dict.fromkeys((best.name, RULE, NO_CONTROL, OPTIMUM))
    found = {name: inputs.ledger(report.main.scenario, name) for name in names}
    return {name: own for name, own in found.items() if own is not None}


def _hours(inputs: ReportInputs, words: Words) -> dict[str, Any]:
    """What is made of hourly ledgers: weeks, money and energy."""
    ledgers = shown_ledgers(inputs)
    if not ledgers or inputs.evaluation is None:
        return {}
    name, own = next(iter(ledgers.items()))
    main, bess = inputs.evaluation.main, inputs.settings.bess
    bills: dict[str, Bill] = bills_of(_all_ledgers(inputs), inputs.settings.tariff) if len(own) > WEEK else {}
    shown = {other: bills[other] for other in ledgers if other in bills}
    return {
        "week": week_figure(own, name, main.judged_on[0], words),
        "weeks": _weeks(_all_ledgers(inputs), name),
        "worth": worth_sentence(inputs, words),
        "contradiction": contradiction(bills, words),
        "bills": bills_table(bills, words) if bills else None,
        "bills_drawn": bills_figure(shown, words) if shown else None,
        "invoice": invoice_table(name, bills[name], words) if name in bills else None,
        "balance": balance_table(ledgers, words),
        "months": months_table(name, own, bess.capacity_kwh * bess.depth_of_discharge, words),
        "duration": duration_figure(ledgers, words),
        "heats": tuple(heat_figure(own, column, name, words) for column in ("import_kwh", "bess_soc")),
    }


def _all_ledgers(inputs: ReportInputs) -> dict[str, pd.DataFrame]:
    report = inputs.evaluation
    if report is None:
        return {}
    names = [*(result.controller for result in report.main.ranking), OPTIMUM]
    found = {name: inputs.ledger(report.main.scenario, name) for name in names}
    return {name: own for name, own in found.items() if own is not None}


def _weeks(ledgers: Mapping[str, pd.DataFrame], best: str) -> dict[str, Any]:
    """Hours of each controller in tenths of a kW, and the state of charge in tenths of a percent; whole numbers."""
    first = next(iter(ledgers.values()))
    stamps = pd.DatetimeIndex(first["timestamp"])

    def tenths(values: pd.Series, scale: float = 10.0) -> list[int]:
        return [int(value) for value in np.rint(values.to_numpy() * scale)]

    return {
        "best": best,
        "starts": [f"{stamps[i]:%Y-%m-%d}" for i in range(0, len(stamps), WEEK)],
        "hours": [f"{stamp:%Y-%m-%d %H:%M}" for stamp in stamps],
        "shared": {name: tenths(first[name]) for name in SHARED},
        "controllers": {
            name: {
                "ev": tenths(own["ev_kwh"]), "import": tenths(own["import_kwh"]),
                "battery": tenths(own["discharge_kwh"] - own["charge_kwh"]), "soc": tenths(own["bess_soc"], 1000.0),
                "unused": tenths(own["solar_kwh"]),
            }
            for name, own in ledgers.items()
        },
    }  # fmt: skip


def _quality(inputs: ReportInputs, words: Words) -> dict[str, Any]:
    made: dict[str, Any] = {"second_readings": second_readings(inputs, words)}
    if inputs.manifest is not None:
        made["year"] = year_table(inputs, words)
    if inputs.provenance is not None:
        made |= {"sources": sources_table(inputs.provenance, words), "steps": steps_table(inputs.provenance, words)}
    if inputs.quality is not None and inputs.quality.findings:
        made["findings"] = findings_table(inputs.quality, words)
        made["findings_drawn"] = _drawn_findings(inputs, words)
    return made


def _drawn_findings(inputs: ReportInputs, words: Words) -> tuple[Figure, ...]:
    """The worst findings on the profile of their series: those of errors first, then those of most hours."""
    if inputs.quality is None or inputs.provenance is None:
        return ()
    frames, rank = inputs.judged(), ("error", "warning", "info")
    profiles = [(own, _profile(own, frames, inputs.provenance)) for own in inputs.quality.findings if own.hours]
    drawable = [(own, found) for own, found in profiles if found is not None]
    drawable.sort(key=lambda one: (rank.index(one[0].severity), -one[0].n_hours))
    unlike = {own.rule: own for own, _ in reversed(drawable)}
    chosen = [(own, found) for own, found in drawable if unlike[own.rule] is own][:DRAWN_FINDINGS]
    return tuple(finding_figure(own, values, stamps, words) for own, (values, stamps) in chosen)


def _profile(
    finding: Finding, frames: Mapping[str, pd.DataFrame], provenance: Provenance
) -> tuple[pd.Series, pd.DatetimeIndex] | None:
    """Series that a finding is drawn on, under the names of its file, and its stamps; `None` where it has none."""
    for entry in provenance.series:
        frame = frames.get(entry.series)
        if frame is None or source_name(entry) != finding.source:
            continue
        for column in map(str, frame.select_dtypes("number")):
            if finding.column in {"", column_name(entry, column)} and finding.hours[0].first < len(frame):
                return frame[column].rename(column_name(entry, column)), pd.DatetimeIndex(frame["timestamp"])
    return None


def _training(inputs: ReportInputs, words: Words) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if inputs.evaluation is not None and inputs.evaluation.verdicts:
        made["verdicts"] = verdicts_table(inputs.evaluation.verdicts, words)
    if inputs.training:
        made["metrics"] = metrics_table(inputs.training, words)
    if inputs.curves:
        made["validation"] = validation_table(inputs.curves, words)
    gaps = {agent: own.dropna(subset=["gap_closed"]) for agent, own in inputs.curves.items()}
    gaps = {agent: own for agent, own in gaps.items() if len(own)}
    if gaps:
        made["learning"] = learning_figure(gaps, _beside(inputs, words), words)
    return made


def _beside(inputs: ReportInputs, words: Words) -> dict[str, float]:
    """Gap closed of the rule, the MPC and the optimum: zero, what was judged, and all of it."""
    lines = {RULE: 0.0, words("optimum.name"): 1.0}
    mpc = None if inputs.evaluation is None else deciding(inputs.evaluation).of(MPC)
    return lines if mpc is None or mpc.gap_closed is None else lines | {MPC: mpc.gap_closed}


def second_readings(inputs: ReportInputs, words: Words) -> tuple[tuple[str, str, str | None], ...]:
    """What Great Expectations found on the dataset's and the results' files: of what, in words, link to its pages."""
    evaluated = inputs.workspace.evaluation / REPORT_FILE
    expected: tuple[tuple[Literal["dataset", "results"], str | None], ...] = (
        ("dataset", inputs.manifest.digest if inputs.manifest else None),
        ("results", sha256_file(evaluated) if inputs.evaluation else None),
    )
    return tuple((subject, *_second_reading(inputs, subject, digest, words)) for subject, digest in expected)


def _second_reading(
    inputs: ReportInputs, subject: Literal["dataset", "results"], digest: str | None, words: Words
) -> tuple[str, str | None]:
    if not inputs.settings.quality.second_reading:
        return words("second.off"), None
    try:
        stored = read_stored(inputs.workspace.data_docs(subject) / "expectations.json")
        report = ExpectationReport.model_validate_json(stored)
    except (FileNotFoundError, ValidationError):
        return words("second.none"), None
    if report.digest != digest:
        return words("second.other"), None
    said = words("second.met", met=report.met, of=report.expectations, tables=len(report.suites))
    return said, f"../data_docs/{subject}/index.html"
