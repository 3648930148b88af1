"""What walks through a page: it runs what stands there, and falls where the page is wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.docs.walks import Block, typed_lines, walk

REFUSED = "```bash exit=2\necho 'seen: 8736 rows;   limit: 8760'; exit 2\n```\n\n"


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_commands_are_run_in_their_order_in_the_folder(tmp_path: Path) -> None:
    text = "```bash\necho one > file\n```\n\n```bash\necho two >> file\n```\n"
    walk(page(tmp_path, text), tmp_path)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "one\ntwo\n"


def test_a_refusal_that_a_page_teaches_must_come(tmp_path: Path) -> None:
    walk(page(tmp_path, REFUSED + "```text\nseen: ... rows; limit: 8760\n```\n"), tmp_path)
    with pytest.raises(AssertionError, match="exit code 2"):
        walk(page(tmp_path, REFUSED.replace(" exit=2", "")), tmp_path)
    with pytest.raises(AssertionError, match="was not printed"):
        walk(page(tmp_path, REFUSED + "```text\nseen: 8735 rows\n```\n"), tmp_path)


@pytest.mark.parametrize("line", ["false | true", "echo $NOT_SET_ANYWHERE", "pvbesscar --version", "false; true"])
def test_a_block_falls_with_its_first_failure_and_has_no_environment_on_its_path(line: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit code"):
        walk(page(tmp_path, f"```bash\n{line}\n```\n"), tmp_path)


def test_what_a_failed_block_left_running_ends(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(AssertionError, match="exit code 1"):
        walk(page(tmp_path, "```bash\nsleep 60 &\nfalse\n```\n"), tmp_path)
    assert time.monotonic() - began < 30


def test_what_a_here_document_holds_is_no_command() -> None:
    block = Block("bash", "cat > a.py <<'EOF'\nprint(1)\nEOF\n.venv/bin/python a.py\n")
    assert typed_lines([block]) == ["cat > a.py <<'EOF'", ".venv/bin/python a.py"]
