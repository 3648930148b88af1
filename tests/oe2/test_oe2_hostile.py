"""Whatever is planted is read right or refused in words with exit code 2, and nothing else on the disk changes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.config import known_keys, load_settings
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.energy_file import read_mall, read_pv
from pvbesscar.oe2.ingest import ingest
from pvbesscar.oe2.limits import MAX_BYTES, MAX_COLUMNS, MAX_ROWS
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.sessions import sessions_from_profile
from pvbesscar.oe2.sessions_file import read_sessions
from pvbesscar.oe2.weather_file import read_weather
from pvbesscar.quality.gate import accepted
from pvbesscar.store.files import read_parquet, sha256_json, write_json, write_parquet
from pvbesscar.store.workspace import Workspace
from schemas.errors import ConfigError, InputError, OutputError, PvbesscarError, StaleError
from schemas.results import Provenance, QualityReport
from schemas.settings import EvSettings, MallSettings, PvSettings, Settings, SiteSettings, WeatherSettings
from tests.oe2 import hostile

SITE = SiteSettings()
GAPS = {"", "nan", "na", "n/a", "null", "none"}
"""Cells that say that a value is missing."""
QUICK, SLOW = 40, 800
"""Cases of each test in the quick and in the slow run."""
many = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}
quick, slow = settings(max_examples=QUICK, **many), settings(max_examples=SLOW, **many)


def read(kind: str, path: Path, keys: dict[str, Any]) -> Series:
    """Read a file as one kind of series, and derive sessions where that follows."""
    given_keys = {"source": "file", "file": path, **keys}
    ev = {"file": path, "dwell_hours": 3, "chargers": 2, "moto_chargers": 1, "sockets_per_charger": 2, **keys}
    if kind == "weather":
        return read_weather(path, "weather.file", SITE, WeatherSettings.model_validate(given_keys))
    if kind == "pv":
        return read_pv(path, "pv.file", SITE, PvSettings.model_validate(given_keys))
    if kind == "mall":
        return read_mall(path, "mall.file", SITE, MallSettings.model_validate(given_keys))
    if kind == "profile":
        plan = EvSettings.model_validate({"source": "profile", **ev})
        return sessions_from_profile(read_profile(path, "ev.file", SITE, plan), plan)
    synthetic = {name: {"source": "synthetic"} for name in ("weather", "pv", "mall")}
    raw = {"name": "x", **synthetic, "ev": {"source": "sessions", **ev}}
    return read_sessions(path, "ev.file", Settings.model_validate(raw))


def check_words(error: PvbesscarError) -> None:
    """An error that a person can read, and the exit code of bad input."""
    assert error.exit_code == 2
    assert 10 < len(str(error)) < 20_000


def check_read(kind: str, path: Path, keys: dict[str, Any]) -> bool:
    """Read or refuse; what is read holds finite numbers or gaps, and stamps in the site's time."""
    try:
        series = read(kind, path, keys)
    except InputError as error:
        check_words(error)
        return False
    numbers = series.frame.select_dtypes("number").to_numpy(np.float64)
    assert not np.isinf(numbers).any()
    assert np.nanmax(np.abs(numbers), initial=0.0) < 1e20
    if "timestamp" in series.frame:
        assert str(series.frame["timestamp"].dt.tz) == SITE.timezone
    assert series.provenance.decisions
    return True


def fuzz_readers(folder: Path, kind: str, data: bytes, keys: dict[str, Any]) -> None:
    path = folder / "input.csv"
    path.write_bytes(data)
    check_read(kind, path, keys)
    assert path.read_bytes() == data
    assert [entry.name for entry in folder.iterdir()] == ["input.csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module")
def stored_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


def readers_test(budget: settings) -> Callable[..., None]:
    @budget
    @given(file=hostile.files, keys=hostile.keys)
    def test(folder: Path, file: tuple[str, bytes], keys: dict[str, Any]) -> None:
        fuzz_readers(folder, *file, keys)

    return test


def values_test(budget: settings) -> Callable[..., None]:
    @budget
    @given(
        replaced=st.dictionaries(st.integers(0, 47), hostile.cells, min_size=1, max_size=4),
        mark=st.sampled_from([",", ";", "\t", "|"]),
    )
    def test(folder: Path, replaced: dict[int, str], mark: str) -> None:
        cells = [replaced.get(i, "1.5") for i in range(48)]
        rows = hostile.year("kwh", "?").splitlines()[1:]
        text = "\n".join(["timestamp,kwh", *(row.replace("?", cell) for row, cell in zip(rows, cells, strict=True))])
        path = folder / "input.csv"
        path.write_bytes(text.replace(",", mark).encode("utf-8", "replace"))
        try:
            found = read_mall(path, "mall.file", SITE).frame["mall_kwh"].tolist()
        except InputError as error:
            check_words(error)
            return
        # What is accepted is what stands there, as another reader of decimal numbers understands it.
        expected = [math.nan if cell.strip().casefold() in GAPS else float(Decimal(cell.strip())) for cell in cells]
        np.testing.assert_array_equal(found, expected)

    return test


def configuration_test(budget: settings) -> Callable[..., None]:
    @budget
    @given(data=hostile.configurations(sorted(known_keys())), override=st.lists(hostile.overrides, max_size=1))
    def test(folder: Path, data: bytes, override: list[str]) -> None:
        path = folder / "input.csv"
        path.write_bytes(data)
        try:
            loaded = load_settings(path, override)
            Workspace.of(loaded.settings)
        except ConfigError as error:
            check_words(error)
        assert [entry.name for entry in folder.iterdir()] == ["input.csv"]

    return test


FILES = {"pv.parquet": "0" * 64}
STORED: dict[str, Any] = {
    "canonical": Provenance(scenario="x", seed=0, series=(), files=FILES).model_dump(mode="json"),
    "quality": QualityReport(
        scenario="x", canonical_digest=sha256_json(FILES), rules=("a",), findings=()
    ).model_dump(mode="json"),
}  # fmt: skip


def stored_test(budget: settings) -> Callable[..., None]:
    @budget
    @given(
        which=st.sampled_from(["canonical", "quality", "manifest", "certificate", "metrics"]),
        data=hostile.mutated(json.dumps(STORED["quality"]).encode()),
    )
    def test(stored_folder: Path, which: str, data: bytes) -> None:
        from pvbesscar.agents.artifacts import read_metrics
        from pvbesscar.plant.certificate import require_certificate
        from pvbesscar.store.dataset_manifest import read_manifest

        workspace = Workspace(stored_folder, "x")
        path, reading = {
            "canonical": (workspace.canonical / "provenance.json", lambda: accepted(workspace)),
            "quality": (workspace.quality / "quality_report.json", lambda: accepted(workspace)),
            "manifest": (workspace.dataset / "manifest.json", lambda: read_manifest(workspace.dataset)),
            "certificate": (workspace.certificate, lambda: require_certificate(workspace)),
            "metrics": (workspace.training_metrics("sac"), lambda: read_metrics("sac", workspace)),
        }[which]
        if which == "quality":
            parquet = workspace.canonical / "pv.parquet"
            write_parquet(parquet, pd.DataFrame({"x": [1.0]}))
            files = {"pv.parquet": hashlib.sha256(parquet.read_bytes()).hexdigest()}
            write_json(workspace.canonical / "provenance.json", STORED["canonical"] | {"files": files})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if which == "metrics":
            assert reading() is None
        else:
            with pytest.raises(StaleError) as caught:
                reading()
            assert caught.value.exit_code == 2

    return test


test_readers = readers_test(quick)
test_values = values_test(quick)
test_configuration = configuration_test(quick)
test_stored_results = stored_test(quick)
test_readers_at_length = pytest.mark.slow(readers_test(settings(slow, max_examples=2 * SLOW)))
test_values_at_length = pytest.mark.slow(values_test(slow))
test_configuration_at_length = pytest.mark.slow(configuration_test(slow))
test_stored_results_at_length = pytest.mark.slow(stored_test(slow))


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_places_that_are_no_files(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    (tmp_path / "device").symlink_to("/dev/zero")
    names = ["pipe", "loop", "dangling", "device", "absent", ".", "absent/deeper", "pipe/deeper"]
    for path in [
        *(tmp_path / name for name in names),
        Path("/dev/zero"),
        Path("/proc/self/mem"),
        tmp_path / ("x" * 900),
    ]:
        with pytest.raises(InputError) as caught:
            read(kind, path, {})
        assert caught.value.hint
    for path in (Path("a\0b"), tmp_path / ("x" * 300), Path("/" + "x/" * 5000)):
        with pytest.raises(InputError):
            read_table(path, "mall.file")


def test_a_symbolic_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text(hostile.year("kwh", "1.5"))
    (tmp_path / "here.csv").symlink_to("there.csv")
    assert read("mall", tmp_path / "here.csv", {}).frame["mall_kwh"].sum() == 72.0


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.csv"
    path.write_text(hostile.year("kwh", "1"))

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(InputError, match="can not be read: Permission denied"):
        read("mall", path, {})


def test_huge_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"has 134,217,729 bytes; an input file has at most"):
        read("mall", path, {})
    path.write_text("kwh\n" + "1\n" * (MAX_ROWS + 1))
    with pytest.raises(InputError, match=r"more than 600,000 rows"):
        read("mall", path, {})
    path.write_text(",".join(f"c{i}" for i in range(MAX_COLUMNS + 1)) + "\n1\n")
    with pytest.raises(InputError, match=r"1,001 columns"):
        read("mall", path, {})


def tree(folder: Path) -> dict[str, str]:
    """Every entry of a folder with its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = (
            path.read_bytes() if stat.S_ISREG(mode) else str(path.readlink()).encode() if path.is_symlink() else b""
        )
        found[str(path.relative_to(folder))] = f"{stat.S_IFMT(mode)} {hashlib.sha256(content).hexdigest()}"
    return found


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("root/data/interim/canonical/x", "folder"), ("root/data/interim/canonical/x", "file"), ("root/data", "folder"),
        ("root/outputs", "folder"), ("root/checkpoints/SAC", "folder"), ("root", "file"), ("root", "loop"),
    ],
)  # fmt: skip
def test_nothing_is_written_through_links_and_nothing_is_lost(tmp_path: Path, place: str, content: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    target = {"folder": outside, "file": outside / "kept.txt", "loop": path}[content]
    if place == "root" and content == "file":
        path.write_text("a file")
    else:
        path.symlink_to(target)
    before = tree(tmp_path)
    raw = {name: {"source": "synthetic"} for name in ("weather", "pv", "mall")}
    scenario = Settings.model_validate(
        {"name": "x", "data": {"root": path if place == "root" else tmp_path / "root", "dataset_name": "x"}, **raw,
         "ev": {"source": "synthetic", "dwell_hours": 3}}
    )  # fmt: skip
    with pytest.raises(PvbesscarError) as caught:
        ingest(scenario, Workspace.of(scenario))
    assert caught.value.exit_code == 2
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "/abs", ".", "", "a\0b", "x" * 65, "-rf", ".hidden"])
def test_a_dataset_name_is_no_path(tmp_path: Path, name: str) -> None:
    before = tree(tmp_path)
    words = ["ingest", "--set", f"data.root={tmp_path}", "--set", f"data.dataset_name='{name}'"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "`data.dataset_name`" in result.output or "can not be read" in result.output
    assert tree(tmp_path) == before


def test_input_from_anywhere_writes_nothing_there(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "oe2"
    outside.mkdir(parents=True)
    (outside / "mall.csv").write_text(hostile.year("kwh", "1.5"))
    root = tmp_path / "root"
    root.mkdir()
    before = tree(tmp_path / "elsewhere")
    config = Path(__file__).resolve().parents[2] / "config" / "iquitos_mall.yaml"
    words = ["ingest", "-c", str(config), "--set", f"data.root={root}", "--set", "mall.source=file"]
    words += ["--set", f"mall.file={root}/../elsewhere/oe2/mall.csv"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert tree(tmp_path / "elsewhere") == before
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "root"}
    assert [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", denied)
    with pytest.raises(OutputError, match=r"x\.json can not be written: Permission denied"):
        write_json(tmp_path / "x.json", {})


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", hostile.parquet_like(7), hostile.parquet_like(70_000), b"\0" * 1000, b"PAR1PAR1"]
)
def test_parquet_that_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(StaleError, match="no Parquet file that can be read"):
        read_parquet(path)


def test_provenance_that_points_elsewhere(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "x")
    (tmp_path / "secret").write_text("x")
    files = {"../../../../secret": hashlib.sha256(b"x").hexdigest()}
    write_json(workspace.canonical / "provenance.json", STORED["canonical"] | {"files": files})
    with pytest.raises(StaleError, match="no file of this folder"):
        accepted(workspace)
    path = workspace.canonical / "provenance.json"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StaleError):
        accepted(workspace)
