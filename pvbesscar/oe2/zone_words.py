"""Time zones that a header or a preamble says in words."""

from __future__ import annotations

import re
import zoneinfo

PAIRS = {
    frozenset({"CET", "CEST"}): "Europe/Brussels", frozenset({"WET", "WEST"}): "Europe/Lisbon",
    frozenset({"EET", "EEST"}): "Europe/Athens", frozenset({"EST", "EDT"}): "America/New_York",
    frozenset({"CST", "CDT"}): "America/Chicago", frozenset({"MST", "MDT"}): "America/Denver",
    frozenset({"PST", "PDT"}): "America/Los_Angeles", frozenset({"GMT", "BST"}): "Europe/London",
}  # fmt: skip
"""A standard and a summer time together are one clock; either alone may be that clock or a fixed offset."""
ALONE = frozenset(["PET", "PEST", "ART", "BRT", "CLT", "COT", "IST", "JST", "MSK", "AEST", "LST"])
ABBREVIATIONS = ALONE.union(*PAIRS)
WORD = re.compile(r"(?<![A-Za-z])[A-Z]{3,4}(?![A-Za-z])")
OFFSET = re.compile(r"(?:UTC|GMT)\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?(?!\d)", re.IGNORECASE)
LINE = re.compile(r"\b(?:UTC|GMT)\b|time ?zone|zona horaria|huso horario|time reference", re.IGNORECASE)
PLACE = re.compile(r"(?<![A-Za-z])[A-Z][a-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?")
UTC = re.compile(
    r"(?<![A-Za-z])(?:(?:UTC|GMT|utc|gmt)(?![A-Za-z]|[\s_]*offset)|(?i:universal time|tiempo universal))(?![A-Za-z])"
)
"""`utc_offset_seconds` is the name of a number, and says no zone itself."""


class UnclearZoneError(ValueError):
    """Words that mean a time zone, and not which."""


def speaks_of_zones(line: str) -> bool:
    """Whether a line says something of its time zone: it uses the word, or names one."""
    place = PLACE.search(line)
    return LINE.search(line) is not None or (place is not None and place[0] in zoneinfo.available_timezones())


def zone_in(text: str) -> str | None:
    """IANA time zone that words say; None where they say none.

    Raises
    ------
    UnclearZoneError
        They name a zone that may be two.
    """
    place = PLACE.search(text)
    if place is not None and place[0] in zoneinfo.available_timezones():
        return place[0]
    offset = OFFSET.search(text)
    if offset is not None:
        if offset[3] not in {None, "00"}:
            raise UnclearZoneError(offset[0])
        return fixed(int(f"{offset[1]}{offset[2]}"))
    words = {word for word in WORD.findall(text) if word in ABBREVIATIONS}
    for pair, zone in PAIRS.items():
        if pair <= words:
            return zone
    if UTC.search(text):
        return "UTC"
    if words:
        raise UnclearZoneError(", ".join(sorted(words)))
    return None


def fixed(hours: int) -> str:
    """IANA zone of a fixed offset to UTC [h]; their names count west of Greenwich as positive."""
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"
