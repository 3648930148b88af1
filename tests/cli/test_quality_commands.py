"""`pvbesscar validate PATH...` and `pvbesscar quality rules`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.year.context import IRRADIANCE, QualityContext
from pvbesscar.quality.year.rules import YEAR_RULES
from tests.quality.years import clean_context


@pytest.fixture(scope="module")
def year() -> QualityContext:
    return clean_context()


def written(year: QualityContext, folder: Path, **columns: object) -> Path:
    """Weather of a clean year as a CSV file, with columns replaced."""
    frame = year.frames["weather"].assign(**columns)
    frame["timestamp"] = pd.DatetimeIndex(frame["timestamp"]).tz_localize(None)
    path = folder / "weather.csv"
    frame.to_csv(path, index=False)
    return path


def judged(*paths: Path) -> tuple[int, list[dict[str, object]]]:
    answer = CliRunner().invoke(app, ["validate", *map(str, paths), "--json"])
    return answer.exit_code, json.loads(answer.stdout)


def test_a_clean_weather_file_is_recognised_and_has_no_finding(year: QualityContext, tmp_path: Path) -> None:
    code, (file,) = judged(written(year, tmp_path))
    assert (code, file["kinds"], file["findings"]) == (0, ["weather"], [])
    assert file["steps"]


def test_a_file_without_light_ends_with_two(year: QualityContext, tmp_path: Path) -> None:
    path = written(year, tmp_path, ghi_w_m2=0.0)
    code, (file,) = judged(path)
    assert code == 2
    first = file["findings"][0]  # type: ignore[index] (JSON)
    assert (first["rule"], first["severity"], first["column"]) == ("solar.all_zero", "error", "ghi_w_m2")
    table = CliRunner().invoke(app, ["validate", str(path)])
    assert table.exit_code == 2
    assert f"{path}: weather; " in table.stdout
    assert "solar.all_zero" in table.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["weather.csv"]


def test_a_file_is_judged_in_spanish_where_the_report_is(year: QualityContext, tmp_path: Path) -> None:
    dark = {name: year.values("weather", name).copy() for name in IRRADIANCE}
    for values in dark.values():
        values[2400:2424] = 0.0
    path, options = written(year, tmp_path, **dark), ["--set", "report.language=es"]
    said = CliRunner().invoke(app, ["validate", str(path), *options], env={"COLUMNS": "600"}).stdout
    assert f"{path}: weather; 2 errores, " in said
    assert "1 días están a oscuras" in said
    # The command of the remedy is the one to type, for this scenario.
    assert "`pvbesscar fetch pvgis --set report.language=es`" in said
    # What a machine reads is the same in every language.
    as_json = CliRunner().invoke(app, ["validate", str(path), "--json", *options]).stdout
    assert "1 days are dark" in as_json


def test_demand_is_judged_against_the_declared_energy(year: QualityContext, tmp_path: Path) -> None:
    path = tmp_path / "mall.csv"
    frame = year.frames["mall"].assign(mall_kwh=year.values("mall", "mall_kwh") * 2)
    frame["timestamp"] = pd.DatetimeIndex(frame["timestamp"]).tz_localize(None)
    frame.to_csv(path, index=False)
    code, (file,) = judged(path)
    assert (code, file["kinds"]) == (2, ["mall"])
    assert [f["rule"] for f in file["findings"]] == ["energy.mall_declared"]  # type: ignore[attr-defined, index] (JSON)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "none of its headers says what the file is"),
        ("timestamp,energia_kwh\n2025-01-01 00:00,1\n", "may be generation or demand"),
        ("", "is empty"),
    ],
)
def test_a_file_that_says_nothing_is_an_error_and_no_guess(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    code, (file,) = judged(path)
    (finding,) = file["findings"]  # type: ignore[misc] (JSON)
    assert (code, finding["rule"]) == (2, "file.readable")
    assert said in finding["observed"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    code, (file,) = judged(tmp_path / "gone.csv")
    assert code == 2
    assert "does not exist" in file["findings"][0]["observed"]  # type: ignore[index] (JSON)


def test_the_rules_are_those_of_the_registry() -> None:
    answer = CliRunner().invoke(app, ["quality", "rules", "--json"])
    listed = {rule["id"]: rule for rule in json.loads(answer.stdout)}
    assert list(listed) == [rule.id for rule in (*YEAR_RULES.all(), *FOLDER_RULES.all())]
    assert listed["solar.all_zero"]["waivable"] is False
    assert listed["mall.outage"]["waivable"] is True
    assert listed["files.missing"]["folder"] == "schema.json, names of files"
    table = CliRunner().invoke(app, ["quality", "rules"])
    assert all(rule.id in table.stdout for rule in (*YEAR_RULES.all(), *FOLDER_RULES.all()))
