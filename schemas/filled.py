"""The hours of a series that were filled as the configuration declares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FilledHours(BaseModel):
    """Hours of a canonical series that were filled as the configuration declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
