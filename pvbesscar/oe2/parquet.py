"""Parquet of the site as the text that its CSV would be, so that one reader and one set of refusals serves both."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.limits import MAX_BYTES, no_parquet
from schemas.errors import InputError


def parquet_text(data: bytes, file: NamedFile) -> str:
    """Return the rows of a Parquet file as comma separated text, an index of pandas as its first columns.

    Raises
    ------
    InputError
        It is no Parquet that can be read, or its texts are longer than any input file.
    """
    try:
        texts = [field.name for field in pq.read_schema(io.BytesIO(data)) if _is_text(field.type)]
        # A text that every row repeats is kept once: how long it is in all is known before it is written out.
        table = pq.ParquetFile(io.BytesIO(data), read_dictionary=texts).read()
        _refuse_texts(table, file)
        frame = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise no_parquet(file, error) from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    # 32-bit numbers would be written with as few digits as tell them apart among their own kind.
    narrow = {name: "float64" for name, kind in frame.dtypes.items() if str(kind) in {"float", "float16", "float32"}}
    text: str = frame.astype(narrow).to_csv(index=False, lineterminator="\n")
    return text


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _refuse_texts(table: pa.Table, file: NamedFile) -> None:
    size = 0
    for column in table.columns:
        for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
            lengths = pc.binary_length(chunk.dictionary)
            size += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    if size > MAX_BYTES:
        raise InputError(
            f"{file.named} is a Parquet file whose texts have {size:,} bytes; an input file has at most {MAX_BYTES:,}.",
            hint=f"export the columns that the scenario needs, or set `{file.key}` to another file.",
        )
