"""Edits of the project's own code against the stages: which modules count, and which edits of them."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pvbesscar.lineage import stages
from pvbesscar.store import fingerprints
from pvbesscar.store.fingerprints import SOURCE, changed, code_digest, code_of, keep, recall

# One agent stands for the three: they share their module.
STAGES = {
    name.removesuffix("-sac"): own.entry for name, own in stages.STAGES.items() if not name.endswith(("ppo", "a2c"))
}
Edit = Callable[[str], str]


def _comments(text: str) -> str:
    return "# Why this is so.\n" + text + "\n# The end.\n"


def _docstring(text: str) -> str:
    return text.replace('"""', '"""Said otherwise: ', 1)


def _blank_lines(text: str) -> str:
    return text.replace("\n\n\n", "\n\n\n\n\n")


def _touched(text: str) -> str:
    return text


def _constant(text: str) -> str:
    return text + "\nADDED = 1\n"


FORMS = (_comments, _docstring, _blank_lines, _touched)
# Module, and the stages that import it, however far; by hand from the imports.
MODULES = {
    "pvbesscar/oe2/synthetic.py": {"ingest"},
    "pvbesscar/oe2/readers.py": {"ingest"},
    # What is trained on and judged is held to a contract first, which is made from the rules.
    "pvbesscar/quality/year/rules/solar.py": set(STAGES) - {"ingest"},
    "pvbesscar/quality/sun.py": set(STAGES) - {"ingest"},
    "pvbesscar/dataset/charger_files.py": {"build"},
    "pvbesscar/certify/compare.py": {"certify"},
    "pvbesscar/agents/factory.py": {"certify", "train", "evaluate", "publish"},
    "pvbesscar/agents/resume.py": {"train"},
    "pvbesscar/controllers/mpc.py": {"train", "evaluate", "publish"},
    "pvbesscar/report/figures.py": {"publish"},
    "pvbesscar/report/index.html.j2": {"publish"},
    "pvbesscar/report/style.css": {"publish"},
    "schemas/settings/plant.py": set(STAGES),
    "pvbesscar/store/files.py": set(STAGES),
    "pvbesscar/cli.py": set(),
    "pvbesscar/commands/service.py": set(),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's packages, to be edited."""
    root = tmp_path_factory.mktemp("source")
    for package in ("pvbesscar", "schemas"):
        shutil.copytree(SOURCE / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@cache
def _codes(source: Path) -> dict[str, dict[str, str]]:
    return {stage: code_of(entry, source) for stage, entry in STAGES.items()}


def _stale(source: Path, path: str, edit: Edit) -> dict[str, tuple[str, ...]]:
    """Stages that an edit of a file makes stale, each with the modules that it names."""
    before = _codes(source)
    file = source / path
    kept = file.read_text(encoding="utf-8")
    file.write_text(edit(kept), encoding="utf-8")
    try:
        now = _codes.__wrapped__(source)
    finally:
        file.write_text(kept, encoding="utf-8")
    return {stage: names for stage in STAGES if (names := changed(before[stage], now[stage]))}


@pytest.mark.parametrize("path", MODULES)
def test_an_edit_makes_exactly_those_stages_stale_that_import_it(source: Path, path: str) -> None:
    stale = _stale(source, path, _constant)
    assert set(stale) == MODULES[path]
    name = path.removesuffix(".py").replace("/", ".") if path.endswith(".py") else path
    assert set(stale.values()) <= {(name,)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "path", ["pvbesscar/agents/factory.py", "pvbesscar/store/files.py", "schemas/settings/plant.py"]
)
def test_comments_docstrings_and_formatting_do_not_count(source: Path, path: str, form: Edit) -> None:
    assert _stale(source, path, form) == {}


@pytest.mark.parametrize("stage", STAGES)
def test_no_module_that_python_loads_for_a_stage_is_overlooked(stage: str) -> None:
    code = (
        f"import sys, {STAGES[stage]}; print(*(m for m in sys.modules if m.split('.')[0] in ('pvbesscar', 'schemas')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) > 5
    assert set(loaded) <= set(code_of(STAGES[stage]))


def test_a_changed_statement_of_a_helper_of_a_helper_counts(source: Path) -> None:
    stale = _stale(source, "pvbesscar/plant/battery.py", lambda text: text.replace("return ", "return +", 1))
    assert stale["train"] == ("pvbesscar.plant.battery",)
    assert "ingest" not in stale


def _tiny(root: Path, **modules: str) -> Path:
    for name, text in {"__init__": "", **modules}.items():
        path = root / "pvbesscar" / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "text",
    [
        "import pvbesscar.helper",
        "import pvbesscar.helper as h",
        "from pvbesscar import helper",
        "from pvbesscar.helper import VALUE",
        "from pvbesscar.helper import *",
        "from . import helper",
        "from .helper import VALUE",
        "def stage():\n    from pvbesscar.helper import VALUE\n    return VALUE",
        "if True:\n    try:\n        import pvbesscar.helper\n    finally:\n        pass",
        "import importlib\nimportlib.import_module('pvbesscar.helper')",
        "__import__('pvbesscar.helper')",
    ],
)
def test_every_way_to_import_is_followed(tmp_path: Path, text: str) -> None:
    source = _tiny(tmp_path, stage=text, helper="from pvbesscar import deeper\nVALUE = 1", deeper="X = 1", other="")
    assert set(code_of("pvbesscar.stage", source)) == {
        "pvbesscar", "pvbesscar.stage", "pvbesscar.helper", "pvbesscar.deeper",
    }  # fmt: skip


def test_an_import_that_can_not_be_followed_is_refused(tmp_path: Path) -> None:
    source = _tiny(tmp_path, stage="import importlib\nname = 'x'\nimportlib.import_module(name)")
    with pytest.raises(ValueError, match=r"pvbesscar\.stage, line 3"):
        code_of("pvbesscar.stage", source)


def test_docstrings_count_where_code_reads_them(tmp_path: Path) -> None:
    stage = '"""First."""\nfrom pvbesscar import helper\n'
    source = _tiny(tmp_path, stage=stage, helper="def f(): ...\nTEXT = f.__doc__")
    before = code_of("pvbesscar.stage", source)
    _tiny(tmp_path, stage=stage.replace("First", "Second"), helper="def f(): ...\nTEXT = f.__doc__")
    assert changed(before, code_of("pvbesscar.stage", source)) == ("pvbesscar.stage",)


def test_a_module_that_goes_and_one_that_comes_are_named(tmp_path: Path) -> None:
    source = _tiny(tmp_path, stage="from pvbesscar import old", old="")
    before = code_of("pvbesscar.stage", source)
    _tiny(tmp_path, stage="from pvbesscar import new", new="")
    assert changed(before, code_of("pvbesscar.stage", source)) == ("pvbesscar.new", "pvbesscar.old", "pvbesscar.stage")


def test_a_package_counts_by_its_code_and_not_by_its_words(tmp_path: Path) -> None:
    before = code_digest("pvbesscar", source=_tiny(tmp_path, stage='"""First."""\nX = 1  # why\n'))
    assert code_digest("pvbesscar", source=_tiny(tmp_path, stage='"""Second."""\n\nX  = 1\n')) == before
    assert code_digest("pvbesscar", source=_tiny(tmp_path, stage='"""First."""\nX = 2\n')) != before


def test_no_such_package(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"pvbesscar\.gone is no package"):
        code_digest("pvbesscar.gone", source=_tiny(tmp_path))


def test_no_such_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"pvbesscar\.stage is no module"):
        code_of("pvbesscar.stage", _tiny(tmp_path))


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[bytes]]:
    """Forget all modules when called, as a new process would; the list fills with the sources that are parsed."""

    def forget() -> list[bytes]:
        parsed: list[bytes] = []
        for name, empty in (("_known", {}), ("_asked", set()), ("_recalled", set())):
            monkeypatch.setattr(fingerprints, name, empty)
        monkeypatch.setattr(fingerprints, "_parsed", lambda text: (parsed.append(text), ast.parse(text))[1])
        return parsed

    return forget


def test_what_is_known_of_modules_is_recalled_and_what_changed_is_read(
    tmp_path: Path, forgetful: Callable[[], list[bytes]]
) -> None:
    source, file = _tiny(tmp_path, stage="from pvbesscar import helper", helper="X = 1"), tmp_path / "modules.json"
    parsed = forgetful()
    before = code_of("pvbesscar.stage", source)
    assert len(parsed) == 3
    keep(file)
    parsed = forgetful()
    recall(file)
    assert code_of("pvbesscar.stage", source) == before
    assert parsed == []
    (source / "pvbesscar/helper.py").write_text("X = 2")
    now = code_of("pvbesscar.stage", source)
    assert parsed == [b"X = 2"]
    assert changed(before, now) == ("pvbesscar.helper",)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: text.replace('"digest":"', '"digest":"0', 1),
        lambda text: text.replace('"made_by":"', '"made_by":"0', 1),
        lambda text: text.replace('"imports":["', '"imports":["x', 1),
    ],
    ids=["cut short", "no object", "digest", "of another Python", "imports"],
)
def test_what_can_not_be_trusted_is_not_recalled(
    tmp_path: Path, forgetful: Callable[[], list[bytes]], spoil: Callable[[str], str]
) -> None:
    source, file = _tiny(tmp_path, stage="from pvbesscar import helper", helper="X = 1"), tmp_path / "modules.json"
    forgetful()
    before = code_of("pvbesscar.stage", source)
    keep(file)
    text = file.read_text()
    file.write_text(spoil(text))
    assert file.read_text() != text
    parsed = forgetful()
    recall(file)
    assert code_of("pvbesscar.stage", source) == before
    assert len(parsed) == 3


def test_a_parse_that_another_thread_has_spoilt_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful: Callable[[], list[bytes]]
) -> None:
    real, parse = fingerprints._parsed, ast.parse
    source, errors = _tiny(tmp_path, stage="X = 1"), [SystemError("AST constructor recursion depth mismatch")]
    forgetful()
    monkeypatch.setattr(fingerprints, "_parsed", real)

    def once(text: bytes) -> ast.Module:
        if errors:
            raise errors.pop()
        return parse(text)

    monkeypatch.setattr(ast, "parse", once)
    assert set(code_of("pvbesscar.stage", source)) == {"pvbesscar", "pvbesscar.stage"}
    assert errors == []
