"""Judge controllers on scenarios: the pipeline's `evaluate` stage and the command of that name are this one path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pvbesscar.agents.artifacts import prove_dataset
from pvbesscar.controllers import registry
from pvbesscar.dataset.scenarios import NOMINAL, POOLS, ScenarioStore
from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.bound import Bound, reference_of
from pvbesscar.evaluation.fitting import fitted_for
from pvbesscar.evaluation.kpis import Judged, all_kpis
from pvbesscar.evaluation.parallel import Bounds, Case, Match, Played, Results, play, play_here
from pvbesscar.evaluation.ranking import controller_result, paired_differences, ranked, ranks, verdict
from pvbesscar.evaluation.score import left_out, score, terms
from pvbesscar.evaluation.specifications import ControllerSpec, specs_of, untrained_name
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.simulator import Simulator
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.simulation.windows import Stretch, stretches_of, window_stretches
from pvbesscar.store.files import published_folder, sha256_file, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.progress import OnProgress
from schemas.results import ControllerResult, EvaluationReport, ScenarioResult, SetResult, Verdict
from schemas.settings import Agent, NominalOn, Settings

REPORT_FILE = "evaluation_report.json"
TABLE_FILE = "evaluation_comparison.csv"
LEDGERS = "ledgers"
OPTIMUM = registry.OPTIMUM
MAX_WORKERS = 2
"""Processes that simulate at once; each may hold a CityLearn of its own, about 1 GB."""
SETS = (*POOLS, "perturbed")


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to judge.

    Attributes
    ----------
    profile
        Profile that the agents were trained with; it says what is judged where the rest does not.
    controllers
        Names (see `known_names`); `None`: the profile's, and every agent of the scenario with its untrained self.
    scenarios
        Sets of scenarios, or scenarios; `None`: the profile's.
    nominal_on
        What simulates the validated year, `None`: what the profile says; drawn years always run on the twin.
    """

    profile: str
    controllers: tuple[str, ...] | None = None
    scenarios: tuple[str, ...] | None = None
    nominal_on: NominalOn | None = None

    def names(self, settings: Settings) -> tuple[str, ...]:
        """Names of the controllers to judge."""
        if self.controllers is not None:
            return self.controllers
        agents = [name for agent in settings.training.agents for name in (agent, untrained_name(agent))]
        return (*settings.profile(self.profile).controllers, *agents)

    def sets(self, settings: Settings) -> tuple[str, ...]:
        """Sets of scenarios to judge on."""
        return settings.profile(self.profile).scenarios if self.scenarios is None else self.scenarios


def evaluate(
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
    *,
    request: EvaluationRequest | None = None,
    workers: int | None = None,
) -> EvaluationReport:
    """Judge controllers on the same hours of every scenario asked for.

    A model that is missing or belongs to another dataset or other settings is named in `missing`, with the reason.
    Report, table and hourly ledgers replace the earlier ones together, at the end.

    Parameters
    ----------
    profile
        `smoke`: the validation windows of the validated year; `full`: that year and the test scenarios.
    on_progress
        Told how far the work is, about once a second.
    request
        What to judge instead of what the profile says.
    workers
        Processes that simulate; one simulates in this process. Default: two where there are two cores.

    Raises
    ------
    StaleError
        No dataset, or one of other settings.
    ConfigError
        No such controller or scenario.
    SimulationError
        A controller could not be simulated to the end.
    """
    request = EvaluationRequest(profile) if request is None else request
    prove_dataset(settings, workspace)
    match, missing, sets = prepare(settings, workspace, request, on_progress)
    if workers is None:
        workers = min(MAX_WORKERS, os.cpu_count() or 1)
    played = play_here(match, on_progress) if workers == 1 else play(match, workers, on_progress)
    return publish_results(match, missing, sets, *played)


def evaluate_on(
    simulator: Simulator,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
) -> EvaluationReport:
    """Judge on a simulator of the validated year that is loaded already, in this process; see `evaluate`."""
    match, missing, sets = prepare(settings, workspace, EvaluationRequest(profile), on_progress)
    return publish_results(match, missing, sets, *play_here(match, on_progress, simulator))


def prepare(
    settings: Settings, workspace: Workspace, request: EvaluationRequest, on_progress: OnProgress | None
) -> tuple[Match, dict[str, str], dict[str, tuple[str, ...]]]:
    """Make a match of a request; also who is missing with the reason, and the scenarios of each set asked for."""
    store = ScenarioStore(workspace.dataset)
    sets = {which: store.names(which) for which in dict.fromkeys(request.sets(settings))}
    data = load_plant(workspace.dataset)
    specs, missing = specs_of(request.names(settings), settings, workspace, request.profile, data.digest)
    fitted = fitted_for(specs, settings, workspace, store, on_progress)
    # The validated year first: tables begin with it, and CityLearn takes longest.
    ordered = sorted(dict.fromkeys(name for names in sets.values() for name in names), key=lambda n: n != NOMINAL)
    cases = tuple(_case(name, request, settings, data) for name in ordered)
    return Match(settings, workspace, request.profile, cases, specs, fitted), missing, sets


def _case(scenario: str, request: EvaluationRequest, settings: Settings, nominal: PlantData) -> Case:
    if scenario != NOMINAL:
        return Case(scenario, "twin", (Stretch("year", 0, nominal.hours),))
    profile = settings.profile(request.profile)
    windows = profile.evaluate_on if request.scenarios is None else "year"
    stretches = stretches_of(windows, settings.evaluation.windows, nominal)
    simulated_on = request.nominal_on or profile.nominal_on
    if simulated_on == "both":
        return Case(scenario, "twin", stretches, window_stretches(settings.evaluation.windows, nominal))
    return Case(scenario, simulated_on, stretches)


def publish_results(
    match: Match, missing: dict[str, str], sets: dict[str, tuple[str, ...]], played: Results, bounds: Bounds
) -> EvaluationReport:
    """Write report, table and ledgers; they replace the earlier ones together."""
    store = ScenarioStore(match.workspace.dataset)
    nominal = load_plant(match.workspace.dataset)
    with published_folder(match.workspace.evaluation) as draft:
        files: dict[str, str] = {}
        results = []
        for case in match.cases:
            data = nominal if case.scenario == NOMINAL else store.load(case.scenario)
            own = {c.name: played[case.scenario, c.name] for c in match.specs}
            results.append(_scenario_result(draft, match, case, data, own, bounds[case.scenario], files))
        write_text(draft / TABLE_FILE, comparison(results).to_csv(index=False, lineterminator="\n"))
        files[TABLE_FILE] = sha256_file(draft / TABLE_FILE)
        report = EvaluationReport(
            scenario=match.settings.name,
            profile=match.profile,
            mode="bidirectional" if nominal.params.bidirectional else "dispatch",
            guard=nominal.params.departure_guard,
            forecast=nominal.forecast_kind,
            dataset_digest=nominal.digest,
            scenarios=tuple(results),
            sets=_set_results(sets, results),
            missing=missing,
            verdicts=_verdicts(match, results, played),
            files=files,
        )
        write_text(draft / REPORT_FILE, report.model_dump_json(indent=2) + "\n")
    return report


def _scenario_result(
    draft: Path,
    match: Match,
    case: Case,
    data: PlantData,
    played: dict[str, Played],
    bound: Bound,
    files: dict[str, str],
) -> ScenarioResult:
    reference, weights = reference_of(data, case.stretches), match.settings.weights
    no_control = score(terms(played[registry.NO_CONTROL].ledgers), reference, weights)
    optimum = None if bound.result is None else bound.result.bound

    def result(spec: ControllerSpec) -> ControllerResult:
        own = played[spec.name]
        name = ledger_name(case.scenario, spec.name)
        files[name] = _write_ledger(draft / name, case.stretches, own.ledgers)
        judged = Judged(
            own.ledgers, reference, weights, data.params.bess_kwh, match.settings.grid.avoided_fuel_kg_per_kwh,
            no_control, optimum,
        )  # fmt: skip
        return controller_result(spec, judged, files[name], own.citylearn)

    if bound.ledgers:
        name = ledger_name(case.scenario, OPTIMUM)
        files[name] = _write_ledger(draft / name, case.stretches, bound.ledgers)
    return ScenarioResult(
        scenario=case.scenario,
        simulator=case.simulator,
        digest=data.digest,
        judged_on=tuple(stretch.name for stretch in case.stretches),
        reference=reference,
        terms_left_out=left_out(reference),
        optimum=bound.result,
        optimum_refused=bound.refused,
        ranking=ranked([result(spec) for spec in match.specs]),
    )


def _set_results(sets: dict[str, tuple[str, ...]], results: Sequence[ScenarioResult]) -> tuple[SetResult, ...]:
    by_name = {result.scenario: result for result in results}
    return tuple(set_result(which, [by_name[n] for n in names]) for which, names in sets.items() if which in SETS)


def _verdicts(match: Match, results: Sequence[ScenarioResult], played: Results) -> tuple[Verdict, ...]:
    names = {spec.name for spec in match.specs}
    agents = [c.agent for c in match.specs if c.kind == "agent" and c.agent is not None]
    return tuple(_verdict(agent, match, results, played) for agent in agents if untrained_name(agent) in names)


def _verdict(agent: Agent, match: Match, results: Sequence[ScenarioResult], played: Results) -> Verdict:
    """On the test scenarios where they were judged, for the validated year has weeks of the training; else on it."""
    tests = [result for result in results if result.scenario.startswith("test-")]
    if len(tests) > 1:
        pairs = [{r.controller: r for r in result.ranking} for result in tests]
        differences = np.array([own[agent].score - own[untrained_name(agent)].score for own in pairs])
        mean = np.mean([own[agent].terms.co2_kg - own[untrained_name(agent)].terms.co2_kg for own in pairs])
        return verdict(agent, differences, float(mean), [result.scenario for result in tests], "test scenarios")
    main = results[0]
    trained, untrained = (played[main.scenario, name].ledgers for name in (agent, untrained_name(agent)))
    co2 = terms(trained).co2_kg - terms(untrained).co2_kg
    differences = paired_differences(trained, untrained, main.reference, match.settings.weights)
    return verdict(agent, differences, co2, main.judged_on)


def ledger_name(scenario: str, controller: str) -> str:
    """Name of a controller's ledger below the folder of the evaluation."""
    return f"{LEDGERS}/{scenario}/{controller}.parquet"


def _write_ledger(path: Path, stretches: Sequence[Stretch], ledgers: Sequence[Ledger]) -> str:
    """Hourly ledger of a controller over all stretches as one Parquet file; its digest."""
    frames = [ledger.frame.assign(window=s.name) for s, ledger in zip(stretches, ledgers, strict=True)]
    write_parquet(path, pd.concat(frames, ignore_index=True))
    return sha256_file(path)


def comparison(results: Sequence[ScenarioResult]) -> pd.DataFrame:
    """Rankings as one table, one row a scenario and controller; key figures by their names."""
    rows = [
        {
            "scenario": scenario.scenario,
            "rank": rank,
            "controller": r.controller,
            "kind": r.kind,
            **{figure.name: r.kpis[figure.name] for figure in all_kpis()},
            "reward_std": r.reward_std,
            "optimum_j": None if scenario.optimum is None else scenario.optimum.bound,
            "ev_kwh": r.ev_kwh,
            "charge_kwh": r.charge_kwh,
            "discharge_kwh": r.discharge_kwh,
            "departures": r.departures,
            "departures_met": r.departures_met,
            "departures_infeasible": r.infeasible,
            "hours": r.hours,
        }
        for scenario in results
        for rank, r in zip(ranks(scenario.ranking), scenario.ranking, strict=True)
    ]
    return pd.DataFrame(rows)
