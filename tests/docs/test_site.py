"""The site: it is built without a complaint, asks nobody for anything, and speaks both languages alike."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import ROOT
from tests.docs.walks import blocks, typed_lines
from tools.docs.screenshots import browser, installed, visit

DOCS = ROOT / "docs"
HOW_TO = [f"howto/{page.name}" for page in sorted((DOCS / "howto").glob("*.md"))]
TWINS = ["tutorial.md", "explanation.md", "troubleshooting.md", *HOW_TO]
"""Pages in English and Spanish, the latter below docs/es."""
RUN = ["tutorial.md", *HOW_TO]
"""Pages whose commands are run: tests/docs/test_walks.py."""
ALL = [*(ROOT / name for name in ("README.md", "README.es.md", "CONTRIBUTING.md")), *sorted(DOCS.rglob("*.md"))]
QUESTIONS = {
    "tariff": "bill --tariff", "chargers": "ev:", "quarter-hours": 'freq="15min"', "gap": "fills:",
    "schedule": "schedule on", "controller": "evaluate", "model": "load_agent", "add-rule": "@rule(",
    "add-controller": "class Evening", "add-reader": "Format(", "compare": "runs diff",
}  # fmt: skip
"""What people ask, by the page that answers, and what the answer can not do without."""
BESIDE = {"index.md", "es/index.md", "contributing.md"}
"""Where the pages of the root are on the site."""
OTHER_HOST = re.compile(r"""(?:src=|<link[^>]*href=|url\(|@import\s+)["']?(?:https?:)?//[^\s"')>]+""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does; a link or an anchor that leads nowhere fails it."""
    folder = tmp_path_factory.mktemp("site")
    # Not `--quiet`: warnings that are not said are not counted, and pass.
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1", "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} | BESIDE
    assert {page for page in pages if not (site / page).with_suffix(".html").is_file()} == set()


def test_the_site_asks_no_other_host_for_anything(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    asked = {found[0] for path in files for found in OTHER_HOST.finditer(read(path))}
    assert asked == set()


def test_tables_and_lists_are_drawn(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = re.sub(r"<(pre|script|code)\b.*?</\1>", "", read(path), flags=re.DOTALL)
        assert re.findall(r"^(?:<p>)?(?:\| .*|\* .*|.*\| ?---.*)$", text, re.MULTILINE) == [], path


def test_each_page_says_its_language(site: Path) -> None:
    assert '<html lang="es"' in read(site / "es" / "tutorial.html")
    assert '<html lang="en"' in read(site / "tutorial.html")


@pytest.mark.browser
@pytest.mark.skipif(not installed(), reason="chromium and chromium-driver are not installed")
def test_pages_that_are_opened_from_the_disk_can_be_searched(site: Path) -> None:
    with browser(1300, 900) as driver:
        assert visit(driver, (site / "es" / "tutorial.html").as_uri()).hosts == set()
        driver.find_element(By.CSS_SELECTOR, "[data-md-component=search-query]").send_keys("tarifa")
        links = (By.CSS_SELECTOR, ".md-search-result__link")
        found = WebDriverWait(driver, 20).until(lambda it: it.find_elements(*links))
        assert "/es/howto/tariff.html" in str(found[0].get_attribute("href"))


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def prose(page: Path) -> str:
    """Text of a page without its blocks and code."""
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)(`+)(?!`)[^\n]+?(?<!`)\1(?!`)", "code", text)


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_have_a_cell_for_each_column(page: Path) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", prose(page), re.MULTILINE)
    for table in tables:
        rows = [re.sub(r"\\\|", "", row).count("|") for row in table.splitlines()]
        assert re.fullmatch(r"\|(?: ?:?-+:? ?\|)+", table.splitlines()[1]), table.splitlines()[0]
        assert set(rows) == {rows[0]}, table.splitlines()[[n != rows[0] for n in rows].index(True)]


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_speaks_of_a_file_that_readers_do_not_have(page: Path) -> None:
    assert "DESIGN" not in read(page)


@pytest.mark.parametrize("name", TWINS)
def test_spanish_and_english_pages_have_the_same_blocks_and_headings(name: str) -> None:
    english, spanish = DOCS / name, DOCS / "es" / name
    assert blocks(spanish) == blocks(english)
    levels = [re.findall(r"^#+(?= )", prose(page), re.MULTILINE) for page in (english, spanish)]
    assert levels[0] == levels[1]


def test_troubleshooting_has_the_same_messages_in_both_languages() -> None:
    quoted = [
        re.findall(r"^\| (`+ ?.+? ?`+) \|", read(DOCS / name / "troubleshooting.md"), re.MULTILINE)
        for name in (".", "es")
    ]
    assert quoted[0] == quoted[1]
    assert len(quoted[0]) > 20


@pytest.mark.parametrize("name", RUN)
def test_every_block_is_run_or_is_what_was_printed(name: str) -> None:
    found = blocks(DOCS / name)
    assert len(found) == read(DOCS / name).count("\n```") / 2
    assert {block.language for block in found} <= {"bash", "text"}
    pairs = itertools.pairwise(found)
    assert all(before.language == "bash" for before, shown in pairs if shown.language == "text")


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_needs_a_path(page: Path) -> None:
    typed = typed_lines([block for block in blocks(page) if block.language in {"", "bash"}])
    bare = re.compile(r"(?:^|[;&|] *)(?:pvbesscar|python|pytest|prefect|mkdocs) [a-z-]")
    assert [line for line in typed if bare.search(line)] == []


def test_what_is_marked_as_commands_is_run() -> None:
    marked = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if "```bash" in read(page)}
    assert {name for name in marked if not name.startswith("es/")} - {*RUN} == {"serving.md"}  # tests/serving


def test_each_question_has_its_page_and_the_list_has_each_page() -> None:
    assert {page.stem for page in (DOCS / "howto").glob("*.md")} == {*QUESTIONS, "index"}
    for name in ("howto", "es/howto"):
        listed = re.findall(r"^\| .*\]\((\S+)\.md\) \|$", read(DOCS / name / "index.md"), re.MULTILINE)
        assert listed == list(QUESTIONS)
    for stem, needed in QUESTIONS.items():
        assert needed in "".join(block.text for block in blocks(DOCS / "howto" / f"{stem}.md")), stem
