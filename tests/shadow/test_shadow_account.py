"""What the shadow says a day would have saved, held against days that are worked out by hand and by the simulator."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvbesscar.shadow.words import day_line, page
from schemas.settings import Settings
from tests.builders import two_prices
from tests.shadow.sites import RuleService, book, built, example, frame, put, service, taken

DAYS = ["2025-01-02", "2025-01-03"]


def test_the_rule_told_what_the_hour_brings_is_the_site_that_the_rule_drives(told: Settings) -> None:
    own = service(told)
    done = taken(told, own)
    assert [day.day for day in done.days] == DAYS
    assert (done.counted, done.accounted, done.decided) == (48, 48, 49)
    assert len(own.asked) == 48 * 2 + 1
    for day in done.days:
        site, hindsight = day.courses["site"], day.courses["hindsight"]
        assert (day.counted, day.hours, day.stretches) == (24, 24, 1)
        assert hindsight == site.model_copy(update={n: getattr(hindsight, n) for n in
                                                    ("departures", "departures_met", "battery_in_kwh")})  # fmt: skip
        assert hindsight.departures == hindsight.departures_met == 8
    for row in book(told).hours(DAYS[1]):
        # Bit for bit: the twin goes on from what was written down as if it had never stopped.
        assert row.site is not None
        assert row.courses["hindsight"].soc == row.site.soc
        assert row.courses["hindsight"].import_kwh == row.site.import_kwh


def test_no_course_that_was_possible_is_cheaper_than_the_least_possible(told: Settings) -> None:
    days = taken(told, service(told, share=0.7)).days
    for day in days:
        # A bill has lines of whole cents.
        assert day.courses["optimum"].saved_pen >= max(day.courses["shadow"].saved_pen, 0.0) - 0.03
    # A battery that gives less in the evening has more left at midnight, and that is said.
    assert days[0].courses["shadow"].stock_kwh > 1.0
    assert "kWh fuller" in days[0].line
    assert sum(day.courses["optimum"].saved_pen for day in days) > 0.0


def _by_hand(root: Path, settings: Settings, mall_kw: list[float]) -> Settings:
    """Telemetry of a site without sun and vehicles whose battery rests at 60 %."""
    stamps = pd.date_range("2025-01-01", periods=len(mall_kw), freq="h", tz="America/Lima")
    table = pd.DataFrame(
        {"timestamp": [stamp.isoformat() for stamp in stamps], "pv_kw": 0.0, "mall_kw": mall_kw, "ev_kw": 0.0,
         "battery_kw": 0.0, "grid_kw": mall_kw, "soc": 0.6}
    )  # fmt: skip
    own = example(settings, root, days=2)
    put(own, table)
    Path(str(own.shadow.sessions)).write_text("session_id,socket,arrival,departure,arrival_soc\n")
    return own


class EveningService(RuleService):
    """Discharges 50 kW from 18 to 23 h and does nothing else."""

    def ask(self, request):
        answer = super().ask(request)
        kw = -50.0 if 18 <= request.time.hour < 23 else 0.0
        return answer.model_copy(update={"bess_kw": kw, "socket_kw": (0.0,) * 8})


def _mall(days: int) -> list[float]:
    # No meter reads the same all day.
    return [100.0 + hour % 2 for hour in range(24 * days)]


def test_a_day_by_hand(small: Settings, tmp_path: Path) -> None:
    own = _by_hand(tmp_path / "hand", small, _mall(2))
    (day,) = taken(own, EveningService(service(own).digest)).days
    # 19 hours of the base price and 5 of the peak; odd hours have 101 kWh.
    base = [hour for hour in range(24) if not 18 <= hour < 23]
    paid = sum(100 + h % 2 for h in base) * 0.28 + sum(100 + h % 2 for h in range(18, 23)) * 0.45
    site, shadow, optimum = (day.courses[name] for name in ("site", "shadow", "optimum"))
    assert site.bill_pen == pytest.approx(paid, abs=0.011)
    assert site.bill_pen - shadow.bill_pen == pytest.approx(50 * 5 * 0.45, abs=0.011)
    assert shadow.saved_pen == pytest.approx(50 * 5 * (0.45 - 0.28), abs=0.02)
    # 250 kWh at the terminals are 250 kWh that the battery can give no more.
    assert shadow.stock_kwh == pytest.approx(-250.0, abs=0.05)
    # The optimum serves the whole peak from the battery, and no other hour: that would save what it costs.
    peak = sum(100 + h % 2 for h in range(18, 23))
    assert optimum.saved_pen == pytest.approx(peak * (0.45 - 0.28), abs=0.02)
    assert optimum.stock_kwh == pytest.approx(-peak, abs=0.05)
    assert day.courses["hindsight"].saved_pen == shadow.saved_pen
    assert f"the site paid {site.bill_pen:,.2f} PEN; rule would have saved 42.50" in day.line
    assert "the battery 250 kWh emptier" in day.line


def test_a_demand_that_the_month_had_already_costs_nothing_again(tmp_path: Path) -> None:
    charge = {"name": "evening", "hours": [(18, 23)], "pen_per_kw_month": 10.0}
    settings = built(tmp_path / "billed", tariff=two_prices(demand=[charge], fee_pen_per_month=30.0))
    mall = _mall(3)
    mall[19] = 140.0  # before the shadow begins
    mall[48 + 20] = 200.0  # on its second day
    own = _by_hand(tmp_path / "hand", settings, mall)
    first, second = taken(own, EveningService(service(own).digest)).days
    assert first.courses["site"].demand_pen == first.courses["shadow"].demand_pen == 0.0
    assert second.courses["site"].demand_pen == pytest.approx((200 - 140) * 10.0)
    assert second.courses["shadow"].demand_pen == pytest.approx((150 - 140) * 10.0)
    assert second.courses["shadow"].saved_pen == pytest.approx(50 * 10.0 + 42.5, abs=0.03)
    # The least possible keeps to what the month had, 140 kW.
    assert second.courses["optimum"].demand_pen == 0.0
    # The month's fee was paid before the shadow began.
    assert second.courses["site"].fee_pen == 0.0
    assert book(own).begin().peaks == {int(pd.Timestamp("2025-01-01 19:00", tz="America/Lima").timestamp()): 140.0}


def test_vehicles_that_stand_there_begin_with_what_the_site_gave_them(told: Settings) -> None:
    # A row is missing at 9 h of the second day, and 24 hours later the shadow begins again: at the end of 10 h.
    put(told, frame(told).drop(index=24 + 9))
    taken(told)
    row = next(row for row in book(told).hours("2025-01-03") if row.counted)
    assert row.time == "2025-01-03T10:00-05:00"
    # Those that came at 9 h have had an hour at 3.5 kW; those of 10 h are new.
    socs = sorted({round(soc, 4) for soc in row.began["shadow"].vehicles.values()})
    assert socs == [round(min(0.3 + 3.5 * 0.95 / kwh, 0.9), 4) for kwh in (10.0, 3.5)]


def test_a_page_for_people(told: Settings) -> None:
    days = taken(told).days
    text = book(told).page.read_text()
    assert text == page(f"Shadow `{told.shadow.name}`", days)
    assert [line for line in text.splitlines() if line.startswith("* ")] == [f"* {day.line}" for day in reversed(days)]
    (line,) = [row for row in text.splitlines() if row.startswith("| least possible")]
    bill = float(line.split("|")[4].replace(",", ""))
    assert bill == pytest.approx(sum(day.courses["optimum"].bill_pen for day in days), abs=0.01)
    assert "2 days, 48 of 48 hours counted" in text
    assert day_line(days[0]) == days[0].line
    assert not math.isnan(np.sum([day.courses["shadow"].stock_kwh for day in days]))
