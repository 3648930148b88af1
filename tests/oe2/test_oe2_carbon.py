"""Carbon intensity of the grid: declared, computed from a fuel, or read hour by hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pvbesscar.dataset.build import build
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.stage_settings import ingest_settings, site_files
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.data import load_plant
from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.store.files import read_parquet
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError, QualityError
from schemas.results import Provenance
from schemas.settings import GridSettings, Settings
from tests.builders import scenario

EV = {"chargers": 2, "moto_chargers": 1, "source": "synthetic", "dwell_hours": 3, "declared_kwh": 232_341.0 / 16}


def site(
    root: Path, values: Any = None, header: str = "carbon_g_per_kwh", *, read_again: bool = False, **carbon: Any
) -> Settings:
    """Synthetic site of two chargers whose hourly intensities are in a file."""
    if values is not None:
        values = np.asarray(values)
        stamps = pd.date_range("2025-01-01", periods=len(values), freq="h").strftime("%Y-%m-%d %H:%M")
        pd.DataFrame({"timestamp": stamps, header: values}).to_csv(root / "carbon.csv", index=False)
        carbon = {"source": "file", "file": "carbon.csv", "measure": "marginal"} | carbon
    data, quality = {"root": str(root), "oe2_dir": str(root)}, {"second_reading": read_again}
    return scenario(root, ev=EV, carbon=carbon, data=data, quality=quality)


def hours_in_grams() -> np.ndarray:
    return 600.0 + 10.0 * (np.arange(8760) % 24)


def test_a_file_reaches_dataset_and_simulators(tmp_path: Path) -> None:
    settings = site(tmp_path, hours_in_grams(), read_again=True)
    workspace = Workspace.of(settings)
    provenance = ingest(settings, workspace)
    (own,) = (one for one in provenance.series if one.series == "carbon")
    assert (own.source, own.reader) == ("file", "carbon_csv")
    assert own.sha256 is not None
    assert "marginal carbon intensity of the grid (`carbon.measure`)" in own.notes
    assert "`carbon_g_per_kwh` is `carbon_kg_per_kwh`, in g/kWh" in own.transformations
    assert validate(settings, workspace).findings == ()
    build(settings, workspace)
    expected = (hours_in_grams() / 1000.0).astype(np.float32)
    data = load_plant(workspace.dataset)
    assert np.array_equal(data.carbon, expected.astype(np.float64))
    assert data.params.carbon_scale == data.carbon.max()
    written = pd.read_csv(workspace.dataset / "carbon_intensity.csv")["carbon_intensity"].to_numpy(np.float32)
    assert np.array_equal(written[:-1], expected)
    assert written[-1] == written[0]


def test_a_constant_needs_no_series_and_is_the_same_in_every_hour(tmp_path: Path) -> None:
    settings = site(tmp_path)
    provenance = ingest(settings, Workspace.of(settings))
    assert isinstance(provenance, Provenance)
    assert [one.series for one in provenance.series] == ["weather", "pv", "mall", "sessions"]
    report = validate(settings, Workspace.of(settings))
    # The design's factor is shown as what it can hardly be, and accepted.
    (finding,) = report.findings
    assert (finding.rule, finding.severity) == ("carbon.fuel", "warning")
    assert finding.message == "0.4521 kgCO2/kWh of residual fuel oil ask for an efficiency of 62%"
    build(settings, Workspace.of(settings))
    data = load_plant(Workspace.of(settings).dataset)
    assert np.unique(data.carbon).tolist() == [float(np.float32(0.4521))]
    assert data.params.carbon_scale == 0.4521


@pytest.mark.parametrize(
    ("fuel", "efficiency", "kg_per_kwh"),
    # kg per TJ of IPCC (2006), volume 2, table 2.2, x 3.6e-6 TJ per kWh / efficiency, on paper.
    [("residual_fuel_oil", 0.40, 0.6966), ("diesel", 0.36, 0.741), ("natural_gas", 0.5, 0.40392)],
)
def test_the_factor_of_a_fuel(fuel: Any, efficiency: float, kg_per_kwh: float) -> None:
    grid = GridSettings(fuel=fuel, generation_efficiency=efficiency)
    assert grid.fuel_kg_per_kwh() == pytest.approx(kg_per_kwh, rel=1e-12)


def rules(tmp_path: Path, grid: dict[str, Any], **carbon: Any) -> list[str]:
    settings = scenario(tmp_path, grid=grid, carbon=carbon)
    return [one.rule for one in judge(QualityContext(settings, {})) if one.rule.startswith("carbon")]


def test_the_factor_must_be_possible_with_grid_and_fuel(tmp_path: Path) -> None:
    assert rules(tmp_path, {}) == ["carbon.fuel"]
    assert rules(tmp_path, {"kind": "interconnected"}) == []
    assert rules(tmp_path, {"fuel": "natural_gas"}) == []  # asks for 45 %, which gas turbines have
    assert rules(tmp_path, {"carbon_kg_per_kwh": 0.7}) == []
    assert rules(tmp_path, {}, source="fuel") == []
    assert rules(tmp_path, {"generation_efficiency": 0.62}, source="fuel") == ["carbon.fuel"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [(lambda v: v[:-1], "time.length"), (lambda v: np.where(np.arange(8760) == 7, -1.0, v), "values.negative"),
     (lambda v: np.where(np.arange(8760) == 7, np.nan, v), "values.finite"), (lambda v: v * 10.0, "carbon.hourly")],
    ids=["short", "negative", "missing", "too high"],
)  # fmt: skip
def test_a_false_file_is_refused_with_its_hours(change: Any, rule: str, tmp_path: Path) -> None:
    settings = site(tmp_path, change(hours_in_grams()))
    ingest(settings, Workspace.of(settings))
    with pytest.raises(QualityError, match=rule.replace(".", r"\.")) as refused:
        validate(settings, Workspace.of(settings))
    assert "carbon.csv" in str(refused.value)
    assert not Workspace.of(settings).dataset.exists()


def test_an_average_that_is_zero_was_never_filled_in(tmp_path: Path) -> None:
    settings = site(tmp_path, np.where(np.arange(8760) < 24, 0.0, hours_in_grams()), measure="average")
    ingest(settings, Workspace.of(settings))
    with pytest.raises(QualityError, match=r"carbon\.hourly"):
        validate(settings, Workspace.of(settings))


def test_unit_and_measure_are_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"`carbon\.measure` is required"):
        site(tmp_path, hours_in_grams(), measure=None)
    with pytest.raises(ValidationError, match=r"`carbon\.file` is required"):
        scenario(tmp_path, carbon={"source": "file", "measure": "average"})
    unknown = site(tmp_path, hours_in_grams(), header="carbon_intensity")
    with pytest.raises(InputError, match="the unit of column `carbon_intensity`"):
        ingest(unknown, Workspace.of(unknown))
    known = site(tmp_path, hours_in_grams(), header="carbon_intensity", unit="g/kWh")
    ingest(known, Workspace.of(known))
    frame = read_parquet(Workspace.of(known).canonical / "carbon.parquet")
    assert frame["carbon_kg_per_kwh"].iloc[1] == pytest.approx(0.61)
    other = site(tmp_path, hours_in_grams(), header="wind")
    with pytest.raises(InputError, match="no column holds the carbon intensity"):
        ingest(other, Workspace.of(other))


def test_the_file_is_declared_for_staleness(tmp_path: Path) -> None:
    settings = site(tmp_path, hours_in_grams())
    assert [(one.key, one.path.name) for one in site_files(settings)] == [("carbon.file", "carbon.csv")]
    asked = ingest_settings(RunContext(settings, "smoke"))["carbon"]
    assert {"source", "file", "column", "unit", "measure", "timezone"} <= set(asked)
