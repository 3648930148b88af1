"""The page in a real browser: on a desk, a phone, in the dark, on paper; with data that is good, partial, refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from pvbesscar.report.publish import publish
from pvbesscar.store.files import read_json, write_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import DatasetManifest
from schemas.settings import HOURS_PER_YEAR, Language, Settings
from tests.mini_site import mini_site
from tests.report.made import Reader, write_evaluation, write_results, write_training
from tools.docs.screenshots import browser, installed, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed"),
]
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
WIDER = """
return [...document.querySelectorAll("body *")].filter(own => {
  if (own.closest("svg, .unseen, .live") || !own.getClientRects().length) return false;
  const [inner, outer] = [own.getBoundingClientRect(), own.parentElement.getBoundingClientRect()];
  const scrolls = getComputedStyle(own).display !== "inline" && own.scrollWidth > own.clientWidth + 1;
  return inner.right > outer.right + 1 || inner.left < outer.left - 1 || scrolls;
}).map(own => own.outerHTML.slice(0, 120));
"""
"""Elements that are wider than what holds them, or whose content is wider than they are."""
Change = Callable[[Settings, Workspace], None]


def nothing_else(_: Settings, __: Workspace) -> None:
    """As the results are: A2C was not trained."""


def whole(settings: Settings, workspace: Workspace) -> None:
    digest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json")).digest
    write_training(workspace, settings, "a2c", digest)
    write_evaluation(workspace, settings, digest, HOURS_PER_YEAR, missing={})
    looks = "steps,j,gap_closed\n0,0.24,0.0\n500,0.22,0.5\n"
    write_text(workspace.training("sac") / "sac_validation.csv", looks)


def refused(_: Settings, workspace: Workspace) -> None:
    path = workspace.quality / "quality_report.json"
    raw = read_json(path)
    raw["findings"][0] |= {
        "severity": "error", "source": "weather (synthetic)", "column": "ghi_w_m2",
        "hours": [{"first": 48, "last": 50, "first_stamp": "2025-01-03T00:00", "last_stamp": "2025-01-03T02:00"}],
    }  # fmt: skip
    write_json(path, raw)


STATES: dict[str, tuple[Change, Language]] = {
    "whole": (whole, "en"), "partial": (nothing_else, "en"), "refused": (refused, "en"), "spanish": (whole, "es"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A published page of each state."""
    made = {}
    for name, (change, language) in STATES.items():
        settings = mini_site(tmp_path_factory.mktemp(name), report={"language": language})
        workspace = Workspace.of(settings)
        write_results(settings, workspace)
        change(settings, workspace)
        made[name] = publish(settings, workspace, "smoke", {})
    return made


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser(1280, 900) as driver:
        yield driver


def opened(driver: Chrome, page: Path, size: str, *, dark: bool = False) -> None:
    """Open a page and let it draw; it may complain of nothing and ask nobody."""
    width, height = SIZES[size]
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    seen = visit(driver, page.as_uri(), settle_s=0.0)
    WebDriverWait(driver, 20).until(lambda d: d.execute_script("return document.documentElement.dataset.drawn"))
    assert (seen.errors, seen.hosts) == ([], set())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]


def unfold(driver: Chrome) -> None:
    driver.execute_script("document.querySelectorAll('details').forEach(own => { own.open = true; })")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_wider_than_what_holds_it(driver: Chrome, pages: dict[str, Path], state: str, size: str) -> None:
    opened(driver, pages[state], size)
    unfold(driver)
    assert driver.execute_script(WIDER) == []
    assert driver.execute_script("return document.documentElement.scrollWidth") == SIZES[size][0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", ["whole", "partial", "spanish"])
def test_the_recommendation_is_on_the_first_screen(
    driver: Chrome, pages: dict[str, Path], state: str, size: str, tmp_path: Path
) -> None:
    opened(driver, pages[state], size)
    for part in (".data", ".origin", ".deploy", ".cards", ".agreement", ".decision .training"):
        own = driver.find_element(By.CSS_SELECTOR, part)
        assert own.is_displayed()
        assert own.location["y"] + own.size["height"] <= SIZES[size][1], part
    assert driver.find_element(By.CSS_SELECTOR, ".deploy strong").text == "sac"
    assert driver.save_screenshot(str(tmp_path / f"{state}-{size}.png"))


def test_refused_data_are_said_first_and_drawn(driver: Chrome, pages: dict[str, Path]) -> None:
    opened(driver, pages["refused"], "phone")
    first = driver.find_element(By.CSS_SELECTOR, ".data")
    assert first.text.startswith("Data REFUSED. 1 error, 0 warnings from 2 rules. First fix: set the time zone.")
    assert driver.find_element(By.CSS_SELECTOR, ".deploy").text == "No recommendation"
    assert driver.find_element(By.CSS_SELECTOR, "#figure-finding-night svg").is_displayed()


def test_partial_results_are_named_on_the_first_screen(driver: Chrome, pages: dict[str, Path]) -> None:
    opened(driver, pages["partial"], "phone")
    banner = driver.find_element(By.CSS_SELECTOR, ".partial summary")
    assert banner.text == "PARTIAL: 1 part is missing: a2c"
    assert banner.location["y"] < 300


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", ["whole", "partial", "refused"])
def test_axe_finds_nothing_serious(driver: Chrome, pages: dict[str, Path], state: str, dark: bool) -> None:
    opened(driver, pages[state], "desk", dark=dark)
    unfold(driver)
    found = Axe().run(driver)
    assert len(found["passes"]) > 10
    told = {own["id"]: [node["html"][:160] for node in own["nodes"][:3]] for own in found["violations"]
            if own["impact"] in {"serious", "critical"}}  # fmt: skip
    assert told == {}


def test_figures_are_drawn_and_a_week_can_be_chosen(driver: Chrome, pages: dict[str, Path]) -> None:
    opened(driver, pages["whole"], "desk")
    drawn = driver.find_elements(By.CSS_SELECTOR, ".live .main-svg")
    assert all(own.size["width"] > 300 and own.size["height"] > 100 for own in drawn if own.is_displayed())
    assert {"ranking", "bills", "heat-import", "heat-soc", "duration", "learning"} <= {
        own.get_attribute("data-figure") for own in driver.find_elements(By.CSS_SELECTOR, ".live[data-figure]")
    }
    weeks = Select(driver.find_element(By.ID, "choose-week"))
    assert len(weeks.options) == 53
    weeks.select_by_index(2)
    Select(driver.find_element(By.ID, "choose-controller")).select_by_visible_text("ppo")
    shown: str = driver.execute_script("return document.getElementById('week-live').data[0].x[0]")
    assert shown == "2025-01-15 00:00"


def test_tables_are_sorted_by_a_column(driver: Chrome, pages: dict[str, Path]) -> None:
    opened(driver, pages["whole"], "desk")
    button = driver.find_element(By.CSS_SELECTOR, "#controllers-test thead th:nth-child(4) button")
    orders = []
    for _ in range(2):
        button.click()
        rows = driver.find_elements(By.CSS_SELECTOR, "#controllers-test tbody th")
        orders.append([row.text for row in rows])
    assert orders[0] == ["ppo", "rule", "sac", "no-control"]
    assert orders[1] == orders[0][::-1]


def test_sliders_rank_the_stored_terms_by_other_weights(driver: Chrome, pages: dict[str, Path]) -> None:
    opened(driver, pages["whole"], "desk")

    def ranked() -> dict[str, str]:
        rows = driver.find_elements(By.CSS_SELECTOR, "#reranked tbody tr")
        return {r.find_element(By.TAG_NAME, "th").text: r.find_elements(By.TAG_NAME, "td")[-1].text for r in rows}

    as_set = {"sac": "0.21400", "ppo": "0.22600", "rule": "0.24000", "no-control": "0.70000"}
    assert ranked() == as_set
    assert list(ranked()) == list(as_set)
    move = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    sliders = driver.find_elements(By.CSS_SELECTOR, "#sliders input")
    for slider, value in zip(sliders, (1, 0, 0, 0, 0), strict=True):
        driver.execute_script(move, slider, value)
    # CO2 alone, over that of no control.
    assert ranked() == {"ppo": "0.38000", "rule": "0.40000", "sac": "0.42000", "no-control": "1.00000"}
    driver.find_element(By.CSS_SELECTOR, "#sliders button").click()
    assert ranked() == as_set


def test_without_scripts_everything_can_be_read(pages: dict[str, Path]) -> None:
    with browser(1280, 900, "--blink-settings=scriptEnabled=false") as driver:
        visit(driver, pages["whole"].as_uri())
        stills = driver.find_elements(By.CSS_SELECTOR, "figure .still svg")
        outside = [own for own in stills if own.is_displayed()]
        assert len(outside) >= 6
        assert not driver.find_element(By.ID, "sliders").is_displayed()


def test_on_paper_nothing_is_cut_or_left_out(driver: Chrome, pages: dict[str, Path], tmp_path: Path) -> None:
    opened(driver, pages["whole"], "desk", dark=True)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    # The width that A4 leaves between margins of 12 mm.
    metrics = {"width": 703, "height": 1030, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert driver.execute_script(WIDER) == []
    shown = "return [...document.querySelectorAll('figure .still, table')].filter(own => !own.getClientRects().length)"
    missing = [own.get_attribute("id") for own in driver.execute_script(shown)]
    assert missing == ["reranked"]
    ground = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(252, 252, 250)"
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    (tmp_path / "report.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_both_languages_hold_the_same_figures(pages: dict[str, Path]) -> None:
    def told(page: Path) -> list[str]:
        text = " ".join(Reader(page.read_text(encoding="utf-8")).text)
        text = text.partition("pvbesscar run")[0]
        return sorted(re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text))

    assert told(pages["whole"]) == told(pages["spanish"])
