"""`pvbesscar size` on a small site: worth of each part, a sweep with its figure, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from tests.builders import mini_dataset, session

CONFIG = """
name: sized
data: {{root: {root}}}
weather: {{source: synthetic}}
pv: {{source: synthetic}}
mall: {{source: synthetic}}
ev: {{source: synthetic, chargers: 2, moto_chargers: 1, dwell_hours: 3}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("sized")
    sun = np.maximum(0.0, np.sin((np.arange(8760) % 24 - 6) / 12 * np.pi)) * 2500.0
    mini_dataset(root, [session(0, 10, 14, 0.5)], pv_kwh=sun, mall_kwh=600.0)
    path = root / "sized.yaml"
    path.write_text(CONFIG.format(root=root))
    return ["size", "--config", str(path), "--no-mpc"]


def test_what_one_more_is_worth(config: list[str]) -> None:
    told = CliRunner().invoke(app, [*config, "--markdown", "--set", "grid.import_limit_kw=1000"])
    assert told.exit_code == 0, told.output
    assert "| kWh of battery | 4,520 |" in told.output
    assert "| kW of grid | 1,000 | 0.00 | 0.00 | - |" in told.output
    assert "upper limit" in told.output


def test_a_sweep_over_two_parts(config: list[str], tmp_path: Path) -> None:
    sweep = ["--sweep", "bess_kwh=4520,6000", "--sweep", "pv_kwp=3000,4162", "--figure", str(tmp_path / "sizes.svg")]
    told = CliRunner().invoke(app, [*config, *sweep, "--csv"])
    assert told.exit_code == 0, told.output
    rows = [line.split(",") for line in told.stdout.splitlines()]
    assert rows[0][:2] == ["bess_kwh", "pv_kwp"]
    bills = [float(row[-1]) for row in rows[1:]]
    # More of either costs no more.
    assert bills[0] >= max(bills[1:]) >= min(bills[1:]) == bills[3]
    assert (tmp_path / "sizes.svg").stat().st_size > 1000


def test_refusals(config: list[str]) -> None:
    for arguments, words in (
        (["--sweep", "roof=1,2"], "is none of"),
        (["--sweep", "bess_kwh=many"], "no list of numbers"),
        (["--sweep", "bess_kwh=0"], "must be above 0"),
        (["--figure", "x.svg"], "nothing to draw"),
        (["--set", "grid.import_limit_kw=10"], "10 kW of connection do not carry"),
    ):
        told = CliRunner().invoke(app, [*config, *arguments], env={"COLUMNS": "200"})
        assert told.exit_code != 0
        assert words in told.output, told.output
