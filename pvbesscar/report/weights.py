"""What hangs on the weights, and the EV term with and without the departure guard, in sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pvbesscar.controllers.registry import RULE
from pvbesscar.report.sentences import TERM_NAMES, listed, number
from schemas.results import EvaluationReport, ScoreTerms
from schemas.settings import WeightSettings
from schemas.trade_offs import EvTerm, TradeOffs, Weighting

HARDLY = 1e-3
"""Share of a term below which its course along a front is called no trade."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: caption, head, rows; the first column names the row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: sentences, then tables."""

    sentences: tuple[str, ...]
    tables: tuple[Table, ...]


def weights_section(found: TradeOffs | None, controllers: Mapping[str, ScoreTerms]) -> Section | None:
    """What hangs on the weights; `None` where the validated year was not judged.

    Parameters
    ----------
    controllers
        Terms of each controller on the same hours, by name, in the order of the ranking.
    """
    if found is None:
        return None
    sentences = (*_winners(found), *_correlations(found), *_fronts(found))
    return Section(sentences, (_weightings_table(found), _points_table(found, controllers)))


def terms_of(evaluation: EvaluationReport) -> dict[str, ScoreTerms]:
    """Terms of each controller on the scenario that tables begin with."""
    return {result.controller: result.terms for result in evaluation.main.ranking}


def _winners(found: TradeOffs) -> tuple[str, ...]:
    told = "; ".join(f"{own.name}: {listed(list(own.winners))}" for own in found.weightings)
    winners = {own.winners for own in found.weightings}
    verdict = (
        "The weights are a choice, and here another one finds the same winner"
        if len(winners) == 1
        else "The weights are a choice, and who wins hangs on it"
    )
    oracles = f" {listed(list(found.oracles))} is told hours to come and wins nothing." if found.oracles else ""
    refused = (f"There is no optimum to draw a front of: {found.refused}",) if found.refused else ()
    tuned = "Controllers were tuned and trained for the weights as set; what others would let them reach nobody tried."
    return (f"{verdict}. {told}.{oracles}", tuned, *refused)


def _correlations(found: TradeOffs) -> tuple[str, ...]:
    figures = (
        (found.co2_cost_over_controllers, "over the controllers"),
        (found.co2_cost_without_no_control, "over those that are not no-control, which lies far off"),
        (found.co2_cost_over_hours, "over the hours of no control"),
    )
    said = [f"{value:.4f} {where}" for value, where in figures if value is not None]
    return (f"CO2 and cost correlate: {'; '.join(said)}.",) if said else ()


def _fronts(found: TradeOffs) -> tuple[str, ...]:
    told = []
    sweeps: tuple[tuple[Literal["cost", "co2"], str, str], ...] = (("cost", "cost_pen", "PEN"), ("co2", "co2_kg", "kg"))
    for sweep, field, unit in sweeps:
        if len(found.front(sweep)) < 2:
            continue
        smooth, *_, rough = found.front(sweep)
        low, high = getattr(rough.terms, field), getattr(smooth.terms, field)
        name, course = TERM_NAMES[field], f"from {number(low)} to {number(high)} {unit}"
        ramping = f"from {number(rough.terms.ramping_kwh)} to {number(smooth.terms.ramping_kwh)} kWh"
        share = (high - low) / abs(low) if low else 0.0
        told.append(
            f"{name} and ramping hardly trade: over its front ramping goes {ramping}, {name} {course}."
            if abs(share) < HARDLY
            else f"Less ramping is paid for with {name}: perfect foresight takes ramping {ramping}, and {name} "
            f"{course} ({100.0 * share:+.1f} %)."
        )
    return tuple(told)


def _score(own: Weighting, controller: str) -> str:
    return next((f"{s.score:.5f}" for s in own.scores if s.controller == controller), "not judged")


def _shares(weights: WeightSettings) -> str:
    return " / ".join(f"{value:.3g}" for value in weights.model_dump().values())


def _weightings_table(found: TradeOffs) -> Table:
    head = ("weights", "CO2 / solar / cost / EV / ramping", "wins", "its J", "J of the rule", "bound J*")
    rows = tuple(
        (
            own.name,
            _shares(own.weights),
            ", ".join(own.winners),
            _score(own, own.winners[0]),
            _score(own, RULE),
            "none" if own.bound is None else f"{own.bound:.5f}",
            *(_score(own, oracle) for oracle in found.oracles),
        )
        for own in found.weightings
    )
    oracles = tuple(f"J of {oracle}, told the future" for oracle in found.oracles)
    return Table("Who wins under which weights; each J is made of the terms of the ranking", (*head, *oracles), rows)


def _points_table(found: TradeOffs, controllers: Mapping[str, ScoreTerms]) -> Table:
    head = ("point", "CO2 / solar / cost / EV / ramping", "bound J*", "plan replayed", "CO2, kg", "cost, PEN",
            "ramping, kWh")  # fmt: skip
    points = [
        (f"optimum, {own.name}", _shares(own.weights), f"{own.bound:.5f}", f"{own.replay:.5f}", *_terms(own.terms))
        for own in found.optima
    ]
    points += [(name, "", "", "", *_terms(own)) for name, own in controllers.items()]
    caption = (
        "Optimum under other weights, its plan run through the twin, and the controllers; "
        "what has no weight is left to chance, and a plan that comes out far above its bound imports and exports, or "
        "charges and discharges, in one hour, which the plant can not"
    )
    return Table(caption, head, tuple(points))


def _terms(terms: ScoreTerms) -> tuple[str, str, str]:
    return number(terms.co2_kg), number(terms.cost_pen), number(terms.ramping_kwh)


def service_section(found: EvTerm | None, weights: WeightSettings) -> Section | None:
    """What the EV term tells, and the controllers without the guard; `None` where the validated year was not judged."""
    if found is None:
        return None
    state = "on" if found.guard else "off"
    cut = (
        f"Of each shortfall there {number(found.windows_unavoidable_kwh, 1)} kWh could be averted by no power, for a "
        "vehicle that is there when a window begins has its arrival SOC then. "
        if found.windows_unavoidable_kwh > 0.0
        else ""
    )
    without = (
        f"The table has the same controllers on {', '.join(found.windows)}, with the guard on and with it off. {cut}"
        f"Agents were trained, and other controllers fitted, with the guard {state}."
    )
    return Section((_activity(found, weights), without, *_without_guard(found)), (_service_table(found),))


def _without_guard(found: EvTerm) -> tuple[str, ...]:
    """Say who serves vehicles worse without the guard."""
    on, off = ({row.controller: row for row in found.rows if row.guard is guard} for guard in (True, False))
    told = [
        f"{name} meets {number(on[name].departures_met)} of {number(on[name].departures)} departures with it, "
        f"{number(off[name].departures_met)} without"
        for name in on
        if off[name].departures_met != on[name].departures_met
    ]
    if not told:
        return ("No controller meets fewer departures without the guard.",)
    return (f"Who needs the guard: {'; '.join(told)}.",)


def _activity(found: EvTerm, weights: WeightSettings) -> str:
    beside = f" beside the {number(found.unavoidable_kwh, 1)} kWh that no power could meet" if (
        found.unavoidable_kwh > 0.0
    ) else ""  # fmt: skip
    state = "With" if found.guard else "Without"
    short = f"{found.largest_of} is short of most, {found.largest_kwh:.4f} kWh{beside}"
    if found.inactive:
        return (
            f"{state} the departure guard the EV term is inactive: {short}, and departures that still count as met "
            f"may be short of {number(found.tolerance_kwh, 1)} kWh. It adds at most {found.largest_in_j:.1e} to J: "
            f"the weight of {weights.ev_service:g} tells no controller from another."
        )
    return (
        f"{state} the departure guard the EV term is active: {short}, more than the "
        f"{number(found.tolerance_kwh, 1)} kWh that departures which count as met may be short of; "
        f"{found.largest_in_j:.5f} of J."
    )


def _service_table(found: EvTerm) -> Table:
    by_name: dict[str, dict[bool, tuple[str, ...]]] = {}
    for row in found.rows:
        by_name.setdefault(row.controller, {})[row.guard] = (
            f"{number(row.departures_met)} of {number(row.departures)}",
            number(row.ev_short_kwh, 1),
            f"{row.score:.5f}",
        )
    head = ("controller", "guard on: departures met", "short, kWh", "J", "guard off: departures met", "short, kWh", "J")
    rows = tuple((name, *states[True], *states[False]) for name, states in by_name.items())
    return Table(f"Departures on {', '.join(found.windows)}, guard on and off", head, rows)
