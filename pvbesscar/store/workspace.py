"""Where every file of a project folder is: the one place that knows the paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from schemas.errors import ConfigError
from schemas.settings import AGENTS, Agent, Settings

SERVICE, SERVICE_LOCK = "service.json", "service.lock"
"""What `pvbesscar up` says of itself, and the lock that it holds while it lives; both in Prefect's home."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths below one project folder (see docs/files.md for what is in each).

    Parameters
    ----------
    root
        Folder that holds data/, checkpoints/ and outputs/.
    dataset_name
        Folder name of the CityLearn dataset.
    models
        Folder of the agents' checkpoints, metrics and locks, where it is not `root`.
    """

    root: Path
    dataset_name: str
    models: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Workspace:
        """Workspace that a scenario writes to.

        Raises
        ------
        ConfigError
            `data.root` can not be a folder, or a symbolic link in it leads the project's files out of it.
        """
        try:
            root = settings.data.root.resolve()
            here = root.exists()
            if here and not root.is_dir():
                raise ConfigError(f"`data.root`: {root} is no folder.", hint="set `data.root` to a folder.")
            workspace = cls(root, settings.data.dataset_name)
            workspace._check_inside()
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
            raise ConfigError(
                f"`data.root`: {settings.data.root} can not be used: {error}.", hint="set `data.root` to a folder."
            ) from error
        return workspace

    def _check_inside(self) -> None:
        """Refuse a symbolic link at a place of the project: what is written there would land outside the root."""
        agents = [self.checkpoints(agent) for agent in AGENTS] + [self.training(agent) for agent in AGENTS]
        places = [
            self.canonical, self.quality, self.dataset, self.certificate, *agents, self.evaluation, self.report,
            self.runs, self.lineage, self.promoted, self.start, self.fitted.parent, self.root / ".prefect",
        ]  # fmt: skip
        for place in places:
            if self.root not in place.resolve().parents:
                raise ConfigError(
                    f"{place} leads to {place.resolve()}, outside `data.root` ({self.root}): nothing is written there.",
                    hint="remove the symbolic link; to keep the project's files elsewhere set `data.root`.",
                )

    def with_models(self, folder: Path) -> Workspace:
        """Return the same project with its agents in a folder of their own."""
        return replace(self, models=folder)

    @property
    def _of_models(self) -> Path:
        return self.root if self.models is None else self.models

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

    def data_docs(self, subject: Literal["dataset", "results"]) -> Path:
        """Data Docs of the second reading of a dataset, or of the results of an evaluation."""
        return self.root / "outputs" / "data_docs" / subject

    @property
    def certificate(self) -> Path:
        """Parity certificate of that dataset, written by `certify`."""
        return self.root / "outputs" / "certificate" / "certificate.json"

    def checkpoints(self, agent: Agent) -> Path:
        """Folder of an agent's checkpoints and final model."""
        return self._of_models / "checkpoints" / agent.upper()

    def final_model(self, agent: Agent) -> Path:
        """Final model of an agent."""
        return self.checkpoints(agent) / f"{agent}_final_model.zip"

    @property
    def promoted(self) -> Path:
        """Models that may leave the project, one folder each, written by `models promote`."""
        return self.root / "checkpoints" / "promoted"

    def unfinished(self, agent: Agent) -> Path:
        """Folder of a training that has not ended: its state, checkpoints and TensorBoard files so far."""
        return self._of_models / "checkpoints" / "unfinished" / agent.upper()

    @property
    def start(self) -> Path:
        """Folder of what all trainings of a dataset begin from; made by the first that needs it."""
        return self._of_models / "checkpoints" / "start"

    def training(self, agent: Agent) -> Path:
        """Folder of an agent's training metrics and TensorBoard files."""
        return self._of_models / "outputs" / f"{agent}_training"

    def training_metrics(self, agent: Agent) -> Path:
        """Training metrics of an agent."""
        return self.training(agent) / f"{agent}_training_metrics.json"

    @property
    def evaluation(self) -> Path:
        """Evaluation report, table and ledgers."""
        return self.root / "outputs" / "evaluation"

    @property
    def mpc(self) -> Path:
        """What the MPC learned from the training scenarios, written by the first that needs it."""
        return self.root / "outputs" / "controllers" / "mpc.json"

    @property
    def plans(self) -> Path:
        """Perfect-foresight plans of the training scenarios, written by the first training that needs them."""
        return self.root / "outputs" / "controllers" / "plans.npz"

    @property
    def fitted(self) -> Path:
        """What controllers that are no agents learned from the training scenarios, written by `evaluate`."""
        return self.root / "outputs" / "controllers" / "fitted.json"

    def shadow(self, name: str) -> Path:
        """Folder of a shadow: its decisions, hours and days."""
        return self.root / "outputs" / "shadow" / name

    def study(self, name: str) -> Path:
        """Folder of a study: its models by seed, what was judged, and its result."""
        return self.root / "outputs" / "studies" / name

    @property
    def report(self) -> Path:
        """Folder of the published HTML page."""
        return self.root / "outputs" / "report"

    @property
    def lineage(self) -> Path:
        """What each stage left and had to do with, one file a stage."""
        return self.root / "outputs" / "lineage"

    @property
    def modules(self) -> Path:
        """What is known of the project's own modules, so that a process need not parse them again."""
        return self.lineage / "modules.json"

    def lock(self, what: str) -> Path:
        """Lock of something that only one process may do at a time: `run`, `train-sac`."""
        return self._of_models / "outputs" / "locks" / f"{what}.lock"

    def shared_lock(self, what: str) -> Path:
        """Lock of something that all share whose agents have folders of their own."""
        return self.root / "outputs" / "locks" / f"{what}.lock"

    @property
    def runs(self) -> Path:
        """One folder a run, with its manifest."""
        return self.root / "outputs" / "runs"
