"""Formats of other programs: each comes back equal to the hour, or is named for what it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.energy_file import read_mall, read_pv
from pvbesscar.oe2.weather_file import read_weather
from schemas.errors import InputError
from schemas.settings import MallSettings, PvSettings, SiteSettings, WeatherSettings
from tests.oe2.foreign_files import FORMATS, Foreign, of_the_year
from tests.oe2.layouts import year_of

SITE = SiteSettings(year=2025)
NAMES = {
    "ghi_w_m2": "ghi", "dni_w_m2": "dni", "dhi_w_m2": "dhi", "temp_air_c": "temp", "wind_speed_m_s": "wind",
    "relative_humidity": "humidity",
}  # fmt: skip


def frame(form: Foreign, path: Path, keys: dict[str, str]) -> pd.DataFrame:
    given = {"source": "file", "file": str(path)} | keys
    if form.holds == "weather":
        return read_weather(path, "weather.file", SITE, WeatherSettings.model_validate(given)).frame
    if form.holds == "pv":
        return read_pv(path, "pv.file", SITE, PvSettings.model_validate(given)).frame
    return read_mall(path, "mall.file", SITE, MallSettings.model_validate(given)).frame


def refusal(form: Foreign, path: Path) -> InputError | None:
    try:
        frame(form, path, form.keys)
    except InputError as error:
        return error
    return None


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_year_in_a_format_of_others_comes_back_to_the_hour(form: Foreign, tmp_path: Path) -> None:
    intervals, columns = of_the_year(year_of(SITE.timezone, form.minutes))
    path = tmp_path / "file"
    path.write_bytes(form.write(intervals, columns))
    found = frame(form, path, form.keys)
    rows = 60 // form.minutes
    starts = pd.DatetimeIndex([it.local for it in intervals[::rows]])
    index = pd.DatetimeIndex(found["timestamp"])
    assert index.equals(starts.as_unit(index.unit).tz_convert(index.tz)), f"{index[:2]}, {len(index)}"
    names = NAMES if form.holds == "weather" else {f"{form.holds}_kwh": "energy"}
    assert set(names) <= set(found)
    for name, column in names.items():
        expected = np.array(columns[column]).reshape(-1, rows).sum(axis=1)
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-9)


def form_of(name: str) -> Foreign:
    return next(form for form in FORMATS if form.name == name)


def written(form: Foreign, path: Path) -> str:
    path.write_bytes(form.write(*of_the_year(year_of(SITE.timezone, form.minutes))))
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"100,NEM12,202501010000,A,B\n200,6102,E1,E1,E1,,M,kWh,15,\n300,20250101,1.1\n", "a NEM12 or NEM13 file"),
        (b"MARGINALPDBC;\n2025;01;01;1;61.2;61.2;\n2025;01;01;2;59.1;59.1;\n*\n", "a file of OMIE"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "a web page (HTML)"),
        (b'<?xml version="1.0"?><kml><Placemark/></kml>', "an XML file of an unknown kind"),
        (b'{"type": "FeatureCollection", "features": 3}', "a JSON file of an unknown kind"),
        (b" 14944 SIOUX_FALLS            SD  -6 N 43 34".replace(b"_", b" ").replace(b"  -6", b" -6"), "a TMY2 file"),
        (b"\x89HDF\r\n\x1a\n0000", "an HDF5 or NetCDF file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"PK\x03\x04 no workbook", "a zip archive, and no whole Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"is {said}")):
        frame(form_of("EPW (EnergyPlus)"), path, {})


@pytest.mark.parametrize(
    "name", ["EPW (EnergyPlus)", "TMY3", "PVGIS, JSON as downloaded", "Green Button XML", "Excel workbook of one sheet"]
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused_in_words_or_is_what_is_left(
    name: str, share: float, tmp_path: Path
) -> None:
    form, path = form_of(name), tmp_path / "file"
    intervals, columns = of_the_year(year_of(SITE.timezone, form.minutes))
    content = form.write(intervals, columns)
    path.write_bytes(content[: int(len(content) * share)])
    refused = refusal(form, path)
    if refused is not None:
        assert refused.hint
        return
    found = frame(form, path, form.keys)
    whole = len(found) - 1
    assert found["timestamp"].iloc[0] == pd.Timestamp(intervals[0].local)
    first, column = ("ghi_w_m2", "ghi") if form.holds == "weather" else ("mall_kwh", "energy")
    np.testing.assert_allclose(found[first][:whole], columns[column][:whole], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "cell", "missing", "column"),
    [
        ("EPW (EnergyPlus)", "100000,0,0,380,", "100000,0,0,380,9999,9999,9999,", "ghi_w_m2"),
        ("TMY3", ":00,0,0,", ":00,0,0,-9900,1,-9900,1,-9900,1,", "dni_w_m2"),
    ],
)
def test_what_a_weather_file_writes_for_missing_is_no_number(
    name: str, cell: str, missing: str, column: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    form = form_of(name)
    lines = written(form, path).splitlines()
    row = next(i for i, line in enumerate(lines) if cell in line)
    first, rest = lines[row].split(cell)
    skipped = missing.removeprefix(cell).count(",")
    lines[row] = first + missing + ",".join(rest.split(",")[skipped:])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = frame(form, path, {})[column]
    assert np.isnan(found[0])
    assert not found[1:].isna().any()


@pytest.mark.parametrize("name", ["EPW (EnergyPlus)", "TMY3", "PVGIS typical year, CSV as downloaded"])
def test_a_typical_year_of_several_years_needs_its_key(name: str, tmp_path: Path) -> None:
    form, path = form_of(name), tmp_path / "file"
    text = written(form, path)
    for month, year in (("02", 2011), ("06", 2007), ("11", 2019)):
        text = re.sub(rf"^2025{month}", f"{year}{month}", text, flags=re.MULTILINE)  # PVGIS
        text = re.sub(rf"^{month}/(\d\d)/2025", rf"{month}/\1/{year}", text, flags=re.MULTILINE)  # TMY3
        text = re.sub(rf"^2025,{int(month)},", f"{year},{int(month)},", text, flags=re.MULTILINE)  # EPW
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="typical year") as refused:
        frame(form, path, {})
    assert "`weather.stamps` to `typical`" in (refused.value.hint or "")
    intervals, columns = of_the_year(year_of(SITE.timezone, 60))
    found = frame(form, path, {"stamps": "typical"})
    assert found["timestamp"].tolist() == [pd.Timestamp(it.local) for it in intervals]
    np.testing.assert_allclose(found["ghi_w_m2"], columns["ghi"], atol=1e-9)


def test_a_workbook_of_several_sheets_needs_the_key_that_names_one(tmp_path: Path) -> None:
    form, path = form_of("Excel workbook of several sheets"), tmp_path / "file.xlsx"
    path.write_bytes(form.write(*of_the_year(year_of(SITE.timezone, 60))))
    for keys, said in (({}, "2 sheets that hold rows: `Resumen`, `2025`"), ({"sheet": "2024"}, "has no sheet `2024`")):
        with pytest.raises(InputError, match=said) as refused:
            frame(form, path, keys)
        assert "`mall.sheet`" in (refused.value.hint or "")


def test_a_meter_of_generation_is_not_read_as_demand(tmp_path: Path) -> None:
    form, path = form_of("Green Button XML"), tmp_path / "file.xml"
    text = written(form, path).replace("<flowDirection>1<", "<flowDirection>19<")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no column holds"):
        frame(form, path, {})


@pytest.mark.parametrize(
    ("was", "instead", "said"),
    [
        ("<uom>72<", "<uom>169<", "unit of measure 169"),
        ('<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "b">]>', "DTD"),
        ("<flowDirection>1</flowDirection>", "<flowDirection>4</flowDirection>", "flow direction 4"),
    ],
)  # fmt: skip
def test_a_meter_of_something_else_is_refused(was: str, instead: str, said: str, tmp_path: Path) -> None:
    form, path = form_of("Green Button XML"), tmp_path / "file.xml"
    path.write_text(written(form, path).replace(was, instead), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        frame(form, path, {})


@pytest.mark.parametrize(
    ("header", "keys", "factor", "summand"),
    [
        ("viento_kmh", {"wind": "viento_kmh"}, 1 / 3.6, 0.0),
        ("Viento [mph]", {"wind": "Viento [mph]"}, 0.44704, 0.0),
        ("Viento (nudos)", {"wind": "Viento (nudos)"}, 1852 / 3600, 0.0),
        ("wind_speed_km_h", {}, 1 / 3.6, 0.0),
        ("Taire_K", {"temperature": "Taire_K"}, 1.0, -273.15),
        ("Taire (F)", {"temperature": "Taire (F)"}, 5 / 9, -160 / 9),
        ("temperature_k", {}, 1.0, -273.15),
    ],
)
def test_the_unit_of_a_header_counts_where_a_key_names_the_column(
    header: str, keys: dict[str, str], factor: float, summand: float, tmp_path: Path
) -> None:
    is_wind = "wind" in header or "Viento" in header or "viento" in header
    other = "temp_air_c" if is_wind else "wind_speed_m_s"
    values = np.array([3.5, 8.25, 1.0]) if is_wind else np.array([298.5, 300.25, 296.0])
    rows = "".join(f"2025-01-13 0{i}:00,0,0,0,{value},25\n" for i, value in enumerate(values))
    path = tmp_path / "w.csv"
    path.write_text(f"timestamp,ghi_w_m2,dni_w_m2,dhi_w_m2,{header},{other}\n{rows}", encoding="utf-8")
    given = WeatherSettings.model_validate({"source": "file", "file": str(path), "columns": keys, "unit": "W/m2"})
    name = "wind_speed_m_s" if is_wind else "temp_air_c"
    found = read_weather(path, "weather.file", SITE, given).frame[name]
    np.testing.assert_allclose(found, values * factor + summand)


@pytest.mark.parametrize(("header", "key"), [("viento_bft", "wind"), ("temp (rankine)", "temperature")])
def test_a_unit_that_is_not_converted_is_refused(header: str, key: str, tmp_path: Path) -> None:
    other = "temp_air_c" if key == "wind" else "wind_speed_m_s"
    path = tmp_path / "w.csv"
    path.write_text(
        f"timestamp,ghi_w_m2,dni_w_m2,dhi_w_m2,{header},{other}\n"
        "2025-01-13 00:00,0,0,0,3,2\n2025-01-13 01:00,0,0,0,4,2\n",
        encoding="utf-8",
    )
    given = WeatherSettings.model_validate({"source": "file", "file": str(path), "columns": {key: header}})
    with pytest.raises(InputError, match="unit"):
        read_weather(path, "weather.file", SITE, given)


def test_every_change_of_a_workbook_is_read_or_refused_in_words(tmp_path: Path) -> None:
    form, path = form_of("Excel workbook of one sheet"), tmp_path / "file.xlsx"
    intervals, columns = of_the_year(year_of(SITE.timezone, 60)[:48])
    content = form.write(intervals, columns)
    rng = np.random.default_rng(3)
    told = 0
    for _ in range(200):
        spoiled = bytearray(content)
        spoiled[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(spoiled))
        refused = refusal(form, path)
        told += refused is not None
        assert refused is None or refused.hint
    assert told > 20


def hours_of_pvgis(slope: int, *, as_json: bool) -> str:
    """Some days of PVGIS's hourly radiation on a plane, as CSV or JSON as downloaded."""
    stamps = [it for it in year_of("UTC", 60) if it.start.month == 1 and it.start.day < 15]
    rows = [(f"{it.utc:%Y%m%d:%H}10", 100.0 + i, 25.5, 1.5) for i, it in enumerate(stamps)]
    if as_json:
        hourly = [dict(zip(("time", "G(i)", "T2m", "WS10m"), row, strict=True)) for row in rows]
        mounting = {"fixed": {"slope": {"value": slope, "optimal": False}, "type": "free-standing"}}
        return json.dumps({"inputs": {"mounting_system": mounting}, "outputs": {"hourly": hourly}})
    lines = [f"{stamp},{light},8.1,{temperature},{wind},0.0" for stamp, light, temperature, wind in rows]
    above = ["Latitude (decimal degrees):\t-3.750", "Radiation database:\tPVGIS-ERA5", "", f"Slope: {slope} deg."]
    below = ["", "G(i): Global irradiance on the inclined plane (plane of the array) (W/m2)"]
    return "\r\n".join([*above, "time,G(i),H_sun,T2m,WS10m,Int", *lines, *below])


@pytest.mark.parametrize("as_json", [False, True])
def test_light_on_a_plane_is_global_only_where_the_plane_is_level(as_json: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(hours_of_pvgis(0, as_json=as_json), encoding="utf-8")
    found = read_weather(
        path, "weather.file", SITE, WeatherSettings(source="file", file=path, decomposition="erbs")
    ).frame
    np.testing.assert_allclose(found["ghi_w_m2"], 100.0 + np.arange(14 * 24))
    assert str(found["timestamp"].iloc[0]) == "2024-12-31 19:00:00-05:00"
    path.write_text(hours_of_pvgis(23, as_json=as_json), encoding="utf-8")
    given = {"source": "file", "file": path, "decomposition": "erbs", "columns": {"ghi": "G(i)"}}
    with pytest.raises(InputError, match="the irradiance on a plane of 23 degrees"):
        read_weather(path, "weather.file", SITE, WeatherSettings.model_validate(given))
