"""Green Button files of meters (ESPI, NAESB REQ.21) as the table of their intervals."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import dataclass, field

from defusedxml import ElementTree

SPACE = "http://naesb.org/espi"
UNITS = {"38": "W", "72": "Wh"}
"""Units of measure that are read, by their numbers in ESPI."""
FLOWS = {"1": "demand", "19": "generation"}
"""What flows: to the customer, or from the customer."""


@dataclass(slots=True)
class _Meter:
    """What a file says of its readings."""

    unit: str | None = None
    power_of_ten: int = 0
    flow: str = "1"
    readings: list[tuple[int, int, str]] = field(default_factory=list)
    types: int = 0


def is_green_button(text: str) -> bool:
    """Whether a text is XML in the name space of ESPI."""
    return SPACE in text[:20_000] and re.match(r"\s*<", text) is not None


def meter_text(text: str) -> str:
    """Comma separated text of a file's intervals: their start in UTC, their end, and the energy or power.

    Raises
    ------
    ValueError
        It is no XML, holds several kinds of readings, or another quantity than energy and power.
    """
    meter = _Meter()
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(text.encode("utf-8")), forbid_dtd=True):
            _take(meter, element)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from error
    if meter.types > 1:
        raise ValueError(f"{meter.types} kinds of readings in one file; one is read")
    if meter.flow not in FLOWS:
        raise ValueError(f"flow direction {meter.flow}, which is neither to the customer (1) nor from it (19)")
    if meter.unit not in UNITS:
        raise ValueError(f"unit of measure {meter.unit}, which is neither W (38) nor Wh (72)")
    factor = 10.0 ** (meter.power_of_ten - 3)
    header = f"period_start,{FLOWS[meter.flow]}_k{UNITS[meter.unit]}"
    rows = [
        f"{dt.datetime.fromtimestamp(start, dt.UTC):%Y-%m-%dT%H:%M:%SZ},{float(value) * factor!r}"
        for start, _, value in sorted(meter.readings)
    ]
    return "\n".join([header, *rows]) + "\n"


def _take(meter: _Meter, element: ElementTree.Element) -> None:
    name = element.tag.rpartition("}")[2]
    if name == "ReadingType":
        meter.types += 1
        found = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
        meter.unit = found.get("uom", meter.unit)
        meter.power_of_ten = int(found.get("powerOfTenMultiplier") or 0)
        meter.flow = found.get("flowDirection") or "1"
    elif name == "IntervalReading":
        found = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element.iter()}
        meter.readings.append((int(found["start"]), int(found["duration"]), found["value"]))
        element.clear()
