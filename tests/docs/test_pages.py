"""The docs say what the code says: tables, commands, keys, links and messages."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.config import known_keys, load_settings
from pvbesscar.lineage.stages import ORDER
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.observation import observation_names
from pvbesscar.quality.gate import JSON_FILE, validate
from pvbesscar.quality.report import error_text
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in
from schemas.errors import QualityError
from schemas.results import QualityReport
from tests.docs.walks import blocks, typed_lines
from tools.docs.pages import pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "README.es.md", "CONTRIBUTING.md")),
    *(ROOT / name / "README.md" for name in ("data", "checkpoints")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path, program: str) -> list[list[str]]:
    """Arguments of each call of a program in the page's code blocks."""
    typed = typed_lines(block for block in blocks(page) if block.language in {"", "bash"})
    lines = [shlex.split(line, comments=True) for line in typed if "error:" not in line]
    return [words[1:] for words in lines if words and words[0].rpartition("/")[2] == program]


def flat(text: str) -> str:
    """Text with every stretch of white space as one space."""
    return " ".join(text.split())


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_pages_made_from_the_code_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "out of date: python -m tools.docs.pages"


@by_page
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text_of(page)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@by_page
def test_files_of_the_project_that_are_named_exist(page: Path) -> None:
    folders = "pvbesscar|flows|tasks|schemas|tools|tests|config|benchmarks"
    named = re.findall(rf"`((?:{folders})/[a-z0-9_/-]*(?:\.[a-z]+)?)[`:]", text_of(page))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_can_be_reached_from_both_readmes() -> None:
    for readme in ("README.md", "README.es.md"):
        reached, waiting = set[Path](), {ROOT / readme}
        while waiting:
            page = waiting.pop()
            reached.add(page)
            links = (page.parent / link for link in re.findall(r"\]\(([^)#]+\.md)\)", text_of(page)))
            waiting |= {link.resolve() for link in links if link.name != "README.es.md"} - reached
        assert set((ROOT / "docs").rglob("*.md")) - reached == set()


@cache
def complaint_of(arguments: tuple[str, ...]) -> str | None:
    """What a command says that does not take its arguments; pages of two languages have the same."""
    answer = CliRunner().invoke(app, [*arguments, "--help"])
    return None if answer.exit_code == 0 else f"pvbesscar {' '.join(arguments)}: {answer.output}"


@by_page
def test_commands_exist_with_their_options(page: Path) -> None:
    called = [tuple(word for word in words if word != "COMMAND") for words in commands(page, "pvbesscar")]
    assert [complaint for words in called if (complaint := complaint_of(words)) is not None] == []


@by_page
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", text_of(page))) | {c[0] for c in commands(page, "make") if c}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named - targets == set()


@by_page
def test_configuration_keys_exist(page: Path) -> None:
    sections = {key.partition(".")[0] for key in known_keys() if "." in key}
    dotted = re.findall(r"(?:`|--set )([a-z0-9_]+(?:\.[a-z0-9_]+)+)(?=[`:= ])", text_of(page))
    rules = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", text_of(ROOT / "docs" / "quality.md"), re.MULTILINE))
    named = {key for key in dotted if key.partition(".")[0] in sections} - rules
    inner = {".".join(key.split(".")[:n]) for key in known_keys() for n in (1, 2)}
    files = {key for key in named if key.endswith((".py", ".csv", ".parquet", ".json"))}
    assert named - files - known_keys().keys() - inner == set()


OTHERS = {
    "bill", "size", "serve", "models", "shadow", "run", "plan", "rerun", "config", "up", "down", "ui", "COMMAND"
}  # fmt: skip
"""Commands that are no stage."""


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_stages_of_the_readme_are_those_of_the_pipeline_in_their_order(name: str) -> None:
    shown = [words[0] for words in commands(ROOT / name, "pvbesscar") if words[0] not in OTHERS]
    assert shown == list(ORDER)


def test_every_observation_block_of_the_design_is_where_it_says() -> None:
    names = observation_names()
    text = text_of(ROOT / "docs" / "design.md")
    blocks = [(int(a), int(b), what) for a, b, what in re.findall(r"^\| (\d+)-(\d+) \| (\w+) \|", text, re.MULTILINE)]
    assert [block[:2] for block in blocks] == [
        (0, 3), (4, 75), (76, 123), (124, 137), (138, 265), (266, 393),
    ]  # fmt: skip
    assert names[4].startswith("sockets_A")
    assert names[76] == "demand_charge_1_billed_kw"
    assert names[124] == "pv_kwh"
    assert names[138].endswith("_presence")
    assert names[266].endswith("_urgency")
    assert len(names) == 394


@cache
def sources() -> str:
    """Code of the project, strings that stand side by side joined into one."""
    files = [path for folder in ("pvbesscar", "flows", "schemas", "tasks") for path in (ROOT / folder).rglob("*.py")]
    files.append(ROOT / "pvbesscar" / "words" / "en.yaml")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"\"\s*\n\s*f?\"", "", text)


def test_troubleshooting_quotes_messages_of_the_code() -> None:
    text = text_of(ROOT / "docs" / "troubleshooting.md")
    quoted = re.findall(r"^\| (`+) ?(.+?) ?\1 \|", text, re.MULTILINE)
    assert len(quoted) >= 20
    assert text.count("\n| `") == len(quoted)
    for _, message in quoted:
        parts = [part.strip(" ;,") for part in message.split("...")]
        assert [part for part in parts if len(part) > 3 and part not in sources()] == [], message


@pytest.fixture(scope="module")
def refusal(oe2_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the gate says of the measured files without their light, in English and Spanish."""
    root = tmp_path_factory.mktemp("dark")
    source = "solar/pv_generation_hourly_citylearn_v2.csv"
    dark = pd.read_csv(oe2_dir / source)
    dark[[name for name in dark if name.endswith("_wm2")]] = np.float64(0.0)
    (root / "solar").mkdir()
    dark.to_csv(root / source, index=False)
    for name in ("mall_demand_hourly.csv", "chargers"):
        (root / name).symlink_to(oe2_dir / name)
    overrides = [f"data.oe2_dir={root}", f"data.root={root / 'out'}"]
    settings = load_settings(ROOT / "config" / "iquitos_oe2.yaml", overrides).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    with pytest.raises(QualityError) as caught:
        validate(settings, workspace)
    found = QualityReport.model_validate_json((workspace.quality / JSON_FILE).read_text(encoding="utf-8"))
    said = {"en": str(caught.value), "es": error_text(found, words_in("es"))}
    return {language: text.replace(f"{root}/", "") for language, text in said.items()}


@pytest.mark.parametrize(("name", "language"), [("README.md", "en"), ("README.es.md", "es")])
def test_the_readme_shows_the_refusal_as_it_is(name: str, language: str, refusal: dict[str, str]) -> None:
    shown = re.search(r"^```\nerror: (.*?)^```", text_of(ROOT / name), re.DOTALL | re.MULTILINE)
    assert shown is not None
    for part in shown[1].split("[...]"):
        assert flat(part) in flat(refusal[language])
