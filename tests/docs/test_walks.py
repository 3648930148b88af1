"""A newcomer's hour: the tutorial's commands as they stand, to a published report, and then every how-to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.walks import checkout, walk
from tests.report.made import words

DOCS = ROOT / "docs"
HOW_TO = [page for page in sorted((DOCS / "howto").glob("*.md")) if page.name != "index.md"]
METERED = ROOT / "config" / "iquitos_metered.yaml"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is after the tutorial; nobody may write to it."""
    folder = checkout(tmp_path_factory.mktemp("newcomer") / "project")
    walk(DOCS / "tutorial.md", folder)
    return folder


def test_the_tutorial_ends_with_two_reports(newcomer: Path) -> None:
    for root in (newcomer, newcomer / "my-site"):
        assert "<h1" in (root / "outputs" / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_runs_as_it_stands_after_the_tutorial(page: Path, newcomer: Path, tmp_path: Path) -> None:
    walk(page, checkout(tmp_path / "project", newcomer))


def own_data(tutorial: str) -> str:
    """The tutorial from its refusal to its report, for the measured files in `my-data` without a week of the meter."""
    _, _, text = tutorial.partition("## 3. Data of your own")
    for pattern, other in (
        (r"```bash\nmkdir -p my-data\n.*?```\n", ""),  # the files are there
        (r"(?<=cat > my_site.yaml <<'EOF'\n).*?(?=EOF\n)", scenario()),
        (r"2 errors, \.\.\.", "3 errors, ..."),  # a week is more of the year's energy than a day
        (r"my-data/meter\.csv", "my-data/demandamallkwh/demandamallhorakwh.csv"),
        (r"(?<=: )24 hours|(?<=seen: )24 hours", "168 hours"),
        (r"hour 3000 \(2025-05-07", "hour 3024 (2024-05-13"),
        (r"start: 2025-05-06 00:00\n    hours: 24", "start: 2024-05-06 00:00\n    hours: 168"),
    ):
        text, count = re.subn(pattern, other, text, flags=re.DOTALL)
        assert count, f"the tutorial has no `{pattern}` any more"
    return text


def scenario() -> str:
    """The metered scenario under the name and in the folders of the tutorial's."""
    text = re.sub(r"(?m)^name: .*$", "name: my_site", METERED.read_text(encoding="utf-8"))
    return f"{text}data:\n  root: my-site\n  oe2_dir: my-data\n"


def test_the_measured_files_without_a_week_come_to_a_report(oe2_dir: Path, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "project")
    shutil.copytree(oe2_dir, folder / "my-data", copy_function=shutil.copyfile)
    meter = folder / "my-data" / "demandamallkwh" / "demandamallhorakwh.csv"
    rows = meter.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if not re.match(r"(?:0[6-9]|1[0-2])/05/2024", row)]
    assert len(rows) - len(kept) == 168
    meter.write_text("".join(kept), encoding="utf-8")
    page = tmp_path / "tutorial.md"
    page.write_text(own_data((DOCS / "tutorial.md").read_text(encoding="utf-8")), encoding="utf-8")
    walk(page, folder)
    said = words((folder / "my-site" / "outputs" / "report" / "index.html").read_text(encoding="utf-8"))
    assert said.startswith("Data accepted. 0 errors,")
    # Of files alone, and still not called all measured: PV is modelled, and a week of the mall is no measurement.
    assert "NOT all measured. No synthetic data: the inputs are read from files; PV generation is modelled" in said
    assert "FILLED, NOT MEASURED: 168 hours of mall demand from 2024-05-06 00:00 on" in said
    assert "the logger was off, see the log of the shift" in said
    assert "pvbesscar run --config my_site.yaml --profile smoke --set 'training.agents=[ppo]'" in said
