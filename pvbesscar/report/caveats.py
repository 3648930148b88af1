"""What a reader has to know beside the figures, what weighs most first."""

from __future__ import annotations

from collections.abc import Mapping

from pvbesscar.evaluation.bill import Bill
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.standings import deciding
from pvbesscar.words import Words

NEAR = 0.01
"""Median share of a day's energy below which a test on other days proves little."""


def caveats(inputs: ReportInputs, words: Words) -> tuple[str, ...]:
    """Caveats of a run, in the order in which they weigh."""
    return (*_control(inputs, words), *_judging(inputs, words), *_prices(inputs, words), *_assumed(inputs, words))


def _control(inputs: ReportInputs, words: Words) -> list[str]:
    control = inputs.settings.control
    said = [] if control.forecast == "causal" else [words("caveat.forecast")]
    return said if control.departure_guard else [*said, words("caveat.guard")]


def _judging(inputs: ReportInputs, words: Words) -> list[str]:
    report = inputs.evaluation
    if report is None:
        return []
    found = deciding(report)
    said = []
    if not found.years:
        said.append(words("caveat.no_year", hours=f"{found.hours:,}"))
    elif found.name != "test":
        said.append(words("caveat.no_test"))
    elif inputs.settings.training.scenarios != "training":
        said.append(words("caveat.seen"))
    if found.name == "test":
        said += near(report.nearness, words)
    if inputs.profile == "smoke":
        said.append(words("caveat.smoke", steps=f"{inputs.settings.profile(inputs.profile).steps:,}"))
    return said


def near(nearness: Mapping[str, Mapping[str, float]], words: Words) -> list[str]:
    """Series of which test days are nearly training days; nothing where there are none."""
    found = [words(f"near.{name}") for name, own in nearness.items() if own["median"] < NEAR]
    return [words("caveat.near", series=words.listed(found), share=f"{100.0 * NEAR:g} %")] if found else []


def _prices(inputs: ReportInputs, words: Words) -> list[str]:
    tariff = inputs.settings.tariff
    said = [words("caveat.example")] if tariff.example else []
    said.append(words("caveat.prices", source=tariff.source, since=tariff.valid_from))
    if tariff.demand:
        said += [words("caveat.quarter_hours"), words("caveat.demand_spread")]
    return said


def _assumed(inputs: ReportInputs, words: Words) -> list[str]:
    """What was assumed of stays, where hourly energies do not tell them."""
    entries = () if inputs.provenance is None else inputs.provenance.series
    assumed = any("ev.dwell_hours" in step for own in entries for step in own.transformations)
    return [words("caveat.dwell", hours=f"{inputs.settings.ev.dwell_hours:g}")] if assumed else []


def contradiction(bills: dict[str, Bill], words: Words) -> str:
    """Controllers under which the site is not in the class of users that the tariff declares; empty where none."""
    other = [
        f"{name} ({own.presence:.2f})"
        for name, own in bills.items()
        if (declared := own.tariff.classification) is not None
        and own.presence is not None
        and declared.contradicted_by(own.presence)
    ]
    return words("caveat.class", names=words.listed(other)) if other else ""
