"""Remedies as they are read: each command in them with the scenario of the run that tells them, ready to copy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = re.compile(r"`pvbesscar ([^`]+)`")
# Flows tell remedies too, and the command line imports them: what is said of its commands here, a test compares.
DEFAULT_CONFIG = Path("config/iquitos_mall.yaml")
DEFAULT_PROFILE = "full"
WITHOUT_SCENARIO = frozenset({"quality"})
"""Commands and groups that know no scenario."""
PROFILED = frozenset({
    "run", "plan", "rerun", "ingest", "validate", "build", "certify", "train", "evaluate", "publish", "study", "doctor",
})  # fmt: skip
"""Commands that take a profile."""


@dataclass(slots=True)
class Called:
    """How the command or flow under way was called: a remedy that forgets it would mend another scenario.

    Attributes
    ----------
    config, overrides, profile
        As `--config`, `--set` and `--profile`, or the parameters of the flow, gave them; `None`: it has no such option.
    """

    config: Path | None = None
    overrides: Sequence[str] = ()
    profile: str | None = None


_called: ContextVar[Called | None] = ContextVar("called", default=None)


@contextmanager
def calling(config: Path | None = None, overrides: Sequence[str] = (), profile: str | None = None) -> Iterator[None]:
    """Keep in mind, within the block, how a command or a flow is called; what is not known yet is told later."""
    token = _called.set(Called(config, overrides, profile))
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
    command = words[0]
    if called.config is not None and command not in WITHOUT_SCENARIO:
        if called.config != DEFAULT_CONFIG:
            words[place:place] = ["--config", str(called.config)]
        words += [word for override in called.overrides if override not in words for word in ("--set", override)]
        if command in PROFILED and called.profile not in {None, DEFAULT_PROFILE} and "--profile" not in words:
            words += ["--profile", str(called.profile)]
    return shlex.join(words)
