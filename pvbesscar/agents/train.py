"""The `train` stage: one agent on CityLearn or its certified twin; its results replace the earlier ones at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import configure

from pvbesscar.agents.artifacts import (
    ModelCard,
    curve_name,
    final_name,
    prove_dataset,
    validations_name,
    versions,
)
from pvbesscar.agents.callbacks import TrainingCallback, Validator, diverged, faulty_parameters, save_model
from pvbesscar.agents.factory import Env, count_parameters, load_agent, make_agent
from pvbesscar.agents.policies.import_target import ImportTargetPolicy
from pvbesscar.agents.policies.import_target_sac import SacImportTargetPolicy
from pvbesscar.agents.policies.plant_view import numbers_of
from pvbesscar.agents.resume import ResumeCard, Resumed, read_state, write_state
from pvbesscar.agents.settings import training_digest
from pvbesscar.agents.signals import Stop, stopping
from pvbesscar.agents.start import NOTHING, Start, start_of
from pvbesscar.agents.watch import Watch
from pvbesscar.controllers.kept import mpc_for
from pvbesscar.controllers.policy import PolicyController
from pvbesscar.controllers.registry import MpcFit
from pvbesscar.dataset.scenarios import ScenarioStore, windows_of
from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.envs.regret import RegretVecEnv
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.plant.certificate import require_certificate
from pvbesscar.plant.citylearn_sim import CityLearnSim
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.simulator import Simulator
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from pvbesscar.simulation.windows import Stretch, window_stretches
from pvbesscar.store.files import published_folder, sha256_json, write_text
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError, SimulationError, TrainingError
from schemas.progress import OnProgress, Progress
from schemas.results import TrainingMetrics
from schemas.settings import Agent, Settings

LEARNING_CODE = ("pvbesscar.agents", "pvbesscar.arithmetic", "pvbesscar.controllers", "pvbesscar.dataset",
                 "pvbesscar.envs", "pvbesscar.plant", "pvbesscar.simulation")  # fmt: skip
"""Packages whose code a training runs; with other code it can not go on where it was left."""
TENSORBOARD = "tensorboard"
STATE = "state.zip"
STATE_EVERY_S = 60.0
"""Time between two saved states: the most work that is lost when the process is killed [s]."""
STATE_SHARE = 50.0
"""Least time between two saved states, in multiples of the time that saving takes: at most 2 % of a training."""
TORCH_REFUSAL = "to satisfy the constraint"
"""Words of the error that torch's distributions raise for a mean or spread that is NaN."""


def train(
    agent: Agent, settings: Settings, workspace: Workspace, profile: str, on_progress: OnProgress | None = None
) -> TrainingMetrics:
    """Train an agent on the scenario's dataset.

    What it makes takes the place of the earlier at the end. Until then it is in `checkpoints/unfinished/`, with the
    state of the training, saved about once a minute and when a signal ends it. The next training of the same agent on
    the same dataset resumes it, and ends as if it had not been interrupted.

    Parameters
    ----------
    profile
        `smoke` or `full`: how many steps, in episodes of how many hours.
    on_progress
        Receives the progress about once a second.

    Raises
    ------
    StaleError
        No dataset, or one of other settings; no current certificate of the twin.
    TrainingError
        A loss, a parameter or a reward became NaN or infinite.
    """
    prove_dataset(settings, workspace)
    if settings.training.simulator == "twin":
        require_certificate(workspace)
        years, validation = training_years(settings, workspace, profile), validation_years(settings, workspace, profile)
        nominal = Twin(load_plant(workspace.dataset))
        mpc = imitated_mpc(settings, workspace, profile, on_progress)
        return train_on(nominal, agent, settings, workspace, profile, on_progress, years, validation, mpc)
    if on_progress is not None:
        on_progress(Progress(0, settings.profile(profile).steps_of(agent), 0.0, "steps", "loading CityLearn"))
    return train_on(CityLearnSim(workspace.dataset), agent, settings, workspace, profile, on_progress)


def train_on(
    simulator: Simulator,
    agent: Agent,
    settings: Settings,
    workspace: Workspace,
    profile: str,
    on_progress: OnProgress | None = None,
    years: Sequence[PlantData] = (),
    validation: Sequence[PlantData] = (),
    mpc: MpcFit | None = None,
) -> TrainingMetrics:
    """Train an agent on a simulator that is loaded already; see `train`.

    Parameters
    ----------
    simulator
        Of the validated year; the agent is validated on its windows.
    years
        Years to train on, on the twin; none: the validated one.
    validation
        Years by which the best model is chosen, on the twin; none: the last one is kept.
    mpc
        What agents begin as an imitation of; default: the MPC fitted on the years to train on.
    """
    windows = window_stretches(windows_of(workspace.dataset), settings.evaluation.window_hours)
    # More threads make networks of this size slower, and sums in another order make runs differ.
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    with stopping() as stop, held(workspace.lock(f"train-{agent}"), f"the training of {agent}"):
        unfinished = workspace.unfinished(agent)
        recipe = settings.trained_as(profile)
        start = NOTHING
        if isinstance(simulator, Twin):
            own = years or (simulator.data,)
            hidden = getattr(recipe.training, agent).net_arch
            numbers = numbers_of(simulator.data)
            dataset = simulator.data.digest
            start = start_of(recipe, workspace, profile, hidden, numbers, dataset, own, validation, on_progress, mpc)
        run = _TrainingRun(
            simulator, agent, settings, recipe, profile, unfinished, stop, windows, years, validation, start
        )
        try:
            metrics = run.execute(on_progress)
        except TrainingError:
            _forget(unfinished)  # it would diverge again
            raise
        # The contexts end in reverse order, outputs first. After a kill between the two swaps the metrics do not fit
        # the model, and `evaluate` refuses it.
        with (
            published_folder(workspace.checkpoints(agent)) as models,
            published_folder(workspace.training(agent)) as outputs,
        ):
            _link(run.models, models, [*metrics.checkpoints, metrics.model_file])
            shutil.copytree(run.outputs, outputs, dirs_exist_ok=True)
            write_text(outputs / workspace.training_metrics(agent).name, metrics.model_dump_json(indent=2) + "\n")
        _forget(unfinished)
    return metrics


def imitated_mpc(
    settings: Settings, workspace: Workspace, profile: str, on_progress: OnProgress | None = None
) -> MpcFit | None:
    """MPC of the dataset, where agents begin as an imitation of it: the one that is judged."""
    recipe = settings.trained_as(profile).training
    if not recipe.imitation or recipe.policy != "import_target" or recipe.scenarios == "nominal":
        return None
    only = None if recipe.forecast == "chosen" else recipe.forecast
    return mpc_for(workspace, ScenarioStore(workspace.dataset), on_progress, only)


def _link(source: Path, target: Path, names: Sequence[str]) -> None:
    """Link models and their sidecars in `target`; a kill at this moment loses nothing."""
    for name in names:
        for file in (name, Path(name).with_suffix(".json").name):
            (target / file).hardlink_to(source / file)


def _forget(unfinished: Path) -> None:
    # The state first: without it the other files are not used.
    (unfinished / STATE).unlink(missing_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)


def training_years(settings: Settings, workspace: Workspace, profile: str) -> tuple[PlantData, ...]:
    """Years that agents train on, as settings and profile say; none: the validated year.

    Raises
    ------
    ConfigError
        The settings ask for training scenarios and the dataset has none.
    """
    if settings.training.scenarios == "nominal":
        return ()
    store = ScenarioStore(workspace.dataset)
    names = store.names("training")
    if not names:
        raise ConfigError(
            "`training.scenarios: training` asks for training scenarios, and the dataset has none.",
            hint="set `scenarios.training` above 0 and build again, or set `training.scenarios: nominal`.",
        )
    return tuple(store.load(name) for name in names[: settings.profile(profile).training_years])


def validation_years(settings: Settings, workspace: Workspace, profile: str) -> tuple[PlantData, ...]:
    """Years by which the best model of a training is chosen; none where the last one is kept or none was drawn."""
    if settings.trained_as(profile).training.keep == "last":
        return ()
    store = ScenarioStore(workspace.dataset)
    return tuple(store.load(name) for name in store.names("validation")[: settings.profile(profile).validation_years])


def mean_rewards(simulator: Simulator, model: BaseAlgorithm, windows: Sequence[Stretch]) -> tuple[float, ...]:
    """Mean hourly reward of a model, acting deterministically, on each validation window."""
    controller = PolicyController("validation", model)
    ledgers = (rollout(simulator, controller, window.start, window.hours) for window in windows)
    return tuple(ledger.total("reward") / ledger.hours for ledger in ledgers)


@dataclass(frozen=True, slots=True)
class _TrainingRun:
    simulator: Simulator
    agent: Agent
    settings: Settings
    recipe: Settings
    profile: str
    unfinished: Path
    stop: Stop
    windows: Sequence[Stretch]
    years: Sequence[PlantData]
    validation: Sequence[PlantData]
    start: Start

    @property
    def models(self) -> Path:
        """Folder of the checkpoints so far."""
        return self.unfinished / "models"

    @property
    def outputs(self) -> Path:
        """Folder of the TensorBoard files so far."""
        return self.unfinished / "outputs"

    def execute(self, on_progress: OnProgress | None) -> TrainingMetrics:
        """Validate the untrained agent, train it from where it was left, validate it again."""
        profile = self.settings.profile(self.profile)
        env, steps = self._env(profile.episode_hours), profile.steps_of(self.agent)
        model = make_agent(self.agent, self.recipe, env, self.simulator.data)
        keeper = _StateKeeper(self.unfinished / STATE, self._resume_card(), self.stop)
        validator = None
        if self.validation:
            watch, best = Watch(self.validation), self.models / "best.zip"
            validator = Validator(watch, self.start.marks, profile.validate_every, best, self.card)
        callback = TrainingCallback(
            self.agent, steps, profile.checkpoint_every, self.models, self.card, on_progress, keeper.keep,
            validator, getattr(self.recipe.training, self.agent).warm_up,
        )  # fmt: skip
        untrained = self._begin(model, callback)
        model.set_logger(configure(str(self.outputs / TENSORBOARD), ["tensorboard"]))
        self._learn(model, callback, steps)
        duration = callback.seconds
        final = self._keep(model, validator)
        kept = load_agent(self.agent, self.models / final_name(self.agent))
        trained = mean_rewards(self.simulator, kept, self.windows)
        self._log(model, callback, untrained, trained)
        return self._metrics(model, callback, duration, final, untrained, trained)

    def _keep(self, model: BaseAlgorithm, validator: Validator | None) -> ModelCard:
        """Make the best model the final one, or the last where none was looked at."""
        path = self.models / final_name(self.agent)
        if validator is None:
            return save_model(model, path, self.card)
        for suffix in (".zip", ".json"):
            shutil.copyfile(validator.path.with_suffix(suffix), path.with_suffix(suffix))
        return ModelCard.model_validate_json(path.with_suffix(".json").read_bytes())

    def _begin(self, model: BaseAlgorithm, callback: TrainingCallback) -> tuple[float, ...]:
        """Go on where an interrupted training was left, or start; return the untrained agent's validation rewards."""
        untrained = mean_rewards(self.simulator, model, self.windows)
        policy = model.policy
        if self.start.actor is not None and isinstance(policy, ImportTargetPolicy | SacImportTargetPolicy):
            policy.load_actor(self.start.actor)
        found = read_state(model, self.unfinished / STATE, self._resume_card())
        if isinstance(found, Resumed):
            callback.recall(found.notes)
            if callback.on_progress is not None:
                text = "goes on from its checkpoint"
                callback.on_progress(Progress(model.num_timesteps, callback.total, 0.0, "steps", text))
        else:
            _forget(self.unfinished)
        self.outputs.mkdir(parents=True, exist_ok=True)
        return untrained

    def _resume_card(self) -> ResumeCard:
        return ResumeCard(
            agent=self.agent, profile=self.profile,
            dataset_digest=sha256_json([year.digest for year in (self.simulator.data, *self.years, *self.validation)]),
            settings_digest=training_digest(self.agent, self.settings, self.profile),
            code_digest=code_digest(*LEARNING_CODE), versions=versions(),
        )  # fmt: skip

    def card(self, steps: int, sha256: str) -> ModelCard:
        """Sidecar of a model after `steps` steps."""
        return ModelCard(
            agent=self.agent, profile=self.profile, steps=steps,
            seed=self.settings.training.seed, simulator=self.settings.training.simulator,
            dataset_digest=self.simulator.data.digest,
            settings_digest=training_digest(self.agent, self.settings, self.profile),
            model_sha256=sha256,
        )  # fmt: skip

    def _env(self, episode_hours: int) -> Env:
        if not isinstance(self.simulator, Twin):
            return PlantEnv(self.simulator, episode_hours=episode_hours)
        plants, seed = self.recipe.training.plants, self.recipe.training.seed
        years = self.years or [self.simulator.data]
        if self.start.plans is not None:
            return RegretVecEnv(years, self.start.plans, plants=plants, episode_hours=episode_hours, seed=seed)
        return TwinVecEnv(years, plants=plants, episode_hours=episode_hours, seed=seed)

    def _learn(self, model: BaseAlgorithm, callback: TrainingCallback, steps: int) -> None:
        try:
            left = steps - model.num_timesteps
            model.learn(total_timesteps=left, callback=callback, reset_num_timesteps=model.num_timesteps == 0)
        except (ValueError, SimulationError) as error:
            # Torch refuses such distributions, and the environment such actions, before the callback looks.
            faulty = faulty_parameters(model)
            if not faulty and TORCH_REFUSAL not in str(error):
                raise
            what = f"`{faulty[0]}`" if faulty else "the spread of actions"
            raise diverged(self.agent, model.num_timesteps, what) from error

    def _log(
        self, model: BaseAlgorithm, callback: TrainingCallback, untrained: tuple[float, ...], trained: tuple[float, ...]
    ) -> None:
        curve = pd.DataFrame(callback.curve, columns=["steps", "mean_reward"])
        write_text(self.outputs / curve_name(self.agent), curve.to_csv(index=False, lineterminator="\n"))
        if callback.validator is not None:
            looks = pd.DataFrame([look.model_dump() for look in callback.validator.looks])
            write_text(self.outputs / validations_name(self.agent), looks.to_csv(index=False, lineterminator="\n"))
        for steps, values in ((0, untrained), (model.num_timesteps, trained)):
            model.logger.record("validation/mean_hourly_reward", float(np.mean(values)))
            model.logger.dump(steps)
        model.logger.close()

    def _metrics(
        self,
        model: BaseAlgorithm,
        callback: TrainingCallback,
        duration: float,
        final: ModelCard,
        untrained: tuple[float, ...],
        trained: tuple[float, ...],
    ) -> TrainingMetrics:
        validator, marks = callback.validator, self.start.marks
        return TrainingMetrics(
            agent=self.agent,
            best_steps=validator.best.steps if validator is not None else None,
            validations=tuple(validator.looks) if validator is not None else (),
            rule_j=marks.rule if marks is not None else None, bound_j=marks.bound if marks is not None else None,
            profile=self.profile, simulator=self.settings.training.simulator, seed=self.settings.training.seed,
            dataset_digest=final.dataset_digest, settings_digest=final.settings_digest,
            steps=model.num_timesteps, episodes=callback.episodes,
            duration_s=duration, steps_per_s=model.num_timesteps / duration,
            validation_windows=tuple(window.name for window in self.windows),
            validation_rewards=trained, validation_mean=float(np.mean(trained)),
            validation_std=float(np.std(trained, ddof=1)) if len(trained) > 1 else 0.0,
            untrained_validation_rewards=untrained, checkpoints=callback.checkpoints,
            model_file=final_name(self.agent), model_sha256=final.model_sha256,
            model_bytes=(self.models / final_name(self.agent)).stat().st_size,
            parameters=count_parameters(model), versions=versions(),
        )  # fmt: skip


class _StateKeeper:
    """Saves the state of a training now and then, and when it is asked to stop."""

    def __init__(self, path: Path, card: ResumeCard, stop: Stop) -> None:
        self._path, self._card, self._stop = path, card, stop
        self._next = time.monotonic() + STATE_EVERY_S

    def keep(self, callback: TrainingCallback) -> None:
        """Save the state if it is time to; leave if a signal asked for it."""
        began = time.monotonic()
        if began < self._next and not self._stop.asked:
            return
        write_state(callback.model, self._path, self._card, callback.notes())
        now = time.monotonic()
        self._next = now + max(STATE_EVERY_S, STATE_SHARE * (now - began))
        if self._stop.asked:
            self._stop.leave()
