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
from pvbesscar.controllers import registry
from pvbesscar.dataset.build import build
from pvbesscar.evaluation.bill import caveats
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.evaluation.tables import as_markdown
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.progress import Progress
from schemas.settings import Settings
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


def judge(settings: Settings, controllers: tuple[str, ...] = CONTROLLERS) -> None:
    """Build and judge one case."""
    workspace = Workspace.of(settings)
    for stage in (ingest, validate, build):
        stage(settings, workspace)

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


def tables(settings: Settings) -> str | None:
    """Tables of a case, after what they were made of; `None` where it is not there."""
    made = made_of(settings.data.root)
    if made is None:
        return None
    report = report_in(settings.data.root)
    head = f"Dataset `{report.dataset_digest[:12]}`, {made.stamp}."
    return "\n\n".join([" ".join([head, *caveats(settings.tariff)]), as_markdown(report)])


def page(text: str, written: str) -> str:
    """Page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{written}\n\n{END}{rest.partition(END)[2]}"


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
