"""PVGIS from a server on loopback: its format read, every kind of bad answer in words, nothing replaced unasked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.oe2.ingest import weather_series
from pvbesscar.oe2.weather import sun
from pvbesscar.store.files import sha256_file
from schemas.settings import Settings, SiteSettings

SITE = SiteSettings()


@cache
def hourly(first: int, last: int, minute: int = 30) -> list[dict[str, Any]]:
    """Rows as PVGIS sends them: UTC, beam and diffuse on the horizontal."""
    stamps = pd.date_range(f"{first}-01-01 00:{minute:02d}", f"{last}-12-31 23:{minute:02d}", freq="h", tz="UTC")
    zenith = sun(stamps.floor("h"), SITE)["apparent_zenith"].to_numpy()
    beam = np.round(700.0 * np.clip(np.cos(np.radians(zenith)), 0.0, None), 2)
    return [
        {"time": f"{stamp:%Y%m%d:%H%M}", "Gb(i)": b, "Gd(i)": round(b / 4, 2), "Gr(i)": 0.0, "H_sun": 0.0,
         "T2m": 26.5, "WS10m": 1.25, "Int": 0.0}
        for stamp, b in zip(stamps, beam.tolist(), strict=True)
    ]  # fmt: skip


def answer(rows: Any) -> bytes:
    meteo = {"radiation_db": "PVGIS-ERA5", "meteo_db": "ERA5", "year_min": 2019, "year_max": 2020}
    inputs = {"location": {"latitude": -3.75, "longitude": -73.25, "elevation": 104.0}, "meteo_data": meteo}
    return json.dumps({"inputs": inputs, "outputs": {"hourly": rows}, "meta": {"inputs": {}, "outputs": {}}}).encode()


@pytest.fixture(scope="module")
def good() -> bytes:
    return answer(hourly(2019, 2020))


class Pvgis:
    """A service on loopback that gives one answer and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.wait_s = 200, b"", 0.0
        self.asked: dict[str, list[str]] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked = parse_qs(urlparse(self.path).query) | {"path": [urlparse(self.path).path]}
                time.sleep(service.wait_s)
                self.send_response(service.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                with suppress(BrokenPipeError):  # who asked has gone
                    self.wfile.write(service.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/"


@pytest.fixture
def pvgis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pvgis]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    service = Pvgis()
    thread = threading.Thread(target=service.server.serve_forever, args=(0.01,))
    thread.start()
    yield service
    service.server.shutdown()
    service.server.server_close()
    thread.join()


def fetch(root: Path, url: str, *more: str, year: int = 2019) -> tuple[int, str]:
    config = Path(__file__).resolve().parents[2] / "config" / "iquitos_mall.yaml"
    words = ["fetch", "pvgis", "--config", str(config), "--set", f"data.root={root}", "--year", str(year), "--url", url]
    result = CliRunner().invoke(app, [*words, *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_year_is_written_and_read_back_as_the_scenarios_weather(tmp_path: Path, pvgis: Pvgis, good: bytes) -> None:
    pvgis.body = good
    code, output = fetch(tmp_path, pvgis.url)
    path = tmp_path / "data/interim/oe2/pvgis_2019.csv"
    assert (code, output.strip()) == (0, str(path))
    assert pvgis.asked["path"] == ["/api/seriescalc"]
    assert (pvgis.asked["startyear"], pvgis.asked["endyear"]) == (["2019"], ["2020"])
    assert pvgis.asked["raddatabase"] == ["PVGIS-ERA5"]
    said = json.loads(path.with_name("pvgis_2019.csv.provenance.json").read_text())
    assert (said["sha256"], said["stamps_at_minute"], said["hours_reconstructed"]) == (sha256_file(path), 30, 0)
    assert said["inputs"]["meteo_data"]["radiation_db"] == "PVGIS-ERA5"

    sections = {name: {"source": "synthetic"} for name in ("mall",)} | {"ev": {"source": "synthetic", "dwell_hours": 3}}
    raw = {"name": "x", "data": {"root": tmp_path, "oe2_dir": path.parent}, "site": {"year": 2019}, **sections}
    weather = {"source": "file", "file": path.name}
    series = weather_series(Settings.model_validate(raw | {"weather": weather, "pv": {"source": "model"}}))
    frame = series.frame
    assert (len(frame), str(frame["timestamp"].iloc[0])) == (8760, "2019-01-01 00:00:00-05:00")
    noon = frame.iloc[12]  # 17:30 UTC
    zenith = np.radians(sun(pd.DatetimeIndex(frame["timestamp"]), SITE)["apparent_zenith"].iloc[12])
    # Rows of the service hold a beam of 700 W/m2 and, on the horizontal, a quarter of it as diffuse light.
    assert noon["dni_w_m2"] == pytest.approx(700.0, abs=0.02)
    assert noon["ghi_w_m2"] == pytest.approx(700.0 * 1.25 * np.cos(zenith), abs=0.02)
    assert noon["dhi_w_m2"] == pytest.approx(175.0 * np.cos(zenith), abs=0.02)
    assert (noon["temp_air_c"], noon["wind_speed_m_s"]) == (26.5, 1.25)
    assert "fetched from PVGIS (PVGIS-ERA5, 2019)" in series.provenance.notes[0]
    path.write_text(path.read_text().replace("26.5", "27.5", 1))
    again = weather_series(Settings.model_validate(raw | {"weather": weather, "pv": {"source": "model"}}))
    assert "the file was changed since" in again.provenance.notes[0]
    path.with_name("pvgis_2019.csv.provenance.json").write_text("[" * 100_000)
    code = CliRunner().invoke(app, ["ingest", "--set", f"data.root={tmp_path}", "--set", f"data.oe2_dir={path.parent}",
        "--set", "weather={source: file, file: pvgis_2019.csv}", "--set", "pv.source=model"]).exit_code  # fmt: skip
    assert code == 2


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path, pvgis: Pvgis, good: bytes) -> None:
    pvgis.body = good
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    code, output = fetch(tmp_path, pvgis.url, "--out", "mine.csv")
    assert (code, path.read_text()) == (2, "mine")
    assert "is there already" in output
    assert fetch(tmp_path, pvgis.url, "--out", "mine.csv", "--force")[0] == 0
    assert path.read_text().startswith("timestamp,ghi_w_m2")


@pytest.mark.parametrize("out", ["../outside.csv", "/outside.csv", "link/outside.csv"])
def test_nothing_is_written_outside_the_projects_folder(tmp_path: Path, pvgis: Pvgis, good: bytes, out: str) -> None:
    pvgis.body = good
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    code, output = fetch(root, pvgis.url, "--out", out)
    assert code == 2
    assert "is not below" in output
    assert [path.name for path in tmp_path.rglob("*")] == ["root", "elsewhere", "link"] or not list(
        tmp_path.rglob("outside.csv")
    )


def changed(rows: list[dict[str, Any]], **change: Any) -> list[dict[str, Any]]:
    return [*rows[:5000], rows[5000] | change, *rows[5001:]]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: b"", "is not the weather that was asked for"),
        (lambda: b"<html>maintenance</html>", "is not the weather that was asked for"),
        (lambda: b"\x00\xff\xfe\x93" * 50, "is not the weather that was asked for"),
        (lambda: b"[" * 100_000, "is not the weather that was asked for"),
        (lambda: b"{}", "is not the weather that was asked for"),
        (lambda: b"[]", "is not the weather that was asked for"),
        (lambda: b'{"meta": {"inputs": 1}, "inputs": 3, "outputs": {}}', "is not the weather that was asked for"),
        (lambda: answer([]), "is not the weather that was asked for"),
        (lambda: answer("x"), "is not the weather that was asked for"),
        (lambda: answer([{"time": "monday"}]), "is not the weather that was asked for"),
        (lambda: answer(hourly(2019, 2019)), "it holds 8,755 of the 8,760 hours"),
        (lambda: answer(hourly(2019, 2020)[:-9000]), "8,760 hours"),
        (lambda: answer([{**row, "Gb(i)": None} for row in hourly(2019, 2020)]), "missing or infinite"),
        (lambda: answer(changed(hourly(2019, 2020), **{"Gb(i)": "n/a"})), "is no number"),
        (lambda: answer(changed(hourly(2019, 2020), T2m=float("inf"))), "missing or infinite"),
        (lambda: answer(changed(hourly(2019, 2020), time="20190728:0917")), "8,759 of the 8,760 hours"),
        (
            lambda: answer([{k: v for k, v in row.items() if k != "WS10m"} for row in hourly(2019, 2020)]),
            "no wind_speed",
        ),
    ],
    ids=range(17),
)  # fmt: skip
def test_junk_is_refused_and_nothing_is_written(
    tmp_path: Path, pvgis: Pvgis, body: Callable[[], bytes], said: str
) -> None:
    pvgis.body = body()
    code, output = fetch(tmp_path, pvgis.url)
    assert code == 2
    assert said in " ".join(output.split())
    assert list(tmp_path.rglob("*")) == []


def test_errors_of_the_service_are_told(tmp_path: Path, pvgis: Pvgis) -> None:
    pvgis.status, pvgis.body = 400, b'{"message": "Location over the sea.", "status": 400}'
    code, output = fetch(tmp_path, pvgis.url)
    assert code == 2
    assert "Location over the sea" in output
    pvgis.status, pvgis.body = 503, b"busy"
    assert "503" in fetch(tmp_path, pvgis.url)[1]
    pvgis.body = b"[1]"
    assert fetch(tmp_path, pvgis.url)[0] == 2
    pvgis.status, pvgis.wait_s = 200, 1.5
    code, output = fetch(tmp_path, pvgis.url, "--timeout", "0.3")
    assert code == 2
    assert "no answer within 0.3 s" in output
    code, output = fetch(tmp_path, "http://127.0.0.1:9/")
    assert code == 2
    assert "ConnectionError" in output
    assert fetch(tmp_path, "nonsense")[0] == 2
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(("words", "rows"), [((), 8784), (("--no-leap-day",), 8760)])
def test_a_leap_year_is_given_with_or_without_its_leap_day(
    tmp_path: Path, pvgis: Pvgis, words: tuple[str, ...], rows: int
) -> None:
    pvgis.body = answer(hourly(2020, 2021))
    code, output = fetch(tmp_path, pvgis.url, *words, year=2020)
    assert code == 0, output
    stamps = pd.read_csv(tmp_path / "data/interim/oe2/pvgis_2020.csv")["timestamp"]
    assert len(stamps) == rows
    assert stamps.str.startswith("2020-02-29").sum() == rows - 8760
