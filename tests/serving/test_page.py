"""The page for people: both languages, the hours drawn, nothing asked of another host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvbesscar.serving.page_words import language_of, words_in
from tests.serving.sites import Client, example, service, year
from tools.docs.screenshots import browser, installed, visit


@pytest.fixture(scope="module")
def asked() -> Client:
    return Client(service("policy", year()))


def page(asked: Client, language: str = "") -> str:
    answer = asked.get("/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def test_before_the_first_hour_it_says_so(asked: Client) -> None:
    assert words_in("en")["none"] in page(asked)
    assert words_in("es")["none"] in page(asked, "es-PE,es;q=0.9,en;q=0.8")


def test_the_hours_of_the_last_day_are_drawn(asked: Client) -> None:
    body = example(asked) | {"vehicles": []}
    for hour in range(8, 23):
        if hour != 12:
            assert asked.dispatch(body | {"time": f"2025-03-14T{hour:02}:00:00-05:00"}).status_code == 200
    # Another day is another page; what is more than a day old is gone.
    assert asked.dispatch(body | {"time": "2025-03-15T09:00:00-05:00", "pv_kwh": 777.0}).status_code == 200
    text = page(asked, "es")
    assert 'lang="es"' in text
    assert len(re.findall(r"<tr><td>", text)) == 13
    assert "2025-03-15 09:00" in text
    assert "2025-03-14 09:00" not in text
    assert "777.0 kW" in text
    assert len(re.findall(r"<svg viewBox=\"0 0 720", text)) == 2
    # Hours that nobody asked for leave gaps: each line begins anew after 12:00 and before the last hour.
    path = re.search(r'<path class="pv" d="(M[^"]+)"', text)
    assert path is not None
    assert path[1].count("M") == 3


def test_it_asks_nobody_and_runs_nothing(asked: Client) -> None:
    answer = asked.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.findall(r"https?://|<script|src=|@import|url\(", answer.text)
    for needed in ("prefers-color-scheme: dark", 'name="viewport"'):
        assert needed in answer.text


@pytest.mark.parametrize(
    ("asked_for", "language"),
    [
        ("", "en"), ("es", "es"), ("es-PE,es;q=0.9,en;q=0.8", "es"), ("en-GB,es;q=0.9", "en"), ("fr,es;q=0.3", "es"),
        ("qu,de", "en"), ("en;q=0.1,es;q=0.2", "es"), ("es;q=x, en;q=0.5", "en"), (",;q=,", "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_asked_for(asked_for: str, language: str) -> None:
    assert language_of(asked_for) == language


@pytest.mark.browser
@pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed")
@pytest.mark.parametrize("language", ["es", "en"])
def test_it_fits_a_telephone_and_asks_no_host(asked: Client, tmp_path: Path, language: str) -> None:
    assert asked.dispatch(example(asked)).status_code == 200
    file = tmp_path / "page.html"
    file.write_text(page(asked, language), encoding="utf-8")
    with browser(390, 900) as driver:
        command = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", command)
        seen = visit(driver, file.as_uri())
        assert (seen.errors, seen.hosts) == ([], set())
        assert driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
