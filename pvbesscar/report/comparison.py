"""Tables of controllers: the six figures that decide, all terms, where the gap comes from, and what sliders re-rank."""

from __future__ import annotations

from typing import Any

from pvbesscar.evaluation.claims import percent_interval
from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.evaluation.tables import gap_rows
from pvbesscar.report.standings import Stand, Standing
from pvbesscar.report.tables import Cell, Table, figure, share, table, text
from pvbesscar.words import Words
from schemas.results import ScenarioResult, ScoreTerms
from schemas.settings import WeightSettings

COLUMNS = ("controller", "deployable", "bill", "co2", "peak", "gap", "interval")


def controllers_table(found: Standing, words: Words) -> Table:
    """Controllers that a site can have, and those that were made to be beaten; equal ones share a row."""
    groups = found.groups("yes", "yardstick")
    rows = [_figures(group, words) for group in groups]
    columns = [words(f"column.{name}") for name in COLUMNS]
    key = f"controllers-{found.name}"
    return table(key, words("controllers.caption"), columns, rows, [group[0].use for group in groups])


def oracles_table(found: Standing, words: Words) -> Table | None:
    """What nobody can have: controllers that are told the future, and the plan of the optimum; `None` without any."""
    rows = [_figures(group, words) for group in found.groups("oracle")]
    if found.optimum is not None:
        own = found.optimum
        cells = (figure(own.cost_pen), figure(own.co2_kg), figure(found.optimum_peak_kw, 1), share(1.0), text(""))
        rows.insert(0, (text(words("optimum.plan")), text(words("use.oracle")), *cells))
    columns = [words(f"column.{name}") for name in COLUMNS]
    return table(f"oracles-{found.name}", words("oracles.caption"), columns, rows) if rows else None


def _figures(group: list[Stand], words: Words) -> tuple[Cell, ...]:
    first = group[0]
    interval = "" if first.gap_interval is None else _interval(first.gap_interval, words)
    return (
        text(" = ".join(stand.name for stand in group)), text(words(f"use.{first.use}")), figure(first.terms.cost_pen),
        figure(first.terms.co2_kg), figure(first.peak_kw, 1), share(first.gap_closed), text(interval),
    )  # fmt: skip


def _interval(interval: tuple[float, float], words: Words) -> str:
    return percent_interval(interval).replace(" to ", f" {words('to')} ")


def terms_table(found: Standing, words: Words) -> Table:
    """Every controller with J, its five terms, and the shares that are made of J."""
    rows = [
        (text(own.name), text(words(f"kind.{own.kind}")), figure(own.score, 5), *_terms(own.terms),
         share(own.captured, 2))
        for own in found.stands
    ]  # fmt: skip
    kinds = [own.use for own in found.stands]
    if found.optimum is not None and found.replay is not None:
        plan = (text(words("optimum.plan")), text(words("use.oracle")), figure(found.replay, 5), *_terms(found.optimum))
        rows.insert(0, (*plan, text("")))
        kinds.insert(0, "oracle")
    heads = ("controller", "kind", "j", *TERM_FIELDS, "captured")
    return table(f"terms-{found.name}", words("terms.caption"), [words(f"column.{h}") for h in heads], rows, kinds)


def _terms(terms: ScoreTerms) -> tuple[Cell, ...]:
    return tuple(figure(getattr(terms, field), 1 if field == "ev_short_kwh" else 0) for field in TERM_FIELDS)


def gap_table(scenario: ScenarioResult, words: Words) -> Table | None:
    """Where what is open between the rule and J* comes from, term by term; `None` without an optimum."""
    if scenario.optimum is None or gap_rows(scenario) is None:
        return None
    rows: list[tuple[Cell, ...]] = [
        (text(words(f"column.{p.term}")), figure(p.rule), figure(p.plan), figure(p.plan - p.rule),
         figure(p.contribution, 5))
        for p in scenario.gap_parts
    ]  # fmt: skip
    rest = scenario.optimum.replay - scenario.optimum.bound
    whole = sum(p.contribution for p in scenario.gap_parts) + rest
    empty = [text("")] * 3
    rows.append((text(words("gap.rest")), *empty, figure(rest, 5)))
    rows.append((text(words("gap.whole")), *empty, figure(whole, 5)))
    columns = [words(f"gap.{c}") for c in ("term", "rule", "plan", "difference", "of_j")]
    return table("gap", words("gap.caption"), columns, rows, [*[""] * len(scenario.gap_parts), "", "sum"])


def reranking(found: Standing, weights: WeightSettings) -> dict[str, Any]:
    """What the sliders re-rank: the terms of each controller over those of no control, the weights, and J as set."""
    scales = {field: getattr(found.reference, field) for field in TERM_FIELDS}
    fields = [field for field in TERM_FIELDS if scales[field] > 0.0]
    by_field = dict(zip(TERM_FIELDS, weights.model_dump().values(), strict=True))
    return {
        "fields": fields,
        "weights": [by_field[field] for field in fields],
        "rows": [
            {
                "names": [stand.name for stand in group],
                "use": group[0].use,
                "j": group[0].score,
                "parts": [getattr(group[0].terms, field) / scales[field] for field in fields],
            }
            for group in found.groups("yes", "yardstick", "oracle")
        ],
    }
