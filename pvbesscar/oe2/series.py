"""One canonical series on its way from a source to the canonical folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.results import SeriesProvenance

if TYPE_CHECKING:
    import pandas as pd

    from pvbesscar.oe2.cells import Table


@dataclass(frozen=True, slots=True)
class Series:
    """A canonical frame and where it comes from.

    Attributes
    ----------
    frame
        The rows exactly as the source gave them, in canonical columns and units.
    provenance
        Source, reader, digest and every step between the source and the frame.
    """

    frame: pd.DataFrame
    provenance: SeriesProvenance

    def then(self, frame: pd.DataFrame, *steps: str) -> Series:
        """Return the series after one more transformation, named in `steps`."""
        done = (*self.provenance.transformations, *steps)
        return Series(frame, self.provenance.model_copy(update={"transformations": done}))

    def noting(self, *notes: str) -> Series:
        """Return the series with further notes for its reader."""
        return replace(self, provenance=self.provenance.model_copy(update={"notes": (*self.provenance.notes, *notes)}))


def file_series(name: str, reader: str, table: Table, frame: pd.DataFrame, steps: Sequence[str]) -> Series:
    """Series `name` read from a file by `reader`, with the file's digest and what it was taken to be."""
    provenance = SeriesProvenance(
        series=name,
        source="file",
        reader=reader,
        file=table.path.as_posix(),
        sha256=table.sha256,
        transformations=tuple(steps),
        decisions=tuple(table.decisions),
    )
    return Series(frame, provenance)


def provenance_file(path: Path) -> Path:
    """Where the provenance of a fetched file is."""
    return path.with_name(path.name + ".provenance.json")
