"""Sentences of findings in Spanish: none is missing, none is left over, and figures are those of the English one."""

from __future__ import annotations

import ast
import calendar
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvbesscar.quality.pandera_checks import WHAT
from pvbesscar.words import words_in

QUALITY = Path(__file__).parents[2] / "pvbesscar" / "quality"
CHECKS = [
    path
    for pattern in ("year/[cf]*.py", "year/rules/*.py", "folder/*.py", "folder/rules/*.py")
    for path in sorted(QUALITY.glob(pattern))
]
"""Not `year/drawn_years.py`: what it finds is an error of the code, not of the data."""
SAY = words_in("es").sentences
PROSE = re.compile(r"[a-z]+,? [a-z]+")
MADE_OF_PARTS = {
    "{} to {}", "{} and {}", "{}, {}", "{} and {} more", "up to {}", "1/{} of", "missing", "{} (synthetic)",
    "{} (modelled)", "{} (modelled from {})", "{} findings in {}", "{} places: {}", "{} (the worst of {})",
    "{} (the first of {})", "{} (and {} more pairs)",
    "{}, or set `mall.open_hours` to [{}, {}] if the mall does open then",
    ", or `mall.scale_to_declared: true` to keep the file's shape only",
    ", or correct the sessions or profile file", "{} to {} deg C", "{} failures, the first `{}`",
    "{} (the file is named by `{}`)", "above {} to {}", "from {} to {} {}", "above {} to {} {}", "charging power: {}",
    "discharging power: {}", "per hour", "per cycle", "residual fuel oil", "diesel", "natural gas",
    "with the files named before it, it has {} cells; a dataset has at most {}",
    *calendar.month_name[1:], "{}: `{}` fails, e.g. `{}`",
    *(re.sub(r"{\w+}", "{}", f"{{}}: {what}") for what in WHAT.values()),
}  # fmt: skip
"""Templates of several strings of the code, or of names that are not written there."""

SHOWN_OTHERWISE = {
    "{}: none of its headers says what the file is: {}.", "{}: column `{}` may be generation or demand.",
    "export the hours again from the meter or sensor, or declare the fill: `fills` names its hours, source and reason",
    "no column holds", "no column holds stamps", "the year", "to what is true", "{}; a dataset has at most {}",
    "direct_solar_irradiance, diffuse_solar_irradiance",
}  # fmt: skip
"""Errors of readers, words that are looked for, and a fix of rules."""


def written(node: ast.AST) -> Iterator[str]:
    """Texts within a piece of code, values as `{}`; without docstrings, decorators and hints of errors."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        for child in (*(node.args.defaults if isinstance(node, ast.FunctionDef) else ()), *node.body):
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                yield from written(child)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from written(part.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not ((isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or _is_hint(node)):
        for child in ast.iter_child_nodes(node):
            yield from written(child)


def _is_hint(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "hint"


TEXTS = {text for path in CHECKS for text in written(ast.parse(path.read_text(encoding="utf-8")))}


def test_every_sentence_of_a_check_is_in_the_catalogue() -> None:
    parts = " ".join(MADE_OF_PARTS)
    prose = {text for text in TEXTS if PROSE.search(re.sub(r"`[^`]*`|.*(doi:|docs/).*", "", text))}
    assert sorted(text for text in prose - SAY.templates.keys() - SHOWN_OTHERWISE if text not in parts) == []


def test_no_sentence_is_left_over() -> None:
    assert sorted(SAY.templates.keys() - TEXTS - MADE_OF_PARTS) == []


def test_figures_and_keys_are_those_of_the_english_sentence() -> None:
    for english, spanish in SAY.templates.items():
        assert english.count("{}") == spanish.count("{}"), english
        for what in (r"`[^`]*`", r"(?<![{\w])-?\d+(?:\.\d+)?"):
            assert sorted(re.findall(what, english)) == sorted(re.findall(what, spanish)), english


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("3 months are 2 h late", "3 meses llegan 2 h tarde"),
        (
            "in March, April and July the demand is 3 h early against the other months",
            "en marzo, abril y julio la demanda llega 3 h temprano frente a los otros meses",
        ),
        ("column `late` holds no plain numbers", "la columna `late` no contiene números simples"),
        ("salt and pepper.csv", "salt and pepper.csv"),
        ("2024 to 2025.csv", "2024 to 2025.csv"),
        ("0.2 to 0.9 kgCO2/kWh", "0.2 a 0.9 kgCO2/kWh"),
        ("a sentence of a later version", "a sentence of a later version"),
    ],
)
def test_a_sentence_is_said_with_its_values(english: str, spanish: str) -> None:
    assert SAY(english) == spanish
    assert words_in("en").sentences(english) == english


def test_a_sentence_of_rules_is_said_within_another() -> None:
    fix = "mend it (now) (the file is named by `pv.file`)"
    assert SAY(fix, {"mend it (now)": "arréglelo"}) == "arréglelo (el archivo lo nombra `pv.file`)"
