"""The registry of the rules for a dataset folder."""

from __future__ import annotations

from pvbesscar.quality.engine import RuleSet
from pvbesscar.quality.folder.dataset_folder import DatasetFolder

CITYLEARN = "CityLearn 3.0.2"

FOLDER_RULES = RuleSet[DatasetFolder]()
folder_rule = FOLDER_RULES.rule
"""Decorator of a check of `pvbesscar.quality.folder.rules`; the series of a violation is the name of a file."""
