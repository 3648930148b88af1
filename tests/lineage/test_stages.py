"""The lists of what each stage depends on, held to what the stages do: settings they read, packages they import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.dataset.settings import DATASET_SETTINGS
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.stage import values
from pvbesscar.lineage.stages import STAGES
from pvbesscar.store.fingerprints import FIRST_PARTY, SOURCE
from schemas.settings import AGENTS, Settings
from tests.flows.chaos import EV, small_site
from tests.lineage.recorder import recording
from tests.lineage.site import execute, measured_site, write_files
from tests.mini_site import TRAINING, mini_site

# Imported, and without a say in what comes out: they refuse or let pass, or serve a part that the stage does not use.
NO_SAY = {
    "ingest": {"pydantic", "pandera"},
    # YAML holds the catalogue of words, the same text under any version.
    "validate": {"pydantic", "yaml"},
    "build": {"pydantic", "jinja2", "great_expectations", "yaml"},
    # The learning libraries load the agents of `certify --full`; the contracts only refuse.
    "certify": {"pydantic", "pandera", "pvlib", "torch", "stable_baselines3"},
    "train-sac": {"pydantic", "pandera", "pvlib", "filelock"},
    "evaluate": {"pydantic", "pandera", "pvlib", "great_expectations", "jinja2", "filelock"},
    # It reads what `evaluate` left and simulates nothing.
    "publish": {
        "pydantic", "pandera", "pvlib", "numba", "highspy", "torch", "gymnasium", "stable_baselines3", "citylearn",
        "great_expectations", "yaml", "filelock",
    },
}  # fmt: skip

NAMED = {"build": {"citylearn"}}
"""Not imported, but its version is written down."""
WHERE = {"data.root", "data.dataset_name"}
"""Where the outputs are: a record of outputs elsewhere is none of these."""


def _declared(stage: str, settings: Settings) -> set[str]:
    """Settings of a stage, and those by which it proves its dataset: where they differ `build` runs first."""
    own = set(values(settings, STAGES[stage].settings(RunContext(settings, "smoke"))))
    proven = set() if stage in {"ingest", "validate"} else set(values(settings, DATASET_SETTINGS))
    return own | proven


def _sites(root: Path) -> dict[str, Settings]:
    """Scenarios that take every source of a series."""
    profile = {"source": "profile", "file": "profile.csv", "dwell_hours": 3, "unit": "kWh"}
    return {
        "synthetic": small_site(root),
        "files": measured_site(root),
        "model": measured_site(root, pv={"source": "model"}, mall={
            "source": "file", "file": "mall.csv", "unit": "kWh", "scale_to_declared": True,
        }),
        "profile": measured_site(root, ev=EV | profile),
    }  # fmt: skip


@pytest.mark.parametrize("site", ["synthetic", "files", "model", "profile"])
def test_no_setting_is_read_up_to_the_dataset_that_is_not_declared(tmp_path: Path, site: str) -> None:
    write_files(tmp_path)
    hours = (tmp_path / "oe2/mall.csv").read_text().splitlines()
    stamps = [line.split(",")[0] for line in hours[1:]]
    rows = [f"{stamp},{0.5 if k % 24 == 18 else 0.0},0.0" for k, stamp in enumerate(stamps)]
    (tmp_path / "oe2/profile.csv").write_text("\n".join(["timestamp,Charger_01,Charger_02", *rows]))
    settings = _sites(tmp_path)[site]
    stages = ("ingest",) if site == "profile" else ("ingest", "validate", "build")
    for stage in stages:
        with recording(settings) as read:
            execute(stage, RunContext(settings, "smoke"))
        assert len(read) > 10
        assert read - _declared(stage, settings) - WHERE - {"date"} == set(), stage


def test_what_a_source_does_not_ask_for_is_not_declared(tmp_path: Path) -> None:
    files, synthetic = measured_site(tmp_path), small_site(tmp_path)
    place = {"files": RunContext(files, "smoke"), "synthetic": RunContext(synthetic, "smoke")}
    asked = {name: set(values(one.settings, STAGES["ingest"].settings(one))) for name, one in place.items()}
    assert not {"pv.tilt_deg", "weather.annual_ghi_kwh_m2", "mall.declared_kwh"} & asked["files"]
    assert not {"pv.file", "weather.unit", "mall.separator", "data.oe2_dir", "ev.file"} & asked["synthetic"]
    assert {"pv.tilt_deg", "weather.annual_ghi_kwh_m2", "mall.declared_kwh"} <= asked["synthetic"]


@pytest.mark.slow
@pytest.mark.parametrize("simulator", ["twin", "citylearn"])
def test_no_setting_is_read_behind_the_dataset_that_is_not_declared(tmp_path: Path, simulator: str) -> None:
    from pvbesscar.agents.train import train
    from pvbesscar.certify.certificate import certify
    from pvbesscar.evaluation.evaluate import evaluate
    from pvbesscar.report.publish import publish

    settings = mini_site(tmp_path, training=TRAINING | {"simulator": simulator})
    workspace = RunContext(settings, "smoke").workspace
    work: dict[str, Callable[[], Any]] = {"certify": partial(certify, settings, workspace)}
    for agent in AGENTS:
        work[f"train-{agent}"] = partial(train, agent, settings, workspace, "smoke")
    work["evaluate"] = partial(evaluate, settings, workspace, "smoke", workers=1)
    work["publish"] = partial(publish, settings, workspace, "smoke", {})
    for stage, do in work.items():
        with recording(settings) as read:
            do()
        assert read - _declared(stage, settings) - WHERE == set(), stage


@pytest.mark.parametrize("stage", NO_SAY)
def test_each_package_that_is_imported_counts_or_has_no_say(stage: str) -> None:
    own = STAGES[stage]
    declared = {name.replace("-", "_") for name in own.packages} - {"python"}
    imported = {name for module in own.code(SOURCE) for name in _third_party(module)}
    assert declared - imported == NAMED.get(stage, set())
    assert imported - declared == NO_SAY[stage]


def _third_party(module: str) -> set[str]:
    path = SOURCE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file() or not re.fullmatch(r"[\w.]+", module):
        return set()  # a template
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(FIRST_PARTY)
