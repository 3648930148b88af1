"""The quality report in both languages, and on a phone: the verdict and the first fix are on the first screen."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.by import By

from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.context import QualityContext
from schemas.errors import QualityError
from schemas.settings import Language, Settings
from tests.quality.years import IQUITOS, clean_weather, context_of, settings_for, spoil, write_year
from tools.docs.screenshots import browser, installed, visit


@pytest.fixture
def year(tmp_path: Path) -> QualityContext:
    """A clean year whose weather comes from a file and whose PV is modelled from it."""
    sources = {"weather": {"source": "file", "file": "raw.csv"}, "pv": {"source": "model"}}
    settings = settings_for(IQUITOS, tmp_path, **sources)
    return context_of(settings, clean_weather(IQUITOS))


def refused(year: QualityContext, language: Language) -> tuple[Path, str]:
    """Page of a year with one hour above the rating, and the text of the error."""
    workspace = write_year(spoil(year, "pv", [3], pv_kwh=900.0))
    settings = Settings.model_validate(year.settings.model_dump() | {"report": {"language": language}})
    with pytest.raises(QualityError) as caught:
        validate(settings, workspace)
    return workspace.quality / "quality_report.html", str(caught.value)


def test_both_languages_hold_the_same_figures(year: QualityContext) -> None:
    pages, texts = {}, {}
    for language in ("en", "es"):
        page, texts[language] = refused(year, language)
        text = page.read_text(encoding="utf-8")
        pages[language] = html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))
    assert "refused: " in pages["en"]
    assert "rechazado: " in pages["es"]
    assert "causa probable:" in texts["es"]
    assert "likely cause" not in texts["es"]
    assert "arreglo: revise `" in texts["es"]
    for told in (pages, texts):
        assert re.findall(r"\d+(?:[.,]\d+)*", told["en"]) == re.findall(r"\d+(?:[.,]\d+)*", told["es"])


@pytest.mark.browser
@pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed")
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_verdict_is_on_the_first_screen_and_axe_finds_nothing_serious(
    year: QualityContext, width: int, height: int, scheme: str, tmp_path: Path
) -> None:
    page, _ = refused(year, "es")
    with browser(width, height) as driver:
        emulated = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": emulated})
        command = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", command)
        seen = visit(driver, page.as_uri())
        assert (seen.errors, seen.hosts) == ([], set())
        first = driver.find_element(By.CSS_SELECTOR, ".verdict")
        assert first.text.startswith("rechazado: ")
        assert first.location["y"] + first.size["height"] <= height
        assert driver.execute_script("return document.documentElement.scrollWidth") == width
        assert driver.save_screenshot(str(tmp_path / "page.png"))
        found = Axe().run(driver)
        assert len(found["passes"]) > 5
        assert [(own["id"], own["nodes"][0]["html"][:160]) for own in found["violations"]
                if own["impact"] in {"serious", "critical"}] == []  # fmt: skip
