"""Callback of a training: checkpoints, training curve, progress, and an error at the first NaN."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from pvbesscar.agents.artifacts import ModelCard, checkpoint_name
from pvbesscar.agents.factory import judged
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.import_target_sac import SacImportTargetPolicy
from pvbesscar.agents.watch import Marks, Watch
from pvbesscar.store.files import atomic_path, sha256_file, write_text
from schemas.errors import TrainingError
from schemas.progress import OnProgress, ProgressReporter
from schemas.results import Validation
from schemas.settings import Agent

CURVE_STEPS = 168
"""Least steps that one point of the training curve is the mean of: a week of one plant."""
VOLATILE_ATTRIBUTES = ("start_time", "ep_info_buffer", "ep_success_buffer", "_num_timesteps_at_start")
"""Attributes of an agent that differ after a resumed training; a saved model holds none of them."""
ATTRIBUTES, SYSTEM_INFO = "data", "system_info.txt"
"""Entries of a saved model: its attributes as JSON, and the machine, on which no model depends."""
PICKLED = (":type:", ":serialized:")
"""Keys of a pickled attribute that loading reads."""

Card = Callable[[int, str], ModelCard]
"""Makes the sidecar of a model from its steps and digest."""
Keep = Callable[["TrainingCallback"], None]
"""Called after each update, when the state of a training may be kept."""


def save_model(model: BaseAlgorithm, path: Path, card: Card) -> ModelCard:
    """Save a model and its sidecar (`.json`), each whole or not at all; equal models are equal files."""
    saved = io.BytesIO()
    model.save(saved, exclude=VOLATILE_ATTRIBUTES)
    with atomic_path(path) as temporary, zipfile.ZipFile(saved) as before, zipfile.ZipFile(temporary, "w") as now:
        for name in before.namelist():
            if name != SYSTEM_INFO:
                content = before.read(name)
                # A new `ZipInfo` has no time of writing.
                now.writestr(zipfile.ZipInfo(name), _without_addresses(content) if name == ATTRIBUTES else content)
    made = card(model.num_timesteps, sha256_file(path))
    write_text(path.with_suffix(".json"), made.model_dump_json(indent=2) + "\n")
    return made


def _without_addresses(attributes: bytes) -> bytes:
    """Leave out the texts that Stable-Baselines3 adds to pickled objects: they hold addresses in memory."""
    bare = json.loads(attributes)
    for name, value in bare.items():
        if isinstance(value, dict) and set(PICKLED) <= value.keys():
            bare[name] = {kind: value[kind] for kind in PICKLED}
    return json.dumps(bare, indent=1).encode()


def faulty_parameters(model: BaseAlgorithm) -> list[str]:
    """Names of the policy's parameters that hold NaN or infinity."""
    return [name for name, value in model.policy.named_parameters() if not bool(torch.isfinite(value).all())]


def diverged(agent: Agent, steps: int, what: str) -> TrainingError:
    """Build the error of a training that ran into NaN."""
    return TrainingError(
        f"{agent.upper()}: {what} is NaN or infinite after {steps:,} steps; nothing of this training is kept.",
        hint=f"lower `training.{agent}.learning_rate`, or take another `training.seed`.",
    )


class Validator:
    """Looks at the validation years every so many steps, and keeps the model that was best.

    Parameters
    ----------
    watch
        The validation years.
    marks
        What J is compared with, `None` where nothing is proven.
    every
        Steps between two looks; the first is at 0, the last at the end.
    path
        File of the best model.
    card
        Makes its sidecar.

    Attributes
    ----------
    looks
        The looks so far.
    """

    def __init__(self, watch: Watch, marks: Marks | None, every: int, path: Path, card: Card) -> None:
        self.watch, self.marks, self.every, self.path, self.card = watch, marks, every, path, card
        self.looks: list[Validation] = []

    def recall(self, looks: list[dict[str, Any]]) -> None:
        """Restore the looks of a training that was interrupted."""
        self.looks = [Validation.model_validate(look) for look in looks]

    @property
    def best(self) -> Validation:
        """The look with the least J, the first of equal ones."""
        return min(self.looks, key=lambda look: look.j)

    def look(self, model: BaseAlgorithm, *, last: bool) -> None:
        """Look if it is time to."""
        steps = model.num_timesteps
        if self.looks and (steps == self.looks[-1].steps or not (last or steps - self.looks[-1].steps >= self.every)):
            return
        j = self.watch.score(judged(model))
        gap = None if self.marks is None else self.marks.gap_closed(j)
        better = not self.looks or j < self.best.j
        self.looks.append(Validation(steps=steps, j=j, gap_closed=gap))
        if better:
            save_model(model, self.path, self.card)
        self._log(model)

    def _log(self, model: BaseAlgorithm) -> None:
        look, policy = self.looks[-1], model.policy
        model.logger.record("validation/j", look.j)
        if self.marks is not None:
            model.logger.record("validation/gap_closed", look.gap_closed)
            model.logger.record("validation/j_of_rule", self.marks.rule)
            model.logger.record("validation/j_of_bound", self.marks.bound)
        if isinstance(policy, ImportTargetPolicy | SacImportTargetPolicy):
            model.logger.record("train/noise_kw", policy.noise_kw)

    def line(self) -> str:
        """What the last look saw, for a progress line."""
        if not self.looks:
            return ""
        look, best = self.looks[-1], self.best
        if look.gap_closed is None or best.gap_closed is None:
            return f"validation J {look.j:.4f}, best {best.j:.4f}"
        return f"validation: {100 * look.gap_closed:.1f} % of the gap closed, best {100 * best.gap_closed:.1f} %"


class TrainingCallback(BaseCallback):
    """Callback of one training; Stable-Baselines3 calls it at each step and each update.

    Parameters
    ----------
    agent
        The agent.
    total
        Steps asked for; updates come in whole batches, so the true count may be a little more.
    every
        Steps between checkpoints.
    folder
        Folder of the checkpoints.
    card
        Makes a checkpoint's sidecar.
    on_progress
        Receives the progress about once a second.
    keep
        Keeps the state of the training now and then.
    validator
        Looks at the validation years and keeps the best model.
    warm_up
        Steps in which only the critic learns, at most a third of all.

    Attributes
    ----------
    episodes
        Episodes that ended.
    checkpoints
        True number of steps at each checkpoint, by file name.
    curve
        Steps done, and mean hourly reward of the `CURVE_STEPS` before.
    """

    def __init__(
        self,
        agent: Agent,
        total: int,
        every: int,
        folder: Path,
        card: Card,
        on_progress: OnProgress | None,
        keep: Keep | None = None,
        validator: Validator | None = None,
        warm_up: int = 0,
    ) -> None:
        super().__init__()
        self.validator = validator
        self.warm_up = min(warm_up, total // 3)
        self.agent = agent
        self.total = total
        self.every = every
        self.folder = folder
        self.card = card
        self.on_progress = on_progress
        self.keep = keep
        self.episodes = 0
        self.checkpoints: dict[str, int] = {}
        self.curve: list[tuple[int, float]] = []
        self._mark = every
        self._point = 0
        self._recent: list[float] = []
        self._began = time.monotonic()
        self._seconds_before = 0.0

    @property
    def seconds(self) -> float:
        """Time of learning, before an interruption too [s]."""
        return self._seconds_before + time.monotonic() - self._began

    def notes(self) -> dict[str, Any]:
        """State that a resumed training needs, as JSON."""
        return {
            "episodes": self.episodes,
            "checkpoints": self.checkpoints,
            "curve": self.curve,
            "mark": self._mark,
            "point": self._point,
            "recent": self._recent,
            "seconds": self.seconds,
            "validations": [one.model_dump() for one in self.validator.looks] if self.validator else [],
        }

    def recall(self, notes: dict[str, Any]) -> None:
        """Restore the state of a training that was interrupted."""
        self.episodes = notes["episodes"]
        self.checkpoints = notes["checkpoints"]
        # JSON gives lists for tuples.
        self.curve = [(int(steps), float(mean)) for steps, mean in notes["curve"]]
        self._mark, self._point, self._recent = notes["mark"], notes["point"], notes["recent"]
        self._seconds_before = notes["seconds"]
        if self.validator is not None:
            self.validator.recall(notes["validations"])

    def _on_training_start(self) -> None:
        self._began = time.monotonic()
        self._progress = ProgressReporter(self.total, "steps", self.on_progress, self.num_timesteps)

    def _on_step(self) -> bool:
        rewards: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = self.locals["rewards"]
        if not np.isfinite(rewards).all():
            raise diverged(self.agent, self.num_timesteps, "the reward")
        self.episodes += int(np.sum(self.locals["dones"]))
        self._recent.append(float(rewards.mean()))
        # On several plants a step of the callback is a step of each.
        if self.num_timesteps - self._point >= CURVE_STEPS:
            self.curve.append((self.num_timesteps, float(np.mean(self._recent))))
            self._recent.clear()
            self._point = self.num_timesteps
        looked = self.validator.line() if self.validator is not None else ""
        mean = f", mean reward {self.curve[-1][1]:.3f} an hour" if self.curve else ""
        self._progress.report(self.num_timesteps, looked or f"{self.episodes} episodes{mean}")
        return True

    def _on_rollout_start(self) -> None:
        # Stable-Baselines3 calls this right after each update (and once before the first).
        self._after_update()
        self._let_act()
        if self.keep is not None:
            self.keep(self)

    def _on_training_end(self) -> None:
        self._after_update()

    def _after_update(self) -> None:
        self._prove_finite()
        # An update may end past the total; no checkpoint was asked for there.
        while self._mark <= min(self.num_timesteps, self.total):
            name = checkpoint_name(self.agent, self._mark)
            save_model(self.model, self.folder / name, self.card)
            self.checkpoints[name] = self.num_timesteps
            self._mark += self.every
        if self.validator is not None:
            self.validator.look(self.model, last=self.num_timesteps >= self.total)

    def _let_act(self) -> None:
        """Let the actor learn, or not yet: its first steps would follow a critic that knows nothing."""
        policy = self.model.policy
        if self.warm_up and isinstance(policy, ImportTargetPolicy | SacImportTargetPolicy):
            for parameter in policy.acting():
                parameter.requires_grad_(self.num_timesteps >= self.warm_up)

    def _prove_finite(self) -> None:
        values = self.logger.name_to_value
        losses = [name for name, value in values.items() if name.startswith("train/") and not np.isfinite(value)]
        # With constant targets PPO's and A2C's explained variance is 0 / 0 by definition: no sign of divergence.
        losses = [name for name in losses if name != "train/explained_variance"]
        for what in losses + faulty_parameters(self.model):
            raise diverged(self.agent, self.num_timesteps, f"`{what}`")
