"""Result files that the report is made from, and for those that are missing or do not fit the dataset the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from pvbesscar.agents.artifacts import prove_dataset, read_metrics, validations_name
from pvbesscar.evaluation.evaluate import REPORT_FILE, ledger_name
from pvbesscar.plant.data import HOURLY_FILE, SESSIONS_FILE
from pvbesscar.quality.gate import PROVENANCE_FILE
from pvbesscar.quality.stage_contracts import require_ledger
from pvbesscar.remedies import in_full
from pvbesscar.store.dataset_manifest import MANIFEST_FILE
from pvbesscar.store.files import read_parquet, read_stored, sha256_file, sha256_json
from pvbesscar.store.workspace import Workspace
from schemas.errors import StaleError
from schemas.frames import HOURLY
from schemas.results import DatasetManifest, EvaluationReport, Provenance, QualityReport, TrainingMetrics
from schemas.settings import Agent, Settings

QUALITY_FILE = "quality_report.json"
"""End of the name of a file beside an agent's metrics: how it did on validation years, by steps."""
CURVE_COLUMNS = ("steps", "j", "gap_closed")

R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that belongs to the report, by its path in the workspace."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """All results that the page shows.

    Attributes
    ----------
    manifest, provenance, quality, evaluation
        Results, `None` where they are missing or do not belong to this dataset.
    training
        Metrics of each agent that was trained on this dataset.
    curves
        How each of them did on validation years while it was trained, where that was written down: `steps`, `j`,
        `gap_closed`.
    missing
        Missing results, with the reason.
    """

    settings: Settings
    workspace: Workspace
    profile: str
    manifest: DatasetManifest | None
    provenance: Provenance | None
    quality: QualityReport | None
    evaluation: EvaluationReport | None
    training: dict[Agent, TrainingMetrics]
    curves: dict[Agent, pd.DataFrame]
    missing: dict[str, str]

    def hourly(self) -> pd.DataFrame | None:
        """Hourly series of the dataset: `timestamp`, `pv_kwh`, `mall_kwh`, ..."""
        return None if self.manifest is None else read_parquet(self.workspace.dataset / HOURLY_FILE)

    def judged(self) -> dict[str, pd.DataFrame]:
        """Canonical hourly series that the gate judged, by name; none of another year, and none that was changed."""
        files = {} if self.provenance is None else self.provenance.files
        if self.quality is None or self.quality.canonical_digest != sha256_json(files):
            return {}
        paths = {name: self.workspace.canonical / f"{name}.parquet" for name in HOURLY if f"{name}.parquet" in files}
        return {
            name: read_parquet(path)
            for name, path in paths.items()
            if path.is_file() and sha256_file(path) == files[path.name]
        }

    def sessions(self) -> pd.DataFrame | None:
        """Sessions of the dataset."""
        return None if self.manifest is None else read_parquet(self.workspace.dataset / SESSIONS_FILE)

    def ledger(self, scenario: str, controller: str) -> pd.DataFrame | None:
        """Hourly ledger of a controller, `None` unless it is the evaluation's; `QualityError` if it is no ledger."""
        if self.evaluation is None:
            return None
        name = ledger_name(scenario, controller)
        path = self.workspace.evaluation / name
        if not path.is_file() or self.evaluation.files.get(name) != sha256_file(path):
            return None
        frame = read_parquet(path)
        require_ledger(frame, path)
        return frame

    def files(self) -> tuple[ListedFile, ...]:
        """Files of the run with their digests; the dataset's own are in its manifest."""
        ws = self.workspace
        folders = [ws.canonical, ws.quality, ws.evaluation]
        for agent in self.settings.training.agents:
            folders += [ws.checkpoints(agent), ws.training(agent)]
        paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        # Drafts of a run that goes on have names with a leading dot.
        paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(ws.root).parts)]
        manifest = ws.dataset / MANIFEST_FILE
        return tuple(_listed(path, ws.root) for path in [*([manifest] if manifest.is_file() else []), *paths])


def _listed(path: Path, root: Path) -> ListedFile:
    return ListedFile(path.relative_to(root).as_posix(), path.stat().st_size, sha256_file(path))


def read_inputs(settings: Settings, workspace: Workspace, profile: str, failures: Mapping[str, str]) -> ReportInputs:
    """Read the result files of a run; what is missing, unreadable or of another dataset is named with the reason."""
    missing = dict(failures)
    manifest = _manifest(settings, workspace, missing)
    digest = None if manifest is None else manifest.digest
    provenance = _read(Provenance, workspace.canonical / PROVENANCE_FILE, "provenance", workspace, missing)
    if provenance is not None and manifest is not None and sha256_json(provenance.files) != manifest.canonical_digest:
        missing["provenance"] = "it is of other canonical files than the dataset was built from."
        provenance = None
    quality = _read(QualityReport, workspace.quality / QUALITY_FILE, "quality report", workspace, missing)
    if quality is not None and manifest is not None and quality.canonical_digest != manifest.canonical_digest:
        missing["quality report"] = "it judges other canonical files than the dataset was built from."
        quality = None
    evaluation = _evaluation(workspace, profile, digest, missing)
    training: dict[Agent, TrainingMetrics] = {}
    for agent in settings.training.agents:
        metrics = read_metrics(agent, workspace)
        if metrics is None:
            missing.setdefault(agent, "no training metrics.")
        elif fault := _fault("training", "used", metrics, profile, digest):
            missing.setdefault(agent, fault)
        else:
            training[agent] = metrics
    curves = {agent: own for agent in training if (own := _curve(agent, workspace, missing)) is not None}
    return ReportInputs(
        settings, workspace, profile, manifest, provenance, quality, evaluation, training, curves, missing
    )


def _curve(agent: Agent, workspace: Workspace, missing: dict[str, str]) -> pd.DataFrame | None:
    """Validation of an agent by steps; `None` where none was written, or it can not be read as what it is."""
    path = workspace.training(agent) / validations_name(agent)
    if not path.is_file():
        return None
    frame = pd.read_csv(path)
    if absent := [name for name in CURVE_COLUMNS if name not in frame]:
        missing[f"{agent} validation"] = f"{path.relative_to(workspace.root)} has no column `{absent[0]}`."
        return None
    return frame


def _manifest(settings: Settings, workspace: Workspace, missing: dict[str, str]) -> DatasetManifest | None:
    try:
        return prove_dataset(settings, workspace)
    except StaleError as error:
        missing.setdefault("dataset", error.message)
        return None


def _read(kind: type[R], path: Path, what: str, workspace: Workspace, missing: dict[str, str]) -> R | None:
    where = path.relative_to(workspace.root)
    try:
        return kind.model_validate_json(read_stored(path))
    except FileNotFoundError:
        missing.setdefault(what, f"{where} does not exist.")
    except ValidationError as error:
        missing.setdefault(what, f"{where} can not be read as what it is ({error.error_count()} faults).")
    except StaleError as error:
        missing.setdefault(what, error.message)
    return None


def _evaluation(
    workspace: Workspace, profile: str, digest: str | None, missing: dict[str, str]
) -> EvaluationReport | None:
    found = _read(EvaluationReport, workspace.evaluation / REPORT_FILE, "evaluation", workspace, missing)
    if found is None:
        return None
    if fault := _fault("one", "judged", found, profile, digest):
        missing.setdefault("evaluation", fault)
        return None
    reasons = {name: in_full(reason) for name, reason in found.missing.items()}
    for name, reason in reasons.items():
        missing.setdefault(name, reason)
    return found.model_copy(update={"missing": reasons})


def _fault(
    what: str, verb: str, found: EvaluationReport | TrainingMetrics, profile: str, digest: str | None
) -> str | None:
    """Why results do not belong to this run, `None` where they do."""
    if digest is not None and found.dataset_digest != digest:
        return f"the {what} that is there {verb} another dataset ({found.dataset_digest[:12]})."
    if found.profile != profile:
        return f"the {what} that is there is of profile `{found.profile}`, not `{profile}`."
    return None
