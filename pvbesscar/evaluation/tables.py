"""Results as tables for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from pvbesscar.evaluation.claims import comparisons, gap_words, open_of, percent, percent_interval
from pvbesscar.evaluation.score import TERM_FIELDS
from schemas.results import EvaluationReport, Interval, ScenarioResult, ScoreTerms, SetResult

TERM_HEAD = ("CO2, kg", "solar, kWh", "cost, PEN", "EV short, kWh", "ramping, kWh")
HEAD = ("controller", "gap closed", "gap, 95 %", "J", "captured", *TERM_HEAD)
SET_HEAD = (
    "controller", "gap closed", "gap, 95 %", "mean J", "J, 95 %", "J against the rule", "difference, 95 %", "captured",
    *TERM_HEAD,
)  # fmt: skip
GAP_HEAD = ("term", "rule", "plan of the optimum", "difference", "of J")
TERM_NAMES = dict(zip(TERM_FIELDS, TERM_HEAD, strict=True))
Row = tuple[str, ...]


def _terms(totals: ScoreTerms) -> Row:
    return tuple(f"{getattr(totals, name):,.{1 if name == 'ev_short_kwh' else 0}f}" for name in TERM_FIELDS)


def ranking_rows(scenario: ScenarioResult) -> tuple[Row, list[Row]]:
    """Head and rows of a ranking, the optimum's bound and replay first; lower J is better."""
    rows: list[Row] = []
    if scenario.optimum is not None:
        own, is_open = scenario.optimum, open_of(scenario)
        closed = "" if is_open is None else "100.0 %"
        rows.append(("J*, bound", closed, "", f"{own.bound:.5f}", "100.0 %", *[""] * len(TERM_FIELDS)))
        rows.append(
            ("J*, plan replayed", "", "", f"{own.replay:.5f}", f"+{100.0 * own.gap:.3f} % of J*", *_terms(own.terms))
        )
    rows += [
        (
            r.controller,
            gap_words(scenario, r.gap_closed),
            "" if r.gap_interval is None else percent_interval(r.gap_interval),
            f"{r.score:.5f}",
            percent(r.captured_share, 2),
            *_terms(r.terms),
        )
        for r in scenario.ranking
    ]
    return HEAD, rows


def _of_j(contribution: float) -> str:
    return f"{contribution:+.5f}" if abs(contribution) >= 5e-6 else "0"


def gap_rows(scenario: ScenarioResult) -> tuple[Row, list[Row]] | None:
    """Head and rows of what is open between rule and J*, term by term; `None` without an optimum.

    The plan is the optimum's, replayed; how far it stays above the bound is a row of its own, so that the last column
    adds up to J(rule) - J*.
    """
    if scenario.optimum is None or not scenario.gap_parts:
        return None
    rows: list[Row] = [
        (TERM_NAMES[p.term], f"{p.rule:,.0f}", f"{p.plan:,.0f}", f"{round(p.plan - p.rule):+,}", _of_j(p.contribution))
        for p in scenario.gap_parts
    ]
    rest = scenario.optimum.replay - scenario.optimum.bound
    rows.append(("plan replayed to bound J*", "", "", "", _of_j(rest)))
    rows.append(("J(rule) - J*", "", "", "", _of_j(sum(p.contribution for p in scenario.gap_parts) + rest)))
    return GAP_HEAD, rows


def _spread(interval: Interval | None, form: str) -> str:
    return "" if interval is None else f"{form % interval[0]} to {form % interval[1]}"


def set_rows(own: SetResult) -> tuple[Row, list[Row]]:
    """Head and rows of the means over a set."""
    return SET_HEAD, [
        (
            entry.controller,
            gap_words(own, entry.gap_closed),
            "" if entry.gap_interval is None else percent_interval(entry.gap_interval),
            f"{entry.mean_score:.5f}",
            _spread(entry.score_interval, "%.5f"),
            f"{entry.against_rule:+.5f}",
            _spread(entry.against_rule_interval, "%+.5f"),
            percent(entry.captured_share, 2),
            *_terms(entry.mean_terms),
        )
        for entry in own.entries
    ]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _beside(scenario: ScenarioResult) -> str:
    """Where the gap comes from, and every comparison in a sentence."""
    gap = gap_rows(scenario)
    table = "" if gap is None else f"\n\nWhere the gap from rule to J* comes from:\n\n{markdown_table(*gap)}"
    return table + "".join(f"\n\n{text}" for text in comparisons(scenario))


def as_markdown(report: EvaluationReport) -> str:
    """Every scenario that is in no set, and every set, as Markdown."""
    in_sets = {name for own in report.sets for name in own.scenarios if own.name != "perturbed"}
    parts = [
        f"`{report.scenario}`, mode `{report.mode}`, {scenario.scenario}, {', '.join(scenario.judged_on)}, "
        f"on {scenario.simulator}:\n\n{markdown_table(*ranking_rows(scenario))}{_beside(scenario)}"
        for scenario in report.scenarios
        if scenario.scenario not in in_sets
    ]
    parts += [
        f"`{report.scenario}`, mode `{report.mode}`, {set_title(own)}:\n\n{markdown_table(*set_rows(own))}"
        for own in report.sets
        if own.name != "perturbed"
    ]
    return "\n\n".join(parts)


def set_title(own: SetResult) -> str:
    """Name a set for what it is: years of resampled weeks."""
    weeks = "" if own.source_weeks is None else f", resampled from {own.source_weeks} source weeks"
    return f"{len(own.scenarios)} {own.name} years{weeks}"
