"""Energy and money tables: sums of an hour or two by hand, a balance that closes, months that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.report.energy import balance_table, months_table
from pvbesscar.report.money import bills_of, bills_table, invoice_table
from pvbesscar.report.tables import Table, number
from pvbesscar.words import words_in
from schemas.settings import HOURS_PER_YEAR, TariffSettings

WORDS = words_in("en")


def ledger(hours: int = HOURS_PER_YEAR, **columns: float) -> pd.DataFrame:
    frame = pd.DataFrame(np.zeros((hours, len(LEDGER_COLUMNS))), columns=list(LEDGER_COLUMNS)).assign(**columns)
    stamps = pd.date_range("2025-01-01", periods=hours, freq="h", tz="America/Lima")
    return frame.assign(timestamp=stamps, day_type=1)


def texts(table: Table) -> dict[str, list[str]]:
    return {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in table.rows}


def test_the_balance_closes() -> None:
    own = ledger(10, pv_kwh=50.0, import_kwh=20.0, discharge_kwh=5.0, mall_kwh=40.0, ev_kwh=15.0, charge_kwh=8.0,
                 export_kwh=10.0, curtailed_kwh=2.0)  # fmt: skip
    rows = texts(balance_table({"rule": own}, WORDS))
    assert (rows["all that comes"], rows["all that goes"], rows["difference"]) == (["750"], ["750"], ["0.0"])
    assert (rows["PV exported"], rows["PV curtailed"]) == (["100"], ["20"])


def test_a_month_has_its_peak_with_its_hour_and_the_cycles() -> None:
    own = ledger(24 * 40, import_kwh=1.0, charge_kwh=2.0, discharge_kwh=2.0)
    own.loc[24 * 31 + 5, "import_kwh"] = 99.0
    rows = texts(months_table("rule", own, 100.0, WORDS))
    # January: 744 h x 4 kWh / (2 x 100 kWh).
    assert rows["2025-01"] == ["744", "0", "0", "1.0", "01-01 00:00", "14.9"]
    assert rows["2025-02"][3:5] == ["99.0", "02-01 05:00"]


def test_bills_and_invoice_add_up_to_the_cent() -> None:
    tariff = TariffSettings()
    bills = bills_of(
        {"rule": ledger(import_kwh=1.0), "no-control": ledger(import_kwh=3.0), "short": ledger(48)}, tariff
    )
    assert set(bills) == {"rule", "no-control"}
    table = bills_table(bills, WORDS)
    assert [row.cells[0].text for row in table.rows] == ["rule", "no-control"]
    assert "demand" not in table.columns
    rows = texts(table)
    assert rows["rule"][-2] == number(bills["no-control"].pen() - bills["rule"].pen(), 2)
    invoice = invoice_table("rule", bills["rule"], WORDS)
    sums = [row.cells[5].value for row in invoice.rows if row.kind == "sum"]
    lines = [row.cells[5].value for row in invoice.rows if row.kind != "sum"]
    assert len(sums) == 12
    assert sum(value for value in sums if value) == pytest.approx(bills["rule"].pen())
    assert sum(value for value in lines if value) == pytest.approx(bills["rule"].pen())
