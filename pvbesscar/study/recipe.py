"""What a study is asked for: agents, seeds, ingredients left out, and where all of it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pvbesscar.agents.settings import training_digest
from pvbesscar.store.files import read_stored, sha256_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError
from schemas.settings import AGENTS, Settings
from schemas.studies import Ingredient
from schemas.terms import Result

WITHOUT: dict[Ingredient, tuple[str, ...]] = {
    "imitation": ("training.imitation=false",),
    "target": ("training.policy=mlp",),
    "regret": ("training.reward=score",),
    "warm-up": ("training.sac.warm_up=0", "training.ppo.warm_up=0", "training.a2c.warm_up=0"),
    "best": ("training.keep=last",),
    "sockets": ("training.socket_units=0",),
    "forecast": ("training.forecast=climatology",),
}
"""Ingredients of a training that can be left out, and the settings that do it."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RECIPE_FILE, RESULT_FILE = "recipe.json", "study.json"


class Recipe(Result):
    """`recipe.json`: what the trainings of a study hang on; a study of another recipe needs another name."""

    scenario: str
    profile: str
    dataset_digest: str
    training: str
    """Digest of the settings of all three agents, but for the seed."""


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """A study.

    Attributes
    ----------
    settings
        Of the first seed; the others differ from it in `training.seed` alone.
    seeds
        Number of trainings of each agent.
    without, overrides
        Ingredients left out, and all settings that were set by hand; for the record.
    whole
        Settings with nothing left out, by which the study to compare with is found; `None` where nothing is.
    """

    name: str
    settings: Settings
    profile: str
    seeds: int
    without: tuple[Ingredient, ...] = ()
    overrides: tuple[str, ...] = ()
    whole: Settings | None = None

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Seed of each training."""
        first = self.settings.training.seed
        return tuple(range(first, first + self.seeds))

    def of_seed(self, seed: int) -> Settings:
        """Settings of a training."""
        training = self.settings.training.model_copy(update={"seed": seed})
        return self.settings.model_copy(update={"training": training})

    def place(self, workspace: Workspace, seed: int) -> Workspace:
        """The project with the models of a seed."""
        return workspace.with_models(self.folder(workspace) / f"seed-{seed}")

    def folder(self, workspace: Workspace) -> Path:
        """Folder of the study."""
        return workspace.study(self.name)


def digest_of(settings: Settings) -> str:
    """Digest of all settings but for the folders."""
    return sha256_json(settings.model_dump(mode="json", exclude={"data": {"root", "oe2_dir"}}))


def study_name(scenario: str, profile: str, without: Sequence[Ingredient]) -> str:
    """Name of a study that was given none."""
    return "-".join((scenario, profile, *(f"without-{one}" for one in without)))


def check(request: StudyRequest, less: Callable[[Sequence[str]], Settings]) -> None:
    """Refuse a name that is no folder's, a seed too many, and an ingredient that the scenario does not have.

    Parameters
    ----------
    less
        `request.whole` with some settings of `WITHOUT`, `KEY=VALUE` each.
    """
    if not NAME.fullmatch(request.name):
        raise ConfigError(
            f"`--name {request.name}` is no name for a folder.", hint="use letters, digits, dots, dashes, underscores."
        )
    if request.training_seeds[-1] >= 2**31:
        raise ConfigError(
            f"seeds up to {request.training_seeds[-1]} are too large.", hint="set a smaller `training.seed`."
        )
    if request.profile == "reference" and request.without:
        raise ConfigError(
            "the profile `reference` has none of the ingredients that `--without` leaves out.",
            hint="use `--profile full` or `--profile long`.",
        )
    if request.whole is None:
        return
    whole = _digests(request.whole, request.profile)
    absent = [one for one in request.without if _digests(less(WITHOUT[one]), request.profile) == whole]
    if absent:
        raise ConfigError(
            f"the scenario has no {' and no '.join(absent)} to leave out: nothing would change.",
            hint="docs/study.md says which settings each ingredient is; `training.socket_units` above 0 gives the "
            "sockets a network.",
        )


def _digests(settings: Settings, profile: str) -> list[str]:
    return [training_digest(agent, settings, profile) for agent in settings.training.agents]


def claim(request: StudyRequest, workspace: Workspace, dataset_digest: str) -> None:
    """Write down what the study's folder is for.

    Raises
    ------
    ConfigError
        The folder is another study's.
    """
    path = request.folder(workspace) / RECIPE_FILE
    own = _recipe(request, dataset_digest)
    try:
        found = Recipe.model_validate_json(read_stored(path))
    except FileNotFoundError:
        write_text(path, own.model_dump_json(indent=2) + "\n")
        return
    except ValidationError:
        found = None
    if found != own:
        other = [] if found is None else [k for k, v in own if getattr(found, k) != v]
        what = {"training": "training settings", "dataset_digest": "dataset"}
        raise ConfigError(
            f"{path.parent} holds another study ({', '.join(what.get(k, k) for k in other) or 'unreadable'} differ).",
            hint="give this one a name of its own: --name NAME; or remove that folder.",
        )


def _recipe(request: StudyRequest, dataset_digest: str) -> Recipe:
    return Recipe(
        scenario=request.settings.name,
        profile=request.profile,
        dataset_digest=dataset_digest,
        training=sha256_json([training_digest(agent, request.of_seed(0), request.profile) for agent in AGENTS]),
    )
