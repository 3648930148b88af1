"""Remedies as they are read: each command in them with the scenario of the run that tells them, ready to copy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer.core import TyperGroup

COMMAND = re.compile(r"`pvbesscar ([^`]+)`")


@dataclass(slots=True)
class Called:
    """How the command or flow under way was called: a remedy that forgets it would mend another scenario.

    Attributes
    ----------
    commands
        The command line, in which the commands of remedies are looked up.
    config, overrides, profile
        As `--config`, `--set` and `--profile`, or the parameters of the flow, gave them; `None`: it has no such option.
    """

    commands: TyperGroup
    config: Path | None = None
    overrides: Sequence[str] = ()
    profile: str | None = None


_called: ContextVar[Called | None] = ContextVar("called", default=None)


@contextmanager
def calling(
    commands: TyperGroup, config: Path | None = None, overrides: Sequence[str] = (), profile: str | None = None
) -> Iterator[None]:
    """Keep in mind, within the block, how a command or a flow is called; what is not known yet is told later."""
    token = _called.set(Called(commands, config, overrides, profile))
    try:
        yield
    finally:
        _called.reset(token)


def remember_config(config: Path) -> Path:
    """Take note of `--config` and hand it on."""
    if (called := _called.get()) is not None:
        called.config = config
    return config


def remember_overrides(overrides: list[str] | None) -> list[str] | None:
    """Take note of `--set` and hand it on."""
    if (called := _called.get()) is not None:
        called.overrides = tuple(overrides or ())
    return overrides


def remember_profile(profile: Any) -> Any:  # noqa: ANN401, a choice of the command's own
    """Take note of `--profile` and hand it on."""
    if (called := _called.get()) is not None:
        called.profile = str(profile.value)
    return profile


def in_full(text: str) -> str:
    """Return a text in which each `pvbesscar ...` between backticks works as it stands, for the scenario under way.

    A text that is in full already stays as it is: it may pass through several hands.
    """
    called = _called.get()
    if called is None:
        return text
    return COMMAND.sub(lambda match: f"`pvbesscar {_completed(match[1], called)}`", text)


def _completed(command: str, called: Called) -> str:
    words = shlex.split(command)
    # The `--config` of the text is the command's own or, where the text knows none, the word CONFIG.
    place = words.index("--config") if "--config" in words else len(words)
    del words[place : place + 2]
    takes = _options(words, called.commands)
    if called.config is not None and "config" in takes:
        if str(called.config) != str(takes["config"]):
            words[place:place] = ["--config", str(called.config)]
        words += [word for override in called.overrides if override not in words for word in ("--set", override)]
        profile = getattr(takes.get("profile"), "value", None)
        if profile is not None and called.profile not in {None, profile} and "--profile" not in words:
            words += ["--profile", str(called.profile)]
    return shlex.join(words)


def _options(words: Sequence[str], commands: TyperGroup) -> dict[str | None, object]:
    """Options of the command that the words call, with their defaults."""
    found: Any = commands
    for word in words:
        below = getattr(found, "commands", {})
        if word not in below:
            break
        found = below[word]
    return {param.name: param.default for param in found.params}
