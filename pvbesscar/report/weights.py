"""What hangs on the weights, and the EV term with and without the departure guard, in sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pvbesscar.controllers.registry import RULE
from pvbesscar.report.tables import Cell, Table, figure, number, table, text
from pvbesscar.words import Words
from schemas.results import EvaluationReport, ScoreTerms
from schemas.settings import WeightSettings
from schemas.trade_offs import EvTerm, TradeOffs, Weighting

HARDLY = 1e-3
"""Share of a term below which its course along a front is called no trade."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: sentences, then tables."""

    sentences: tuple[str, ...]
    tables: tuple[Table, ...]


def weights_section(found: TradeOffs | None, controllers: Mapping[str, ScoreTerms], words: Words) -> Section | None:
    """What hangs on the weights; `None` where the validated year was not judged.

    Parameters
    ----------
    controllers
        Terms of each controller on the same hours, by name, in the order of the ranking.
    """
    if found is None:
        return None
    sentences = (*_winners(found, words), *_correlations(found, words), *_fronts(found, words))
    return Section(sentences, (_weightings_table(found, words), _points_table(found, controllers, words)))


def terms_of(evaluation: EvaluationReport) -> dict[str, ScoreTerms]:
    """Terms of each controller on the scenario that tables begin with."""
    return {result.controller: result.terms for result in evaluation.main.ranking}


def _winners(found: TradeOffs, words: Words) -> tuple[str, ...]:
    told = "; ".join(f"{_name(own.name, words)}: {words.listed(list(own.winners))}" for own in found.weightings)
    verdict = words("weights.same" if len({own.winners for own in found.weightings}) == 1 else "weights.hangs")
    oracles = f" {words('weights.oracles', names=words.listed(list(found.oracles)))}" if found.oracles else ""
    refused = (words("weights.refused", why=found.refused),) if found.refused else ()
    return (f"{verdict} {told}.{oracles}", words("weights.tuned"), *refused)


def _name(name: str, words: Words) -> str:
    """Name of a weighting for readers; an unknown one keeps its own."""
    key = f"weighting.{name}"
    return words(key) if words.has(key) else name


def _correlations(found: TradeOffs, words: Words) -> tuple[str, ...]:
    figures = (
        (found.co2_cost_over_controllers, "controllers"),
        (found.co2_cost_without_no_control, "without"),
        (found.co2_cost_over_hours, "hours"),
    )
    said = [words(f"correlation.{where}", value=f"{value:.4f}") for value, where in figures if value is not None]
    return (words("correlation.said", figures="; ".join(said)),) if said else ()


def _fronts(found: TradeOffs, words: Words) -> tuple[str, ...]:
    told = []
    sweeps: tuple[tuple[Literal["cost", "co2"], str, str], ...] = (("cost", "cost_pen", "PEN"), ("co2", "co2_kg", "kg"))
    for sweep, field, unit in sweeps:
        if len(found.front(sweep)) < 2:
            continue
        smooth, *_, rough = found.front(sweep)
        low, high = getattr(rough.terms, field), getattr(smooth.terms, field)
        share = (high - low) / abs(low) if low else 0.0
        told.append(
            words(
                "front.hardly" if abs(share) < HARDLY else "front.paid", name=words(f"term.{field}"), unit=unit,
                low=number(low), high=number(high), rough=number(rough.terms.ramping_kwh),
                smooth=number(smooth.terms.ramping_kwh), share=f"{100.0 * share:+.1f}",
            )
        )  # fmt: skip
    return tuple(told)


def _score(own: Weighting, controller: str, words: Words) -> Cell:
    score = next((s.score for s in own.scores if s.controller == controller), None)
    return text(words("weights.not_judged")) if score is None else figure(score, 5)


def _shares(weights: WeightSettings) -> str:
    return " / ".join(f"{value:.3g}" for value in weights.model_dump().values())


def _weightings_table(found: TradeOffs, words: Words) -> Table:
    columns = [words(f"weightings.{name}") for name in ("weights", "shares", "wins", "j", "rule", "bound")]
    rows = [
        (
            text(_name(own.name, words)),
            text(_shares(own.weights)),
            text(", ".join(own.winners)),
            _score(own, own.winners[0], words),
            _score(own, RULE, words),
            text(words("none")) if own.bound is None else figure(own.bound, 5),
            *(_score(own, oracle, words) for oracle in found.oracles),
        )
        for own in found.weightings
    ]
    oracles = [words("weightings.oracle", name=oracle) for oracle in found.oracles]
    return table("weightings", words("weightings.caption"), [*columns, *oracles], rows)


def _points_table(found: TradeOffs, controllers: Mapping[str, ScoreTerms], words: Words) -> Table:
    heads = ("point", "shares", "bound", "replay", "co2", "cost", "ramping")
    rows = [
        (text(words("points.optimum", name=_name(own.name, words))), text(_shares(own.weights)),
         figure(own.bound, 5), figure(own.replay, 5), *_terms(own.terms))
        for own in found.optima
    ]  # fmt: skip
    empty = [text("")] * 3
    rows += [(text(name), *empty, *_terms(own)) for name, own in controllers.items()]
    return table("points", words("points.caption"), [words(f"points.{head}") for head in heads], rows)


def _terms(terms: ScoreTerms) -> tuple[Cell, ...]:
    return figure(terms.co2_kg), figure(terms.cost_pen), figure(terms.ramping_kwh)


def service_section(found: EvTerm | None, weights: WeightSettings, words: Words) -> Section | None:
    """What the EV term tells, and the controllers without the guard; `None` where the validated year was not judged."""
    if found is None:
        return None
    cut = words("service.cut", kwh=number(found.windows_unavoidable_kwh, 1)) if found.windows_unavoidable_kwh else ""
    without = words(
        "service.same", windows=", ".join(found.windows), cut=f"{cut} " if cut else "",
        state=words("on" if found.guard else "off"),
    )  # fmt: skip
    sentences = (_activity(found, weights, words), without, *_without_guard(found, words))
    return Section(sentences, (_service_table(found, words),))


def _without_guard(found: EvTerm, words: Words) -> tuple[str, ...]:
    on, off = ({row.controller: row for row in found.rows if row.guard is guard} for guard in (True, False))
    told = [
        words(
            "service.meets", name=name, with_it=number(on[name].departures_met), of=number(on[name].departures),
            without=number(off[name].departures_met),
        )
        for name in on
        if off[name].departures_met != on[name].departures_met
    ]  # fmt: skip
    return (words("service.needs", names="; ".join(told)) if told else words("service.nobody"),)


def _activity(found: EvTerm, weights: WeightSettings, words: Words) -> str:
    beside = words("service.beside", kwh=number(found.unavoidable_kwh, 1)) if found.unavoidable_kwh > 0.0 else ""
    return words(
        "service.inactive" if found.inactive else "service.active",
        guard=words("service.with" if found.guard else "service.without"), name=found.largest_of,
        short=f"{found.largest_kwh:.4f}", beside=f" {beside}" if beside else "",
        tolerance=number(found.tolerance_kwh, 1), weight=f"{weights.ev_service:g}",
        j=f"{found.largest_in_j:.1e}" if found.inactive else f"{found.largest_in_j:.5f}",
    )  # fmt: skip


def _service_table(found: EvTerm, words: Words) -> Table:
    by_name: dict[str, dict[bool, tuple[Cell, ...]]] = {}
    for row in found.rows:
        by_name.setdefault(row.controller, {})[row.guard] = (
            text(words("service.of", met=number(row.departures_met), of=number(row.departures))),
            figure(row.ev_short_kwh, 1),
            figure(row.score, 5),
        )
    columns = [words(f"service.{c}") for c in ("controller", "on", "on_short", "on_j", "off", "off_short", "off_j")]
    rows = [(text(name), *states[True], *states[False]) for name, states in by_name.items()]
    return table("ev-term", words("service.caption", windows=", ".join(found.windows)), columns, rows)
