"""Results as tables for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.evaluation.ranking import comparisons
from pvbesscar.evaluation.score import TERM_FIELDS
from schemas.results import EvaluationReport, Interval, ScenarioResult, ScoreTerms, SetResult

HEAD = (
    "controller", "J", "captured", "CO2, kg", "solar, kWh", "cost, PEN", "EV short, kWh", "ramping, kWh",
)  # fmt: skip
SET_HEAD = ("controller", "mean J", "95 %", "captured", "95 %", "CO2, kg", "J against the rule", "95 %")
Row = tuple[str, ...]


def _terms(totals: ScoreTerms) -> Row:
    return tuple(f"{getattr(totals, name):,.{1 if name == 'ev_short_kwh' else 0}f}" for name in TERM_FIELDS)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100.0 * value:.2f} %"


def ranking_rows(scenario: ScenarioResult) -> tuple[Row, list[Row]]:
    """Head and rows of a ranking, the optimum's bound and replay first; lower J is better."""
    rows: list[Row] = []
    if scenario.optimum is not None:
        own = scenario.optimum
        rows.append(("J*, bound", f"{own.bound:.5f}", "100 %", "", "", "", "", ""))
        rows.append(("J*, plan replayed", f"{own.replay:.5f}", f"+{100.0 * own.gap:.3f} %", *_terms(own.terms)))
    rows += [(r.controller, f"{r.score:.5f}", _share(r.captured_share), *_terms(r.terms)) for r in scenario.ranking]
    return HEAD, rows


def _spread(interval: Interval | None, form: str, scale: float = 1.0) -> str:
    return "" if interval is None else f"{form % (scale * interval[0])} to {form % (scale * interval[1])}"


def set_rows(own: SetResult) -> tuple[Row, list[Row]]:
    """Head and rows of the means over a set."""
    return SET_HEAD, [
        (
            entry.controller,
            f"{entry.mean_score:.5f}",
            _spread(entry.score_interval, "%.5f"),
            _share(entry.mean_captured_share),
            _spread(entry.captured_interval, "%.2f", 100.0),
            f"{entry.mean_co2_kg:,.0f}",
            "" if entry.against_rule is None else f"{entry.against_rule:+.5f}",
            _spread(entry.against_rule_interval, "%+.5f"),
        )
        for entry in own.entries
    ]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _comparisons(scenario: ScenarioResult) -> str:
    return "".join(f"\n\n{text}" for text in comparisons(scenario.ranking) if " no-control " not in text)


def as_markdown(report: EvaluationReport) -> str:
    """Every scenario that is in no set, and every set, as Markdown."""
    in_sets = {name for own in report.sets for name in own.scenarios if own.name != "perturbed"}
    parts = [
        f"`{report.scenario}`, mode `{report.mode}`, {scenario.scenario}, {', '.join(scenario.judged_on)}, "
        f"on {scenario.simulator}:\n\n{markdown_table(*ranking_rows(scenario))}{_comparisons(scenario)}"
        for scenario in report.scenarios
        if scenario.scenario not in in_sets
    ]
    parts += [
        f"`{report.scenario}`, mode `{report.mode}`, {len(own.scenarios)} {own.name} scenarios:\n\n"
        f"{markdown_table(*set_rows(own))}"
        for own in report.sets
        if own.name != "perturbed"
    ]
    return "\n\n".join(parts)
