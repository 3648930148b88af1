"""The published page in a real browser: it renders whole, asks nobody for anything, and fits its window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from pvbesscar.config import load_settings
from pvbesscar.report.pictures import pictures
from tests.docs.conftest import FinishedRun
from tools.docs.screenshots import browser, installed, picture_of_report, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed"),
]


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser(1100, 900) as driver:
        yield driver


def test_the_report_renders_without_a_complaint_or_a_request(driver: Chrome, finished_run: FinishedRun) -> None:
    seen = visit(driver, finished_run.page.as_uri())
    assert seen.errors == []
    assert seen.hosts == set()
    assert driver.find_element(By.CSS_SELECTOR, "h1").text == "test"
    drawn = [figure.size for figure in driver.find_elements(By.CSS_SELECTOR, "figure svg.main-svg")]
    assert len(drawn) >= 3
    assert all(size["width"] > 300 and size["height"] > 100 for size in drawn)


@pytest.mark.parametrize("width", [1100, 390])
def test_the_report_does_not_scroll_sideways(driver: Chrome, finished_run: FinishedRun, width: int) -> None:
    command = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", command)
    visit(driver, finished_run.page.as_uri())
    assert driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]


def test_the_page_would_be_caught_asking_and_failing(driver: Chrome, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<script src='http://127.0.0.1:9/x.js'></script><script>throw new Error('planted')</script>")
    seen = visit(driver, page.as_uri())
    assert seen.hosts == {"127.0.0.1"}
    assert any("planted" in error for error in seen.errors)


def test_a_picture_of_the_report_is_a_small_png(finished_run: FinishedRun, tmp_path: Path) -> None:
    picture_of_report(finished_run.page, tmp_path / "report.png")
    content = (tmp_path / "report.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert 20_000 < len(content) < 500_000


def test_pictures_for_the_prefect_ui_are_whole_and_small(
    driver: Chrome, finished_run: FinishedRun, tmp_path: Path
) -> None:
    settings = load_settings(finished_run.workspace.runs / "test-smoke-0" / "settings.json").settings
    found = pictures(settings, finished_run.workspace, "smoke")
    assert set(found) == {"kpi-chart", "key-figure"}
    page = tmp_path / "pictures.html"
    page.write_text("".join(f"<img src='{one.address}'>" for one in found.values()))
    seen = visit(driver, page.as_uri())
    assert (seen.errors, seen.hosts) == ([], set())
    sizes = driver.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight])")
    assert all(complete and width > 300 and height > 100 for complete, width, height in sizes), sizes
    assert all(len(one.address) < 400_000 for one in found.values())
