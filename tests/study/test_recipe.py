"""What a study leaves out is something that the trainings had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pvbesscar.agents.settings import training_digest
from pvbesscar.config.load import load_settings
from pvbesscar.study.recipe import WITHOUT, StudyRequest, check
from schemas.errors import ConfigError
from schemas.settings import AGENTS, Settings
from schemas.studies import Ingredient


def scenario(repo_root: Path, name: str, *plain: str) -> Callable[[Sequence[str]], Settings]:
    """Settings of a scenario of the repository, with what is left out."""
    return lambda less: load_settings(repo_root / "config" / f"{name}.yaml", [*plain, *less]).settings


def asked(of: Callable[[Sequence[str]], Settings], *without: Ingredient) -> StudyRequest:
    settings = of([setting for one in without for setting in WITHOUT[one]])
    return StudyRequest("less", settings, "long", 1, without, whole=of([]))


@pytest.mark.parametrize("ingredient", WITHOUT)
def test_every_ingredient_can_be_left_out_of_every_agent(repo_root: Path, ingredient: Ingredient) -> None:
    """A model that was trained with it is another one: a study that kept it would compare a thing with itself."""
    of = scenario(repo_root, "iquitos_mt")
    check(asked(of, ingredient), of)
    for agent in AGENTS:
        assert training_digest(agent, of(WITHOUT[ingredient]), "long") != training_digest(agent, of([]), "long")


@pytest.mark.parametrize(
    ("plain", "without", "absent"),
    [
        ([], ["sockets"], "sockets"),
        ([], ["regret", "sockets"], "sockets"),
        (["training.ppo.warm_up=0", "training.agents=[ppo]"], ["warm-up"], "warm-up"),
        (["training.reward=score", "training.keep=last"], ["regret", "best", "imitation"], "regret and no best"),
    ],
)
def test_what_is_not_there_can_not_be_left_out(
    repo_root: Path, plain: list[str], without: list[Ingredient], absent: str
) -> None:
    of = scenario(repo_root, "iquitos_mall", *plain)
    with pytest.raises(ConfigError, match=f"the scenario has no {absent} to leave out") as refused:
        check(asked(of, *without), of)
    assert "docs/study.md" in str(refused.value.hint)
