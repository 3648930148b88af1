"""A scenario with a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Settings

SYNTHETIC = {
    "weather": {"source": "synthetic"},
    "pv": {"source": "synthetic"},
    "mall": {"source": "synthetic"},
    "ev": {"source": "synthetic", "dwell_hours": 3},
}

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Build a scenario under `tmp_path`: synthetic but for the sections given; inputs are in `tmp_path/oe2`."""

    def make(**sections: Any) -> Settings:
        data = {"root": tmp_path / "root", "oe2_dir": tmp_path / "oe2"}
        return Settings.model_validate({"name": "test", "data": data, **SYNTHETIC, **sections})

    return make
