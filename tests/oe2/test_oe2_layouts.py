"""A year comes back equal to the hour from whatever layout it is written in, or is refused with the key to set."""

from __future__ import annotations

import random
import re
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.oe2.energy_file import read_mall
from schemas.errors import InputError
from schemas.settings import MallSettings, SiteSettings
from tests.oe2.layouts import STAMPS, Interval, Layout, Stamps, drawn, file_of, year_of

YEARS: dict[tuple[str, int], tuple[list[Interval], np.ndarray]] = {}
OCTOBER = {*range(280, 290), *range(292, 310)}
"""Days of the year about a long day, two of them missing: they stay so, and the rows after them where they are."""
LEAST_READ = 0.9
"""Share of all layouts that is read without any key; the rest may be two things, and is refused."""


def year(zone: str, minutes: int) -> tuple[list[Interval], np.ndarray]:
    """Intervals of a year and the kWh of each: three decimals, none twice in a row, four digits in some."""
    if (zone, minutes) not in YEARS:
        intervals = year_of(zone, minutes)
        rng = np.random.default_rng(7)
        hours = np.arange(len(intervals)) * minutes / 60
        values = np.round(900 + 400 * np.sin(hours * 2 * np.pi / 24) + rng.uniform(0, 200, len(intervals)), 3)
        YEARS[zone, minutes] = intervals, values
    return YEARS[zone, minutes]


def hourly(intervals: Sequence[Interval], values: np.ndarray) -> tuple[pd.DatetimeIndex, np.ndarray]:
    minutes = intervals[0].minutes
    rows = 60 // minutes
    starts = pd.DatetimeIndex([it.start for it in intervals[::rows]]).tz_convert(str(intervals[0].zone))
    return starts, values.reshape(-1, rows).sum(axis=1)


def outcome(layout: Layout, path: Path, days: Container[int] = range(367)) -> str:
    """`read`, or the key of the refusal, which then has these days of the year read; anything else fails."""
    intervals, values = year(layout.zone, layout.stamps.minutes)
    kept = [i for i, it in enumerate(intervals) if it.local.timetuple().tm_yday in days]
    intervals, values = [intervals[i] for i in kept], values[kept]
    path.write_bytes(file_of(layout, values, intervals))
    site = SiteSettings(year=2023, timezone=layout.zone)  # the stamps count, and not the declared year
    settings = {"source": "file", "file": str(path)}
    given: dict[str, str] = {}
    refused = refusal(path, site, settings)
    if refused is not None:
        named = next(iter(re.findall(r"`mall\.(\w+)`", refused.hint or "")), "")
        answers = {"decimal": layout.decimal.partition(",")[0], "separator": layout.separator}
        assert named in answers, f"{layout.said}: {refused}"
        given = {named: answers[named]}
    series = read_mall(path, "mall.file", site, MallSettings.model_validate(settings | given))
    starts, kwh = hourly(intervals, values)
    found = pd.DatetimeIndex(series.frame["timestamp"])
    assert found.equals(starts.as_unit(found.unit)), f"{layout.said}: {len(found)} rows, {found[:1]}"
    np.testing.assert_allclose(series.frame["mall_kwh"], kwh, rtol=1e-9, err_msg=layout.said)
    return next(iter(given), "read")


def refusal(path: Path, site: SiteSettings, settings: dict[str, str]) -> InputError | None:
    try:
        read_mall(path, "mall.file", site, MallSettings.model_validate(settings))
    except InputError as error:
        return error
    return None


@pytest.mark.parametrize("stamps", STAMPS, ids=lambda stamps: stamps.name)
def test_every_layout_of_stamps_is_read(stamps: Stamps, tmp_path: Path) -> None:
    for zone in stamps.zones or ("America/Lima", "Europe/Madrid"):
        plain = Layout(stamps, zone, "semicolon", "point", "kWh", "demanda_{}", "utf-8", "nothing", "Lectura")
        assert outcome(plain, tmp_path / "mall.csv", OCTOBER) == "read"


def test_there_are_at_least_60_layouts() -> None:
    assert len({stamps.name for stamps in STAMPS}) >= 60


def _draw(count: int, seed: int, path: Path) -> list[str]:
    rng = random.Random(seed)
    return [outcome(drawn(rng, rng.choice(STAMPS)), path) for _ in range(count)]


def test_a_year_in_any_layout_comes_back_or_is_refused_with_its_key(tmp_path: Path) -> None:
    _draw(12, 15, tmp_path / "mall.csv")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_two_thousand_layouts_come_back_or_are_refused_with_their_key(tmp_path: Path, seed: int) -> None:
    told = _draw(100, seed, tmp_path / "mall.csv")
    assert told.count("read") >= LEAST_READ * len(told)
