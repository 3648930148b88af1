"""What a Spanish reader sees of a finding: no English word, and every figure and name of the English one."""

from __future__ import annotations

import re

from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.report import in_words
from pvbesscar.words import words_in
from schemas.results import Finding

ENGLISH = re.compile(
    r"\b(the|of|and|or|is|are|was|were|with|than|from|at|to|in|on|for|each|every|not|late|early|after|before|hours?|days?"
    r"|months?|rows?|values?|files?|missing|least|above|below|none|once|first|second|names?)\b",
    re.IGNORECASE,
)
OF_OTHERS = {("fills.declared", "message"), ("schema.readable", "observed"), ("schema.readable", "message"),
             ("files.readable", "observed")}  # fmt: skip
"""Parts that hold the words of a person, or of an error of a reader."""

NAMES = re.compile(r"`[^`]*`|\S+\.(?:csv|json|parquet|schema)\S*")


def check_spanish(finding: Finding) -> None:
    """Assert that a finding is wholly in Spanish, with the figures of the English one."""
    said = in_words(finding, words_in("es"), FOLDER_RULES.all())
    for part in ("source", "observed", "limit", "message", "cause", "fix"):
        english, spanish = getattr(finding, part), getattr(said, part)
        if (finding.rule, part) not in OF_OTHERS:
            assert ENGLISH.findall(NAMES.sub("", spanish)) == [], (finding.rule, part, spanish)
        if part in {"source", "observed", "limit", "message"}:
            figures = r"\d(?:[\d.,:]*\d)?"
            assert sorted(re.findall(figures, spanish)) == sorted(re.findall(figures, english)), (part, spanish)
