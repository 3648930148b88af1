"""docs/results.md: what recorded studies say, unwelcome conclusions included; no figure of it is typed.

    python -m tools.docs.results --root FOLDER [--root FOLDER]

Every `outputs/studies/NAME/study.json` below the folders is on the page, the one that `pvbesscar study` has written,
beside those that were there: a study recorded again takes its own place.
What the page is made of is kept in docs/results.json, from which `make docs` writes it again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from pvbesscar.controllers.registry import MPC, TUNED
from pvbesscar.evaluation.claims import NOTHING_OPEN, percent, percent_interval
from pvbesscar.evaluation.tables import Row, markdown_table
from pvbesscar.study.conclusions import MAIN, conclusions, verdict
from pvbesscar.study.recipe import RESULT_FILE
from pvbesscar.study.tables import apart_by, learning_rows, set_rows, set_title
from schemas.studies import WHOLE, Study, StudyEntry

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, KEPT = DOCS / "results.md", DOCS / "results.json"
BEGIN, END = "<!-- studies: python -m tools.docs.results --root FOLDER -->", "<!-- end of studies -->"
STUDIES = TypeAdapter(tuple[Study, ...])
HEAD = """# Results

What agents trained with several seeds are worth beside the other controllers. Tables and sentences are made by
`tools/docs/results.py` from recorded studies ([study.md](study.md) says how one is made and what its columns mean), and
from nothing else: figures are those of `docs/results.json`, sentences follow from them by rule.
"""
NOTHING = "No study is recorded yet."
GLANCE = (
    "scenario",
    "mode",
    "profile",
    "seeds",
    "steps, at most",
    "winner",
    "best agent",
    "its gap closed",
    "MPC",
    "tuned rule",
)
LEFT_OUT = (
    "scenario",
    "profile",
    "agent",
    "without",
    "gap closed",
    "95 %",
    "with everything",
    "difference, points",
    "without it",
)


def recorded(roots: Sequence[Path]) -> tuple[Study, ...]:
    """Studies below some folders, by scenario, mode, profile and what was left out."""
    paths = sorted({path.resolve() for root in roots for path in root.rglob(f"studies/*/{RESULT_FILE}")})
    return in_order(Study.model_validate_json(path.read_bytes()) for path in paths)


def in_order(studies: Iterable[Study]) -> tuple[Study, ...]:
    """Studies by scenario, mode, profile and what was left out."""
    return tuple(sorted(studies, key=_identity))


def _identity(study: Study) -> tuple[object, ...]:
    """What makes a study another one; the same one recorded again takes its place."""
    return study.scenario, study.mode, study.profile, study.without, study.name


def kept() -> tuple[Study, ...]:
    """Studies of docs/results.json."""
    return STUDIES.validate_json(KEPT.read_bytes())


def page(studies: Sequence[Study]) -> str:
    """Text of docs/results.md."""
    if not studies:
        return f"{HEAD}\n{NOTHING}\n"
    whole = [one for one in studies if not one.without]
    parts = [HEAD.strip(), BEGIN]
    if whole:
        parts += ["## At a glance", "On the test years:", markdown_table(GLANCE, [_glance(one) for one in whole])]
    left_out = [row for one in studies if one.without for row in _left_out(one, whole)]
    if left_out:
        parts += ["## One ingredient less", _caution(), markdown_table(LEFT_OUT, left_out)]
    parts += [part for one in studies for part in _of_study(one)]
    return "\n\n".join([*parts, END]) + "\n"


def _caution() -> str:
    return (
        "Gap closed on the test years with an ingredient of the training left out, beside the study of the same "
        "command that leaves nothing out. Differences are formed day by day and seed by seed, and have intervals of "
        "their own; the last column is by the interval of the difference of J."
    )


def _glance(study: Study) -> Row:
    main = study.of_set(MAIN)
    assert main is not None
    best = next((entry for entry in main.entries if entry.controller in study.trained), None)
    gaps = [_gap(entry) for entry in (best, main.entry(MPC), main.entry(TUNED))]
    winner = "none" if main.winner is None else f"`{main.winner}`"
    name = "none" if best is None else f"`{best.controller}`"
    return (
        f"`{study.scenario}`", study.mode, study.profile, str(len(study.seeds)), f"{study.steps:,}", winner, name,
        *gaps,
    )  # fmt: skip


def _gap(entry: StudyEntry | None) -> str:
    if entry is None:
        return "not recorded"
    if entry.gap_closed is None:
        return NOTHING_OPEN
    spread = "" if entry.gap_interval is None else f" ({percent_interval(entry.gap_interval)})"
    return f"{percent(entry.gap_closed)}{spread}"


def _left_out(study: Study, whole: Sequence[Study]) -> list[Row]:
    named = [one for one in whole if one.name == study.whole and one.dataset_digest == study.dataset_digest]
    other = named[0] if named else None
    rows: list[Row] = []
    for agent in study.agents:
        own, full = (None if one is None else _entry(one, agent) for one in (study, other))
        if own is None:
            continue
        difference = own.beside(WHOLE)
        apart, told = ("", "") if difference is None else (apart_by(difference), verdict(difference))
        spread = "" if own.gap_interval is None else percent_interval(own.gap_interval)
        rows.append((
            f"`{study.scenario}`", study.profile, f"`{agent}`", ", ".join(study.without), percent(own.gap_closed),
            spread, _gap(full), apart, told.removesuffix(" than").removesuffix(" from"),
        ))  # fmt: skip
    return rows


def _entry(study: Study, agent: str) -> StudyEntry | None:
    main = study.of_set(MAIN)
    return None if main is None else main.entry(agent)


def _of_study(study: Study) -> list[str]:
    without = f", without {', '.join(study.without)}" if study.without else ""
    overrides = f" Set by hand: {', '.join(f'`{one}`' for one in study.overrides)}." if study.overrides else ""
    steps = {own.agent: f" ({own.steps:,} steps)" for own in study.learning}
    agents = ", ".join(f"`{agent}`{steps.get(agent, '')}" for agent in study.agents)
    made = (
        f"Study `{study.name}`: {agents} with the seeds {', '.join(map(str, study.seeds))}; "
        f"forecast `{study.forecast}`; dataset `{study.dataset_digest[:12]}`, {study.code}; {study.processor}."
        f"{overrides}"
    )
    parts = [f"## `{study.scenario}`, {study.mode}, profile `{study.profile}`{without}", made]
    parts.append("\n".join(f"* {sentence}" for sentence in conclusions(study)))
    for own in study.sets:
        title = set_title(own)
        parts += [f"{title[0].upper()}{title[1:]}:", markdown_table(*set_rows(own))]
    head, rows = learning_rows(study)
    if rows:
        parts += ["The trainings on their validation years:", markdown_table(head, rows)]
    return parts


def write(studies: Sequence[Study]) -> None:
    """Keep studies and write the page."""
    KEPT.write_bytes(STUDIES.dump_json(tuple(studies), indent=1) + b"\n")
    PAGE.write_text(page(studies), encoding="utf-8")


def main() -> None:
    """Write the page of the studies below some folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, action="append")
    asked: list[Path] = parser.parse_args().root
    found = recorded(asked)
    if not found:
        parser.error(f"no study below {', '.join(map(str, asked))}: `pvbesscar study` makes one")
    write(in_order({_identity(one): one for one in (*kept(), *found)}.values()))
    print(f"{len(found)} studies: {', '.join(f'{one.scenario}/{one.name}' for one in found)}")


if __name__ == "__main__":
    main()
