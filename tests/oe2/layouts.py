"""Layouts that other people write a year of hours in: how each writes its stamps, and how it is read.

`STAMPS` is also the table of docs/inputs.md.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

HOUR = dt.timedelta(hours=1)
UTC = dt.UTC
UNIX = dt.datetime(1970, 1, 1, tzinfo=UTC)
SHEET = dt.datetime(1899, 12, 30)  # noqa: DTZ001 (a clock without zone)
MESES = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]
MESES_LARGOS = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a year.

    Attributes
    ----------
    start, end
        In UTC.
    zone
        The site's.
    minutes
        Length [min].
    """

    start: dt.datetime
    zone: ZoneInfo
    minutes: int = 60

    @property
    def end(self) -> dt.datetime:
        """End in UTC."""
        return self.start + dt.timedelta(minutes=self.minutes)

    @property
    def local(self) -> dt.datetime:
        """Start on the site's clock, with its offset."""
        return self.start.astimezone(self.zone)

    @property
    def until(self) -> dt.datetime:
        """End on the site's clock."""
        return self.end.astimezone(self.zone)

    @property
    def of_day(self) -> int:
        """Number of the interval in its day, from 1, counted through a clock change."""
        midnight = self.local.replace(hour=0, minute=0).astimezone(UTC)
        return int((self.start - midnight) / dt.timedelta(minutes=self.minutes)) + 1

    @property
    def utc(self) -> dt.datetime:
        """Start on the clock of UTC."""
        return self.start.replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Stamps:
    """How a layout writes time.

    Attributes
    ----------
    name
        As the table of the docs says it.
    write
        Cells of an interval.
    reader
        Module of `pvbesscar.oe2` that reads it.
    headers
        Headers of the cells; None: any header serves.
    minutes
        Length of the intervals [min].
    zones
        Zones of sites that write so; empty: any.
    """

    name: str
    write: Callable[[Interval], Sequence[str]]
    reader: str = "dates"
    headers: tuple[str, ...] | None = None
    minutes: int = 60
    zones: tuple[str, ...] = ()
    read_as: str = "date and time"


def written(pattern: str, *, utc: bool = False) -> Callable[[Interval], list[str]]:
    """Cells of a pattern of `strftime`, one for each part between bars."""

    def write(it: Interval) -> list[str]:
        return (it.utc if utc else it.local).strftime(pattern).split("|")

    return write


def offset(it: Interval) -> str:
    """Offset of the site's clock, as `+01:00`."""
    return it.local.isoformat()[-6:]


def half(it: Interval) -> str:
    """Half of the day in Spanish."""
    return "a. m." if it.local.hour < 12 else "p. m."


def serial(it: Interval) -> float:
    """Days of a spreadsheet on the site's clock."""
    return (it.local.replace(tzinfo=None) - SHEET) / dt.timedelta(days=1)


EUROPE = ("Europe/Madrid",)
STAMPS = (
    Stamps("`2025-01-31 13:00`", written("%Y-%m-%d %H:%M")),
    Stamps("`2025-01-31T13:00:00`", written("%Y-%m-%dT%H:%M:%S")),
    Stamps("`2025-01-31T13:00:00Z`", written("%Y-%m-%dT%H:%M:%SZ", utc=True)),
    Stamps("`2025-01-31 13:00:00 UTC`", written("%Y-%m-%d %H:%M:%S UTC", utc=True)),
    Stamps("`2025-01-31 13:00:00+00`", written("%Y-%m-%d %H:%M:%S+00", utc=True)),
    Stamps("`2025-01-31T13:00:00-05:00`", lambda it: [it.local.isoformat()]),
    Stamps("`2025/01/31 13:00`", written("%Y/%m/%d %H:%M")),
    Stamps("`31/01/2025 13:00`", written("%d/%m/%Y %H:%M")),
    Stamps("`31.01.2025 13:00`", written("%d.%m.%Y %H:%M")),
    Stamps("`31-01-2025 13:00:00`", written("%d-%m-%Y %H:%M:%S")),
    Stamps("`1/31/2025 13:00`", lambda it: [f"{it.local.month}/{it.local.day}/{it.local:%Y %H:%M}"]),
    Stamps("`01/31/2025 01:00 PM`", written("%m/%d/%Y %I:%M %p")),
    Stamps("`1/31/2025 1:00:00 PM`", lambda it: [
        f"{it.local.month}/{it.local.day}/{it.local:%Y} {it.local.hour % 12 or 12}:{it.local:%M:%S %p}"]),
    Stamps("`31/01/2025 01:00 p. m.`", lambda it: [f"{it.local:%d/%m/%Y %I:%M} {half(it)}"]),
    Stamps("`31/01/25 13:00`", written("%d/%m/%y %H:%M")),
    Stamps("`01/31/25 1:00 PM`", written("%m/%d/%y %I:%M %p")),
    Stamps("`25-01-31 13:00`", written("%y-%m-%d %H:%M")),
    Stamps("`31-Jan-2025 13:00`", written("%d-%b-%Y %H:%M")),
    Stamps("`31-Jan-25 13:00`", written("%d-%b-%y %H:%M")),
    Stamps("`Jan 31, 2025 1:00 PM`", written("%b %d, %Y %I:%M %p")),
    Stamps("`31JAN2025:13:00:00`", lambda it: [f"{it.local:%d%b%Y:%H:%M:%S}".upper()]),
    Stamps("`31-ene-2025 13:00`", lambda it: [f"{it.local:%d}-{MESES[it.local.month - 1]}-{it.local:%Y %H:%M}"]),
    Stamps("`31 de enero de 2025 13:00`", lambda it: [
        f"{it.local.day} de {MESES_LARGOS[it.local.month - 1]} de {it.local:%Y %H:%M}"]),
    Stamps("`Fri, 31 Jan 2025 13:00:00 GMT` (RFC 1123)", written("%a, %d %b %Y %H:%M:%S GMT", utc=True)),
    Stamps("`202501311300`", written("%Y%m%d%H%M")),
    Stamps("`2025013113`", written("%Y%m%d%H")),
    Stamps("`20250131T130000Z`", written("%Y%m%dT%H%M%SZ", utc=True)),
    Stamps("`20250131:1310` (PVGIS)", lambda it: [f"{it.utc:%Y%m%d:%H}10"], read_as="UTC, the hour that it lies in"),
    Stamps("`31.01.2025 12:00 - 31.01.2025 13:00` under `MTU (UTC)`", lambda it: [
        f"{it.utc:%d.%m.%Y %H:%M} - {it.utc + HOUR:%d.%m.%Y %H:%M}"], headers=("MTU (UTC)",),
        read_as="interval, its start"),
    Stamps("`31.01.2025 12:00 - 31.01.2025 13:00 (UTC)`", lambda it: [
        f"{it.utc:%d.%m.%Y %H:%M} - {it.utc + HOUR:%d.%m.%Y %H:%M} (UTC)"], read_as="interval, its start"),
    Stamps("`31.01.2025 12:00 - 31.01.2025 13:00` under `MTU (CET/CEST)`", lambda it: [
        f"{it.local:%d.%m.%Y %H:%M} - {it.until:%d.%m.%Y %H:%M}"], headers=("MTU (CET/CEST)",), zones=EUROPE,
        read_as="interval, its start"),
    Stamps("`31/01/2025 12:00:00 (CET) - 31/01/2025 13:00:00 (CET)`", lambda it: [
        f"{it.local:%d/%m/%Y %H:%M:%S (%Z)} - {it.until:%d/%m/%Y %H:%M:%S (%Z)}"], zones=EUROPE,
        read_as="interval, its start"),
    Stamps("`2025-01-31T12:00:00/2025-01-31T13:00:00`", lambda it: [
        f"{it.local:%Y-%m-%dT%H:%M:%S}/{it.until:%Y-%m-%dT%H:%M:%S}"], read_as="interval, its start"),
    Stamps("`31/01/2025 12:00-13:00`", lambda it: [f"{it.local:%d/%m/%Y %H:%M}-{it.until:%H:%M}"],
           read_as="interval, its start"),
    Stamps("`31/01/2025 01:00` to `24:00`", lambda it: [f"{it.local:%d/%m/%Y} {it.local.hour + 1:02d}:00"],
           read_as="end of the hour"),
    Stamps("`2025-01-31 14:00`, the end of the hour", lambda it: [f"{it.until:%Y-%m-%d %H:%M}"],
           read_as="end of the hour"),
    Stamps("`2025-01-31 13:00` under `period_start`, beside `period_end`", lambda it: [
        f"{it.local:%Y-%m-%d %H:%M}", f"{it.until:%Y-%m-%d %H:%M}"], headers=("period_start", "period_end")),
    Stamps("`2025-01-31 13:00` of quarters of an hour", written("%Y-%m-%d %H:%M"), minutes=15),
    Stamps("`1738328400` (seconds since 1970)", lambda it: [f"{(it.start - UNIX).total_seconds():.0f}"]),
    Stamps("`1738328400000` (milliseconds since 1970)", lambda it: [f"{1000 * (it.start - UNIX).total_seconds():.0f}"]),
    Stamps("`45688.541667` (days of a spreadsheet)", lambda it: [f"{serial(it):.6f}"]),
    Stamps("date and `13:00` in two columns", written("%d/%m/%Y|%H:%M"), "joined_stamps", ("Fecha", "Hora")),
    Stamps("date and `13:00` under any headers", written("%Y-%m-%d|%H:%M:%S"), "joined_stamps", ("Jornada", "Momento")),
    Stamps("date and `01:00 PM`", written("%m/%d/%Y|%I:%M %p"), "joined_stamps", ("Date", "Time")),
    Stamps("date and hour 0 to 23", lambda it: [f"{it.local:%Y-%m-%d}", str(it.local.hour)], "joined_stamps",
           ("fecha", "hora")),
    Stamps("date and hour 1 to 24", lambda it: [f"{it.local:%d/%m/%Y}", str(it.local.hour + 1)], "joined_stamps",
           ("fecha", "hora"), read_as="end of the hour"),
    Stamps("date and hour 0 to 23 under any headers", lambda it: [f"{it.local:%Y-%m-%d}", str(it.local.hour)],
           "joined_stamps", ("d", "h.")),
    Stamps("date and `1300`", written("%Y-%m-%d|%H%M"), "joined_stamps", ("date", "HHMM")),
    Stamps("date and `H01` to `H24`", lambda it: [f"{it.local:%Y-%m-%d}", f"H{it.local.hour + 1:02d}"], "joined_stamps",
           ("fecha", "hora"), read_as="end of the hour"),
    Stamps("date and `HE1` to `HE24`", lambda it: [f"{it.local:%m/%d/%Y}", f"HE{it.local.hour + 1}"], "joined_stamps",
           ("Date", "Hour"), read_as="end of the hour"),
    Stamps("date, `START TIME` and `END TIME`", lambda it: [
        f"{it.local:%Y-%m-%d}", f"{it.local:%H:%M}", f"{it.until - dt.timedelta(minutes=1):%H:%M}"], "joined_stamps",
        ("DATE", "START TIME", "END TIME")),
    Stamps("`INTERVALSTARTTIME_GMT` beside `INTERVALENDTIME_GMT`", lambda it: [
        f"{it.start:%Y-%m-%dT%H:%M:%S}-00:00", f"{it.end:%Y-%m-%dT%H:%M:%S}-00:00"],
        headers=("INTERVALSTARTTIME_GMT", "INTERVALENDTIME_GMT")),
    Stamps("date and `13:00-14:00`", lambda it: [f"{it.local:%d/%m/%Y}", f"{it.local:%H:%M}-{it.until:%H:%M}"],
           "joined_stamps", ("fecha", "hora"), read_as="interval, its start"),
    Stamps("`2025-01-31 00:00:00` and hour, as a spreadsheet joins them", lambda it: [
        f"{it.local:%Y-%m-%d} 00:00:00", str(it.local.hour)], "joined_stamps", ("Fecha", "Hora")),
    Stamps("`20250131` and hour", lambda it: [f"{it.local:%Y%m%d}", str(it.local.hour)], "joined_stamps",
           ("Date", "Hour")),
    Stamps("`fecha;hora` with hours 01:00 to 24:00, 25:00 on the long day (Datadis)", lambda it: [
        f"{it.local:%Y/%m/%d}", f"{it.of_day:02d}:00"], "joined_stamps", ("fecha", "hora"), read_as="end of the hour"),
    Stamps("date and hour 1 to 24, 25 on the long day", lambda it: [f"{it.local:%d/%m/%Y}", str(it.of_day)],
           "joined_stamps", ("Fecha", "Hora"), read_as="end of the hour"),
    Stamps("date and quarter of an hour 1 to 96 (100, 92)", lambda it: [f"{it.local:%d/%m/%Y}", str(it.of_day)],
           "joined_stamps", ("Fecha", "Periodo"), minutes=15, read_as="period of the day"),
    Stamps("date and half hour 1 to 48 (50, 46)", lambda it: [f"{it.local:%Y-%m-%d}", str(it.of_day)],
           "joined_stamps", ("Settlement Date", "Settlement Period"), minutes=30, read_as="period of the day"),
    Stamps("date and `13:15` of quarters of an hour", written("%d/%m/%Y|%H:%M"), "joined_stamps", ("Fecha", "Hora"),
           minutes=15),
    Stamps("`Year`, `Month`, `Day`, `Hour` 0 to 23", lambda it: [
        str(it.local.year), str(it.local.month), str(it.local.day), str(it.local.hour)], "joined_stamps",
        ("Year", "Month", "Day", "Hour")),
    Stamps("`Year`, `Month`, `Day`, `Hour` 1 to 24", lambda it: [
        str(it.local.year), str(it.local.month), str(it.local.day), str(it.local.hour + 1)], "joined_stamps",
        ("Year", "Month", "Day", "Hour"), read_as="end of the hour"),
    Stamps("`Year`, `Month`, `Day`, `Hour`, `Minute`", lambda it: [
        str(it.local.year), str(it.local.month), str(it.local.day), str(it.local.hour), str(it.local.minute)],
        "joined_stamps", ("Year", "Month", "Day", "Hour", "Minute"), minutes=30),
    Stamps("`Año`, `Mes`, `Día`, `Hora`", written("%Y|%m|%d|%H"), "joined_stamps", ("Año", "Mes", "Día", "Hora")),
    Stamps("`YEAR`, `MO`, `DY`, `HR` (NASA POWER)", written("%Y|%m|%d|%H"), "joined_stamps",
           ("YEAR", "MO", "DY", "HR")),
    Stamps("`Year`, month by name, `Day`, `Hour`", lambda it: [
        str(it.local.year), MESES[it.local.month - 1], str(it.local.day), str(it.local.hour)], "joined_stamps",
        ("Año", "Mes", "Día", "Hora")),
    Stamps("`Year`, `DOY`, `Hour`", lambda it: [str(it.local.year), f"{it.local:%j}", str(it.local.hour)],
           "joined_stamps", ("Year", "DOY", "Hour")),
)  # fmt: skip
ANY_HEADERS = ("timestamp", "Time stamp", "Momento", "t", "Fecha y hora", "Lectura", "x")

FACTORS = {"kWh": 1.0, "kW": 1.0, "Wh": 1e3, "W": 1e3, "MWh": 1e-3, "MW": 1e-3, "MJ": 3.6}
"""Number in a unit of one kWh of an hour."""
UNIT_HEADERS = ("demanda_{}", "Demanda ({})", "demanda [{}]", "DEMANDA {}")
DECIMALS = ("point", "comma", "point, thousands", "comma, thousands", "comma, blanks")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "utf-16")
AROUND = (
    "nothing", "lines above", "padded lines above", "a row of units", "a legend", "a total", "`sep=` above",
    "an empty column", "newest first",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How a whole file is written."""

    stamps: Stamps
    zone: str
    separator: str
    decimal: str
    unit: str
    header: str
    encoding: str
    around: str
    time_header: str

    @property
    def said(self) -> str:
        """In words."""
        return " / ".join(
            (self.stamps.name, self.zone, self.separator, self.decimal, self.header.format(self.unit), self.encoding,
             self.around, self.time_header)
        )  # fmt: skip


def drawn(rng: random.Random, stamps: Stamps) -> Layout:
    """Draw a layout with these stamps."""
    return Layout(
        stamps=stamps,
        zone=rng.choice(stamps.zones or ("America/Lima", "Europe/Madrid")),
        separator=rng.choice(list(SEPARATORS)),
        decimal=rng.choice(DECIMALS),
        unit=rng.choice(list(FACTORS)),
        header=rng.choice(UNIT_HEADERS),
        encoding=rng.choice(ENCODINGS),
        around=rng.choice(AROUND),
        time_header=rng.choice(ANY_HEADERS),
    )


def year_of(zone: str, minutes: int, year: int = 2025) -> list[Interval]:
    """Intervals of a year on the clock of a zone."""
    there = ZoneInfo(zone)
    first, last = (dt.datetime(y, 1, 1, tzinfo=there).astimezone(UTC) for y in (year, year + 1))
    step = dt.timedelta(minutes=minutes)
    return [Interval(first + i * step, there, minutes) for i in range(int((last - first) / step))]


def number(value: float, decimal: str) -> str:
    """Write a number with up to six decimals."""
    plain = f"{value:,.6f}" if "," in decimal else f"{value:.6f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    if decimal.startswith("point"):
        return plain
    swapped = plain.translate(str.maketrans(",.", ".,"))
    return swapped.replace(".", "\u202f") if "blanks" in decimal else swapped


def file_of(layout: Layout, values: Sequence[float], intervals: Sequence[Interval]) -> bytes:
    """Bytes of a file in a layout; `values` are the kWh of each interval.

    A mean power is written as such.
    """
    factor = FACTORS[layout.unit] * (60 / layout.stamps.minutes if layout.unit.endswith("W") else 1.0)
    rows = [
        [*layout.stamps.write(it), number(value * factor, layout.decimal)]
        for it, value in zip(intervals, values, strict=True)
    ]
    header = [*(layout.stamps.headers or (layout.time_header,)), layout.header.format(layout.unit)]
    if layout.around == "newest first":
        rows.reverse()
    below: list[list[str]] = []
    above: list[list[str]] = []
    blank = [""] * (len(header) - 1)
    if layout.around == "lines above":
        above = [["Informe de la campa\u00f1a"], ["Cliente: Mall"], []]
    elif layout.around == "padded lines above":
        above = [["Cliente", "Mall", *blank][: len(header)], ["Latitud", "-3.75", *blank][: len(header)], ["", *blank]]
    elif layout.around == "a row of units":
        header[-1] = "demanda"
        rows.insert(0, [*blank, layout.unit])
    elif layout.around == "a legend":
        below = [[], ["demanda: la del mall, sin veh\u00edculos"]]
    elif layout.around == "a total":
        below = [["Total", *blank[1:], number(sum(round(value * factor, 6) for value in values), layout.decimal)]]
    elif layout.around == "`sep=` above":
        above = [[f"sep={SEPARATORS[layout.separator]}"]]
    elif layout.around == "an empty column":
        header.append("")
        rows = [[*row, ""] for row in rows]
    text = io.StringIO(newline="")
    if layout.around == "`sep=` above":
        text.write(f"{above.pop()[0]}\r\n")
    writer = csv.writer(text, delimiter=SEPARATORS[layout.separator])
    writer.writerows([*above, header, *rows, *below])
    return (
        text.getvalue()
        .replace("\u202f", "\u00a0" if layout.encoding == "latin-1" else "\u202f")
        .encode(layout.encoding)
    )
