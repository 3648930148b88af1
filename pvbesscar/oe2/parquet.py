"""Parquet of the site as the text that its CSV would be, so that one reader and one set of refusals serves both."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pvbesscar.oe2.cells import NamedFile
from schemas.errors import InputError

MAX_CELLS = 50_000_000
"""A year of minutes with 90 columns; a small file may claim any number."""


def parquet_text(data: bytes, file: NamedFile) -> str:
    """Return the rows of a Parquet file as comma separated text, an index of pandas as its first columns.

    Raises
    ------
    InputError
        It is no Parquet that can be read, or claims more cells than any year has.
    """
    try:
        parquet = pq.ParquetFile(io.BytesIO(data))
        cells = parquet.metadata.num_rows * max(1, parquet.metadata.num_columns)
        if cells > MAX_CELLS:
            raise InputError(
                f"{file.named} is a Parquet file of {cells:,} cells; a year has at most {MAX_CELLS:,}.",
                hint=f"export the columns and the year that the scenario needs, or set `{file.key}` to another file.",
            )
        frame = parquet.read().to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise InputError(
            f"{file.named} is a Parquet file that can not be read ({said}).",
            hint="write the file again, or save it as CSV in UTF-8.",
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    # 32-bit numbers would be written with as few digits as tell them apart among their own kind.
    narrow = {name: "float64" for name, kind in frame.dtypes.items() if str(kind) in {"float", "float16", "float32"}}
    text: str = frame.astype(narrow).to_csv(index=False, lineterminator="\n")
    return text
