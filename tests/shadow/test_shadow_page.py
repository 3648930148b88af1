"""docs/shadow.md and the command say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.plant.data import load_plant
from pvbesscar.shadow import hours, judge
from pvbesscar.shadow.example import NOTE_FILE
from pvbesscar.shadow.source import Snapshot
from pvbesscar.shadow.telemetry import COLUMNS, parse
from pvbesscar.store.workspace import Workspace
from schemas.settings import Settings
from tests.shadow.sites import ROOT_CONFIG

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "shadow.md").read_text(encoding="utf-8")


def test_the_columns_of_the_page_are_those_that_are_read() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: (unit, what) for name, unit, what in rows if name in COLUMNS} == dict(COLUMNS)
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    told = parse(Snapshot("page", example), "shadow.telemetry", "America/Lima", 128)
    (reading,) = told.readings.values()
    assert reading.left_over_kw == pytest.approx(0.0)


def test_every_rule_that_leaves_an_hour_out_is_on_the_page() -> None:
    rules = {
        *judge.OF_A_ROW, *judge.OF_A_RUN, judge.FINITE, judge.BALANCE, judge.SOC_RANGE, judge.SOC_STUCK,
        hours.GAP, hours.NO_STATE, hours.NO_HISTORY, "time.duplicates",
    }  # fmt: skip
    assert [rule for rule in rules if f"`{rule}`" not in PAGE] == []


def test_the_example_says_that_it_is_synthetic(small: Settings, tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(ROOT_CONFIG.format(root=small.data.root, name="x"))
    folder = tmp_path / "example"
    answer = CliRunner().invoke(app, ["shadow", "--config", str(config), "--example", str(folder), "--days", "2"])
    assert answer.exit_code == 0, answer.output
    telemetry, sessions = map(Path, answer.output.split())
    assert "synthetic" in telemetry.name
    assert "synthetic" in sessions.name
    note = (folder / NOTE_FILE).read_text()
    assert note.startswith("# Synthetic telemetry\n\nNo site has measured this: 48 hours of dataset")
    data = load_plant(Workspace.of(small).dataset)
    told = parse(Snapshot("x", telemetry.read_text()), "k", small.site.timezone, data.params.sockets)
    assert len(told.readings) == 48
    for t, reading in enumerate(told.readings.values()):
        assert (reading.pv_kw, reading.mall_kw) == (data.pv_kwh[t], data.mall_kwh[t])
        # What the twin exchanges is what its meters say.
        assert reading.left_over_kw == pytest.approx(0.0, abs=1e-3)
        assert sum(reading.socket_kwh or ()) == pytest.approx(reading.ev_kw)


def test_the_command_says_what_it_lacks(small: Settings, tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(ROOT_CONFIG.format(root=small.data.root, name="x"))
    answer = CliRunner().invoke(app, ["shadow", "--config", str(config)])
    assert answer.exit_code == 2
    assert "`shadow.telemetry` is not set" in answer.output
