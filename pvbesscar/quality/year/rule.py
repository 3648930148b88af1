"""The registry of the rules for a canonical year."""

from __future__ import annotations

from pvbesscar.quality.engine import RuleSet
from pvbesscar.quality.year.context import QualityContext

YEAR_RULES = RuleSet[QualityContext]()
rule = YEAR_RULES.rule
"""Decorator of a check of `pvbesscar.quality.year.rules`."""
