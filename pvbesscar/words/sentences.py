"""Sentences with values in them, said in another language: the English template gives the values, the other takes them.

What a check says of the data is stored in English, so that results are the same in every language. Where a person reads
it, the template that the sentence was made of is found, and what stood in its `{}` is set into the other's, in the same
order; a value that is itself a sentence of the catalogue is said in turn. Figures are copied, never written again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

FIELD = "{}"
_NUMBER = re.compile(r"[+-]?\d[\d.,:%+ -]*( \S+)?")
_LINKS = re.compile(r"\W*(and|to)?\W*")
"""What is left of a template that only links its values: between names of a file it may be part of one."""


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    other: str
    names: tuple[bool, ...]
    """Whether each value is a name within backticks: a key, a column or a file, never words."""
    links: bool


@dataclass(frozen=True)
class Sentences:
    """Templates of one language by those of English; without any, every sentence stays as it is."""

    templates: Mapping[str, str]

    @cached_property
    def _longest_first(self) -> list[_Template]:
        longest = sorted(self.templates, key=lambda one: -len(one.replace(FIELD, "")))
        return [_template(one, self.templates[one]) for one in longest if FIELD in one]

    def __call__(self, text: str, others: Mapping[str, str] | None = None) -> str:
        """Say a sentence.

        Parameters
        ----------
        text
            Sentence in English.
        others
            Whole sentences that are no templates.

        Returns
        -------
        str
            The sentence in this language; `text` itself where no template fits.
        """
        said = self._said(text, others or {})
        return text if said is None else said

    def _said(self, text: str, others: Mapping[str, str]) -> str | None:
        whole = others.get(text) or self.templates.get(text)
        if whole is not None:
            return whole
        for one in self._longest_first:
            found = one.pattern.fullmatch(text)
            if found is None:
                continue
            values = found.groups()
            said = [None if name else self._said(value, others) for name, value in zip(one.names, values, strict=True)]
            if one.links and not all(b is not None or _NUMBER.fullmatch(a) for a, b in zip(values, said, strict=True)):
                continue
            return one.other.format(*(a if b is None else b for a, b in zip(values, said, strict=True)))
        return None


def _template(english: str, other: str) -> _Template:
    parts = english.split(FIELD)
    names = tuple(a.endswith("`") and b.startswith("`") for a, b in pairwise(parts))
    pattern = re.escape(parts[0])
    for name, part in zip(names, parts[1:], strict=True):
        pattern += ("([^`]*)" if name else "(.*?)") + re.escape(part)
    return _Template(re.compile(pattern, re.DOTALL), other, names, bool(_LINKS.fullmatch(english)))
