"""Money of the page: bills of whole years, the invoice month by month, and what the investment is worth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pvbesscar.controllers.registry import NO_CONTROL, RULE
from pvbesscar.evaluation.bill import DEMAND, ENERGY, EXPORT, FEE, Bill, bill_of, worth
from pvbesscar.evaluation.money import savings
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.standings import deciding
from pvbesscar.report.tables import Cell, Table, figure, number, table, text
from pvbesscar.words import Words
from schemas.settings import HOURS_PER_YEAR, TariffSettings

PARTS = (ENERGY, DEMAND, FEE, EXPORT)


def bills_of(ledgers: Mapping[str, pd.DataFrame], tariff: TariffSettings) -> dict[str, Bill]:
    """Bill of each ledger that is a whole year."""
    return {name: bill_of(own, tariff) for name, own in ledgers.items() if len(own) == HOURS_PER_YEAR}


def bills_table(bills: Mapping[str, Bill], words: Words) -> Table:
    """The year's bill of each controller by its parts, the lowest first [PEN]."""
    # A part that the tariff does not have is no column.
    parts = [part for part in PARTS if part == ENERGY or any(own.pen(part) for own in bills.values())]
    rows = [
        (
            text(name),
            *(figure(own.pen(part), 2) for part in parts),
            figure(own.pen(), 2),
            *(
                figure(bills[other].pen() - own.pen() if other in bills and other != name else None, 2)
                for other in (NO_CONTROL, RULE)
            ),
        )
        for name, own in sorted(bills.items(), key=lambda entry: entry[1].pen())
    ]
    columns = [words(f"bill.{name}") for name in ("controller", *parts, "sum", "less_no_control", "less_rule")]
    return table("bills-year", words("bill.caption"), columns, rows)


def invoice_table(name: str, bill: Bill, words: Words) -> Table:
    """The invoices of a controller, month by month and line by line; each month ends with its sum."""
    rows: list[tuple[Cell, ...]] = []
    kinds = []
    for month, total in bill.months.items():
        for line in (line for line in bill.lines if line.month == month):
            rows.append(
                (text(month), text(_line_name(line.name, words)), figure(line.quantity, 1), text(line.unit),
                 figure(line.price, 4), figure(line.pen, 2), text("; ".join(line.set_by)))
            )  # fmt: skip
            kinds.append("")
        rows.append((text(month), text(words("bill.sum")), *[text("")] * 3, figure(total, 2), text("")))
        kinds.append("sum")
    columns = [words(f"invoice.{c}") for c in ("month", "line", "quantity", "unit", "price", "pen", "set_by")]
    return table("invoice", words("invoice.caption", controller=name), columns, rows, kinds)


def _line_name(name: str, words: Words) -> str:
    """Name of an invoice's line: that of the tariff, but for the fee and the export, which have words of their own."""
    return words(f"bill.{name}") if name in (FEE, EXPORT) else name


def worth_sentence(inputs: ReportInputs, words: Words) -> str:
    """Payback and net present value against no control, where the investment is declared; empty where it is not."""
    own, report = inputs.settings.economics, inputs.evaluation
    if own.investment_pen is None or own.life_years is None or own.discount_rate is None or report is None:
        return ""
    found = deciding(report)
    saved = () if found.best is None else savings(report, found.best.name)
    against = next((saving for saving in saved if saving.against == NO_CONTROL), None)
    if against is None:
        return ""
    if not found.years:
        return words("worth.no_year")
    payback, value = worth(against.pen, own.investment_pen, own.life_years, own.discount_rate)
    back = words("worth.never") if payback is None else words("worth.back", years=f"{payback:.1f}")
    return words(
        "worth.said", investment=number(own.investment_pen), back=back, life=own.life_years,
        rate=f"{100.0 * own.discount_rate:g}", value=number(value),
    )  # fmt: skip
