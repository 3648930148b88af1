"""Hours of a series that were filled as declared."""

from __future__ import annotations

from schemas.terms import Result


class FilledHours(Result):
    """Hours of a canonical series that were filled as the configuration declares."""

    series: str
    """Series that was filled: for generation modelled from filled weather, the weather."""
    first_stamp: str
    """First hour, with its offset."""
    last_stamp: str
    hours: int
    rows_added: int
    """Rows that the source did not have at all."""
    columns: tuple[str, ...]
    source: str
    file: str | None
    sha256: str | None
    reason: str
