"""A small site with files of its own, and its stages: real up to the dataset, stand-ins behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pvbesscar.dataset.build import build
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import Decision, decide
from pvbesscar.lineage.records import recorded
from pvbesscar.lineage.stage import values
from pvbesscar.lineage.stages import STAGES, stages_of
from pvbesscar.oe2.ingest import collect, ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.files import read_json, sha256_file, sha256_json, write_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.settings import Agent, Settings
from tests.flows.chaos import EV, small_site
from tests.mini_site import TRAINING, WINDOWS

FILES = {"weather": "weather.csv", "pv": "pv.csv", "mall": "mall.csv"}


def measured_site(root: Path, **sections: Any) -> Settings:
    """Settings of the site: weather, generation and demand from files below `root`, sessions synthetic."""
    raw: dict[str, Any] = {
        "name": "measured",
        "data": {"root": str(root), "oe2_dir": str(root / "oe2")},
        "weather": {"source": "file", "file": FILES["weather"]},
        "pv": {"source": "file", "file": FILES["pv"], "unit": "kWh"},
        "mall": {"source": "file", "file": FILES["mall"], "unit": "kWh"},
        "ev": EV,
        "scenarios": {"training": 0, "validation": 0, "test": 0},
        "training": TRAINING | {"simulator": "twin"},
        "evaluation": WINDOWS,
        "quality": {"second_reading": False},
    }
    return Settings.model_validate(raw | sections)


def write_files(root: Path) -> None:
    """Write the files of the site: the synthetic year, in quarters, which 32-bit numbers hold as well."""
    folder = root / "oe2"
    folder.mkdir(parents=True)
    for series in collect(small_site(root)):
        name = FILES.get(series.provenance.series)
        if name is not None:
            frame = series.frame.drop(columns="relative_humidity", errors="ignore")
            stamps = frame["timestamp"].dt.tz_localize(None)
            rounded = (frame.drop(columns="timestamp") * 4).round() / 4
            pd.concat([stamps, rounded], axis=1).to_csv(folder / name, index=False)


def run(place: RunContext) -> dict[str, Decision]:
    """Take all stages through a run as the flows do: decide, execute, record; return the decisions."""
    made = {}
    for stage in stages_of(place.settings):
        made[stage.name] = decide(stage.name, place)
        if made[stage.name].verdict == "STALE":
            with recorded(stage.name, place):
                execute(stage.name, place)
    return made


def execute(stage: str, place: RunContext) -> None:
    """Do the work of a stage; behind the dataset, write what depends on the same things as the real one's result."""
    settings, ws = place.settings, place.workspace
    if stage == "ingest":
        ingest(settings, ws)
    elif stage == "validate":
        validate(settings, ws)
    elif stage == "build":
        build(settings, ws)
    elif stage == "certify":
        write_json(ws.certificate, {"dataset": _dataset(ws), "settings": _asked(stage, place)})
    elif stage == "evaluate":
        models = {agent: _digest(ws.final_model(agent)) for agent in settings.training.agents}
        result = {"dataset": _dataset(ws), "models": models, "settings": _asked(stage, place)}
        write_json(ws.evaluation / "evaluation_report.json", result)
        write_text(ws.evaluation / "evaluation_comparison.csv", sha256_json(result))
    elif stage == "publish":
        seen = {path.name: _digest(path) for folder in _evidence(place) for path in sorted(folder.glob("*.*"))}
        write_text(ws.report / "index.html", json.dumps([seen, _asked(stage, place), dict(place.failures)]))
    else:
        _train(stage.removeprefix("train-"), place)


def _train(agent: Agent, place: RunContext) -> None:
    ws, own = place.workspace, {"dataset": _dataset(place.workspace), "settings": _asked(f"train-{agent}", place)}
    write_json(ws.final_model(agent), own)
    model = sha256_file(ws.final_model(agent))
    write_json(ws.training_metrics(agent), {"agent": agent, "model_sha256": model, "dataset_digest": own["dataset"]})
    write_parquet(ws.training(agent) / "curve.parquet", pd.DataFrame({"steps": [1, 2]}))


def _evidence(place: RunContext) -> Iterator[Path]:
    ws = place.workspace
    yield from (ws.canonical, ws.quality, ws.dataset, ws.evaluation)
    for agent in place.settings.training.agents:
        yield from (ws.checkpoints(agent), ws.training(agent))


def _asked(stage: str, place: RunContext) -> Mapping[str, Any]:
    return values(place.settings, STAGES[stage].settings(place))


def _dataset(workspace: Workspace) -> str:
    return str(read_json(workspace.dataset / "manifest.json")["digest"])


def _digest(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None
