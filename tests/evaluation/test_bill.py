"""Three invoices worked out by hand, each line, and their sums beside what the hours of the kernel add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.evaluation.bill import Bill, bill_of, caveats, contradictions, worth
from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant.tariff import stretch_pen, tariff_of
from schemas.errors import StaleError
from schemas.settings import TariffSettings
from tests.builders import two_prices

PEAK, REST = [[18, 23]], [[0, 18], [23, 24]]


def ledger(
    year: int, import_kw: dict[str, float], base_kwh: float, export: dict[str, float] | None = None
) -> pd.DataFrame:
    """Hours of a year that import `base_kwh` each but for those named."""
    stamps = pd.date_range(f"{year}-01-01", f"{year}-12-31 23:00", freq="h", tz="America/Lima")
    frame = pd.DataFrame(
        {"timestamp": stamps, "day_type": day_types(stamps, ()), "import_kwh": base_kwh, "export_kwh": 0.0}
    )
    for column, values in (("import_kwh", import_kw), ("export_kwh", export or {})):
        for stamp, value in values.items():
            frame.loc[frame["timestamp"] == pd.Timestamp(stamp, tz="America/Lima"), column] = value
    return frame


def tariff(**keys: Any) -> TariffSettings:
    return TariffSettings.model_validate(keys)


def lines(bill: Bill, month: str) -> dict[str, tuple[float, float]]:
    return {line.name: (line.quantity, line.pen) for line in bill.lines if line.month == month}


def kernel_pen(frame: pd.DataFrame, own: TariffSettings) -> float:
    """The same year by the kernel of the hours: energy, what `stretch_pen` adds, less export."""
    stamps = pd.DatetimeIndex(frame["timestamp"])
    calendar = np.column_stack([stamps.hour, stamps.month, frame["day_type"]]).astype(np.int64)
    bought = frame["import_kwh"].to_numpy()
    price = np.zeros(len(frame))
    for band in own.energy:
        for hour in range(24):
            if any(start <= hour < end for start, end in band.hours):
                price[stamps.hour == hour] = band.pen_per_kwh
    added = stretch_pen(tariff_of(own, calendar, np.zeros(len(frame))), 0, bought).sum()
    return float((bought * price).sum() + added - frame["export_kwh"].sum() * own.feed_in_price)


def test_two_bands_demand_in_the_peak_and_excess_outside() -> None:
    """January 2025, 31 days of 24 h at 10 kW; 200 kW on the 14th at 19 h, 350 kW on the 20th at 11 h."""
    own = tariff(
        **two_prices(0.30, 0.20), fee_pen_per_month=8.55,
        demand=[
            {"name": "generation", "hours": PEAK, "pen_per_kw_month": 60.0},
            {"name": "excess", "hours": REST, "basis": "excess", "over": "generation", "pen_per_kw_month": 15.0},
        ],
    )  # fmt: skip
    frame = ledger(2025, {"2025-01-14 19:00": 200.0, "2025-01-20 11:00": 350.0}, 10.0)
    bill = bill_of(frame, own)
    assert lines(bill, "2025-01") == {
        "peak": (31 * 5 * 10.0 + 190.0, 522.00),  # 1,740 kWh x 0.30
        "base": (31 * 19 * 10.0 + 340.0, 1246.00),  # 6,230 kWh x 0.20
        "generation": (200.0, 12000.00),
        "excess": (150.0, 2250.00),  # 350 - 200 kW
        "fee": (1.0, 8.55),
    }
    set_by = {line.name: line.set_by for line in bill.lines if line.month == "2025-01"}
    assert set_by["generation"] == ("2025-01-14 19:00",)
    assert set_by["excess"] == ("2025-01-20 11:00", "2025-01-14 19:00")
    assert bill.months["2025-01"] == 16026.55
    # April has 30 days of 10 kW, in the peak and outside: no excess.
    assert lines(bill, "2025-04")["excess"] == (0.0, 0.0)
    assert bill.months["2025-04"] == round(1500 * 0.3 + 5700 * 0.2 + 600.0 + 8.55, 2)
    assert bill.pen() == pytest.approx(sum(bill.months.values()), abs=1e-9)
    assert bill.pen() == pytest.approx(kernel_pen(frame, own), abs=0.005 * len(bill.lines))


def test_a_ratchet_of_six_months_over_the_turn_of_the_year() -> None:
    """Mean of the two greatest of this month and the five before; the history ends with 400, 300 kW."""
    own = tariff(
        **two_prices(0.0, 0.0),
        demand=[{
            "name": "network", "hours": PEAK, "basis": "two_of_six_months", "pen_per_kw_month": 10.0,
            "history_kw": (100.0, 100.0, 100.0, 400.0, 300.0),
        }],
    )  # fmt: skip
    frame = ledger(2025, {"2025-03-05 20:00": 360.0}, 0.0)
    bill = bill_of(frame, own)
    billed = {line.month[-2:]: (line.quantity, line.pen) for line in bill.lines if line.kind == "demand"}
    assert billed == {
        "01": (350.0, 3500.0), "02": (350.0, 3500.0),  # November 400, December 300
        "03": (380.0, 3800.0), "04": (380.0, 3800.0),  # 400 and March's 360
        "05": (330.0, 3300.0),  # November is six months back: December 300 and 360
        "06": (180.0, 1800.0), "07": (180.0, 1800.0), "08": (180.0, 1800.0),  # March alone
        "09": (0.0, 0.0), "10": (0.0, 0.0), "11": (0.0, 0.0), "12": (0.0, 0.0),
    }  # fmt: skip
    march = next(line for line in bill.lines if line.month == "2025-03" and line.kind == "demand")
    assert march.set_by == ("before the year", "2025-03-05 20:00")
    assert bill.pen() == 2 * 3500.0 + 2 * 3800.0 + 3300.0 + 3 * 1800.0
    assert bill.pen() == pytest.approx(kernel_pen(frame, own), abs=1e-6)


def test_an_export_limit_in_a_leap_february() -> None:
    """February 2024 has 29 days; 40 kW leave on the 29th at noon, which is all that the limit of 40 kW let out."""
    own = tariff(**two_prices(0.45, 0.28), feed_in_price=0.10, export_limit_kw=40.0)
    noon = {f"2024-02-{day:02d} 12:00": 40.0 for day in (28, 29)}
    frame = ledger(2024, dict.fromkeys(noon, 0.0), 1.0, noon)
    assert len(frame) == 8784
    bill = bill_of(frame, own)
    assert lines(bill, "2024-02") == {
        "peak": (145.0, 65.25),  # 29 x 5 kWh x 0.45
        "base": (549.0, 153.72),  # 29 x 19 - 2 kWh x 0.28
        "export": (80.0, -8.00),
    }
    assert bill.months["2024-02"] == 210.97
    assert lines(bill, "2024-03")["export"] == (0.0, 0.0)
    assert bill.pen("export") == -8.0
    # Another tariff bills the same hours.
    assert bill_of(frame, tariff(**two_prices(1.0, 1.0))).pen() == pytest.approx(8784.0 - 2.0)


def test_a_band_of_days_follows_the_kind_of_day_of_the_ledger() -> None:
    others = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    energy = [
        {"name": "holidays", "days": ["holiday"], "pen_per_kwh": 2.0},
        {"name": "others", "days": others, "pen_per_kwh": 1.0},
    ]
    frame = ledger(2025, {}, 1.0)
    frame.loc[frame["timestamp"].dt.strftime("%m-%d") == "01-06", "day_type"] = 8
    assert lines(bill_of(frame, tariff(energy=energy)), "2025-01") == {
        "holidays": (24.0, 48.0),
        "others": (720.0, 720.0),
    }
    with pytest.raises(StaleError, match="`day_type`"):
        bill_of(frame.drop(columns="day_type"), tariff())


def test_what_a_reader_is_told() -> None:
    own = tariff(
        **two_prices(), example=True, demand=[{"name": "peak", "hours": PEAK, "pen_per_kw_month": 60.0}],
        classification={"declared": "outside_peak", "band": "peak"},
    )  # fmt: skip
    said = caveats(own)
    assert said[0].startswith("EXAMPLE PRICES")
    assert "quarter hours" in said[-1]
    flat = bill_of(ledger(2025, {}, 5.0), own)
    assert flat.presence == 1.0
    assert contradictions({"rule": flat})[0].endswith("under rule (1.00).")
    day = bill_of(ledger(2025, {"2025-03-01 12:00": 50.0}, 5.0), own)
    assert day.presence == pytest.approx(0.1)
    assert contradictions({"rule": day}) == ()


def test_payback_and_present_value_by_hand() -> None:
    # 1,000 PEN that save 600 in each of two years at 20 %: 600 / 1.2 + 600 / 1.44 - 1,000.
    payback, value = worth(600.0, 1000.0, 2, 0.2)
    assert payback == pytest.approx(1000.0 / 600.0)
    assert value == pytest.approx(-83.3333, abs=1e-3)
    assert worth(-5.0, 1000.0, 2, 0.2)[0] is None
