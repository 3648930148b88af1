"""Sentences of the report; one that calls a controller better names every term that is worse."""

from __future__ import annotations

from collections.abc import Mapping

from pvbesscar.controllers.registry import MPC, MPC_PERFECT_DAY, RULE
from pvbesscar.evaluation.claims import (
    NOTHING_OPEN,
    TERM_WORDS,
    closes,
    judged_beside,
    open_of,
    percent,
    price,
    rule_of,
    signed,
)
from pvbesscar.evaluation.resolution import RESOLUTION
from pvbesscar.evaluation.verdicts import Difference
from schemas.results import ControllerResult, OptimumResult, Provenance, ScenarioResult, SetEntry, SetResult
from schemas.settings import HOURS_PER_YEAR

TERM_NAMES = {
    "co2_kg": "CO2",
    "solar_kwh": "solar",
    "cost_pen": "cost",
    "ev_short_kwh": "EV service",
    "ramping_kwh": "grid stability",
}
SIMULATORS = {"citylearn": "CityLearn", "twin": "CityLearn's certified twin"}
SERIES_NAMES = {
    "weather": "weather",
    "pv": "PV generation",
    "mall": "mall demand",
    "ev_profile": "charger profile",
    "sessions": "charging sessions",
    "carbon": "carbon intensity",
}
KIND_NAMES = {
    "agent": "trained agent",
    "untrained": "untrained agent",
    "baseline": "baseline",
    "constant": "constant",
    "random": "random",
}


def number(value: float, digits: int = 0) -> str:
    """Write a number with thousands separators; no minus before a zero."""
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0.0 else text


def series_name(series: str) -> str:
    """Name of a canonical series for readers; an unknown one keeps its own."""
    return SERIES_NAMES.get(series, series)


def listed(items: list[str]) -> str:
    """Join names in a sentence: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def first_line(provenance: Provenance | None) -> str:
    """Say what of the data is synthetic, as its provenance tells it; the first line of the page."""
    if provenance is None:
        return "ORIGIN UNKNOWN: there is no provenance of this dataset, so nothing here is known to be measured."
    return f"{_origin(provenance)}{_filled(provenance)}"


def _origin(provenance: Provenance) -> str:
    synthetic = [series_name(entry.series) for entry in provenance.series if entry.source == "synthetic"]
    modelled = [series_name(entry.series) for entry in provenance.series if entry.source == "model"]
    if synthetic:
        plural = "is" if len(synthetic) == 1 else "are"
        return f"SYNTHETIC DATA: {listed(synthetic)} {plural} generated, not measured."
    if modelled:
        return f"No synthetic data: the inputs are read from files; {listed(modelled)} is modelled from them."
    return "No synthetic data: all inputs are read from files."


def _filled(provenance: Provenance) -> str:
    """Say which hours were filled, from where and why; nothing where none were."""
    fills = [fill for entry in provenance.series for fill in entry.fills if fill.series == entry.series]
    parts = [
        f"{fill.hours} hours of {series_name(fill.series)} from {fill.first_stamp[:16].replace('T', ' ')} on are "
        f"filled from {fill.source} ({fill.reason})"
        for fill in fills
    ]
    return f" FILLED, NOT MEASURED: {'; '.join(parts)}." if parts else ""


def headroom(judged: ScenarioResult) -> list[str]:
    """Say what is open between the rule and the optimum, where it comes from, and what forecasts have to do with it."""
    optimum, rule = judged.optimum, rule_of(judged)
    if optimum is None:
        return [f"There is no optimum to measure by: {judged.optimum_refused}"] if judged.optimum_refused else []
    bound = (
        f"No controller in mode {optimum.mode} can score below J* = {optimum.bound:.5f} on these hours, whatever it "
        f"knows of the future. The plan of that optimum, run through the simulator, scores {optimum.replay:.5f}, "
        f"{100.0 * optimum.gap:.3f} % above the bound."
    )
    if rule is None:
        return [bound]
    said, able = [bound, _gap(judged, rule, optimum)], {result.controller: result for result in judged.ranking}
    if open_of(judged) is not None and judged.gap_parts:
        said.append(_where_from(judged, rule, optimum))
    if open_of(judged) is not None and MPC in able:
        said.append(_rolling_program(judged, able))
    return said


def _gap(judged: ScenarioResult, rule: ControllerResult, optimum: OptimumResult) -> str:
    is_open = open_of(judged)
    if is_open is None:
        return (
            f"{NOTHING_OPEN.capitalize()}: the rule scores {rule.score:.5f}, which can not be told from J*: that is "
            f"known to {max(RESOLUTION, optimum.replay - optimum.bound):.1e} only."
        )
    return (
        f"The gap: from the rule (J {rule.score:.5f}) to J* {is_open:.5f} is open, {percent(is_open / rule.score)} of "
        "the J of the rule."
    )


def _where_from(judged: ScenarioResult, rule: ControllerResult, optimum: OptimumResult) -> str:
    parts = sorted(judged.gap_parts, key=lambda part: -part.contribution)
    said = [f"{TERM_WORDS[p.term][0]} {signed(p.contribution)}" for p in parts if abs(p.contribution) >= RESOLUTION]
    terms = price(optimum.terms, rule.terms, judged.reference, rule.hours, better=True)
    return (
        f"Where it comes from, by the replayed plan: {', '.join(said)}, and {signed(optimum.replay - optimum.bound)} "
        f"from that plan to the bound. Against the rule the plan is {terms}."
    )


def _rolling_program(judged: ScenarioResult, able: Mapping[str, ControllerResult]) -> str:
    program, perfect = able[MPC], able.get(MPC_PERFECT_DAY)
    closed = closes(judged, program.gap_closed, program.gap_interval)
    said = f"The rolling program on forecasts made of the past ({MPC}): {closed}"
    if perfect is not None:
        difference, scale = perfect.score - program.score, judged.reference
        terms = price(perfect.terms, program.terms, scale, perfect.hours, better=difference < 0.0)
        said += (
            f". Told the coming day, as no controller can be ({MPC_PERFECT_DAY}): "
            f"{closes(judged, perfect.gap_closed, perfect.gap_interval)}. Perfect forecasts would change its J by "
            f"{signed(difference)}; {terms}"
        )
    return f"{said}."


def set_sentences(own: SetResult) -> list[str]:
    """Compare each controller that is no plain one with the rule over a set, with every term that is worse."""
    rule = next((entry for entry in own.entries if entry.controller == RULE), None)
    if rule is None:
        return []
    said = [_against_rule(own, entry, rule) for entry in judged_beside(own.entries)]
    return [sentence for sentence in said if sentence is not None]


def _against_rule(own: SetResult, entry: SetEntry, rule: SetEntry) -> str | None:
    difference = Difference(entry.against_rule, entry.against_rule_interval)
    ends = (entry.against_rule, *(difference.interval or ()))
    if all(abs(end) < RESOLUTION for end in ends):
        return None
    spread = "no interval" if difference.interval is None else f"95 % interval {' to '.join(map(signed, ends[1:]))}"
    sure = difference.below_zero or difference.above_zero
    word = "can not be told from" if not sure else f"is {'better' if difference.below_zero else 'worse'} than"
    terms = price(
        entry.mean_terms, rule.mean_terms, own.mean_reference, HOURS_PER_YEAR, better=entry.against_rule < 0.0
    )
    resampled = " of resampled weeks" if own.source_weeks is not None else ""
    return (
        f"On {len(own.scenarios)} {own.name} years{resampled} {entry.controller} {word} the rule by mean J "
        f"({signed(entry.against_rule)}, {spread}); {terms}; {closes(own, entry.gap_closed, entry.gap_interval)}."
    )


def failed_but_judged(failures: Mapping[str, str], judged: set[str]) -> list[str]:
    """Agents that failed in this run and are evaluated all the same, with a model of an earlier training."""
    named = {word for label in failures for word in label.lower().replace("-", " ").replace("_", " ").split()}
    return sorted(agent for agent in judged if agent in named)
