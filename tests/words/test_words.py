"""The catalogue: the same keys and fields in both languages, every key used, and no key asked for that is not there."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.hours import ENGLISH
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.words import words_in

SOURCE = Path(__file__).parents[2] / "pvbesscar"
EN, ES = words_in("en"), words_in("es")
SAME = {
    "csv", "column.co2", "column.co2_kg", "term.co2_kg", "column.j", "simulator.citylearn", "trade.axis", "no",
    "service.on_j", "service.off_j", "axis.bill", "invoice.pen", "validation.j", "repeat.sha256", "repeat.bytes",
    "errors.one", "severity.error",
}  # fmt: skip
"""Texts of letters and fields that are the same in both languages."""


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_fields() -> None:
    assert EN.messages.keys() == ES.messages.keys()
    different = [key for key in EN.messages if fields(EN.messages[key]) != fields(ES.messages[key])]
    assert different == []


def test_no_message_is_left_untranslated() -> None:
    same = {
        key
        for key, text in EN.messages.items()
        if text == ES.messages[key] and re.search("[a-z]{2}", re.sub(r"\{\w+\}|kWh?|PEN|kg", "", text))
    }
    assert same <= SAME


def test_a_sentence_ends_alike_in_both() -> None:
    ends = [key for key, text in EN.messages.items() if text.endswith(".") is not ES.messages[key].endswith(".")]
    assert ends == []


def test_every_key_is_used_somewhere() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in (SOURCE, SOURCE.with_name("tasks"))
        for path in folder.rglob("*")
        if path.suffix in {".py", ".j2"}
    )  # fmt: skip
    # A key is named whole, or made of a part that is named and a name of the data.
    named = set(re.findall(r"[\"']([\w .-]+)[\"']", code))
    begun = tuple(name for name in named if name.endswith(".")) + tuple(re.findall(r"[\"']([\w .-]+\.)\{", code))
    unused = [
        key
        for key in EN.messages
        if key not in named and key.rpartition(".")[0] not in named and not key.startswith(begun)
    ]
    assert unused == []


def test_every_quality_rule_has_its_words_in_spanish_with_the_same_keys_of_the_configuration() -> None:
    rules = {rule.id: rule for rule in (*YEAR_RULES.all(), *FOLDER_RULES.all())}
    assert ES.rules.keys() == rules.keys()
    assert EN.rules == {}
    for name, rule in rules.items():
        own = ES.rules[name]
        assert own.keys() == {"title", "cause", "fix"}
        for part, text in own.items():
            english = getattr(rule, part)
            assert text != english, (name, part)
            assert sorted(re.findall("`[^`]+`", text)) == sorted(re.findall("`[^`]+`", english)), (name, part)


def test_hours_are_told_alike_with_and_without_the_catalogue() -> None:
    assert {key: EN.messages[key] for key in ENGLISH} == ENGLISH


def test_a_key_or_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"nothing\.of\.it"):
        EN("nothing.of.it")
    with pytest.raises(KeyError, match="hours"):
        EN("span.hours")
    assert ES.listed(["a", "b", "c"]) == "a, b y c"
    assert EN.counted("errors", 1234) == "1,234 errors"
