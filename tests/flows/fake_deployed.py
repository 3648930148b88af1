"""The pipeline with fake stages, for a worker to run: what `tests/flows/conftest.py` deploys beside the real one."""

# No `from __future__ import annotations`, as in flows/training.py.

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flows.pipeline import pipeline
from tests.flows import fake_stages

fake_stages.put_in_place(pytest.MonkeyPatch())

__all__ = ["pipeline"]
