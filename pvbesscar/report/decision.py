"""The first screen: is the data sound, which controller to deploy, what it saves, and what else is to be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pvbesscar.controllers.registry import NO_CONTROL, RULE
from pvbesscar.evaluation.money import Saving, savings
from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.quality.report import in_words
from pvbesscar.report.caveats import caveats
from pvbesscar.report.inputs import ReportInputs
from pvbesscar.report.origin import is_measured, origin
from pvbesscar.report.standings import Stand, Standing, deciding
from pvbesscar.report.tables import number
from pvbesscar.words import Words
from schemas.results import EvaluationReport, TrainingMetrics
from schemas.settings import Agent, WeightSettings

CENT = 0.005
"""Bills that differ by less are equal [PEN]."""
SHOWN_CAVEATS = 3


@dataclass(frozen=True, slots=True)
class Card:
    """A figure of the first screen: what it is, the figure, and what it rests on."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the first screen says.

    Attributes
    ----------
    verdict, detail
        Whether the gate accepted the data, and its counts in words.
    origin, measured
        What of the data is measured, and whether all of it is.
    deploy
        Name of the controller; `None` where none can be recommended, and `basis` then says why.
    basis
        On what hours that was judged.
    agreement
        Whether cost and J find the same winner.
    training
        Whether training helped.
    caveats, more
        The three that weigh most, and the others.
    """

    verdict: Literal["accepted", "refused", "unknown"]
    detail: str
    origin: str
    measured: bool
    deploy: str | None
    basis: str
    cards: tuple[Card, ...]
    agreement: str
    training: str
    caveats: tuple[str, ...]
    more: tuple[str, ...]


def decision(inputs: ReportInputs, words: Words) -> Decision:
    """Make the first screen from the results."""
    verdict, detail = _data(inputs, words)
    said = caveats(inputs, words)
    report = inputs.evaluation
    found = None if report is None or verdict == "refused" else deciding(report)
    best = None if found is None else found.best
    known = (verdict, detail, origin(inputs.provenance, words), is_measured(inputs.provenance))
    if report is None or found is None or best is None:
        basis = words("deploy.none.refused" if verdict == "refused" else "deploy.none.missing")
        return Decision(*known, None, basis, (), "", "", said[:SHOWN_CAVEATS], said[SHOWN_CAVEATS:])
    return Decision(
        *known,
        deploy=best.name,
        basis=f"{words('basis.years' if found.years else 'basis.hours', span=judged_on(found, words))}",
        cards=_cards(report, found, best, words),
        agreement=_agreement(found, best, inputs.settings.weights, words),
        training=training(report, inputs.training, words),
        caveats=said[:SHOWN_CAVEATS],
        more=said[SHOWN_CAVEATS:],
    )


def judged_on(standing: Standing, words: Words) -> str:
    """What a standing is of, in words."""
    if standing.years == 0:
        return words("span.hours", hours=number(standing.hours), windows=words.listed(list(standing.judged_on)))
    if words.has(f"span.{standing.name}"):
        return words(f"span.{standing.name}", years=standing.years)
    return words("span.other", name=standing.name)


def _data(inputs: ReportInputs, words: Words) -> tuple[Literal["accepted", "refused", "unknown"], str]:
    quality = inputs.quality
    if quality is None:
        return "unknown", words("data.unknown")
    counts = words(
        "data.counts",
        errors=words.counted("errors", len(quality.errors)),
        warnings=words.counted("warnings", sum(finding.severity == "warning" for finding in quality.findings)),
        rules=len(quality.rules),
    )
    if quality.errors:
        return "refused", f"{counts} {words('data.first_fix', fix=in_words(quality.errors[0], words).fix)}"
    waived = f" {words.counted('waived', len(quality.waived))}" if quality.waived else ""
    return "accepted", f"{counts}{waived}"


def _cards(report: EvaluationReport, found: Standing, best: Stand, words: Words) -> tuple[Card, ...]:
    saved = {saving.against: saving for saving in savings(report, best.name)}
    cards = [
        _saving_card(found, best, saved[other], words)
        if other in saved
        else Card(words(f"card.{other}"), words("card.itself" if best.name == other else "card.not_judged"), "")
        for other in (NO_CONTROL, RULE)
    ]
    return (*cards, _departures(best, words), _from_optimum(found, best, words))


def _saving_card(found: Standing, best: Stand, saving: Saving, words: Words) -> Card:
    other = found.of(saving.against)
    per = words("per.year" if found.years else "per.hours", hours=number(found.hours))
    value = words("pen.less" if saving.pen >= 0.0 else "pen.more", pen=number(abs(saving.pen)), per=per)
    notes = []
    if other is not None:
        less = other.terms.co2_kg - best.terms.co2_kg
        notes.append(words("co2.less" if less >= 0.0 else "co2.more", kg=number(abs(less)), per=per))
    return Card(words(f"card.{saving.against}"), value, " ".join([*notes, _certainty(saving, words)]))


def _certainty(saving: Saving, words: Words) -> str:
    if saving.interval is None:
        return words("certain.unknown")
    low, high = saving.interval
    return words("certain.yes" if saving.certain else "certain.no", low=number(low), high=number(high))


def _departures(best: Stand, words: Words) -> Card:
    met = f"{number(100.0 * best.met / best.departures, 2)} %" if best.departures else words("none")
    note = words("departures.note", met=number(best.met), of=number(best.departures))
    if best.infeasible:
        note += f" {words('departures.infeasible', count=number(best.infeasible))}"
    return Card(words("card.departures"), met, note)


def _from_optimum(found: Standing, best: Stand, words: Words) -> Card:
    title = words("card.optimum")
    if found.optimum is None:
        return Card(title, words("none"), words("optimum.none"))
    above = best.terms.cost_pen - found.optimum.cost_pen
    per = words("per.year" if found.years else "per.hours", hours=number(found.hours))
    value = words("pen.more" if above >= 0.0 else "pen.less", pen=number(abs(above)), per=per)
    return Card(title, value, words("optimum.note" if above >= 0.0 else "optimum.gives_up"))


def _agreement(found: Standing, best: Stand, weights: WeightSettings, words: Words) -> str:
    cheapest = found.cheapest
    if cheapest is None or best.terms.cost_pen - cheapest.terms.cost_pen <= CENT:
        return words("agree.yes", name=best.name)
    pen = number(best.terms.cost_pen - cheapest.terms.cost_pen)
    per = words("per.year" if found.years else "per.hours", hours=number(found.hours))
    gains = {
        field: weight * (getattr(cheapest.terms, field) - getattr(best.terms, field)) / scale
        for field, weight in zip(TERM_FIELDS, weights.model_dump().values(), strict=True)
        if (scale := getattr(found.reference, field)) > 0.0
    }
    field = max(gains, key=lambda name: gains[name])
    amount = number(getattr(cheapest.terms, field) - getattr(best.terms, field))
    term = words("agree.term", term=words(f"term.{field}"), amount=amount, unit=words(f"unit.{field}"))
    return words("agree.no", best=best.name, cheapest=cheapest.name, pen=pen, per=per, term=term)


def training(report: EvaluationReport, metrics: Mapping[Agent, TrainingMetrics], words: Words) -> str:
    """Say which agents training helped, which of them beat the rule, and which are but the imitation they began as."""
    verdicts = report.verdicts
    if not verdicts:
        return words("training.none")
    helped = [own.agent.upper() for own in verdicts if own.outcome == "training helped"]
    untold = [own.agent.upper() for own in verdicts if own.outcome == "can not be told"]
    beats = [own.agent.upper() for own in verdicts if own.beats_rule]
    agents = [own.agent.upper() for own in verdicts]
    if helped:
        first = words("training.helped", agents=words.listed(helped), count=len(helped), of=len(verdicts))
    elif untold:
        first = words("training.untold", agents=words.listed(untold))
    else:
        first = words("training.nothing", agents=words.listed(agents))
    second = words("training.beats", agents=words.listed(beats)) if beats else words("training.no_beat")
    imitations = [agent.upper() for agent, own in metrics.items() if own.best_steps == 0]
    third = f" {words('training.imitation', agents=words.listed(imitations))}" if imitations else ""
    return f"{first} {second}{third}"
