"""The tables of docs/evaluation.md: every controller on the scenarios of `config/`, in both modes.

    python -m tools.docs.evaluation --oe2 FOLDER --root FOLDER [--only iquitos_metered-bidirectional]

Each case is built, judged and kept under `--root`; the page is made of all that are there. Some 5 minutes a case.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pvbesscar.config import load_settings
from pvbesscar.controllers import registry
from pvbesscar.dataset.build import build
from pvbesscar.evaluation.evaluate import REPORT_FILE, EvaluationRequest, evaluate
from pvbesscar.evaluation.tables import as_markdown
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from schemas.results import EvaluationReport
from tools.docs.pages import DOCS

CONFIGS = ("iquitos_mall", "iquitos_oe2", "iquitos_metered", "iquitos_mt")
MODES = ("dispatch", "bidirectional")
CONTROLLERS = ("rule", *registry.CONSTANTS, registry.RANDOM, "tuned-rule", "mpc", "mpc-perfect-day")
BEGIN, END = "<!-- tables: python -m tools.docs.evaluation -->", "<!-- end of tables -->"


def judge(config: str, mode: str, oe2: Path, root: Path) -> None:
    """Build and judge one case."""
    overrides = [f"control.mode={mode}", f"data.root={root}", f"data.oe2_dir={oe2}"]
    settings = load_settings(DOCS.parent / "config" / f"{config}.yaml", overrides).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    validate(settings, workspace)
    build(settings, workspace)

    def tell(progress: Progress) -> None:
        print(f"{config} {mode}: {progress.done:,} of {progress.total:,} {progress.message}", flush=True)

    request = EvaluationRequest("smoke", CONTROLLERS, ("nominal",), nominal_on="twin")
    evaluate(settings, workspace, "smoke", tell, request=request)


def page(text: str, tables: str) -> str:
    """Page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Judge the cases asked for, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oe2", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--only", action="append")
    asked = parser.parse_args()
    cases = [(config, mode) for config in CONFIGS for mode in MODES]
    for config, mode in cases:
        name = f"{config}-{mode}"
        if asked.only is None or name in asked.only:
            judge(config, mode, asked.oe2, asked.root / name)
    kept = [asked.root / f"{config}-{mode}" / "outputs" / "evaluation" / REPORT_FILE for config, mode in cases]
    reports = [EvaluationReport.model_validate_json(path.read_text()) for path in kept if path.is_file()]
    path = DOCS / "evaluation.md"
    path.write_text(page(path.read_text(encoding="utf-8"), "\n\n".join(map(as_markdown, reports))), encoding="utf-8")


if __name__ == "__main__":
    main()
