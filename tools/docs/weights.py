"""What docs/evaluation.md says of weights and departure guard, from evaluations that `tools.docs.evaluation` keeps.

    python -m tools.docs.weights --root FOLDER

It keeps what the page is made of in docs/weights.json, so that every figure of the page can be made again from it:
`make docs` writes the page from that file, and a test makes the scores from the terms.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.report.drawing import Figure
from pvbesscar.report.figures import trade_off_figure
from pvbesscar.report.pictures import as_file
from pvbesscar.report.tables import Table
from pvbesscar.report.weights import Section, service_section, terms_of, weights_section
from pvbesscar.store.stamps import NOT_RECORDED
from pvbesscar.words import words_in
from schemas.results import EvaluationReport, Result, ScoreTerms
from schemas.settings import Mode
from schemas.trade_offs import EvTerm, TradeOffs
from tools.docs.blocks import with_block
from tools.docs.cases import MADE_FILE, made_of, report_in

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = DOCS / "weights.json"
WORDS = words_in("en")
BEGIN, END = "<!-- weights: python -m tools.docs.weights -->", "<!-- end of weights -->"


class Case(Result):
    """What one evaluation of a validated year says of weights and guard."""

    scenario: str
    mode: Mode
    judged_on: tuple[str, ...]
    dataset_digest: str
    made: str = NOT_RECORDED
    """Code and processor, as the page says them."""
    reference: ScoreTerms
    controllers: dict[str, ScoreTerms]
    trade_offs: TradeOffs
    ev_term: EvTerm

    @property
    def name(self) -> str:
        """Scenario and mode, for file names."""
        return f"{self.scenario}-{self.mode}"


_CASES = TypeAdapter(tuple[Case, ...])


def case_of(report: EvaluationReport, made: str) -> Case:
    """What an evaluation says; it must have judged the validated year."""
    assert report.trade_offs is not None
    assert report.ev_term is not None
    return Case(
        scenario=report.scenario,
        mode=report.mode,
        judged_on=report.main.judged_on,
        dataset_digest=report.dataset_digest,
        made=made,
        reference=report.main.reference,
        controllers=terms_of(report),
        trade_offs=report.trade_offs,
        ev_term=report.ev_term,
    )


def kept() -> tuple[Case, ...]:
    """Cases of docs/weights.json."""
    return _CASES.validate_json(KEPT.read_bytes())


def figure(case: Case) -> Figure:
    """Fronts of a case, with its controllers."""
    return trade_off_figure(case.trade_offs, case.controllers, WORDS)


def part(cases: Sequence[Case]) -> str:
    """Text between the page's marks."""
    return "\n\n".join(_of_case(case) for case in cases)


def _of_case(case: Case) -> str:
    own, weights = figure(case), case.trade_offs.weightings[0].weights
    head = (
        f"`{case.scenario}`, mode `{case.mode}`, {', '.join(case.judged_on)}; dataset `{case.dataset_digest[:12]}`, "
        f"{case.made}:"
    )
    sections = (
        weights_section(case.trade_offs, case.controllers, WORDS),
        service_section(case.ev_term, weights, WORDS),
    )
    written = [_markdown(section) for section in sections if section is not None]
    picture = f"![{own.alt}](images/weights-{case.name}.svg)"
    return "\n\n".join([head, written[0], picture, *written[1:]])


def _markdown(section: Section) -> str:
    said = "\n".join(f"- {sentence}" for sentence in section.sentences)
    tables = [f"{table.caption}:\n\n{markdown_table(table.columns, _texts(table))}" for table in section.tables]
    return "\n\n".join([said, *tables])


def _texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def page(text: str, cases: Sequence[Case]) -> str:
    """Text of docs/evaluation.md with this part replaced."""
    return with_block(text, BEGIN, END, part(cases))


def write(cases: Sequence[Case]) -> None:
    """Write the page's part and its pictures."""
    path = DOCS / "evaluation.md"
    path.write_text(page(path.read_text(encoding="utf-8"), cases), encoding="utf-8")
    for case in cases:
        (DOCS / "images" / f"weights-{case.name}.svg").write_text(as_file(figure(case)), encoding="utf-8")


def main() -> None:
    """Keep what the evaluations below a folder say, and write the page's part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    folders = {path.parent: made_of(path.parent) for path in sorted(parser.parse_args().root.glob(f"*/{MADE_FILE}"))}
    found = [case_of(report_in(folder), made.stamp) for folder, made in folders.items() if made is not None]
    KEPT.write_bytes(_CASES.dump_json(tuple(found), indent=1) + b"\n")
    write(found)


if __name__ == "__main__":
    main()
