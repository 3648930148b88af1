"""Data Docs: every rule an expectation, and pages that ask no other host for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pvbesscar.quality.data_docs import fault_table, offline, rules_of
from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.judge import violations
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.results import QualityReport
from tests.quality.years import IQUITOS, clean_weather, context_of, settings_for, spoil, write_year
from tools.docs.screenshots import browser, installed, visit

HOST = re.compile(r"(?:https?:)?//[\w.-]+\.\w+|\bwww\.|\b[\w-]+\.(?:com|org|io|net|edu)\b", re.IGNORECASE)
SERIES = ("weather", "pv", "mall", "sessions", "config")


class Words(HTMLParser):
    """Visible text of a page, and what its tags load or lead to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A year with two faults, refused, with Data Docs."""
    settings = settings_for(IQUITOS, tmp_path_factory.mktemp("docs"), quality={"data_docs": True})
    year = spoil(context_of(settings, clean_weather(IQUITOS)), "pv", [12, 13, 40], pv_kwh=4000.0)
    workspace = write_year(spoil(year, "mall", slice(200, 204), mall_kwh=0.0))
    with pytest.raises(QualityError):
        validate(settings, workspace)
    return workspace


def pages(workspace: Workspace) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (workspace.quality / "data_docs").iterdir()}


def test_no_page_names_another_host_or_runs_a_script(workspace: Workspace) -> None:
    found = pages(workspace)
    assert sorted(found) == sorted(["index.html", *(f"{s}{end}.html" for s in SERIES for end in ("", "_rules"))])
    for name, page in found.items():
        words = Words(page)
        assert HOST.findall(page) == [], name
        assert words.tags & {"script", "link", "img", "iframe", "object"} == set()
        assert all((workspace.quality / "data_docs" / t.partition("#")[0]).exists() for t in words.targets), name


def test_each_rule_is_an_expectation_with_its_result(workspace: Workspace) -> None:
    found = pages(workspace)
    for series in SERIES:
        text = Words(found[f"{series}.html"]).text
        assert [rule.id for rule in rules_of(series) if rule.id not in text] == []
        broken = {"pv": 3, "mall": 4}.get(series, 0)
        count = re.findall(r"(\d+) unexpected values found", text)
        assert (str(broken) in count) == bool(broken), (series, count)
    assert "3 hours are above the AC rating" in Words(found["pv.html"]).text
    assert {rule.id for series in (*SERIES, "ev_profile") for rule in rules_of(series)} == {
        r.id for r in YEAR_RULES.all()
    }


def test_the_report_leads_to_them_and_they_lead_back(workspace: Workspace) -> None:
    report = QualityReport.model_validate_json((workspace.quality / "quality_report.json").read_text(encoding="utf-8"))
    assert report.data_docs == "data_docs/index.html"
    assert 'href="data_docs/index.html"' in (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert 'href="../quality_report.html"' in pages(workspace)["index.html"]


def test_without_the_setting_they_are_not_written_and_old_ones_go(tmp_path: Path) -> None:
    year = context_of(settings_for(IQUITOS, tmp_path), clean_weather(IQUITOS))
    workspace = write_year(year)
    old = workspace.quality / "data_docs" / "index.html"
    old.parent.mkdir(parents=True)
    old.write_text("of another year", encoding="utf-8")
    assert validate(year.settings, workspace).data_docs is None
    assert not old.parent.exists()


def test_a_fault_table_has_ones_where_a_rule_names_hours() -> None:
    year = context_of(settings_for(IQUITOS), clean_weather(IQUITOS))
    year = spoil(year, "pv", [12, 13, 40], pv_kwh=4000.0)
    table = fault_table("pv", year, violations(year))
    assert table.shape == (8760, len(rules_of("pv")))
    assert table["pv.above_rating"].to_numpy().nonzero()[0].tolist() == [12, 13, 40]


def test_what_a_page_loads_from_elsewhere_is_taken_out() -> None:
    page = (
        '<head><link rel="stylesheet" href="https://cdn.example/a.css">'
        '<script src="//cdn.example/b.js"></script></head>'
        '<body><img src="http://cdn.example/c.png"><a href="../../index.html">Home</a><footer>x</footer></body>'
    )
    found = offline(page)
    assert "cdn.example" not in found
    assert '<a href="index.html">Home</a>' in found


@pytest.mark.browser
@pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed")
def test_a_browser_shows_them_and_asks_nobody(workspace: Workspace) -> None:
    with browser(1100, 900) as driver:
        for name in ("index.html", "pv.html"):
            seen = visit(driver, (workspace.quality / "data_docs" / name).as_uri())
            assert seen.errors == []
            assert seen.hosts == set()
        assert "generation within the AC rating" in driver.page_source
        assert "3 hours are above the AC rating" in driver.find_element("tag name", "body").text
