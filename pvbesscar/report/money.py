"""The money page of the report: what a controller saves in a year, whether that is certain, and the bills."""

from __future__ import annotations

from dataclasses import dataclass

from pvbesscar.controllers.registry import NO_CONTROL, OPTIMUM, RULE
from pvbesscar.evaluation.bill import Bill, Line, bill_of, caveats, contradictions, worth
from pvbesscar.evaluation.claims import changes, rule_of, signed
from pvbesscar.evaluation.money import Saving, bill_rows, cheapest, savings
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.sentences import number
from schemas.results import EvaluationReport
from schemas.settings import HOURS_PER_YEAR

OPPONENTS = {NO_CONTROL: "a battery that is never used", RULE: "the rule of a site with a battery"}


@dataclass(frozen=True, slots=True)
class Card:
    """A saving in words for a reader who knows no kWh.

    Attributes
    ----------
    against
        What it is compared with.
    amount
        What is paid less, or more, in a year.
    certainty
        `certain`, `NOT certain` or `not known`.
    why
        What the word rests on.
    """

    against: str
    amount: str
    certainty: str
    why: str


@dataclass(frozen=True, slots=True)
class Money:
    """What the page shows.

    Attributes
    ----------
    paid
        What the cheapest controller that a site can have costs in a year.
    cards
        What it saves.
    sentences
        What else there is to say of it: what is left to win, and what the investment is worth.
    head, rows
        Table of bills, by controller; empty where no whole year was judged.
    controller, lines
        That controller, and the lines of its invoice.
    caveats
        What has to be told of prices and method.
    """

    paid: str
    cards: tuple[Card, ...]
    sentences: tuple[str, ...]
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    controller: str
    lines: tuple[Line, ...]
    caveats: tuple[str, ...]

    @property
    def short(self) -> str:
        """All in a line."""
        saved = "; ".join(f"{card.amount} than with {card.against} ({card.certainty})" for card in self.cards)
        return f"{self.paid} {saved}." if saved else self.paid


def money(inputs: ReportInputs) -> Money | None:
    """Make the page; `None` where no controller was judged."""
    report = inputs.evaluation
    name = None if report is None else cheapest(report.main)
    if report is None or name is None:
        return None
    bills = _bills(inputs, report)
    head, rows = bill_rows(bills) if bills else ((), [])
    found = savings(report, name)
    return Money(
        paid=_paid(report, name),
        cards=tuple(_card(saving, _span(report, saving)) for saving in found),
        sentences=(
            *_priced(report, name),
            *_left(report, name),
            *_worth(inputs, report, found),
        ),
        head=head,
        rows=rows,
        controller=name,
        lines=bills[name].lines if name in bills else (),
        caveats=(*caveats(inputs.settings.tariff), *_spread(inputs, found), *contradictions(bills)),
    )


def _bills(inputs: ReportInputs, report: EvaluationReport) -> dict[str, Bill]:
    """Bill of each controller on the first scenario, where it is a whole year."""
    bills = {}
    for name in (*(result.controller for result in report.main.ranking), OPTIMUM):
        ledger = inputs.ledger(report.main.scenario, name) if report.main.judged_on == ("year",) else None
        if ledger is not None and len(ledger) == HOURS_PER_YEAR:
            bills[name] = bill_of(ledger, inputs.settings.tariff)
    return bills


def _paid(report: EvaluationReport, name: str) -> str:
    cost = next(result.terms.cost_pen for result in report.main.ranking if result.controller == name)
    return (
        f"With {name}, the cheapest controller that a site can have, the site pays {number(cost)} PEN {_span(report)}."
    )


def _priced(report: EvaluationReport, name: str) -> tuple[str, ...]:
    """What the cheapest controller does worse than the rule, in J and in its terms."""
    own = next(result for result in report.main.ranking if result.controller == name)
    rule = rule_of(report.main)
    if rule is None or rule.controller == name:
        return ()
    worse = changes(own.terms, rule.terms, report.main.reference, own.hours, worse=True)
    said = f"worse: {', '.join(worse)}" if worse else "worse in no term"
    return (f"Against the rule its J is {signed(own.score - rule.score)}; {said}.",)


def _span(report: EvaluationReport, saving: Saving | None = None) -> str:
    """What a sum of money is of; savings with an interval are those of the test years."""
    if report.main.judged_on == ("year",) or (saving is not None and saving.interval is not None):
        return "a year"
    return f"on {', '.join(report.main.judged_on)}, which is no year"


def _card(saving: Saving, span: str) -> Card:
    word = "less" if saving.pen >= 0.0 else "more"
    against, amount = f"{OPPONENTS[saving.against]} ({saving.against})", f"{number(abs(saving.pen))} PEN {word} {span}"
    if saving.interval is None:
        return Card(against, amount, "not known", "without test years nobody can tell how certain this is")
    least, most = saving.interval
    if saving.certain:
        low, high = sorted((abs(least), abs(most)))
        said, certainty = f"between {number(low)} and {number(high)} PEN {word}", "certain"
    else:
        said, certainty = f"it can be {number(-least)} PEN more as well as {number(most)} PEN less", "NOT certain"
    return Card(
        against, amount, certainty, f"{said}; mean of {saving.years} test years, 95 % interval over their weeks"
    )


def _of_years(report: EvaluationReport) -> bool:
    """Whether savings are of whole years."""
    return report.main.judged_on == ("year",) or any(own.name == "test" for own in report.sets)


def _spread(inputs: ReportInputs, found: tuple[Saving, ...]) -> tuple[str, ...]:
    """What an interval over weeks leaves out where power is billed."""
    if not inputs.settings.tariff.demand or all(saving.interval is None for saving in found):
        return ()
    said = (
        "The intervals of savings lay what power costs to the days on which a month's demand rose; demand charges do "
        "not add up over weeks, so how they would spread over other weeks is not covered."
    )
    return (said,)


def _left(report: EvaluationReport, name: str) -> tuple[str, ...]:
    optimum = report.main.optimum
    if optimum is None:
        return ()
    cost = next(result.terms.cost_pen for result in report.main.ranking if result.controller == name)
    left = cost - optimum.terms.cost_pen
    if left >= 0.0:
        return (f"With perfect knowledge of the year the optimum of J would save {number(left)} PEN more.",)
    more = f"The optimum of J pays {number(-left)} PEN more than {name}"
    return (f"{more}: J weighs other things than cost, and the optimum gives up money for them.",)


def _worth(inputs: ReportInputs, report: EvaluationReport, found: tuple[Saving, ...]) -> tuple[str, ...]:
    """Payback and net present value against a battery that is never used, where the investment is declared."""
    own = inputs.settings.economics
    against = next((saving for saving in found if saving.against == NO_CONTROL), None)
    if own.investment_pen is None or own.life_years is None or own.discount_rate is None or against is None:
        return ()
    if not _of_years(report):
        return ("What the declared investment is worth asks for whole years (profile full).",)
    payback, value = worth(against.pen, own.investment_pen, own.life_years, own.discount_rate)
    back = "is never paid back" if payback is None else f"is paid back after {payback:.1f} years"
    said = f"The declared investment of {number(own.investment_pen)} PEN {back}; over {own.life_years} years"
    return (f"{said} at {100.0 * own.discount_rate:g} % its net present value is {number(value)} PEN.",)
