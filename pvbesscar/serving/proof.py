"""The proof that what is served is what was evaluated: model, dataset, certificate and evaluation belong together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pvbesscar import plant
from pvbesscar.agents.artifacts import model_fault, prove_dataset
from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.registry import Fitted
from pvbesscar.dataset.scenarios import NOMINAL, ScenarioStore
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.evaluation.fitting import kept_for
from pvbesscar.evaluation.model_folder import CARD_FILE, open_model, require_site
from pvbesscar.evaluation.specifications import ControllerSpec, controller_of, specification
from pvbesscar.plant.certificate import require_certificate
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from pvbesscar.store.dataset_manifest import MANIFEST_FILE
from pvbesscar.store.files import read_model, read_parquet, sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import Identity
from schemas.errors import ControllerError, StaleError
from schemas.results import EvaluationReport
from schemas.settings import Settings

REPLAYED_HOURS = 48
"""First hours of the evaluation that are simulated again."""
SAME_KWH = 1e-3
"""Difference of an hour's energy that is rounding: policies sum in single precision, each processor in its order."""
REPLAYED = ("charge_kwh", "discharge_kwh", "ev_kwh", "import_kwh", "export_kwh")
_HINDSIGHT = frozenset({registry.OPTIMUM, registry.MPC_PERFECT_DAY})


@dataclass(frozen=True, slots=True)
class Proven:
    """A controller that was evaluated, and what that rests on."""

    identity: Identity
    data: PlantData
    controller: Controller
    fitted: Fitted | None
    score: float
    rule_score: float
    watch: Watch


@dataclass(slots=True)
class Watch:
    """Files that the proof rests on: whether they are still what was proven.

    Attributes
    ----------
    files
        Digest of each file, as it was proven.
    """

    files: dict[Path, str]
    _stats: dict[Path, tuple[int, int, int]] = field(default_factory=dict)
    _faults: dict[Path, str] = field(default_factory=dict)

    def fault(self) -> str | None:
        """Why the proof does not hold any more, `None` where it does; a file is read only where it was touched."""
        for path, digest in self.files.items():
            try:
                stat = os.stat(path)  # noqa: PTH116, a Path costs three times as much, and this runs with requests
                seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                if self._stats.get(path) == seen:
                    continue
                same = sha256_file(path) == digest
            except OSError as error:
                self._stats.pop(path, None)
                self._faults[path] = f"{path.name} can not be read: {error.strerror}"
                continue
            self._stats[path] = seen
            if same:
                self._faults.pop(path, None)
            else:
                self._faults[path] = f"{path.name} is not the file that was evaluated"
        return "; ".join(self._faults.values()) or None


def refuse_unfit(name: str) -> None:
    """Refuse controllers that no site can have."""
    if name in _HINDSIGHT:
        raise ControllerError(
            f"`{name}` knows hours that are still to come: it can be evaluated, not served.",
            hint=f"serve `{registry.MPC}`, which plans with forecasts.",
        )
    if name == registry.RANDOM or name.endswith("-untrained"):
        raise ControllerError(f"`{name}` is a yardstick of evaluations.", hint="serve a controller that decides.")


def prove(spec: ControllerSpec, settings: Settings, workspace: Workspace) -> Proven:
    """Load a controller that was evaluated on the dataset that there is now.

    Digests prove that the files belong together; the first hours of its evaluation are simulated again, and must come
    out as they stand in the ledger.

    Raises
    ------
    StaleError
        A file is missing, or they do not belong together.
    ControllerError
        The controller needs hindsight, or decides otherwise than in its evaluation.
    """
    refuse_unfit(spec.name)
    manifest = prove_dataset(settings, workspace)
    require_certificate(workspace)
    report = _report(workspace, manifest.digest)
    judged = {result.controller: result.score for result in report.main.ranking}
    again = f"run `pvbesscar evaluate --controller {spec.name}`."
    if spec.name not in judged:
        why = report.missing.get(spec.name, "it is not in its tables")
        raise StaleError(f"`{spec.name}` is not among what {workspace.evaluation} judged: {why}.", hint=again)
    files = [workspace.dataset / MANIFEST_FILE, workspace.certificate, workspace.evaluation / REPORT_FILE]
    store, fitted, model = ScenarioStore(workspace.dataset), None, None
    if spec.agent is not None:
        fault = model_fault(spec.agent, settings, workspace, report.profile, manifest.digest)
        if fault is not None:
            raise StaleError(f"`{spec.name}`: {fault}", hint="train and evaluate the agent again.")
        model = workspace.final_model(spec.agent)
        files += [model, workspace.training_metrics(spec.agent)]
    elif registry.needs_fit(spec.name):
        fitted, model = kept_for(settings, workspace, store), workspace.fitted
        if fitted is None:
            raise StaleError(f"{model}: not what an evaluation on this dataset has fitted.", hint=again)
        files.append(model)
    data = load_plant(workspace.dataset)
    digests = {path: sha256_file(path) for path in files}
    judged_on = data if report.main.scenario == NOMINAL else store.load(report.main.scenario)
    simulator = Twin(judged_on)
    controller = controller_of(spec, settings, workspace, report.profile, simulator, fitted)
    _replay(controller, simulator, workspace, report)
    identity = Identity(
        controller=spec.name,
        kind="agent" if spec.agent is not None else "constant" if spec.kind == "constant" else "baseline",
        scenario=settings.name,
        mode=report.mode,
        model_sha256=None if model is None else digests[model],
        dataset_digest=manifest.digest,
        certificate_sha256=digests[workspace.certificate],
        evaluation_sha256=digests[workspace.evaluation / REPORT_FILE],
        plant_code=plant.code_digest(),
    )
    return Proven(identity, data, controller, fitted, judged[spec.name], judged[registry.RULE], Watch(digests))


def prove_model(folder: Path, settings: Settings, workspace: Workspace) -> Proven:
    """Load a promoted model that was judged on the dataset that there is now, from what its folder holds.

    Raises
    ------
    StaleError
        A file is not what was promoted, or the dataset, the tariff or the code is another one.
    ControllerError
        The model decides otherwise than in its evaluation.
    """
    promoted = open_model(folder)
    places = require_site(promoted, settings, workspace)
    # What a site would train with now is no matter of a model that is trained.
    own = settings.model_copy(update={"training": promoted.settings.training})
    proven = prove(specification(promoted.facts.agent), own, places)
    card = places.root / CARD_FILE
    proven.watch.files |= {places.root / path.relative_to(folder): digest for path, digest in promoted.files.items()}
    identity = proven.identity.model_copy(update={"card_sha256": proven.watch.files[card]})
    return replace(proven, identity=identity)


def _report(workspace: Workspace, dataset_digest: str) -> EvaluationReport:
    path = workspace.evaluation / REPORT_FILE
    hint = "run `pvbesscar evaluate`."
    report = read_model(
        path, EvaluationReport, missing="nothing was evaluated, and only what was is served",
        wrong="no evaluation report", hint=hint,
    )  # fmt: skip
    if report.dataset_digest != dataset_digest:
        raise StaleError(
            f"{path}: of another dataset ({report.dataset_digest[:12]}, now {dataset_digest[:12]}).", hint=hint
        )
    return report


def _replay(controller: Controller, simulator: Twin, workspace: Workspace, report: EvaluationReport) -> None:
    """Simulate the first hours of an evaluation again, and hold them against its ledger."""
    name = ledger_name(report.main.scenario, controller.name)
    path = workspace.evaluation / name
    if not path.is_file() or sha256_file(path) != report.files.get(name):
        raise StaleError(f"{path}: missing, or not the ledger of the evaluation.", hint="run `pvbesscar evaluate`.")
    before = read_parquet(path)
    start = int(before["t"].iloc[0])
    # Windows stand one behind the other in a ledger: only hours in a row are one stretch.
    follows = np.flatnonzero(np.diff(before["t"].to_numpy()) != 1)
    hours = min(REPLAYED_HOURS, int(follows[0]) + 1 if follows.size else len(before))
    now = rollout(simulator, controller, start, hours).frame
    apart = (now[list(REPLAYED)] - before[list(REPLAYED)].iloc[:hours]).abs()
    if not (apart <= SAME_KWH).all(axis=None):
        worst = str(apart.max().idxmax())
        t = start + int(apart[worst].to_numpy().argmax())
        raise ControllerError(
            f"`{controller.name}` decides otherwise than in its evaluation: hour {t}, `{worst}` is "
            f"{apart[worst].max():.3f} kWh apart.",
            hint="evaluate it again: `pvbesscar evaluate --controller` with its name.",
        )
