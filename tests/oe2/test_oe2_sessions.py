"""Sessions by hand, from profiles (energy conserved, feasible, no overlap) and from files."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pvbesscar.oe2.calendar import declared_year
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.sessions import Stay, session_energy_kwh, sessions_from_profile, stays
from pvbesscar.oe2.sessions_file import SESSION_COLUMNS, read_sessions
from schemas.errors import InputError
from schemas.results import SeriesProvenance
from schemas.settings import EvSettings, Settings, SiteSettings

MOTO_LIMIT = 0.9 * 3.5 / 0.95
HEADER = ",".join(SESSION_COLUMNS)
MakeSettings = Callable[..., Settings]


def chargers(**changes: Any) -> EvSettings:
    raw = {"source": "profile", "file": "p.csv", "dwell_hours": 3, "chargers": 2, "moto_chargers": 1}
    return EvSettings.model_validate(raw | {"sockets_per_charger": 2} | changes)


def profile(*columns: list[float]) -> Series:
    index = declared_year(SiteSettings(year=2024), len(columns[0]))
    frame = pd.DataFrame({"timestamp": index} | {f"charger_{i + 1:02d}": v for i, v in enumerate(columns)})
    provenance = SeriesProvenance(
        series="ev_profile", source="file", reader="charger_profile_csv", file="p.csv", sha256="0", transformations=()
    )
    return Series(frame, provenance)


def assert_no_overlap(frame: pd.DataFrame) -> None:
    for _, socket in frame.groupby("socket"):
        assert (socket["arrival"].to_numpy()[1:] >= socket["departure"].to_numpy()[:-1]).all()


@pytest.mark.parametrize(
    ("energies", "expected"),
    [
        ([0, 0, 0, 0], []),
        ([0, 1, 0, 0, 0], [Stay(1, 4, 1.0)]),
        ([1, 1, 1, 1, 0], [Stay(0, 3, 3.0), Stay(3, 5, 1.0)]),
        ([0, 1, 0, 2, 0.5], [Stay(1, 4, 3.0), Stay(4, 5, 0.5)]),
        # The battery takes 3.3158 kWh: the second hour would go beyond it, so another vehicle begins there.
        ([3, 1, 1, 0], [Stay(0, 1, 3.0), Stay(1, 4, 2.0)]),
        ([0, 0, 0, 2], [Stay(3, 4, 2.0)]),
    ],
)
def test_stays_by_hand(energies: list[float], expected: list[Stay]) -> None:
    assert stays(np.array(energies, dtype=float), 3, MOTO_LIMIT) == expected


def test_a_charger_becomes_its_sockets_by_hand() -> None:
    # 1.9 kWh over two sockets of motos: 0.95 kWh each, 0.95 * 0.95 / 3.5 = 0.257857 of the battery.
    series = sessions_from_profile(profile([0.0, 1.9, 0.0, 0.0, 0.0], [0.0] * 5), chargers())
    assert series.frame["socket"].tolist() == [0, 1]
    assert series.frame["session_id"].tolist() == ["d000000", "d000001"]
    assert series.frame["vehicle_class"].tolist() == ["moto", "moto"]
    assert series.frame[["arrival", "departure"]].to_numpy().tolist() == [[1, 4], [1, 4]]
    assert series.frame["arrival_soc"].tolist() == pytest.approx([0.9 - 0.95 * 0.95 / 3.5] * 2)
    steps = " ".join(series.provenance.transformations)
    assert "expanded from 2 chargers to 4 sockets: the energy of a charger is split equally over its 2 sockets" in steps
    assert any("same sessions" in note for note in series.provenance.notes)


def test_mototaxis_stand_at_the_later_chargers() -> None:
    frame = sessions_from_profile(profile([0.0] * 4, [4.0, 0, 0, 0]), chargers()).frame
    assert frame["vehicle_class"].tolist() == ["mototaxi", "mototaxi"]
    assert frame["battery_kwh"].tolist() == [10.0, 10.0]
    assert frame["arrival_soc"].tolist() == pytest.approx([0.9 - 2.0 * 0.95 / 10.0] * 2)


def test_socket_profiles_are_not_split() -> None:
    series = sessions_from_profile(profile([1.0, 0], [2.0, 0], [0, 3.0], [0, 0.5]), chargers())
    assert series.frame["socket"].tolist() == [0, 1, 2, 3]
    assert session_energy_kwh(series.frame, chargers()).tolist() == pytest.approx([1.0, 2.0, 3.0, 0.5])
    assert "expanded" not in " ".join(series.provenance.transformations)


def test_an_empty_profile_has_no_sessions() -> None:
    series = sessions_from_profile(profile([0.0] * 4, [0.0] * 4), chargers())
    assert series.frame.empty
    assert list(series.frame.columns) == list(SESSION_COLUMNS)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([0.0, 7.5, 0.0], "more than 2 socket(s) of 3.5 kW deliver in an hour: `charger_01` at hour 1"),
        ([0.0, 0.0, 6.8], "more than a battery takes from empty to the required SOC: `charger_01` at hour 2"),
        ([-0.5, 0.0, -0.1], "2 hourly energies hold a negative energy: `charger_01` at hour 0 (2024-01-01 00:00)"),
        ([0.0, np.nan, 0.0], "hold no number: `charger_01` at hour 1 (2024-01-01 01:00): nan kWh"),
    ],
)
def test_energies_that_no_vehicle_can_take_are_refused(column: list[float], said: str) -> None:
    with pytest.raises(InputError) as caught:
        sessions_from_profile(profile(column, [0.0] * 3), chargers())
    assert said in caught.value.message
    assert "p.csv (named by `ev.file`)" in caught.value.message
    assert caught.value.hint


hourly = st.lists(st.one_of(st.just(0.0), st.floats(0.0, MOTO_LIMIT, allow_subnormal=False)), min_size=1, max_size=60)


@given(energies=hourly, dwell=st.integers(1, 24))
@hypothesis_settings(max_examples=300, deadline=None)
def test_stays_conserve_energy_do_not_overlap_and_are_feasible(energies: list[float], dwell: int) -> None:
    values = np.array(energies)
    found = stays(values, dwell, MOTO_LIMIT)
    assert sum(stay.energy_kwh for stay in found) == pytest.approx(values.sum(), rel=1e-9, abs=1e-300)
    for stay in found:
        assert 0 < stay.departure - stay.arrival <= dwell
        assert stay.departure <= values.size
        assert stay.energy_kwh == pytest.approx(values[stay.arrival : stay.departure].sum(), rel=1e-9)
        assert stay.energy_kwh <= MOTO_LIMIT * (1 + 1e-9)
        assert stay.energy_kwh <= 3.5 * (stay.departure - stay.arrival) * (1 + 1e-9)
    for before, after in pairwise(found):
        assert before.departure <= after.arrival


@given(first=hourly, dwell=st.integers(1, 24), scale=st.floats(0.0, 1.0))
@hypothesis_settings(max_examples=100, deadline=None)
def test_derived_sessions_conserve_energy(first: list[float], dwell: int, scale: float) -> None:
    columns = ([2.0 * e for e in first], [2.0 * scale * e for e in first])
    ev = chargers(dwell_hours=dwell)
    frame = sessions_from_profile(profile(*columns), ev).frame
    need = session_energy_kwh(frame, ev)
    # Arrival SOCs are numbers near 1, so that a lone session keeps its energy to some 1e-15 kWh, not to a ratio of it.
    assert need.sum() == pytest.approx(np.sum(columns), rel=1e-9, abs=1e-12)
    assert ((frame["arrival_soc"] >= 0.0) & (frame["arrival_soc"] <= frame["required_soc"])).all()
    assert (need <= ev.socket_kw * (frame["departure"] - frame["arrival"]) * (1 + 1e-9)).all()
    assert_no_overlap(frame)


@pytest.mark.parametrize("dwell", [3, 8])
def test_measured_profile_becomes_sessions(oe2_dir: Path, dwell: int) -> None:
    ev = EvSettings.model_validate({"source": "profile", "file": "x", "dwell_hours": dwell, "stamps": "none"})
    path = oe2_dir / "chargers/chargers_hourly_profiles_annual.csv"
    series = sessions_from_profile(read_profile(path, "ev.file", SiteSettings(year=2024), ev), ev)
    assert session_energy_kwh(series.frame, ev).sum() == pytest.approx(232_340.88591065293, rel=1e-9)
    assert set(series.frame["socket"]) == set(range(128))
    assert series.frame["departure"].max() <= 8760
    assert (series.frame["arrival"] * 128 + series.frame["socket"]).is_monotonic_increasing
    assert_no_overlap(series.frame)
    if dwell == 3:
        assert len(series.frame) == 233_600
        assert "in 1825 hours of the year vehicles arrive at all 128 sockets at once" in series.provenance.notes


def sessions_file(make_settings: MakeSettings, *rows: str, header: str = HEADER) -> tuple[Path, Settings]:
    settings = make_settings(ev={"source": "sessions", "file": "s.csv", "chargers": 2, "moto_chargers": 1})
    path = settings.data.oe2_dir / "s.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path, settings


def test_sessions_file_with_hours(make_settings: MakeSettings) -> None:
    path, settings = sessions_file(make_settings, "b,4,mototaxi,20,30,10,0.5,0.9", "a,0,moto,9,12,3.5,0.4,0.9")
    series = read_sessions(path, "ev.file", settings)
    assert series.frame.to_dict("list") == {
        "session_id": ["a", "b"],
        "socket": [0, 4],
        "vehicle_class": ["moto", "mototaxi"],
        "arrival": [9, 20],
        "departure": [12, 30],
        "battery_kwh": [3.5, 10.0],
        "arrival_soc": [0.4, 0.5],
        "required_soc": [0.9, 0.9],
    }
    assert "sorted by arrival and socket" in series.provenance.transformations
    energy = 0.5 * 3.5 / 0.95 + 0.4 * 10 / 0.95
    assert series.provenance.notes[0] == f"2 sessions need {energy:.3f} kWh at the charger"


def test_sessions_file_with_stamps_counts_full_hours_only(make_settings: MakeSettings) -> None:
    header = "toma;clase;llegada;salida;bateria_kwh;soc_llegada;soc_requerido"
    path, settings = sessions_file(
        make_settings,
        "0;moto;13/01/2025 09:20;13/01/2025 12:40;3,5;0,4;0,9",
        "1;Moto;14/01/2025 09:00;14/01/2025 12:00;3,5;0,4;0,9",
        header=header,
    )
    series = read_sessions(path, "ev.file", settings)
    assert series.frame["arrival"].tolist() == [12 * 24 + 10, 13 * 24 + 9]
    assert series.frame["departure"].tolist() == [12 * 24 + 12, 13 * 24 + 12]
    steps = " ".join(series.provenance.transformations)
    assert "1 stamps of `llegada` within an hour moved up to the next full hour" in steps
    assert "1 stamps of `salida` within an hour moved down to the last full hour" in steps
    assert "sessions numbered in the order of the file" in steps


def test_sessions_that_can_not_be_met_are_kept_and_counted(make_settings: MakeSettings) -> None:
    path, settings = sessions_file(make_settings, "a,4,mototaxi,9,10,10,0.1,0.9", "b,4,mototaxi,10,11,10,0.95,0.9")
    notes = " ".join(read_sessions(path, "ev.file", settings).provenance.notes)
    assert "1 sessions can not reach their required SOC at 3.5 kW" in notes
    assert "1 sessions arrive at or above their required SOC" in notes
    assert "1 sessions begin in the hour in which another vehicle left the socket" in notes


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "a,8,moto,9,12,3.5,0.4,0.9",
            "column `socket` (named by `ev.file`): 1 of 2 cells hold no whole number of 0 to 7",
        ),
        ("a,0.5,moto,9,12,3.5,0.4,0.9", "line 3: `0.5`"),
        ("a,,moto,9,12,3.5,0.4,0.9", "no whole number of 0 to 7"),
        ("a,0,auto,9,12,3.5,0.4,0.9", "neither `moto` nor `mototaxi`"),
        ("a,0,mototaxi,9,12,3.5,0.4,0.9", "a class that the socket does not serve"),
        ("a,0,moto,12,12,3.5,0.4,0.9", "no full hour after the arrival"),
        ("a,0,moto,9,8761,3.5,0.4,0.9", "no whole number of 0 to 8760"),
        ("a,0,moto,9,12,0,0.4,0.9", "no capacity above 0 kWh"),
        ("a,0,moto,9,12,3.5,40,0.9", "column `arrival_soc` (named by `ev.file`): 1 of 2 cells hold no ratio of 0 to 1"),
        ("a,0,moto,9,12,3.5,0.4,", "column `required_soc`"),
        ("z,0,moto,9,12,3.5,0.4,0.9", "an empty or repeated session name"),
        ("a,3,moto,21,24,3.5,0.4,0.9", "an arrival before the vehicle before it has left the socket"),
        ("a,0,moto,2025-01-01 09:00,12,3.5,0.4,0.9", "line 3: `2025-01-01 09:00`"),
    ],
)
def test_sessions_that_can_not_be_are_refused(make_settings: MakeSettings, row: str, said: str) -> None:
    path, settings = sessions_file(make_settings, "z,3,moto,20,23,3.5,0.4,0.9", row)
    with pytest.raises(InputError) as caught:
        read_sessions(path, "ev.file", settings)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_sessions_of_another_year_and_missing_columns_are_refused(make_settings: MakeSettings) -> None:
    path, settings = sessions_file(make_settings, "a,0,moto,2024-01-13 09:00,2024-01-13 12:00,3.5,0.4,0.9")
    with pytest.raises(InputError, match=r"(?s)outside the 8760 hours of the declared year 2025.*set `site\.year`"):
        read_sessions(path, "ev.file", settings)
    path.write_text("socket,arrival\n0,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)no column holds `departure`.*charging sessions"):
        read_sessions(path, "ev.file", settings)
