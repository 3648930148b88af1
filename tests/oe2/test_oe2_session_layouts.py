"""Sessions as they are recorded: each layout comes back to the hour, and what is left out is said."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.session_columns import is_sessions
from pvbesscar.oe2.sessions_file import read_sessions
from schemas.errors import InputError
from schemas.settings import Settings
from tests.oe2.conftest import SYNTHETIC
from tests.oe2.session_layouts import HEADER, LAYOUTS, START, YEAR, Layout, Stay, hours, table

FIRST = dt.timedelta(days=12)
"""From 13 January on the order of day and month is proven."""
ENERGY = st.floats(0.05, 3.3).map(lambda kwh: round(kwh, 3))
GAPS = st.lists(st.tuples(st.integers(0, 4000), st.integers(121, 900), ENERGY), min_size=1, max_size=4)


@st.composite
def recorded(draw: st.DrawFn) -> list[Stay]:
    """Stays on some of eight sockets, one vehicle at a time, in the order of arrival."""
    found = []
    for socket in draw(st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True)):
        now = START + FIRST + dt.timedelta(minutes=draw(st.integers(0, 1000)))
        for gap, stay, energy in draw(GAPS):
            arrival = now + dt.timedelta(minutes=gap)
            now = arrival + dt.timedelta(minutes=stay)
            found.append(Stay(socket, arrival, now, energy))
    return sorted(found, key=lambda stay: (stay.arrival, stay.socket))


def plan(folder: Path, **ev: Any) -> Settings:
    """Scenario of eight sockets, four of motos."""
    own = {"source": "sessions", "file": "s.csv", "chargers": 2, "moto_chargers": 1} | ev
    return Settings.model_validate({"name": "test", "data": {"oe2_dir": folder}, **SYNTHETIC, "ev": own})


def read(path: Path, **ev: Any) -> Series:
    return read_sessions(path, "ev.file", plan(path.parent, **ev))


def text(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "s.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def holds(layout: Layout, stays: Sequence[Stay], folder: Path) -> None:
    """Write the stays in a layout, read them, and compare them with what was recorded."""
    path = folder / f"s{layout.suffix}"
    path.write_bytes(layout.write(stays))
    # Where sockets have no number their class is unknown: all of them serve motos, and the energies fit those.
    series = read(path, **({} if layout.numbered else {"moto_chargers": 2}) | dict(layout.ev))
    frame = series.frame
    wanted = sorted(
        (math.ceil(hours(s.arrival)), math.floor(hours(s.departure)), round(s.energy_kwh, 3)) for s in stays
    )
    energy = ((frame["required_soc"] - frame["arrival_soc"]) * frame["battery_kwh"] / 0.95).round(3)
    assert sorted(zip(frame["arrival"], frame["departure"], energy, strict=True)) == wanted
    assert {type(value) for value in frame["arrival"].tolist()} == {int}
    if layout.numbered:
        assert sorted(frame["socket"]) == sorted(stay.socket for stay in stays)
    else:
        for _, socket in frame.groupby("socket"):
            assert (socket["arrival"].to_numpy()[1:] >= socket["departure"].to_numpy()[:-1]).all()
    derived = any("derived, not measured" in note for note in series.provenance.notes)
    assert derived == ("energy" in layout.read_as)


LOOSE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@hypothesis_settings(max_examples=2, deadline=None, suppress_health_check=LOOSE)
@given(stays=recorded())
def test_each_layout_is_read_to_the_hour(layout: Layout, stays: list[Stay], tmp_path: Path) -> None:
    holds(layout, stays, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=LOOSE)
@given(stays=recorded())
def test_each_layout_of_many_is_read_to_the_hour(layout: Layout, stays: list[Stay], tmp_path: Path) -> None:
    holds(layout, stays, tmp_path)


def test_the_page_has_the_table_of_the_layouts(repo_root: Path) -> None:
    assert len(LAYOUTS) >= 20
    assert table() in (repo_root / "docs" / "inputs.md").read_text(encoding="utf-8")


def test_a_socket_keeps_its_name_whatever_the_order_of_rows(tmp_path: Path) -> None:
    header = "CP ID,Start Date,End Date,Total kWh"
    rows = ["CP 10,2025-01-13 08:00,2025-01-13 10:00,1.5", "CP 2,2025-01-14 08:00,2025-01-14 10:00,2.5"]
    found = [read(text(tmp_path, *order, header=header)).frame for order in (rows, rows[::-1])]
    assert found[0]["socket"].tolist() == found[1]["socket"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("stay", "hour"),
    [("18:10,18:40", 18), ("18:50,19:30", 19), ("18:20,19:05", 18), ("18:30,19:30", 18), ("18:00,18:30", 18)],
)
def test_a_short_stay_is_kept_in_the_hour_that_holds_most_of_it(tmp_path: Path, stay: str, hour: int) -> None:
    arrival, departure = (f"2025-03-02 {clock}" for clock in stay.split(","))
    rows = (f"a,1,moto,{arrival},{departure},3.5,0.8,0.9", "b,0,moto,2025-02-01 18:00,2025-02-01 21:00,3.5,0.2,0.9")
    path = text(tmp_path, *rows)
    kept = read(path)
    assert kept.frame["arrival"].tolist() == [31 * 24 + 18, 60 * 24 + hour]
    assert kept.frame["departure"].tolist() == [31 * 24 + 21, 60 * 24 + hour + 1]
    assert "1 stays span no full hour and are kept" in " ".join(kept.provenance.notes)
    left = read(path, leave_out=["short"])
    assert left.frame["session_id"].tolist() == ["b"]
    assert "1 of 2 sessions left out: those that span no full hour" in " ".join(left.provenance.notes)


def test_two_short_stays_of_one_hour_are_one_and_counted(tmp_path: Path) -> None:
    rows = (
        "a,0,moto,2025-01-13 18:05,2025-01-13 18:15,3.5,0.8,0.9",
        "b,0,moto,2025-01-13 18:20,2025-01-13 18:50,3.5,0.7,0.9",
    )
    series = read(text(tmp_path, *rows))
    assert series.frame["session_id"].tolist() == ["b"]
    assert "1 stays that span no full hour are left out" in " ".join(series.provenance.notes)


@pytest.mark.parametrize(("rounding", "span"), [("inner", (19, 20)), ("outer", (18, 21)), ("nearest", (18, 20))])
def test_the_rounding_is_said_and_may_be_chosen(tmp_path: Path, rounding: str, span: tuple[int, int]) -> None:
    path = text(tmp_path, "a,0,moto,2025-01-01 18:05,2025-01-01 20:25,3.5,0.2,0.9")
    series = read(path, rounding=rounding)
    assert (series.frame["arrival"][0], series.frame["departure"][0]) == span
    counted = f"stays last 2.3 h as recorded and {span[1] - span[0]}.0 h in whole hours (`ev.rounding: {rounding}`)"
    assert counted in series.provenance.notes


def test_stays_over_new_year_are_cut_and_counted(tmp_path: Path) -> None:
    rows = (
        "a,0,moto,2024-12-31 22:00,2025-01-01 06:00,3.5,0.2,0.9",
        "b,1,moto,2025-12-31 20:00,2026-01-01 03:00,3.5,0.2,0.9",
    )
    series = read(text(tmp_path, *rows))
    assert series.frame[["arrival", "departure"]].to_numpy().tolist() == [[0, 6], [8756, 8760]]
    assert any("2 stays over New Year are cut" in note for note in series.provenance.notes)


def test_stays_of_other_years_are_left_out_where_a_key_says_so(tmp_path: Path) -> None:
    rows = [f"s{y},0,moto,{y}-05-01 08:00,{y}-05-01 11:00,3.5,0.2,0.9" for y in (YEAR - 1, YEAR, YEAR + 1)]
    path = text(tmp_path, *rows)
    with pytest.raises(InputError, match=r"(?s)2 of 3 cells hold a stamp outside.*ev\.leave_out: \[outside\]"):
        read(path)
    series = read(path, leave_out=["outside"])
    assert series.frame["session_id"].tolist() == [f"s{YEAR}"]
    assert f"2 of 3 sessions left out: those of another year than {YEAR}" in " ".join(series.provenance.notes)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_an_empty_departure_blames_its_own_line(tmp_path: Path, empty: int) -> None:
    rows = [f"s{i},{i},moto,2025-02-0{i + 1} 18:00,2025-02-0{i + 1} 21:00,3.5,0.2,0.9" for i in range(3)]
    rows[empty] = rows[empty].replace(f"2025-02-0{empty + 1} 21:00", "")
    path = text(tmp_path, *rows)
    with pytest.raises(InputError, match=rf"(?s)`departure`.*1 of 3 cells hold no departure \(line {empty + 2}: ``\)"):
        read(path)
    series = read(path, leave_out=["open"])
    assert len(series.frame) == 2
    assert "1 of 3 sessions left out: those without a departure" in " ".join(series.provenance.notes)


@pytest.mark.parametrize(
    ("header", "rows", "ev", "said"),
    [
        ("arrival,departure,energy_kwh", ["1,4,1.5"], {}, "set `ev.file_class`"),
        ("arrival,departure,energy", ["1,4,1.5"], {"file_class": "moto"}, "set `ev.unit`"),
        ("arrival,departure,energy_kwh", ["1,4,1.5"] * 5, {"file_class": "moto"}, "up to 5 vehicles of class moto"),
        ("cp_id,start,end,kwh", [f"p{i},1,4,1.5" for i in range(9)], {}, "9 sockets are named"),
        ("socket,arrival,departure,energy_kwh", ["0,1,4,6.2"], {}, "set `ev.moto_battery_kwh`"),
        ("socket,arrival,departure,energy_kwh", ["0,1,4,-1"], {}, "no energy of 0 or more"),
        ("cp_id,start,end,kwh", ["p,1,4,1.5", "p,2,5,1.5"], {}, "`ev.columns.port`"),
        ("socket,arrival,departure", ["0,1,4"], {}, "read as charging sessions"),
        ("cp_id,vehicle_class,start,end,kwh", ["p,moto,1,4,1", "p,mototaxi,5,9,1"], {}, "another class of vehicle"),
        ("Start Date,End Date,Start Time Zone,kwh,cp_id", ["2025-07-13 08:00,2025-07-13 10:00,PDT,1,a"], {},
         "set `ev.timezone`"),
        ("socket,arrival,departure,arrival_soc", ["0,9,8,0.2"], {}, "no full hour after the arrival"),
    ],
)  # fmt: skip
def test_what_is_not_said_is_refused_with_its_key(
    tmp_path: Path, header: str, rows: list[str], ev: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(text(tmp_path, *rows, header=header), **ev)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_vehicle_takes_the_first_socket_that_is_free(tmp_path: Path) -> None:
    rows = ["1,4,mototaxi,1.5", "2,9,mototaxi,1.5", "4,6,mototaxi,2", "4,5,moto,1"]
    frame = read(text(tmp_path, *rows, header="arrival,departure,vehicle_class,energy_kwh")).frame
    assert frame["socket"].tolist() == [4, 5, 0, 4]
    by_socket: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in frame.itertuples():
        by_socket[row.socket].append((row.arrival, row.departure))
    assert by_socket[4] == [(1, 4), (4, 6)]


@pytest.mark.parametrize(
    ("words", "first"), [(("UTC", "UTC"), 3), (("PST", "PDT"), 11), (("America/Los_Angeles",) * 2, 11)]
)
def test_a_column_of_zones_counts(tmp_path: Path, words: tuple[str, str], first: int) -> None:
    rows = [f"2025-0{m}-13 08:00,2025-0{m}-13 10:00,{w},1,a" for m, w in zip((1, 7), words, strict=True)]
    series = read(text(tmp_path, *rows, header="Start Date,End Date,Start Time Zone,kwh,cp_id"))
    assert series.frame["arrival"][0] == 12 * 24 + first  # Los Angeles is 8 h behind in winter, Lima 5


def test_intervals_in_a_row_are_no_sessions(tmp_path: Path) -> None:
    hourly = [f"2025-01-13 {h:02d}:00,2025-01-13 {h + 1:02d}:00,1.5" for h in range(20)]
    stays = [f"2025-01-13 {h:02d}:10,2025-01-13 {h + 2:02d}:20,1.5" for h in range(20)]
    for rows, expected in ((hourly, False), (stays, True)):
        path = text(tmp_path, *rows, header="Start Date,End Date,Energy (kWh)")
        assert is_sessions(read_table(path, "PATH")) is expected
    named = plan(tmp_path, columns={"arrival": "plugged", "departure": "unplugged"}).ev
    table = read_table(text(tmp_path, *stays, header="plugged,unplugged,kwh"), "PATH")
    assert (is_sessions(table), is_sessions(table, named)) == (False, True)


def test_the_digest_of_a_file_that_was_read_before_is_the_same(tmp_path: Path) -> None:
    rows = (
        "b,4,mototaxi,2025-01-13 08:20,2025-01-13 11:40,10,0.5,0.9",
        "a,0,moto,2025-01-02 09:00,2025-01-02 12:00,3.5,0.4,0.9",
    )
    frame = read(text(tmp_path, *rows)).frame
    wanted = pd.DataFrame(
        {
            "session_id": ["a", "b"], "socket": [0, 4], "vehicle_class": ["moto", "mototaxi"], "arrival": [33, 297],
            "departure": [36, 299], "battery_kwh": [3.5, 10.0], "arrival_soc": [0.4, 0.5], "required_soc": [0.9, 0.9],
        }
    )  # fmt: skip
    pd.testing.assert_frame_equal(frame, wanted)
