"""A clean year at the site."""

from __future__ import annotations

import pytest

from pvbesscar.quality.year.context import QualityContext
from tests.quality.years import clean_context


@pytest.fixture(scope="session")
def clean() -> QualityContext:
    return clean_context()
