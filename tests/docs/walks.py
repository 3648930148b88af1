"""Pages whose commands are run as they stand: their blocks, and a walk through them in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

FENCE = re.compile(r"^```(?P<language>\w*)(?: exit=(?P<code>\d+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PORTS = ("8187", "4300")
"""Ports of the pages: somebody may use them, so a walk takes others."""
CODE = (
    *("config", "docs", "flows", "pvbesscar", "schemas", "tasks", "tests", "tools", "prefect.yaml", "pyproject.toml"),
    *("requirements.in", "requirements.lock", "overrides.txt", "README.md", "README.es.md", "CONTRIBUTING.md"),
)
"""What a checkout holds."""
RESULTS = ("data", "checkpoints", "outputs")
"""What a run leaves."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page: commands with the exit code that they end with, or what the commands before it print."""

    language: str
    text: str
    code: int = 0


def blocks(page: Path) -> list[Block]:
    """Blocks of a page in their order."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(block["language"], block["text"], int(block["code"] or 0)) for block in found]


def checkout(folder: Path, results: Path | None = None) -> Path:
    """Copy the project into a folder, with the results of a run where one is given; `.venv` is that of the tests."""
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name in RESULTS if results is not None else ():
        shutil.copytree(results / name, folder / name, symlinks=True)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def walk(page: Path, folder: Path, timeout: float = 850) -> None:
    """Run a page's commands, block by block, as somebody types them who has activated nothing.

    Only ports are others. What a page shows as output must be in what its commands have printed. Whatever fails, no
    process is left behind.
    """
    ports = {port: _free_port() for port in PORTS}
    printed = ""
    try:
        for block in blocks(page):
            if block.language == "text":
                require_printed(block.text, printed)
                continue
            assert block.language == "bash", f"{page}: a block of `{block.language}` is no command and no output"
            done = _run(_elsewhere(block.text, ports), folder, timeout)
            printed = done.stdout
            assert done.returncode == block.code, f"{page}: exit code {done.returncode} of\n{block.text}\n{printed}"
    finally:
        if any("pvbesscar up" in block.text for block in blocks(page)):
            _run(".venv/bin/pvbesscar down", folder, timeout)


def _elsewhere(script: str, ports: Mapping[str, str]) -> str:
    """Commands with other ports; `serve` has that of the page by default, and must be told."""
    for port, free in ports.items():
        script = script.replace(port, free)
    return script.replace(" serve ", f" serve --port {ports['8187']} ")


def _run(script: str, folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder; what it left in the background ends with it."""
    script = f"trap 'jobs -p | xargs -r kill' EXIT\n{script}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=_bare(folder), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
    )  # fmt: skip


def require_printed(shown: str, printed: str) -> None:
    """Every line that a page shows was printed; `...` stands for anything, and so does the width of the terminal."""
    flat = " ".join(printed.split())
    for line in shown.splitlines():
        parts = [re.escape(" ".join(part.split())) for part in line.split("...")]
        assert re.search(".*?".join(parts), flat), f"`{line}` was not printed:\n{printed}"


def _bare(folder: Path) -> dict[str, str]:
    """Return the environment of a new terminal. The copy's own code counts, though `.venv` is that of the checkout."""
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if ".venv" not in one)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "OMP_NUM_THREADS", "TMPDIR") if name in os.environ}
    return kept | {"PATH": path, "PYTHONPATH": str(folder), "COLUMNS": "160"}


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def typed_lines(commands: Iterable[Block]) -> list[str]:
    """Lines of commands without what here-documents hold, which is input of a program."""
    lines: list[str] = []
    for block in commands:
        end = None
        for line in block.text.splitlines():
            if end is None:
                lines.append(line)
                started = re.search(r"<<'(\w+)'", line)
                end = started[1] if started else None
            elif line == end:
                end = None
    return lines
