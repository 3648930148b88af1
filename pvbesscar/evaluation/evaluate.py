"""The `evaluate` stage: simulate controllers on scenarios, and write report, comparison table and hourly ledgers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pvbesscar.agents.artifacts import prove_dataset
from pvbesscar.controllers import registry
from pvbesscar.controllers.kept import training_names
from pvbesscar.dataset.scenarios import NOMINAL, POOLS, ScenarioStore
from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.bound import Bound, reference_of
from pvbesscar.evaluation.cases import EvaluationCase, SimulatedCase
from pvbesscar.evaluation.courses import gap_parts
from pvbesscar.evaluation.fitting import fitted_for, is_fitted, kept_for
from pvbesscar.evaluation.front import optimum_cases, sweeps, trade_offs
from pvbesscar.evaluation.kpis import KPIS, ControllerRun
from pvbesscar.evaluation.parallel import (
    Bounds,
    EvaluationPlan,
    Results,
    simulate_all,
    simulate_here,
)
from pvbesscar.evaluation.ranking import controller_result, paired_differences, ranked, ranks, t_interval
from pvbesscar.evaluation.samples import Sample, samples_of
from pvbesscar.evaluation.score import left_out, score, terms
from pvbesscar.evaluation.service import ev_term, guard_cases
from pvbesscar.evaluation.specifications import ControllerSpec, specs_of, untrained_name
from pvbesscar.evaluation.verdicts import Difference, JudgedTraining, judged_on_set, judged_on_stretches, verdict
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.simulator import Simulator
from pvbesscar.quality.expectations.results import require_result_files
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.simulation.windows import Stretch, stretches_of, window_stretches
from pvbesscar.store.files import published_folder, sha256_file, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.progress import OnProgress
from schemas.results import ControllerResult, EvaluationReport, ScenarioResult, SetResult, TrainingVerdict
from schemas.settings import Agent, NominalOn, Settings

REPORT_FILE = "evaluation_report.json"
TABLE_FILE = "evaluation_comparison.csv"
LEDGERS = "ledgers"
MAX_WORKERS = 2
"""Processes that simulate at once; each may hold a CityLearn of its own, about 1 GB."""
SETS = (*POOLS, "perturbed")


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Controllers and scenarios to evaluate.

    Attributes
    ----------
    profile
        Profile that the agents were trained with; it decides what is left open here.
    controllers
        Names (see `known_names`); `None`: the profile's, and every agent of the scenario, trained and untrained.
    scenarios
        Sets of scenarios, or single scenarios; `None`: the profile's.
    nominal_on
        Simulator of the validated year, `None`: the profile's; drawn years always run on the twin.
    """

    profile: str
    controllers: tuple[str, ...] | None = None
    scenarios: tuple[str, ...] | None = None
    nominal_on: NominalOn | None = None

    def names(self, settings: Settings) -> tuple[str, ...]:
        """Names of the controllers to evaluate."""
        if self.controllers is not None:
            return self.controllers
        agents = [name for agent in settings.training.agents for name in (agent, untrained_name(agent))]
        return (*settings.profile(self.profile).controllers, *agents)

    def sets(self, settings: Settings) -> tuple[str, ...]:
        """Sets of scenarios to evaluate on."""
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
    """Evaluate controllers on the same hours of every scenario asked for.

    A model that is missing or belongs to another dataset or other settings is named in `missing`, with the reason.
    Report, table and hourly ledgers replace the earlier ones together, at the end.

    Parameters
    ----------
    profile
        `smoke`: the validation windows of the validated year; `full`: that year and the test scenarios.
    on_progress
        Receives the progress about once a second.
    request
        Controllers and scenarios instead of those of the profile.
    workers
        Processes that simulate; 1 simulates in this process. Default: two where there are two cores.

    Raises
    ------
    StaleError
        No dataset, or one of other settings.
    ConfigError
        No such controller or scenario.
    SimulationError
        A controller could not be simulated to the end.
    """
    prove_dataset(settings, workspace)
    if workers is None:
        workers = min(MAX_WORKERS, os.cpu_count() or 1)
    # Several processes fit beside what needs no fit.
    plan = plan_of(settings, workspace, request or EvaluationRequest(profile), on_progress, fit=workers == 1)
    simulated = simulate_here(plan, on_progress) if workers == 1 else simulate_all(plan, workers, on_progress)
    return publish_results(plan, *simulated)


def evaluate_on(
    simulator: Simulator,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
) -> EvaluationReport:
    """Evaluate on a simulator of the validated year that is loaded already, in this process; see `evaluate`."""
    plan = plan_of(settings, workspace, EvaluationRequest(profile), on_progress)
    return publish_results(plan, *simulate_here(plan, on_progress, simulator))


def plan_of(
    settings: Settings,
    workspace: Workspace,
    request: EvaluationRequest,
    on_progress: OnProgress | None,
    *,
    fit: bool = True,
) -> EvaluationPlan:
    """Plan an evaluation; with `fit`, controllers that learn from training years are fitted unless they are already."""
    store = ScenarioStore(workspace.dataset)
    sets = {which: store.names(which) for which in dict.fromkeys(request.sets(settings))}
    data = load_plant(workspace.dataset)
    specs, missing = specs_of(request.names(settings), settings, workspace, request.profile, data.digest)
    if fit:
        fitted = fitted_for(specs, settings, workspace, store, on_progress)
    else:
        learns = any(is_fitted(spec) for spec in specs)
        fitted = kept_for(settings, workspace, store) if learns and training_names(store) else None
    # The validated year first: tables begin with it, and CityLearn takes longest.
    ordered = sorted(dict.fromkeys(name for names in sets.values() for name in names), key=lambda n: n != NOMINAL)
    windows = window_stretches(store.windows(), settings.evaluation.window_hours)
    cases = tuple(_case(name, store.set_of(name), request, settings, data, windows) for name in ordered)
    variants = _variants(cases, settings, windows)
    return EvaluationPlan(settings, workspace, request.profile, cases, sets, specs, missing, fitted, variants)


def _variants(
    cases: Sequence[EvaluationCase], settings: Settings, windows: tuple[Stretch, ...]
) -> tuple[EvaluationCase, ...]:
    """Variants of the validated year, where it is judged: other weights, and the departure guard on and off."""
    if not cases or cases[0].scenario != NOMINAL:
        return ()
    return (*optimum_cases(cases[0], settings.weights), *guard_cases(NOMINAL, cases[0].scenario_set, windows))


def _case(
    scenario: str,
    scenario_set: str,
    request: EvaluationRequest,
    settings: Settings,
    nominal: PlantData,
    windows: tuple[Stretch, ...],
) -> EvaluationCase:
    if scenario != NOMINAL:
        return EvaluationCase(scenario, scenario_set, "twin", (Stretch("year", 0, nominal.hours),))
    profile = settings.profile(request.profile)
    stretches = stretches_of(profile.evaluate_on if request.scenarios is None else "year", windows, nominal)
    simulated_on = request.nominal_on or profile.nominal_on
    if simulated_on == "both":
        return EvaluationCase(scenario, scenario_set, "twin", stretches, windows)
    return EvaluationCase(scenario, scenario_set, simulated_on, stretches)


def publish_results(plan: EvaluationPlan, simulated: Results, bounds: Bounds) -> EvaluationReport:
    """Write report, table and ledgers; they replace the earlier ones together."""
    store = ScenarioStore(plan.workspace.dataset)
    nominal = load_plant(plan.workspace.dataset)
    samples = samples_of(plan, store, simulated, bounds)
    with published_folder(plan.workspace.evaluation) as draft:
        files: dict[str, str] = {}
        results = []
        for case in plan.cases:
            data = nominal if case.scenario == NOMINAL else store.load(case.scenario)
            by_name = {spec.name: simulated[case.scenario, spec.name] for spec in plan.specs}
            own = _Judged(by_name, bounds[case.scenario], samples.get(case.scenario))
            results.append(_scenario_result(draft, plan, case, data, own, files))
        sets = _set_results(plan, results, samples)
        write_text(draft / TABLE_FILE, comparison(results).to_csv(index=False, lineterminator="\n"))
        files[TABLE_FILE] = sha256_file(draft / TABLE_FILE)
        report = EvaluationReport(
            **_of_the_validated_year(plan, results[0], nominal, simulated, bounds),
            scenario=plan.settings.name,
            profile=plan.profile,
            mode="bidirectional" if nominal.params.bidirectional else "dispatch",
            guard=nominal.params.departure_guard,
            forecast=nominal.forecast_kind,
            dataset_digest=nominal.digest,
            scenarios=tuple(results),
            sets=sets,
            missing=plan.missing,
            verdicts=_training_verdicts(plan, results, simulated, sets, samples),
            nearness=store.nearness(),
            files=files,
        )
        write_text(draft / REPORT_FILE, report.model_dump_json(indent=2) + "\n")
        if plan.settings.quality.second_reading:
            require_result_files(draft, plan.settings, plan.workspace.data_docs("results"))
    return report


def _of_the_validated_year(
    plan: EvaluationPlan, judged: ScenarioResult, data: PlantData, simulated: Results, bounds: Bounds
) -> dict[str, Any]:
    """Parts of the report that only the validated year has, where it is judged: by name."""
    if not plan.variants:
        return {}
    case, weights = plan.cases[0], plan.settings.weights
    solved = {name: bounds[f"{case.key}, {name}"] for name in sweeps(weights)}
    guards = [own for own in plan.variants if own.variant is not None and own.variant.guard is not None]
    no_control = simulated[case.key, registry.NO_CONTROL].ledgers
    return {
        "trade_offs": trade_offs(judged, weights, solved, no_control),
        "ev_term": ev_term(judged, case.stretches, guards, simulated, data, weights),
    }


@dataclass(frozen=True, slots=True)
class _Judged:
    """Simulated controllers of one case, its optimum, and what its days add to J where it is resampled by itself."""

    simulated: dict[str, SimulatedCase]
    bound: Bound
    sample: Sample | None


def _scenario_result(
    draft: Path, plan: EvaluationPlan, case: EvaluationCase, data: PlantData, judged: _Judged, files: dict[str, str]
) -> ScenarioResult:
    """Figures of all controllers on one case; their ledgers are written to `draft` and their digests to `files`."""
    simulated, bound = judged.simulated, judged.bound
    reference, weights = reference_of(data, case.stretches), plan.settings.weights
    no_control, rule = (terms(simulated[name].ledgers) for name in (registry.NO_CONTROL, registry.RULE))
    no_control_j, rule_j = (score(own, reference, weights) for own in (no_control, rule))
    optimum_j, replay_j = (None, None) if bound.result is None else (bound.result.bound, bound.result.replay)
    avoided = plan.settings.grid.avoided_fuel_kg_per_kwh
    usable_kwh = data.params.bess_kwh * data.params.bess_depth_of_discharge

    def write_ledger(controller: str, ledgers: Sequence[Ledger]) -> str:
        name = ledger_name(case.scenario, controller)
        frames = [ledger.frame.assign(window=s.name) for s, ledger in zip(case.stretches, ledgers, strict=True)]
        write_parquet(draft / name, pd.concat(frames, ignore_index=True))
        files[name] = sha256_file(draft / name)
        return files[name]

    def result(spec: ControllerSpec) -> ControllerResult:
        done = simulated[spec.name]
        digest = write_ledger(spec.name, done.ledgers)
        against = (no_control_j, optimum_j, rule_j, replay_j)
        run = ControllerRun(done.ledgers, reference, weights, usable_kwh, avoided, *against)
        return controller_result(spec, run, digest, done.citylearn, judged.sample)

    if bound.ledgers:
        write_ledger(registry.OPTIMUM, bound.ledgers)
    return ScenarioResult(
        scenario=case.scenario,
        simulator=case.simulator,
        digest=data.digest,
        judged_on=tuple(stretch.name for stretch in case.stretches),
        reference=reference,
        terms_left_out=left_out(reference),
        optimum=bound.result,
        optimum_refused=bound.refused,
        gap_parts=() if bound.result is None else gap_parts(rule, bound.result.terms, reference, weights),
        ranking=ranked([result(spec) for spec in plan.specs]),
    )


def _set_results(
    plan: EvaluationPlan, results: Sequence[ScenarioResult], samples: dict[str, Sample | None]
) -> tuple[SetResult, ...]:
    by_name = {result.scenario: result for result in results}
    return tuple(
        set_result(which, [by_name[n] for n in names], samples.get(which))
        for which, names in plan.sets.items()
        if which in SETS
    )


def _training_verdicts(
    plan: EvaluationPlan,
    results: Sequence[ScenarioResult],
    simulated: Results,
    sets: Sequence[SetResult],
    samples: dict[str, Sample | None],
) -> tuple[TrainingVerdict, ...]:
    """Each trained agent against its untrained self and the rule.

    On the test scenarios where there are some, for agents may have been trained on weeks of the validated year; else
    on the first scenario.
    """
    names = {spec.name for spec in plan.specs}
    agents = [spec.agent for spec in plan.specs if spec.kind == "agent" and spec.agent is not None]
    tests = next((own for own in sets if own.name == "test"), None)
    return tuple(
        verdict(
            agent,
            judged_on_set(agent, tests, samples["test"])
            if tests is not None
            else _judged_on_stretches(agent, plan, results[0], simulated),
        )
        for agent in agents
        if untrained_name(agent) in names
    )


def _judged_on_stretches(
    agent: Agent, plan: EvaluationPlan, result: ScenarioResult, simulated: Results
) -> JudgedTraining:
    trained, untrained, rule = (
        simulated[result.scenario, name].ledgers for name in (agent, untrained_name(agent), registry.RULE)
    )
    against = [
        paired_differences(trained, other, result.reference, plan.settings.weights) for other in (untrained, rule)
    ]
    return judged_on_stretches(agent, result, [Difference(float(d.mean()), t_interval(d)) for d in against])


def ledger_name(scenario: str, controller: str) -> str:
    """Name of a controller's ledger below the folder of the evaluation."""
    return f"{LEDGERS}/{scenario}/{controller}.parquet"


def comparison(results: Sequence[ScenarioResult]) -> pd.DataFrame:
    """Rankings as one table, one row a scenario and controller; KPIs by their names."""
    counts = ("ev_kwh", "charge_kwh", "discharge_kwh", "departures", "departures_met")
    rows = [
        {
            "scenario": scenario.scenario,
            "rank": rank,
            **r.model_dump(include={"controller", "kind"}),
            **{kpi.name: r.kpis[kpi.name] for kpi in KPIS},
            **dict(zip(("gap_closed_low", "gap_closed_high"), r.gap_interval or (None, None), strict=True)),
            "reward_std": r.reward_std,
            "optimum_j": None if scenario.optimum is None else scenario.optimum.bound,
            **{name: getattr(r, name) for name in counts},
            "departures_infeasible": r.infeasible,
            "hours": r.hours,
        }
        for scenario in results
        for rank, r in zip(ranks(scenario.ranking), scenario.ranking, strict=True)
    ]
    return pd.DataFrame(rows)
