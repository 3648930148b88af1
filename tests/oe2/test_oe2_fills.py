"""Declared fills: applied as declared, marked hour by hour, and refused where they would be a fabrication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.files import judge_file
from pvbesscar.report.origin import is_measured, origin
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in
from schemas.errors import InputError
from schemas.results import Provenance
from schemas.settings import Settings
from tests.quality.years import IQUITOS, clean_context, clean_weather, settings_for

WEEK = slice(24 * 70, 24 * 77)
"""12 to 18 March."""
LIGHT = ["ghi_w_m2", "dni_w_m2", "dhi_w_m2"]
OFF = {"reason": "the logger was off for a week"}


def write(frame: pd.DataFrame, path: Path) -> None:
    frame.assign(timestamp=frame["timestamp"].map(lambda stamp: stamp.isoformat())).to_csv(path, index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose weather lacks a week of light and whose meter lacks 60 rows, with data to fill them from."""
    there = tmp_path_factory.mktemp("oe2")
    year = clean_context(IQUITOS, 3)
    dark = year.frames["weather"].copy()
    dark.loc[WEEK.start : WEEK.stop - 1, LIGHT] = 0.0
    write(dark, there / "weather.csv")
    write(year.frames["mall"].drop(index=range(4000, 4060)), there / "mall.csv")
    write(clean_weather(IQUITOS, 2025, 77), there / "satellite.csv")
    write(clean_weather(IQUITOS, 2023, 78), there / "satellite_2023.csv")
    write(dark.assign(wind_speed_m_s=1.0), there / "also_dark.csv")
    return there


def scenario(folder: Path, root: Path, *fills: dict[str, Any], **more: Any) -> Settings:
    sections: dict[str, Any] = {
        "data": {"root": str(root), "oe2_dir": str(folder)},
        "weather": {"source": "file", "file": "weather.csv"},
        "pv": {"source": "model"},
        "mall": {"source": "file", "file": "mall.csv", "scale_to_declared": True},
        "fills": fills,
    }
    return settings_for(IQUITOS, root, **sections | more)


LIGHT_FILL = {"series": "weather", "start": "2025-03-12 00:00", "hours": 168, "source": "file", **OFF}
MALL_FILL = {"series": "mall", "start": "2025-06-16 16:00", "hours": 60, "source": "typical_week", **OFF}


def test_declared_fills_mend_a_year_and_are_told_everywhere(folder: Path, tmp_path: Path) -> None:
    settings = scenario(folder, tmp_path, LIGHT_FILL | {"file": "satellite.csv"}, MALL_FILL)
    workspace = Workspace.of(settings)
    provenance = ingest(settings, workspace)
    marks = pd.read_parquet(workspace.canonical / "fills.parquet")
    assert marks.groupby("series").size().to_dict() == {"mall": 60, "pv": 168, "weather": 168}
    weather = pd.read_parquet(workspace.canonical / "weather.parquet")
    satellite = clean_weather(IQUITOS, 2025, 77)
    assert np.allclose(weather.loc[WEEK, "ghi_w_m2"], satellite.loc[WEEK, "ghi_w_m2"])
    mall = pd.read_parquet(workspace.canonical / "mall.parquet")
    same = (mall["timestamp"].dt.day_of_week == 1) & (mall["timestamp"].dt.hour == 12)
    hour = mall["timestamp"] == pd.Timestamp("2025-06-17 12:00", tz="America/Lima")
    assert len(mall) == 8760
    assert mall.loc[hour, "mall_kwh"].item() == pytest.approx(mall.loc[same & ~hour, "mall_kwh"].mean())
    report = validate(settings, workspace)
    assert report.errors == ()
    assert {(f.rule, f.n_hours) for f in report.findings} == {("fills.declared", 168), ("fills.declared", 60)}
    page = (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert page.index("<b>Filled.</b>") < page.index("Where the data comes from")
    assert OFF["reason"] in page
    line = origin(provenance, words_in("en"))
    assert not is_measured(provenance)
    assert "FILLED, NOT MEASURED: 168 hours of" in line
    assert line.count(" are filled from ") == 2
    stored = Provenance.model_validate_json((workspace.canonical / "provenance.json").read_text(encoding="utf-8"))
    assert [len(entry.fills) for entry in stored.series] == [1, 1, 1, 0]


def test_a_year_without_fills_has_no_marks(folder: Path, tmp_path: Path) -> None:
    settings = scenario(folder, tmp_path)
    assert "fills.parquet" not in ingest(settings, Workspace.of(settings)).files


def test_the_same_dates_of_another_year_may_fill(folder: Path, tmp_path: Path) -> None:
    settings = scenario(folder, tmp_path, LIGHT_FILL | {"file": "satellite_2023.csv", "from_year": 2023})
    ingest(settings, Workspace.of(settings))
    weather = pd.read_parquet(Workspace.of(settings).canonical / "weather.parquet")
    assert np.allclose(weather.loc[WEEK, "ghi_w_m2"], clean_weather(IQUITOS, 2023, 78).loc[WEEK, "ghi_w_m2"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"file": "also_dark.csv"}, "are dark in `ghi_w_m2`"),
        ({"file": "weather.csv"}, "the file to fill from is the one that is filled"),
        ({"file": "satellite_2023.csv"}, "holds 0 of the 168 hours"),
        ({"file": "nowhere.csv"}, "does not exist"),
        ({"file": "satellite.csv", "columns": ["light"]}, "`light` is in the series"),
    ],
)
def test_a_fill_that_would_be_a_fabrication_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    settings = scenario(folder, tmp_path, LIGHT_FILL | change)
    with pytest.raises(InputError, match=said):
        ingest(settings, Workspace.of(settings))


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (LIGHT_FILL | {"source": "typical_week"}, "never from itself"),
        (LIGHT_FILL, "`file` is required"),
        (LIGHT_FILL | {"file": "s.csv", "hours": 300}, "262 h are allowed"),
        (LIGHT_FILL | {"file": "s.csv", "reason": "off"}, "reason"),
        (LIGHT_FILL | {"file": "s.csv", "start": "2025-03-12 00:30"}, "full hour"),
        ({"series": "pv", "start": "2025-03-12 00:00", "hours": 2, "source": "weather", **OFF}, "nothing to fill"),
    ],
)
def test_the_configuration_refuses_what_is_no_honest_fill(
    folder: Path, tmp_path: Path, fill: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        scenario(folder, tmp_path, fill)


def test_no_more_than_a_twentieth_of_a_year_may_be_filled(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"less than or equal to 0\.05"):
        scenario(folder, tmp_path, quality={"fill_share": 0.06})


def test_a_file_that_the_scenario_names_is_judged_with_its_fills(folder: Path, tmp_path: Path) -> None:
    settings = scenario(folder, tmp_path, MALL_FILL)
    judged = judge_file(folder / "mall.csv", settings)
    assert [(f.rule, f.severity) for f in judged.findings] == [("fills.declared", "info")]
    assert {f.rule for f in judge_file(folder / "mall.csv", scenario(folder, tmp_path)).findings} >= {"time.gaps"}
