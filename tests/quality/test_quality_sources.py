"""The gate behind `ingest`: the synthetic default, the measured files, and the faults that stopped nobody before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pvbesscar.config import load_settings
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError, PvbesscarError, QualityError
from schemas.results import QualityReport

SOLAR = "solar/pv_generation_hourly_citylearn_v2.csv"


def run(repo_root: Path, config: str, *overrides: str) -> QualityReport:
    settings = load_settings(repo_root / "config" / config, overrides).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    return validate(settings, workspace)


@pytest.mark.parametrize("seed", [42, 7])
def test_the_synthetic_default_has_one_warning_its_carbon_factor(repo_root: Path, tmp_path: Path, seed: int) -> None:
    report = run(repo_root, "iquitos_mall.yaml", f"data.root={tmp_path}", f"seed={seed}")
    assert [(finding.rule, finding.severity) for finding in report.findings] == [("carbon.fuel", "warning")]
    assert len(report.rules) > 35


def test_the_measured_files_have_no_error_and_their_findings_are_shown(
    repo_root: Path, tmp_path: Path, oe2_dir: Path
) -> None:
    report = run(repo_root, "iquitos_oe2.yaml", f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}")
    assert report.errors == ()
    seen = {(finding.rule, finding.severity, finding.column) for finding in report.findings}
    assert ("weather.negative_wind", "warning", "wind_speed_ms") in seen
    assert ("time.calendar", "warning", "timestamp") in seen


def test_the_metered_mall_is_accepted_with_the_energy_that_was_metered(
    repo_root: Path, tmp_path: Path, oe2_dir: Path
) -> None:
    report = run(repo_root, "iquitos_metered.yaml", f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}")
    assert report.errors == ()
    # The mall was without power for 28 hours; they stay as they were metered.
    assert {f.n_hours for f in report.findings if f.rule == "mall.outage"} == {28}
    settings = load_settings(repo_root / "config" / "iquitos_metered.yaml").settings
    mall = pd.read_parquet(Workspace.of(settings.model_copy(update={"data": settings.data.model_copy(
        update={"root": tmp_path})})).canonical / "mall.parquet")  # fmt: skip
    assert mall["mall_kwh"].sum() == settings.mall.declared_kwh == 12_368_653.0


def test_the_metered_mall_on_the_medium_voltage_tariff_is_accepted(
    repo_root: Path, tmp_path: Path, oe2_dir: Path
) -> None:
    report = run(repo_root, "iquitos_mt.yaml", f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}")
    assert report.errors == ()
    assert {finding.rule for finding in report.findings if finding.rule.startswith("tariff.")} == set()


def copy_with_solar(oe2_dir: Path, target: Path, frame: pd.DataFrame | None) -> Path:
    shutil.copytree(oe2_dir, target, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    (target / SOLAR).unlink()
    if frame is not None:
        frame.to_csv(target / SOLAR, index=False)
    return target


def refused(repo_root: Path, tmp_path: Path, oe2_dir: Path, frame: pd.DataFrame | None) -> PvbesscarError:
    folder = copy_with_solar(oe2_dir, tmp_path / "oe2", frame)
    with pytest.raises(PvbesscarError) as caught:
        run(repo_root, "iquitos_oe2.yaml", f"data.root={tmp_path}", f"data.oe2_dir={folder}")
    assert caught.value.exit_code == 2
    assert str(folder / SOLAR) in str(caught.value)
    assert "Hint:" in str(caught.value)
    return caught.value


def test_a_solar_file_emptied_of_light(repo_root: Path, tmp_path: Path, oe2_dir: Path) -> None:
    frame = pd.read_csv(oe2_dir / SOLAR)
    light = ["ghi_wm2", "dni_wm2", "dhi_wm2"]
    error = refused(repo_root, tmp_path, oe2_dir, frame.assign(**dict.fromkeys(light, 0.0)))
    assert isinstance(error, QualityError)
    assert all(f"column `{column}`: the whole year is dark" in str(error) for column in light)
    assert "8760 of 8760 values are zero" in str(error)


def test_a_solar_file_that_is_gone(repo_root: Path, tmp_path: Path, oe2_dir: Path) -> None:
    assert isinstance(refused(repo_root, tmp_path, oe2_dir, None), InputError)


def test_a_solar_file_with_a_renamed_column(repo_root: Path, tmp_path: Path, oe2_dir: Path) -> None:
    frame = pd.read_csv(oe2_dir / SOLAR).rename(columns={"ghi_wm2": "luz"})
    error = refused(repo_root, tmp_path, oe2_dir, frame)
    assert isinstance(error, InputError)
    assert "ghi" in str(error)
