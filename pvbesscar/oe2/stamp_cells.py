"""One cell of time taken apart: its date, clock and zone as written, and the numbers that count time."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

NUMBER_OF_MONTH = {
    name: month
    for month, names in enumerate(
        (
            "jan ene gen january enero januar janvier janeiro gennaio jaenner",
            "feb fev february febrero februar fevrier fevereiro febbraio",
            "mar mrz march marzo maerz marz mars marco",
            "apr abr avr april abril avril aprile",
            "may mai mayo maio mag maggio",
            "jun june junio juni juin junho giu giugno",
            "jul july julio juli juil juillet julho lug luglio",
            "aug ago august agosto aou aout",
            "sep sept set september septiembre setiembre septembre setembro settembre",
            "oct okt out ott october octubre oktober octobre outubro ottobre",
            "nov november noviembre novembre novembro",
            "dec dic dez december diciembre dezember decembre dezembro dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
"""Months by their names and short names in English, Spanish, German, French, Portuguese and Italian."""
WEEKDAYS = r"(?:mon|tue|wed|thu|fri|sat|sun|lun|mar|mi[eé]|jue|vie|s[aá]b|dom)[a-zéá]*\.?,?\s+"
NAME = r"[A-Za-zäéèûç]{3,10}"
DATE = (
    r"(?:(?P<a>\d{1,4})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})"
    r"|(?P<ymd>\d{8})"
    rf"|(?P<d1>\d{{1,2}})(?:\s+de\s+|[\s./-]*)(?P<m1>{NAME})\.?(?:\s+de\s+|[\s.,/-]*)(?P<y1>\d{{4}}|\d{{2}})"
    rf"|(?P<m2>{NAME})\.?\s*(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y2>\d{{4}})"
    rf"|(?P<y3>\d{{4}})[\s/-]*(?P<m3>{NAME})[\s/-]*(?P<d3>\d{{1,2}}))"
)
CLOCK = (
    r"(?:(?P<h>\d{1,2})(?:[:h.](?P<mi>\d{2})(?:[:m.](?P<se>\d{2})(?:[.,](?P<fr>\d{1,9}))?)?)?\s*h?s?\s*"
    r"(?P<ap>[ap]\.?\s?m\.?)?|(?P<hm>\d{4}(?:\d{2})?))"
)
ZONE = (
    r"\s*\(?(?P<z>Z|(?:UTC|GMT)?\s*[+-](?:0?\d|1[0-4])(?::?[0-5]\d)?|[A-Z]{2,5})?\)?"
    r"(?:\[[A-Za-z_]+/[A-Za-z_/]+\])?"
)
BETWEEN = r"(?:T|[\s:_,;]+|\s+-\s+|(?<=\d{8}))"
STAMP = re.compile(rf"(?:{WEEKDAYS})?{DATE}(?:{BETWEEN}{CLOCK})?{ZONE}", re.ASCII | re.IGNORECASE)
CLOCK_CELL = re.compile(rf"(?:[Hh][Ee]?)?\s?{CLOCK}{ZONE}", re.ASCII | re.IGNORECASE)
DAY_HOUR = re.compile(r"(?P<ymd>\d{8})(?P<h>\d{2})", re.ASCII)
"""Ten digits: a day and its hour, 2025010113; seconds since 1970 have ten as well."""
DASH = "[-\u2013\u2014]"
SPANS = re.compile(
    rf"\s+{DASH}\s+|\s*{DASH}\s*(?=\d{{1,2}}:\d{{2}}$)|\s+(?:to|bis|hasta)\s+|(?<=[\dZ])/(?=\d{{4}}-\d{{2}}-\d{{2}}T)"
)
"""Between the start and the end of an interval that a cell names by both."""
NUMERIC = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)
FIRST_DAY_HOUR, LAST_DAY_HOUR = 1_990_010_100, 2_100_123_124
EPOCHS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EPOCH_SECONDS = (631_152_000, 4_165_516_800)
"""Seconds since 1970 from 1990 to 2101."""
SERIALS = (32_874.0, 73_416.0)
"""Days of a spreadsheet from 1990 to 2100; day 1 is 1 January 1900."""
YEARS = range(1900, 2201)
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Parts:
    """Date, clock and zone of a cell.

    Attributes
    ----------
    numbers
        The three numbers of the date, in the order of the cell; the month is negative where a name says it.
    widths
        Digits of each number; 4 marks a year.
    clock
        Seconds since midnight, up to 25 hours; None where the cell has no clock; negative where there is none such.
    zone
        Offset to UTC [min], the abbreviation of a zone, or None.
    """

    numbers: tuple[int, int, int]
    widths: tuple[int, int, int]
    clock: float | None
    zone: float | str | None


@lru_cache(maxsize=2**14)
def parts(cell: str) -> Parts | None:
    """Take a stamp apart; None where the cell holds none."""
    match = STAMP.fullmatch(cell)
    if match is None:
        hours = DAY_HOUR.fullmatch(cell)
        return None if hours is None else Parts(*_compact(hours["ymd"]), int(hours["h"]) * 3600.0, None)
    found = match.groupdict()
    date = _date(found)
    if date is None:
        return None
    clock = None if found["h"] is None and found["hm"] is None else clock_seconds(found)
    return Parts(*date, clock, zone_of(found["z"]))


def clock_seconds(found: dict[str, str | None]) -> float:
    """Seconds since midnight of a written clock; -1 where no clock shows that."""
    if found["hm"] is not None:
        digits = found["hm"]
        hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    else:
        hour, minute, second = int(found["h"] or 0), int(found["mi"] or 0), int(found["se"] or 0)
    half = (found["ap"] or "").strip().casefold()
    if half:
        if hour > 12:
            return -1.0
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    seconds = hour * 3600.0 + minute * 60 + second + float(f"0.{found['fr'] or 0}")
    return seconds if minute < 60 and second < 60 and seconds <= 25 * 3600 else -1.0


def zone_of(text: str | None) -> float | str | None:
    """Offset to UTC [min] that a stamp carries, or the abbreviation that its zone explains."""
    if text is None:
        return None
    plain = text.upper().replace(" ", "")
    if plain in {"Z", "UTC", "GMT"}:
        return 0.0
    sign = plain.removeprefix("UTC").removeprefix("GMT")
    if sign[0] not in "+-":
        return plain
    digits = sign[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    size = int(hours) * 60 + int(minutes)
    return float(-size if sign[0] == "-" else size)


def number_of_time(cells: list[str]) -> str | None:
    """Say how plain numbers count time, by their size alone: `s`, `ms`, `us`, `ns` since 1970, or `days` of a sheet."""
    if not cells or not all(NUMERIC.fullmatch(cell) for cell in cells):
        return None
    values = [float(cell.replace(",", ".")) for cell in cells]
    if all(FIRST_DAY_HOUR <= value <= LAST_DAY_HOUR for value in values) and all(map(parts, cells)):
        return None  # ten digits from 1990010100 on are days and hours; as seconds they would be 2033 and later
    for unit, per_second in EPOCHS.items():
        if all(EPOCH_SECONDS[0] <= value / per_second < EPOCH_SECONDS[1] for value in values):
            return unit
    return "days" if all(SERIALS[0] <= value < SERIALS[1] for value in values) else None


def is_stamp(cell: str) -> bool:
    """Whether a cell, taken alone, is a stamp: a date with or without clock, an interval, or a count of time."""
    return parts(cell) is not None or span(cell) is not None or number_of_time([cell]) is not None


def span(cell: str) -> tuple[str, str] | None:
    """Start and end of an interval that a cell names by both; None where it does not."""
    sides = SPANS.split(cell)
    if len(sides) != 2:
        return None
    first = parts(sides[0])
    if first is None or first.clock is None:
        return None
    zone = re.search(r"\(([A-Z]{2,5})\)$", sides[1])
    start = sides[0] if first.zone is not None or zone is None else f"{sides[0]} {zone[1]}"
    if parts(sides[1]) is not None:
        return start, sides[1]
    return (start, "") if CLOCK_CELL.fullmatch(sides[1]) else None


def year_of(number: int, width: int) -> int:
    """Year of a written number; of two digits as POSIX has it: 69 to 99 are 1969 to 1999."""
    return number if width > 2 else number + (1900 if number > 68 else 2000)


def day_of(year: int, month: int, day: int) -> dt.date | None:
    """Date of three numbers, where there is such a one."""
    if year not in YEARS:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def month_of(name: str) -> int | None:
    """Month of a name; None where it is none."""
    folded = name.casefold().translate(str.maketrans("éèûç", "eeuc")).replace("ä", "ae")
    return NUMBER_OF_MONTH.get(folded)


def _compact(text: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    return (int(text[:4]), int(text[4:6]), int(text[6:])), (4, 2, 2)


def _date(found: dict[str, str | None]) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    if found["a"] is not None:
        texts = [str(found[name]) for name in "abc"]
        return _three(texts, [int(text) for text in texts])
    if found["ymd"] is not None:
        return _compact(found["ymd"])
    names = next(names for names in (("d1", "m1", "y1"), ("m2", "d2", "y2"), ("y3", "m3", "d3")) if found[names[1]])
    texts = [str(found[name]) for name in names]
    month = month_of(str(next(found[name] for name in names if name[0] == "m")))
    if month is None:
        return None
    return _three(texts, [-month if name[0] == "m" else int(text) for name, text in zip(names, texts, strict=True)])


def _three(texts: list[str], numbers: list[int]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    first, second, third = numbers
    one, two, three = (len(text) if text.isdigit() else 2 for text in texts)
    return (first, second, third), (one, two, three)
