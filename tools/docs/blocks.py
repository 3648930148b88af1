"""Parts of a page that a command writes, between two marks."""

from __future__ import annotations


def with_block(text: str, begin: str, end: str, written: str) -> str:
    """Text with what stands between two marks replaced."""
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n\n{written.strip()}\n\n{end}{rest.partition(end)[2]}"
