"""What a study says, in sentences that follow from its figures by rule, welcome or not.

A difference is one where its 95 % interval excludes zero; else it can not be told.
"""

from __future__ import annotations

from typing import Literal

from pvbesscar.controllers.registry import MPC, RULE, TUNED
from pvbesscar.evaluation.claims import percent, percent_interval, signed
from pvbesscar.evaluation.resolution import RESOLUTION
from pvbesscar.study.jobs import IMITATION
from pvbesscar.study.tables import points
from schemas.results import Interval
from schemas.studies import WHOLE, AgainstOther, Learning, Study, StudyEntry, StudySet

Verdict = Literal["better than", "worse than", "not to be told from"]
NAMES = {RULE: "the rule", TUNED: "the tuned rule", MPC: "the MPC", IMITATION: "the imitation that it began as"}
MAIN = "test"


def verdict(beside: AgainstOther) -> Verdict:
    """Whether a controller is better than another, by the interval of the difference of J."""
    if beside.interval is None:
        return "not to be told from"
    low, high = beside.interval
    if high < -RESOLUTION:
        return "better than"
    return "worse than" if low > RESOLUTION else "not to be told from"


def conclusions(study: Study) -> list[str]:
    """All sentences, those on what went wrong first."""
    said = _failures(study)
    main = study.of_set(MAIN)
    if main is None:
        return said
    if len(study.seeds) == 1:
        said.append("One seed says nothing of another training: the intervals are of the weeks alone.")
    said += [_winner(main), *_all_agents(study, main)]
    for name in study.trained:
        entry = main.entry(name)
        if entry is not None:
            said.append(_of_agent(study, entry))
    said += [*_left_out(study, main), *_learning(study, main)]
    perturbed = study.of_set("perturbed")
    return said if perturbed is None else [*said, *_perturbed(study, main, perturbed)]


def _failures(study: Study) -> list[str]:
    said = [f"`{label}` is left out: {why}" for label, why in study.failed.items()]
    return said + [f"{name} is not judged: {why}" for name, why in study.not_judged.items()]


def _winner(judged: StudySet) -> str:
    if judged.runner_up is None or judged.margin is None:
        return "There is nobody to win against."
    first = next(entry.controller for entry in judged.entries if not entry.foresight)
    spread = _spread(judged.margin_interval)
    if judged.winner is not None:
        return (
            f"`{first}` is the best of those that do not know the day to come: its J is {_j(judged.margin)} lower than "
            f"that of `{judged.runner_up}`, the next{spread}."
        )
    return (
        f"No winner: `{first}` is first and `{judged.runner_up}` next, and their distance of "
        f"{_j(judged.margin)}{spread} can not be told from none."
    )


def _all_agents(study: Study, judged: StudySet) -> list[str]:
    """What holds of every agent against each of the others."""
    agents = [entry for agent in study.agents if (entry := judged.entry(agent)) is not None]
    said = []
    for other in (RULE, TUNED, MPC):
        verdicts = {verdict(beside) for entry in agents if (beside := entry.beside(other)) is not None}
        if verdicts == {"worse than"}:
            name = NAMES[other]
            said.append(f"{name[0].upper()}{name[1:]} is better than every agent on `{study.scenario}`.")
        elif verdicts == {"better than"}:
            said.append(f"Every agent is better than {NAMES[other]} on `{study.scenario}`.")
    return said


def _of_agent(study: Study, entry: StudyEntry) -> str:
    seeds = f"{len(entry.seeds)} of {len(study.seeds)} seeds" if len(entry.seeds) < len(study.seeds) else _seeds(entry)
    if entry.controller not in study.agents:
        seeds = "the mean of its trainings, as one model"
    closed = "nothing is open between rule and J*"
    if entry.gap_closed is not None:
        spread = "" if entry.gap_interval is None else f", 95 % interval {percent_interval(entry.gap_interval)}"
        iqm = "" if entry.gap_iqm is None else f", interquartile mean {percent(entry.gap_iqm)}"
        closed = f"it closes {percent(entry.gap_closed)} of the gap from rule to J*{spread}{iqm}"
    besides = [beside for other in (RULE, TUNED, MPC) if (beside := entry.beside(other)) is not None]
    said = [_compared(beside) for beside in besides]
    return f"`{entry.controller}` ({seeds}): {'; '.join([closed, *said])}."


def _seeds(entry: StudyEntry) -> str:
    return "1 seed" if len(entry.seeds) == 1 else f"{len(entry.seeds)} seeds"


def _compared(beside: AgainstOther) -> str:
    return (
        f"{verdict(beside)} {NAMES[beside.other]} (J {signed(beside.difference)}{_spread(beside.interval)}; lower in "
        f"{percent(beside.improvement, 0)} of the years)"
    )


def _left_out(study: Study, judged: StudySet) -> list[str]:
    """What the agents are without an ingredient, beside themselves with it."""
    said = []
    for name in study.trained:
        entry = judged.entry(name)
        beside = None if entry is None else entry.beside(WHOLE)
        if beside is not None:
            said.append(
                f"`{name}` without {' and '.join(study.without)} is {verdict(beside)} that of study `{study.whole}`, "
                f"which leaves nothing out {_figures(beside)}."
            )
    return said


def _learning(study: Study, judged: StudySet) -> list[str]:
    """What learning added to the imitation: on years that nobody chose by, then on those of the validation."""
    said = []
    for own in study.learning:
        entry = judged.entry(own.agent)
        beside = None if entry is None else entry.beside(IMITATION)
        if beside is not None:
            said.append(_added(study, own, beside))
        if own.last_less_begin is not None:
            said.append(_watched(own))
    return said


def _added(study: Study, own: Learning, beside: AgainstOther) -> str:
    figures, found = _figures(beside), verdict(beside)
    if found == "better than":
        return f"Learning made `{own.agent}` better than the imitation on `{study.scenario}` {figures}."
    if found == "worse than":
        return f"Learning made `{own.agent}` worse than the imitation on `{study.scenario}` {figures}."
    return f"Learning added nothing that can be told to the imitation of `{own.agent}` on `{study.scenario}` {figures}."


def _figures(beside: AgainstOther) -> str:
    of_gap = "" if beside.gap_points is None else f", {points(beside.gap_points)} points of the gap"
    return f"(J {signed(beside.difference)}{_spread(beside.interval)}{of_gap})"


def _watched(own: Learning) -> str:
    assert own.last_less_begin is not None
    kept = sum(one.best_steps == 0 for one in own.trainings)
    began = f"; {kept} of {len(own.trainings)} trainings were best before their first step" if kept else ""
    best = "" if own.best_less_begin is None else f", of the best model {signed(own.best_less_begin)}"
    return (
        f"On its validation years the J of `{own.agent}` changed by {signed(own.last_less_begin)}"
        f"{_spread(own.last_interval, 'seeds')} from its beginning to its last model{best}{began}."
    )


def _perturbed(study: Study, main: StudySet, perturbed: StudySet) -> list[str]:
    """What changes where sensors, chargers and prices are not as they were; these years are no sample."""
    able = [[entry.controller for entry in own.entries if not entry.foresight] for own in (main, perturbed)]
    said = [
        f"On the perturbed years `{able[1][0]}` is first, as on the test years."
        if able[0][0] == able[1][0]
        else f"On the perturbed years `{able[1][0]}` is first, not `{able[0][0]}`."
    ]
    for agent in study.agents:
        entry = perturbed.entry(agent)
        besides = [] if entry is None else [entry.beside(other) for other in (RULE, TUNED, MPC)]
        shares = [f"{NAMES[own.other]} {percent(own.improvement, 0)}" for own in besides if own is not None]
        if shares:
            said.append(f"There `{agent}` has a lower J in so many of the years: than {', than '.join(shares)}.")
    return said


def _j(value: float) -> str:
    return signed(value).removeprefix("+")


def _spread(interval: Interval | None, over: str = "") -> str:
    if interval is None:
        return ""
    return f", {signed(interval[0])} to {signed(interval[1])}{f' over the {over}' if over else ''}"
