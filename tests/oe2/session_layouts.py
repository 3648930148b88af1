"""Layouts in which charging sessions are written, each with a writer; `docs/inputs.md` has the table of them."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

YEAR = 2025
START = dt.datetime(YEAR, 1, 1)  # noqa: DTZ001 (the site's own time)
LIMA = dt.timedelta(hours=5)
"""What Lima is behind universal time, all year."""
HEADER = "session_id,socket,vehicle_class,arrival,departure,battery_kwh,arrival_soc,required_soc"


@dataclass(frozen=True)
class Stay:
    """One recorded stay: socket, moments in the site's time, and the energy charged [kWh]."""

    socket: int
    arrival: dt.datetime
    departure: dt.datetime
    energy_kwh: float

    @property
    def kind(self) -> str:
        """Class that the socket serves."""
        return "moto" if self.socket < 4 else "mototaxi"

    @property
    def battery_kwh(self) -> float:
        """Battery of that class."""
        return 3.5 if self.kind == "moto" else 10.0

    @property
    def arrival_soc(self) -> float:
        """SOC that leaves the energy to 0.9."""
        return 0.9 - self.energy_kwh * 0.95 / self.battery_kwh


Write = Callable[[Sequence[Stay]], bytes]
SOC = "SOC as written"
ENERGY = "SOC from the energy"


@dataclass(frozen=True)
class Layout:
    """One layout: what it looks like, what is read from it, the settings it needs, and who writes it."""

    name: str
    read_as: str
    write: Write
    ev: Mapping[str, Any] = field(default_factory=dict)
    numbered: bool = True
    suffix: str = ".csv"

    @property
    def keys(self) -> str:
        """Settings that it needs, as the table shows them."""
        names = [f"columns.{k}" for k in self.ev.get("columns", {})] + [k for k in self.ev if k != "columns"]
        return ", ".join(f"`ev.{name}`" for name in names) or "none"


def text(header: str, row: Callable[[Stay], object], encoding: str = "utf-8", *, back: bool = False) -> Write:
    """Write a header and a line for each stay."""

    def write(stays: Sequence[Stay]) -> bytes:
        lines = [str(row(stay)) for stay in stays]
        return "\n".join([header, *(lines[::-1] if back else lines), ""]).encode(encoding)

    return write


def hours(moment: dt.datetime) -> float:
    """Hours from the start of the year."""
    return (moment - START) / dt.timedelta(hours=1)


def canonical(stamp: Callable[[dt.datetime], str], **options: Any) -> Write:
    """Write the canonical columns with another stamp."""
    return text(
        HEADER,
        lambda s: (
            f"{s.kind}{s.socket}{s.arrival:%m%d%H%M},{s.socket},{s.kind},{stamp(s.arrival)},{stamp(s.departure)},"
            f"{s.battery_kwh},{s.arrival_soc!r},0.9"
        ),
        **options,
    )


def us(moment: dt.datetime) -> str:
    """Stamp of the United States."""
    return f"{moment.month}/{moment.day}/{moment.year} {moment.hour % 12 or 12}:{moment:%M} {moment:%p}"


def gmt(moment: dt.datetime) -> str:
    """Stamp of RFC 1123."""
    return (moment + LIMA).strftime("%a, %d %b %Y %H:%M:%S GMT")


def comma(value: float) -> str:
    """Decimal comma."""
    return f"{value:.6f}".replace(".", ",")


def acn(stays: Sequence[Stay]) -> list[dict[str, object]]:
    """Records of ACN-Data."""
    return [
        {
            "_id": f"5bc{i:05d}", "clusterID": "0039", "connectionTime": gmt(s.arrival),
            "disconnectTime": gmt(s.departure), "doneChargingTime": None, "kWhDelivered": s.energy_kwh,
            "sessionID": f"2_39_78_{i}", "siteID": "0002", "spaceID": f"CA-{300 + s.socket}",
            "stationID": f"2-39-78-{s.socket}", "timezone": "America/Los_Angeles", "userID": None,
            "userInputs": [{"WhPerMile": 250}] if i % 2 else None,
        }
        for i, s in enumerate(stays)
    ]  # fmt: skip


def parquet(stays: Sequence[Stay]) -> bytes:
    """Canonical columns as Parquet."""
    stream = io.BytesIO()
    pd.read_csv(io.BytesIO(canonical(lambda m: f"{m:%Y-%m-%d %H:%M}")(stays))).to_parquet(stream)
    return stream.getvalue()


PALO_ALTO = (
    "Station Name,MAC Address,Start Date,Start Time Zone,End Date,End Time Zone,Total Duration (hh:mm:ss),"
    "Energy (kWh),Port Type,Port Number"
)
DUNDEE = "Charging event,User ID,CP ID,Connector,Start Date,Start Time,End Date,End Time,Total kWh,Cost,Site"
ELAAD = "TransactionId;ChargePoint;Connector;UTCTransactionStart;UTCTransactionStop;StartCard;TotalEnergy;MaxPower"
NORWAY = "session_ID;Garage_ID;User_ID;Start_plugin;End_plugout;El_kWh;Duration_hours;CP_ID"

LAYOUTS = (
    Layout("canonical columns, ISO stamps", SOC, canonical(lambda m: f"{m:%Y-%m-%d %H:%M}")),
    Layout("stamps with seconds and `T`", SOC, canonical(lambda m: f"{m:%Y-%m-%dT%H:%M:%S}")),
    Layout("stamps with their offset", SOC, canonical(lambda m: f"{m:%Y-%m-%d %H:%M}-05:00")),
    Layout("stamps in UTC, `Z`", SOC, canonical(lambda m: f"{m + LIMA:%Y-%m-%dT%H:%M:%SZ}")),
    Layout("stamps in UTC without saying so", SOC, canonical(lambda m: f"{m + LIMA:%Y-%m-%d %H:%M}"),
           {"timezone": "UTC"}),
    Layout("day first", SOC, canonical(lambda m: f"{m:%d/%m/%Y %H:%M}")),
    Layout("month first, 12-hour clock", SOC, canonical(us)),
    Layout("month names", SOC, canonical(lambda m: f"{m:%d-%b-%Y %H:%M}")),
    Layout("seconds since 1970", SOC, canonical(lambda m: str(round((m + LIMA).replace(tzinfo=dt.UTC).timestamp())))),
    Layout("hours of the year, decimal", SOC, canonical(lambda m: repr(hours(m)))),
    Layout("hours of the year, decimal comma", SOC, text(
        HEADER.replace(",", ";"), lambda s: f"{s.arrival:%m%d%H%M}{s.socket};{s.socket};{s.kind};"
        f"{comma(hours(s.arrival))};{comma(hours(s.departure))};{comma(s.battery_kwh)};{comma(s.arrival_soc)};0,9")),
    Layout("rows from newest to oldest", SOC, canonical(lambda m: f"{m:%Y-%m-%d %H:%M}", back=True)),
    Layout("Spanish headers, semicolons, decimal commas", SOC, text(
        "toma;clase;llegada;salida;batería_kWh;SOC llegada;SOC requerido", lambda s: f"{s.socket};{s.kind.title()};"
        f"{s.arrival:%d/%m/%Y %H:%M};{s.departure:%d/%m/%Y %H:%M};{comma(s.battery_kwh)};{comma(s.arrival_soc)};0,9",
        "latin-1")),
    Layout("Parquet", SOC, parquet, suffix=".parquet"),
    Layout("no name, class, battery or required SOC", "those of the socket's class", text(
        "socket,arrival,departure,arrival_soc",
        lambda s: f"{s.socket},{s.arrival:%Y-%m-%d %H:%M},{s.departure:%Y-%m-%d %H:%M},{s.arrival_soc!r}")),
    Layout("energy [kWh] in place of SOC", ENERGY, text(
        "socket,arrival,departure,energy_kwh",
        lambda s: f"{s.socket},{s.arrival:%Y-%m-%d %H:%M},{s.departure:%Y-%m-%d %H:%M},{s.energy_kwh!r}")),
    Layout("energy [Wh]", ENERGY, text(
        "socket,arrival,departure,Energy (Wh)",
        lambda s: f"{s.socket},{s.arrival:%Y-%m-%d %H:%M},{s.departure:%Y-%m-%d %H:%M},{s.energy_kwh * 1000!r}")),
    Layout("other headers", ENERGY, text(
        "place,plugged,unplugged,charged_kwh",
        lambda s: f"{s.socket},{s.arrival:%Y-%m-%d %H:%M},{s.departure:%Y-%m-%d %H:%M},{s.energy_kwh!r}"),
        {"columns": {"socket": "place", "arrival": "plugged", "departure": "unplugged", "energy": "charged_kwh"}}),
    Layout("ChargePoint, Palo Alto CSV", ENERGY, text(
        PALO_ALTO, lambda s: f"MALL / BLOCK {s.socket // 2 + 9},000D:{s.socket},{s.arrival + LIMA:%m/%d/%Y %H:%M},UTC,"
        f"{s.departure + LIMA:%m/%d/%Y %H:%M},UTC,3:00:00,{s.energy_kwh!r},Level 2,{s.socket % 2 + 1}"),
        numbered=False),
    Layout("ACN-Data JSON", ENERGY, lambda stays: json.dumps({"_meta": {"site": "x"}, "_items": acn(stays)}).encode(),
           numbered=False, suffix=".json"),
    Layout("ACN-Data CSV", ENERGY, lambda stays: pd.DataFrame(acn(stays)).to_csv(index=False).encode(), numbered=False),
    Layout("ElaadNL CSV", ENERGY, text(
        ELAAD, lambda s: f"{s.arrival:%m%d%H%M}{s.socket};EV{s.socket:05d};1;{s.arrival + LIMA:%d/%m/%Y %H:%M};"
        f"{s.departure + LIMA:%d/%m/%Y %H:%M};5F;{comma(s.energy_kwh)};3,4"),
        {"timezone": "UTC", "unit": "kWh"}, numbered=False),
    Layout("Dundee CSV: dates and clock times apart", ENERGY, text(
        DUNDEE, lambda s: f"{s.arrival:%m%d%H%M},U1,{50000 + s.socket},1,{s.arrival:%d/%m/%Y},{s.arrival:%H:%M},"
        f"{s.departure:%d/%m/%Y},{s.departure:%H:%M},{s.energy_kwh!r},0,Mall"), numbered=False),
    Layout("Norwegian garages: dots, decimal commas", ENERGY, text(
        NORWAY, lambda s: f"{s.arrival:%m%d%H%M}{s.socket};G1;U1;{s.arrival:%d.%m.%Y %H:%M};"
        f"{s.departure:%d.%m.%Y %H:%M};{comma(s.energy_kwh)};{comma(3.5)};P{s.socket}"), numbered=False),
    Layout("no socket at all", ENERGY, text(
        "start,end,energy_kwh",
        lambda s: f"{s.arrival:%Y-%m-%d %H:%M},{s.departure:%Y-%m-%d %H:%M},{s.energy_kwh!r}"),
        {"file_class": "moto"}, numbered=False),
)  # fmt: skip


def table() -> str:
    """Table of the layouts, as `docs/inputs.md` holds it."""
    rows = [f"| {one.name} | {one.read_as} | {one.keys} |" for one in LAYOUTS]
    return "\n".join(["| layout | read as | keys that it needs |", "| --- | --- | --- |", *rows])
