"""What tasks do beside their work: retries where they can help, artifacts that the UI can show."""

from __future__ import annotations

import errno
import json

import pytest
from prefect.states import Failed

from pvbesscar.lineage.stages import STAGES
from schemas.errors import ConfigError, InputError, QualityError
from tasks import artifacts
from tasks.retry import may_pass
from tasks.stages import stage_task


def _wrapped(error: Exception) -> Exception:
    outer = InputError("weather.csv: can not be read.")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(errno.EIO, "input/output error"), True),
        (OSError(errno.ESTALE, "stale file handle"), True),
        (_wrapped(OSError(errno.ETIMEDOUT, "timed out")), True),
        (FileNotFoundError(errno.ENOENT, "no such file"), False),
        (OSError(errno.ENOSPC, "no space left"), False),
        (QualityError("all hours are 0"), False),
        (ConfigError("no such key"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(error: Exception, again: bool) -> None:
    assert may_pass(stage_task("ingest"), None, Failed(data=error)) is again


def test_only_stages_that_read_or_write_many_files_are_tried_again() -> None:
    assert {name: stage_task(name).retries for name in STAGES} == {
        "ingest": 2, "validate": 0, "build": 2, "certify": 0, "train-sac": 0, "train-ppo": 0, "train-a2c": 0,
        "evaluate": 0, "publish": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("iquitos_mall", "ranking"), "iquitos-mall-ranking"),
        (("Año 2025!", "SAC"), "a-o-2025-sac"),
        (("_x_", "y"), "x-y"),
    ],
)
def test_artifact_keys_are_plain(parts: tuple[str, ...], key: str) -> None:
    assert artifacts.key(*parts) == key


def test_a_table_stays_below_the_size_that_the_ui_shows_quickly() -> None:
    rows = [{"rule": f"rule {n}", "cause": "x" * 1000} for n in range(2000)]
    kept = artifacts.fitting(rows, "quality_report.json")
    assert len(json.dumps(kept)) < 500_000
    assert kept[-1] == {"rule": f"... {2000 - (len(kept) - 1)} more rows in quality_report.json"}
    assert artifacts.fitting(rows[:3], "") == rows[:3]
