"""Where every file of a project folder is: the one place that knows the paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.settings import Agent, Settings


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths below one project folder (see docs/files.md for what is in each).

    Parameters
    ----------
    root
        Folder that holds data/, checkpoints/ and outputs/.
    dataset_name
        Folder name of the CityLearn dataset.
    """

    root: Path
    dataset_name: str

    @classmethod
    def of(cls, settings: Settings) -> Workspace:
        """Workspace that a scenario writes to."""
        return cls(settings.data.root.resolve(), settings.data.dataset_name)

    @property
    def canonical(self) -> Path:
        """Canonical hourly Parquet and its provenance, written by `ingest`."""
        return self.root / "data" / "interim" / "canonical" / self.dataset_name

    @property
    def quality(self) -> Path:
        """Quality report, written by `validate`."""
        return self.root / "outputs" / "quality"

    @property
    def dataset(self) -> Path:
        """CityLearn dataset, written by `build`."""
        return self.root / "data" / "processed" / "citylearn" / self.dataset_name

    @property
    def certificate(self) -> Path:
        """Parity certificate of that dataset, written by `certify`."""
        return self.root / "outputs" / "certificate" / "certificate.json"

    def checkpoints(self, agent: Agent) -> Path:
        """Folder of an agent's checkpoints and final model."""
        return self.root / "checkpoints" / agent.upper()

    def final_model(self, agent: Agent) -> Path:
        """Final model of an agent."""
        return self.checkpoints(agent) / f"{agent}_final_model.zip"

    def unfinished(self, agent: Agent) -> Path:
        """Folder of a training that has not ended: its state, checkpoints and TensorBoard files so far."""
        return self.root / "checkpoints" / "unfinished" / agent.upper()

    def training(self, agent: Agent) -> Path:
        """Folder of an agent's training metrics and TensorBoard files."""
        return self.root / "outputs" / f"{agent}_training"

    def training_metrics(self, agent: Agent) -> Path:
        """Training metrics of an agent."""
        return self.training(agent) / f"{agent}_training_metrics.json"

    @property
    def evaluation(self) -> Path:
        """Evaluation report, table and ledgers."""
        return self.root / "outputs" / "evaluation"

    @property
    def fitted(self) -> Path:
        """What controllers that are no agents learned from the training scenarios, written by `evaluate`."""
        return self.root / "outputs" / "controllers" / "fitted.json"

    @property
    def report(self) -> Path:
        """Folder of the published HTML page."""
        return self.root / "outputs" / "report"

    def lock(self, what: str) -> Path:
        """Lock of something that only one process may do at a time: `run`, `train-sac`."""
        return self.root / "outputs" / "locks" / f"{what}.lock"

    @property
    def runs(self) -> Path:
        """One folder a run, with its manifest."""
        return self.root / "outputs" / "runs"
