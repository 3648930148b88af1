"""The `publish` stage: HTML pages with style and figures in them, made from the result files and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from pvbesscar.evaluation.claims import comparisons, gap_words, percent, percent_interval
from pvbesscar.evaluation.evaluate import REPORT_FILE
from pvbesscar.evaluation.ranking import ranks
from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.evaluation.tables import gap_rows
from pvbesscar.report.figures import (
    Figure,
    curves_figure,
    monthly_figure,
    ranking_figure,
    trade_off_figure,
    week_figure,
)
from pvbesscar.report.inputs import ReportInputs, read_inputs
from pvbesscar.report.money import money
from pvbesscar.report.nearness import nearness_sentences
from pvbesscar.report.sentences import (
    KIND_NAMES,
    SIMULATORS,
    failed_but_judged,
    first_line,
    headroom,
    number,
    series_name,
    set_sentences,
)
from pvbesscar.report.weights import service_section, terms_of, weights_section
from pvbesscar.store.files import published_folder, read_stored, sha256_file, write_text
from pvbesscar.store.workspace import Workspace
from schemas.expectations import ExpectationReport
from schemas.results import ScenarioResult
from schemas.settings import Settings

PAGE_FILE, MONEY_FILE = "index.html", "money.html"
TEMPLATES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the first screen of the page."""

    name: str
    value: str
    note: str = ""


def publish(settings: Settings, workspace: Workspace, profile: str, failures: Mapping[str, str]) -> Path:
    """Write the report page of a run, and beside it the page of what is paid and saved; they replace the earlier ones.

    Whatever is missing or does not belong to this dataset is left out and named on the first screen: a page is made
    in any case.

    Parameters
    ----------
    profile
        The profile that was run.
    failures
        Stages or agents that failed in this run, with the reason.

    Returns
    -------
    Path
        The page, `outputs/report/index.html`.
    """
    pages = render(read_inputs(settings, workspace, profile, failures), failures)
    with published_folder(workspace.report) as draft:
        for name, page in pages.items():
            write_text(draft / name, page)
    return workspace.report / PAGE_FILE


def render(inputs: ReportInputs, failures: Mapping[str, str]) -> dict[str, str]:
    """Make the pages, by name of their files; the same inputs give the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "series_name": series_name,
        "percent": percent,
        "interval": percent_interval,
    }
    evaluation = inputs.evaluation
    main = None if evaluation is None else evaluation.main
    ranking = () if main is None else main.ranking
    paid = money(inputs)
    environment.globals |= {
        # The style sheet is the project's own file, not data.
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        "first_line": first_line(inputs.provenance),
        "inputs": inputs,
        "money": paid,
    }
    pages = (
        {} if paid is None else {MONEY_FILE: environment.get_template("money.html.j2").render(report_file=PAGE_FILE)}
    )
    pages[PAGE_FILE] = environment.get_template("index.html.j2").render(
        money_file=MONEY_FILE,
        facts=facts(inputs),
        carried_over=failed_but_judged(failures, {r.controller for r in ranking if r.kind == "agent"}),
        main=main,
        sets=() if evaluation is None else evaluation.sets,
        gap_words=gap_words,
        gap=None if main is None else gap_rows(main),
        headroom=[] if main is None else headroom(main),
        nearness=[] if evaluation is None else nearness_sentences(evaluation.nearness),
        set_sentences=[] if evaluation is None else [s for own in evaluation.sets for s in set_sentences(own)],
        citylearn=() if main is None else citylearn_differences(main),
        checked=next((r.citylearn for r in ranking if r.citylearn), None),
        ranking=ranking,
        ranks=ranks(ranking),
        term_fields=TERM_FIELDS,
        kind_names=KIND_NAMES,
        not_evaluated={} if evaluation is None else evaluation.missing,
        comparisons=[] if main is None else comparisons(main),
        weights=None if evaluation is None else weights_section(evaluation.trade_offs, terms_of(evaluation)),
        service=None if evaluation is None else service_section(evaluation.ev_term, inputs.settings.weights),
        figures=figures(inputs),
        files=inputs.files(),
        command=command(inputs.settings, inputs.profile),
        second_readings=second_readings(inputs),
        all_settings=inputs.settings.model_dump_json(indent=2),
    )
    return pages


def second_readings(inputs: ReportInputs) -> tuple[tuple[str, str, str | None], ...]:
    """What Great Expectations found on the dataset's and the results' files: of what, in words, link to its pages."""
    evaluated = inputs.workspace.evaluation / REPORT_FILE
    expected: tuple[tuple[Literal["dataset", "results"], str | None], ...] = (
        ("dataset", inputs.manifest.digest if inputs.manifest else None),
        ("results", sha256_file(evaluated) if inputs.evaluation else None),
    )
    return tuple((subject, *_second_reading(inputs, subject, digest)) for subject, digest in expected)


def _second_reading(
    inputs: ReportInputs, subject: Literal["dataset", "results"], digest: str | None
) -> tuple[str, str | None]:
    if not inputs.settings.quality.second_reading:
        return "NOT READ: `quality.second_reading` is off", None
    try:
        stored = read_stored(inputs.workspace.data_docs(subject) / "expectations.json")
        report = ExpectationReport.model_validate_json(stored)
    except (FileNotFoundError, ValidationError):
        return "there is none", None
    if report.digest != digest:
        return "there is none of these files", None
    words = f"{report.met} of {report.expectations} expectations on {len(report.suites)} tables hold"
    return words, f"../data_docs/{subject}/index.html"


def facts(inputs: ReportInputs) -> tuple[Fact, ...]:
    """Lines of the first screen, the year's first."""
    return (*_year_facts(inputs), *_run_facts(inputs))


def _year_facts(inputs: ReportInputs) -> tuple[Fact, ...]:
    settings, manifest = inputs.settings, inputs.manifest
    if manifest is None:
        return (Fact("year", "no dataset", "see what is missing, above"),)
    year = manifest.facts
    avoided = year.ev_kwh * settings.grid.avoided_fuel_kg_per_kwh
    return (
        Fact("hours", number(year.hours), f"{year.first_stamp} to {year.last_stamp}"),
        Fact(
            "EV demand at the charger", f"{number(year.ev_kwh)} kWh", f"declared {number(settings.ev.declared_kwh)} kWh"
        ),
        Fact(
            "mall demand",
            f"{number(year.mall_kwh)} kWh",
            _step(inputs, "mall", "scaled by") or f"declared {number(settings.mall.declared_kwh)} kWh",
        ),
        Fact(
            "PV yield",
            f"{number(year.pv_yield_kwh_per_kwp, 1)} kWh/kWp",
            f"{number(year.pv_kwh)} kWh from {number(settings.pv.dc_kwp)} kWp",
        ),
        Fact("global irradiation", f"{number(year.ghi_kwh_m2, 1)} kWh/m2", "GHI, the year's sum"),
        Fact(
            "sessions",
            number(year.sessions),
            f"{number(year.sessions_infeasible)} that no power can meet in their stay",
        ),
        Fact("ev.dwell_hours", *_dwell(inputs)),
        Fact("fuel CO2 avoided", f"{number(avoided)} kg", "by the vehicles; reported apart, never added to grid CO2"),
    )


def _step(inputs: ReportInputs, series: str, words: str) -> str | None:
    """Step by which a series was made that has these words in it, as provenance tells it."""
    entries = () if inputs.provenance is None else inputs.provenance.series
    steps = (step for entry in entries if entry.series == series for step in entry.transformations)
    return next((step for step in steps if words in step), None)


def _dwell(inputs: ReportInputs) -> tuple[str, str]:
    if inputs.provenance is None:
        return "unknown", "there is no provenance of this dataset"
    if _step(inputs, "sessions", "ev.dwell_hours") is None:
        return "not used", "the sessions file says how long vehicles stay"
    return f"{inputs.settings.ev.dwell_hours} h", "assumed: hourly energies do not say how long vehicles stay"


def _run_facts(inputs: ReportInputs) -> tuple[Fact, ...]:
    control, profile = inputs.settings.control, inputs.settings.profile(inputs.profile)
    # `read_inputs` refuses a dataset of other settings, so it was built and evaluated with these.
    guard, forecast, mode = control.departure_guard, control.forecast, control.mode
    judged, where = "not judged", "the same hours for every controller"
    if inputs.evaluation is not None:
        main = inputs.evaluation.main
        judged = ", ".join((*main.judged_on, *(own.name for own in inputs.evaluation.sets)))
        where = f"the same hours for every controller, {main.scenario} on {SIMULATORS[main.simulator]}"
    return (
        Fact("departure guard", "on" if guard else "OFF", "raises sockets to what the departure still needs"),
        Fact(
            "forecast",
            forecast,
            "known at decision time" if forecast == "causal" else "FOR ABLATION ONLY: it knows the future",
        ),
        Fact("battery mode", mode),
        Fact("quality warnings", *_warnings(inputs)),
        Fact(
            "profile",
            inputs.profile,
            f"{number(profile.steps)} steps an agent, in episodes of {profile.episode_hours} h",
        ),
        Fact("judged on", judged, where),
    )


def _warnings(inputs: ReportInputs) -> tuple[str, str]:
    if inputs.quality is None:
        return "unknown", "there is no quality report of this dataset"
    count = sum(finding.severity == "warning" for finding in inputs.quality.findings)
    return str(count), f"of {len(inputs.quality.rules)} rules applied"


def citylearn_differences(scenario: ScenarioResult) -> tuple[tuple[str, float], ...]:
    """Largest relative difference of each sum from the one that CityLearn's `evaluate_v2` gives, over controllers."""
    checks = [result.citylearn.differences for result in scenario.ranking if result.citylearn is not None]
    return tuple((name, max(check[name] for check in checks)) for name in (checks[0] if checks else {}))


def figures(inputs: ReportInputs) -> list[Figure]:
    """Figures for which there are results."""
    made: list[Figure] = []
    evaluation = inputs.evaluation
    if evaluation is not None:
        main = evaluation.main
        best = main.ranking[0].controller
        ledger = inputs.ledger(main.scenario, best)
        if ledger is not None:
            made.append(week_figure(ledger, best, main.judged_on[0]))
        made.append(ranking_figure(main.ranking, main.reference, inputs.settings.weights))
        if evaluation.trade_offs is not None and evaluation.trade_offs.optima:
            made.append(trade_off_figure(evaluation.trade_offs, terms_of(evaluation)))
    if inputs.training:
        made.append(curves_figure(inputs.training, inputs.curves))
    hourly, sessions = inputs.hourly(), inputs.sessions()
    if hourly is not None and sessions is not None:
        made.append(monthly_figure(hourly, sessions, inputs.settings.ev.charger_efficiency))
    return made


def command(settings: Settings, profile: str) -> str:
    """Return the command that repeats the run; overrides are in the settings, printed below it on the page."""
    parts = ["pvbesscar run", f"--config config/{settings.name}.yaml", f"--profile {profile}"]
    default = type(settings.data).model_fields["oe2_dir"].default
    if settings.data.oe2_dir != default:
        parts.insert(2, f"--set data.oe2_dir={settings.data.oe2_dir}")
    return " ".join(parts)
