"""Commands in messages and on pages carry the scenario of the run that they are of."""

from __future__ import annotations

import ast
import functools
import html
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.config import load_settings
from pvbesscar.quality.report import as_html, error_text
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.remedies import (
    COMMAND,
    DEFAULT_CONFIG,
    DEFAULT_PROFILE,
    PROFILED,
    WITHOUT_SCENARIO,
    calling,
    in_full,
    remember_config,
    remember_overrides,
    remember_profile,
)  # fmt: skip
from pvbesscar.report.findings import findings_table
from pvbesscar.words import words_in
from schemas.errors import StaleError
from schemas.results import Finding, QualityReport
from schemas.settings import Language
from tasks.stage_artifacts import _told
from tests.flows.conftest import ROOT

SOURCES = [path for name in ("pvbesscar", "flows", "tasks", "schemas") for path in (ROOT / name).rglob("*.py")]
CATALOGUES = [*(ROOT / "pvbesscar" / "words").glob("*.yaml")]
OTHER = Path("config/my plants/iquitos oe2.yaml")
SHIPPED = Path("config/iquitos_oe2.yaml")
OVERRIDES = ["name=my plant", "bess.capacity_kwh=5000"]


@functools.cache
def texts(path: Path) -> list[str]:
    """Texts of a module that are no docstrings, with `X` for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found.append(node.value)
    return found


REMEDIES = sorted(
    {match for path in SOURCES if path.name != "remedies.py" for text in texts(path) for match in COMMAND.findall(text)}
    | {match for path in CATALOGUES for match in COMMAND.findall(path.read_text(encoding="utf-8"))}
)


def test_what_is_said_of_the_commands_is_true() -> None:
    group = typer.main.get_group(app)
    for name, command in group.commands.items():
        for own in getattr(command, "commands", {name: command}).values():
            defaults = {param.name: param.default for param in own.params}
            if name in WITHOUT_SCENARIO:
                assert "config" not in defaults, name
            else:
                assert (defaults["config"], "overrides" in defaults) == (DEFAULT_CONFIG, True), name
            assert ("profile" in defaults) == (name in PROFILED), name
            assert getattr(defaults.get("profile"), "value", DEFAULT_PROFILE) == DEFAULT_PROFILE, name


def test_there_are_remedies_to_look_at() -> None:
    assert len(REMEDIES) >= 15


def test_no_command_is_printed_without_backticks() -> None:
    # Only what is between backticks is given the scenario; a column of examples and an option are no remedies.
    names = "|".join(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    bare = re.compile(rf"(?<![`\w./-])pvbesscar (?:{names})\b")
    # `(?m)^  `: examples of the help.
    found = {
        (path.name, text)
        for path in SOURCES
        for text in texts(path)
        if bare.search(re.sub(r"(?m)^ {2,}pvbesscar .*$", "", text))
    }
    assert not found


def require_scenario(printed: str) -> None:
    """A printed command is one of the command line, and is of the other scenario where it is of any."""
    group, words = typer.main.get_command(app), shlex.split(printed)
    command, rest = group, list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]  # type: ignore[attr-defined]
    assert command is not group, f"`pvbesscar {printed}` is no command"
    options = {option for param in command.params for option in param.opts}
    assert {word for word in rest if word.startswith("--")} <= options
    assert "CONFIG" not in words
    if "--config" in options:
        assert rest[rest.index("--config") + 1] == str(OTHER)
        given = [rest[place + 1] for place, word in enumerate(rest) if word == "--set"]
        assert given == OVERRIDES


@pytest.mark.parametrize("remedy", REMEDIES)
def test_each_printed_command_is_one_and_keeps_the_scenario(remedy: str) -> None:
    with calling():
        remember_config(OTHER)
        remember_overrides(OVERRIDES)
        text = in_full(f"run `pvbesscar {remedy}` again")
        assert in_full(text) == text
    (printed,) = COMMAND.findall(text)
    require_scenario(printed)


def told(language: Language) -> Iterator[str]:
    """What pages, artifacts and errors say of a year that breaks every rule."""
    words = words_in(language)
    findings = tuple(
        Finding(
            rule=rule.id, severity="error", source="mall.csv", column="", observed="1", limit="0",
            message="it is false", cause=rule.cause, fix=rule.fix, n_hours=0,
        )
        for rule in YEAR_RULES.all()
    )  # fmt: skip
    report = QualityReport(scenario="other", canonical_digest="0" * 64, rules=("any",), findings=findings)
    yield html.unescape(as_html(report, QualityContext(load_settings(ROOT / SHIPPED).settings, {}), words))
    yield str(findings_table(report, words))
    yield error_text(report, words)
    yield "\n".join(_told(findings, words))


@pytest.mark.parametrize("language", ["en", "es"])
def test_each_command_on_a_page_keeps_the_scenario(language: Language) -> None:
    with_command = sum("`pvbesscar " in rule.fix for rule in YEAR_RULES.all())
    assert with_command > 2
    with calling(OTHER, OVERRIDES, "smoke"):
        for text in told(language):
            found = COMMAND.findall(text)
            assert len(found) >= with_command
            for printed in found:
                require_scenario(printed)


def test_the_default_scenario_needs_no_options() -> None:
    with calling():
        remember_config(Path("config/iquitos_mall.yaml"))
        remember_overrides(None)
        assert in_full("run `pvbesscar build --config CONFIG` again") == "run `pvbesscar build` again"


def test_a_text_outside_a_command_stays_as_it_is() -> None:
    assert in_full("run `pvbesscar build --config CONFIG`") == "run `pvbesscar build --config CONFIG`"


def test_the_profile_goes_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(
        app, ["build", "-c", str(SHIPPED), "--set", f"data.root={tmp_path}", "--profile", "smoke"]
    )  # fmt: skip
    assert printed.exit_code == StaleError.exit_code
    remedy = f"`pvbesscar rerun ingest --config {SHIPPED} --set data.root={tmp_path} --profile smoke`"
    assert remedy in re.sub(r"\s+", " ", printed.output)


def test_what_is_remembered_ends_with_the_command() -> None:
    with calling():
        remember_config(OTHER)
        remember_profile(type("P", (), {"value": "smoke"}))
    with calling():
        assert in_full("`pvbesscar plan`") == "`pvbesscar plan`"
