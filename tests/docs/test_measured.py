"""The page about the measured files says what the files say."""

from __future__ import annotations

from pathlib import Path

from tools.docs.measured import PAGE, page


def test_the_page_about_the_measured_files_is_what_they_give(oe2_dir: Path, repo_root: Path) -> None:
    assert (repo_root / PAGE).read_text(encoding="utf-8") == page(oe2_dir)
