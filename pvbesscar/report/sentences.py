"""Sentences of the report; one that calls a controller better also says what its CO2 is."""

from __future__ import annotations

from collections.abc import Mapping

from pvbesscar.controllers.registry import CONSTANT, MPC, MPC_PERFECT_DAY, RULE, TUNED
from pvbesscar.evaluation.ranking import RESOLUTION, co2_words, signed
from schemas.results import ControllerResult, Provenance, ScenarioResult, SetEntry, SetResult

TERM_NAMES = {
    "co2_kg": "CO2",
    "solar_kwh": "solar",
    "cost_pen": "cost",
    "ev_short_kwh": "EV service",
    "ramping_kwh": "grid stability",
}
SIMULATORS = {"citylearn": "CityLearn", "twin": "CityLearn's certified twin"}
NEARLY_OPTIMAL = 0.98
"""Captured share of a rule from which on the report says that there is little to learn."""
RULES = (RULE, TUNED, CONSTANT)
"""Controllers that decide from the present hour alone."""
SERIES_NAMES = {
    "weather": "weather",
    "pv": "PV generation",
    "mall": "mall demand",
    "ev_profile": "charger profile",
    "sessions": "charging sessions",
}
KIND_NAMES = {"agent": "trained agent", "untrained": "untrained agent", "baseline": "baseline", "constant": "constant"}


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


def share(value: float | None, digits: int = 2) -> str:
    """Write a share in percent; where there is none, say so."""
    return "none" if value is None else f"{100.0 * value:.{digits}f} %"


def headroom(judged: ScenarioResult) -> list[str]:
    """Say how far J can be brought down at all, and what rules take of that."""
    optimum = judged.optimum
    if optimum is None:
        return [f"There is no optimum to measure by: {judged.optimum_refused}"] if judged.optimum_refused else []
    bound = (
        f"No controller in mode {optimum.mode} can score below J* = {optimum.bound:.5f} on these hours, whatever it "
        f"knows of the future. The plan of that optimum, run through the simulator, scores {optimum.replay:.5f}, "
        f"{100.0 * optimum.gap:.3f} % above the bound."
    )
    sentences = [bound]
    able = {r.controller: r for r in judged.ranking if r.captured_share is not None}
    rules = [able[name] for name in RULES if name in able]
    if rules:
        best = max(rules, key=lambda result: result.captured_share or 0.0)
        captured = best.captured_share or 0.0
        left = f"{best.controller} captures {share(captured)} of what can be won over no control"
        sentences.append(
            f"Rules are nearly optimal here: {left}, so at most {best.score - optimum.bound:.5f} of J is left to learn."
            if captured >= NEARLY_OPTIMAL
            else f"Rules leave something to win here: {left}; {best.score - optimum.bound:.5f} of J is left."
        )
    if MPC in able:
        sentences.append(_rolling_program(able))
    return sentences


def _rolling_program(able: Mapping[str, ControllerResult]) -> str:
    program, rule, perfect = able[MPC], able.get(RULE), able.get(MPC_PERFECT_DAY)
    said = f"The rolling program on forecasts made of the past ({MPC}) captures {share(program.captured_share)}"
    if rule is not None:
        said += f"; against the rule {co2_words(program.terms.co2_kg - rule.terms.co2_kg)}"
    if perfect is not None:
        said += (
            f"; told the coming day, as no controller can be ({MPC_PERFECT_DAY}), it captures "
            f"{share(perfect.captured_share)}: perfect forecasts would change its J by "
            f"{signed(perfect.score - program.score)}"
        )
    return f"{said}."


def set_sentences(own: SetResult) -> list[str]:
    """Compare each controller that is no baseline with the rule over a set, with CO2 in the same sentence."""
    return [_against_rule(own, entry) for entry in own.entries if entry.kind == "agent"]


def _against_rule(own: SetResult, entry: SetEntry) -> str:
    if entry.against_rule is None or entry.co2_against_rule_kg is None:
        return f"{entry.controller} on {own.name}: the rule was not judged beside it."
    interval = entry.against_rule_interval
    sure = interval is not None and (interval[1] < -RESOLUTION or interval[0] > RESOLUTION)
    spread = "one scenario shows no spread" if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"
    word = "can not be told from" if not sure else "is better than" if entry.against_rule < 0.0 else "is worse than"
    caution = "but " if sure and entry.against_rule < 0.0 and entry.co2_against_rule_kg >= 0.05 else ""
    return (
        f"On {len(own.scenarios)} {own.name} scenarios {entry.controller} {word} the rule by mean J "
        f"({signed(entry.against_rule)}, 95 % interval {spread}), {caution}on the mean "
        f"{co2_words(entry.co2_against_rule_kg)}."
    )


def failed_but_judged(failures: Mapping[str, str], judged: set[str]) -> list[str]:
    """Agents that failed in this run and are evaluated all the same, with a model of an earlier training."""
    named = {word for label in failures for word in label.lower().replace("-", " ").replace("_", " ").split()}
    return sorted(agent for agent in judged if agent in named)
