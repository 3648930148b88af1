"""Where all agents of a dataset begin: the imitation and the validation marks, and the plans that regret is of.

One artifact under `checkpoints/start/`, made by the first training that needs it and read by the others, as long as
dataset, settings and code are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pvbesscar.agents.artifacts import versions
from pvbesscar.agents.imitation import imitate
from pvbesscar.agents.kept_arrays import Arrays, read_arrays, write_arrays
from pvbesscar.agents.plans import plans_of
from pvbesscar.agents.policies.plant_view import Actor, Numbers, PlantView
from pvbesscar.agents.watch import Marks, Watch
from pvbesscar.controllers.optimum import refusals
from pvbesscar.controllers.registry import MpcFit, fit_mpc
from pvbesscar.envs.regret import Plans
from pvbesscar.plant.data import PlantData
from pvbesscar.store.files import sha256_json
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.progress import OnProgress, Progress
from schemas.results import Result
from schemas.settings import Settings

CODE = ("pvbesscar.agents", "pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset", "pvbesscar.envs",
        "pvbesscar.plant")  # fmt: skip
PREFIX = "imitation-"
ACTOR = "actor."
"""Prefix of the imitation's parameters in the file."""


class StartCard(Result):
    """What a start belongs to; with any other value it is made again."""

    dataset: str
    training: tuple[str, ...]
    validation: tuple[str, ...]
    imitation: bool
    mpc: str | None
    """Digest of the MPC that is imitated; `None`: one fitted on these training years."""
    rounds: int
    hidden: tuple[int, ...]
    numbers: dict[str, Any]
    socket_units: int
    seed: int
    code: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """What the trainings of a dataset share.

    Attributes
    ----------
    actor
        Parameters of the imitation, `None` without one.
    plans
        Of the training years, `None` where the reward is the score's.
    marks
        Rule and bound on the validation years, `None` without such years or without a provable bound.
    """

    actor: dict[str, torch.Tensor] | None
    plans: Plans | None
    marks: Marks | None


NOTHING = Start(None, None, None)
"""On CityLearn itself: agents begin untrained and learn from the score."""


def start_of(
    settings: Settings,
    workspace: Workspace,
    profile: str,
    hidden: Sequence[int],
    numbers: Numbers,
    dataset: str,
    training: Sequence[PlantData],
    validation: Sequence[PlantData],
    on_progress: OnProgress | None = None,
    mpc: MpcFit | None = None,
) -> Start:
    """Read the start of a training, or make it where there is none that fits; others wait meanwhile.

    Parameters
    ----------
    hidden
        Hidden layers of the actor.
    numbers
        Of the plant, as the policies hold them: another unit of the target would make the imitation another policy.
    dataset
        Digest of the dataset that the years are of.
    training, validation
        Years to learn on and to be watched by.
    mpc
        What is imitated; default: the MPC fitted on the training years.

    Raises
    ------
    ControllerError
        The optimum is not provable for this plant.
    """
    own, rounds = settings.training, settings.profile(profile).imitation_rounds
    card = StartCard(
        dataset=dataset,
        training=tuple(year.digest for year in training),
        validation=tuple(year.digest for year in validation),
        imitation=own.imitation and own.policy == "import_target",
        mpc=None if mpc is None else sha256_json(mpc.model_dump(mode="json")),
        rounds=rounds,
        hidden=tuple(hidden),
        numbers=numbers._asdict(),
        socket_units=own.socket_units,
        seed=own.seed,
        code=code_digest(*CODE),
        versions=versions(),
    )
    teller = _Teller(card, own.reward == "regret", on_progress)
    plans = None
    if own.reward == "regret":
        plans = plans_of(training, dataset, workspace, teller.plan)
    path = workspace.start / f"{PREFIX}{sha256_json(card.model_dump(mode='json'))[:16]}.npz"
    with held(workspace.lock("start"), "the start of the trainings"):
        found = _read(path, card)
        if found is None:
            found = _make(card, training, validation, mpc, teller)
            _write(path, card, found)
    return replace(found, plans=plans)


class _Teller:
    """Says how much of a start is done.

    Without a time left: it would be that of this beginning, and of parts that take unlike times.
    """

    def __init__(self, card: StartCard, plans: bool, on_progress: OnProgress | None) -> None:
        self._years, self._on_progress = len(card.training), on_progress
        self._planned = self._years if plans else 0
        self._total = self._planned + (card.rounds + 2) * card.imitation + 1

    def tell(self, done: int, what: str) -> None:
        """Say what is being done, after so many parts."""
        if self._on_progress is not None:
            self._on_progress(Progress(done, self._total, 0.0, "parts of the start", what))

    def plan(self, done: int) -> None:
        """Say that the plan of the next year is made."""
        self.tell(done, f"perfect-foresight plan of {self._years} training years")

    def fit(self) -> None:
        """Say that the MPC is fitted."""
        self.tell(self._planned, "forecasts of the mpc that is imitated")

    def imitated(self, done: int, of: int) -> None:
        """Say that the imitation is in its next year."""
        self.tell(self._planned + 1 + done, f"imitation of the mpc, year {done + 1} of {of}")


def _make(
    card: StartCard,
    training: Sequence[PlantData],
    validation: Sequence[PlantData],
    mpc: MpcFit | None,
    teller: _Teller,
) -> Start:
    actor = None
    if card.imitation:
        torch.manual_seed(card.seed)
        made = Actor(PlantView(card.numbers), list(card.hidden), card.socket_units)
        if mpc is None:
            teller.fit()
            mpc = fit_mpc(training)
        imitate(made, training, mpc.controller, card.rounds, card.seed, teller.imitated)
        actor = {name: value.detach().clone() for name, value in made.state_dict().items()}
    marks = Watch(validation).marks() if validation and not refusals(training[0]) else None
    return Start(actor, None, marks)


def _write(path: Path, card: StartCard, start: Start) -> None:
    arrays: Arrays = {}
    if start.actor is not None:
        arrays |= {ACTOR + name: value.numpy() for name, value in start.actor.items()}
    if start.marks is not None:
        arrays["marks"] = np.array(start.marks)
    # Those of other datasets, settings or code serve nobody any more.
    for old in path.parent.glob("*.npz"):
        if old != path:
            old.unlink()
    write_arrays(path, card, arrays)


def _read(path: Path, card: StartCard) -> Start | None:
    """Start of a file; `None` where there is none that fits."""
    arrays = read_arrays(path, card)
    if arrays is None:
        return None
    weights = {name.removeprefix(ACTOR): torch.as_tensor(values) for name, values in arrays.items() if ACTOR in name}
    marks = Marks(*(float(value) for value in arrays["marks"])) if "marks" in arrays else None
    return Start(weights or None, None, marks)
