"""The stage: what it publishes, that it is the same twice, and that it never puts other data in a file's place."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pvbesscar.oe2.ingest import collect, ingest
from pvbesscar.oe2.readers import input_path
from pvbesscar.oe2.sessions import session_energy_kwh
from pvbesscar.store.files import read_json, sha256_file
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError
from schemas.results import Provenance
from schemas.settings import Settings

MakeSettings = Callable[..., Settings]
FILES = {
    "weather.file": (
        "timestamp,ghi_wm2,dni_wm2,dhi_wm2,temp_air_c,wind_speed_ms\n2024-01-01 11:00,500,300,250,27.5,1.2\n"
    ),
    "pv.file": "timestamp,ac_energy_kwh\n2024-01-01 11:00,1500\n",
    "mall.file": "FECHAHORA;kWh\n13/01/2024 11:00;400\n14/01/2024 11:00;600\n",
    "ev.file": ",".join(f"Charger_{i:02d}" for i in range(1, 33)) + "\n" + ",".join(["1.5"] * 32) + "\n",
}
HOURS = {"timestamps": "start", "interval_minutes": 60}
"""What a row or two can not prove."""
SECTIONS: dict[str, dict[str, Any]] = {
    "weather": {"source": "file", "file": "weather.csv", **HOURS},
    "pv": {"source": "file", "file": "pv.csv", **HOURS},
    "mall": {"source": "file", "file": "mall.csv", **HOURS},
    "ev": {"source": "profile", "file": "ev.csv", "dwell_hours": 3, "stamps": "none"},
}


def read(settings: Settings, name: str) -> pd.DataFrame:
    return pd.read_parquet(Workspace.of(settings).canonical / f"{name}.parquet")


@pytest.fixture
def from_files(make_settings: MakeSettings) -> Settings:
    settings = make_settings(**SECTIONS)
    settings.data.oe2_dir.mkdir()
    for key, content in FILES.items():
        (settings.data.oe2_dir / key.replace(".file", ".csv")).write_text(content, encoding="utf-8")
    return settings


def test_synthetic_year_is_published_whole(make_settings: MakeSettings) -> None:
    settings = make_settings()
    provenance = ingest(settings, Workspace.of(settings))
    folder = Workspace.of(settings).canonical
    names = {"weather.parquet", "pv.parquet", "mall.parquet", "sessions.parquet"}
    assert {path.name for path in folder.iterdir()} == names | {"provenance.json"}
    assert provenance.files == {name: sha256_file(folder / name) for name in names}
    assert Provenance.model_validate(read_json(folder / "provenance.json")) == provenance
    assert {series.source for series in provenance.series} == {"synthetic"}
    assert [str(kind) for kind in read(settings, "weather").dtypes] == ["datetime64[us, America/Lima]"] + [
        "float64"
    ] * 6
    for name in ("weather", "pv", "mall"):
        stamps = read(settings, name)["timestamp"]
        assert (len(stamps), str(stamps.iloc[0])) == (8760, "2025-01-01 00:00:00-05:00")
        assert stamps.diff().dropna().eq(pd.Timedelta(hours=1)).all()
    assert read(settings, "mall")["mall_kwh"].sum() == pytest.approx(3_358_876.0, abs=1e-6)
    assert session_energy_kwh(read(settings, "sessions"), settings.ev).sum() == pytest.approx(232_341.0, abs=1e-6)


def test_the_same_twice_is_the_same_byte_for_byte(make_settings: MakeSettings) -> None:
    first = make_settings()
    digests = ingest(first, Workspace.of(first)).files
    assert ingest(first, Workspace.of(first)).files == digests
    other = make_settings(seed=7)
    changed = ingest(other, Workspace.of(other)).files
    assert all(changed[name] != digest for name, digest in digests.items())


def test_files_become_canonical_rows_unchanged(from_files: Settings) -> None:
    provenance = ingest(from_files, Workspace.of(from_files))
    assert [series.series for series in provenance.series] == ["weather", "pv", "mall", "ev_profile", "sessions"]
    assert read(from_files, "pv")["pv_kwh"].tolist() == [1500.0]
    assert read(from_files, "mall")["mall_kwh"].tolist() == [400.0, 600.0]
    assert read(from_files, "ev_profile").shape == (1, 33)
    assert "relative_humidity" not in read(from_files, "weather")
    sources = {series.series: series for series in provenance.series}
    for name in ("weather", "pv", "mall"):
        file = from_files.data.oe2_dir / f"{name}.csv"
        assert (sources[name].file, sources[name].sha256) == (file.as_posix(), sha256_file(file))
        assert sources[name].source == "file"


def test_mall_is_scaled_only_where_the_scenario_says_so(from_files: Settings) -> None:
    mall = from_files.mall.model_copy(update={"scale_to_declared": True})
    series = collect(from_files.model_copy(update={"mall": mall}))[2]
    assert series.frame["mall_kwh"].tolist() == pytest.approx([0.4 * 3_358_876, 0.6 * 3_358_876])
    step = "scaled by 3358.88 from 1,000.00 kWh to the declared 3,358,876 kWh (`mall.scale_to_declared`)"
    assert series.provenance.transformations[-1] == step


def test_scaling_leaves_gaps_for_the_gate(from_files: Settings) -> None:
    path = from_files.data.oe2_dir / "mall.csv"
    path.write_text(FILES["mall.file"].replace("400", ""), encoding="utf-8")
    mall = from_files.mall.model_copy(update={"scale_to_declared": True})
    series = collect(from_files.model_copy(update={"mall": mall}))[2]
    assert [math.isnan(value) for value in series.frame["mall_kwh"]] == [True, False]
    assert "1 hours without a number stay without one" in series.provenance.transformations[-1]


def test_nothing_can_not_be_scaled(from_files: Settings) -> None:
    path = from_files.data.oe2_dir / "mall.csv"
    path.write_text(FILES["mall.file"].replace("400", "0").replace("600", "0"), encoding="utf-8")
    mall = from_files.mall.model_copy(update={"scale_to_declared": True})
    with pytest.raises(InputError, match=r"mall\.csv \(named by `mall\.file`\): the demand adds up to 0 kWh"):
        collect(from_files.model_copy(update={"mall": mall}))


def test_a_model_takes_the_weather_of_the_scenario(from_files: Settings) -> None:
    pv = from_files.pv.model_copy(update={"source": "model", "file": None})
    weather, energy, *_ = collect(from_files.model_copy(update={"pv": pv}))
    assert energy.provenance.source == "model"
    assert energy.provenance.sha256 == weather.provenance.sha256
    assert 1000.0 < energy.frame["pv_kwh"].iloc[0] < 2500.0
    assert any("4162 kWp DC" in step for step in energy.provenance.transformations)


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("fault", ["deleted", "emptied", "renamed", "text"])
def test_a_bad_file_stops_the_stage_and_leaves_what_was(from_files: Settings, key: str, fault: str) -> None:
    workspace = Workspace.of(from_files)
    before = ingest(from_files, workspace).files
    path = from_files.data.oe2_dir / key.replace(".file", ".csv")
    content = path.read_text(encoding="utf-8")
    header, rest = content.split("\n", 1)
    column = {"weather.file": "ghi_wm2", "pv.file": "ac_energy_kwh", "mall.file": "kWh", "ev.file": "Charger_07"}[key]
    if fault == "deleted":
        path.unlink()
    else:
        cells = rest.replace("500", "S/D", 1).replace("400", "S/D", 1).replace("1.5", "S/D", 1)
        changed = {"emptied": "", "renamed": header.replace(column, "otra") + "\n" + rest, "text": f"{header}\n{cells}"}
        path.write_text(changed[fault], encoding="utf-8")
    with pytest.raises(InputError) as caught:
        ingest(from_files, workspace)
    assert str(path) in caught.value.message
    assert f"`{key}`" in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2
    if fault == "renamed":
        assert "`otra`" in caught.value.message
    if fault == "text":
        assert "S/D" in caught.value.message
    assert {name: sha256_file(workspace.canonical / name) for name in before} == before
    assert not [path for path in workspace.canonical.parent.iterdir() if path.name.startswith(".")]


def test_relative_files_start_from_the_input_folder_absolute_ones_do_not(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with pytest.raises(InputError, match=r"(?s)a\.csv \(named by `pv\.file`\).*set `data\.oe2_dir`"):
        input_path(settings, Path("solar/a.csv"), "pv.file")
    settings.data.oe2_dir.mkdir()
    assert input_path(settings, Path("solar/a.csv"), "pv.file") == settings.data.oe2_dir / "solar/a.csv"
    assert input_path(settings, Path("/elsewhere/a.csv"), "pv.file") == Path("/elsewhere/a.csv")


def test_measured_scenario(repo_root: Path, oe2_dir: Path, tmp_path: Path) -> None:
    raw = yaml.safe_load((repo_root / "config" / "iquitos_oe2.yaml").read_text(encoding="utf-8"))
    settings = Settings.model_validate(raw | {"data": {"oe2_dir": oe2_dir, "root": tmp_path}})
    provenance = ingest(settings, Workspace.of(settings))
    assert {name: len(read(settings, name)) for name in ("weather", "pv", "mall", "ev_profile")} == dict.fromkeys(
        ("weather", "pv", "mall", "ev_profile"), 8760
    )
    assert read(settings, "mall")["mall_kwh"].sum() == pytest.approx(3_358_876.0, abs=1e-6)
    assert read(settings, "pv")["pv_kwh"].sum() / settings.pv.dc_kwp == pytest.approx(1261.46, abs=0.05)
    energy = session_energy_kwh(read(settings, "sessions"), settings.ev)
    assert energy.sum() == pytest.approx(232_340.88591065293, rel=1e-9)
    steps = {series.series: " ".join(series.transformations) for series in provenance.series}
    assert "scaled by 2.81416 from 1,193,561.91 kWh to the declared 3,358,876 kWh" in steps["mall"]
    assert "expanded from 32 chargers to 128 sockets" in steps["sessions"]
    mall = next(series for series in provenance.series if series.series == "mall")
    assert {decision.what: decision.value for decision in mall.decisions} == {
        "encoding": "UTF-8", "separator": ",", "dates": "year first", "time zone": "America/Lima",
        "interval": "60 min", "stamps": "start", "unit": "kW", "decimal mark": "point",
    }  # fmt: skip
    starts = {str(read(settings, name)["timestamp"].iloc[0]) for name in ("weather", "pv", "mall", "ev_profile")}
    assert starts == {"2024-01-01 00:00:00-05:00"}
