"""The `evaluate` stage: every controller on the same hours of the real CityLearn, ranked by J."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any

import pandas as pd

from pvbesscar.agents.artifacts import model_fault, prove_dataset
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import ConstantAction, NoControl, Rule
from pvbesscar.controllers.policy import PolicyController
from pvbesscar.evaluation.judge import Contestant, controller_result, ranked, ranks, untrained_name, verdict
from pvbesscar.evaluation.rollout import Ledger, rollout
from pvbesscar.evaluation.score import TERM_FIELDS, left_out, reference_terms
from pvbesscar.evaluation.windows import Stretch, required_kwh, stretches_of
from pvbesscar.lineage.files import published_folder, sha256_file, write_parquet, write_text
from pvbesscar.lineage.workspace import Workspace
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.simulator import Simulator
from schemas.errors import SimulationError
from schemas.progress import OnProgress, Progress
from schemas.results import ControllerResult, EvaluationReport, ScoreTerms
from schemas.settings import Settings

REPORT_FILE = "evaluation_report.json"
TABLE_FILE = "evaluation_comparison.csv"
LEDGERS = "ledgers"
NO_CONTROL, RULE, CONSTANT = NoControl().name, Rule().name, ConstantAction(1.0).name
MAX_WORKERS = 2
"""Processes that simulate at once; each holds a CityLearn of its own, about 1 GB."""

STOPPED = -1
"""Count of hours that tells workers to end."""

Ledgers = dict[str, list[Ledger]]
CountHour = Callable[[], None]


def evaluate(
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
    *,
    workers: int | None = None,
) -> EvaluationReport:
    """Judge baselines, trained agents and their untrained selves on the same hours.

    A model that is missing or belongs to another dataset or other settings is named in `missing`, with the reason.
    Report, table and hourly ledgers replace the earlier ones together, at the end.

    Parameters
    ----------
    profile
        `smoke`: on the validation windows; `full`: on the whole year.
    on_progress
        Told how many hours are simulated, about once a second.
    workers
        Processes that simulate; one simulates in this process. Default: two where there are two cores.

    Raises
    ------
    StaleError
        No dataset, or one of other settings.
    SimulationError
        A controller could not be simulated to the end.
    """
    prove_dataset(settings, workspace)
    data = load_plant(workspace.dataset)
    match = Match.of(settings, workspace, profile, data)
    if workers is None:
        workers = min(MAX_WORKERS, os.cpu_count() or 1)
    ledgers = (
        match.play_here(CityLearnSim(workspace.dataset), on_progress)
        if workers == 1
        else match.play(workers, on_progress)
    )
    return publish_results(match, data, ledgers)


def evaluate_on(
    simulator: Simulator,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
) -> EvaluationReport:
    """Judge on a simulator that is loaded already, in this process; see `evaluate`."""
    match = Match.of(settings, workspace, profile, simulator.data)
    return publish_results(match, simulator.data, match.play_here(simulator, on_progress))


def contestants_of(
    settings: Settings, workspace: Workspace, profile: str, dataset_digest: str
) -> tuple[tuple[Contestant, ...], dict[str, str]]:
    """Controllers that can be judged, and those that can not, with the reason."""
    able = [Contestant(NO_CONTROL, "baseline"), Contestant(RULE, "baseline"), Contestant(CONSTANT, "constant")]
    missing: dict[str, str] = {}
    for agent in settings.training.agents:
        fault = model_fault(agent, settings, workspace, profile, dataset_digest)
        if fault is None:
            able.append(Contestant(agent, "agent", agent))
        else:
            missing[agent] = fault
        able.append(Contestant(untrained_name(agent), "untrained", agent))
    return tuple(able), missing


@dataclass(frozen=True, slots=True)
class Match:
    """Who is judged on which hours; travels to the worker processes."""

    settings: Settings
    workspace: Workspace
    profile: str
    stretches: tuple[Stretch, ...]
    contestants: tuple[Contestant, ...]
    missing: dict[str, str]

    @classmethod
    def of(cls, settings: Settings, workspace: Workspace, profile: str, data: PlantData) -> Match:
        """Match of a profile: its hours, and everyone who can be judged on them."""
        stretches = stretches_of(settings.profile(profile).evaluate_on, settings.evaluation.windows, data)
        contestants, missing = contestants_of(settings, workspace, profile, data.digest)
        return cls(settings, workspace, profile, stretches, contestants, missing)

    @property
    def hours(self) -> int:
        """Hours to simulate, over all controllers."""
        return len(self.contestants) * sum(stretch.hours for stretch in self.stretches)

    def ledgers_of(self, contestant: Contestant, simulator: Simulator, count_hour: CountHour) -> list[Ledger]:
        """Ledgers of one controller, one a stretch."""
        controller = self._controller(contestant, simulator)
        return [
            rollout(simulator, controller, stretch.start, stretch.hours, lambda _done: count_hour())
            for stretch in self.stretches
        ]

    def _controller(self, contestant: Contestant, simulator: Simulator) -> Controller:
        if contestant.agent is None:
            baselines: dict[str, Controller] = {NO_CONTROL: NoControl(), RULE: Rule(), CONSTANT: ConstantAction(1.0)}
            return baselines[contestant.name]
        # The learning libraries take 4 s to import, and only agents need them.
        import torch  # noqa: PLC0415

        from pvbesscar.agents.factory import load_agent, make_agent  # noqa: PLC0415
        from pvbesscar.envs.plant_env import PlantEnv  # noqa: PLC0415

        torch.set_num_threads(1)
        if contestant.kind == "agent":
            model = load_agent(contestant.agent, self.workspace.final_model(contestant.agent))
        else:
            hours = self.settings.profile(self.profile).episode_hours
            model = make_agent(contestant.agent, self.settings, PlantEnv(simulator, episode_hours=hours))
        return PolicyController(contestant.name, model)

    def play_here(self, simulator: Simulator, on_progress: OnProgress | None) -> Ledgers:
        """Ledgers of all controllers, one after another on one simulator."""
        teller = _Teller(self.hours, on_progress)
        return {c.name: self.ledgers_of(c, simulator, teller.count_hour) for c in self.contestants}

    def play(self, workers: int, on_progress: OnProgress | None) -> Ledgers:
        """Ledgers of all controllers, from worker processes that each load CityLearn once."""
        # Spawned, not forked: a fork of a process with torch's or Prefect's threads may hang.
        context = multiprocessing.get_context("spawn")
        counter = context.Value("q", 0)
        teller = _Teller(self.hours, on_progress)
        with ProcessPoolExecutor(workers, context, _enter, (self.workspace.dataset, counter)) as pool:
            futures = {pool.submit(_play_one, self, contestant): contestant for contestant in self.contestants}
            try:
                _await(futures, teller, counter)
            except BaseException:
                # Leaving the pool waits for what runs; the others stop at their next hour instead of their last.
                counter.value = STOPPED
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return {contestant.name: future.result() for future, contestant in futures.items()}


class _Teller:
    """Tells how many hours are done, at most once a second."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self.total, self.on_progress = total, on_progress
        self.done = 0
        self.began = self.told = time.monotonic()

    def count_hour(self) -> None:
        self.tell(self.done + 1)

    def tell(self, done: int) -> None:
        self.done, now = done, time.monotonic()
        if self.on_progress is not None and (now - self.told >= 1.0 or done == self.total):
            self.told = now
            message = "hours simulated" if done else "loading CityLearn"
            self.on_progress(Progress(done, self.total, done / max(now - self.began, 1e-9), message))


def _await(futures: dict[Future[list[Ledger]], Contestant], teller: _Teller, counter: Any) -> None:  # noqa: ANN401
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=1.0)
        teller.tell(counter.value)
        for future in ended:
            try:
                future.result()
            except BrokenProcessPool as error:
                raise SimulationError(
                    f"a worker process died while `{futures[future].name}` was judged; nothing was published.",
                    hint="it was killed, most often for memory (1 GB a worker): free some, and evaluate again.",
                ) from error


_simulator: Simulator | None = None
_counter: Any = None


def _enter(dataset: Path, counter: Any) -> None:  # noqa: ANN401
    global _simulator, _counter
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _simulator, _counter = CityLearnSim(dataset), counter


def _end_with_parent() -> None:
    # A killed parent would leave its workers waiting for work for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)


def _count_hour() -> None:
    with _counter.get_lock():
        if _counter.value == STOPPED:
            raise SimulationError("stopped, for another controller could not be simulated.")
        _counter.value += 1


def _play_one(match: Match, contestant: Contestant) -> list[Ledger]:
    assert _simulator is not None
    return match.ledgers_of(contestant, _simulator, _count_hour)


def publish_results(match: Match, data: PlantData, ledgers: Ledgers) -> EvaluationReport:
    """Write report, table and ledgers; they replace the earlier ones together."""
    required = sum(required_kwh(data, stretch) for stretch in match.stretches)
    reference = reference_terms(ledgers[NO_CONTROL], required)
    with published_folder(match.workspace.evaluation) as draft:
        digests = {name: _write_ledger(draft, name, match.stretches, own) for name, own in ledgers.items()}
        weights = match.settings.weights
        results = ranked(
            [controller_result(c, ledgers[c.name], reference, weights, digests[c.name]) for c in match.contestants]
        )
        write_text(draft / TABLE_FILE, comparison(results).to_csv(index=False, lineterminator="\n"))
        files = {_ledger_name(name): digest for name, digest in digests.items()}
        report = _report(
            match, data, ledgers, results, reference, files | {TABLE_FILE: sha256_file(draft / TABLE_FILE)}
        )
        write_text(draft / REPORT_FILE, report.model_dump_json(indent=2) + "\n")
    return report


def _report(
    match: Match,
    data: PlantData,
    ledgers: Ledgers,
    results: tuple[ControllerResult, ...],
    reference: ScoreTerms,
    files: dict[str, str],
) -> EvaluationReport:
    agents = [c.agent for c in match.contestants if c.kind == "agent" and c.agent is not None]
    return EvaluationReport(
        scenario=match.settings.name,
        profile=match.profile,
        mode="bidirectional" if data.params.bidirectional else "dispatch",
        simulator="citylearn",
        guard=data.params.departure_guard,
        forecast=data.forecast_kind,
        dataset_digest=data.digest,
        judged_on=tuple(stretch.name for stretch in match.stretches),
        ranking=results,
        missing=match.missing,
        verdicts=tuple(verdict(agent, ledgers, reference, match.settings.weights) for agent in agents),
        reference=reference,
        terms_left_out=left_out(reference),
        files=files,
    )


def _ledger_name(controller: str) -> str:
    return f"{LEDGERS}/{controller}.parquet"


def _write_ledger(folder: Path, controller: str, stretches: Sequence[Stretch], ledgers: Sequence[Ledger]) -> str:
    """Hourly ledger of a controller over all stretches as one Parquet file; its digest."""
    frames = [ledger.frame.assign(window=s.name) for s, ledger in zip(stretches, ledgers, strict=True)]
    path = folder / _ledger_name(controller)
    write_parquet(path, pd.concat(frames, ignore_index=True))
    return sha256_file(path)


def comparison(results: Sequence[ControllerResult]) -> pd.DataFrame:
    """Ranking as a table, one row a controller, units in the names of the columns."""
    rows = [
        {
            "rank": rank,
            "controller": r.controller,
            "kind": r.kind,
            "score_j": r.score,
            **{name: getattr(r.terms, name) for name in TERM_FIELDS},
            "mean_reward": r.mean_reward,
            "reward_std": r.reward_std,
            "import_kwh": r.import_kwh,
            "export_kwh": r.export_kwh,
            "ev_kwh": r.ev_kwh,
            "departures": r.departures,
            "departures_met": r.departures_met,
            "departures_infeasible": r.infeasible,
            "hours": r.hours,
        }
        for rank, r in zip(ranks(results), results, strict=True)
    ]
    return pd.DataFrame(rows)
