"""`pvbesscar study`: what the agents are worth over several training seeds, beside the other controllers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pvbesscar.commands.common import (
    DEFAULT_CONFIG,
    AgentOption,
    ConfigOption,
    Profile,
    ProfileOption,
    SetOption,
    load,
    only,
    print_table,
)


class IngredientName(StrEnum):
    """Ingredients of a training that can be left out."""

    IMITATION = "imitation"
    TARGET = "target"
    REGRET = "regret"
    WARM_UP = "warm-up"
    BEST = "best"
    SOCKETS = "sockets"
    FORECAST = "forecast"


def study(
    config: ConfigOption = DEFAULT_CONFIG,
    profile: ProfileOption = Profile.FULL,
    overrides: SetOption = None,
    agent: AgentOption = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Trainings of each agent.")] = 5,
    without: Annotated[
        list[IngredientName] | None,
        typer.Option("--without", help="Leave this ingredient of the training out; repeatable, all at once."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Folder below outputs/studies/; default SCENARIO-PROFILE."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes at once; default 2, one thread each.")
    ] = None,
) -> None:
    """Train each agent with several seeds and judge them beside the other controllers, with intervals over both.

    On the test years and the perturbed years of the dataset that is there: `pvbesscar certify` comes first. The models
    of the project are not touched. What was interrupted goes on where it was: give the same command again.

    Examples
    --------
      pvbesscar study

      pvbesscar study --config config/iquitos_mt.yaml --profile long --seeds 5

      pvbesscar study --agent ppo --without imitation
    """
    from pvbesscar import display
    from pvbesscar.store.locks import Holder, held
    from pvbesscar.store.workspace import Workspace
    from pvbesscar.study.conclusions import conclusions
    from pvbesscar.study.conduct import conduct
    from pvbesscar.study.recipe import RESULT_FILE, WITHOUT, StudyRequest, check, study_name
    from pvbesscar.study.tables import set_rows, set_title

    plain = [*(overrides or []), *only(agent)]
    left_out = tuple(one for one in WITHOUT if one in (without or ()))
    own = [*plain, *(setting for one in left_out for setting in WITHOUT[one])]
    settings = load(config, own).settings
    called = name or study_name(settings.name, profile.value, left_out)
    # Where the project's folders are is no part of what was studied.
    by_hand = tuple(setting for setting in own if not setting.startswith("data."))
    whole = load(config, plain).settings if left_out else None
    request = StudyRequest(called, settings, profile.value, seeds, left_out, by_hand, whole)
    check(request, lambda ingredient: load(config, [*plain, *ingredient]).settings)
    workspace = Workspace.of(settings)

    def wait(holder: Holder | None) -> None:
        typer.echo(f"waits for {holder or 'another run'}", err=True)

    lock = workspace.lock("run")
    with (
        display.showing(display.for_terminal()) as shown,
        held(lock, f"the study {called}", when_busy=settings.runs.when_busy, on_wait=wait),
    ):
        shown.begin("study")
        found = conduct(request, workspace, lambda progress: shown.update("study", progress), workers)
    for one in found.sets:
        typer.echo(set_title(one))
        print_table(*set_rows(one))
    for sentence in conclusions(found):
        typer.echo(sentence)
    typer.echo(request.folder(workspace) / RESULT_FILE)
