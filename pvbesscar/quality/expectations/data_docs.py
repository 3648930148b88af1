"""Data Docs of Great Expectations as pages that open without a network and are the same for the same results."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import jinja2

from pvbesscar.store.files import write_text
from schemas.expectations import ExpectationReport

INDEX = "index.html"


def write_pages(report: ExpectationReport, raw: Path, folder: Path) -> None:
    """Write a page for each suite, from the site that Great Expectations built in `raw`, and a start page."""
    for page in sorted((raw / "validations").rglob("*.html")):
        name = page.relative_to(raw).parts[1]
        write_text(folder / f"{name}.html", offline(page.read_text(encoding="utf-8")))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_resource("data_docs.html.j2"))
    write_text(folder / INDEX, template.render(report=report, style=_resource("data_docs.css")))


_REMOVED = (
    r"<script\b[^>]*>.*?</script>",
    r"<style\b[^>]*>.*?</style>",
    r"<footer\b[^>]*>.*?</footer>",
    r"<link\b[^>]*>",
    r"<img\b[^>]*>",
    # Buttons that filter by a script that is no longer there.
    r"<label\b[^>]*onclick[^>]*>.*?</label>",
    # Lists of suites have no page here: every page shows its expectations with their results.
    r'<a href="(?:\.\./)*expectations/[^"]*">.*?</a>',
)
_HOME = re.compile(r'href="(?:\.\./)*index\.html"')
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|\+00:00)?|\d{8}T\d{6}\.\d+Z")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def offline(page: str) -> str:
    """Page of Great Expectations without scripts, pictures and styles of other hosts, and with a style of its own.

    Its tables are plain HTML; what the scripts did (sorting, filters, folding) is left out, so everything is shown.
    Times of the run are left out and random ids are numbered, so that equal results give equal pages.
    """
    for pattern in _REMOVED:
        page = re.sub(pattern, "", page, flags=re.DOTALL | re.IGNORECASE)
    page = _TIME.sub("", _HOME.sub(f'href="{INDEX}"', page))
    numbers = {found: f"id-{number}" for number, found in enumerate(dict.fromkeys(_ID.findall(page)))}
    page = _ID.sub(lambda match: numbers[match[0]], page)
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return page.replace("</head>", f"{policy}\n<style>\n{_resource('data_docs.css')}</style>\n</head>", 1)


def _resource(name: str) -> str:
    return files("pvbesscar.quality.expectations").joinpath(name).read_text(encoding="utf-8")
