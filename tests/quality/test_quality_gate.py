"""The gate as a stage: what it writes, what it says, and that nothing disarms it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from pvbesscar.quality import gate
from pvbesscar.quality.gate import validate
from pvbesscar.quality.pandera_checks import fold_failures
from pvbesscar.quality.report import verdict
from pvbesscar.quality.stage_contracts import contract
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.words import words_in
from schemas.errors import QualityError, StaleError
from schemas.frames import structure
from schemas.results import QualityReport, SeriesProvenance
from tests.quality.years import IQUITOS, clean_weather, context_of, settings_for, spoil, write_year

RAW = "/oe2/solar/pv_generation_hourly_citylearn_v2.csv"
MEASURED = SeriesProvenance(
    series="weather",
    source="file",
    reader="weather_csv",
    file=RAW,
    sha256="0" * 64,
    transformations=("`timestamp` is the start of the hour", "`ghi_wm2` is `ghi_w_m2`, unchanged"),
)
MODELLED = SeriesProvenance(
    series="pv", source="model", reader="pvlib", file=RAW, sha256="0" * 64, transformations=("modelled",)
)


@pytest.fixture
def year(tmp_path: Path) -> QualityContext:
    """A clean year whose weather comes from a file and whose PV is modelled from it."""
    sources = {"weather": {"source": "file", "file": RAW}, "pv": {"source": "model"}}
    settings = settings_for(IQUITOS, tmp_path, **sources)
    return context_of(settings, clean_weather(IQUITOS))


def test_a_clean_year_passes_and_leaves_both_reports(year: QualityContext) -> None:
    workspace = write_year(year, MEASURED, MODELLED)
    report = validate(year.settings, workspace)
    assert report.findings == ()
    stored = (workspace.quality / "quality_report.json").read_text(encoding="utf-8")
    assert QualityReport.model_validate_json(stored) == report
    page = (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert f"<b>accepted: no error from {len(report.rules)} rules, 0 other findings.</b>" in page
    assert RAW in page
    assert sorted(path.name for path in workspace.quality.iterdir()) == ["quality_report.html", "quality_report.json"]


def test_the_page_loads_nothing_from_anywhere(year: QualityContext) -> None:
    workspace = write_year(spoil(year, "pv", [3], pv_kwh=900.0), MEASURED)
    with pytest.raises(QualityError):
        validate(year.settings, workspace)
    page = (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href|url|import)\s*[=(]?\s*[\"']?(https?:)?//", page)
    assert "<script" not in page


def test_a_refusal_begins_with_the_number_of_errors_and_the_first_fix(year: QualityContext) -> None:
    workspace = write_year(spoil(year, "pv", [3], pv_kwh=900.0), MEASURED)
    with pytest.raises(QualityError):
        validate(year.settings, workspace)
    report = QualityReport.model_validate_json((workspace.quality / "quality_report.json").read_text(encoding="utf-8"))
    line = verdict(report, words_in("en"))
    assert line.startswith(f"refused: {len(report.errors)} error")
    assert line.endswith(f"{report.errors[0].fix}.")
    page = (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert html.unescape(page.split("<h1>")[1]).index(line) < 200


def test_a_weather_file_without_light_is_refused_by_its_own_name(year: QualityContext) -> None:
    dark = spoil(year, "weather", slice(None), ghi_w_m2=0.0, dni_w_m2=0.0, dhi_w_m2=0.0)
    dark = spoil(dark, "pv", slice(None), pv_kwh=0.0)
    workspace = write_year(dark, MEASURED, MODELLED)
    with pytest.raises(QualityError) as caught:
        validate(year.settings, workspace)
    text = str(caught.value)
    assert caught.value.exit_code == 2
    first = text.split("\n\n")[1]
    assert f"{RAW}, column `ghi_wm2`" in first
    assert "8760 of 8760 values are zero" in first
    assert "hours 0 to 8759 (2025-01-01 00:00 to 2025-12-31 23:00) (8760 h)" in first
    assert "likely cause: the file was emptied" in first
    assert "fix: export the irradiance" in first
    assert "`weather.file`" in first
    assert f"pv (modelled from {RAW})" in text
    stored = json.loads((workspace.quality / "quality_report.json").read_text(encoding="utf-8"))
    assert stored["findings"][0]["rule"] == "solar.all_zero"


def test_all_errors_are_told_at_once(year: QualityContext) -> None:
    spoiled = spoil(spoil(year, "pv", [12], pv_kwh=9000.0), "mall", [5], mall_kwh=float("nan"))
    with pytest.raises(QualityError, match=r"(?s)pv.above_rating.*") as caught:
        validate(year.settings, write_year(spoiled, MEASURED))
    assert "values.finite" in str(caught.value)
    assert "hour 5 (2025-01-01 05:00)" in str(caught.value)


def test_files_that_were_not_ingested_are_refused(year: QualityContext) -> None:
    workspace = write_year(year)
    path = workspace.canonical / "mall.parquet"
    pd.read_parquet(path).assign(mall_kwh=1.0).to_parquet(path)
    with pytest.raises(StaleError, match=re.escape("mall.parquet: missing, or not the file that was ingested")):
        validate(year.settings, workspace)
    (workspace.canonical / "provenance.json").unlink()
    with pytest.raises(StaleError, match="no canonical files here"):
        validate(year.settings, workspace)


def test_a_canonical_series_left_out_is_refused(year: QualityContext) -> None:
    workspace = write_year(year.only(("weather", "pv", "mall")))
    with pytest.raises(QualityError, match="the series `sessions` is missing"):
        validate(year.settings, workspace)


PLANTED = """
from tests.quality.years import IQUITOS, settings_for
from pvbesscar.quality.gate import refuse_planted_zeros
refuse_planted_zeros(settings_for(IQUITOS))
print("refused")
"""


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("PANDERA_VALIDATION_ENABLED", "False"),
        ("PANDERA_VALIDATION_DEPTH", "SCHEMA_ONLY"),
        pytest.param("PANDERA_VALIDATION_DEPTH", "DATA_ONLY", marks=pytest.mark.slow),
    ],
)
def test_no_switch_of_the_environment_lets_a_year_of_zeros_pass(switch: str, value: str, repo_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLANTED], env=os.environ | {switch: value}, cwd=repo_root, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "refused"


def test_a_rule_that_was_emptied_is_noticed(year: QualityContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "judge", lambda _: ())
    with pytest.raises(QualityError, match="a planted year of zeros passed it"):
        validate(year.settings, write_year(year))


def test_a_contract_that_was_emptied_is_noticed(year: QualityContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "contract", lambda series, _: structure(series))
    with pytest.raises(QualityError, match="a planted year of zeros passed it"):
        validate(year.settings, write_year(year))


def test_pandera_contracts_are_made_from_the_registry(year: QualityContext) -> None:
    schema = contract("pv", year)
    assert {"solar.all_zero", "pv.above_rating", "values.finite"} <= {check.name for check in schema.checks}
    schema.validate(year.frames["pv"], lazy=True)
    bright = spoil(year, "pv", [12, 13, 40], pv_kwh=4000.0).frames["pv"]
    with pytest.raises(SchemaErrors) as caught:
        schema.validate(bright, lazy=True)
    folded = {violation.limit: violation for violation in fold_failures("pv", caught.value.failure_cases)}
    assert folded["pv.above_rating"].hours.tolist() == [12, 13, 40]
