"""Figures and sentences of the report in words; no sentence calls a controller better and hides its CO2."""

from __future__ import annotations

from collections.abc import Mapping

from pvbesscar.evaluation.judge import RESOLUTION, co2_words, signed
from schemas.results import ControllerResult, Provenance

TERM_NAMES = {
    "co2_kg": "CO2",
    "solar_kwh": "solar",
    "cost_pen": "cost",
    "ev_short_kwh": "EV service",
    "ramping_kwh": "grid stability",
}
SERIES_NAMES = {
    "weather": "weather",
    "pv": "PV generation",
    "mall": "mall demand",
    "ev_profile": "charger profile",
    "sessions": "charging sessions",
}
KIND_NAMES = {"agent": "trained agent", "untrained": "untrained agent", "baseline": "baseline", "constant": "constant"}


def shown(value: float, digits: int = 0) -> str:
    """Write a number with thousands separators; no minus before a zero."""
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0.0 else text


def series_name(series: str) -> str:
    """Name of a canonical series for readers; an unknown one keeps its own."""
    return SERIES_NAMES.get(series, series)


def listed(items: list[str]) -> str:
    """Join names in a sentence: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def first_line(provenance: Provenance | None, declared: Mapping[str, str]) -> str:
    """Say what of the data is synthetic; the first line of the page.

    Parameters
    ----------
    declared
        Source of each series as the settings declare it, for those that provenance does not name.
    """
    found = () if provenance is None else provenance.series
    sources = {**declared, **{entry.series: entry.source for entry in found}}
    synthetic = [series_name(series) for series, source in sources.items() if source == "synthetic"]
    modelled = [series_name(series) for series, source in sources.items() if source == "model"]
    if synthetic:
        plural = "is" if len(synthetic) == 1 else "are"
        return f"SYNTHETIC DATA: {listed(synthetic)} {plural} generated, not measured."
    if modelled:
        return f"No synthetic data: the inputs are read from files; {listed(modelled)} is modelled from them."
    return "No synthetic data: all inputs are read from files."


def compared(result: ControllerResult, other: ControllerResult) -> str:
    """Compare two controllers by J, with what that means for CO2 in the same sentence."""
    difference = result.score - other.score
    co2 = result.terms.co2_kg - other.terms.co2_kg
    if abs(difference) < RESOLUTION:
        return f"{result.controller} and {other.controller} are equal by J; {co2_words(co2)}."
    word = "better" if difference < 0.0 else "worse"
    caution = "but " if difference < 0.0 and co2 >= 0.05 else ""
    return (
        f"{result.controller} is {word} than {other.controller} by J ({signed(difference)}), {caution}{co2_words(co2)}."
    )


def failed_but_judged(failures: Mapping[str, str], judged: set[str]) -> list[str]:
    """Agents that a failure names and that are judged all the same: by an earlier training that still fits."""
    named = {word for label in failures for word in label.lower().replace("-", " ").replace("_", " ").split()}
    return sorted(agent for agent in judged if agent in named)
