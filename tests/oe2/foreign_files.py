"""A year of weather, generation or demand as other programs write it, and how each is read.

`FORMATS` is also the table of docs/inputs.md.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import openpyxl
import pandas as pd

from tests.oe2.layouts import UTC, Interval

Columns = dict[str, list[float]]
MONTHS = "month,year\n" + "".join(f"{month},{2010 + month % 5}\n" for month in range(1, 13))


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format of others.

    Attributes
    ----------
    name, read_as, reader
        As the table of the docs says it; `reader` is a module of `pvbesscar.oe2`.
    write
        Bytes of a file with columns of numbers of each interval.
    holds
        `weather`, `pv` or `mall`.
    keys
        Settings of the section that the format needs.
    minutes
        Length of the intervals [min].
    """

    name: str
    read_as: str
    reader: str
    write: Callable[[Sequence[Interval], Columns], bytes]
    holds: str = "weather"
    keys: dict[str, Any] = field(default_factory=dict)
    minutes: int = 60


def of_the_year(intervals: Sequence[Interval]) -> tuple[Sequence[Interval], Columns]:
    """Weather and energies of the intervals: plain numbers, none twice in a row."""
    rng = np.random.default_rng(11)
    count = len(intervals)
    return intervals, {
        "ghi": rng.integers(0, 900, count).astype(float).tolist(),
        "dni": rng.integers(0, 800, count).astype(float).tolist(),
        "dhi": rng.integers(0, 400, count).astype(float).tolist(),
        "temp": np.round(rng.uniform(20, 34, count), 1).tolist(),
        "wind": np.round(rng.uniform(0, 9, count), 1).tolist(),
        "humidity": rng.integers(40, 100, count).astype(float).tolist(),
        "energy": np.round(rng.uniform(0, 1500, count), 3).tolist(),
    }


def _rows(intervals: Sequence[Interval], columns: Columns, names: str) -> list[tuple[Any, ...]]:
    return list(zip(intervals, *(columns[name] for name in names.split()), strict=True))


def _lines(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("utf-8")


def _pvgis_tmy(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "temp humidity ghi dni dhi wind")
    return _lines(
        "Latitude (decimal degrees): -3.750", "Longitude (decimal degrees): -73.250", "Elevation (m): 103",
        "Irradiance Time Offset (h): 0.0",
        *MONTHS.split(), "time(UTC),T2m,RH,G(h),Gb(n),Gd(h),IR(h),WS10m,WD10m,SP",
        *(f"{it.utc:%Y%m%d:%H%M},{t},{h},{g},{b},{d},380.0,{w},90.0,100000.0" for it, t, h, g, b, d, w in rows),
        "", "T2m: 2-m air temperature (degree Celsius)", "RH: relative humidity (%)",
        "G(h): Global irradiance on the horizontal plane (W/m2)", "", "PVGIS (c) European Union, 2001-2025",
    )  # fmt: skip


def _pvgis_json(intervals: Sequence[Interval], columns: Columns) -> bytes:
    names = ("T2m", "RH", "G(h)", "Gb(n)", "Gd(h)", "WS10m")
    rows = [
        {"time(UTC)": f"{it.utc:%Y%m%d:%H%M}", **dict(zip(names, values, strict=True))}
        for it, *values in _rows(intervals, columns, "temp humidity ghi dni dhi wind")
    ]
    location = {"latitude": -3.75, "longitude": -73.25, "elevation": 103.0}
    return json.dumps({"inputs": {"location": location}, "outputs": {"tmy_hourly": rows}, "meta": {}}).encode()


def _epw(intervals: Sequence[Interval], columns: Columns) -> bytes:
    fields = 35
    lines = []
    for it, t, h, g, b, d, w in _rows(intervals, columns, "temp humidity ghi dni dhi wind"):
        cells = [str(it.local.year), str(it.local.month), str(it.local.day), str(it.local.hour + 1), "0", "A7A7"]
        cells += [str(value) for value in (t, 20.0, h, 100_000, 0, 0, 380, g, b, d, 0, 0, 0, 0, 90, w)]
        lines.append(",".join([*cells, *["0"] * (fields - len(cells))]))
    return _lines(
        "LOCATION,Iquitos,LOR,PER,SRC,843770,-3.75,-73.25,-5.0,126.0", "DESIGN CONDITIONS,0",
        "TYPICAL/EXTREME PERIODS,0", "GROUND TEMPERATURES,0", "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0", "COMMENTS 1,",
        "COMMENTS 2,", "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31", *lines,
    )  # fmt: skip


def _tmy3(intervals: Sequence[Interval], columns: Columns) -> bytes:
    header = (
        "Date (MM/DD/YYYY),Time (HH:MM),ETR (W/m^2),ETRN (W/m^2),GHI (W/m^2),GHI source,DNI (W/m^2),DNI source,"
        "DHI (W/m^2),DHI source,Dry-bulb (C),Dry-bulb source,RHum (%),RHum source,Wspd (m/s),Wspd source"
    )
    rows = _rows(intervals, columns, "ghi dni dhi temp humidity wind")
    return _lines(
        '843770,"IQUITOS",LO,-5.0,-3.750,-73.250,126', header,
        *(
            f"{it.local:%m/%d/%Y},{it.local.hour + 1:02d}:00,0,0,{g:.0f},1,{b:.0f},1,{d:.0f},1,{t},A,{h:.0f},A,{w},A"
            for it, g, b, d, t, h, w in rows
        ),
    )  # fmt: skip


def _nsrdb(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "dhi dni ghi temp wind humidity")
    return _lines(
        "Source,Location ID,City,State,Country,Latitude,Longitude,Time Zone,Elevation,Local Time Zone,DHI Units",
        "NSRDB,1234,-,-,-,-3.75,-73.25,-5,126,-5,w/m2",
        "Year,Month,Day,Hour,Minute,DHI,DNI,GHI,Temperature,Wind Speed,Relative Humidity",
        *(
            f"{it.local:%Y},{it.local.month},{it.local.day},{it.local.hour},30,{d:.0f},{b:.0f},{g:.0f},{t},{w},{h}"
            for it, d, b, g, t, w, h in rows
        ),
    )


def _nsrdb_utc(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "dhi dni ghi temp wind humidity")
    return _lines(
        "Source,Location ID,City,State,Country,Latitude,Longitude,Time Zone,Elevation,Local Time Zone,DHI Units",
        "NSRDB,1234,-,-,-,-3.75,-73.25,0,126,-5,w/m2",
        "Year,Month,Day,Hour,Minute,DHI,DNI,GHI,Temperature,Wind Speed,Relative Humidity",
        *(
            f"{it.utc:%Y},{it.utc.month},{it.utc.day},{it.utc.hour},30,{d:.0f},{b:.0f},{g:.0f},{t},{w},{h}"
            for it, d, b, g, t, w, h in rows
        ),
    )


def _sam(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "ghi dni dhi temp wind humidity")
    return _lines(
        "Latitude,Longitude,Time Zone,Elevation,Source", "-3.75,-73.25,-5,126,made",
        "Year,Month,Day,Hour,Minute,GHI,DNI,DHI,Tdry,Wspd,RH",
        *(
            f"{it.local:%Y},{it.local.month},{it.local.day},{it.local.hour},30,{g:.0f},{b:.0f},{d:.0f},{t},{w},{h}"
            for it, g, b, d, t, w, h in rows
        ),
    )  # fmt: skip


def _pvsyst(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy ghi")
    return _lines(
        "PVSYST V7.4.6;;", "File date;01/03/25;", "Simulation;Hourly values;", "Project;Mall;", "",
        "date;E_Grid;GlobHor", ";kW;W/m\u00b2",
        *(f"{it.local:%d/%m/%y %H:%M};{e:.3f};{g:.1f}" for it, e, g in rows),
    )  # fmt: skip


def _solaredge(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "Site: Mall Iquitos", "Report period: 2025", "", "Time,System Production (Wh)",
        *(f"{it.local:%m/%d/%Y %H:%M},{1000 * e:.0f}" for it, e in rows),
    )  # fmt: skip


def _solaredge_units(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "Time,System Production", "MM/DD/YYYY hh:mm,Wh",
        *(f"{it.local:%m/%d/%Y %H:%M},{1000 * e:.0f}" for it, e in rows),
    )  # fmt: skip


def _open_meteo(zone: str, offset_s: int, pattern: str) -> Callable[[Sequence[Interval], Columns], bytes]:
    def write(intervals: Sequence[Interval], columns: Columns) -> bytes:
        rows = _rows(intervals, columns, "ghi dni dhi temp wind humidity")
        return _lines(
            "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation",
            f"-3.75,-73.25,104.0,{offset_s},{zone}", "",
            "time,shortwave_radiation (W/m\u00b2),direct_normal_irradiance (W/m\u00b2),diffuse_radiation (W/m\u00b2),"
            "temperature_2m (\u00b0C),wind_speed_10m (m/s),relative_humidity_2m (%)",
            *(f"{(it.local if offset_s else it.utc):{pattern}},{','.join(map(str, values))}" for it, *values in rows),
        )  # fmt: skip

    return write


def _fronius(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "Fecha y hora;Energ\u00eda | Symo 20.0-3-M", "[dd.MM.yyyy HH:mm];[Wh]",
        *(f"{it.local:%d.%m.%Y %H:%M};" + f"{1000 * e:.2f}".replace(".", ",") for it, e in rows),
    )  # fmt: skip


def _enphase(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "Date/Time,Energy Produced (Wh)", *(f"{it.local:%Y-%m-%d %H:%M:%S %z},{1000 * e:.0f}" for it, e in rows)
    )


def _victron(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "timestamp,System overview [0]", "America/Lima (-05:00),AC Consumption L1", ",W",
        *(f"{it.local:%Y-%m-%d %H:%M:%S},{1000 * e:.0f}" for it, e in rows),
    )  # fmt: skip


def _entsoe(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        '"MTU (UTC)","Area","Day-ahead Load Forecast (MW)","Actual Total Load (MW)"',
        *(f'"{it.utc:%d/%m/%Y %H:%M:%S} - {it.end:%d/%m/%Y %H:%M:%S}","BZN|X","{e / 900:.6f}","{e / 1000:.6f}"'
          for it, e in rows),
    )  # fmt: skip


def _green_button_csv(intervals: Sequence[Interval], columns: Columns) -> bytes:
    minute = dt.timedelta(minutes=1)
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "Name,MALL", 'Address,"AV. 1, IQUITOS"', "Account Number,123", "Service,Service 1", "",
        "TYPE,DATE,START TIME,END TIME,USAGE (kWh),COST,NOTES",
        *(f"Electric usage,{it.local:%Y-%m-%d},{it.local:%H:%M},{it.until - minute:%H:%M},{e},${e / 4:.2f},"
          for it, e in rows),
    )  # fmt: skip


def _influxdb(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    return _lines(
        "#group,false,false,true,true,false,false,true",
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string",
        "#default,_result,,,,,,", ",result,table,_start,_stop,_time,_value,_field",
        *(f",,0,2025-01-01T05:00:00Z,2026-01-01T05:00:00Z,{it.utc:%Y-%m-%dT%H:%M:%SZ},{e},demand" for it, e in rows),
    )  # fmt: skip


def _green_button(intervals: Sequence[Interval], columns: Columns) -> bytes:
    rows = _rows(intervals, columns, "energy")
    readings = "".join(
        f"<IntervalReading><timePeriod><duration>{60 * it.minutes}</duration><start>{it.start.timestamp():.0f}</start>"
        f"</timePeriod><value>{1000 * e:.0f}</value></IntervalReading>"
        for it, e in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><entry><content>'
        '<ReadingType xmlns="http://naesb.org/espi"><accumulationBehaviour>4</accumulationBehaviour>'
        "<flowDirection>1</flowDirection><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom></ReadingType>"
        '</content></entry><entry><content><IntervalBlock xmlns="http://naesb.org/espi">'
        f"{readings}</IntervalBlock></content></entry></feed>"
    ).encode()


def _sheet(book: openpyxl.Workbook, name: str, rows: list[list[Any]]) -> None:
    sheet = book.create_sheet(name)
    for row in rows:
        sheet.append(row)


def _saved(book: openpyxl.Workbook) -> bytes:
    book.remove(book["Sheet"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _excel(intervals: Sequence[Interval], columns: Columns) -> bytes:
    book = openpyxl.Workbook()
    rows = [[it.local.replace(tzinfo=None), e] for it, e in _rows(intervals, columns, "energy")]
    _sheet(book, "Datos", [["Informe"], [], ["Fecha", "Demanda (kWh)"], *rows])
    return _saved(book)


def _excel_of_two(intervals: Sequence[Interval], columns: Columns) -> bytes:
    book = openpyxl.Workbook()
    rows = [[it.local.date(), dt.time(it.local.hour), e] for it, e in _rows(intervals, columns, "energy")]
    _sheet(book, "Resumen", [["Total", sum(columns["energy"])]])
    _sheet(book, "2025", [["Fecha", "Hora", "kWh"], *rows])
    return _saved(book)


def _parquet(intervals: Sequence[Interval], columns: Columns) -> bytes:
    index = pd.DatetimeIndex([it.start for it in intervals], name="timestamp")
    return pd.DataFrame({"demanda_kwh": columns["energy"]}, index=index).to_parquet()


def _wide(intervals: Sequence[Interval], columns: Columns) -> bytes:
    per_day = 24 * 60 // intervals[0].minutes
    step = dt.timedelta(minutes=intervals[0].minutes)
    first = dt.datetime(2025, 1, 1, tzinfo=UTC)
    labels = [f"{first + i * step:%H:%M}" for i in range(per_day)]
    days = [
        ";".join([f"{intervals[i].local:%d/%m/%Y}", *(f"{e:.3f}" for e in columns["energy"][i : i + per_day])])
        for i in range(0, len(intervals), per_day)
    ]
    return _lines(";".join(["Fecha", *labels]), *days)


def _wide_h(intervals: Sequence[Interval], columns: Columns) -> bytes:
    days = [
        ";".join([f"{intervals[i].local:%d/%m/%Y}", *(f"{e:.3f}" for e in columns["energy"][i : i + 24])])
        for i in range(0, len(intervals), 24)
    ]
    return _lines(";".join(["Fecha", *(f"H{hour}" for hour in range(1, 25))]), *days)


PVGIS = "UTC, the hour that each stamp lies in"
FORMATS = (
    Foreign("PVGIS typical year, CSV as downloaded", PVGIS, "dates", _pvgis_tmy),
    Foreign("PVGIS, JSON as downloaded", PVGIS, "foreign", _pvgis_json),
    Foreign("EPW (EnergyPlus)", "start of the hour, in the file's offset", "foreign", _epw),
    Foreign("TMY3", "end of the hour, in the file's offset", "foreign", _tmy3),
    Foreign("NSRDB CSV, in local standard time", "middle of the hour, in `Time Zone`", "joined_stamps", _nsrdb),
    Foreign("NSRDB CSV, in UTC", "middle of the hour, in `Time Zone`", "joined_stamps", _nsrdb_utc),
    Foreign("SAM CSV", "middle of the hour, in `Time Zone`", "joined_stamps", _sam),
    Foreign("PVsyst CSV, lines above and a row of units", "date and time", "block", _pvsyst, "pv"),
    Foreign("SolarEdge CSV, lines above", "date and time", "block", _solaredge, "pv"),
    Foreign("SolarEdge CSV, a row of units", "date and time", "block", _solaredge_units, "pv"),
    Foreign("Fronius Solar.web CSV", "date and time", "block", _fronius, "pv",
            {"column": "Energ\u00eda | Symo 20.0-3-M"}, minutes=30),
    Foreign("Enphase CSV", "date and time", "dates", _enphase, "pv", {"column": "Energy Produced (Wh)"}, minutes=15),
    Foreign("Victron VRM CSV", "date and time, in the zone above", "block", _victron, "mall",
            {"column": "AC Consumption L1"}),
    Foreign("ENTSO-E total load, CSV", "interval, its start", "dates", _entsoe, "mall",
            {"column": "Actual Total Load (MW)"}),
    Foreign("Open-Meteo CSV, in local time", "date and time, in the zone above", "dates",
            _open_meteo("America/Lima,GMT-5", -18000, "%Y-%m-%dT%H:%M")),
    Foreign("Open-Meteo CSV, in GMT", "date and time, in the zone above", "dates",
            _open_meteo("GMT,GMT", 0, "%Y-%m-%dT%H:%M")),
    Foreign("InfluxDB annotated CSV", "UTC, `_time`", "time_columns", _influxdb, "mall",
            {"column": "_value", "unit": "kWh"}),
    Foreign("Green Button CSV", "date and `START TIME`", "joined_stamps", _green_button_csv, "mall",
            {"column": "USAGE (kWh)"}),
    Foreign("Green Button XML", "UTC, start of the interval", "green_button", _green_button, "mall"),
    Foreign("Green Button XML of quarters", "UTC, start of the interval", "green_button", _green_button, "mall",
            minutes=15),
    Foreign("Excel workbook of one sheet", "date and time", "workbook", _excel, "mall"),
    Foreign("Excel workbook of several sheets", "date and clock", "workbook", _excel_of_two, "mall", {"sheet": "2025"}),
    Foreign("Parquet with an index of pandas", "date and time", "parquet", _parquet, "mall"),
    Foreign("a row a day, 24 columns `00:00` to `23:00`", "start of the hour", "wide_days", _wide, "mall",
            {"unit": "kWh"}),
    Foreign("a row a day, 24 columns `H1` to `H24`", "end of the hour", "wide_days", _wide_h, "mall", {"unit": "kWh"}),
    Foreign("a row a day, 96 columns `00:00` to `23:45`", "start of the quarter", "wide_days", _wide, "mall",
            {"unit": "kWh"}, minutes=15),
)  # fmt: skip
