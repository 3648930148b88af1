"""Weather and meter files in the formats of others, as the table that they are; what is not read is named."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.green_button import is_green_button, meter_text
from pvbesscar.oe2.limits import parsed_json
from schemas.errors import InputError

MISSING = {
    "ghi": 9999.0,
    "dni": 9999.0,
    "dhi": 9999.0,
    "temp_air": 99.9,
    "relative_humidity": 999.0,
    "wind_speed": 999.0,
}
"""What EPW and TMY3 write where nothing was measured; a TMY3 file also -9900."""
COLUMNS = {
    "ghi": "ghi_w_m2", "dni": "dni_w_m2", "dhi": "dhi_w_m2", "temp_air": "temp_air_c", "wind_speed": "wind_speed_m_s",
    "relative_humidity": "relative_humidity",
}  # fmt: skip
"""Our header of each column, by pvlib's."""
HTML = re.compile(r"\s*(?:<!doctype html|<html)", re.IGNORECASE)
XML = re.compile(r"\s*<(?:\?xml|[A-Za-z:]+[\s>])")
EPW_ROWS = re.compile(r"^DATA PERIODS,", re.MULTILINE)
TMY2 = re.compile(r" ?\d{5} [A-Z .'/-]{22} [A-Z]{2} +-?\d+ [NS]")
NEM12 = re.compile(r"100,NEM1[23],")
OMIE = re.compile(r"[A-Z_0-9]+;\s*\n\d{4};\d{1,2};\d{1,2};\d{1,2};")
JUNK = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)
"""What a reader raises on a file that only begins as its format does."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is no plain table.

    Attributes
    ----------
    name
        As messages and provenance say it.
    is_it
        Whether a text is of it.
    table
        Text of its table, comma separated with a header; None where the format is not read.
    """

    name: str
    is_it: Callable[[str], bool]
    table: Callable[[str, NamedFile], str] | None = None


def as_table(text: str, file: NamedFile) -> tuple[str, str] | None:
    """Name of a foreign format and its rows as comma separated text; None for what is no foreign format.

    Raises
    ------
    InputError
        The format is not read, or the file is damaged.
    """
    found = next((form for form in FORMATS if form.is_it(text)), None)
    if found is None:
        return None
    if found.table is None:
        raise InputError(
            f"{file.named} is {found.name}, which is not read.",
            hint="export its rows as CSV with one row an interval, or as an Excel workbook.",
        )
    try:
        table = found.table(text, file)
    except JUNK as error:
        raise InputError(
            f"{file.named} begins as {found.name}, but can not be read as one ({type(error).__name__}: "
            f"{str(error)[:120]}). Likely cause: a file that was cut off or edited.",
            hint=f"export or download the file again, or set `{file.key}` to another one.",
        ) from error
    file.decide("format", found.name, "the file begins as one does")
    return found.name, table


def _epw(text: str, _: NamedFile) -> str:
    from pvlib.iotools import read_epw  # pvlib takes a second to import, and few files need it

    frame = read_epw(io.StringIO(text))[0]
    return _weather(frame)


def _tmy3(text: str, _: NamedFile) -> str:
    from pvlib.iotools import read_tmy3

    frame = read_tmy3(io.StringIO(text))[0]
    # Hours end at their stamp; the years of TMY3 have no 29 February, into which an hour back from 1 March may lead.
    ends = pd.DatetimeIndex(frame.index)
    starts = ends - pd.Timedelta(hours=1)
    leap = (starts.month == 2) & (starts.day == 29)
    frame.index = pd.DatetimeIndex(starts.where(~leap, starts - pd.Timedelta(days=1)))
    return _weather(frame)


def _weather(frame: pd.DataFrame) -> str:
    """Text of the columns that are read, stamped at the start of the hour with its offset."""
    table = pd.DataFrame({COLUMNS[name]: frame[name].astype(float) for name in COLUMNS})
    for name, missing in MISSING.items():
        column = table[COLUMNS[name]]
        table[COLUMNS[name]] = column.where((column < missing) & (column > -9900.0))
    table.insert(0, "timestamp_start", [stamp.isoformat() for stamp in pd.DatetimeIndex(frame.index)])
    return str(table.to_csv(index=False, lineterminator="\n"))


def _pvgis(text: str, file: NamedFile) -> str:
    """Text of the hours of PVGIS's JSON, below the slope of the plane where it says one."""
    content: Any = parsed_json(text, file)
    outputs: dict[str, Any] = content["outputs"]
    rows = outputs["hourly"] if "hourly" in outputs else outputs["tmy_hourly"]
    table: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    mounting = content.get("inputs", {}).get("mounting_system", {})
    slope = next((str(one["slope"]["value"]) for one in mounting.values() if "slope" in one), None)
    return table if slope is None else f"Slope: {slope} deg.\n\n{table}"


def _is_pvgis(text: str) -> bool:
    return text.lstrip()[:1] == "{" and '"outputs"' in text[:100_000] and ('"hourly"' in text or '"tmy_hourly"' in text)


def _is_tmy3(text: str) -> bool:
    second = text.partition("\n")[2][:200]
    return second.startswith("Date (MM/DD/YYYY),Time (HH:MM),")


def _is_epw(text: str) -> bool:
    return text.startswith("LOCATION,") and EPW_ROWS.search(text[:20_000]) is not None


FORMATS = (
    Format("an EPW file (EnergyPlus weather)", _is_epw, _epw),
    Format("a TMY3 file (typical meteorological year)", _is_tmy3, _tmy3),
    Format("a JSON of PVGIS", _is_pvgis, _pvgis),
    Format("a Green Button file (ESPI XML)", is_green_button, lambda text, _: meter_text(text)),
    Format("a TMY2 file (typical meteorological year of fixed columns)", lambda text: TMY2.match(text) is not None),
    Format("a NEM12 or NEM13 file (meter data of AEMO)", lambda text: NEM12.match(text) is not None),
    Format("a file of OMIE, of fixed columns without a header", lambda text: OMIE.match(text) is not None),
    Format("a web page (HTML)", lambda text: HTML.match(text) is not None),
    Format("an XML file of an unknown kind", lambda text: XML.match(text) is not None),
    Format("a JSON file of an unknown kind", lambda text: text.lstrip()[:1] in {"{", "["}),
)
"""Formats by how they begin, the first that fits counts."""
