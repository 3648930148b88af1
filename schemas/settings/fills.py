"""Declared fills: hours that could not be measured, where their values come from, and why that is accepted."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import FilePath, Unit, quantity
from schemas.settings.plant import FileSettings

FilledSeries = Literal["weather", "pv", "mall", "ev_profile"]
SOURCES: dict[str, tuple[str, ...]] = {
    "weather": ("file",),
    "pv": ("file", "weather"),
    "mall": ("file", "typical_week"),
    "ev_profile": ("file", "typical_week"),
}
"""What each series may be filled from: light never from itself, and nothing from zeros."""

MOST_OF_A_YEAR = 0.05
"""Hard limit of `quality.fill_share`: beyond it a year is no measured one any more."""


class Fill(FileSettings):
    """Hours of one series that `ingest` fills, with their source and the reason."""

    series: FilledSeries = quantity(..., "", "series that is filled")
    start: dt.datetime = quantity(..., "date", "first hour, local time: 2025-03-12 00:00")
    hours: int = quantity(..., "h", "length of the stretch", ge=1, le=438)
    source: Literal["file", "weather", "typical_week"] = quantity(
        ...,
        "",
        "file: the same hours of a file of this kind; weather: generation modelled from the weather (of `file`, else "
        "the scenario's); typical_week: demand, the mean of the same weekday and hour over the rest of the year",
    )
    file: FilePath | None = quantity(None, "", "file that the hours are taken from", "none: must be named for a file")
    column: str | None = quantity(None, "", "column of that file, of demand or generation", "none: known headers")
    unit: Unit | None = quantity(None, "", "unit of that column", "none: as its header ends, or refused")
    from_year: int | None = quantity(
        None, "", "calendar year of the file whose hours of the same dates are taken", "none: the hours themselves",
        ge=1990, le=2100,
    )  # fmt: skip
    columns: tuple[str, ...] = quantity((), "", "canonical columns that are filled", "all columns of the series")
    reason: str = quantity(..., "", "why the hours could not be measured, in words for the report", min_length=10)

    @property
    def end(self) -> dt.datetime:
        """First hour after the stretch, by the clock."""
        return self.start + dt.timedelta(hours=self.hours)

    @model_validator(mode="after")
    def _check(self) -> Fill:
        if self.source not in SOURCES[self.series]:
            raise ValueError(
                f"`{self.series}` is not filled from `{self.source}`: "
                f"{' or '.join(f'`{source}`' for source in SOURCES[self.series])}"
                + ("; light is filled from data with a source, never from itself" if self.series != "mall" else "")
            )
        if self.source == "file" and self.file is None:
            raise ValueError("`file` is required for `source: file`")
        if self.source == "typical_week" and self.file is not None:
            raise ValueError("`source: typical_week` is made from the series itself: leave `file` out")
        if self.from_year is not None and self.file is None:
            raise ValueError("`from_year` is a year of `file`, which is not set")
        if self.start.tzinfo is not None or self.start.replace(minute=0, second=0, microsecond=0) != self.start:
            raise ValueError(f"`start` ({self.start}) is a full hour of local time, without an offset")
        return self
