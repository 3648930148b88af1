"""The table of how near test days are to training days, in docs/scenarios.md.

python -m tools.docs.nearness FOLDER writes it; FOLDER holds the measured OE2 files, no part of the repository.
Tests compare each row with a dataset built anew, those of the measured years where the files are at hand.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.report.caveats import NEAR
from pvbesscar.store.files import write_text
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scenarios.md"
CONFIGURATIONS = ("iquitos_mall", "iquitos_oe2", "iquitos_metered")
PLACE = re.compile(r"(<!-- nearness: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {series: words_in("en")(f"near.{series}") for series in ("mall_kwh", "ev_kwh", "pv_kwh")}
HEAD = ("scenario", *NAMES.values(), "a test proves little about")


def row(name: str, nearness: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """One scenario's row."""
    shares = [f"{nearness[series]['median']:.2%} ({nearness[series]['tenth']:.2%})" for series in NAMES]
    near = [NAMES[series] for series in NAMES if nearness[series]["median"] < NEAR]
    return (f"`{name}`", *shares, ", ".join(near) or "none of them")


def measured(name: str, folder: Path, root: Path) -> dict[str, dict[str, float]]:
    """Nearness in a scenario that is built below `root`."""
    places = [f"data.root={root}", f"data.oe2_dir={folder.resolve()}", "quality.second_reading=false"]
    settings = load_settings(ROOT / "config" / f"{name}.yaml", places).settings
    workspace = Workspace.of(settings)
    for stage in (ingest, validate, build):
        stage(settings, workspace)
    return ScenarioStore(workspace.dataset).nearness()


def main() -> None:
    """Write the table."""
    rows = []
    for name in CONFIGURATIONS:
        with tempfile.TemporaryDirectory() as root:
            rows.append(row(name, measured(name, Path(sys.argv[1]), Path(root))))
    table = markdown_table(HEAD, rows)
    page = PAGE.read_text(encoding="utf-8")
    write_text(PAGE, PLACE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page))


if __name__ == "__main__":
    main()
