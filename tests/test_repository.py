"""What the repository's files must never hold, and which way imports point."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

MIB = 1024 * 1024

# Written in pieces: this file is one of those that are searched.
REGISTRY_HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "py" + "torch.org/whl",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
    "ana" + "conda.org",
    "crates" + ".io",
    "proxy.go" + "lang.org",
]
MACHINE_PATH = re.compile(r"(?<![\w.~$})-])/(?:work|root|home|Users|opt|tmp)/\w")
WRITING_TOOLS = re.compile(
    r"(?i:\b(?:cl" + "aude|anth" + "ropic|open" + "ai|chat" + "gpt|co" + r"pilot|ll" + r"ms?)\b)"
    r"|(?i:artificial " + "intelligence|language " + r"model)|\bA" + r"I\b",
)


@cache
def project_files(root: Path) -> tuple[Path, ...]:
    """Files that git tracks or would add, and that are there."""
    if not (root / ".git").exists():
        pytest.skip(f"{root} is no git checkout")
    # The checkout may belong to another user than the one who runs the tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    files = [root / name for name in listed.split("\0") if name]
    return tuple(path for path in files if path.is_file() and not path.is_symlink())


@cache
def text_lines(path: Path) -> tuple[str, ...]:
    content = path.read_bytes()
    return () if b"\0" in content else tuple(content.decode("utf-8").splitlines())


def hits(root: Path, pattern: re.Pattern[str]) -> list[str]:
    """Places where the pattern is found, as `file:line: text`."""
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()[:120]}"
        for path in project_files(root)
        for number, line in enumerate(text_lines(path), start=1)
        if pattern.search(line)
    ]


def test_no_registry_host(repo_root: Path) -> None:
    # Locks name versions; where packages come from is the business of whoever installs.
    assert hits(repo_root, re.compile("|".join(map(re.escape, REGISTRY_HOSTS)), re.IGNORECASE)) == []


def test_no_absolute_path_of_a_machine(repo_root: Path) -> None:
    assert hits(repo_root, MACHINE_PATH) == []


def test_no_mention_of_writing_tools(repo_root: Path) -> None:
    assert hits(repo_root, WRITING_TOOLS) == []


def test_no_large_file(repo_root: Path) -> None:
    sizes = {str(path.relative_to(repo_root)): path.stat().st_size for path in project_files(repo_root)}
    assert {name: size for name, size in sizes.items() if size > 2 * MIB} == {}


def test_no_lock_with_addresses(repo_root: Path) -> None:
    # uv.lock and pylock.toml carry download addresses.
    assert [path.name for path in project_files(repo_root) if path.name in {"uv.lock", "pylock.toml"}] == []


def test_nothing_that_a_run_writes_is_in_the_repository(repo_root: Path) -> None:
    names = {str(path.relative_to(repo_root)) for path in project_files(repo_root)}
    written = {name for name in names if name.startswith(("data/", "checkpoints/", "outputs/", ".venv/"))}
    assert written == {"data/README.md", "checkpoints/README.md"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cd /" + "home/ana/mall", True),
        ("find-links = /" + "opt/wheels", True),
        ("checkpoints/" + "root/x", False),
        ("../shared/" + "oe2_measured", False),
        ("/usr/bin/env bash", False),
    ],
)
def test_machine_path_pattern(line: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) is found


def test_imports_point_one_way(repo_root: Path) -> None:
    # The contracts are in pyproject.toml, [tool.importlinter].
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kept, 0 broken" in done.stdout, done.stdout


def test_no_cycle_between_modules() -> None:
    packages = ("flows", "tasks", "pvbesscar", "schemas")
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # It raises CycleError, with the modules of the cycle, where there is one.
    order = list(TopologicalSorter(imports).static_order())
    assert order.index("schemas.errors") < order.index("pvbesscar.lineage.runner") < order.index("flows.pipeline")


@pytest.mark.parametrize("package", ["flows", "tasks", "pvbesscar", "schemas"])
def test_no_file_is_longer_than_400_lines(repo_root: Path, package: str) -> None:
    lengths = {str(p.relative_to(repo_root)): len(text_lines(p)) for p in (repo_root / package).rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_rules_are_rarely_switched_off(repo_root: Path) -> None:
    paths = [p for name in ("flows", "tasks", "pvbesscar", "schemas") for p in (repo_root / name).rglob("*.py")]
    lines = [line for path in paths for line in text_lines(path)]
    assert 1000 * sum("# noqa" in line for line in lines) / len(lines) < 2
