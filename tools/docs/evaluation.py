"""The tables of docs/evaluation.md: every controller on the scenarios of `config/`, in both modes.

    python -m tools.docs.evaluation --oe2 FOLDER --root FOLDER [--only iquitos_metered-bidirectional]

Each case is built, judged and kept under `--root`, some 5 minutes each. A case that is there is not judged again while
its settings, the measured files and the code stay as they were, so that what was broken off goes on. The page is of
all that are there, each with its dataset, code and processor; `make docs` tells where the code has changed since.
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
from pvbesscar.evaluation.bill import caveats
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.evaluation.tables import as_markdown, markdown_table
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.data import PlantData
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from schemas.results import ScenarioResult
from schemas.settings import Settings
from tools.docs.blocks import with_block
from tools.docs.cases import forget, is_of, keep, made_now, made_of, report_in
from tools.docs.pages import DOCS

CONFIGS = ("iquitos_mall", "iquitos_oe2", "iquitos_metered", "iquitos_mt")
MODES = ("dispatch", "bidirectional")
CONTROLLERS = ("rule", *registry.CONSTANTS, registry.RANDOM, "tuned-rule", "mpc", "mpc-perfect-day")
BEGIN, END = "<!-- tables: python -m tools.docs.evaluation -->", "<!-- end of tables -->"


def settings_of(config: str, mode: str, oe2: Path, root: Path) -> Settings:
    """Settings of one case."""
    overrides = [f"control.mode={mode}", f"data.root={root}", f"data.oe2_dir={oe2}"]
    return load_settings(DOCS.parent / "config" / f"{config}.yaml", overrides).settings


def built(settings: Settings) -> Workspace:
    """Build the dataset of a case."""
    workspace = Workspace.of(settings)
    for stage in (ingest, validate, build):
        stage(settings, workspace)
    return workspace


def judge(settings: Settings, controllers: tuple[str, ...] = CONTROLLERS) -> None:
    """Build and judge one case."""
    workspace = built(settings)

    def tell(progress: Progress) -> None:
        case = f"{settings.name} {settings.control.mode}"
        print(f"{case}: {progress.done:,} of {progress.total:,} {progress.message}", flush=True)

    request = EvaluationRequest("smoke", controllers, ("nominal",), nominal_on="twin")
    evaluate(settings, workspace, "smoke", tell, request=request)


def bring(settings: Settings) -> bool:
    """Judge a case unless it is there and of what there is now; whether it was judged."""
    root, now = settings.data.root, made_now(settings, settings.data.oe2_dir)
    if is_of(made_of(root), now):
        return False
    forget(root)
    judge(settings)
    keep(root, now)
    return True


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


def what_is_open(settings: Settings, judged: ScenarioResult) -> str:
    """See `spread`; of the year of a case that is there."""
    return spread(ScenarioStore(Workspace.of(settings).dataset).load(NOMINAL), judged)


def tables(settings: Settings) -> str | None:
    """Tables of a case, after what they were made of, and those of its bill; `None` where it is not there."""
    made = made_of(settings.data.root)
    if made is None:
        return None
    report = report_in(settings.data.root)
    head = f"Dataset `{report.dataset_digest[:12]}`, {made.stamp}."
    bill = [what_is_open(settings, report.main)] if settings.tariff.demand else []
    return "\n\n".join([" ".join([head, *caveats(settings.tariff)]), as_markdown(report), *bill])


def page(text: str, written: str) -> str:
    """Page with its tables replaced."""
    return with_block(text, BEGIN, END, written)


def main() -> None:
    """Judge the cases asked for, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oe2", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--only", action="append")
    asked = parser.parse_args()
    cases = {f"{config}-{mode}": (config, mode) for config in CONFIGS for mode in MODES}
    for name in asked.only or ():
        if name not in cases:
            parser.error(f"--only {name}: there are {', '.join(cases)}")
    settings = {
        name: settings_of(*case, asked.oe2.resolve(), asked.root.resolve() / name) for name, case in cases.items()
    }
    for name in asked.only or cases:
        print(f"{name}: {'judged' if bring(settings[name]) else 'is there'}", flush=True)
    found = [part for part in map(tables, settings.values()) if part is not None]
    path = DOCS / "evaluation.md"
    path.write_text(page(path.read_text(encoding="utf-8"), "\n\n".join(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
