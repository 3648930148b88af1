"""The arrays of a tariff: bands, billing months, and the demand that a stretch begins with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant.tariff import EXCESS, TWO_OF_SIX_MONTHS, Tariff, demand_at, energy_price, tariff_of
from schemas.settings import TariffSettings

STAMPS = pd.date_range("2025-01-01", periods=8760, freq="h", tz="America/Lima")
CALENDAR = np.column_stack([STAMPS.hour, STAMPS.month, day_types(STAMPS, ("01-06",))]).astype(np.int64)
HISTORY = (10.0, 20.0, 30.0, 40.0, 50.0)
CHARGES = [
    {"name": "peak", "hours": [[18, 23]], "pen_per_kw_month": 60.0},
    {
        "name": "network", "hours": [[18, 23]], "basis": "two_of_six_months", "history_kw": HISTORY,
        "pen_per_kw_month": 15.0,
    },
    {"name": "excess", "hours": [[0, 18], [23, 24]], "basis": "excess", "over": "peak", "pen_per_kw_month": 16.0},
]  # fmt: skip


def _tariff(rule_import_kwh: np.ndarray) -> Tariff:
    return tariff_of(TariffSettings.model_validate({"demand": CHARGES}), CALENDAR, rule_import_kwh)


def test_months_bands_and_bases() -> None:
    tariff = _tariff(np.zeros(8760))
    assert tariff.month[[0, 743, 744, 8759]].tolist() == [0, 0, 1, 11]
    assert tariff.in_band[:, 17:24].astype(int).tolist() == [
        [0, 1, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0, 1],
    ]  # fmt: skip
    assert tariff.basis.tolist() == [0, TWO_OF_SIX_MONTHS, EXCESS]
    assert tariff.over.tolist() == [-1, -1, 0]


def test_a_band_of_workdays_leaves_out_holidays_and_weekends() -> None:
    workdays = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    rest = ["saturday", "sunday", "holiday"]
    energy = [
        {"name": "peak", "hours": [[18, 23]], "days": workdays, "pen_per_kwh": 0.5},
        {"name": "day", "hours": [[0, 18], [23, 24]], "days": workdays, "pen_per_kwh": 0.25},
        {"name": "rest", "days": rest, "pen_per_kwh": 0.125},
    ]
    price = energy_price(TariffSettings.model_validate({"energy": energy}), CALENDAR[:, 0], CALENDAR[:, 2])
    at = {stamp.strftime("%m-%d %H"): value for stamp, value in zip(STAMPS, price, strict=True)}
    # 3 January 2025 is a Friday, the 4th a Saturday, the 6th a Monday that is a holiday.
    assert [at[hour] for hour in ("01-03 18", "01-03 17", "01-03 23", "01-04 18", "01-06 18", "01-07 22")] == [
        0.5, 0.25, 0.25, 0.125, 0.125, 0.5,
    ]  # fmt: skip


def test_a_year_begins_with_its_history_and_a_stretch_where_the_rule_stands() -> None:
    rule = np.zeros(8760)
    rule[[18, 23, 744 + 19, 744 + 12, 1416 + 20]] = [100.0, 900.0, 70.0, 500.0, 80.0]
    tariff = _tariff(rule)
    assert demand_at(tariff, 0).tolist() == [[0.0] * 6, [0.0, 50.0, 40.0, 30.0, 20.0, 10.0], [0.0] * 6]
    # In March: the 1st at 21 h, after 80 kW in the band; February 70 kW in the band and 500 outside, January 100, 900.
    seen = demand_at(tariff, 1416 + 21)
    assert seen[0].tolist() == [80.0, 70.0, 100.0, 0.0, 0.0, 0.0]
    assert seen[1].tolist() == [80.0, 70.0, 100.0, 50.0, 40.0, 30.0]
    assert seen[2].tolist() == [0.0, 500.0, 900.0, 0.0, 0.0, 0.0]
