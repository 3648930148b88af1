"""The words that people read, in each language from one catalogue: `en.yaml` and `es.yaml`, the same keys in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pvbesscar.words.sentences import Sentences
from schemas.settings import Language


@dataclass(frozen=True, slots=True)
class Words:
    """The messages of a language.

    Attributes
    ----------
    language
        `en` or `es`; also the page's `lang`.
    messages
        Text by key, with its fields in braces as `str.format` has them.
    rules
        `title`, `cause` and `fix` of each quality rule; empty in English, for those stand in the rules themselves.
    sentences
        What findings say, by their English templates; none in English.
    """

    language: Language
    messages: Mapping[str, str]
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sentences: Sentences = field(default_factory=lambda: Sentences({}))

    def __call__(self, key: str, /, **fields: object) -> str:
        """Text of a key with its fields filled in; `KeyError` where the catalogue has no such key or field."""
        return self.messages[key].format(**fields)

    def has(self, key: str) -> bool:
        """Whether the catalogue knows a key."""
        return key in self.messages

    def listed(self, items: list[str]) -> str:
        """Names in a sentence: a, b and c."""
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {self.messages['and']} {items[-1]}"

    def counted(self, key: str, count: int) -> str:
        """A number of things: the text of `KEY.one` or `KEY.many`."""
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=f"{count:,}")


@cache
def words_in(language: Language) -> Words:
    """Messages of a language."""

    def read(name: str) -> dict[str, Any]:
        read: dict[str, Any] = yaml.safe_load(files("pvbesscar.words").joinpath(name).read_text(encoding="utf-8"))
        return read

    if language == "en":
        return Words(language, read("en.yaml"))
    own, rules, sentences = (read(f"{name}{language}.yaml") for name in ("", "rules_", "findings_"))
    return Words(language, own, rules, Sentences(sentences))
