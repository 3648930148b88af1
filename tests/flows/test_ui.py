"""What the Prefect UI draws of a run, seen in a browser that may ask nobody but the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.flows.conftest import Ran, Server, wait_for
from tools.docs.screenshots import ONLY_LOOPBACK, browser, installed

pytestmark = [
    pytest.mark.server,
    pytest.mark.browser,
    pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed"),
]


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser(1100, 900, ONLY_LOOPBACK) as driver:
        yield driver


def _open(driver: Chrome, server: Server, run: Ran, name: str) -> None:
    artifact = server.artifacts(run.run)[f"iquitos-mall-{name}"]
    driver.get(f"{server.url.removesuffix('/api')}/v2/artifacts/artifact/{artifact['id']}")


def _text(driver: Chrome) -> str:
    return driver.find_element(By.TAG_NAME, "body").text


def test_the_graph_is_drawn_with_its_stages(driver: Chrome, server: Server, partial: Ran) -> None:
    _open(driver, server, partial, "lineage")
    # The page draws the graph more than once: an element found a moment ago may be gone.
    script = "const g = document.querySelector('svg[id^=mermaid]'); return g && [g.textContent, g.clientWidth]"
    words, width = wait_for(lambda: (found := driver.execute_script(script)) and "certify" in found[0] and found, 60)
    assert "FAILED" in words
    assert width > 300


@pytest.mark.parametrize("name", ["kpi-chart", "key-figure"])
def test_images_are_not_broken(driver: Chrome, server: Server, partial: Ran, name: str) -> None:
    _open(driver, server, partial, name)
    script = "return [...document.images].filter(i => i.src.startsWith('data:')).map(i => i.naturalWidth)"
    assert wait_for(lambda: driver.execute_script(script), 60) == [40]


def test_a_refusal_is_understood_from_the_ui_alone(driver: Chrome, server: Server, refused: Ran) -> None:
    _open(driver, server, refused, "quality-verdict")
    wait_for(lambda: "REFUSED" in _text(driver), 60)
    for words in ("dark_year", "pv.csv pv_kwh", "2025-01-01 00:00 to 2025-12-31 23:00", "export the file again"):
        assert words in _text(driver)


def test_the_findings_show_cause_and_fix_without_scrolling_sideways(
    driver: Chrome, server: Server, refused: Ran
) -> None:
    _open(driver, server, refused, "quality-findings")
    wait_for(lambda: "export the file again" in _text(driver), 60)
    script = (
        "const own = [...document.querySelectorAll('li')].filter(e => e.textContent.includes(arguments[0]));"
        "return own.map(e => Math.round(e.getBoundingClientRect().right))"
    )
    for words in ("likely cause: the export failed", "fix: export the file again"):
        (right,) = driver.execute_script(script, words)
        assert 0 < right <= 1100


def test_one_click_opens_the_report(driver: Chrome, server: Server, partial: Ran) -> None:
    _open(driver, server, partial, "open-report")
    # The page draws its links more than once: the script finds and clicks in one step.
    script = (
        "const own = [...document.querySelectorAll('a')].find(e => e.textContent.trim() === arguments[0]);"
        "if (own) own.click(); return own !== undefined"
    )
    wait_for(lambda: driver.execute_script(script, "open the report"), 60)
    driver.switch_to.window(driver.window_handles[-1])  # the same, or one of its own
    wait_for(lambda: _text(driver).startswith("iquitos_mall smoke without"), 30)
