"""The tables of docs/evaluation.md: every controller on the scenarios of `config/`, in both modes.

    python -m tools.docs.evaluation --oe2 FOLDER --root FOLDER [--only iquitos_metered-bidirectional]

Each case is built, judged and kept under `--root`; the page is made of all that are there. Some 5 minutes a case.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pvbesscar.config import load_settings
from pvbesscar.controllers import optimum, registry
from pvbesscar.controllers.bill import cost_only, least_cost_pen, vehicles_at_once
from pvbesscar.controllers.reference import simulated_terms
from pvbesscar.dataset.build import build
from pvbesscar.dataset.scenarios import NOMINAL, ScenarioStore
from pvbesscar.evaluation.evaluate import REPORT_FILE, EvaluationRequest, evaluate
from pvbesscar.evaluation.tables import as_markdown, markdown_table
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.data import PlantData
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from schemas.results import EvaluationReport, ScenarioResult
from schemas.settings import Settings
from tools.docs.pages import DOCS

CONFIGS = ("iquitos_mall", "iquitos_oe2", "iquitos_metered", "iquitos_mt")
MODES = ("dispatch", "bidirectional")
CONTROLLERS = ("rule", *registry.CONSTANTS, registry.RANDOM, "tuned-rule", "mpc", "mpc-perfect-day")
BEGIN, END = "<!-- tables: python -m tools.docs.evaluation -->", "<!-- end of tables -->"


def place(config: str, mode: str, oe2: Path, root: Path) -> tuple[Settings, Workspace]:
    """Settings of one case under `root`, and its folders."""
    overrides = [f"control.mode={mode}", f"data.root={root}", f"data.oe2_dir={oe2}"]
    settings = load_settings(DOCS.parent / "config" / f"{config}.yaml", overrides).settings
    return settings, Workspace.of(settings)


def built(config: str, mode: str, oe2: Path, root: Path) -> tuple[Settings, Workspace]:
    """Build the dataset of one case."""
    settings, workspace = place(config, mode, oe2, root)
    ingest(settings, workspace)
    validate(settings, workspace)
    build(settings, workspace)
    return settings, workspace


def judge(config: str, mode: str, oe2: Path, root: Path) -> None:
    """Build and judge one case."""
    settings, workspace = built(config, mode, oe2, root)

    def tell(progress: Progress) -> None:
        print(f"{config} {mode}: {progress.done:,} of {progress.total:,} {progress.message}", flush=True)

    request = EvaluationRequest("smoke", CONTROLLERS, ("nominal",), nominal_on="twin")
    evaluate(settings, workspace, "smoke", tell, request=request)


def spread(year: PlantData, judged: ScenarioResult) -> str:
    """What there is to win of the bill alone, whose it is, and what sockets and forecast are worth [PEN a year].

    Parameters
    ----------
    year
        The year that was judged.
    judged
        Its ranking, with the rule, `mpc` and `mpc-perfect-day`.
    """
    plain = cost_only(year)
    found = optimum.solve(plain)
    least = found.bound * found.reference.cost_pen
    replayed = float(simulated_terms(plain, optimum.PlannedController(found.plan))[2])
    at_once = least_cost_pen(vehicles_at_once(year))
    cost = {result.controller: result.terms.cost_pen for result in judged.ranking}
    rule = cost[registry.RULE]
    bills = [("least cost, bound", least), ("least cost, plan replayed", replayed), *cost.items()]
    parts = (
        ("from the rule to the least cost", rule - least),
        ("sockets: least cost with every vehicle charged on arrival, less the least cost", at_once - least),
        ("forecast: mpc less mpc-perfect-day", cost[registry.MPC] - cost[registry.MPC_PERFECT_DAY]),
    )
    closed = [(name, f"{pen:,.0f}", f"{100.0 * (rule - pen) / (rule - least):.1f} %") for name, pen in bills]
    worth = [(what, f"{pen:,.0f}", f"{100.0 * pen / (rule - least):.1f} %") for what, pen in parts]
    return "\n\n".join((
        f"The bill alone, with all weight on the cost; bound and plan are {(replayed - least) / least:.3%} apart:",
        markdown_table(("controller", "cost, PEN", "gap closed"), closed),
        "What of it sockets and forecast are worth:",
        markdown_table(("what", "PEN a year", "of rule to least cost"), worth),
    ))  # fmt: skip


def tables(config: str, mode: str, oe2: Path, root: Path) -> str | None:
    """Tables of a case that is kept, with those of its bill where power is billed; `None` where it is not there."""
    _, workspace = place(config, mode, oe2, root)
    kept = workspace.evaluation / REPORT_FILE
    if not kept.is_file():
        return None
    report = EvaluationReport.model_validate_json(kept.read_text())
    year = ScenarioStore(workspace.dataset).load(NOMINAL)
    return "\n\n".join([as_markdown(report), *([spread(year, report.main)] if year.tariff.price.size else [])])


def page(text: str, made: str) -> str:
    """Page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.partition(END)[2]}"


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
    made = [tables(config, mode, asked.oe2, asked.root / f"{config}-{mode}") for config, mode in cases]
    path = DOCS / "evaluation.md"
    text = page(path.read_text(encoding="utf-8"), "\n\n".join(filter(None, made)))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
