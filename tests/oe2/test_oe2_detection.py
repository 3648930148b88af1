"""What a file is taken to be: detected and recorded, refused where it could be two things, read as a key says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.energy_file import read_mall, read_pv
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.weather_file import read_weather
from schemas.errors import InputError
from schemas.settings import EvSettings, MallSettings, PvSettings, SiteSettings, WeatherSettings

SITE = SiteSettings(year=2025)
LIMA = SITE.timezone
Read = Callable[..., Series]


@pytest.fixture
def mall(tmp_path: Path) -> Read:
    """Read a demand file of the text given, with the keys given."""

    def read(content: str | bytes, site: SiteSettings = SITE, **keys: Any) -> Series:
        path = tmp_path / "mall.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        settings = MallSettings.model_validate({"source": "file", "file": path} | keys)
        return read_mall(path, "mall.file", site, settings)

    return read


@pytest.fixture
def weather(tmp_path: Path) -> Read:
    """Read a weather file of the text given, with the keys given."""

    def read(content: str, **keys: Any) -> Series:
        path = tmp_path / "weather.csv"
        path.write_text(content, encoding="utf-8")
        return read_weather(
            path, "weather.file", SITE, WeatherSettings.model_validate({"source": "file", "file": path} | keys)
        )

    return read


def refused(read: Callable[[], Series], key: str) -> str:
    """Message of a refusal whose hint names the key that decides."""
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.hint is not None
    assert f"`{key}`" in caught.value.hint
    return caught.value.message


def decided(series: Series, what: str) -> tuple[str, str]:
    (found,) = [decision for decision in series.provenance.decisions if decision.what == what]
    return found.value, found.why


def stamped(
    values: Sequence[object], start: str = "2025-01-01 00:00", minutes: int = 60, header: str = "timestamp;kwh"
) -> str:
    first = dt.datetime.fromisoformat(start)
    rows = (f"{first + i * dt.timedelta(minutes=minutes):%Y-%m-%d %H:%M};{value}" for i, value in enumerate(values))
    return "\n".join([header, *rows]) + "\n"


def demand(series: Series) -> list[float]:
    values: list[float] = series.frame["mall_kwh"].tolist()
    return values


def first(series: Series) -> pd.Timestamp:
    return series.frame["timestamp"].iloc[0]


DAY = list(range(24))


@pytest.mark.parametrize(("mark", "shown"), [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")])
def test_a_separator_that_splits_all_rows_alike_is_detected(mall: Read, mark: str, shown: str) -> None:
    series = mall(stamped(DAY).replace(";", mark))
    assert demand(series) == DAY
    assert decided(series, "separator")[0] == shown


def test_two_possible_separators_need_the_key(mall: Read) -> None:
    text = stamped(["1,5"] * 24, header="timestamp;kwh,x")
    assert "more than one separator" in refused(lambda: mall(text), "mall.separator")
    assert demand(mall(text, separator="semicolon", column="kwh,x", unit="kWh")) == [1.5] * 24


@pytest.mark.parametrize(
    ("encoding", "value"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8 with byte order mark"), ("latin-1", "latin-1"), ("utf-16", "UTF-16")],
)
def test_encodings_that_bytes_prove_are_detected(mall: Read, encoding: str, value: str) -> None:
    series = mall(stamped(DAY, header="timestamp;Energía kWh").encode(encoding), column="Energía kWh")
    assert demand(series) == DAY
    assert decided(series, "encoding")[0] == value


def test_an_encoding_that_bytes_do_not_prove_needs_the_key(mall: Read) -> None:
    data = stamped(DAY, header="timestamp;“carga” kWh").encode("cp1252")
    assert "is in no known encoding" in refused(lambda: mall(data, column="carga kwh"), "mall.encoding")
    series = mall(data, column="carga kwh", encoding="cp1252")
    assert demand(series) == DAY
    assert decided(series, "encoding") == ("cp1252", "`mall.encoding` says so")
    assert "is not in utf-8" in refused(lambda: mall(data, encoding="utf-8"), "mall.encoding")


def test_two_encodings_in_one_file_are_refused(mall: Read) -> None:
    mixed = "timestamp;Energía kWh".encode() + b";d\xedas\n2025-01-01 00:00;1;2\n"
    assert "mixes encodings" in refused(lambda: mall(mixed), "mall.encoding")


@pytest.mark.parametrize(
    ("cells", "value", "expected"),
    [
        (["1,5", "2,25"], "comma", [1.5, 2.25]),
        (["0,123", "2,250"], "comma", [0.123, 2.25]),
        (["1,234", "1234"], "comma", [1.234, 1234.0]),
        (["1.5", "2.25"], "point", [1.5, 2.25]),
        (["0.123", "2.250"], "point", [0.123, 2.25]),
    ],
)
def test_a_decimal_mark_that_can_separate_no_thousands_is_detected(
    mall: Read, cells: list[str], value: str, expected: list[float]
) -> None:
    series = mall(stamped(cells * 12))
    assert demand(series) == expected * 12
    assert decided(series, "decimal mark")[0] == value


@pytest.mark.parametrize("mark", [".", ","])
def test_three_digits_after_every_mark_need_the_key(mall: Read, mark: str) -> None:
    text = stamped([f"1{mark}234", f"22{mark}500"] * 12)
    said = refused(lambda: mall(text), "mall.decimal")
    assert "may be a decimal or a thousands separator" in said
    assert demand(mall(text, decimal="point" if mark == "." else "comma")) == [1.234, 22.5] * 12
    # Where the mark can be no decimal it separates thousands, and nothing else.
    other = mall(text, decimal="comma" if mark == "." else "point")
    assert demand(other) == [1234.0, 22500.0] * 12
    assert decided(other, "decimal mark")[1] == "`mall.decimal` says so"
    mixed = stamped(["1.5", "2,5"] * 12)
    assert "says decimal" in refused(lambda: mall(mixed, decimal="point"), "mall.decimal")


def test_the_order_of_day_and_month_is_proven_or_needs_the_key(mall: Read) -> None:
    days = [f"{day:02d}/02/2025" for day in range(1, 14)]
    rows = [f"{day} {hour:02d}:00;1" for day in days for hour in DAY]
    series = mall("timestamp;kwh\n" + "\n".join(rows))
    assert decided(series, "dates") == ("day first", "line 290: `13/02/2025 00:00` allows nothing else")
    short = "timestamp;kwh\n" + "\n".join(rows[:48])
    assert "may be day or month first" in refused(lambda: mall(short), "mall.dates")
    assert first(mall(short, dates="day_first")) == pd.Timestamp("2025-02-01", tz=LIMA)
    assert first(mall(short, dates="month_first", interval_minutes=60)) == pd.Timestamp("2025-01-02", tz=LIMA)
    assert "does not exist where" in refused(
        lambda: mall("timestamp;kwh\n" + "\n".join(rows), dates="month_first"), "mall.dates"
    )
    assert "the year first" in refused(lambda: mall(stamped(DAY), dates="day_first"), "mall.dates")


@pytest.mark.parametrize("minutes", [15, 30])
def test_parts_of_an_hour_are_added_up_by_unit(mall: Read, minutes: int) -> None:
    n = 60 // minutes
    values = [*range(2 * n)] * 12
    energy = mall(stamped(values, minutes=minutes))
    assert demand(energy)[:2] == [sum(range(n)), sum(range(n, 2 * n))]
    power = mall(stamped(values, minutes=minutes, header="timestamp;kw"))
    assert demand(power)[:2] == [sum(range(n)) / n, sum(range(n, 2 * n)) / n]
    assert decided(energy, "interval")[0] == f"{minutes} min"
    assert len(energy.frame) == 24
    assert first(energy) == pd.Timestamp("2025-01-01", tz=LIMA)
    assert f"{n} rows of {minutes} min make an hour: added up" in energy.provenance.transformations


def test_an_hour_without_all_of_its_parts_has_no_number(mall: Read) -> None:
    lines = stamped([1.5] * 96, minutes=15).splitlines(keepends=True)
    del lines[6]  # 01:15
    series = mall("".join(lines))
    assert np.isnan(demand(series)[1])
    assert demand(series)[0] == 6.0
    assert "1 hours without all of their rows have no number" in series.provenance.transformations


@pytest.mark.parametrize(("at", "line"), [("2025-01-01 01:15", "not later than"), ("2025-01-01 01:37", "off the grid")])
def test_parts_of_an_hour_that_can_not_be_put_together_are_refused(mall: Read, at: str, line: str) -> None:
    text = stamped([1.5] * 96, minutes=15).replace("2025-01-01 01:30", at)
    with pytest.raises(InputError, match=line):
        mall(text)


def test_an_interval_that_no_step_shows_needs_the_key(mall: Read) -> None:
    text = "timestamp;kwh\n2025-01-01 00:00;1\n"
    assert "length of the intervals can not be known" in refused(lambda: mall(text), "mall.interval_minutes")
    assert demand(mall(text, interval_minutes=60, timestamps="start")) == [1.0]
    daily = stamped([1] * 5, minutes=1440)
    assert "1440 min apart" in refused(lambda: mall(daily), "mall.interval_minutes")
    assert "rows would overlap" in refused(
        lambda: mall(stamped([1] * 96, minutes=15), interval_minutes=60), "mall.interval_minutes"
    )


def test_rows_without_stamps_are_hours_unless_there_are_too_many(mall: Read) -> None:
    year = "kwh\n" + "1\n2\n" * 4380
    assert "no column holds stamps" in refused(lambda: mall(year), "mall.stamps")
    assert decided(mall(year, stamps="none"), "interval")[0] == "60 min"
    quarters = "kwh\n" + "1\n2\n" * 17520
    assert "may be parts of an hour" in refused(lambda: mall(quarters, stamps="none"), "mall.interval_minutes")
    series = mall(quarters, interval_minutes=15, stamps="none")
    assert (len(series.frame), demand(series)[0]) == (8760, 6.0)


@pytest.mark.parametrize(
    ("text", "value", "why"),
    [
        (stamped(DAY), "start", "the stamps run from 00:00 to 23:00"),
        (stamped(DAY, start="2025-01-01 01:00"), "end", "the stamps run from 01:00 to 00:00"),
        (stamped(DAY, start="2025-01-01 05:00", header="timestamp_utc;kwh"), "start", "from 00:00 to 23:00"),
        (stamped(DAY, start="2025-01-01 01:00").replace("2025-01-02 00:00", "2025-01-01 24:00"), "end", "24:00"),
        (stamped(DAY, start="2025-01-01 01:00", header="period_end;kwh"), "end", "the header `period_end` says so"),
        ("fecha;hora;kwh\n" + "".join(f"2025-01-01;{h + 1};{h}\n" for h in DAY), "end", "hours run to 24:00"),
    ],
)
def test_the_moment_of_a_stamp_is_detected(mall: Read, text: str, value: str, why: str) -> None:
    series = mall(text)
    assert first(series) == pd.Timestamp("2025-01-01", tz=LIMA)
    assert demand(series) == DAY
    assert decided(series, "stamps")[0] == value
    assert why in decided(series, "stamps")[1]


def test_ends_of_quarters_fall_into_their_hour(mall: Read) -> None:
    series = mall(stamped([*range(8)] * 12, start="2025-01-01 00:15", minutes=15))
    assert demand(series)[:2] == [6.0, 22.0]
    assert decided(series, "stamps")[0] == "end"


def test_a_moment_that_the_file_does_not_show_needs_the_key(mall: Read) -> None:
    text = stamped(DAY, start="2025-01-01 07:00")
    assert "start or the end of their 60 min" in refused(lambda: mall(text), "mall.timestamps")
    assert first(mall(text, timestamps="start")) == pd.Timestamp("2025-01-01 07:00", tz=LIMA)
    assert first(mall(text, timestamps="end")) == pd.Timestamp("2025-01-01 06:00", tz=LIMA)
    half = stamped(DAY, start="2025-01-01 00:30")
    refused(lambda: mall(half), "mall.timestamps")
    assert first(mall(half, timestamps="middle")) == pd.Timestamp("2025-01-01 00:00", tz=LIMA)
    until_24 = "fecha;hora;kwh\n" + "".join(f"2025-01-01;{h + 1};{h}\n" for h in DAY)
    assert "which is the end of an interval" in refused(lambda: mall(until_24, timestamps="start"), "mall.timestamps")


@pytest.mark.parametrize(
    ("header", "keys", "at", "why"),
    [
        ("timestamp;kwh", {}, "2025-01-01 00:00-05:00", "stamps without offset are in the site's time"),
        ("timestamp_utc;kwh", {}, "2024-12-31 19:00-05:00", "the header `timestamp_utc` says so"),
        ("Time (UTC);kwh", {}, "2024-12-31 19:00-05:00", "the header `Time (UTC)` says so"),
        ("timestamp;kwh", {"timezone": "UTC"}, "2024-12-31 19:00-05:00", "`mall.timezone` says so"),
        ("timestamp;kwh", {"timezone": "Etc/GMT+3"}, "2024-12-31 22:00-05:00", "`mall.timezone` says so"),
    ],
)
def test_the_zone_is_the_sites_unless_stated(mall: Read, header: str, keys: dict[str, str], at: str, why: str) -> None:
    series = mall(stamped(DAY, header=header), **keys)
    assert first(series) == pd.Timestamp(at)
    assert str(first(series).tz) == LIMA
    assert decided(series, "time zone")[1].startswith(why)


def test_stamps_with_offset_decide_themselves(mall: Read) -> None:
    text = stamped(DAY).replace(":00;", ":00Z;")
    series = mall(text)
    assert first(series) == pd.Timestamp("2025-01-01", tz="UTC")
    assert decided(series, "time zone")[0] == "offset of each stamp"
    assert "an offset that America/Lima does not have" in refused(lambda: mall(text, timezone=LIMA), "mall.timezone")


def test_a_clock_change_is_read_where_the_zone_has_none(mall: Read) -> None:
    madrid = SiteSettings(year=2025, timezone="Europe/Madrid")
    text = stamped(DAY, start="2025-03-30 00:00")
    assert "Europe/Madrid" in refused(lambda: mall(text, madrid), "mall.timezone")
    assert len(mall(text, madrid, timezone="UTC").frame) == 24


def test_a_column_without_unit_needs_the_key(mall: Read) -> None:
    text = stamped(DAY, header="timestamp;carga")
    refused(lambda: mall(text), "mall.column")
    assert "unit of column `carga`" in refused(lambda: mall(text, column="carga"), "mall.unit")
    assert demand(mall(text, column="carga", unit="MW"))[1] == 1000.0
    assert demand(mall(text, column="carga", unit="W"))[1] == 0.001


def test_columns_that_disagree_need_the_key(mall: Read, tmp_path: Path) -> None:
    path = tmp_path / "pv.csv"
    path.write_text(stamped([f"{v};{v + 1}" for v in DAY], header="timestamp;energia_kwh;potencia_kw"))

    def read(**keys: Any) -> Series:
        return read_pv(path, "pv.file", SITE, PvSettings.model_validate({"source": "file", "file": path} | keys))

    assert "`energia_kwh` and `potencia_kw` hold different energies" in refused(read, "pv.column")
    assert read(column="potencia_kw").frame["pv_kwh"].tolist() == [v + 1 for v in DAY]


def test_a_meter_that_counts_up_is_no_energy_of_intervals(mall: Read) -> None:
    with pytest.raises(InputError, match=r"never falls, from 1000 to 1071 in 72 rows: a meter's reading"):
        mall(stamped(range(1000, 1072)))


def test_a_profile_of_quarters_needs_its_unit(tmp_path: Path) -> None:
    path = tmp_path / "ev.csv"
    path.write_text(stamped(["1;2"] * 96, minutes=15, header="timestamp;Charger_01;Charger_02"))
    plan = {"source": "profile", "file": path, "dwell_hours": 3, "chargers": 2, "moto_chargers": 1}

    def read(**keys: Any) -> Series:
        return read_profile(path, "ev.file", SITE, EvSettings.model_validate(plan | keys))

    assert "mean kW or kWh" in refused(read, "ev.unit")
    assert read(unit="kW").frame.iloc[0, 1:].tolist() == [1.0, 2.0]
    assert read(unit="kWh").frame.iloc[0, 1:].tolist() == [4.0, 8.0]
    path.write_text(path.read_text().replace("Charger_02", "Charger_02_kW"))
    assert "different units" in refused(read, "ev.unit")
    path.write_text(path.read_text().replace("Charger_01;Charger_02_kW", "Charger_1;Charger_01"))
    with pytest.raises(InputError, match="twice under two spellings"):
        read(unit="kW")


SKY = "timestamp;{0};dni_w_m2;dhi_w_m2;temp_air_c;wind_speed_m_s"


def sky(ghi: Sequence[float], header: str = "ghi_w_m2", minutes: int = 60) -> str:
    return stamped([f"{value};0;{value};27;1" for value in ghi], minutes=minutes, header=SKY.format(header))


@pytest.mark.parametrize(
    ("header", "keys", "factor"),
    [
        ("ghi_w_m2", {}, 1.0),
        ("GHI (W/m2)", {}, 1.0),
        ("ghi", {}, 1.0),
        ("ghi_kw_m2", {}, 1000.0),
        ("GHI (Wh/m2)", {}, 1.0),
        ("irradiancia_ghi", {"unit": "kW/m2"}, 1000.0),
    ],
)
def test_the_unit_of_irradiance(weather: Read, header: str, keys: dict[str, str], factor: float) -> None:
    values = [float(v % 12) * 50 for v in DAY]
    assert weather(sky(values, header), **keys).frame["ghi_w_m2"].tolist() == [v * factor for v in values]


def test_an_irradiance_that_may_be_two_units_needs_the_key(weather: Read) -> None:
    values = [0.9 * (v % 2) for v in DAY]
    assert "greatest value is 0.9" in refused(lambda: weather(sky(values, "ghi")), "weather.unit")
    assert weather(sky(values, "ghi"), unit="kW/m2").frame["ghi_w_m2"].max() == 900.0
    quarters = sky([400.0] * 96, "ghi", minutes=15)
    assert "energy of 15 min" in refused(lambda: weather(quarters), "weather.unit")
    # All three irradiances are in the unit of the key: 100 Wh/m2 in a quarter are 400 W/m2.
    assert weather(sky([100.0] * 96, "ghi", minutes=15), unit="Wh/m2").frame["ghi_w_m2"].tolist() == [400.0] * 24
    assert weather(sky([100.0, 300.0] * 48, minutes=15)).frame["ghi_w_m2"].tolist() == [200.0] * 24


def test_weather_columns_can_be_named(weather: Read) -> None:
    text = sky([500.0] * 24, "luz")
    refused(lambda: weather(text), "weather.columns.ghi")
    series = weather(text, columns={"ghi": "luz"}, unit="W/m2")
    assert series.frame["ghi_w_m2"].tolist() == [500.0] * 24
    twice = sky([500.0] * 24, "ghi").replace(";0;500.0;", ";7;500.0;").replace("dni_w_m2", "ghi_w_m2")
    assert "`ghi` and `ghi_w_m2` both may be" in refused(lambda: weather(twice), "weather.columns.ghi")


def test_global_irradiance_alone_is_decomposed_only_where_the_key_says_so(weather: Read) -> None:
    text = "".join(
        ";".join(cells[:2] + cells[4:]) + "\n"
        for cells in (line.split(";") for line in sky([0.0] * 7 + [50.0, 300.0, 400.0] * 3 + [0.0] * 8).splitlines())
    )
    said = refused(lambda: weather(text), "weather.decomposition")
    assert "has global irradiance (`ghi_w_m2`) only" in said
    series = weather(text, decomposition="erbs")
    frame = series.frame
    assert list(frame)[:4] == ["timestamp", "ghi_w_m2", "dni_w_m2", "dhi_w_m2"]
    from pvbesscar.oe2.weather import sun

    position = sun(pd.DatetimeIndex(frame["timestamp"]), SITE)
    zenith = np.radians(position["apparent_zenith"].to_numpy())
    closed = frame["dni_w_m2"] * np.cos(zenith) + frame["dhi_w_m2"]
    np.testing.assert_allclose(closed, frame["ghi_w_m2"], atol=1e-9)
    # Erbs: up to a clearness kt of 0.22 the diffuse share is 1 - 0.09 kt; hours without light have none of either.
    clearness = 50.0 / (position["dni_extra"].iloc[10] * np.cos(zenith[10]))
    assert clearness < 0.22
    assert frame["dhi_w_m2"].iloc[10] == pytest.approx(50.0 * (1.0 - 0.09 * clearness), rel=1e-4)
    assert frame["dhi_w_m2"].iloc[:6].tolist() == [0.0] * 6
    assert 0.0 < frame["dhi_w_m2"].iloc[12] < frame["ghi_w_m2"].iloc[12]
    assert "decomposed from `ghi_w_m2` by pvlib's erbs" in series.provenance.transformations[-1]
    assert "are modelled (erbs), not measured" in series.provenance.notes[0]
    other = weather(text, decomposition="erbs_driesse").frame
    # Driesse's form is fitted to Erbs's and is another function.
    assert 0.0 < np.abs(other["dhi_w_m2"] - frame["dhi_w_m2"]).max() < 20.0
    refused(lambda: weather(sky([1.0] * 24), decomposition="erbs"), "weather.decomposition")


def test_formulas_are_refused_wherever_they_stand(mall: Read) -> None:
    for cell in ("=cmd|'/C calc'!A0", "@SUM(1)", "+1+cmd|x", "-2+3+cmd|' /C calc'!A0", "=1+1"):
        with pytest.raises(InputError, match="a spreadsheet formula"):
            mall(stamped([f"1;{cell}"] * 24, header="timestamp;kwh;nota"))
    with pytest.raises(InputError, match="header `=kwh` is a spreadsheet formula"):
        mall(stamped(DAY, header="timestamp;=kwh"))
    assert demand(mall(stamped(["1;-"] * 24, header="timestamp;kwh;nota"))) == [1.0] * 24


def test_numbers_beyond_any_plant_are_refused(mall: Read) -> None:
    for cell in ("1e308", "-1e16", "1e400", "9" * 400):
        with pytest.raises(InputError, match="beyond 1e\\+15"):
            mall(stamped([cell] + [1] * 23))


def test_every_decision_of_a_plain_file_is_recorded(mall: Read) -> None:
    found = {decision.what: decision.value for decision in mall(stamped([1.5] * 24)).provenance.decisions}
    assert found == {
        "encoding": "UTF-8", "separator": ";", "dates": "year first", "time zone": "America/Lima",
        "interval": "60 min", "stamps": "start", "unit": "kWh", "decimal mark": "point",
    }  # fmt: skip
