"""Models that leave the building: promoted from a current evaluation into a folder of their own, and listed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pvbesscar import plant
from pvbesscar.agents.artifacts import model_fault, prove_dataset, read_metrics
from pvbesscar.controllers.registry import RULE
from pvbesscar.evaluation.claims import percent, percent_interval
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.evaluation.model_folder import (
    CARD_FILE,
    PAGE_FILE,
    SETTINGS_FILE,
    ModelFolder,
    card_of,
    card_text,
    open_model,
    site_fault,
    tariff_digest,
)
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.records import why_stale
from pvbesscar.lineage.stages import STAGES
from pvbesscar.plant.certificate import require_certificate
from pvbesscar.plant.observation import observation_names
from pvbesscar.report.tables import number
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import published_folder, read_model, sha256_file, sha256_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import ControllerError, OutputError, PvbesscarError, StaleError
from schemas.models import JudgedSet, JudgedYear, ModelFacts
from schemas.results import EvaluationReport, TrainingMetrics
from schemas.settings import AGENTS, HOURS_PER_YEAR, Agent, Settings

TEMPLATES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model of the project, or a promoted one, and whether it can be relied on.

    Attributes
    ----------
    name
        The agent, or the folder.
    state
        `current`, `stale`, `not evaluated`, `worse than the rule` or `damaged`.
    why
        In words; empty where it is current.
    """

    name: str
    agent: str
    state: str
    why: str = ""


def promote(
    agent: Agent, settings: Settings, workspace: Workspace, config: Path, into: Path, reason: str | None
) -> Path:
    """Write the folder of a model that was evaluated: all that proves it, and its card.

    Parameters
    ----------
    into
        The folder; one that holds a promoted model already is replaced whole.
    reason
        Why a model that is worse than the rule is promoted all the same; stands in the card.

    Raises
    ------
    StaleError
        Its evaluation is missing or not current.
    ControllerError
        It is worse than the rule, and there is no reason.
    """
    if into.exists() and not (into / CARD_FILE).is_file() and (not into.is_dir() or any(into.iterdir())):
        raise OutputError(f"{into}: holds something else than a promoted model.", hint="name a new folder.")
    report = _report(workspace)
    prove_dataset(settings, workspace)
    require_certificate(workspace)
    if fault := _fault(agent, settings, workspace, report, config):
        raise StaleError(f"`{agent}` can not be promoted: {fault}", hint="run `pvbesscar evaluate`.")
    metrics = read_metrics(agent, workspace)
    assert metrics is not None
    facts = _facts(settings, workspace, report, metrics, reason)
    if facts.worse is not None and not reason:
        raise ControllerError(
            f"`{agent}` is worse than the rule: {facts.worse}.",
            hint="train it longer, or say with `--reason` why it is promoted all the same; the card shows it.",
        )
    with published_folder(into) as draft:
        _fill(ModelFolder.at(draft, workspace), agent, report, settings, workspace)
        write_text(draft / PAGE_FILE, page_of(facts))
        names = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
        write_text(draft / CARD_FILE, card_text(card_of(facts, {name: sha256_file(draft / name) for name in names})))
    return into


def page_of(facts: ModelFacts) -> str:
    """Card of a model as a Markdown page."""
    environment = Environment(  # noqa: S701, Markdown
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "percent": percent, "interval": percent_interval}
    return environment.get_template("model_card.md.j2").render(facts=facts)


def card_page(model: str, workspace: Workspace) -> str:
    """Card of a promoted model by its folder or the name of its agent."""
    return page_of(open_model(folder_of(model, workspace)).facts)


def folder_of(model: str, workspace: Workspace) -> Path:
    """Folder of a promoted model: itself, or a name below the project's promoted models."""
    path = Path(model)
    return path if path.is_dir() else workspace.promoted / model


def states(settings: Settings, workspace: Workspace, config: Path) -> Iterator[ModelState]:
    """Tell of all trained and all promoted models of a project."""
    for agent in AGENTS:
        if workspace.final_model(agent).is_file():
            yield _trained_state(agent, settings, workspace, config)
    for folder in sorted(path for path in workspace.promoted.glob("[!.]*") if path.is_dir()):
        yield _promoted_state(folder, settings, workspace)


def _trained_state(agent: Agent, settings: Settings, workspace: Workspace, config: Path) -> ModelState:
    try:
        report = _report(workspace)
    except StaleError as error:
        return ModelState(agent, agent, "not evaluated", error.message)
    if all(result.controller != agent for result in report.main.ranking):
        return ModelState(agent, agent, "not evaluated", report.missing.get(agent, "it is not in the tables"))
    if fault := _fault(agent, settings, workspace, report, config):
        return ModelState(agent, agent, "stale", fault)
    worse = _worse(*_judged(agent, report))
    return ModelState(agent, agent, "current" if worse is None else "worse than the rule", worse or "")


def _promoted_state(folder: Path, settings: Settings, workspace: Workspace) -> ModelState:
    name = str(folder.relative_to(workspace.root))
    try:
        promoted = open_model(folder)
    except PvbesscarError as error:
        return ModelState(name, "", "damaged", error.message)
    facts = promoted.facts
    try:
        fault = site_fault(promoted, settings, workspace)
    except PvbesscarError as error:
        fault = error.message
    if fault is not None:
        return ModelState(name, facts.agent, "stale", fault)
    if facts.worse is not None:
        return ModelState(name, facts.agent, "worse than the rule", f"{facts.worse}; promoted because: {facts.reason}")
    return ModelState(name, facts.agent, "current")


def _report(workspace: Workspace) -> EvaluationReport:
    return read_model(
        workspace.evaluation / REPORT_FILE, EvaluationReport, missing="nothing was evaluated",
        wrong="no evaluation report", hint="run `pvbesscar evaluate`.",
    )  # fmt: skip


def _fault(
    agent: Agent, settings: Settings, workspace: Workspace, report: EvaluationReport, config: Path
) -> str | None:
    """Why the evaluation of an agent is none of what there is now."""
    digest = read_manifest(workspace.dataset).digest
    if all(result.controller != agent for result in report.main.ranking):
        return report.missing.get(agent, "the latest evaluation has not judged it.")
    if report.dataset_digest != digest:
        return f"evaluated on another dataset ({report.dataset_digest[:12]}, now {digest[:12]})."
    if fault := model_fault(agent, settings, workspace, report.profile, digest):
        return fault
    stale = why_stale("evaluate", RunContext(settings, report.profile, config)).all
    return f"its evaluation is not current: {'; '.join(stale)}." if stale else None


def _judged(name: str, report: EvaluationReport) -> tuple[tuple[JudgedYear, ...], tuple[JudgedSet, ...]]:
    years = []
    for case in report.scenarios:
        ranking = {result.controller: result for result in case.ranking}
        optimum = None if case.optimum is None else case.optimum.bound
        years.append(
            JudgedYear(
                scenario=case.scenario,
                simulator=case.simulator,
                judged_on=case.judged_on,
                optimum=optimum,
                model=ranking[name],
                rule=ranking[RULE],
            )
        )
    sets = []
    for own in report.sets:
        entries = {entry.controller: entry for entry in own.entries}
        sets.append(JudgedSet(name=own.name, scenarios=own.scenarios, model=entries[name], rule=entries[RULE]))
    return tuple(years), tuple(sets)


def _worse(years: tuple[JudgedYear, ...], sets: tuple[JudgedSet, ...]) -> str | None:
    """In which figures a model is worse than the rule: over the test years, or else where it was judged first."""
    for own in sets:
        if own.name == "test":
            j, rule = own.model.mean_score, own.rule.mean_score
            return f"mean J {j:.4f} over {len(own.scenarios)} test years, the rule {rule:.4f}" if j > rule else None
    j, rule = years[0].model.score, years[0].rule.score
    return f"J {j:.4f} on `{years[0].scenario}`, the rule {rule:.4f}" if j > rule else None


def _facts(
    settings: Settings, workspace: Workspace, report: EvaluationReport, metrics: TrainingMetrics, reason: str | None
) -> ModelFacts:
    years, sets = _judged(metrics.agent, report)
    worse, sockets = _worse(years, sets), settings.ev.sockets
    run = RunContext(settings, report.profile)
    return ModelFacts(
        agent=metrics.agent,
        scenario=report.scenario,
        profile=report.profile,
        mode=report.mode,
        guard=report.guard,
        simulator=metrics.simulator,
        steps=metrics.steps,
        seed=metrics.seed,
        sockets=sockets,
        observation=observation_names(sockets, settings.ev.sockets_per_charger),
        dataset_digest=report.dataset_digest,
        certificate_sha256=sha256_file(workspace.certificate),
        evaluation_sha256=sha256_file(workspace.evaluation / REPORT_FILE),
        model_sha256=metrics.model_sha256,
        tariff=settings.tariff.name,
        tariff_digest=tariff_digest(settings),
        plant_code=plant.code_digest(),
        training_code=sha256_json(STAGES[f"train-{metrics.agent}"].code(run.source)),
        versions=metrics.versions,
        years=years,
        sets=sets,
        worse=worse,
        reason=reason,
        not_for=tuple(_not_for(settings, report, years, sets, worse)),
    )


def _not_for(
    settings: Settings,
    report: EvaluationReport,
    years: tuple[JudgedYear, ...],
    sets: tuple[JudgedSet, ...],
    worse: str | None,
) -> Iterator[str]:
    yield (
        f"Another site: it knows the sockets, battery, PV and demand of the dataset {report.dataset_digest[:12]} "
        f"(`{report.scenario}`) alone."
    )
    yield f"Another tariff than `{settings.tariff.name}`, or other prices in it."
    yield f"Another control mode than `{report.mode}`, other weights of J, or settings that were not evaluated."
    if report.guard:
        yield "A plant without the departure guard: it was judged with it."
    if all(year.model.hours < HOURS_PER_YEAR for year in years):
        hours = sum(year.model.hours for year in years)
        yield f"Statements about a whole year: it was judged on {hours:,} hours."
    if not any(own.name == "test" for own in sets):
        yield "Statements about years that it has not seen: it was judged on no test year."
    if worse is not None:
        yield f"Saving against the rule: it is worse ({worse})."


def _fill(
    places: ModelFolder, agent: Agent, report: EvaluationReport, settings: Settings, workspace: Workspace
) -> None:
    """Copy what proves a model, and write the settings that it was trained with."""
    ledger = ledger_name(report.main.scenario, agent)
    pairs = {
        workspace.final_model(agent): places.final_model(agent),
        workspace.training_metrics(agent): places.training_metrics(agent),
        workspace.certificate: places.certificate,
        workspace.evaluation / REPORT_FILE: places.evaluation / REPORT_FILE,
        workspace.evaluation / ledger: places.evaluation / ledger,
    }
    for source, target in pairs.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    # Where the project lay is of no use elsewhere.
    data = settings.data.model_copy(update={"root": Path(), "oe2_dir": Path("oe2")})
    own = settings.model_copy(update={"data": data})
    write_text(places.root / SETTINGS_FILE, own.model_dump_json(indent=2) + "\n")
