"""Telemetry that is missing, late, repeated, stuck, broken or between two clocks: each has one answer."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from pathlib import Path

import pandas as pd
import pytest

from pvbesscar.shadow.hours import NO_HISTORY, NO_STATE
from pvbesscar.shadow.source import Snapshot
from pvbesscar.shadow.telemetry import COLUMNS, hours_of, parse
from schemas.errors import ConfigError, InputError
from schemas.settings import Settings
from schemas.shadow import HourRow
from tests.shadow.sites import book, example, frame, put, service, taken, with_shadow

ZONE = "America/Lima"
HEAD = ",".join(COLUMNS)


def hour_of(words: str, zone: str = ZONE) -> int:
    return int(pd.Timestamp(words, tz=zone).timestamp())


def rows_of(settings: Settings, day: str) -> dict[int, HourRow]:
    """Hours of a day by hour of the day."""
    return dict(enumerate(book(settings).hours(day)))


@pytest.fixture
def short(small: Settings, tmp_path: Path) -> Settings:
    """The site with three days of telemetry: one that the shadow looks back at, two that it accounts for."""
    return example(small, tmp_path / tmp_path.name, days=3)


def test_a_file_that_grows_gives_what_the_whole_file_gives(short: Settings, tmp_path: Path, small: Settings) -> None:
    whole, every = frame(short), list[int]()
    for length in (10, 24, 30, 31, 32, 33, 45, 57, 72):
        put(short, whole.iloc[:length])
        done = taken(short)
        every.append(done.accounted)
        if length >= 24:
            # What is decided is the hour that has not begun to be told.
            assert done.next is not None
            assert done.next.hour == hour_of("2025-01-01") + 3600 * length
    assert every == [0, 0, 6, 1, 1, 1, 12, 12, 15]
    at_once = example(small, tmp_path / "at-once", days=3)
    taken(at_once)
    for day in ("2025-01-02", "2025-01-03"):
        assert book(short).hours(day) == book(at_once).hours(day)
    assert book(short).days() == book(at_once).days()


def test_nothing_of_the_hour_itself_is_in_its_decision(short: Settings, tmp_path: Path, small: Settings) -> None:
    other = example(small, tmp_path / "other", days=3)
    table = frame(other)
    at = table.index[40]  # 2025-01-02 16:00
    table.loc[at, ["mall_kw", "grid_kw"]] = (table.loc[at, ["mall_kw", "grid_kw"]].astype(float) + 300.0).astype(str)
    put(other, table)
    for own in (short, other):
        taken(own)
    hour = hour_of("2025-01-02 16:00")
    same, then = ([book(own).decision("2025-01-02", one) for own in (short, other)] for one in (hour, hour + 3600))
    decided = [(one.expected_mall_kw, one.bess_kw, one.socket_kw) for one in same if one is not None]
    assert decided[0] == decided[1]
    assert then[0] is not None
    assert then[1] is not None
    # The next one knows it.
    assert then[1].expected_mall_kw > then[0].expected_mall_kw + 100.0


def test_an_hour_without_a_row_is_not_counted_and_no_value_takes_its_place(short: Settings) -> None:
    put(short, frame(short).drop(index=30))  # 2025-01-02 06:00
    done = taken(short)
    rows = rows_of(short, "2025-01-02")
    assert (rows[6].rule, rows[6].why) == ("time.gaps", "no row has come")
    assert rows[6].pv_kw is None
    assert rows[6].site is None
    assert rows[7].rule == NO_STATE
    # The controller's forecasts need a day without a gap.
    assert {rows[hour].rule for hour in range(8, 24)} == {NO_HISTORY}
    day, after = done.days
    assert (day.counted, day.hours, day.stretches) == (6, 24, 1)
    assert (
        "Only 6 of 24 hours are counted (1 h: no row has come [time.gaps]; 1 h: the hour before it has no" in day.line
    )
    assert (after.counted, after.not_counted[f"fewer than 24 hours without a gap stand before it [{NO_HISTORY}]"]) == (
        17, 7,
    )  # fmt: skip
    # It takes up the site's own state where it goes on.
    first = rows_of(short, "2025-01-03")[7]
    assert first.began["shadow"].soc == pytest.approx(float(frame(short)["soc"].iloc[53]), abs=1e-7)


def test_a_row_that_is_late_is_waited_for_and_then_given_up(short: Settings) -> None:
    whole = frame(short)
    put(short, whole.iloc[:33].drop(index=30))
    assert taken(short).next is not None
    assert len(rows_of(short, "2025-01-02")) == 6  # it may still come: nothing behind it is settled
    put(short, pd.concat([whole.iloc[:33].drop(index=30), whole.iloc[[30]]]))
    done = taken(short)
    assert (done.accounted, done.counted) == (3, 3)
    assert any("behind a later hour" in note for note in done.notes)
    # Of the next one three later hours are there: it is given up, and what comes then is said and not counted.
    put(short, whole.iloc[:37].drop(index=33))
    assert taken(short).accounted == 4
    put(short, whole.iloc[:37])
    done = taken(short)
    assert (done.accounted, done.decided) == (0, 0)
    assert [note for note in done.notes if "after the hour was given up" in note] == [
        "2025-01-02T09:00-05:00: its row came after the hour was given up; it is not counted"
    ]
    assert rows_of(short, "2025-01-02")[9].rule == "time.gaps"


def test_rows_that_are_there_twice(short: Settings) -> None:
    whole = frame(short)
    changed = whole.iloc[[31]].assign(mall_kw="1")
    put(short, pd.concat([whole.iloc[:40], whole.iloc[[28, 29]], changed, whole.iloc[40:44]]))
    done = taken(short)
    rows = rows_of(short, "2025-01-02")
    assert rows[4].counted
    assert rows[5].counted
    assert (rows[7].rule, rows[7].why) == ("time.duplicates", "two rows of this hour contradict each other")
    assert any("2 hours are there more than once, alike, and counted once" in note for note in done.notes)


def test_a_row_that_changes_later_is_said_and_not_counted_again(short: Settings) -> None:
    whole = frame(short)
    put(short, whole.iloc[:40])
    taken(short)
    before = book(short).hours("2025-01-02")
    whole.loc[30, ["grid_kw", "mall_kw"]] = ["999", "999"]
    put(short, whole.iloc[:40])
    done = taken(short)
    assert done.accounted == 0
    assert book(short).hours("2025-01-02") == before
    assert any("2025-01-02T06:00-05:00: its row has changed since it was counted" in note for note in done.notes)


def _still(table: pd.DataFrame, column: str, first: int, hours: int) -> pd.DataFrame:
    """A sensor that repeats its value; the meter of the grid goes with it, so that the balance holds."""
    table = table.copy()
    sign = 1.0 if column == "mall_kw" else -1.0
    for at in range(first + 1, first + hours):
        change = float(table.loc[first, column]) - float(table.loc[at, column])
        table.loc[at, column] = table.loc[first, column]
        table.loc[at, "grid_kw"] = str(float(table.loc[at, "grid_kw"]) + sign * change)
    return table


def test_generation_that_stands_still_is_found_after_six_hours_and_taken_out_whole(short: Settings) -> None:
    put(short, _still(frame(short), "pv_kw", 24 + 9, 7))
    done = taken(short)
    rows = rows_of(short, "2025-01-02")
    # Five hours were decided in good faith; from the sixth on it is known.
    assert [rows[hour].counted for hour in range(9, 17)] == [True] * 5 + [False] * 3
    assert rows[14].rule == rows[15].rule == "solar.flat_line"
    day = done.days[0]
    assert day.counted == 9
    assert sum(count for why, count in day.not_counted.items() if "solar.flat_line" in why) == 7
    # The account has no hour of it.
    site = sum(rows[hour].site.import_kwh for hour in range(9))
    assert day.courses["site"].import_kwh == pytest.approx(site)


def test_demand_and_state_of_charge_that_stand_still(short: Settings) -> None:
    table = _still(frame(short), "mall_kw", 24, 48)
    put(short, table)
    days = taken(short).days
    assert [day.counted for day in days] == [0, 0]
    assert "no hour is counted" in days[0].line
    assert "mall.flat_line" in days[0].line


def test_a_battery_whose_state_of_charge_stands_still(short: Settings) -> None:
    table = frame(short)
    table.loc[24 + 8 : 24 + 16, "soc"] = table.loc[24 + 8, "soc"]
    put(short, table)
    day = taken(short).days[0]
    assert sum(count for why, count in day.not_counted.items() if "telemetry.soc_stuck" in why) == 8


@pytest.mark.parametrize(
    ("column", "cell", "rule", "words"),
    [
        ("pv_kw", "", "values.finite", "`pv_kw` holds no number"),
        ("mall_kw", "ERR", "values.finite", "`mall_kw` holds no number"),
        ("socket_003_kwh", "nan", "values.finite", "`socket_..._kwh` holds no number"),
        ("soc", "47", "telemetry.soc_range", "`soc` is 47, no ratio of 0 to 1"),
        ("ev_kw", "-3", "values.negative", "the energy of a socket is below zero"),
        ("pv_kw", "-999", "values.negative", "`pv_kw` is -999"),
        ("pv_kw", "9000", "pv.above_rating", "`pv_kw` is 9000"),
        ("grid_kw", "5000", "telemetry.balance", "import and PV less mall, vehicles and battery leave +4"),
    ],
)
def test_a_cell_that_can_not_be_is_refused_by_its_rule(
    short: Settings, column: str, cell: str, rule: str, words: str
) -> None:
    table = frame(short).iloc[:32]
    table.loc[30, column] = cell
    put(short, table)
    taken(short)
    row = rows_of(short, "2025-01-02")[6]
    assert row.rule == rule
    assert row.why.startswith(words)


def test_a_line_that_is_still_being_written_waits(short: Settings) -> None:
    path = Path(str(short.shadow.telemetry))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:31]) + lines[31][:40])
    done = taken(short)
    assert done.accounted == 6
    assert f"{path}: the last line is still being written" in done.notes
    path.write_text("".join(lines[:32]))
    assert taken(short).counted == 1


def test_a_row_that_was_cut_in_the_middle_of_the_file_says_nothing(short: Settings) -> None:
    path = Path(str(short.shadow.telemetry))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:31], lines[31][:40], *lines[32:36]]) + "\n")
    taken(short)
    row = rows_of(short, "2025-01-02")[6]
    assert (row.rule, row.why) == ("values.finite", "its row has 5 cells, the header 15")
    # The whole row behind the broken one counts.
    told = parse(Snapshot("x", f"{HEAD}\n2025-01-01 00:00,1\n2025-01-01 00:00,0,1,0,0,1,0.5\n"), "k", ZONE, 8)
    assert list(told.readings) == [hour_of("2025-01-01")]
    assert told.faults == {}


def test_parquet_and_json_say_what_csv_says(short: Settings) -> None:
    path = Path(str(short.shadow.telemetry))
    table = pd.read_csv(path).iloc[:30]
    table.to_csv(path, index=False)
    parquet, records = path.with_suffix(".parquet"), path.with_suffix(".json")
    table.to_parquet(parquet)
    records.write_text(json.dumps(table.to_dict("records")))
    told = []
    for name, own in (("c", path), ("p", parquet), ("j", records)):
        settings = with_shadow(short, telemetry=str(own), name=name)
        taken(settings)
        told.append(book(settings).hours("2025-01-02"))
    assert told[0] == told[1] == told[2]


def test_a_clock_change_leaves_no_hour_twofold() -> None:
    madrid = zoneinfo.ZoneInfo("Europe/Madrid")
    first, second = (hours_of(f"2025-10-26T02:00:00+0{offset}:00", madrid)[0][0] for offset in (2, 1))
    assert second - first == 3600
    assert hours_of("2025-10-26 02:00", madrid) == (
        (), "2025-10-26 02:00 is twice on a day of a clock change: write the offset",
    )  # fmt: skip
    assert hours_of("2025-03-30 02:00", madrid)[1].startswith("2025-03-30 02:00 is never on a day of a clock change")
    assert hours_of("2025-10-26 03:00", madrid)[0] == (second + 3600,)
    assert hours_of("2025-01-01T05:30:00+05:30", zoneinfo.ZoneInfo("Asia/Kolkata"))[1].endswith("(time.step)")
    assert hours_of("2025-01-01 05:00", zoneinfo.ZoneInfo("Asia/Kolkata"))[0]
    assert hours_of("2025-01-01 05:15", madrid)[1] == "2025-01-01 05:15 is no full hour (time.step)"
    assert hours_of("soon", madrid)[1] == "`soon` is no time in ISO 8601"


def test_a_day_of_a_clock_change_has_the_hours_that_it_has(short: Settings) -> None:
    raw = short.model_dump(mode="json")
    raw["site"]["timezone"] = "Europe/Madrid"
    own = Settings.model_validate(raw)
    stamps = pd.date_range("2025-10-25", periods=72, freq="h", tz="Europe/Madrid")
    put(own, frame(own).assign(timestamp=[stamp.isoformat() for stamp in stamps]))
    (day, *_) = taken(own).days
    assert (day.day, day.hours, day.counted) == ("2025-10-26", 25, 25)
    times = [row.time for row in book(own).hours("2025-10-26")]
    assert times[2:4] == ["2025-10-26T02:00+02:00", "2025-10-26T02:00+01:00"]
    assert len(set(times)) == 25


def test_what_is_no_telemetry_is_refused_in_words(short: Settings, tmp_path: Path) -> None:
    table = frame(short)
    put(short, table.drop(columns="soc"))
    with pytest.raises(InputError, match=r"column `soc` is missing; telemetry has `timestamp`, `pv_kw`"):
        taken(short)
    put(short, table.assign(temperature=1))
    with pytest.raises(InputError, match="column `temperature` is not known"):
        taken(short)
    put(short, table.drop(columns="socket_004_kwh"))
    with pytest.raises(InputError, match="7 of 8 columns of sockets are there"):
        taken(short)
    gone = with_shadow(short, telemetry=str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match=r"none.csv: the file does not exist \(named by `shadow.telemetry`\)"):
        taken(gone)
    with pytest.raises(ConfigError, match=r"`shadow\.telemetry` is not set"):
        taken(with_shadow(short, telemetry=None))
    put(short, table)
    sessions = Path(str(short.shadow.sessions))
    sessions.write_text(sessions.read_text().replace("0.30000001192092896", "30", 1))
    with pytest.raises(InputError, match=rf"{sessions}: column `arrival_soc` \(named by `shadow.sessions`\): 1 o"):
        taken(short)


def test_without_columns_of_sockets_vehicles_begin_as_they_came(short: Settings) -> None:
    table = frame(short)
    put(short, table[[name for name in table.columns if not name.startswith("socket_")]])
    done = taken(short)
    assert done.counted == 48
    assert done.days[0].courses["hindsight"].saved_pen == 0.0


def test_decisions_in_time_are_told_from_those_in_retrospect(short: Settings) -> None:
    whole = frame(short)
    put(short, whole.iloc[:30])
    now = dt.datetime.fromisoformat("2025-01-02T06:05:00-05:00")
    taken(short, clock=lambda: now)
    put(short, whole.iloc[:31])
    taken(short, clock=lambda: now + dt.timedelta(hours=1))
    rows = rows_of(short, "2025-01-02")
    assert [rows[hour].in_time for hour in range(7)] == [False] * 6 + [True]


def test_a_row_of_another_year_gives_no_hour_up(short: Settings) -> None:
    table = frame(short)
    wrong = table.iloc[[40]].assign(timestamp="2035-01-02T16:00:00-05:00")
    put(short, pd.concat([table.iloc[:40], wrong, table.iloc[40:60]]))
    done = taken(short)
    assert done.notes == ("line 42: the hour 2035-01-02T16:00:00-05:00 has not ended",)
    assert (done.accounted, done.counted) == (36, 36)


def test_an_hour_in_which_the_rule_stood_in_is_told(short: Settings) -> None:
    from schemas.dispatch import Replacement

    own = service(short)
    own.replaced = Replacement(reason="late", detail="no answer within 1000 ms")
    done = taken(short, own)
    assert done.days[0].replaced == 24
    assert "In 24 hours the rule stood in." in done.days[0].line
